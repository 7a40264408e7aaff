"""From byte offsets to lines and columns, and the line of text a person sees around a value."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

AROUND: Final = 70  # bytes shown to either side of a value
LONGEST: Final = 240  # bytes of a snippet
AROUND_LINES: Final = 2_000  # bytes that whole lines around a value may take on each side


class Lines:
    """Finds lines and columns in a blob or a chunk of one. Line ends are listed once, when the first place is asked for.

    Args:
        data: the bytes.
        line: number of the line that the first byte is in.
        line_start: offset in *data* at which that line begins: 0 or negative (it may begin in an earlier chunk).
    """

    __slots__ = ("_data", "_ends", "_first_line", "_line_start")

    def __init__(self, data: bytes, *, line: int = 1, line_start: int = 0) -> None:
        self._data = data
        self._first_line = line
        self._line_start = line_start
        self._ends: list[int] | None = None

    def locate(self, offset: int) -> tuple[int, int]:
        """Return line and column of *offset*, both from 1; the column is in bytes."""
        if self._ends is None:
            self._ends = [match.start() for match in re.finditer(rb"\n", self._data)]
        before = bisect_left(self._ends, offset)
        start = self._ends[before - 1] + 1 if before else self._line_start
        return self._first_line + before, offset - start + 1


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


def snippet(
    data: bytes, span: tuple[int, int], masks: Sequence[tuple[int, int, str]], values: Sequence[tuple[bytes, str]] = ()
) -> str:
    """Return the text around a value with every value in it replaced.

    Args:
        data: the blob.
        span: the value that the snippet is for.
        masks: every span that must not be shown and what stands in its place, by start; they do not overlap.
        values: what must not be shown wherever it stands again, longest first, and what stands in its place.
    """
    start, end = span
    low = max(data.rfind(b"\n", max(0, start - AROUND), start) + 1, start - AROUND, 0)
    newline = data.find(b"\n", end, end + AROUND)
    high = newline if newline >= 0 else min(len(data), end + AROUND)
    text = _masked(data, low, high, masks, values).strip()
    text = ("…" if low > 0 and data[low - 1 : low] != b"\n" else "") + text
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def surroundings(
    data: bytes, span: tuple[int, int], masks: Sequence[tuple[int, int, str]], values: Sequence[tuple[bytes, str]], lines: int
) -> tuple[int, str]:
    """Return whole lines around a value, masked like a `snippet`, and how many lines stand before the value's own.

    Args:
        data: the blob.
        span: the value.
        masks: as for `snippet`.
        values: as for `snippet`.
        lines: how many to show before and after; fewer where they are long.
    """
    start, end = span
    low, before = _back(data, start, lines)
    high = _forward(data, end, lines)
    text = _masked(data, low, high, masks, values)
    return before, "\n".join(line if len(line) <= LONGEST else line[: LONGEST - 1] + "…" for line in text.split("\n"))


def _back(data: bytes, start: int, lines: int) -> tuple[int, int]:
    floor = max(0, start - AROUND_LINES)
    low = data.rfind(b"\n", floor, start) + 1 or floor
    count = 0
    while count < lines and low > floor:
        before = data.rfind(b"\n", floor, low - 1) + 1
        if before == 0 and floor > 0:
            break
        low, count = before, count + 1
    return low, count


def _forward(data: bytes, end: int, lines: int) -> int:
    ceiling = min(len(data), end + AROUND_LINES)
    high = data.find(b"\n", end, ceiling)
    for _ in range(lines):
        if high < 0:
            break
        high = data.find(b"\n", high + 1, ceiling)
    return high if high >= 0 else ceiling


def _masked(data: bytes, low: int, high: int, masks: Sequence[tuple[int, int, str]], values: Sequence[tuple[bytes, str]]) -> str:
    out: list[str] = []
    at = low
    for first, last, shown in masks:
        if last <= low or first >= high:
            continue
        out.append(_text(_without(data[at : max(at, first)], values)))
        out.append(shown)
        at = max(at, last)
    out.append(_text(_without(data[at:high], values)))
    return "".join(out)


def _without(raw: bytes, values: Sequence[tuple[bytes, str]]) -> bytes:
    for value, shown in values:
        raw = raw.replace(value, shown.encode())
    return raw


_SPACE: Final = re.compile(r"[ \t]{3,}")


def _text(raw: bytes) -> str:
    return _SPACE.sub("  ", raw.replace(b"\0", b"").replace(b"\r", b"").decode("utf-8", "replace"))
