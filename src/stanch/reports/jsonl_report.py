"""JSON Lines: a finding a line, then what was skipped, then one summary. Each line says its ``type``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, TextIO

from stanch.core.report import ScanReport
from stanch.reports.escape import well_formed
from stanch.reports.fields import finding_fields, hidden_fields, skipped_fields, totals_fields
from stanch.reports.groups import group_findings
from stanch.reports.options import ReportOptions

SCHEMA: Final = "stanch.scan.lines/1"


def write(report: ScanReport, out: TextIO, options: ReportOptions) -> None:
    """Write the report line by line; the last line is the summary, so a report cut short shows it."""
    for line in _lines(report):
        out.write(json.dumps(line, separators=(",", ":")) + "\n")


def _lines(report: ScanReport) -> Iterator[dict[str, Any]]:
    for finding in report.findings:
        yield {"type": "finding", **finding_fields(finding, report)}
    for item in report.skipped:
        yield {"type": "skipped", **skipped_fields(item)}
    yield {
        "type": "summary",
        "schema": SCHEMA,
        "version": report.version,
        "targets": [well_formed(target) for target in report.targets],
        "findings": len(report.findings),
        "secrets": len(group_findings(report.findings)),
        "skipped": len(report.skipped),
        "hidden": hidden_fields(report),
        "totals": totals_fields(report),
    }
