"""Binary formats in base64: their heads have unknown bytes between the fixed ones (lengths, dates), so no text stands for them.

A head becomes a set of possible bytes for each place; encoding it gives a set of possible characters for each place, which is an
expression that is as rare as the head itself. Only used when the first pass is built.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

Places = tuple[frozenset[int], ...]

LONGEST: Final = 24  # bytes of a head that are used
MOST_WAYS: Final = 64  # ways for an expression to begin that are worth listing
ENOUGH: Final = 30.0  # bits by which a place has to differ from chance: one hit in a gigabyte of base64
FIXED: Final = 4  # certain characters in a row that make a place cheap to find
MOST_CHARACTERS: Final = 28
_ANY: Final = frozenset(range(256))
_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_TWINS: Final = {ord("+"): ord("-"), ord("/"): ord("_")}


def encoded_heads(expression: str) -> Iterator[tuple[int, str, int]]:
    """Yield what stands for the beginnings of a binary expression in base64, and in base64 of base64.

    Yields:
        The position (0 to 2) of the first whole character in a group of three bytes, the expression, and its length.
    """
    parsed = re._parser.parse(expression.encode("latin-1"))  # type: ignore[attr-defined]
    seen: set[tuple[int, str]] = set()
    for head in sorted(set(_ways(parsed)), key=repr):
        once = [encode(head, align) for align in range(3)]
        twice: list[list[frozenset[int]]] = []
        if _pattern(once[0], 0) is not None:
            # What is encoded twice was a file of its own, so the inner text begins with it.
            inner = tuple(frozenset(_ALPHABET[value] for value in place) for place in once[0])
            twice = [encode(inner, align) for align in range(3)]
        for align, characters in enumerate(once + twice):
            made = _pattern(characters, align % 3)
            if made is None or (align % 3 and _fixed(characters) < FIXED):
                continue  # without a fixed text it costs more: then it is looked for at the beginning of what is encoded alone
            if (made[0], made[1]) not in seen:
                seen.add((made[0], made[1]))
                yield made


def _fixed(characters: Sequence[frozenset[int]]) -> int:
    """Length of the longest run of characters that are certain."""
    longest = run = 0
    for place in characters:
        run = run + 1 if len(place) == 1 else 0
        longest = max(longest, run)
    return longest


def _ways(parsed: Any) -> list[Places]:
    """Return the ways in which an expression can begin, as sets of possible bytes."""
    found: list[tuple[Places, bool]] = [((), True)]
    for op, argument in parsed:
        if not any(more for _, more in found):
            break
        found = [new for places, more in found for new in (_extended(places, str(op), argument) if more else [(places, False)])]
        if len(found) > MOST_WAYS:
            return []
    return [places[:LONGEST] for places, _ in found]


def _extended(places: Places, name: str, argument: Any) -> list[tuple[Places, bool]]:
    """Return what a head becomes with one more element, and whether more may follow."""
    if name in {"AT", "ASSERT", "ASSERT_NOT"}:
        return [(places, True)]
    if name in {"LITERAL", "IN"}:
        members = frozenset((argument,)) if name == "LITERAL" else _members(argument)
        return [((*places, members), len(places) + 1 < LONGEST)]
    if name == "SUBPATTERN":
        return [((*places, *tail), len(places) + len(tail) < LONGEST) for tail in _ways(argument[3])]
    if name == "BRANCH":
        return [((*places, *tail), len(places) + len(tail) < LONGEST) for branch in argument[1] for tail in _ways(branch)]
    if name.endswith("_REPEAT") and argument[0] == argument[1]:
        made = places
        for _ in range(min(int(argument[0]), LONGEST)):
            (tail,) = _ways(argument[2]) or [()]
            made = (*made, *tail)
        return [(made, len(made) < LONGEST)]
    return [(places, False)]


def _members(items: Any) -> frozenset[int]:
    found: set[int] = set()
    for op, argument in items:
        if str(op) == "LITERAL":
            found.add(argument)
        elif str(op) == "RANGE":
            found.update(range(argument[0], argument[1] + 1))
        else:
            return _ANY
    return frozenset(found)


def encode(places: Sequence[frozenset[int]], align: int) -> list[frozenset[int]]:
    """Return the possible values (0 to 63) of each base64 character of bytes that begin at *align* in a group of three."""
    stream = [_ANY] * align + list(places)
    count = len(stream) * 8 // 6
    return [_character(stream, 6 * number) for number in range(count)]


def _character(stream: Sequence[frozenset[int]], bit: int) -> frozenset[int]:
    first, offset = divmod(bit, 8)
    if offset <= 2:
        return frozenset((byte >> (2 - offset)) & 63 for byte in stream[first])
    high = {byte & ((1 << (8 - offset)) - 1) for byte in stream[first]}
    low = {byte >> (10 - offset) for byte in stream[first + 1]}
    return frozenset(a << (offset - 2) | b for a in high for b in low)


def _pattern(characters: Sequence[frozenset[int]], align: int) -> tuple[int, str, int] | None:
    """Return the expression of a run of characters that says enough, ``None`` when it does not."""
    first = -(-align * 8 // 6)
    used = list(characters[first : first + MOST_CHARACTERS])
    while used and len(used[-1]) == 64:
        used.pop()
    while used and (len(used[0]) == 64 or first % 4 == 1):  # a fragment never begins with the second character of a group
        used.pop(0)
        first += 1
    if sum(math.log2(64 / len(place)) for place in used) < ENOUGH:
        return None
    return {0: 0, 2: 1, 3: 2}[first % 4], "".join(map(_class, used)), len(used)


def _class(values: frozenset[int]) -> str:
    codes = {_ALPHABET[value] for value in values}
    codes |= {_TWINS[code] for code in codes if code in _TWINS}
    if len(codes) == 1:
        return f"\\x{min(codes):02x}"
    return "[" + "".join(f"\\x{code:02x}" for code in sorted(codes)) + "]"
