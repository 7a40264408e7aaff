r"""Findings as plain data, for the formats that machines read. The schema is ``schemas/scan.schema.json``.

Text is always valid Unicode: a path that is no UTF-8 is shown with ``\xff`` and given exactly in ``path_base64``.
"""

from __future__ import annotations

import base64
from typing import Any

from stanch.core.finding import Commit, Companion, Finding, History, Location, Reference, Skipped
from stanch.core.report import DetectorInfo, ScanReport
from stanch.core.secret import Secret
from stanch.reports.escape import raw_bytes, well_formed

JSON = dict[str, Any]


def plain_value(secret: Secret, report: ScanReport) -> bytes | None:
    """Return the plain value if this report may show it. The only place in the reports that reveals one."""
    if report.show_secrets and secret.has_value:
        return secret.reveal()
    return None


def shown_value(secret: Secret, report: ScanReport) -> str:
    """Return what stands for the value: its redacted form, or itself with ``--show-secrets``."""
    value = plain_value(secret, report)
    return secret.redacted if value is None else value.decode("utf-8", "backslashreplace")


def finding_fields(finding: Finding, report: ScanReport) -> JSON:
    """Return a finding as the ``finding`` of the schema."""
    return {
        "id": finding.id,
        "detector": finding.detector,
        "title": well_formed(finding.title),
        "provider": well_formed(finding.provider),
        "kind": finding.kind,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "fingerprint": finding.secret.fingerprint,
        "redacted": well_formed(finding.secret.redacted),
        **_value_fields(finding.secret, report),
        **location_fields(finding.location),
        "snippet": well_formed(finding.snippet),
        "reasons": [well_formed(reason) for reason in finding.reasons],
        "companions": [_companion_fields(companion, report) for companion in finding.companions],
        "decoded": [well_formed(step) for step in finding.decoded],
        "history": _history_fields(finding.history),
        "also_at": [location_fields(place) for place in finding.also_at],
        "tags": {well_formed(key): well_formed(finding.tags[key]) for key in sorted(finding.tags)},
        **_judged_fields(finding),
    }


def _judged_fields(finding: Finding) -> JSON:
    """What is known beyond the text: of keys, and from issuers. The code for it loads when there is something."""
    if finding.key is None and finding.validity is None:
        return {"key": None, "validity": None}
    from stanch.reports.key_text import key_fields, validity_fields

    return {"key": key_fields(finding.key, finding.same_key), "validity": validity_fields(finding.validity)}


def reference_fields(reference: Reference) -> JSON:
    """Return the mention of a certificate."""
    return {
        "detector": reference.detector,
        "title": well_formed(reference.title),
        "thumbprint": well_formed(reference.thumbprint),
        **location_fields(reference.location),
    }


def location_fields(place: Location) -> JSON:
    """Return a place: bytes from 0, lines and columns from 1."""
    return {
        **_path_fields(place.path),
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
        "start": place.start,
        "end": place.end,
        "blob": place.blob,
    }


def skipped_fields(skipped: Skipped) -> JSON:
    """Return something that was not read."""
    return {**_path_fields(skipped.path), "code": skipped.code, "reason": well_formed(skipped.reason)}


def detector_fields(info: DetectorInfo) -> JSON:
    """Return what a report says about a detector."""
    return {
        "name": well_formed(info.name),
        "provider": well_formed(info.provider),
        "kind": info.kind,
        "severity": info.severity,
        "notes": well_formed(info.notes),
        "help_url": well_formed(info.help_url),
    }


def totals_fields(report: ScanReport) -> JSON:
    """Return how much was read."""
    return {"blobs": report.totals.blobs, "bytes": report.totals.bytes, "commits": report.totals.commits}


def hidden_fields(report: ScanReport) -> JSON:
    """Return how many findings were held back, by reason, in a fixed order."""
    return {well_formed(reason): report.hidden[reason] for reason in sorted(report.hidden)}


def _path_fields(path: str) -> JSON:
    shown = well_formed(path)
    if shown == path:
        return {"path": path}
    return {"path": shown, "path_base64": base64.b64encode(raw_bytes(path)).decode("ascii")}


def _value_fields(secret: Secret, report: ScanReport) -> JSON:
    value = plain_value(secret, report)
    if value is None:
        return {}
    try:
        return {"value": value.decode("utf-8")}
    except UnicodeDecodeError:
        return {"value_base64": base64.b64encode(value).decode("ascii")}


def _companion_fields(companion: Companion, report: ScanReport) -> JSON:
    what = {"shown": well_formed(companion.shown)} if companion.shown else {"redacted": well_formed(companion.secret.redacted)}
    return {"name": well_formed(companion.name), **what, "line": companion.line, **_value_fields(companion.secret, report)}


def _history_fields(history: History | None) -> JSON | None:
    if history is None:
        return None
    return {
        "introduced": _commit_fields(history.introduced),
        "in_head": history.in_head,
        "blobs": history.blobs,
        "paths": [well_formed(path) for path in history.paths],
    }


def _commit_fields(commit: Commit | None) -> JSON | None:
    if commit is None:
        return None
    return {
        "id": commit.id,
        "author": well_formed(commit.author),
        "email": well_formed(commit.email),
        "date": commit.date,
        "subject": well_formed(commit.subject),
    }
