"""GitLab: the secret-detection report of a pipeline, and findings of its API, which know what people decided.

The report is called ``gl-secret-detection-report.json``; its schema is at
https://gitlab.com/gitlab-org/security-products/security-report-schemas. ``raw_source_code_extract`` holds the value or
the line around it: it is looked at, and only what is recognised in it counts as the value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

from stanch.incidents.imports.fields import first, iso, link, moment, number, plain, remote, severity, table, tables, text
from stanch.incidents.imports.model import ForeignFinding, Notes
from stanch.incidents.imports.reading import LIST, elements, head_of, identity, objects, person, repository_of

_DISMISSED: Final = {"false_positive": "false_positive", "used_in_tests": "test_credential"}
_NO_COMMIT: Final = "0000000"


def read(stream: BinaryIO, notes: Notes) -> Iterator[ForeignFinding]:
    """Yield the findings of a report, or of pages of the API."""
    patterns = (("vulnerabilities", "[]"),) if head_of(stream).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{" else LIST
    for item in objects(elements(stream, notes, *patterns), notes):
        kind = first(item.get("report_type"), item.get("category"), "secret_detection").lower()
        if kind not in ("secret_detection", "secret-detection"):
            notes.skip("no_secret")
        elif not (table(item, "location") or item.get("name") or item.get("title")):
            notes.skip("no_finding")
        else:
            yield _finding(item)


def _finding(item: Mapping[str, Any]) -> ForeignFinding:
    place = table(item, "location") or table(item, "finding", "location")
    commit = table(place, "commit")
    sha = text(commit.get("sha"), 64)
    name, email = person(commit.get("author"))
    rule, others = _rule(item)
    path, line = text(place.get("file")), number(place.get("start_line"))
    project = table(item, "project")
    extract = item.get("raw_source_code_extract")
    doubtful = any("false-positive" in text(f.get("type")) for f in tables(item.get("flags")))
    return ForeignFinding(
        tool="gitlab",
        rule=rule,
        names=(*others, *filter(None, (text(item.get("name"), 200),))),
        title=first(item.get("name"), item.get("title"), rule),
        value=plain(extract),
        loose=True,
        identity=first(item.get("uuid"), item.get("id"), identity(path, rule, line)),
        repository=remote(text(project.get("web_url"))) or repository_of(first(item.get("blob_path"), item.get("web_url"))),
        path=path or first(item.get("title"), "unknown"),
        line=line,
        end_line=number(place.get("end_line")),
        commit="" if sha == _NO_COMMIT else sha,
        author=name,
        email=email,
        date=iso(commit.get("date")),
        url=first(link(item.get("blob_path")), link(item.get("web_url"))),
        severity=severity(item.get("severity")),
        confidence="low" if doubtful else "",
        state=_state(item),
        created_at=moment(item.get("created_at")),
    )


def _rule(item: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return the scanner's rule, and other names of it."""
    rules = [
        (value, text(i.get("name"), 200))
        for i in tables(item.get("identifiers"))
        if (value := first(i.get("value"), i.get("external_id")))
        and first(i.get("type"), i.get("external_type")).lower() not in ("cwe", "cve", "owasp")
    ]
    if not rules:
        return text(item.get("name"), 200) or "secret", ()
    return rules[0][0], tuple(filter(None, (rules[0][1].removeprefix("Gitleaks rule ID").strip(), *(v for v, _ in rules[1:]))))


def _state(item: Mapping[str, Any]) -> str:
    state = text(item.get("state")).lower()
    if state == "dismissed" or (not state and item.get("dismissed_at")):
        feedback = table(item, "dismissal_feedback")
        reason = first(item.get("dismissal_reason"), feedback.get("dismissal_reason")).lower()
        return _DISMISSED.get(reason, "accepted")
    return "resolved" if state == "resolved" else "open"
