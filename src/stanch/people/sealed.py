"""Small values that travel through a browser and come back: sealed, so that it can neither read nor change them."""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.engine import Connection

from stanch.db.types import to_micros
from stanch.incidents.sealing import Keyring, SealError

_ID: Final = 30  # characters of a key's id
_NONCE: Final = 12
_LONGEST: Final = 3_500  # cookies have 4 kB


def seal(
    connection: Connection, keyring: Keyring, purpose: str, values: Mapping[str, Any], *, now: datetime, lasts: timedelta
) -> str:
    """Return values as a text that only this installation opens, for one purpose and until then."""
    name, key = keyring.key(connection, "cookie", now)
    nonce = os.urandom(_NONCE)
    plain = json.dumps({"until": to_micros(now + lasts), "values": dict(values)}, separators=(",", ":")).encode()
    sealed = name.encode("ascii") + nonce + AESGCM(key).encrypt(nonce, plain, purpose.encode())
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def unseal(connection: Connection, keyring: Keyring, purpose: str, text: str, *, now: datetime) -> dict[str, Any] | None:
    """Return the values; ``None`` when it is too late, was changed, or was sealed for something else."""
    if len(text) > _LONGEST or not text.isascii():
        return None
    try:
        sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        key = keyring.by_id(connection, "cookie", sealed[:_ID].decode("ascii"))
        plain = AESGCM(key).decrypt(sealed[_ID : _ID + _NONCE], sealed[_ID + _NONCE :], purpose.encode())
    except (binascii.Error, ValueError, InvalidTag, SealError):
        return None
    found = json.loads(plain)
    return dict(found["values"]) if to_micros(now) < found["until"] else None
