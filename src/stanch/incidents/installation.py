"""The installation key: the root of everything that is sealed or chained here.

It wraps the data keys of the keyring and is never used for anything else but fingerprints of scans without a record. It comes
from ``STANCH_KEY`` (hex) or from ``installation.key`` (mode 0600). When it is replaced, fingerprints must stay what they are:
then ``fingerprint.key`` beside it (or ``STANCH_FINGERPRINT_KEY``) holds the old one, for fingerprints alone.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stanch.core.errors import ConfigError
from stanch.scanning.context import _given_key as given_key
from stanch.scanning.context import _read_key as read_key
from stanch.scanning.context import installation_key, key_folder, wrapping_key

__all__ = ["KEY_FILE", "WrappingKey", "current", "fingerprint_key", "given_key", "key_folder", "read_key"]

KEY_FILE = "installation.key"
_NONCE = 12


@dataclass(frozen=True, slots=True, repr=False)
class WrappingKey:
    """Wraps and unwraps data keys with AES-256-GCM.

    Args:
        secret: 32 bytes or more.
        others: keys that unwrap, too: while one replaces the other, nobody knows which of them the database is at.
    """

    secret: bytes
    others: tuple[WrappingKey, ...] = ()

    @property
    def id(self) -> str:
        """Tells keys apart without telling anything about them."""
        return "kek_" + hashlib.sha256(b"stanch key id\0" + self._derived).hexdigest()[:16]

    @property
    def _derived(self) -> bytes:
        return hashlib.blake2b(self.secret, digest_size=32, person=b"stanch wrapping").digest()

    def wrap(self, key: bytes, context: str) -> bytes:
        """Return a key that only this one opens, and only in the same context."""
        nonce = os.urandom(_NONCE)
        return nonce + AESGCM(self._derived).encrypt(nonce, key, context.encode())

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        """Return the key.

        Raises:
            ConfigError: it was wrapped by another one, or changed.
        """
        for key in (self, *self.others):
            with suppress(InvalidTag, ValueError):
                return AESGCM(key._derived).decrypt(wrapped[:_NONCE], wrapped[_NONCE:], context.encode())
        raise ConfigError(
            "the installation key does not open the keyring of this database.",
            hint="Is STANCH_KEY, or installation.key beside your data, the one this database was made with?",
        )


def current(env: Mapping[str, str] | None = None) -> WrappingKey:
    """Return this installation's wrapping key; with the one beside it, when a rotation (`stanch.incidents.rekey`) did not end."""
    env = os.environ if env is None else env
    secret, folder = wrapping_key(env), key_folder(env)
    if given_key(env, "STANCH_KEY") or folder is None:
        return WrappingKey(secret)
    beside = (read_key(folder / f"{KEY_FILE}{suffix}") for suffix in (".new", ".old"))
    return WrappingKey(secret, others=tuple(WrappingKey(other) for other in beside if other))


def fingerprint_key(env: Mapping[str, str] | None = None) -> bytes:
    """Return the key under which this installation makes fingerprints."""
    return installation_key(env)
