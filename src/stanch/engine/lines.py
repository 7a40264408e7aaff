"""From byte offsets to lines and columns, and the line of text a person sees around a value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

AROUND: Final = 70  # bytes shown to either side of a value
LONGEST: Final = 240  # bytes of a snippet


class Lines:
    """Counts lines once over a blob or a chunk of one; ask in ascending order of offsets, or it counts again.

    Args:
        data: the bytes.
        line: number of the line that the first byte is in.
        line_start: offset in *data* at which that line begins: 0 or negative (it may begin in an earlier chunk).
    """

    __slots__ = ("_at", "_data", "_first_line", "_line", "_line_start")

    def __init__(self, data: bytes, *, line: int = 1, line_start: int = 0) -> None:
        self._data = data
        self._first_line = line
        self._line_start = line_start
        self._at = 0
        self._line = line

    def locate(self, offset: int) -> tuple[int, int]:
        """Return line and column of *offset*, both from 1; the column is in bytes."""
        if offset < self._at:
            self._at, self._line = 0, self._first_line
        self._line += self._data.count(b"\n", self._at, offset)
        self._at = offset
        start = self._data.rfind(b"\n", 0, offset) + 1
        return self._line, offset - (start or self._line_start) + 1


def line_around(data: bytes, start: int, end: int) -> bytes:
    """Return the line a span begins in, at most 4 KiB to either side."""
    low = data.rfind(b"\n", max(0, start - 4096), start) + 1 or max(0, start - 4096)
    high = data.find(b"\n", start, min(len(data), end + 4096))
    return data[low : high if high >= 0 else min(len(data), end + 4096)]


def line_before(data: bytes, start: int) -> bytes:
    """Return the line in front of the one that *start* is in, at most 4 KiB of it."""
    low = data.rfind(b"\n", max(0, start - 4096), start)
    if low < 0:
        return b""
    return data[data.rfind(b"\n", max(0, low - 4096), low) + 1 : low]


def snippet(data: bytes, span: tuple[int, int], masks: Sequence[tuple[int, int, str]]) -> str:
    """Return the text around a value with every value in it replaced.

    Args:
        data: the blob.
        span: the value that the snippet is for.
        masks: every span that must not be shown and what stands in its place, by start; they do not overlap.
    """
    start, end = span
    low = max(data.rfind(b"\n", max(0, start - AROUND), start) + 1, start - AROUND, 0)
    newline = data.find(b"\n", end, end + AROUND)
    high = newline if newline >= 0 else min(len(data), end + AROUND)
    out: list[str] = []
    at = low
    for first, last, shown in masks:
        if last <= low or first >= high:
            continue
        out.append(_text(data[at : max(at, first)]))
        out.append(shown)
        at = max(at, last)
    out.append(_text(data[at:high]))
    text = "".join(out).strip()
    text = ("…" if low > 0 and data[low - 1 : low] != b"\n" else "") + text
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


_SPACE: Final = re.compile(r"[ \t]{3,}")


def _text(raw: bytes) -> str:
    return _SPACE.sub("  ", raw.replace(b"\0", b"").replace(b"\r", b"").decode("utf-8", "replace"))
