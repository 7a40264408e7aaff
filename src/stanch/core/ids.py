"""Ids with a prefix that says what they name: ``inc_01J…``, sortable by the time they were made."""

from __future__ import annotations

import os
import time
from typing import Final

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_LENGTH: Final = 26


def new_id(prefix: str) -> str:
    """Return a fresh id: 48 bits of milliseconds and 80 random bits, as in ULID.

    Args:
        prefix: what it names: ``inc``, ``occ``, ``run`` …
    """
    number = (time.time_ns() // 1_000_000 & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10))
    return f"{prefix}_{encoded(number)}"


def encoded(number: int) -> str:
    """Return 130 bits as 26 characters that sort as the number does."""
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(5 * (_LENGTH - 1), -1, -5))


def is_id(text: str, prefix: str) -> bool:
    """Whether *text* has the form of such an id."""
    head, _, tail = text.partition("_")
    return head == prefix and len(tail) == _LENGTH and all(c in _ALPHABET for c in tail)
