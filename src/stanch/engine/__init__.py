"""Bytes in, matches out: pure, deterministic, no files, no network, no clock."""
