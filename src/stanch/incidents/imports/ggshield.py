"""ggshield JSON (``ggshield secret scan … --json``). Values are masked there unless it ran with ``--show-secrets``.

Fields: https://github.com/GitGuardian/ggshield, `JSONScanCollectionSchema`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

from stanch.incidents.imports.fields import first, iso, link, masked, number, plain, remote, table, tables, text
from stanch.incidents.imports.gitguardian import VALIDITY, severity_of, state_of
from stanch.incidents.imports.model import ForeignFinding, Notes
from stanch.incidents.imports.reading import elements, identity

_DEEPEST: Final = 4  # scans inside scans
_PREFIX: Final = re.compile(r"^[a-z]+://[^/]*/")
_SECRET: Final = re.compile(r"secret|password|passwd|token|key|private|credential|uri|url|webhook", re.IGNORECASE)
_SHA: Final = re.compile(r"[0-9a-f]{7,64}")


def read(stream: BinaryIO, notes: Notes) -> Iterator[ForeignFinding]:
    """Yield the occurrences of a report."""
    for element in elements(stream, notes, ("entities_with_incidents", "[]"), ("scans", "[]"), ("target",)):
        if not isinstance(element.value, dict):
            if element.path[0] != "target":
                notes.skip("no_finding")
        elif element.path[0] == "scans":
            yield from _scan(element.value, notes, _DEEPEST)
        else:
            yield from _file(element.value, {}, notes)


def _scan(scan: Mapping[str, Any], notes: Notes, depth: int) -> Iterator[ForeignFinding]:
    for file in tables(scan.get("entities_with_incidents")):
        yield from _file(file, scan, notes)
    for inner in tables(scan.get("scans")):
        if depth:
            yield from _scan(inner, notes, depth - 1)
        else:
            notes.skip("malformed")


def _file(file: Mapping[str, Any], scan: Mapping[str, Any], notes: Notes) -> Iterator[ForeignFinding]:
    path = _PREFIX.sub("", text(file.get("filename")))
    for incident in tables(file.get("incidents")):
        matches = list(tables(incident.get("occurrences")))
        told = [m for m in matches if _SECRET.search(text(m.get("type"))) and not text(m.get("type")).endswith("_id")] or matches
        if not told:
            notes.skip("no_finding")
        for match in told:
            yield _finding(incident, match, path, scan)


def _finding(incident: Mapping[str, Any], match: Mapping[str, Any], path: str, scan: Mapping[str, Any]) -> ForeignFinding:
    details, about = table(incident, "incident_details"), table(scan, "extra_info")
    rule = first(incident.get("detector"), incident.get("type"), "secret")
    line, kind = number(match.get("line_start")), text(match.get("type"), 100)
    commit = text(scan.get("id"), 64)
    mark = first(incident.get("ignore_sha"), identity(path, rule, line, match.get("index_start")))
    return ForeignFinding(
        tool="gitguardian",
        rule=rule,
        names=tuple(filter(None, (text(table(details, "detector").get("name"), 200), text(incident.get("type"), 200)))),
        title=text(incident.get("type"), 200),
        value=plain(match.get("match")),
        identity=identity(mark, kind),
        local=not text(incident.get("ignore_sha")),
        redacted=masked(match.get("match")),
        repository=remote(text(about.get("repository"))),
        path=path,
        line=line,
        column=number(match.get("index_start")),
        end_line=number(match.get("line_end")),
        end_column=number(match.get("index_end")),
        commit=commit if _SHA.fullmatch(commit) else "",
        author=text(about.get("author"), 200),
        email=text(about.get("email"), 254),
        date=iso(about.get("date")),
        url=link(incident.get("incident_url")),
        severity=severity_of(details),
        state=state_of(details),
        validity=VALIDITY.get(text(incident.get("validity")).lower().replace(" ", "_"), "unchecked"),
    )
