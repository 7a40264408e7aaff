"""Detectors as data: what each type of secret looks like, one TOML file per provider."""
