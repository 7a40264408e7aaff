"""What judging keys costs: the same scan of a source tree with 1,000 key files, with and without `stanch.keys`.

    python benchmarks/keys.py [--runs N] [--results FOLDER]

The key files are those of the test corpus (`tests/support/key_corpus.py`): every container, protection and algorithm, raw, as base64
and inside configuration files. *Without* is the same command with the examination of keys switched off in the process.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

COUNT = 1_000
BAR = 0.10
_WITHOUT = "import stanch.scanning.worker as w; w.KEY_KINDS = frozenset(); from stanch.cli.entry import run; run()"
_WITH = "import stanch.scanning.worker as w; from stanch.cli.entry import run; run()"


def build(folder: Path, tree: Path) -> Path:
    """Lay out the tree with its key files, once; return where it is."""
    target = folder / "keys-tree"
    if (target / ".complete").exists():
        return target
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(tree, target, symlinks=True, ignore_dangling_symlinks=True)
    from tests.support.key_corpus import cases, private_containers
    from tests.support.key_dress import DRESSINGS

    containers = private_containers()
    made = [case for dressing in DRESSINGS for case in cases(containers, dressing)]
    step = max(1, len(made) // COUNT)
    keys = target / "secrets"
    for number, case in enumerate(islice(cycle(made[::step]), COUNT)):
        place = keys / f"{number // 50:02}" / f"{number:04}-{Path(case.name).name}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(case.data)
    (target / ".complete").write_text("")
    return target


def timed(code: str, target: Path, out: Path) -> float:
    """Return the seconds of one scan."""
    command = [sys.executable, "-c", code, "scan", "files", str(target), "--format", "json", "--output", str(out), "--exit-zero"]
    env = {k: v for k, v in os.environ.items() if not k.startswith("STANCH_")}
    start = time.perf_counter()
    subprocess.run(command, check=False, env=env, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--work", type=Path, default=Path.home() / ".cache" / "stanch-bench")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    from corpora import corpus

    print("laying out the tree …", file=sys.stderr)
    target = build(args.work, Path(corpus("tree", args.work / "corpora", 1.0).target))
    out = args.work / "keys.json"
    rows: dict[str, list[float]] = {"with": [], "without": []}
    for _ in range(2):  # caches
        timed(_WITH, target, out)
    for number in range(args.runs):
        for name, code in (("without", _WITHOUT), ("with", _WITH)):  # side by side, so that a slow minute hits both
            rows[name].append(timed(code, target, out))
            print(f"  run {number + 1} {name}: {rows[name][-1]:.2f} s", file=sys.stderr)
    report = json.loads(out.read_text())
    judged = [f for f in report["findings"] if f["key"]]
    medians = {name: statistics.median(values) for name, values in rows.items()}
    added = medians["with"] / medians["without"] - 1
    facts = {
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "key_files": COUNT,
        "bytes_read": report["totals"]["bytes"],
        "findings": len(report["findings"]),
        "judged": len(judged),
        "seconds_with": medians["with"],
        "seconds_without": medians["without"],
        "added": added,
        "passed": added < BAR,
        "runs": rows,
    }
    out.unlink()
    args.results.mkdir(exist_ok=True)
    (args.results / "keys.json").write_text(json.dumps(facts, indent=2) + "\n")
    verdict = "PASS" if added < BAR else "FAIL"
    (args.results / "keys.md").write_text(
        f"""# Judging keys

Measured {facts["at"]} with `benchmarks/keys.py`, {args.runs} runs each, side by side; a tree of {facts["bytes_read"] / 1e6:,.0f} MB with {COUNT:,} key files.

| | |
|---|---|
| judging adds less than 10 % to the scan | {verdict}: {added:+.1%} |
| median with judging | {medians["with"]:.2f} s |
| median without | {medians["without"]:.2f} s |
| findings, judged among them | {len(report["findings"]):,}, {len(judged):,} |
"""
    )
    print((args.results / "keys.md").read_text())


if __name__ == "__main__":
    main()
