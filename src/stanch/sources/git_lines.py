"""Tell which lines a change added, from the contents alone.

Not from ``git diff``: its text form must be read around quoted names and binary notices, and attributes of the repository can
make it start programs or hide a file. A line counts as added when the old content does not have it as often; a line that only
moved within the changed part is not new, so neither is a secret in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

_STEP = 64 * 1024  # bytes compared at a time

Ranges = tuple[tuple[int, int], ...]


def added_lines(olds: Sequence[bytes], new: bytes, *, any_newline: bool = False) -> Ranges:
    """Return the ranges of lines (first, last; from 1) of *new* that none of *olds* has.

    Args:
        olds: what was there before: one content, or those of all parents of a merge. None: every line is new.
        new: what is there now.
        any_newline: whether ``\\r\\n`` counts as ``\\n``; a checkout may have turned one into the other.
    """
    if not new:
        return ()
    if any_newline:
        olds = [old.replace(b"\r\n", b"\n") for old in olds]
        new = new.replace(b"\r\n", b"\n")
    added: Ranges = ((1, new.count(b"\n") + (not new.endswith(b"\n"))),)
    for old in olds:
        added = _common(added, _added(old, new))
        if not added:
            break
    return added


def _added(old: bytes, new: bytes) -> Ranges:
    if old == new:
        return ()
    front = _common_front(old, new)
    front = new.rfind(b"\n", 0, front) + 1  # whole lines only
    back = _common_back(old, new, min(len(old), len(new)) - front)
    end = new.find(b"\n", len(new) - back - 1 if back else len(new)) + 1 or len(new)
    if end - front < 0:
        end = front
    rest = len(new) - end
    before = Counter(_lines(old[front : len(old) - rest]))
    number = new.count(b"\n", 0, front)
    ranges: list[tuple[int, int]] = []
    for line in _lines(new[front:end]):
        number += 1
        if before[line] > 0:
            before[line] -= 1
        elif ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return tuple(ranges)


def _lines(text: bytes) -> list[bytes]:
    lines = text.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines
