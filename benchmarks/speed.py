"""Measure `stanch` beside other scanners: same input, one run, medians and ratios, peak memory.

Usage: ``python benchmarks/speed.py --stanch PATH``. What is measured and how to read it: ``README.md``.

The bars at the end are PASS, FAIL or NOT MEASURED; a bar that was not measured is never a pass. Exit status: 0 when every
bar passed, 1 otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from corpora import Corpus, corpus
from measure import Command, Sample, run
from peers import TOOLS, Installed, Variant, bytes_read, find_stanch, found_planted, install, variants

INPUTS = ("history", "tree", "log", "staged", "empty", "tiny")
SLOW = 30.0
"""Seconds; a command that takes longer is run once."""

MEMORY_BAR = 400_000_000
TINY_BAR = 0.100
_TITLES = {
    "history": "(a) full history of a git repository",
    "history-large": "(a) full history of a larger git repository",
    "tree": "(b) source tree",
    "log": "(c) one log file",
    "staged": "(d) a staged change",
    "empty": "(e) an empty folder",
    "tiny": "(f) one tiny file, warm start",
}


@dataclass(slots=True, kw_only=True)
class Row:
    """What was measured for one variant on one input.

    Attributes:
        runs: the timed runs; for a slow command the single run.
        counted: the polled run, in which findings were counted.
        planted: how many planted credentials its report shows; ``None`` when there was no report to read.
        findings: how many findings it reports in all.
        read: bytes it says it read.
        note: why a number is missing.
    """

    label: str
    tool: str
    argv: list[str]
    default_flags: bool
    reduced: bool
    counted: Sample
    runs: list[Sample] = field(default_factory=list)
    planted: int | None = None
    findings: int | None = None
    read: int | None = None
    note: str = ""

    @property
    def median(self) -> float | None:
        """Median wall time, ``None`` for a command that failed or did not finish."""
        return statistics.median(sample.wall for sample in self.runs) if self.runs and not self.note else None

    @property
    def fastest(self) -> float | None:
        """Shortest wall time."""
        return min(sample.wall for sample in self.runs) if self.median is not None else None

    @property
    def memory(self) -> int:
        """Peak memory: the polled sum, or the largest process where the run was too short to be polled well."""
        return self.counted.pss if self.counted.polls >= 3 else max(self.counted.pss, self.counted.largest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One target and whether it was met. ``passed`` is ``None`` when something it needs was not measured."""

    name: str
    passed: bool | None
    numbers: str


# --- measuring ------------------------------------------------------------------------------------------------


