"""The other parts of a credential: what stands near a value and belongs to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from stanch.catalog.model import CompanionSpec
from stanch.engine.match import CompanionMatch, Match
from stanch.engine.plausible import is_placeholder, is_reference

OTHER_LINE: Final = 10_000  # what stands on the same line belongs together more than what is merely nearer on the next
MOST_PARTS: Final = 64  # of one kind
LONG_VALUE: Final = 1_000  # bytes of a value that no expression for another part spans
_TOGETHER: Final = "found together with its "


def parts_near(
    data: bytes,
    first: int,
    last: int,
    spec: CompanionSpec,
    expression: re.Pattern[bytes],
    text: tuple[int, int] | None = None,
) -> list[CompanionMatch]:
    """Return the nearest part of a kind around a span, or every one where the kind says so, each value once.

    Args:
        data: the blob.
        first: first byte of the value.
        last: the byte after it.
        spec: the kind of part.
        expression: its expression, compiled.
        text: span of a longer text that the value is in, from whose ends the distance counts.
    """
    begin, behind = text or (first, last)
    low, high = max(0, min(begin, first) - spec.within), min(max(behind, last) + spec.within, len(data))
    found: dict[bytes, CompanionMatch] = {}
    nearest = 1 << 62
    for other in _found(expression, data, (low, first, last, high)):
        start, end = other.span("value")
        if start < last and first < end:
            continue
        value = other["value"]
        if not value or (spec.secret and (is_placeholder(value) or is_reference(value, data[max(0, start - 8) : start]))):
            continue
        low_end, high_start = (end, first) if end <= first else (last, start)
        distance = high_start - low_end + (OTHER_LINE if data.find(b"\n", low_end, high_start) >= 0 else 0)
        if not spec.every:
            if distance >= nearest:
                continue
            nearest = distance
            found.clear()
        if len(found) < MOST_PARTS:
            found.setdefault(value, CompanionMatch(name=spec.name, value=value, start=start, end=end, secret=spec.secret))
    return list(found.values())


def _found(expression: re.Pattern[bytes], data: bytes, places: tuple[int, int, int, int]) -> Iterator[re.Match[bytes]]:
    """Yield the matches around a value; a long one is not searched itself."""
    low, first, last, high = places
    if last - first <= LONG_VALUE:
        yield from expression.finditer(data, low, high)
    else:
        yield from expression.finditer(data, low, first)
        yield from expression.finditer(data, last, high)


def add_parts(match: Match, others: list[CompanionMatch]) -> None:
    """Make them parts of the match, each value once, and say in its reasons which kinds were found."""
    if not others:
        return
    known = {(companion.name, companion.value) for companion in match.companions}
    match.companions += [other for other in others if (other.name, other.value) not in known]
    names = ", ".join(dict.fromkeys(companion.name for companion in match.companions))
    told = tuple(reason for reason in match.reasons if not reason.startswith(_TOGETHER))
    match.reasons = (*told, f"{_TOGETHER}{names}")
