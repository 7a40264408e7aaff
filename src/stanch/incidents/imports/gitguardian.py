"""GitGuardian's incidents: JSON of its API (``GET /v1/incidents/secrets``) and the CSV that its dashboard exports.

API: https://api.gitguardian.com/docs. It gives no values; ``secret_hash`` identifies one within a GitGuardian workspace. The
columns of the CSV are found by their names; "All occurrences" with "Show secrets" tells most.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

from stanch.incidents.imports.fields import (
    first,
    iso,
    link,
    masked,
    moment,
    number,
    plain,
    remote,
    severity,
    slug,
    table,
    tables,
    text,
)
from stanch.incidents.imports.model import ForeignFinding, Notes
from stanch.incidents.imports.reading import LIST, elements, head_of, identity, objects, repository_of
from stanch.incidents.imports.splitter import Splitter

VALIDITY: Final = {
    "valid": "live", "invalid": "dead", "failed_to_check": "inconclusive", "cannot_check": "unchecked", "no_checker": "unchecked",
}  # fmt: skip
_REASONS: Final = {"test_credential": "test_credential", "false_positive": "false_positive", "low_risk": "accepted"}


def read(stream: BinaryIO, notes: Notes) -> Iterator[ForeignFinding]:
    """Yield the occurrences of an export; an incident without any is one by itself."""
    if head_of(stream).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"[", b"{"):
        for item in objects(elements(stream, notes, *LIST), notes):
            if item.get("detector") and (item.get("secret_hash") or item.get("gitguardian_url") or item.get("id")):
                yield from _incident(item)
            else:
                notes.skip("no_finding")
        return
    yield from _csv(stream, notes)


def state_of(incident: Mapping[str, Any]) -> str:
    """Return our state for a GitGuardian status."""
    status = text(incident.get("status")).lower()
    if status == "ignored":
        return _REASONS.get(slug(text(incident.get("ignore_reason"))).replace("-", "_"), "accepted")
    return "resolved" if status == "resolved" else "open"


def severity_of(incident: Mapping[str, Any]) -> str:
    """Return our severity for a GitGuardian one."""
    return severity(incident.get("severity"))


def _incident(item: Mapping[str, Any]) -> Iterator[ForeignFinding]:
    for place in list(tables(item.get("occurrences"))) or [{}]:
        yield _finding(item, place)


def _finding(item: Mapping[str, Any], place: Mapping[str, Any]) -> ForeignFinding:
    detector, source = table(item, "detector"), table(place, "source")
    matches = list(tables(place.get("matches")))
    number_ = text(item.get("id"), 40)
    url = first(link(place.get("url")), link(item.get("gitguardian_url")))
    return ForeignFinding(
        tool="gitguardian",
        rule=first(detector.get("name"), detector.get("display_name"), item.get("detector"), "secret"),
        names=tuple(filter(None, (text(detector.get("detector_group_name"), 200), text(detector.get("display_name"), 200)))),
        title=first(detector.get("display_name"), detector.get("name")),
        identity=first(item.get("secret_hash"), item.get("hmsl_hash"), identity("incident", number_)),
        local=False,
        repository=remote(text(source.get("url"))) or repository_of(place.get("url")),
        path=first(place.get("filepath"), f"GitGuardian incident {number_}"),
        line=_line(url),
        column=number(matches[0].get("indice_start")) if matches else 0,
        commit=text(place.get("sha"), 64),
        author=text(place.get("author_name"), 200),
        email=text(place.get("author_info"), 254),
        date=iso(place.get("date")) if place.get("sha") else "",
        url=url,
        in_head={"present": True, "removed": False}.get(text(place.get("presence")).lower()),
        severity=severity_of(item),
        state=state_of(item),
        validity=VALIDITY.get(text(item.get("validity")).lower(), "unchecked"),
        created_at=moment(item.get("date")),
    )


def _line(url: str) -> int:
    """Return the line that a link to a file names."""
    mark = url.rpartition("#L")[2] if "#L" in url else ""
    return number(mark.split("-")[0].split("C")[0])


# --- CSV ------------------------------------------------------------------------------------------------------------


def _csv(stream: BinaryIO, notes: Notes) -> Iterator[ForeignFinding]:
    splitter = Splitter(stream, notes.skip)
    notes.where = lambda: splitter.line
    texts = splitter.texts()
    header = next(texts, "")
    delimiter = max(",\t;", key=header.count)
    names = [slug(name).replace("-", "_") for name in next(csv.reader([header], delimiter=delimiter), [])]
    rows = csv.reader(texts, delimiter=delimiter)
    while True:
        try:
            row = next(rows, None)
        except csv.Error:
            notes.skip("malformed")
            continue
        if row is None:
            return
        item = dict(zip(names, row, strict=False))
        if _has(item, "incident_id", "id"):
            yield _of_row(item)
        elif any(row):
            notes.skip("no_finding")


def _has(item: Mapping[str, str], *names: str) -> str:
    return first(*(item.get(name) for name in names))


def _of_row(item: Mapping[str, str]) -> ForeignFinding:
    id_ = _has(item, "incident_id", "id")
    rule = _has(item, "detector_name", "detector", "incident_name", "secret_type", "type", "detector_display_name")
    url = first(link(_has(item, "occurrence_url", "file_url", "url")), link(_has(item, "incident_url", "gitguardian_url")))
    source = _has(item, "source_url", "repository_url", "source", "repository", "source_name", "perimeter")
    value = _has(item, "secret", "secret_value", "match", "matches", "value")
    return ForeignFinding(
        tool="gitguardian",
        rule=rule or "secret",
        names=tuple(filter(None, (_has(item, "detector_display_name", "detector_group_name"),))),
        title=rule,
        value=plain(value),
        identity=first(_has(item, "secret_hash"), identity("incident", id_)),
        local=False,
        redacted=masked(value),
        repository=remote(source) or repository_of(url),
        path=first(_has(item, "filepath", "file_path", "filename", "file", "path"), f"GitGuardian incident {id_}"),
        line=number(_has(item, "line", "line_start", "start_line")) or _line(url),
        commit=text(_has(item, "commit_sha", "sha", "commit"), 64),
        author=text(_has(item, "author_name", "author", "developer"), 200),
        email=text(_has(item, "author_email", "author_info", "email", "developer_email"), 254),
        date=iso(_has(item, "occurrence_date", "commit_date")),
        url=url,
        severity=severity(_has(item, "severity")),
        state=state_of({"status": _has(item, "status"), "ignore_reason": _has(item, "ignore_reason", "ignored_reason")}),
        validity=VALIDITY.get(slug(_has(item, "validity", "secret_validity")).replace("-", "_"), "unchecked"),
        created_at=moment(_has(item, "date", "incident_date", "created_at", "triggered_at", "detected_at")),
    )
