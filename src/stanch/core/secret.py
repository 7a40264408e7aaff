"""The one type that may hold a plain credential.

A `Secret` shows its redacted form everywhere: repr, str, format, JSON. It cannot be pickled. Its identity
is a fingerprint: HMAC-SHA-256 of the value under the installation's key, so equal values are equal
without anyone seeing them.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import NoReturn


def fingerprint_of(value: bytes, key: bytes) -> str:
    """Return the HMAC-SHA-256 of *value* under *key* as 64 lower-case hex digits."""
    return hmac.digest(key, value, hashlib.sha256).hex()


class Secret:
    """A credential value, its fingerprint, and how it is shown.

    Args:
        value: the plain bytes, or ``None`` when only the identity travelled (from a worker, a file).
        fingerprint: HMAC-SHA-256, 64 hex digits.
        redacted: what people see instead.
    """

    __slots__ = ("_value", "fingerprint", "redacted")

    def __init__(self, value: bytes | None, *, fingerprint: str, redacted: str) -> None:
        self._value = value
        self.fingerprint = fingerprint
        self.redacted = redacted

    @property
    def has_value(self) -> bool:
        """Whether `reveal` can answer."""
        return self._value is not None

    def reveal(self) -> bytes:
        """Return the plain value. Call sites are listed in ``tests/unit/core/test_secret.py``.

        Raises:
            ValueError: the value was not kept.
        """
        if self._value is None:
            raise ValueError("this secret was kept by fingerprint only")
        return self._value

    def without_value(self) -> Secret:
        """Return the same secret, known by fingerprint only."""
        return Secret(None, fingerprint=self.fingerprint, redacted=self.redacted)

    def __repr__(self) -> str:
        return f"‹{self.redacted}›"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self.fingerprint, other.fingerprint)

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled; send its fingerprint instead")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self
