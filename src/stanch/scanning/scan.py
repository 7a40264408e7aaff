"""Run a scan: sources → jobs → workers → one report in a fixed order.

The order in which workers finish never shows: results are put back into the order of their jobs, findings are sorted by
place, and everything merged is merged after that.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import Protocol

from stanch.core.finding import Finding, Reference, Skipped
from stanch.core.records import dataclass
from stanch.core.report import DetectorInfo, ScanReport, Totals
from stanch.scanning.context import ScanContext
from stanch.scanning.pool import run_jobs
from stanch.scanning.worker import Held, JobResult, settle
from stanch.sources.blob import Job, Source


class Progress(Protocol):
    """Is told how far a scan got. Calls are cheap; showing is the other side's business."""

    def planned(self, cost: int) -> None:
        """More work was found: bytes."""

    def done(self, cost: int, findings: int) -> None:
        """Work was finished: bytes, and findings in it."""

    def phase(self, text: str) -> None:
        """Something else than reading goes on."""


class Silent:
    """Shows nothing."""

    def planned(self, cost: int) -> None:
        """Do nothing."""

    def done(self, cost: int, findings: int) -> None:
        """Do nothing."""

    def phase(self, text: str) -> None:
        """Do nothing."""


@dataclass(slots=True, eq=False, repr=False)
class Collected:
    """What the workers found, in the order of their jobs."""

    findings: list[Finding] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    hidden: dict[str, int] = field(default_factory=dict)
    held: list[Held] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    blobs: int = 0
    bytes: int = 0
    commits: int = 0
    interrupted: bool = False


def collect(sources: Iterable[Source], context: ScanContext, *, workers: int = 0, progress: Progress | None = None) -> Collected:
    """Scan everything the sources name.

    Args:
        sources: where to look, in order.
        context: the scan's settings.
        workers: processes; 0 for one a core.
        progress: is told how far it got.

    Returns:
        What was found, also when the user interrupted it half way (`Collected.interrupted`).
    """
    progress = progress or Silent()
    results: dict[int, JobResult] = {}
    costs: dict[int, int] = {}
    found = Collected()
    try:
        for number, result in run_jobs(_planned(sources, costs, progress, found), context, workers or os.cpu_count() or 1):
            results[number] = result
            progress.done(costs.get(number, 0), len(result.findings))
    except KeyboardInterrupt:
        found.interrupted = True
    pieces: dict[str, dict[int, tuple[int, int]]] = {}
    for number in sorted(results):
        result = results[number]
        found.findings.extend(result.findings)
        found.skipped.extend(result.skipped)
        found.held.extend(result.held)
        found.references.extend(result.references)
        found.blobs += result.blobs
        found.bytes += result.bytes
        for reason, count in result.hidden.items():
            found.hidden[reason] = found.hidden.get(reason, 0) + count
        if result.piece:
            path, start, newlines, last = result.piece
            pieces.setdefault(path, {})[start] = (newlines, last)
    found.findings = settle(found.findings, pieces)
    return found


def _planned(sources: Iterable[Source], costs: dict[int, int], progress: Progress, found: Collected) -> Iterator[Job | Skipped]:
    number = 0
    for source in sources:
        for job in source.jobs():
            if not isinstance(job, Skipped):
                costs[number] = job.cost
                progress.planned(job.cost)
                if getattr(job, "kind", "") == "commit":
                    found.commits += len(getattr(job, "objects", ()))
            number += 1
            yield job


def merge(findings: Iterable[Finding]) -> list[Finding]:
    """Put findings of the same secret in the same blob together, and all into report order."""
    found: dict[tuple[str, str, str, str], Finding] = {}
    for finding in sorted(findings, key=Finding.sort_key):
        key = (finding.detector, finding.secret.fingerprint, finding.location.path, finding.location.blob)
        first = found.get(key)
        if first is None:
            found[key] = finding
        else:
            places = {*first.also_at, finding.location, *finding.also_at} - {first.location}
            found[key] = replace(first, also_at=tuple(sorted(places, key=lambda p: (p.path, p.start, p.blob))))
    return _told_apart(sorted(found.values(), key=Finding.sort_key))


def with_links(findings: list[Finding]) -> list[Finding]:
    """Tell findings of one key pair about each other; free where no key was found."""
    if all(finding.key is None for finding in findings):
        return findings
    from stanch.scanning.judging import linked

    return linked(findings)


def _told_apart(findings: list[Finding]) -> list[Finding]:
    """Number findings that would have the same id: two passwords of one length in one file look alike when redacted."""
    seen: dict[str, int] = {}
    out = []
    for finding in findings:
        count = seen[finding.id] = seen.get(finding.id, 0) + 1
        out.append(replace(finding, tags={**finding.tags, "ordinal": str(count)}) if count > 1 else finding)
    return out


def report(
    found: Collected,
    findings: Sequence[Finding],
    *,
    targets: Sequence[str],
    version: str,
    detectors: Mapping[str, DetectorInfo],
    commits: int = 0,
    show_secrets: bool = False,
) -> ScanReport:
    """Make the report of a scan."""
    skipped = sorted(set(found.skipped), key=lambda s: (s.path, s.code, s.reason))
    if found.interrupted:
        skipped.append(
            Skipped(path="", code="interrupted", reason="the scan was interrupted; what was found until then is reported")
        )
    return ScanReport(
        version=version,
        targets=tuple(targets),
        findings=tuple(findings),
        skipped=tuple(skipped),
        totals=Totals(blobs=found.blobs, bytes=found.bytes, commits=commits),
        hidden=dict(sorted(found.hidden.items())),
        detectors={d: detectors[d] for d in sorted({f.detector for f in findings}) if d in detectors},
        references=_references(found.references),
        show_secrets=show_secrets,
    )


def _references(found: Iterable[Reference]) -> tuple[Reference, ...]:
    """Put mentions in order of place, each place once: a work tree and its history hold the same."""
    unique = {(r.location.path, r.location.line, r.thumbprint): r for r in reversed(list(found))}
    return tuple(unique[key] for key in sorted(unique))