class Bench:
    """One run of the benchmark."""

    def __init__(self, work: Path, tools: Sequence[Installed], *, runs: int, limit: float) -> None:
        self._tools = tools
        self._runs = runs
        self._limit = limit
        self._out = work / "reports"
        self._env = _environment(work)

    def measure(self, given: Corpus) -> list[Row]:
        """Measure every tool on one input: one polled run each, then timed runs in mixed order."""
        out = self._out / given.name
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        wanted = [variant for tool in self._tools for variant in variants(tool, given, out)]
        rows = [(variant, self._count(variant, given, out)) for variant in wanted]
        rnd = random.Random(given.name)
        for _ in range(self._runs):
            turn = [(variant, row) for variant, row in rows if not row.note and row.counted.wall <= SLOW]
            rnd.shuffle(turn)
            for variant, row in turn:
                row.runs.append(self._run(variant, variant.argv, out, poll=False))
        for _, row in rows:
            if not row.note and not row.runs:
                row.runs.append(row.counted)
            say(f"  {row.label}: {_time(row, self._limit)}")
        # The reports hold the planted values, and whatever else the peers found on this machine.
        shutil.rmtree(out)
        return [row for _, row in rows]

    def warm(self, tiny: Corpus) -> None:
        """Let every tool fill its caches (compiled rules, byte code) before anything is measured."""
        out = self._out / "warm"
        out.mkdir(parents=True, exist_ok=True)
        for tool in self._tools:
            for variant in variants(tool, tiny, out):
                self._run(variant, variant.argv, out, poll=False)
        shutil.rmtree(out)

    def _run(self, variant: Variant, argv: Sequence[str], out: Path, *, poll: bool) -> Sample:
        env = dict(self._env)
        if variant.tool == "stanch" and "PYTHONPATH" in os.environ:
            env["PYTHONPATH"] = os.environ["PYTHONPATH"]
        command = Command(argv=argv, cwd=variant.cwd, stdout=out / "stdout", stderr=out / "stderr", env=env)
        return run(command, limit=self._limit, poll=poll)

    def _count(self, variant: Variant, given: Corpus, out: Path) -> Row:
        say(f"  {given.name}: {variant.label}")
        if variant.report:
            variant.report.unlink(missing_ok=True)
        sample = self._run(variant, variant.counting_argv or variant.argv, out, poll=True)
        row = Row(
            label=variant.label, tool=variant.tool, argv=list(variant.argv), default_flags=variant.default_flags,
            reduced=variant.reduced, counted=sample,
        )  # fmt: skip
        if sample.timed_out:
            row.note = "timed out"
            return row
        report = variant.report or out / "stdout"
        try:
            text = report.read_text(errors="replace")
            hits = list(variant.read(text)) if text.strip() else []
            row.planted, row.findings = found_planted(given, hits), len(hits)
            row.read = bytes_read(variant.tool, text, (out / "stderr").read_text(errors="replace")) if text.strip() else None
        except (OSError, ValueError, KeyError, TypeError) as error:
            # Only the class: the message of a JSON error may quote the report.
            row.note = f"no readable report (exit status {sample.status}, {type(error).__name__})"
        return row


def _environment(work: Path) -> dict[str, str]:
    """A home of its own, so that no one's settings take part and the caches of the scanners stay in one place."""
    home = work / "home"
    home.mkdir(parents=True, exist_ok=True)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "NO_COLOR": "1",
        "GIT_OPTIONAL_LOCKS": "0",
    }


