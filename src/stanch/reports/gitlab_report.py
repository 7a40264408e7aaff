"""GitLab secret-detection report, version 15.2.1 of its schema.

Schema: https://gitlab.com/gitlab-org/security-products/security-report-schemas. It demands times; the clock is the
caller's, and without one the report holds a fixed time and stays reproducible. Reports are uploaded and kept, so
values stay redacted even with ``--show-secrets``, and ``raw_source_code_extract`` is left out.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from stanch.core.errors import InputError
from stanch.core.finding import Confidence, Finding, Location
from stanch.core.report import ScanReport
from stanch.reports import advice
from stanch.reports.escape import middle_cut, visible, well_formed
from stanch.reports.groups import SecretGroup
from stanch.reports.markup import code, prose
from stanch.reports.options import ReportOptions
from stanch.reports.stream import Rows, write_json
from stanch.reports.wording import decoded_text, history_text, judged_lines, path_of, skipped_rows

VERSION: Final = "15.2.1"
NO_TIME: Final = "1970-01-01T00:00:00"
NO_COMMIT: Final = "0000000"  # what GitLab's own analyzers write when there is no history
_NAME: Final = 255
_SOLUTION: Final = 7000
_DESCRIPTION: Final = 20_000  # the schema allows a megabyte, which nobody reads
_CWE: Final = {
    "type": "cwe",
    "name": "CWE-798",
    "value": "798",
    "url": "https://cwe.mitre.org/data/definitions/798.html",
}

JSON = dict[str, Any]


def write(report: ScanReport, out: TextIO, options: ReportOptions) -> None:
    """Write the report, finding by finding.

    Raises:
        InputError: a time in the options is none.
    """
    tool = {"id": "stanch", "name": "Stanch", "version": report.version or "0", "vendor": {"name": "Stanch"}}
    write_json(
        {
            "version": VERSION,
            "scan": {
                "analyzer": tool,
                "scanner": tool,
                "type": "secret_detection",
                "start_time": _utc(options.started_at),
                "end_time": _utc(options.ended_at),
                "status": "success",
                "messages": [
                    {"level": "warn", "value": f"Not read: {row.what}. {row.reason} ({row.code})"}
                    for row in skipped_rows(report.skipped)
                ],
            },
            "vulnerabilities": Rows(_vulnerabilities(report)),
        },
        out,
    )


def _utc(text: str) -> str:
    if not text:
        return NO_TIME
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise InputError(f"{text!r} is no ISO 8601 time.", hint="Write it like 2024-03-02T09:15:00Z.") from exc
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _vulnerabilities(report: ScanReport) -> Iterator[JSON]:
    seen: Counter[str] = Counter()
    for finding in report.findings:
        # Two short passwords in one file share an id, because the id holds no trace of the value; GitLab wants unique ones.
        seen[finding.id] += 1
        yield _vulnerability(finding, f"{finding.id}/{seen[finding.id]}", report)


def _vulnerability(finding: Finding, key: str, report: ScanReport) -> JSON:
    group = SecretGroup(findings=(finding,))
    url = advice.help_url(group, report.detectors)
    title = visible(finding.title)
    result: JSON = {
        "id": str(uuid.UUID(bytes=hashlib.sha256(key.encode()).digest()[:16], version=4)),
        "name": middle_cut(title, _NAME),
        "description": _description(finding),
        "severity": finding.severity.value.capitalize(),
        "solution": middle_cut(f"{advice.next_step(group)} {advice.notes(group, report.detectors)}".strip(), _SOLUTION),
        "identifiers": [
            {"type": "stanch_detector", "name": f"Stanch {visible(finding.detector)}", "value": well_formed(finding.detector)},
            _CWE,
        ],
        "location": _location(finding),
        "details": _details(finding),
    }
    if url:
        result["links"] = [{"name": f"How to revoke: {visible(finding.provider)}", "url": url}]
    if finding.confidence is Confidence.LOW:
        result["flags"] = [
            {
                "type": "flagged-as-likely-false-positive",
                "origin": "Stanch",
                "description": "Low confidence: look at it before acting.",
            }
        ]
    return result


def _description(finding: Finding) -> str:
    why = "; ".join(prose(reason) for reason in finding.reasons)
    parts = [f"{prose(finding.title)} {code(finding.secret.redacted)} with {finding.confidence.value} confidence."]
    if why:
        parts.append(f"Believed because: {why}.")
    text = "\n\n".join(parts)
    # Cut markup could leave something open; without the reasons nothing that long remains.
    return text if len(text) <= _DESCRIPTION else parts[0][:_DESCRIPTION]


def _location(finding: Finding) -> JSON:
    place, commit = finding.location, finding.history.introduced if finding.history else None
    about: JSON = {"sha": NO_COMMIT}
    if commit is not None:
        about = {
            "author": well_formed(f"{commit.author} <{commit.email}>"),
            "date": commit.date,
            "message": well_formed(commit.subject),
            "sha": commit.id or NO_COMMIT,
        }
    return {
        "file": well_formed(place.path) or path_of(place),
        "commit": about,
        "start_line": max(1, place.line),
        "end_line": max(1, place.line, place.end_line),
    }


def _details(finding: Finding) -> JSON:
    details: JSON = {
        "redacted": {"name": "Value", "type": "text", "value": visible(finding.secret.redacted)},
        "confidence": {"name": "Confidence", "type": "text", "value": finding.confidence.value},
        "fingerprint": {"name": "Fingerprint", "type": "text", "value": finding.secret.fingerprint},
    }
    for key, name, value in (
        ("inside", "Found inside", decoded_text(finding)),
        ("history", "History", history_text(finding)),
    ):
        if value:
            details[key] = {"name": name, "type": "text", "value": value}
    known = [f"{label}: {text}" if label else text for label, text in judged_lines(SecretGroup(findings=(finding,)))]
    if known:
        details["known"] = {"name": "Known", "type": "list", "items": [{"type": "text", "value": text} for text in known]}
    if finding.also_at:
        details["also_at"] = {"name": "Also at", "type": "list", "items": [_file_location(place) for place in finding.also_at]}
    return details


def _file_location(place: Location) -> JSON:
    return {
        "type": "file-location",
        "file_name": well_formed(place.path) or path_of(place),
        "line_start": max(1, place.line),
        "line_end": max(1, place.line, place.end_line),
    }
