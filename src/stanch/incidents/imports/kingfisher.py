"""Kingfisher JSON (one object with ``findings``, or one such a line) and JSON lines (``kingfisher scan --format json``).

Fields: https://github.com/mongodb/kingfisher, `FindingReporterRecord`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from stanch.incidents.imports.fields import first, iso, link, masked, number, plain, remote, table, text
from stanch.incidents.imports.model import ForeignFinding, Notes
from stanch.incidents.imports.reading import LIST, elements, head_of, identity, objects


def read(stream: BinaryIO, notes: Notes) -> Iterator[ForeignFinding]:
    """Yield the findings of a report."""
    patterns = (("findings", "[]"), ("[]", "findings", "[]")) if _in_envelope(head_of(stream)) else LIST
    for item in objects(elements(stream, notes, *patterns), notes):
        if text(table(item, "rule").get("id")) and table(item, "finding"):
            yield _finding(table(item, "rule"), table(item, "finding"))
        elif "access_map" not in item and "audit" not in item:
            notes.skip("no_finding")


def _in_envelope(head: bytes) -> bool:
    envelope, record = head.find(b'"findings"'), head.find(b'"rule"')
    return envelope >= 0 and (record < 0 or envelope < record)


def _finding(rule: Mapping[str, Any], found: Mapping[str, Any]) -> ForeignFinding:
    git = table(found, "git_metadata")
    commit, file = table(git, "commit"), table(git, "file")
    who = table(commit, "committer") or table(commit, "author")
    path, line, column = first(found.get("path"), file.get("path")), number(found.get("line")), number(found.get("column_start"))
    name = first(rule.get("description"), rule.get("name"))
    return ForeignFinding(
        tool="kingfisher",
        rule=text(rule["id"], 200),
        names=tuple(filter(None, (text(rule.get("name"), 200), text(rule.get("description"), 200)))),
        title=name,
        value=plain(found.get("snippet")),
        identity=first(found.get("fingerprint"), identity(path, rule["id"], line, column)),
        redacted=masked(found.get("snippet")),
        repository=remote(text(git.get("repository_url"))),
        path=path,
        line=line,
        column=column,
        end_line=line,
        end_column=number(found.get("column_end")),
        commit=text(commit.get("id"), 64),
        author=text(who.get("name"), 200),
        email=text(who.get("email"), 254),
        date=iso(commit.get("date")),
        url=first(link(file.get("url")), link(commit.get("url"))),
        confidence=text(found.get("confidence")).lower(),
        validity=_validity(text(table(found, "validation").get("status")).lower()),
    )


def _validity(status: str) -> str:
    if status.startswith(("active", "verified active", "verified_active")):
        return "live"
    if status.startswith(("inactive", "verified inactive", "verified_inactive")):
        return "dead"
    return "inconclusive" if "error" in status or "fail" in status or "inconclusive" in status else "unchecked"
