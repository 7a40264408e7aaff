"""Measure how right `stanch` is: what it finds, what it wrongly reports, what it says about clean trees.

Usage: ``python benchmarks/accuracy.py`` (in the project's environment). Three parts, each with a bar:

- **recall**: values of every type of the catalog, planted in 25 contexts; at least 97 % found and named;
- **precision**: near misses of every type; at most 2 % reported;
- **clean**: the standard libraries, packages and system files of this machine; at most 0.05 findings per MB, each explained.

No planted value was ever issued: they are drawn, seeded, from the catalog's own expressions. Exit status: 0 when every bar
passed, 1 otherwise; with ``--only``, what was not measured is no pass.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

import clean
import near_misses
import peer_recall
import recall
from accuracy_report import Bar, Measured, as_json, markdown
from contexts import CONTEXTS, masked
from lab import Lab, open_lab
from leaks import LeftOut

PARTS = ("recall", "precision", "clean")
WORK = Path.home() / ".cache" / "stanch-bench"
RECALL_BAR, PRECISION_BAR, LEFT_OUT_BAR = 0.97, 0.02, 0.08


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to measure."""

    parts: tuple[str, ...]
    detectors: tuple[str, ...]
    values: int
    seed: int
    workers: int
    peers: bool = False
    work: Path = WORK


def run(options: Options, lab: Lab) -> Measured:
    """Measure the parts asked for."""
    chosen = [i for i in lab.detectors if any(fnmatchcase(i, pattern) for pattern in options.detectors)]
    # Types that a scan leaves out unless asked for low confidence are off by default; they are listed, not counted.
    off = [i for i in chosen if lab.detectors[i].confidence == "low"]
    ids = [i for i in chosen if i not in off]
    measured = Measured(seed=options.seed, values=options.values, detectors=ids, off=off)
    if "recall" in options.parts:
        say(f"recall: {len(ids)} types in {len(CONTEXTS)} contexts …")
        measured.recall = recall.measure(ids, values=options.values, seed=options.seed, workers=options.workers, lab=lab)
    if options.peers:
        say("the same files, other scanners …")
        measured.peers = peer_recall.measure(lab, ids, seed=options.seed, work=options.work)
    if "precision" in options.parts:
        say("precision: near misses …")
        measured.precision = near_misses.measure(lab, ids, seed=options.seed, rounds=options.values)
    if "clean" in options.parts:
        say("clean: trees without secrets …")
        measured.clean = clean.measure(lab, workers=options.workers)
    measured.bars = bars(measured)
    return measured


def bars(measured: Measured) -> list[Bar]:
    """Compare with the targets; what was not measured has not passed."""
    found: list[Bar] = []
    r, p, c = measured.recall, measured.precision, measured.clean
    found.append(
        Bar(
            name="values found and named, at least 97 %",
            passed=r.share >= RECALL_BAR if r else None,
            numbers=f"{r.share:.2%} of {len(r.outcomes):,}" if r else "",
        )
    )
    every = len(r.outcomes) + r.left_out.cases if r else 0
    found.append(
        Bar(
            name="cases left out because they make no sense, under 8 %",
            passed=r.left_out.cases < LEFT_OUT_BAR * every if r else None,
            numbers=f"{r.left_out.cases:,} of {every:,}" if r else "",
        )
    )
    found.append(
        Bar(
            name="near misses reported, at most 2 %",
            passed=p.share <= PRECISION_BAR if p else None,
            numbers=f"{p.share:.2%} of {p.count:,}" if p else "",
        )
    )
    found.append(
        Bar(
            name="findings per MB in clean trees, at most 0.05",
            passed=c.per_megabyte <= clean.BAR if c else None,
            numbers=f"{c.per_megabyte:.4f} ({len(c.findings)} in {c.bytes / 1e6:,.0f} MB)" if c else "",
        )
    )
    found.append(
        Bar(
            name="every finding in clean trees explained",
            passed=not c.unexplained if c else None,
            numbers=f"{c.unexplained} unexplained" if c else "",
        )
    )
    return found


def show_misses(lab: Lab, options: Options) -> None:
    """Print the files in which values were missed, with the values taken out: for whoever mends the catalog."""
    for detector_id in lab.detectors:
        if not any(fnmatchcase(detector_id, pattern) for pattern in options.detectors):
            continue
        for case, leak, planted in recall.cases_of(lab, detector_id, options.values, options.seed, LeftOut()):
            outcome = recall.judge(lab, [(case, planted)])[0]
            if outcome.result != "found":
                size = len(leak.text.value)
                print(f"--- {detector_id} in {case.context}, value {case.turn} of {size} characters: {outcome.result}")
                print(masked(planted))


def say(text: str) -> None:
    """Progress, for whoever waits."""
    print(text, file=sys.stderr, flush=True)


def _options() -> tuple[Options, argparse.Namespace]:
    parser = argparse.ArgumentParser(description="Measure what stanch finds and what it wrongly reports.")
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts, any of {','.join(PARTS)}")
    parser.add_argument("--detectors", default="*", metavar="GLOB", help="types to measure, patterns separated by commas")
    parser.add_argument("--values", type=int, default=3, help="values of each type in each context")
    parser.add_argument("--seed", type=int, default=1, help="draws values and surroundings")
    parser.add_argument("--workers", type=int, default=1, help="processes, one or two")
    parser.add_argument(
        "--peers", action="store_true", help="scan the planted values with other scanners too (installed on first use)"
    )
    parser.add_argument("--work", type=Path, default=WORK, help="folder for the peers and their input")
    parser.add_argument("--misses", action="store_true", help="print the files in which values were missed, and nothing else")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results", help="folder for the report")
    parser.add_argument("--no-report", action="store_true", help="print, write nothing")
    args = parser.parse_args()
    parts = tuple(args.only.split(","))
    if unknown := set(parts) - set(PARTS):
        parser.error(f"--only: {', '.join(sorted(unknown))} is none of {', '.join(PARTS)}")
    if args.values < 1 or args.workers < 1:
        parser.error("--values and --workers must be at least 1")
    options = Options(
        parts=parts, detectors=tuple(args.detectors.split(",")), values=args.values, seed=args.seed, workers=args.workers,
        peers=args.peers, work=args.work.resolve(),
    )  # fmt: skip
    return options, args


def main() -> int:
    """Measure, print, write the report."""
    options, args = _options()
    began = time.monotonic()
    lab = open_lab()
    if args.misses:
        show_misses(lab, options)
        return 0
    measured = run(options, lab)
    measured.seconds = time.monotonic() - began
    measured.date = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    text = markdown(measured)
    whole = options.parts == PARTS and options.detectors == ("*",)
    if not args.no_report and whole:
        args.results.mkdir(parents=True, exist_ok=True)
        (args.results / "accuracy.md").write_text(text)
        (args.results / "accuracy.json").write_text(as_json(measured))
    print(text)
    if not whole:
        say("a part of the benchmark: no report was written")
    return 0 if all(bar.passed for bar in measured.bars) else 1


if __name__ == "__main__":
    sys.exit(main())
