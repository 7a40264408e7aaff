"""Sentences that text, Markdown and HTML share, so that all three say the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from stanch.core.finding import Commit, Companion, Finding, Location, Severity, Skipped
from stanch.core.records import dataclass
from stanch.core.report import ScanReport
from stanch.reports.escape import visible
from stanch.reports.fields import shown_value
from stanch.reports.groups import SecretGroup, count_by_severity

NOT_IN_HEAD: Final = "not in HEAD"
LISTED_SKIPPED: Final = 10  # beyond this many, what was not read is told by reason
_HIDDEN: Final = {
    "low_confidence": "of low confidence",
    "baseline": "in the baseline",
    "allowed": "allowed by a rule",
    "comment": "allowed by a comment beside it",
    "lock_file": "in lock or checksum files",
    "compiled": "known by name only, in compiled files",
    "public_key": "public: certificates or keys without their private part",
    "low_severity": "below the least severity",
}
_UNITS: Final = ("kB", "MB", "GB", "TB", "PB")


def plural(count: int, one: str, many: str = "") -> str:
    """Return ``1 secret``, ``1,204 secrets``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def size(count: int) -> str:
    """Return a number of bytes in decimal units."""
    if count < 1000:
        return plural(count, "byte")
    amount = float(count)
    for unit in _UNITS:
        amount /= 1000
        if amount < 999.95 or unit == _UNITS[-1]:
            break
    return f"{amount:,.1f} {unit}"


def headline(groups: Sequence[SecretGroup]) -> str:
    """Return ``3 secrets at 5 places: 1 critical, 2 high``."""
    if not groups:
        return "No secrets found"
    places = sum(len(group.places) for group in groups)
    return f"{plural(len(groups), 'secret')} at {plural(places, 'place')}: {severities(count_by_severity(groups))}"


def severities(counts: dict[Severity, int]) -> str:
    """Return ``1 critical, 2 high``."""
    return ", ".join(f"{count:,} {severity.value}" for severity, count in counts.items())


def what_was_read(report: ScanReport) -> str:
    """Return one sentence about the amount read."""
    totals = report.totals
    if totals.commits:
        versions = plural(totals.blobs, "file version")
        return f"Read {versions} ({size(totals.bytes)}) from {plural(totals.commits, 'commit')}."
    return f"Read {plural(totals.blobs, 'file')} ({size(totals.bytes)})."


def what_was_hidden(report: ScanReport) -> str:
    """Return one sentence about findings held back, or nothing."""
    parts = [
        f"{count:,} {_HIDDEN.get(why, visible(why.replace('_', ' ')))}" for why, count in sorted(report.hidden.items()) if count
    ]
    return f"Not shown: {', '.join(parts)}." if parts else ""


def incomplete(report: ScanReport) -> str:
    """Return one sentence about what could not be read, or nothing."""
    if not report.skipped:
        return ""
    return f"The scan is incomplete: {plural(len(report.skipped), 'thing')} could not be read."


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedRow:
    """One line about what was not read: one thing, or many of the same kind."""

    what: str
    code: str
    reason: str


def skipped_rows(skipped: Sequence[Skipped]) -> list[SkippedRow]:
    """Return a row each for a few; for many, a row a reason with how many and the first of them."""
    if len(skipped) <= LISTED_SKIPPED:
        return [SkippedRow(what=visible(item.path), code=item.code, reason=visible(item.reason)) for item in skipped]
    kinds: dict[str, list[Skipped]] = {}
    for item in skipped:
        kinds.setdefault(item.code, []).append(item)
    return [_skipped_row(code, items) for code, items in kinds.items()]


def _skipped_row(code: str, items: list[Skipped]) -> SkippedRow:
    first = items[0]
    rest = f" and {len(items) - 1:,} more" if len(items) > 1 else ""
    return SkippedRow(what=f"{visible(first.path)}{rest}", code=code, reason=visible(first.reason))


