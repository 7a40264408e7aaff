"""The whole of `stanch scan`, without the command line: settings in, report out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stanch import __version__
from stanch.catalog.compiled import cache_folder, catalog_key, is_warm
from stanch.core.finding import Finding, History, Severity
from stanch.core.records import dataclass
from stanch.core.report import ScanReport
from stanch.scanning.context import ScanContext, installation_key
from stanch.scanning.findings import WAITING_TAG
from stanch.scanning.scan import Collected, Progress, Silent, collect, merge, report, with_links
from stanch.scanning.selection import detector_facts
from stanch.scanning.targets import Target, plan
from stanch.scanning.verdicts import Verdicts
from stanch.scanning.worker import Held
from stanch.sources.limits import Limits

if TYPE_CHECKING:
    from stanch.config.baseline import Baseline
    from stanch.config.foreign import ForeignIgnores
    from stanch.config.load import Loaded
    from stanch.scanning.asking import Asker
    from stanch.sources.git_changes import GitChanges


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Outcome:
    """A finished scan.

    Attributes:
        report: what to show.
        interrupted: whether the user stopped it.
        known: findings that the baseline covers.
        everything: findings before the baseline took its own out, for making a baseline.
        warnings: what people should know about the settings: allow rules that have expired.
        held: each match held back, when the settings ask for more words.
    """

    report: ScanReport
    interrupted: bool
    known: tuple[Finding, ...]
    everything: tuple[Finding, ...]
    warnings: tuple[str, ...] = ()
    held: tuple[Held, ...] = ()


def run_scan(
    loaded: Loaded,
    mode: str,
    arguments: Sequence[str],
    *,
    baseline: Baseline | None = None,
    progress: Progress | None = None,
    foreign: ForeignIgnores | None = None,
    ask: Asker | None = None,
    keep: bool = False,
    around: int = 0,
) -> Outcome:
    """Scan.

    Args:
        loaded: settings and where they come from.
        mode: one of `stanch.scanning.targets.MODES` or empty.
        arguments: paths, ``-``, revisions.
        baseline: accepted findings; its salt is used for digests.
        progress: is told how far it got.
        foreign: what other scanners' ignore files accept.
        ask: adds what issuers say of the findings that are reported; nobody is asked without it.
        keep: whether the outcome's findings still hold their values, for whoever seals them.
        around: lines before and after each place that findings carry, masked.

    Raises:
        StanchError: something cannot be scanned at all.
    """
    progress = progress or Silent()
    keep = keep or loaded.settings.show_secrets
    context = _context(loaded, baseline, foreign, keep_values=keep or ask is not None, around=around)
    if not is_warm(context.catalog_key, context.cache):
        progress.phase("preparing the detectors, once for this version")
    verdicts = Verdicts(context)
    allowlist = verdicts.allowlist

    def excluded(path: str, is_dir: bool) -> bool:
        return allowlist is not None and allowlist.path_excluded(path) is not None

    targets = plan(mode, arguments, loaded.settings, excluded)
    found = Collected()
    placed: list[Finding] = []
    commits = 0
    for target in targets:
        part = collect([target.source], context, workers=loaded.settings.jobs, progress=progress)
        commits += part.commits
        _add(found, part)
        placed = _placed(target, part, placed, progress)
        if part.interrupted:
            break
    findings = with_links([_untagged(f) for f in _kept(merge(placed), verdicts, loaded, foreign, found)])
    known = tuple(f for f in findings if baseline is not None and baseline.covers(f))
    if known:
        found.hidden["baseline"] = found.hidden.get("baseline", 0) + len(known)
    hidden = set(map(id, known))
    shown = [f for f in findings if id(f) not in hidden]
    if ask is not None:
        shown = _asked(shown, ask, found, keep=keep)
    if context.keep_values and shown:
        from stanch.scanning.validity import without_certificates

        shown = without_certificates(shown)
    made = report(
        found,
        shown,
        targets=[t for n, t in enumerate(x.shown for x in targets) if t not in [y.shown for y in targets[:n]]],
        version=__version__,
        detectors=detector_facts(context, {f.detector for f in findings}),
        commits=commits,
        show_secrets=loaded.settings.show_secrets,
    )
    return Outcome(
        report=made,
        interrupted=found.interrupted,
        known=known,
        everything=tuple(findings),
        warnings=tuple(allowlist.warnings) if allowlist is not None else (),
        held=tuple(found.held),
    )


def _asked(findings: list[Finding], ask: Asker, found: Collected, *, keep: bool) -> list[Finding]:
    """Ask issuers; an interruption meanwhile loses none of what was found."""
    from stanch.scanning.validity import without_values

    try:
        findings = ask(findings)
    except KeyboardInterrupt:
        found.interrupted = True
    return findings if keep else without_values(findings)


def _context(
    loaded: Loaded, baseline: Baseline | None, foreign: ForeignIgnores | None, *, keep_values: bool, around: int
) -> ScanContext:
    settings = loaded.settings
    detectors = tuple(Path(d) for d in settings.detectors)
    return ScanContext(
        key=installation_key(),
        salt=baseline.salt if baseline is not None else b"",
        detectors=detectors,
        catalog_key=catalog_key(detectors),
        only=settings.only,
        skip=settings.skip,
        keep_values=keep_values,
        allow_comments=settings.allow_comments,
        min_confidence=settings.min_confidence,
        decode_depth=settings.decode_depth,
        limits=Limits(depth=settings.max_depth, members=settings.max_members, expanded=settings.max_expanded),
        cache=cache_folder(),
        allow=(*settings.allow, *(foreign.rules if foreign else ())),
        exclude=settings.exclude,
        prefix=loaded.prefix(Path.cwd()),
        verbose=settings.verbose,
        around=around,
        now=time.time(),
        sha1=bool(foreign and foreign.detect_secrets.hashes),
    )


def _add(found: Collected, part: Collected) -> None:
    found.skipped.extend(part.skipped)
    found.held.extend(part.held)
    found.references.extend(r for r in part.references if r.location.path)  # what only the past mentions needs no key today
    found.blobs += part.blobs
    found.bytes += part.bytes
    found.interrupted = found.interrupted or part.interrupted
    for reason, count in part.hidden.items():
        found.hidden[reason] = found.hidden.get(reason, 0) + count


def _placed(target: Target, part: Collected, before: list[Finding], progress: Progress) -> list[Finding]:
    """Add a target's findings to those before it, with their places in history."""
    if target.history is not None:
        from stanch.scanning.placing import join_work_tree, place_history

        progress.phase("looking up commits")
        objects = [f for f in part.findings if f.location.blob]
        history = place_history(objects, target.history)
        mine = [f for f in before if f.location.path.startswith(target.prefix)]
        others = [f for f in before if not f.location.path.startswith(target.prefix)]
        return others + join_work_tree(mine, history, target.prefix)
    if target.change is not None:
        return before + _with_commits(part.findings, target.change)
    return before + part.findings


