"""Reports made of parts, friendly and hostile.

Values are put together here at run time; none has the shape of a credential that was ever issued.
"""

from __future__ import annotations

import hashlib
import io
from typing import Any

from stanch.core.finding import Commit, Companion, Confidence, Finding, History, Location, Severity, Skipped
from stanch.core.report import DetectorInfo, ScanReport, Totals
from stanch.core.secret import Secret, fingerprint_of
from stanch.reports import ReportOptions, writer

KEY = b"factory-key"
HOSTILE_TEXT = [
    "</script><script>alert(1)</script>",
    "<!-- --!> ]]> <img src=x onerror=alert(1)>",
    "\x1b[31mred\x1b[0m \x1b]8;;http://evil.example\x1b\\x",
    "first\nsecond\r\n\tthird",
    "bytes \udcff\udc80 end",
    "\u202egnp.exe \u200b\u2028\u2066",
    "=HYPERLINK(\"http://evil.example\")",
    "+1", "-1", "@SUM(A1)", "\t=1", "\r=1",
    "a|b `tick` ``two`` \\| *bold* [x](http://evil.example) @someone #12 ~~~ ```",
    "\x00\x01\x7f\x9b\x85\ufeff\ufffe",
    "漢字 👩‍💻 é",
    "{0} {{x}} %s \\u0041 &amp; \"quoted\" 'single'",
    "",
]  # fmt: skip
HOSTILE_PATHS = [f"dir/{text}" if index % 2 else text for index, text in enumerate(HOSTILE_TEXT)]


def made_value(seed: str, length: int = 40) -> bytes:
    """Return a value that is unlike anything else in a report, so that finding it there means it leaked."""
    return ("zq" + hashlib.sha256(seed.encode()).hexdigest() * 2)[:length].encode()


def made_secret(seed: str = "one", *, value: bytes | None = None, keep: bool = True) -> Secret:
    plain = made_value(seed) if value is None else value
    return Secret(
        plain if keep else None, fingerprint=fingerprint_of(plain, KEY), redacted=f"tok_…{seed[:3]} ({len(plain)} characters)"
    )


def made_companion(*, keep: bool = True, **changes: Any) -> Companion:
    fields: dict[str, Any] = {"name": "client id", "secret": made_secret("companion", keep=keep), "line": 11}
    return Companion(**{**fields, **changes})


def made_location(path: str = "src/app/settings.py", **changes: Any) -> Location:
    place: dict[str, Any] = {"start": 120, "end": 160, "line": 12, "column": 9, "end_line": 12, "end_column": 49}
    return Location(path=path, **{**place, **changes})


def made_commit(**changes: Any) -> Commit:
    fields = {
        "id": "3fa2c1d0" * 5,
        "author": "Ada Lovelace",
        "email": "ada@example.org",
        "date": "2024-03-02T09:15:00+01:00",
        "subject": "Add settings",
    }
    return Commit(**{**fields, **changes})


def made_finding(seed: str = "one", **changes: Any) -> Finding:
    secret = changes.pop("secret", None) or made_secret(seed)
    fields: dict[str, Any] = {
        "detector": "example-token",
        "title": "Example API token",
        "provider": "Example",
        "kind": "token",
        "severity": Severity.HIGH,
        "confidence": Confidence.HIGH,
        "secret": secret,
        "location": made_location(),
        "reasons": ("the prefix is used by Example alone", "the checksum is right"),
        "snippet": f'# production\nTOKEN = "{secret.redacted}"\n',
    }
    return Finding(**{**fields, **changes})


def made_detectors(*findings: Finding) -> dict[str, DetectorInfo]:
    return {
        finding.detector: DetectorInfo(
            id=finding.detector,
            name=finding.title,
            provider=finding.provider,
            kind=finding.kind,
            severity=finding.severity.value,
            notes="Revoking takes effect within a minute.",
            help_url="https://docs.example.org/tokens#revoke",
        )
        for finding in findings
    }


def made_report(*findings: Finding, **changes: Any) -> ScanReport:
    fields: dict[str, Any] = {
        "version": "0.1.0",
        "targets": (".",),
        "findings": findings,
        "totals": Totals(blobs=1204, bytes=18_234_567, commits=311),
        "detectors": made_detectors(*findings),
    }
    return ScanReport(**{**fields, **changes})


def hostile_report(*, show_secrets: bool = False) -> ScanReport:
    """Return a report in which every text that scanned content decides is an attack."""
    findings = [_hostile_finding(number, text) for number, text in enumerate(HOSTILE_TEXT)]
    return made_report(
        *findings,
        targets=tuple(HOSTILE_PATHS),
        skipped=tuple(Skipped(path=path, code="unreadable", reason=f"Could not read {path}") for path in HOSTILE_PATHS),
        hidden={"baseline": 2, "low_confidence": 5, "allowed": 1},
        show_secrets=show_secrets,
    )


def _hostile_finding(number: int, text: str) -> Finding:
    severities, confidences = list(Severity), list(Confidence)
    history = History(
        introduced=made_commit(author=text, email=text, subject=text) if number % 3 else None,
        in_head=bool(number % 2),
        blobs=number + 1,
        paths=(HOSTILE_PATHS[number], "other"),
    )
    companion = made_secret(f"companion {number}")
    return made_finding(
        f"hostile {number}",
        detector=f"hostile-{number % 4}",
        title=f"Hostile {text}",
        provider=text,
        kind=("token", "password", "private_key", "webhook_url", "jwt", "connection_string", "certificate")[number % 7],
        severity=severities[number % 5],
        confidence=confidences[number % 3],
        location=made_location(
            HOSTILE_PATHS[number], start=number * 100, end=number * 100 + 40, line=number + 1, end_line=number + 1
        ),
        reasons=(text, "known prefix"),
        companions=(
            Companion(name=f"client id {text}", secret=companion, line=3, shown=""),
            Companion(name="tenant", secret=made_secret(f"tenant {number}"), line=4, shown=text),
        ),
        decoded=("base64", text) if number % 2 else (),
        snippet=f"before {text}\nvalue = tok_…hos (40 characters) {text}\nafter",
        history=history if number % 4 else None,
        also_at=(made_location(f"copy of {text}", line=number + 2, end_line=number + 2),) if number % 2 else (),
        tags={"note": text, "area": "test"},
    )


def plain_texts(report: ScanReport) -> list[str]:
    """Return every plain value of a report."""
    secrets = [item.secret for item in report.findings]
    secrets += [companion.secret for item in report.findings for companion in item.companions]
    return [secret.reveal().decode() for secret in secrets if secret.has_value]


def written(name: str, report: ScanReport, **options: Any) -> str:
    """Return the report in a format, through a stream that is as strict as a real UTF-8 file."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="utf-8", errors="strict", newline="")
    writer(name)(report, out, ReportOptions(**options))
    out.flush()
    return raw.getvalue().decode("utf-8")
