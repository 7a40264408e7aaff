"""Tell which lines a change added, from the contents alone.

Not from ``git diff``: its text form must be read around quoted names and binary notices, and attributes of the repository can
make it start programs or hide a file. A line counts as added when the old content does not have it as often; a line that only
moved within the changed part is not new, so neither is a secret in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

_STEP = 64 * 1024  # bytes compared at a time
_MAX_LINES = 1_000_000  # in the changed part; beyond, all of it counts as added

Ranges = tuple[tuple[int, int], ...]


def added_lines(olds: Sequence[bytes], new: bytes, *, any_newline: bool = False) -> Ranges:
    r"""Return the ranges of lines (first, last; from 1) of *new* that none of *olds* has.

    Args:
        olds: what was there before: one content, or those of all parents of a merge. None: every line is new.
        new: what is there now.
        any_newline: whether ``\r\n`` counts as ``\n``; a checkout may have turned one into the other.
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
    end = new.find(b"\n", len(new) - back) + 1 or len(new)
    if front == end:  # only took lines away
        return ()
    old_end = len(old) - (len(new) - end)
    number = new.count(b"\n", 0, front)
    if (lines := new.count(b"\n", front, end)) + old.count(b"\n", front, old_end) > _MAX_LINES:
        return ((number + 1, number + lines + (not new.endswith(b"\n", front, end))),)
    before = Counter(_lines(old[front:old_end]))
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


def _common_front(old: bytes, new: bytes) -> int:
    """Return how many bytes both begin with."""
    limit = min(len(old), len(new))
    done = 0
    while done < limit and old[done : done + _STEP] == new[done : done + _STEP]:
        done += _STEP
    low, high = min(done, limit), min(done + _STEP, limit)  # the first difference lies between, or there is none
    while low < high:
        middle = (low + high + 1) // 2
        if old[low:middle] == new[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _common_back(old: bytes, new: bytes, limit: int) -> int:
    """Return how many bytes both end with, at most *limit*."""
    ends = len(old), len(new)

    def same(first: int, last: int) -> bool:
        return old[ends[0] - last : ends[0] - first] == new[ends[1] - last : ends[1] - first]

    done = 0
    while done < limit and same(done, min(done + _STEP, limit)):
        done += _STEP
    low, high = min(done, limit), min(done + _STEP, limit)
    while low < high:
        middle = (low + high + 1) // 2
        if same(low, middle):
            low = middle
        else:
            high = middle - 1
    return low


def _common(one: Ranges, other: Ranges) -> Ranges:
    """Return the lines that are in both."""
    both: list[tuple[int, int]] = []
    left, right = 0, 0
    while left < len(one) and right < len(other):
        first = max(one[left][0], other[right][0])
        last = min(one[left][1], other[right][1])
        if first <= last:
            both.append((first, last))
        if one[left][1] < other[right][1]:
            left += 1
        else:
            right += 1
    return tuple(both)
