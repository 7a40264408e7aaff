"""CSV (RFC 4180): a finding a row, for spreadsheets.

Spreadsheets run cells that begin like a formula, also from a quoted field, so such cells get an apostrophe in front
(https://owasp.org/www-community/attacks/CSV_Injection). What was not read is no row; use another format to see it.
"""

from __future__ import annotations

import csv
from typing import Final, TextIO

from stanch.core.finding import Finding, Location
from stanch.core.report import ScanReport
from stanch.reports.escape import encodable, visible
from stanch.reports.fields import shown_value
from stanch.reports.options import ReportOptions
from stanch.reports.wording import companion_text, point

COLUMNS: Final = (
    "id",
    "severity",
    "confidence",
    "detector",
    "title",
    "provider",
    "kind",
    "value",
    "fingerprint",
    "path",
    "line",
    "column",
    "end_line",
    "end_column",
    "blob",
    "in_head",
    "commit",
    "author",
    "email",
    "date",
    "reasons",
    "companions",
    "also_at",
)
_SEPARATOR: Final = "; "
# The last four are the full-width forms, which East Asian versions of Excel take for the same.
_FORMULA: Final = frozenset("=+-@\t\r\n＝＋－＠")


def write(report: ScanReport, out: TextIO, options: ReportOptions) -> None:
    """Write a header and a row a finding; ``value`` is redacted unless the report may show secrets."""
    fit = encodable(out)
    rows = csv.writer(out, dialect="excel", lineterminator="\r\n")
    rows.writerow(COLUMNS)
    for finding in report.findings:
        rows.writerow([fit(cell) if isinstance(cell, str) else cell for cell in _row(finding, report)])


def _row(finding: Finding, report: ScanReport) -> list[str | int]:
    place, history = finding.location, finding.history
    commit = history.introduced if history else None
    return [
        finding.id,
        finding.severity.value,
        finding.confidence.value,
        _cell(finding.detector),
        _cell(finding.title),
        _cell(finding.provider),
        _cell(finding.kind),
        _cell(shown_value(finding.secret, report)),
        finding.secret.fingerprint,
        _cell(place.path),
        place.line,
        place.column,
        place.end_line,
        place.end_column,
        _cell(place.blob),
        "" if history is None else str(history.in_head).lower(),
        _cell(commit.id) if commit else "",
        _cell(commit.author) if commit else "",
        _cell(commit.email) if commit else "",
        _cell(commit.date) if commit else "",
        _cell(_SEPARATOR.join(finding.reasons)),
        _cell(_SEPARATOR.join(companion_text(companion, report) for companion in finding.companions)),
        _cell(_places(finding.also_at)),
    ]


def _places(places: tuple[Location, ...]) -> str:
    return _SEPARATOR.join(point(place) for place in places)


def _cell(text: str) -> str:
    shown = visible(text)
    return f"'{shown}" if text[:1] in _FORMULA or shown[:1] in _FORMULA else shown
