"""Fuzz the engine, the decoders, the containers and every parser: `python tests/fuzz/fuzz.py --seconds 600`.

Mutates good inputs, keeps those that did something new and goes on from them. An exception that is not documented, an
assertion of a target, or an input that takes more than five seconds is a failure; the input is kept in a file, to be tried
again with ``--replay FILE --target NAME``. The n-th input of a target depends on the seed alone.

Inputs are made of generated values, never of anybody's files. Exit status: 0 nothing found, 1 failures.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

if __package__ in (None, ""):  # started as a script
    sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.fuzz.mutate import Mutator
from tests.fuzz.targets import Target, signature, targets

LIMIT = 5.0  # seconds of CPU for one input
STUCK = 900.0  # seconds of waiting for one input: nothing here waits, but a machine may sleep
MEMORY = 4 * 1024**3
ROUND = 25  # inputs of one target before the next has its turn


class TooSlowError(BaseException):
    """An input takes too long. No `Exception`, so that nothing under test swallows it."""


@dataclass(slots=True)
class Tally:
    """How far one target is."""

    target: Target
    mutator: Mutator
    runs: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    seen: set[int] = field(default_factory=set)
    failures: dict[str, Path] = field(default_factory=dict)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run."""
    options = _options(arguments)
    if hasattr(resource, "RLIMIT_AS"):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    scratch = Path(tempfile.mkdtemp(prefix="stanch-fuzz-"))
    os.environ.setdefault("STANCH_CACHE", str(scratch / "cache"))
    try:
        chosen = [t for t in targets(scratch) if not options.target or t.name in options.target]
        if options.replay:
            return _replay(chosen, Path(options.replay))
        tallies = [Tally(t, Mutator(t.seeds, t.words, random.Random(f"{options.seed}/{t.name}"))) for t in chosen]
        began = time.monotonic()
        _fuzz(tallies, options, began + options.seconds if options.seconds else float("inf"))
        return _report(tallies, time.monotonic() - began)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Fuzz the engine, the decoders, the containers and every parser.")
    parser.add_argument("--seconds", type=float, default=0, help="how long; 0 for no bound")
    parser.add_argument("--runs", type=int, default=0, help="inputs for each target; 0 for no bound")
    parser.add_argument("--seed", type=int, default=1, help="draws the inputs")
    parser.add_argument("--target", action="append", default=[], metavar="NAME", help="only this one; may be repeated")
    parser.add_argument("--keep", default="fuzz-failures", metavar="DIR", help="where inputs that fail go")
    parser.add_argument("--replay", metavar="FILE", help="try one input again, with the whole trace")
    options = parser.parse_args(arguments)
    if not (options.seconds or options.runs or options.replay):
        parser.error("say how long: --seconds or --runs")
    return options


def _fuzz(tallies: list[Tally], options: argparse.Namespace, end: float) -> None:
    """Give each target its turn until time or runs are used up; targets that are behind in time come first."""
    keep = Path(options.keep)
    # The good inputs themselves come first: they must pass, and tell what is nothing new.
    for tally in tallies:
        for seed in tally.target.seeds if not options.runs else tally.target.seeds[:: max(1, len(tally.target.seeds) // ROUND)]:
            _one(tally, seed, keep)
    while time.monotonic() < end:
        waiting = [t for t in tallies if not options.runs or t.runs < options.runs]
        if not waiting:
            return
        tally = min(waiting, key=lambda t: t.seconds)
        for _ in range(ROUND):
            tally.runs += 1
            _one(tally, tally.mutator.next(), keep)


def _one(tally: Tally, data: bytes, keep: Path) -> None:
    began = time.process_time()
    try:
        with _watched():
            mark = signature(tally.target.run(data))
    except tally.target.accepted as exc:
        # The words of a refusal, without names and numbers, tell where a parser stopped.
        mark = signature((type(exc).__name__, "".join(c for c in str(exc) if not c.isdigit())[:200]))
    except Exception as exc:
        _failed(tally, data, keep, exc)
        mark = 0
    except TooSlowError as exc:
        _failed(tally, data, keep, exc)
        mark = 0
    spent = time.process_time() - began
    tally.seconds += spent
    tally.slowest = max(tally.slowest, spent)
    if mark not in tally.seen:
        tally.seen.add(mark)
        tally.mutator.keep(data)


@contextmanager
def _watched() -> Iterator[None]:
    def stop(number: int, frame: object) -> None:
        raise TooSlowError(f"more than {LIMIT:.0f} s of CPU" if number == signal.SIGPROF else f"waited for {STUCK:.0f} s")

    signal.signal(signal.SIGPROF, stop)
    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_PROF, LIMIT)
    signal.setitimer(signal.ITIMER_REAL, STUCK)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _failed(tally: Tally, data: bytes, keep: Path, exc: BaseException) -> None:
    """Keep one input for each kind of failure: where it happened tells kinds apart."""
    place = traceback.extract_tb(exc.__traceback__)
    inside = [frame for frame in place if f"{os.sep}fuzz{os.sep}fuzz.py" not in frame.filename]
    where = f"{Path(inside[-1].filename).name}:{inside[-1].lineno}" if inside else "?"
    kind = f"{type(exc).__name__} at {where}" if not isinstance(exc, TooSlowError) else f"TooSlowError: {exc}"
    if kind in tally.failures:
        return
    keep.mkdir(parents=True, exist_ok=True)
    path = keep / f"{tally.target.name.replace(' ', '-').lstrip('.')}-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    tally.failures[kind] = path
    print(f"FAILED {tally.target.name}: {kind}: {path}", flush=True)


def _report(tallies: list[Tally], seconds: float) -> int:
    failures = sum(len(t.failures) for t in tallies)
    for tally in tallies:
        print(
            f"{tally.target.name:<18} {tally.runs:>8} runs  {len(tally.seen):>5} kinds  slowest {tally.slowest:.2f} s  {len(tally.failures)} failures"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{sum(t.runs for t in tallies)} runs in {seconds:.0f} s, at most {peak} MB, {failures} failures")
    return 1 if failures else 0


def _replay(chosen: list[Target], path: Path) -> int:
    data = path.read_bytes()
    for target in chosen:
        try:
            with _watched():
                print(f"{target.name}: {target.run(data)!r}")
        except target.accepted as exc:
            print(f"{target.name}: refused: {exc}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
