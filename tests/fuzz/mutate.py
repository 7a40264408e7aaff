"""Change bytes the way accidents and attackers do; the same seed gives the same changes."""

from __future__ import annotations

import random
from collections.abc import Sequence

EDGES = (
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\xff\xff\xff\x7f",
    b"\0\0\0\x80",
    b"\xff" * 8,
    b"-1",
    b"0",
    b"9" * 20,
)
LONGEST = 40_000  # bytes of an input: large enough for every border, small enough for thousands of runs


class Mutator:
    """Makes new inputs from old ones.

    Args:
        seeds: good inputs to begin with.
        words: tokens of the language that is spoken.
        rng: the only source of chance.
    """

    def __init__(self, seeds: Sequence[bytes], words: Sequence[bytes], rng: random.Random) -> None:
        self.corpus = [seed[:LONGEST] for seed in seeds]
        self._seeds = len(self.corpus)
        self._words = words or EDGES
        self._rng = rng

    def keep(self, data: bytes) -> None:
        """Go on from an input that did something new."""
        if len(self.corpus) < self._seeds + 400:
            self.corpus.append(data)
        else:
            self.corpus[self._rng.randrange(self._seeds, len(self.corpus))] = data

    def next(self) -> bytes:
        """Return an input nobody has tried."""
        rng = self._rng
        data = rng.choice(self.corpus)
        for _ in range(rng.choice((1, 1, 2, 3, 5, 9))):
            data = self._changed(data)
        return data[:LONGEST]

    def _changed(self, data: bytes) -> bytes:
        rng = self._rng
        at = rng.randint(0, len(data))
        size = rng.choice((1, 1, 2, 4, 8, 16, 100, 1_000))
        kind = rng.randrange(11)
        if kind == 0 and data:  # one bit
            at %= len(data)
            return data[:at] + bytes((data[at] ^ 1 << rng.randrange(8),)) + data[at + 1 :]
        if kind == 1:
            return data[:at] + rng.randbytes(size) + data[at + size :]
        if kind == 2:
            return data[:at] + rng.randbytes(size) + data[at:]
        if kind == 3:
            return data[:at] + data[at + size :]
        if kind == 4:
            return data[:at] + rng.choice(EDGES) + data[at + rng.choice((0, 1, 4)) :]
        if kind in (5, 6):
            return data[:at] + rng.choice(self._words) + data[at:]
        if kind == 7:  # the same again and again
            part = data[at : at + size] or b"A"
            return data[:at] + part * rng.choice((2, 10, 100, 1_000)) + data[at:] if len(part) < 200 else data + data
        if kind == 8:  # half of one, half of another
            other = rng.choice(self.corpus)
            return data[:at] + other[rng.randint(0, len(other)) :]
        if kind == 9:
            return data[:at]
        start = rng.randint(0, len(data))
        return data[:at] + data[start : start + size] + data[at:]
