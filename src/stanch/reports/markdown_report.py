"""Markdown for a comment on a pull request: a table to see at a glance, details to unfold, and what to do.

Comments have a limit (65,536 characters on GitHub), so the worst secrets come first and what no longer fits is
counted. Comments are read by everyone who may read the repository, so values stay redacted even with
``--show-secrets``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TextIO

from stanch.core.report import ScanReport
from stanch.reports import advice
from stanch.reports.escape import encodable, middle_cut, visible_lines
from stanch.reports.groups import Place, SecretGroup, count_by_severity, group_findings, worst_first
from stanch.reports.markup import code, fenced, html_code, prose
from stanch.reports.options import ReportOptions
from stanch.reports.wording import (
    NOT_IN_HEAD,
    companion_text,
    decoded_text,
    headline,
    history_text,
    incomplete,
    judged_lines,
    path_of,
    plural,
    severities,
    skipped_rows,
    what_was_hidden,
    what_was_read,
)

MARKER: Final = "<!-- stanch report -->"  # by which a job finds its own comment again to update it
LIMIT: Final = 60_000  # characters
_NOTE: Final = 300  # kept free for the note about what was left out
_TEXT: Final = 300  # of any one text
_LINE: Final = 200
_LINES: Final = 12
_PLACES: Final = 20
_REASONS: Final = 10
_LITTLE: Final = 400  # with less room than this, no more secrets are tried
_UNREAD: Final = 8_000  # characters about what was not read
_TABLE: Final = "| Severity | Secret | Where | Confidence |\n| --- | --- | --- | --- |"


def write(report: ScanReport, out: TextIO, options: ReportOptions) -> None:
    """Write the comment, at most `LIMIT` characters long."""
    groups = worst_first(group_findings(report.findings))
    head, foot = _head(report, groups), _foot(report, groups, options)
    rows, details, left = _fitting(groups, LIMIT - len(head) - len(foot) - len(_TABLE) - _NOTE, report, options)
    parts = [head]
    if rows:
        parts.append("\n".join((_TABLE, *rows)))
    if left:
        why = severities(count_by_severity(left))
        parts.append(f"**{plural(len(left), 'more secret')} did not fit here** ({why}). The HTML and JSON reports hold them all.")
    parts.extend(details)
    parts.append(foot)
    out.write(encodable(out)("\n\n".join(part for part in parts if part) + "\n"))


def _fitting(
    groups: Sequence[SecretGroup], room: int, report: ScanReport, options: ReportOptions
) -> tuple[list[str], list[str], list[SecretGroup]]:
    """Return table rows and details for at most *room* characters, and the groups that did not fit.

    One huge secret must not push the others out: without room for its details it keeps its row.
    """
    rows: list[str] = []
    details: list[str] = []
    left: list[SecretGroup] = []
    for number, group in enumerate(groups):
        if room < _LITTLE:
            return rows, details, [*left, *groups[number:]]
        row, detail = _row(group), _detail(group, report, options)
        if len(row) + 1 > room:
            left.append(group)
            continue
        rows.append(row)
        room -= len(row) + 1
        if len(detail) + 2 <= room:
            details.append(detail)
            room -= len(detail) + 2
    return rows, details, left


def _head(report: ScanReport, groups: Sequence[SecretGroup]) -> str:
    said = [what_was_read(report), prose(what_was_hidden(report))]
    return f"{MARKER}\n## Stanch: {headline(groups)}\n\n{' '.join(part for part in said if part)}"


def _row(group: SecretGroup) -> str:
    first, *others = group.places
    more = f" and {plural(len(others), 'more place')}" if others else ""
    gone = f" ({NOT_IN_HEAD})" if group.in_head is False else ""
    what = f"{prose(_short(group.lead.title))} {code(_short(group.lead.secret.redacted))}"
    return f"| **{group.severity.value}** | {what} | {_point(first)}{more}{gone} | {group.confidence.value} |"


def _detail(group: SecretGroup, report: ScanReport, options: ReportOptions) -> str:
    lead = group.lead
    title = f"{group.severity.value}: {prose(_short(lead.title))} at {html_code(_short(path_of(lead.location)))}"
    parts = [f"<details><summary>{title}</summary>"]
    lines = [middle_cut(line, _LINE) for line in visible_lines(lead.snippet)]
    if lines:
        parts.append(fenced([*lines[:_LINES], "…"] if len(lines) > _LINES else lines))
    parts.append("\n".join(f"- {fact}" for fact in _facts(group, report)))
    if options.next_steps:
        parts.append(_next(group, report))
    parts.append("</details>")
    return "\n\n".join(parts)


def _facts(group: SecretGroup, report: ScanReport) -> list[str]:
    lead, places = group.lead, group.places
    shown = ", ".join(_point(place) + (f" ({NOT_IN_HEAD})" if place.in_head is False else "") for place in places[:_PLACES])
    more = f" and {plural(len(places) - _PLACES, 'more')}" if len(places) > _PLACES else ""
    safe = _unrevealing(report)
    facts = [
        f"**Detector:** {code(_short(lead.detector))}, {group.confidence.value} confidence",
        f"**Places:** {shown}{more}",
    ]
    for label, texts in (
        ("Why", list(lead.reasons)),
        ("Found inside", [decoded_text(lead)]),
        ("With", [companion_text(companion, safe) for companion in group.companions]),
        ("History", [history_text(lead)]),
        ("Known", [f"{label}: {text}" if label else text for label, text in judged_lines(group, report.findings)]),
    ):
        said = "; ".join(prose(_short(text)) for text in texts[:_REASONS] if text)
        if said:
            facts.append(f"**{label}:** {said}")
    return facts


def _unrevealing(report: ScanReport) -> ScanReport:
    """Return a report that reveals nothing, for the wording that would follow ``--show-secrets``."""
    return ScanReport(version=report.version, targets=(), findings=(), show_secrets=False)


def _next(group: SecretGroup, report: ScanReport) -> str:
    url = advice.help_url(group, report.detectors)
    how = f" [How to revoke it](<{url}>)." if url else ""
    notes = prose(_short(advice.notes(group, report.detectors)))
    return (
        f"**Next:** {prose(advice.next_step(group))} {notes}".rstrip()
        + f"{how} More: {code(advice.command(group, report.detectors))}"
    )


def _foot(report: ScanReport, groups: Sequence[SecretGroup], options: ReportOptions) -> str:
    parts: list[str] = []
    if report.skipped:
        parts.append(f"**{incomplete(report)}**\n\n{_unread(report)}")
    if groups and options.next_steps:
        ways = "\n".join(f"- **{when}** {how}." for when, how in advice.accepting())
        parts.append(
            f"### What now\n\nRevoke first, then remove: a secret in a pull request is already in the history.\n\n{ways}"
        )
    parts.append(f"<sub>Stanch {prose(report.version)}</sub>")
    return "\n\n".join(parts)


def _unread(report: ScanReport) -> str:
    lines: list[str] = []
    room = _UNREAD
    for row in skipped_rows(report.skipped):
        line = f"- {code(_short(row.what))}: {prose(_short(row.reason))} ({code(_short(row.code))})"
        room -= len(line) + 1
        if room < 0:
            lines.append("- … and more")
            break
        lines.append(line)
    return "\n".join(lines)


def _point(place: Place) -> str:
    where = place.location
    return code(f"{_short(path_of(where))}:{where.line}")


def _short(text: str) -> str:
    return middle_cut(text, _TEXT)
