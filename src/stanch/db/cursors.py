"""Cursors of paged lists: where the next page begins, as a text that says nothing to people and is checked when it comes back."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from stanch.core.errors import InputError


def encode(kind: str, values: Sequence[Any]) -> str:
    """Return a cursor of a kind of list."""
    return base64.urlsafe_b64encode(json.dumps([kind, *values], separators=(",", ":")).encode()).decode().rstrip("=")


def decode(kind: str, cursor: str, count: int) -> list[Any]:
    """Return the values of a cursor.

    Raises:
        InputError: it is not one of this kind of list; ``code`` is ``cursor``.
    """
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor[:1000] + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        values = None
    plain = isinstance(values, list) and len(values) == count + 1 and all(isinstance(v, (str, int)) for v in values)
    if (
        not plain
        or values[0] != kind
        or any(isinstance(v, str) and ("\0" in v or not v.isascii()) for v in values)
        or any(isinstance(v, int) and abs(v) > 2**62 for v in values)
    ):
        raise InputError("the cursor is not one of this list.", hint="Begin again without one.", code="cursor")
    return list(values[1:])
