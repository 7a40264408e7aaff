"""SARIF 2.1.0, for GitHub code scanning, Azure DevOps and editors.

Specification: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html; what GitHub reads of it:
https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning.
SARIF files are uploaded and kept, so values stay redacted even with ``--show-secrets``. Columns are bytes, as
everywhere in Stanch; ``byteOffset`` is exact where a line holds wider characters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TextIO
from urllib.parse import quote

from stanch.core.finding import Confidence, Finding, Location, Severity, Skipped
from stanch.core.report import DetectorInfo, ScanReport
from stanch.reports import advice
from stanch.reports.escape import raw_bytes, visible, well_formed
from stanch.reports.groups import SecretGroup
from stanch.reports.options import ReportOptions
from stanch.reports.stream import Rows, write_json

SCHEMA_URI: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT: Final = "%SRCROOT%"
_LEVELS: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
# GitHub's bands: critical above 9.0, high from 7.0, medium from 4.0, low from 0.1.
_SCORES: Final = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "3.0", "info": "1.0"}
_SURE: Final = {Confidence.HIGH: 1.0, Confidence.MEDIUM: 0.7, Confidence.LOW: 0.4}

JSON = dict[str, Any]


def write(report: ScanReport, out: TextIO, options: ReportOptions) -> None:
    """Write one run, result by result."""
    rules = _rules(report)
    index = {rule["id"]: number for number, rule in enumerate(rules)}
    driver = {
        "name": "Stanch",
        "version": report.version,
        "rules": rules,
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT: {"description": {"text": "The folder that was scanned."}}},
        "invocations": [_invocation(report)],
        "results": Rows(_result(finding, report, index) for finding in report.findings),
    }
    write_json({"$schema": SCHEMA_URI, "version": "2.1.0", "runs": [run]}, out)


def _rules(report: ScanReport) -> list[JSON]:
    """Return a rule a detector that the findings name, ordered by id."""
    named: dict[str, Finding] = {}
    for finding in report.findings:
        named.setdefault(finding.detector, finding)
    return [_rule(named[key], report.detectors) for key in sorted(named)]


def _rule(finding: Finding, detectors: Mapping[str, DetectorInfo]) -> JSON:
    info = detectors.get(finding.detector)
    title = info.name if info else finding.title
    severity = Severity(info.severity) if info else finding.severity
    kind, provider = (info.kind, info.provider) if info else (finding.kind, finding.provider)
    about = f"A secret of this type is in the scanned content: {title}."
    rule: JSON = {
        "id": well_formed(finding.detector),
        "name": well_formed(title),
        "shortDescription": {"text": _message(title)},
        "fullDescription": {"text": _message(f"{about} {info.notes if info else ''}".strip())},
        "help": {"text": _message(f"Revoke it first, then remove it. Run: stanch detectors show {finding.detector}")},
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": {
            "security-severity": _SCORES[severity.value],
            "tags": _unique("security", "secret", kind, well_formed(provider)),
        },
    }
    url = advice.help_url(SecretGroup(findings=(finding,)), detectors)
    return {**rule, "helpUri": url} if url else rule


def _unique(*tags: str) -> list[str]:
    return [tag for tag in dict.fromkeys(tags) if tag]


def _result(finding: Finding, report: ScanReport, index: Mapping[str, int]) -> JSON:
    result: JSON = {
        "ruleId": well_formed(finding.detector),
        "ruleIndex": index[well_formed(finding.detector)],
        "level": _LEVELS[finding.severity],
        "rank": round((finding.severity.rank + 1) * 20 * _SURE[finding.confidence], 1),
        "message": {"text": _message(_sentence(finding))},
        "locations": [_location(finding.location, snippet=finding.snippet)],
        "partialFingerprints": {"stanchFindingId/v1": finding.id, "stanchSecret/v1": finding.secret.fingerprint},
        "properties": _properties(finding),
    }
    if finding.also_at:
        result["relatedLocations"] = [_location(place, number=number) for number, place in enumerate(finding.also_at, 1)]
    return result


def _sentence(finding: Finding) -> str:
    why = f" Believed because: {'; '.join(finding.reasons)}." if finding.reasons else ""
    return f"{finding.title}: {finding.secret.redacted}.{why} Revoke it first, then remove it."


def _properties(finding: Finding) -> JSON:
    properties: JSON = {
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "provider": well_formed(finding.provider),
        "kind": finding.kind,
        "redacted": well_formed(finding.secret.redacted),
    }
    if finding.decoded:
        properties["decoded"] = [well_formed(step) for step in finding.decoded]
    if finding.key is not None or finding.validity is not None:
        from stanch.reports.key_text import key_fields, validity_fields

        properties["key"] = key_fields(finding.key, finding.same_key)
        properties["validity"] = validity_fields(finding.validity)
    history = finding.history
    if history is not None:
        commit = history.introduced
        properties["versionControl"] = {
            "inHead": history.in_head,
            "versions": history.blobs,
            "paths": [well_formed(path) for path in history.paths],
            **({"commit": commit.id, "author": well_formed(commit.author), "date": commit.date} if commit else {}),
        }
    return properties


def _location(place: Location, *, snippet: str = "", number: int | None = None) -> JSON:
    region: JSON = {
        "startLine": max(1, place.line),
        "startColumn": max(1, place.column),
        "endLine": max(1, place.line, place.end_line),
        "endColumn": max(1, place.end_column),
        "byteOffset": max(0, place.start),
        "byteLength": max(0, place.end - place.start),
    }
    if snippet:
        region["snippet"] = {"text": well_formed(snippet)}
    location: JSON = {
        "physicalLocation": {"artifactLocation": artifact(place.path or f"git-object/{place.blob}"), "region": region}
    }
    return location if number is None else {"id": number, **location, "message": {"text": "The same secret."}}


def artifact(path: str) -> JSON:
    """Return a path as an artifact location: relative to the scanned folder, percent-encoded byte by byte."""
    if path.startswith("/"):
        return {"uri": "file://" + quote(raw_bytes(path), safe="/!")}
    while path.startswith("./"):
        path = path[2:].lstrip("/")
    return {"uri": quote(raw_bytes(path), safe="/!"), "uriBaseId": ROOT}


def _invocation(report: ScanReport) -> JSON:
    if not report.skipped:
        return {"executionSuccessful": True}
    return {"executionSuccessful": False, "toolExecutionNotifications": list(_notifications(report.skipped))}


def _notifications(skipped: tuple[Skipped, ...]) -> Iterator[JSON]:
    for item in skipped:
        yield {
            "descriptor": {"id": item.code},
            "level": "warning",
            "message": {"text": _message(f"Not read: {visible(item.path)}. {item.reason}")},
            "locations": [{"physicalLocation": {"artifactLocation": artifact(item.path)}}],
        }


def _message(text: str) -> str:
    """Return text that SARIF takes literally: no placeholders in braces (§3.11.5), no embedded links (§3.11.6)."""
    return visible(text).replace("](", "] (").replace("{", "{{").replace("}", "}}")
