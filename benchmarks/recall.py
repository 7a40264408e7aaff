"""Plant values of every detector in every context and see which are found and named."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from contexts import CONTEXTS, Plant, plant
from equivalents import answers
from lab import CACHE, Lab, open_lab
from leaks import Leak, LeftOut, leak_of

BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One planted value: whose, where, which of the values."""

    detector: str
    context: str
    turn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a case: ``found``, ``missed``, or the id of the detector that was reported instead."""

    case: Case
    result: str


@dataclass(slots=True)
class Recall:
    """All cases and what became of them."""

    outcomes: list[Outcome] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=LeftOut)

    @property
    def found(self) -> int:
        """Cases that were found and named."""
        return sum(o.result == "found" for o in self.outcomes)

    @property
    def share(self) -> float:
        """Share found, 0 to 1."""
        return self.found / len(self.outcomes) if self.outcomes else 0.0


def cases_of(lab: Lab, detector_id: str, values: int, seed: int, left_out: LeftOut) -> Iterator[tuple[Case, Leak, Plant]]:
    """Yield every case of one detector: *values* values in each of the 25 contexts."""
    detector = lab.detectors[detector_id]
    for number, context in enumerate(CONTEXTS):
        for turn in range(values):
            rng = random.Random(f"{seed}/{detector_id}/{context}/{turn}")
            leak = leak_of(detector, turn, rng)
            # Forms of a context rotate from a start of its own, so that all are seen with all kinds of detectors.
            planted = plant(context, leak, rng, turn + 3 * rng.randrange(4) + number)
            if planted is None:
                left_out.add("binary file in a text" if not leak.printable else f"no place for it: {context}")
                continue
            yield Case(detector=detector_id, context=context, turn=turn), leak, planted


def measure(ids: Sequence[str], *, values: int, seed: int, workers: int, lab: Lab) -> Recall:
    """Plant, scan and count.

    Args:
        ids: detectors whose values are planted.
        values: how many values of each detector stand in each context.
        seed: draws values and surroundings.
        workers: processes.
        lab: the engine.
    """
    recall = Recall()
    if workers > 1:
        with ProcessPoolExecutor(workers) as pool:
            shares = pool.map(_share, [(list(ids[n::workers]), values, seed) for n in range(workers)])
            for outcomes, left_out in shares:
                recall.outcomes += outcomes
                recall.left_out.cases += left_out.cases
                for reason, count in left_out.by_reason.items():
                    recall.left_out.by_reason[reason] = recall.left_out.by_reason.get(reason, 0) + count
    else:
        recall.outcomes, recall.left_out = scan_cases(lab, ids, values, seed)
    recall.outcomes.sort(key=lambda o: (o.case.detector, list(CONTEXTS).index(o.case.context), o.case.turn))
    return recall


def _share(task: tuple[list[str], int, int]) -> tuple[list[Outcome], LeftOut]:
    ids, values, seed = task
    return scan_cases(open_lab(CACHE), ids, values, seed)


def scan_cases(lab: Lab, ids: Sequence[str], values: int, seed: int) -> tuple[list[Outcome], LeftOut]:
    """Plant the values of some detectors and judge what the engine says."""
    left_out = LeftOut()
    outcomes: list[Outcome] = []
    batch: list[tuple[Case, Plant]] = []
    for detector_id in ids:
        for case, _, planted in cases_of(lab, detector_id, values, seed, left_out):
            batch.append((case, planted))
            if len(batch) >= BATCH:
                outcomes += judge(lab, batch)
                batch = []
    return outcomes + judge(lab, batch), left_out


def judge(lab: Lab, batch: Sequence[tuple[Case, Plant]]) -> list[Outcome]:
    """Scan some files and say of each what became of its value."""
    if not batch:
        return []
    found = lab.scan([(planted.path, planted.data) for _, planted in batch])
    outcomes = []
    for (case, planted), matches in zip(batch, found, strict=True):
        there = [m for m in matches if m.start < planted.end and planted.start < m.end]
        if any(answers(case.detector, m.detector.id) for m in there):
            result = "found"
        else:
            result = ", ".join(sorted({m.detector.id for m in there})) or "missed"
        outcomes.append(Outcome(case=case, result=result))
    return outcomes
