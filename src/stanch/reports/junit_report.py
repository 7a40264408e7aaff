"""JUnit XML: each finding is a failed test, each thing that could not be read an error, so that a CI job turns red.

There is no formal schema; the elements are those that Jenkins, GitLab, GitHub actions and Azure DevOps agree on.
Test reports are uploaded and kept, so values stay redacted even with ``--show-secrets``.
"""

from __future__ import annotations

import re
from typing import Final, TextIO
from xml.sax.saxutils import escape, quoteattr

from stanch.core.finding import Finding, Skipped
from stanch.core.report import ScanReport
from stanch.reports.escape import visible, visible_lines
from stanch.reports.options import ReportOptions
from stanch.reports.wording import history_text, path_of, point

SUITE: Final = "stanch"
# What `visible` leaves is printable; XML 1.0 also forbids nothing of that, but a guard costs little.
_NOT_XML: Final = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(report: ScanReport, out: TextIO, options: ReportOptions) -> None:
    """Write one test suite."""
    findings, skipped = report.findings, report.skipped
    tests = max(1, len(findings)) + len(skipped)
    counts = f'tests="{tests}" failures="{len(findings)}" errors="{len(skipped)}" skipped="0"'
    out.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    out.write(f'<testsuites name="{SUITE}" {counts}>\n  <testsuite name="{SUITE}" {counts}>\n')
    for finding in findings:
        out.write(_failed(finding))
    if not findings:
        out.write(f'    <testcase classname="{SUITE}" name="no secrets found in what was read"/>\n')
    for item in skipped:
        out.write(_error(item))
    out.write("  </testsuite>\n</testsuites>\n")


def _failed(finding: Finding) -> str:
    place = finding.location
    name = f"{finding.title} at {point(place)}"
    message = f"{finding.title}: {finding.secret.redacted}"
    body = [
        f"{point(place)}: {finding.severity.value} severity, {finding.confidence.value} confidence ({finding.detector})",
        *(f"  {line}" for line in visible_lines(finding.snippet)),
        *(f"why: {visible(reason)}" for reason in finding.reasons),
        *(f"also at: {point(other)}" for other in finding.also_at),
    ]
    if history := history_text(finding):
        body.append(f"history: {history}")
    body.append("Revoke the secret first, then remove it.")
    return (
        f"    <testcase classname={_attribute(f'{SUITE}.{finding.detector}')} name={_attribute(name)}"
        f' file={_attribute(path_of(place))} line="{place.line}">\n'
        f"      <failure type={_attribute(finding.severity.value)} message={_attribute(message)}>{_lines(body)}</failure>\n"
        f"    </testcase>\n"
    )


def _error(item: Skipped) -> str:
    return (
        f'    <testcase classname="{SUITE}.skipped" name={_attribute(f"could be read: {item.path}")}>\n'
        f"      <error type={_attribute(item.code)} message={_attribute(item.reason)}/>\n"
        f"    </testcase>\n"
    )


def _attribute(text: str) -> str:
    return _ascii(quoteattr(_clean(visible(text))))


def _lines(lines: list[str]) -> str:
    return _ascii(escape(_clean("\n".join(visible(line) for line in lines))))


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _ascii(text: str) -> str:
    """Use character references beyond ASCII, so that the document is right in whatever encoding the stream has."""
    return text.encode("ascii", "xmlcharrefreplace").decode("ascii")
