"""Where a value really ends, for formats that say their own length."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from stanch.engine.checks.structure import der_length, from_base64

_SPACE: Final = frozenset(b" \t\r\n\\")


def der_base64(data: bytes, start: int, end: int) -> int:
    """End of a DER element in base64, wrapped or not: its header says how many bytes follow.

    Args:
        data: the blob.
        start: first character.
        end: where the expression stopped; the result is never behind it.
    """
    head = from_base64(data[start : start + 8])
    length = der_length(head) if head else 0
    if not length:
        return end
    wanted = -(-length // 3) * 4
    at = start
    while at < end and wanted:
        chunk = data[at : min(end, at + wanted)]
        wanted -= sum(1 for c in chunk if c not in _SPACE)
        at += len(chunk)
    return at


EXTENTS: Final[Mapping[str, Callable[[bytes, int, int], int]]] = {"der-base64": der_base64}
"""Name in a detector's ``extent`` → function of blob, start and end."""
