"""TruffleHog v3 JSON lines (``trufflehog git … --json``).

Fields: https://github.com/trufflesecurity/trufflehog/blob/main/pkg/output/json.go. *Verified* means that the issuer accepted it;
not verified may as well mean that nobody asked, so that is taken as not checked. Lines of its log among them are passed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from stanch.incidents.imports.fields import first, iso, link, masked, number, plain, remote, table, text
from stanch.incidents.imports.model import ForeignFinding, Notes
from stanch.incidents.imports.reading import identity, lines, objects, person, repository_of


def read(stream: BinaryIO, notes: Notes) -> Iterator[ForeignFinding]:
    """Yield the findings of a report."""
    for item in objects(lines(stream, notes), notes):
        if text(item.get("DetectorName")):
            yield _finding(item)
        elif "level" not in item or "msg" not in item:
            notes.skip("no_finding")


def _finding(item: Mapping[str, Any]) -> ForeignFinding:
    places = table(item, "SourceMetadata", "Data")
    kind = next((key for key, value in places.items() if isinstance(value, dict)), "")
    place = table(places, kind)
    rule = text(item["DetectorName"], 200)
    path, line = _path(kind, place), number(place.get("line"))
    name, email = person(place.get("email"))
    verified = item.get("Verified") is True
    error = bool(text(item.get("VerificationError")))
    return ForeignFinding(
        tool="trufflehog",
        rule=rule,
        names=tuple(filter(None, (text(table(item, "ExtraData").get("name"), 100),))),
        title=rule,
        value=plain(item.get("Raw")),
        identity=identity(path, rule, line, text(item.get("Redacted"))),
        redacted=masked(item.get("Redacted")),
        repository=remote(text(place.get("repository"))) or repository_of(place.get("link")),
        path=path,
        line=line,
        commit=text(place.get("commit"), 64),
        author=first(name, place.get("username")),
        email=email,
        date=iso(place.get("timestamp")) if text(place.get("commit")) else "",
        url=link(place.get("link")),
        confidence="high" if verified else "",
        validity="live" if verified else "inconclusive" if error else "unchecked",
    )


def _path(kind: str, place: Mapping[str, Any]) -> str:
    """Return where it is: a file, in an image or a bucket where there is one, or what there is to click on."""
    inside = first(place.get("file"), place.get("path"), place.get("key"), place.get("filename"), place.get("title"))
    outer = first(
        place.get("image"), place.get("bucket"), place.get("container"), place.get("channel_name"), place.get("workspace")
    )
    if outer and inside:
        return f"{outer}!{inside.lstrip('/')}" if place.get("image") else f"{outer}/{inside.lstrip('/')}"
    return inside or outer or first(link(place.get("link")), kind, "unknown")