def import_times(stanch: Installed, tiny: Corpus, work: Path) -> list[tuple[int, int, str]]:
    """Return self and cumulative microseconds of the 25 dearest imports of a warm `stanch scan`.

    The interpreter is the one in the script's first line, so that the same packages are imported.
    """
    first = stanch.program.open("rb").readline().decode(errors="replace")
    named = first[2:].strip() if first.startswith("#!") else ""
    python = named if Path(named).name.startswith("python") and Path(named).is_file() else sys.executable
    report = work / "reports" / "importtime.json"
    env = _environment(work) | {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    command = [*python.split(), "-X", "importtime", "-m", "stanch", "scan", str(tiny.target), "--format", "json"]
    said = subprocess.run(
        [*command, "--output", str(report), "--exit-zero"],
        env=env,
        cwd=work,
        capture_output=True,
        text=True,
        check=False,
    )
    report.unlink(missing_ok=True)
    rows = []
    for line in said.stderr.splitlines():
        parts = line.removeprefix("import time:").split("|")
        if line.startswith("import time:") and len(parts) == 3 and parts[0].strip().isdigit():
            rows.append((int(parts[0]), int(parts[1]), parts[2].rstrip()))
    return sorted(rows, key=lambda row: -row[1])[:25]


# --- bars -----------------------------------------------------------------------------------------------------


def bars(results: dict[str, list[Row]], corpora: dict[str, Corpus]) -> list[Bar]:
    """Hold the measurements against the targets."""
    checked = []
    for name in ("history", "history-large", "tree", "log"):
        if name in results or name != "history-large":
            checked.append(_not_slower(name, results.get(name, []), corpora.get(name)))
    checked.append(_half_of_kingfisher(results.get("history", [])))
    memory = [(row.memory, name) for name, rows in results.items() for row in rows if row.tool == "stanch" and not row.note]
    highest = max(memory, default=None)
    missing = [name for name in INPUTS if name not in {where for _, where in memory}]
    failed = highest is not None and highest[0] >= MEMORY_BAR
    checked.append(
        Bar(
            name="memory below 400 MB on every input",
            passed=False if failed else None if missing else True,
            numbers=(f"highest {_size(highest[0])} ({highest[1]})" if highest else "")
            + (f"; not measured: {', '.join(missing)}" if missing else ""),
        )
    )
    tiny = _stanch_median(results.get("tiny", []))
    checked.append(
        Bar(
            name="one tiny file below 100 ms, warm",
            passed=None if tiny is None else tiny < TINY_BAR,
            numbers="" if tiny is None else f"{tiny * 1000:.0f} ms",
        )
    )
    return checked


def _not_slower(name: str, rows: list[Row], given: Corpus | None) -> Bar:
    title = f"{name}: not slower than the fastest peer"
    ours = _stanch_median(rows)
    rivals = [row for row in rows if row.tool != "stanch" and row.median is not None and not row.reduced]
    # Whoever misses most of what was planted did not do the job (a file that is too large is skipped in no time).
    rivals = [row for row in rivals if given and (row.planted or 0) * 2 >= len(given.plants)]
    best = min(rivals, key=lambda row: row.median or 0, default=None)
    if ours is None or best is None or best.median is None:
        return Bar(name=title, passed=None, numbers="" if best is None else f"fastest peer {best.median:.2f} s ({best.label})")
    own = next(row for row in rows if row.tool == "stanch")
    shown = f"stanch {ours:.2f} s, found {own.planted}; fastest peer {best.median:.2f} s ({best.label}), found {best.planted}"
    fair = given is not None and (own.planted or 0) * 2 >= len(given.plants)
    return Bar(name=title, passed=ours <= best.median and fair, numbers=shown + ("" if fair else "; stanch missed too much"))


def _half_of_kingfisher(rows: list[Row]) -> Bar:
    ours = _stanch_median(rows)
    row = next((row for row in rows if row.tool == "kingfisher" and row.default_flags), None)
    theirs = row.median if row else None
    title = "history: less than half of Kingfisher's default"
    if theirs is None and row is not None and row.counted.timed_out:
        # It was stopped at the limit, so it takes at least that long: enough to say yes, never enough to say no.
        least = row.counted.wall
        if ours is not None and ours < least / 2:
            return Bar(
                name=title, passed=True, numbers=f"stanch {ours:.2f} s, half of Kingfisher over {least / 2:.0f} s (stopped)"
            )
    if ours is None or theirs is None:
        return Bar(name=title, passed=None, numbers="" if theirs is None else f"half of Kingfisher {theirs / 2:.2f} s")
    return Bar(name=title, passed=ours < theirs / 2, numbers=f"stanch {ours:.2f} s, half of Kingfisher {theirs / 2:.2f} s")


def _stanch_median(rows: list[Row]) -> float | None:
    return next((row.median for row in rows if row.tool == "stanch"), None)


# --- reporting ------------------------------------------------------------------------------------------------


def machine() -> dict[str, str]:
    """Facts about this machine that explain the numbers."""
    cpu = next((x.partition(":")[2].strip() for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x), "")
    memory = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return {
        "cpu": cpu or platform.processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": _size(memory),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "git": git.removeprefix("git version "),
        "load at start": " ".join(f"{value:.2f}" for value in os.getloadavg()),
        "network": "off (own network namespace)" if _isolated() else "on",
    }


def markdown(
    facts: dict[str, str], tools: Sequence[Installed], corpora: dict[str, Corpus], results: dict[str, list[Row]],
    checked: Sequence[Bar], imports: Sequence[tuple[int, int, str]], limit: float, runs: int,
) -> str:  # fmt: skip
    """Write the report for people."""
    lines = [
        "# Speed",
        "",
        f"Measured {facts['date']} with `benchmarks/speed.py`, {runs} runs each; how: `benchmarks/README.md`.",
        "",
    ]
    lines += ["## Bars", "", "| Bar | Result | Numbers |", "|---|---|---|"]
    lines += [f"| {bar.name} | {_verdict(bar)} | {bar.numbers} |" for bar in checked]
    lines += ["", "## Machine", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in facts.items()]
    lines += [f"| {tool.tool} | {tool.version} |" for tool in tools]
    for name, rows in results.items():
        lines += ["", *_section(corpora[name], rows, limit, [tool.tool for tool in tools])]
    if imports:
        lines += ["", "## Imports of a warm start", "", "| Module | Self, ms | Cumulative, ms |", "|---|--:|--:|"]
        lines += [f"| `{name.strip()}` | {own / 1000:.1f} | {total / 1000:.1f} |" for own, total, name in imports]
    return "\n".join([*lines, ""])


def _section(given: Corpus, rows: list[Row], limit: float, tools: Sequence[str]) -> list[str]:
    counts = ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in given.facts.items())
    lines = [f"## {_TITLES[given.name]}", ""]
    lines += [
        f"{given.size / 1e6:,.1f} MB of content{', ' + counts if counts else ''}; content hash `{given.hash[:16]}`.",
        "",
    ]
    lines += ["| Command | Median | Min | Ratio | CPU | Peak memory | Planted | Findings | Says it read |"]
    lines += ["|---|--:|--:|--:|--:|--:|--:|--:|--:|"]
    ours = _stanch_median(rows)
    for row in sorted(rows, key=lambda row: (row.median is None, row.median or 0)):
        done = row.median is not None
        ratio = f"{row.median / ours:.2f}" if ours and row.median is not None else ""
        cpu = f"{statistics.median(sample.cpu for sample in row.runs):.2f} s" if done else ""
        planted = f"{row.planted}/{len(given.plants)}" if row.planted is not None else ""
        label = f"**{row.label}**" if row.tool == "stanch" else row.label
        label += " (defaults)" if row.default_flags and row.tool == "kingfisher" else ""
        lines.append(
            f"| {label}{' (looks less closely)' if row.reduced else ''} | {_time(row, limit)} | {_seconds(row.fastest)} | {ratio} | {cpu}"
            f" | {_size(row.memory)}{'*' if row.counted.polls < 3 else ''} | {planted}"
            f" | {'' if row.findings is None else row.findings} | {_size(row.read) if row.read is not None else ''} |"
        )
    for tool in tools:
        if not any(row.tool == tool for row in rows):
            lines.append(f"| {tool} | not applicable | | | | | | | |")
    return lines