def path_of(place: Location) -> str:
    """Return the path for people; an object that no path is known for is named by its id."""
    if place.path:
        return visible(place.path)
    return f"git object {visible(place.blob[:12])}" if place.blob else "(no path)"


def point(place: Location) -> str:
    """Return ``path:line:column``, which terminals and editors turn into a link."""
    return f"{path_of(place)}:{place.line}:{place.column}"


def companion_text(companion: Companion, report: ScanReport) -> str:
    """Return ``account name deploy-bot (line 11)``; a secret one is redacted."""
    what = companion.shown or shown_value(companion.secret, report)
    return f"{visible(companion.name)}: {visible(what)} (line {companion.line})"


def history_text(finding: Finding) -> str:
    """Return where the secret stands in the history, or nothing when no history was read."""
    history = finding.history
    if history is None:
        return ""
    came = "in no commit that a branch or tag leads to" if history.introduced is None else introduced_text(history.introduced)
    where = "still in HEAD" if history.in_head else "no longer in HEAD"
    versions = f", in {plural(history.blobs, 'version')} of the file" if history.blobs > 1 else ""
    return f"{came}; {where}{versions}"


def introduced_text(commit: Commit) -> str:
    """Return ``introduced in 3fa2c1d0 by Ada on 2024-03-02``."""
    return f"introduced in {visible(commit.id[:10])} by {visible(commit.author)} on {visible(commit.date[:10])}"


def decoded_text(finding: Finding) -> str:
    """Return how the value was wrapped, outermost first."""
    return " › ".join(visible(step) for step in finding.decoded)


def judged_lines(group: SecretGroup, findings: Sequence[Finding] = ()) -> Iterator[tuple[str, str]]:
    """Yield (label, text) about what is known of a key and of a credential's validity; mostly nothing.

    Args:
        group: the secret.
        findings: all of the report, to say where else its key is.
    """
    lead = group.lead
    if lead.key is None and lead.validity is None:
        return
    from stanch.reports.key_text import key_lines, validity_lines

    if lead.key is not None:
        yield from key_lines(lead.key)
    others = tuple(dict.fromkeys(i for finding in group.findings for i in finding.same_key))
    others = tuple(i for i in others if i not in {finding.id for finding in group.findings})
    if others:
        places = {finding.id: point(finding.location) for finding in findings}
        shown = list(dict.fromkeys(places.get(i, i) for i in others))
        yield "same key", f"as in {', '.join(shown[:5])}" + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")
    if lead.validity is not None:
        yield from validity_lines(lead.validity)


def what_is_mentioned(report: ScanReport, groups: Sequence[SecretGroup]) -> str:
    """Return one sentence about mentions of certificates, above all of those whose keys leaked; or nothing."""
    if not report.references:
        return ""
    leaked = {
        certificate.sha1
        for group in groups
        if group.lead.key is not None
        for certificate in (group.lead.key.certificate, *group.lead.key.chain)
        if certificate is not None
    }
    hit = [reference for reference in report.references if reference.thumbprint in leaked]
    text = f"{plural(len(report.references), 'mention')} of certificates by thumbprint (no leak; JSON lists them)"
    if hit:
        places = ", ".join(point(reference.location) for reference in hit[:5])
        text += f"; of leaked ones, so these use them: {places}" + (f" and {len(hit) - 5} more" if len(hit) > 5 else "")
    return f"{text}."


def what_issuers_said(groups: Sequence[SecretGroup]) -> str:
    """Return one sentence counting what issuers said, or nothing when nobody asked."""
    said = [group.lead.validity.validity.value for group in groups if group.lead.validity is not None]
    order = ("live", "dormant", "expired", "dead", "inconclusive", "unchecked")
    counts = [f"{said.count(word):,} {word}" for word in order if word in said]
    return f"Issuers say: {', '.join(counts)}." if counts else ""
