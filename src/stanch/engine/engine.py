"""The engine: bytes in, matches out. No files, no network, no clock.

One Hyperscan pass says where something could be; the exact expression, the checks and the context decide. The same bytes
give the same matches in the same order, whatever else is scanned beside them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

from stanch.catalog.compiled import Compiled
from stanch.catalog.model import MAX_WIDTH
from stanch.engine import decode
from stanch.engine.candidates import NEAR_AFTER, Judge
from stanch.engine.database import Hit
from stanch.engine.firstpass import first_pass
from stanch.engine.match import Match, resolve

# Between the blobs of a batch: no expression of the first pass matches across it, whatever class it uses for gaps.
SEPARATOR: Final = b"\n\0}" + b"z" * 48 + b"}\0\n"
BATCH: Final = 1024 * 1024
BORDER: Final = 64  # bytes around a window that the expression's borders may look at
BEFORE: Final = 200  # bytes in front of a value that decide about it
BEHIND: Final = 320  # and from its first byte on; longer values are not remembered
MOST_REMEMBERED: Final = 100_000
RECENT: Final = 8  # decoded regions a hit may lie in; hits come in order, so older ones are behind
MOST_NESTED: Final = 32  # assignments looked at inside the value of another: key=key=key=… must not take forever
OVERLAP: Final = MAX_WIDTH + 4_096
"""How much of a neighbouring chunk has to be given along so that a match at the border is the same as in the whole."""


class Engine:
    """Finds the values of a catalog in bytes. One per thread; `clone` is cheap.

    Args:
        catalog: the compiled catalog.
        decode_depth: how many encodings may lie inside each other.
    """

    def __init__(self, catalog: Compiled, *, decode_depth: int = 2) -> None:
        self.catalog = catalog
        self.decode_depth = decode_depth
        self._first = first_pass(catalog)
        self._judge = Judge(self._first)
        self._nothing: dict[int, tuple[int, int]] = {}

    def clone(self) -> Engine:
        """Return an engine for another thread."""
        twin = object.__new__(Engine)
        twin.catalog, twin.decode_depth = self.catalog, self.decode_depth
        twin._first = self._first.clone()
        twin._judge = Judge(twin._first)
        twin._nothing = {}
        return twin

    def scan(self, data: bytes, start: int = 0, stop: int | None = None) -> list[Match]:
        """Return the matches of one blob, ordered by place, none overlapping another.

        Args:
            data: the bytes.
            start: matches that begin before it are left out (they belong to the chunk before).
            stop: matches that begin at or behind it are left out.
        """
        hits = self._first.database.scan(data)
        matches = self._matches(data, hits, self.decode_depth) if hits else []
        wide = decode.utf16(data) if b"\0" in data[:512] else None
        if wide is not None:
            matches = self._wide(wide, matches, len(data))
        if start or stop is not None:
            matches = [m for m in matches if start <= m.start and (stop is None or m.start < stop)]
        return matches

    def scan_batch(self, blobs: Sequence[bytes]) -> list[list[Match]]:
        """Return the matches of many small blobs: one pass over them all, since each call costs as much as many bytes."""
        if len(blobs) == 1:
            return [self.scan(blobs[0])]
        starts: list[int] = []
        at = 0
        for blob in blobs:
            starts.append(at)
            at += len(blob) + len(SEPARATOR)
        grouped: dict[int, list[Hit]] = {}
        for number, end in self._first.database.scan(SEPARATOR.join(blobs)):
            index = bisect_right(starts, end - 1) - 1
            grouped.setdefault(index, []).append((number, end - starts[index]))
        results: list[list[Match]] = [[] for _ in blobs]
        for index, hits in grouped.items():
            results[index] = self._matches(blobs[index], hits, self.decode_depth)
        for index, blob in enumerate(blobs):
            if b"\0" in blob[:512]:
                wide = decode.utf16(blob)
                if wide is not None:
                    results[index] = self._wide(wide, results[index], len(blob))
        return results

    def _wide(self, wide: tuple[bytes, int], narrow: list[Match], size: int) -> list[Match]:
        data, offset = wide
        found = self._matches(data, self._first.database.scan(data), self.decode_depth)
        for match in found:
            match.decoded = ("utf-16", *match.decoded)
            _shift(match, lambda s, e: (offset + 2 * s, min(offset + 2 * e, size)))
        return resolve(found + narrow)

    def _matches(self, data: bytes, hits: Iterable[Hit], depth: int) -> list[Match]:
        """Decide what the first pass found."""
        windows: dict[int, list[tuple[int, int]]] = {}
        found: list[Match] = []
        seen: set[int] = set()
        value_end, nested = 0, 0
        decoded_to = 0  # end of the last value that was looked at for an encoding: none is decoded twice
        regions: list[decode.Region] = []
        for number, end in hits:
            kind, index, length, align, back = self._first.rows[number]
            if kind == "start":
                found.extend(self._judge.at(data, self.catalog.detectors[index], end - length))
            elif kind == "assign":
                start = end - length
                if start >= 0 and start not in seen:
                    seen.add(start)
                    if start >= value_end:
                        nested = 0
                    elif (nested := nested + 1) > MOST_NESTED:
                        continue
                    open_ = bool(depth) and start >= decoded_to
                    around = hash((data[max(0, start - BEFORE) : start], data[start : start + BEHIND], depth))
                    known = self._nothing.get(around)
                    if known is not None and (open_ or known[1] < 0):
                        value_end = max(value_end, start + known[0])
                        decoded_to = start + known[1] if known[1] >= 0 else decoded_to
                        continue
                    lacking = self._judge.lacking
                    matches, end = self._judge.assigned(data, start)
                    value_end = max(value_end, end)
                    found.extend(matches)
                    nested = 0 if matches else nested
                    region, decoded = None, -1
                    if open_ and end > start:
                        region, decoded_to = self._judge.encoded_value(data, start)
                        decoded = max(0, decoded_to - start)
                        if region is not None:
                            found.extend(self._in_place(data, region, depth))
                    # Nothing can be said of an encoding that was not looked for, nor of what lies beyond these surroundings.
                    looked = (open_ or end <= start) and lacking == self._judge.lacking
                    if looked and not matches and region is None and max(end - start, decoded) + NEAR_AFTER <= BEHIND:
                        self._remember(around, (end - start, decoded))
            elif kind == "window":
                detector = self.catalog.detectors[index]
                low = max(0, end - back - BORDER)
                _merge(windows.setdefault(index, []), low, end + (detector.width or MAX_WIDTH) + BORDER)
            elif depth:
                found.extend(self._encoded(data, end, (kind, length, align), depth, regions))
        for index, spans in windows.items():
            for low, high in spans:
                found.extend(self._judge.within(data, self.catalog.detectors[index], low, high))
        return resolve(_distinct(found))

    def _remember(self, around: int, lengths: tuple[int, int]) -> None:
        """Keep in mind that nothing is at a place with these surroundings: versions of a file are mostly the same."""
        if len(self._nothing) >= MOST_REMEMBERED:
            self._nothing.clear()
        self._nothing[around] = lengths

    def _encoded(
        self, data: bytes, end: int, what: tuple[str, int, int], depth: int, regions: list[decode.Region]
    ) -> list[Match]:
        """Decode around the encoded form of a literal and look inside."""
        kind, length, align = what
        if any(
            r.how == _HOW[kind] and r.start <= end - length and end + (decode.REACH // 2 if r.cut else 0) <= r.end
            for r in regions[-RECENT:]
        ):
            return []
        if kind == "base64":
            region = decode.base64_around(data, end, length, align)
        elif kind == "hex":
            region = decode.hex_around(data, end, length)
        elif kind == "wide":
            region = decode.wide_around(data, end, length)
        else:
            region = decode.percent_around(data, end, length)
        if region is None:
            return []
        regions.append(region)
        return self._inside(data, region, depth)

    def _inside(self, data: bytes, region: decode.Region, depth: int) -> list[Match]:
        found = self._matches(region.data, self._first.database.scan(region.data), depth - 1)
        for match in found:
            match.decoded = (region.how, *match.decoded)
            _shift(match, region.outer)
            self._judge.complete(data, match, region.start, region.end)
        return found

    def _in_place(self, data: bytes, region: decode.Region, depth: int) -> list[Match]:
        """Look at a decoded value where it stands: its name and the words around it still tell what it is."""
        if not decode.is_text(region.data):
            return self._inside(data, region, depth)
        before = data[max(0, region.start - 200) : region.start]
        text = before + region.data + data[region.end : region.end + 80]
        first, last = len(before), len(before) + len(region.data)
        found = []
        for match in self._matches(text, self._first.database.scan(text), depth - 1):
            if first <= match.start and match.end <= last:
                match.decoded = (region.how, *match.decoded)
                match.companions = [c for c in match.companions if first <= c.start and c.end <= last]
                _shift(match, lambda s, e: region.outer(s - first, e - first))
                self._judge.complete(data, match, region.start, region.end)
                found.append(match)
        return found


_HOW: Final = {"base64": "base64", "hex": "hex", "wide": "utf-16", "percent": "percent"}


def _shift(match: Match, outer: object) -> None:
    match.start, match.end = outer(match.start, match.end)  # type: ignore[operator]
    for companion in match.companions:
        companion.start, companion.end = outer(companion.start, companion.end)  # type: ignore[operator]


def _merge(spans: list[tuple[int, int]], low: int, high: int) -> None:
    """Add a window; hits come in order, so only the last window can overlap it."""
    if spans and low <= spans[-1][1]:
        spans[-1] = (min(low, spans[-1][0]), max(high, spans[-1][1]))
    else:
        spans.append((low, high))


def _distinct(matches: list[Match]) -> list[Match]:
    found: dict[tuple[str, int, int], Match] = {}
    for match in matches:
        key = (match.detector.id, match.start, match.end)
        if key not in found or match.strength() < found[key].strength():
            found[key] = match
    return list(found.values())
