"""JSON: one object with everything the scan knows. Its schema is ``schemas/scan.schema.json``."""

from __future__ import annotations

from typing import Final, TextIO

from stanch.core.report import ScanReport
from stanch.reports.escape import well_formed
from stanch.reports.fields import detector_fields, finding_fields, hidden_fields, reference_fields, skipped_fields, totals_fields
from stanch.reports.options import ReportOptions
from stanch.reports.stream import Rows, write_json

SCHEMA: Final = "stanch.scan/1"


def write(report: ScanReport, out: TextIO, options: ReportOptions) -> None:
    """Write the report as one JSON object, finding by finding."""
    write_json(
        {
            "schema": SCHEMA,
            "version": report.version,
            "targets": [well_formed(target) for target in report.targets],
            "findings": Rows(finding_fields(finding, report) for finding in report.findings),
            "references": Rows(reference_fields(reference) for reference in report.references),
            "skipped": Rows(skipped_fields(item) for item in report.skipped),
            "hidden": hidden_fields(report),
            "totals": totals_fields(report),
            "detectors": {key: detector_fields(report.detectors[key]) for key in sorted(report.detectors)},
        },
        out,
    )
