"""Database logins for tests of the adapters that sign in."""

from __future__ import annotations

import secrets

from stanch.core.secret import Secret
from stanch.issuers.model import Credential


def new_password() -> str:
    """A password that exists in this test only, with characters that every format has to escape."""
    return f"{secrets.token_urlsafe(9)} '\"@:/%;=\\é"


def login(detector: str, value: str | bytes, **companions: str) -> Credential:
    """A credential with what stands beside it; ``_`` stands for a space in names."""
    data = value.encode() if isinstance(value, str) else value
    named = {name.replace("_", " "): text for name, text in companions.items()}
    return Credential(detector=detector, secret=Secret(data, fingerprint="0" * 64, redacted="…"), companions=named)
