"""Try every detector's own examples against the whole catalog: what `stanch detectors test` and the catalog's tests run.

An example is filled with fresh values, scanned as a file would be, and must yield (or, a negative one, must not yield) its
detector. The whole catalog takes part, so one detector cannot steal another's values unseen.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stanch.catalog.compiled import Compiled
from stanch.catalog.load import DATA, load_file, load_paths
from stanch.catalog.model import Detector
from stanch.catalog.sampler import fill, sample_value
from stanch.core.errors import ConfigError
from stanch.engine.checks import CHECKS
from stanch.engine.engine import Engine
from stanch.engine.match import Match


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An example that did not do what it promises. Holds the template, never a filled value."""

    detector: str
    origin: str
    kind: str
    template: str
    reason: str

    def __str__(self) -> str:
        return f"{self.origin}: {self.detector}: {self.kind} example {self.template!r}: {self.reason}"


def check_detectors(detectors: Iterable[Detector], engine: Engine, *, seed: int = 1, rounds: int = 3) -> Iterator[Failure]:
    """Yield the examples that fail.

    Args:
        detectors: whose examples to try.
        engine: with the whole catalog, those detectors among it.
        seed: draws the values; the same seed draws the same.
        rounds: how many values to try each example with.
    """
    for detector in detectors:
        for name in detector.checks:
            if name not in CHECKS:
                yield _failure(detector, "check", name, f"no such check; known are {', '.join(sorted(CHECKS))}")
        for template in detector.positive:
            yield from _first(_positive(detector, template, engine, f"{seed}/{detector.id}/{n}") for n in range(rounds))
        for template in detector.negative:
            yield from _first(_negative(detector, template, engine, f"{seed}/{detector.id}/{n}") for n in range(rounds))


def _first(results: Iterator[Failure | None]) -> Iterator[Failure]:
    for result in results:
        if result is not None:
            yield result
            return


def _positive(detector: Detector, template: str, engine: Engine, seed: str) -> Failure | None:
    try:
        text = fill(template, detector, random.Random(seed)).encode("latin-1")
        value = sample_value(detector, random.Random(seed)).encode("latin-1") if template.count("{value") == 1 else b""
    except (ValueError, KeyError, LookupError) as exc:
        return _failure(detector, "positive", template, f"cannot be filled ({type(exc).__name__}: {exc})")
    matches = engine.scan(text)
    mine = [m for m in matches if m.detector.id == detector.id]
    if not mine:
        others = ", ".join(sorted({m.detector.id for m in matches}))
        return _failure(detector, "positive", template, f"found as {others} instead" if others else "not found")
    if value and value in text and not any(m.value in (value, _inner(m, value)) for m in mine):
        return _failure(detector, "positive", template, "found, but with another value than {value}")
    return None


def _inner(match: Match, value: bytes) -> bytes:
    """A value group may cover less than the sample when the sample is the surroundings too."""
    return match.value if match.value in value or value in match.value else b""


def _negative(detector: Detector, template: str, engine: Engine, seed: str) -> Failure | None:
    try:
        text = fill(template, detector, random.Random(seed)).encode("latin-1")
    except (ValueError, KeyError, LookupError) as exc:
        return _failure(detector, "negative", template, f"cannot be filled ({type(exc).__name__}: {exc})")
    if any(m.detector.id == detector.id and m.confidence != "low" for m in engine.scan(text)):
        return _failure(detector, "negative", template, "reported all the same")
    return None


def _failure(detector: Detector, kind: str, template: str, reason: str) -> Failure:
    return Failure(detector=detector.id, origin=detector.origin, kind=kind, template=template, reason=reason)


def catalog_of(detectors: Sequence[Detector], key: str = "selftest") -> Compiled:
    """Make an uncached catalog."""
    return Compiled(sorted(detectors, key=lambda d: d.id), key, None)


def main(arguments: Sequence[str]) -> int:
    """Check the named files (all shipped ones by default) against the whole catalog; a broken other file is only named."""
    everything: dict[str, Detector] = {}
    for path in sorted(DATA.glob("*.toml")):
        try:
            everything.update((d.id, d) for d in load_file(path))
        except ConfigError as exc:
            print(f"left out: {exc}", file=sys.stderr)  # noqa: T201
    chosen = load_paths(Path(a) for a in arguments) if arguments else list(everything.values())
    everything.update((d.id, d) for d in chosen)
    engine = Engine(catalog_of(list(everything.values())))
    failures = list(check_detectors(chosen, engine))
    for failure in failures:
        print(failure)  # noqa: T201
    print(f"{len(chosen)} detectors, {sum(len(d.positive) + len(d.negative) for d in chosen)} examples, {len(failures)} failures")  # noqa: T201
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
