"""Scan trees in which no secret should be: the standard library of every Python here, installed packages, system files.

Every finding is explained below, by path and detector; one that is not is UNEXPLAINED and fails the bar. Values that are real
but public (a private key that CPython ships for its tests) are no false alarms, are shown apart, and still count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from known import EXPLAINED, FALSE
from lab import CACHE, Lab, open_lab
from stanch.core.finding import Finding, Skipped
from stanch.scanning.scan import merge
from stanch.scanning.worker import Worker
from stanch.sources.files import FileSource

BAR = 0.05
"""Findings per megabyte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """One root to scan, and what below it belongs to another one."""

    name: str
    root: Path
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A finding in a clean tree, without its value."""

    tree: str
    path: str
    line: int
    detector: str
    confidence: str
    redacted: str
    sort: str
    explanation: str


@dataclass(slots=True)
class Cleanness:
    """What was read and what was found."""

    files: int = 0
    bytes: int = 0
    by_tree: dict[str, tuple[int, int]] = field(default_factory=dict)
    findings: list[Found] = field(default_factory=list)
    skipped: int = 0

    @property
    def per_megabyte(self) -> float:
        """Findings per million bytes."""
        return len(self.findings) / (self.bytes / 1e6) if self.bytes else 0.0

    @property
    def unexplained(self) -> int:
        """Findings that nobody has looked at."""
        return sum(not f.explanation for f in self.findings)


def trees() -> list[Tree]:
    """Return what there is on this machine."""
    found: list[Tree] = []
    pythons = [*sorted(Path.home().glob(".pyenv/versions/*/lib/python*")), *sorted(Path("/usr/lib").glob("python3*"))]
    for root in pythons:
        packages = root / "site-packages"
        found.append(Tree(name="standard library", root=root, without=("site-packages", "dist-packages")))
        found += [Tree(name="Python packages", root=p) for p in (packages, root / "dist-packages") if p.is_dir()]
    for root in (Path("/usr/include"), Path("/usr/share"), Path("/usr/lib/node_modules"), Path("/usr/lib/git-core")):
        if root.is_dir():
            found.append(Tree(name="system files", root=root))
    return [tree for tree in found if tree.root.is_dir()]


def measure(lab: Lab, *, workers: int, only: Sequence[Tree] | None = None) -> Cleanness:
    """Scan the trees with default settings.

    Args:
        lab: the engine.
        workers: processes; a tree is one share of work.
        only: these instead of all.
    """
    chosen = list(trees() if only is None else only)
    result = Cleanness()
    if workers > 1:
        with ProcessPoolExecutor(workers) as pool:
            scanned = list(pool.map(_scan_alone, chosen))
    else:
        scanned = [scan_tree(lab, tree) for tree in chosen]
    for tree, (findings, size, files, skipped) in zip(chosen, scanned, strict=True):
        result.files += files
        result.bytes += size
        result.skipped += skipped
        before = result.by_tree.get(tree.name, (0, 0))
        result.by_tree[tree.name] = (before[0] + size, before[1] + len(findings))
        result.findings += findings
    result.findings.sort(key=lambda f: (f.tree, f.detector, f.path, f.line))
    return result


def _scan_alone(tree: Tree) -> tuple[list[Found], int, int, int]:
    return scan_tree(open_lab(CACHE), tree)


def scan_tree(lab: Lab, tree: Tree) -> tuple[list[Found], int, int, int]:
    """Return findings, bytes on disk, files and how many could not be read."""
    worker = Worker(lab.context, lab.engine)
    size = files = skipped = 0
    findings: list[Finding] = []
    for job in FileSource(root=str(tree.root), excluded=lambda path, _: Path(path).name in tree.without).jobs():
        if isinstance(job, Skipped):
            skipped += 1
            continue
        result = worker.run(job)
        size += job.cost
        files += result.blobs
        skipped += len(result.skipped)
        findings += result.findings
    return list(_explained(tree, merge(findings))), size, files, skipped


def _explained(tree: Tree, findings: Sequence[Finding]) -> Iterator[Found]:
    for finding in findings:
        path = finding.location.path
        sort, explanation = explain(path, finding.detector)
        yield Found(
            tree=tree.name, path=path, line=finding.location.line, detector=finding.detector, confidence=finding.confidence.value,
            redacted=finding.secret.redacted, sort=sort, explanation=explanation,
        )  # fmt: skip


def explain(path: str, detector: str) -> tuple[str, str]:
    """Return the sort of a finding and its explanation; empty when nobody has looked at it."""
    for pattern, which, sort, text in EXPLAINED:
        if fnmatchcase(path, pattern) and fnmatchcase(detector, which):
            return sort, text
    return FALSE, ""
