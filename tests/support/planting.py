"""Values of the catalog put where the tests want them, and the place at which they must be found.

The place is known from how the text was made, not from asking the engine, wherever an example says where its value goes.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from hypothesis import settings

from stanch.catalog.load import load_catalog
from stanch.catalog.model import Detector
from stanch.catalog.sampler import fill, sample_value
from stanch.engine.engine import Engine

ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Plant:
    """A positive example with fresh values.

    Attributes:
        detector: its id.
        text: the example.
        start: first byte of the value in it.
        end: the byte after its last.
    """

    detector: str
    text: bytes
    start: int
    end: int

    @property
    def value(self) -> bytes:
        """The plain value."""
        return self.text[self.start : self.end]

    def at(self, offset: int) -> tuple[str, int, int]:
        """What must be found when the example begins at *offset* of a blob."""
        return self.detector, offset + self.start, offset + self.end


@cache
def detectors() -> tuple[Detector, ...]:
    """Every shipped detector whose values are reported, with its examples; what is only listed is not planted."""
    return tuple(d for d in load_catalog() if not d.inventory)


@cache
def own_shape() -> tuple[Detector, ...]:
    """Detectors whose value says by itself what it is, so that nothing need stand around it."""
    return tuple(d for d in detectors() if d.value and not d.near and not d.anchor and not d.generic and not _needs_company(d))


def _needs_company(detector: Detector) -> bool:
    return any(companion.required for companion in detector.companions)


def plant(detector: Detector, number: int, seed: int, engine: Engine) -> Plant:
    """Fill the positive example *number* (counted round and round) of a detector.

    A few drawn values are too regular to be believed (`catalog/test_examples.py` bounds how many); another is drawn then.

    Raises:
        AssertionError: the engine does not find the example by itself: the catalog's own tests say more.
    """
    template = detector.positive[number % len(detector.positive)]
    for attempt in range(ATTEMPTS):
        planted = _filled(detector, template, random.Random(f"{detector.id}/{number}/{seed}/{attempt}"), engine)
        if planted is not None:
            return planted
    raise AssertionError(f"{detector.id}: {template!r} is not found by itself")


def _filled(detector: Detector, template: str, rng: random.Random, engine: Engine) -> Plant | None:
    before, mark, after = template.partition("{value}")
    head = fill(before, detector, rng).encode("latin-1")
    value = sample_value(detector, rng).encode("latin-1") if mark else b""
    text = head + value + fill(after, detector, rng).encode("latin-1")
    found = [m for m in engine.scan(text) if m.detector.id == detector.id]
    if not found:
        return None
    if detector.value and not detector.sample and mark and "{value" not in after:
        return Plant(detector.id, text, len(head), len(head) + len(value))
    return Plant(detector.id, text, found[0].start, found[0].end)


def bare(detector: Detector, seed: int, engine: Engine) -> Plant:
    """A value and nothing else.

    Raises:
        AssertionError: the engine does not find it by itself.
    """
    for attempt in range(ATTEMPTS):
        value = sample_value(detector, random.Random(f"{detector.id}/{seed}/{attempt}")).encode("latin-1")
        if (detector.id, 0, len(value)) in spans(engine.scan(value)):
            return Plant(detector.id, value, 0, len(value))
    raise AssertionError(f"{detector.id}: a value of it is not found by itself")


def spans(matches: Iterable[object]) -> set[tuple[str, int, int]]:
    """Detector, start and end of matches."""
    return {(m.detector.id, m.start, m.end) for m in matches}  # type: ignore[attr-defined]


def line_and_column(blob: bytes, offset: int) -> tuple[int, int]:
    """Count lines the slow way, to hold the fast one against it."""
    before = blob[:offset].split(b"\n")
    return len(before), len(before[-1]) + 1


def times(count: int) -> int:
    """How many examples to draw: *count* in the suite, more under ``HYPOTHESIS_PROFILE=search``."""
    return count * settings().max_examples // 100