def _time(row: Row, limit: float) -> str:
    if row.note == "timed out":
        return f"> {limit:.0f} s"
    if row.median is None:
        return row.note
    return _seconds(row.median) + (" (1 run)" if len(row.runs) == 1 else "")


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def _size(value: int) -> str:
    return f"{value / 1e6:,.1f} MB" if value < 1e7 else f"{value / 1e6:,.0f} MB"


def _verdict(bar: Bar) -> str:
    return {True: "PASS", False: "FAIL", None: "NOT MEASURED"}[bar.passed]


def _as_json(row: Row) -> dict[str, Any]:
    return asdict(row) | {"median": row.median, "min": row.fastest, "memory": row.memory}


# --- entry ----------------------------------------------------------------------------------------------------


def say(text: str) -> None:
    """Progress, for whoever waits."""
    print(text, file=sys.stderr, flush=True)


def _isolated() -> bool:
    """Whether this process has no way to a network: no device but the loopback one.

    /proc shows the namespace of the reader; /sys shows that of whoever mounted it.
    """
    devices = Path("/proc/self/net/dev").read_text().splitlines()[2:]
    return {line.partition(":")[0].strip() for line in devices} <= {"lo"}


def _isolate() -> None:
    """Start again without a network, so that no planted value is ever sent to a provider and no answer is waited for.

    Some peers validate what they find by default. Without a network that fails at once, which is their best case.
    """
    options = ["-n"] if os.geteuid() == 0 else ["-rn"]
    probe = subprocess.run(["unshare", *options, "true"], capture_output=True, check=False)
    if probe.returncode:
        raise SystemExit("cannot make a network namespace here; --network on measures with a network, and lets peers validate")
    os.execvp("unshare", ["unshare", *options, "--", sys.executable, *sys.argv])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure stanch beside other scanners on the same input.")
    parser.add_argument("--stanch", type=Path, default=Path(sys.executable).parent / "stanch", help="the command to measure")
    parser.add_argument("--only", default=",".join(INPUTS), help=f"inputs, any of {','.join(INPUTS)}")
    parser.add_argument("--tools", default=",".join(TOOLS), help=f"any of {','.join(TOOLS)}")
    parser.add_argument("--runs", type=int, default=5, help="timed runs of each command (slower than 30 s: one)")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds after which a command is stopped")
    parser.add_argument("--large", action="store_true", help="also a history of more than 40,000 commits")
    parser.add_argument("--work", type=Path, default=Path.home() / ".cache" / "stanch-bench", help="inputs, peers, caches")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full input size, to try the benchmark out")
    parser.add_argument("--network", choices=("off", "on"), default="off", help="on lets peers send what they find to providers")
    args = parser.parse_args()
    for option, allowed in (("only", INPUTS), ("tools", TOOLS)):
        unknown = set(getattr(args, option).split(",")) - set(allowed)
        if unknown:
            parser.error(f"--{option}: {', '.join(sorted(unknown))} is not one of {', '.join(allowed)}")
    if args.runs < 1:
        parser.error("--runs must be at least 1")
    return args