def _with_commits(findings: list[Finding], change: GitChanges) -> list[Finding]:
    """Add the commit that brought each finding in, where the change is one of commits, and whether HEAD still has it."""
    from stanch.sources.git_locate import head_blobs

    commits = {id(f): change.place_of(f.location.blob, f.location.path) for f in findings}
    in_head = head_blobs(change.repo, {f.location.blob for f in findings if commits[id(f)] is not None})
    out = []
    for finding in findings:
        commit, path = commits[id(finding)], finding.location.path
        if commit is not None:
            still = path.partition("!")[0] in in_head.get(finding.location.blob, ())
            finding = replace(finding, history=History(introduced=replace(commit, subject=""), in_head=still, paths=(path,)))
        out.append(finding)
    return out


def _kept(
    findings: Iterable[Finding], verdicts: Verdicts, loaded: Loaded, foreign: ForeignIgnores | None, found: Collected
) -> list[Finding]:
    least = Severity(loaded.settings.min_severity).rank
    out = []
    for finding in findings:
        reason = verdicts.on_finding(finding)
        if not reason and finding.severity.rank < least:
            reason = "low_severity"
        if not reason and foreign and _foreign(finding, foreign):
            reason = "baseline"
        if reason:
            found.hidden[reason] = found.hidden.get(reason, 0) + 1
        else:
            out.append(finding)
    return out


def _foreign(finding: Finding, foreign: ForeignIgnores) -> bool:
    place = finding.location
    commit = finding.history.introduced if finding.history else None
    return (
        foreign.covers(
            place.path, place.line, place.end_line, [commit.id] if commit else [], lambda: finding.tags.get("sha1", "")
        )
        is not None
    )


def _untagged(finding: Finding) -> Finding:
    tags = {k: v for k, v in finding.tags.items() if k not in (WAITING_TAG, "sha1")}
    return replace(finding, tags=tags) if tags != finding.tags else finding
