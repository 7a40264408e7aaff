"""Values at rest: AES-256-GCM under a data key that the installation key wraps.

What is sealed begins with the id of its data key, so keys can be added and rewrapped while old values stay readable. The
context (table, column and row) is authenticated: a sealed value moved to another row does not open.
"""

from __future__ import annotations

import os
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.engine import Connection

from stanch.core.errors import ConfigError, StanchError
from stanch.core.ids import new_id
from stanch.db import keys
from stanch.incidents.installation import WrappingKey

_NONCE: Final = 12
_VERSION: Final = b"\x01"
_ID: Final = 30  # characters of a key's id


class SealError(StanchError):
    """A sealed value does not open: it was changed, or belongs to another row."""

    code = "seal"


class Keyring:
    """The data keys of a database, opened.

    Args:
        wrapping: the installation key.

    Keys are loaded on first use and made when a purpose has none. An instance may be shared between threads.
    """

    def __init__(self, wrapping: WrappingKey) -> None:
        self._wrapping = wrapping
        self._opened: dict[str, bytes] = {}
        self._newest: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Keyring({self._wrapping.id})"

    def key(self, connection: Connection, purpose: str, now: datetime) -> tuple[str, bytes]:
        """Return id and bytes of the newest key of a purpose (``data``, ``audit``, ``cookie``)."""
        if purpose not in self._newest:
            self._load(connection, purpose)
        if purpose not in self._newest:
            self._make(connection, purpose, now)
        name = self._newest[purpose]
        return name, self._opened[name]

    def by_id(self, connection: Connection, purpose: str, name: str) -> bytes:
        """Return one key.

        Raises:
            SealError: there is none of that id.
        """
        if name not in self._opened:
            self._load(connection, purpose)
        if name not in self._opened:
            raise SealError("the key of a sealed value is not in the keyring.", hint="Was the database restored without it?")
        return self._opened[name]

    def seal(self, connection: Connection, value: bytes, context: str, now: datetime) -> bytes:
        """Return ciphertext that only this database opens, in the same context."""
        name, key = self.key(connection, "data", now)
        nonce = os.urandom(_NONCE)
        head = _VERSION + name.encode("ascii")
        return head + nonce + AESGCM(key).encrypt(nonce, value, head + context.encode())

    def open(self, connection: Connection, sealed: bytes, context: str) -> bytes:
        """Return the plain value, inside the step that needs it and nowhere else.

        Raises:
            SealError: it does not open.
        """
        head, nonce, text = sealed[: 1 + _ID], sealed[1 + _ID : 1 + _ID + _NONCE], sealed[1 + _ID + _NONCE :]
        if head[:1] != _VERSION or len(nonce) != _NONCE:
            raise SealError("a sealed value has a form this version does not know.", hint="Upgrade Stanch.")
        key = self.by_id(connection, "data", head[1:].decode("ascii", "replace"))
        try:
            return AESGCM(key).decrypt(nonce, text, head + context.encode())
        except InvalidTag as exc:
            raise SealError("a sealed value was changed, or belongs to another row.", hint="Restore it from a backup.") from exc

    def renew(self, connection: Connection, purpose: str, now: datetime) -> str:
        """Make a new key of a purpose, which seals from now on, and return its id."""
        self._load(connection, purpose)
        return self._make(connection, purpose, now)

    def key_of(self, sealed: bytes) -> str:
        """Return the id of the data key that a value is sealed under."""
        return sealed[1 : 1 + _ID].decode("ascii", "replace")

    def open_all(self, connection: Connection) -> int:
        """Unwrap every key, and return how many there are.

        Raises:
            ConfigError: one does not open.
        """
        for row in (found := keys.every_key(connection)):
            self._wrapping.unwrap(bytes(row["wrapped"]), f"{row['purpose']} {row['id']}")
        return len(found)

    def rewrapped(self, wrapping: WrappingKey) -> None:
        """Go on with another installation key, after the keys were wrapped with it."""
        self._wrapping = wrapping

    def _load(self, connection: Connection, purpose: str) -> None:
        for row in keys.keys_for(connection, purpose):
            self._opened[row["id"]] = self._wrapping.unwrap(bytes(row["wrapped"]), f"{purpose} {row['id']}")
            self._newest[purpose] = row["id"]

    def _make(self, connection: Connection, purpose: str, now: datetime) -> str:
        name = new_id("key")
        key = AESGCM.generate_key(256)
        wrapped = self._wrapping.wrap(key, f"{purpose} {name}")
        keys.add_key(connection, id=name, purpose=purpose, wrapped=wrapped, wrapped_by=self._wrapping.id, now=now)
        before = self._newest.get(purpose)
        self._opened[name], self._newest[purpose] = key, name
        sa.event.listen(connection, "rollback", lambda _: self._take_back(purpose, name, before), once=True)
        return name

    def _take_back(self, purpose: str, name: str, before: str | None) -> None:
        """Forget a key that was made in a unit of work that was undone: nobody could open what it seals."""
        self._opened.pop(name, None)
        if self._newest.get(purpose) == name:
            del self._newest[purpose]
            if before is not None:
                self._newest[purpose] = before


def prepare(connection: Connection, keyring: Keyring, now: datetime) -> None:
    """Make the keys that every installation needs, so that two processes do not make them at once later."""
    for purpose in ("data", "audit", "cookie"):
        keyring.key(connection, purpose, now)


def rewrap_all(connection: Connection, old: WrappingKey, new: WrappingKey) -> int:
    """Wrap every data key with a new installation key; sealed values stay as they are. Returns how many keys.

    Doing it twice is harmless: keys that the new one already wraps are left alone.

    Raises:
        ConfigError: a key opens with neither.
    """
    changed = 0
    for row in keys.all_keys(connection):
        if row["wrapped_by"] == new.id:
            continue
        if row["wrapped_by"] != old.id:
            raise ConfigError(f"the key {row['id']} is wrapped by another installation key ({row['wrapped_by']}).")
        context = f"{row['purpose']} {row['id']}"
        wrapped = new.wrap(old.unwrap(bytes(row["wrapped"]), context), context)
        keys.rewrap(connection, row["id"], wrapped=wrapped, wrapped_by=new.id)
        changed += 1
    return changed