def main() -> int:
    """Build what is missing, measure, report."""
    args = _arguments()
    work = args.work.resolve()
    wanted = args.tools.split(",")
    # Installing needs a network and measuring must not have one, so this comes before the restart.
    tools = [install(name, work / "peers") for name in wanted if name != "stanch"]
    if args.network == "off" and not _isolated():
        _isolate()
    stanch = find_stanch(args.stanch.absolute()) if "stanch" in wanted else None
    if stanch:
        tools.insert(0, stanch)
    elif "stanch" in wanted:
        say(f"no command at {args.stanch}: only the peers are measured, and the bars stay NOT MEASURED")
    names = args.only.split(",") + (["history-large"] if args.large else [])
    corpora = {name: corpus(name, work / "corpora", args.scale) for name in [*names, "tiny"]}
    now = datetime.now(UTC)
    facts = {"date": now.strftime("%Y-%m-%d %H:%M UTC"), **machine()} | ({"scale": f"{args.scale:g}"} if args.scale != 1 else {})
    bench = Bench(work, tools, runs=args.runs, limit=args.timeout)
    bench.warm(corpora["tiny"])
    results = {}
    for name in names:
        say(_TITLES[name])
        results[name] = bench.measure(corpora[name])
    checked = bars(results, corpora)
    imports = import_times(stanch, corpora["tiny"], work) if stanch and "tiny" in names else []
    measured = {name: corpora[name] for name in names}
    args.results.mkdir(parents=True, exist_ok=True)
    data = {
        "facts": facts,
        "versions": {tool.tool: tool.version for tool in tools},
        "inputs": {name: {"bytes": c.size, "hash": c.hash, "planted": len(c.plants), **c.facts} for name, c in measured.items()},
        "results": {name: [_as_json(row) for row in rows] for name, rows in results.items()},
        "bars": [asdict(bar) for bar in checked],
        "imports": imports,
    }
    (args.results / f"speed-{now:%Y-%m-%d}.json").write_text(json.dumps(data, indent=1) + "\n")
    text = markdown(facts, tools, measured, results, checked, imports, args.timeout, args.runs)
    (args.results / "speed.md").write_text(text)
    print(text)
    return 0 if all(bar.passed for bar in checked) else 1


if __name__ == "__main__":
    sys.exit(main())
