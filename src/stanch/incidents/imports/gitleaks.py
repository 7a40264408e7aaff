"""gitleaks JSON (``gitleaks git --report-format json``), and what its fork Betterleaks makes of it in three generations.

Fields: https://github.com/gitleaks/gitleaks/blob/master/report/finding.go. Later generations of Betterleaks write the same
names in other case, places under ``attributes`` and ``location``, and what an issuer said under ``validation``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

from stanch.incidents.imports.fields import first, iso, link, masked, number, plain, remote, table, text
from stanch.incidents.imports.model import ForeignFinding, Notes
from stanch.incidents.imports.reading import LIST, elements, identity, objects, repository_of

_SAID: Final = {"valid": "live", "invalid": "dead", "revoked": "dead", "error": "inconclusive", "unknown": "inconclusive"}


def read(stream: BinaryIO, notes: Notes, tool: str = "gitleaks") -> Iterator[ForeignFinding]:
    """Yield the findings of a report."""
    for item in objects(elements(stream, notes, *LIST), notes):
        lowered = {key.lower(): value for key, value in item.items()}
        if text(lowered.get("ruleid")):
            yield _finding(lowered, tool)
        else:
            notes.skip("no_finding")


def _finding(item: Mapping[str, Any], tool: str) -> ForeignFinding:
    more = {**table(item, "metadata"), **table(item, "attributes")}
    spot = {key.lower(): value for key, value in table(item, "location").items()} or item
    rule = text(item["ruleid"], 200)
    path = first(item.get("file"), more.get("path"), item.get("symlinkfile"))
    commit = first(item.get("commit"), more.get("git.sha"), more.get("commit_sha"))
    url = first(link(item.get("link")), link(more.get("url")))
    line, column = number(spot.get("startline")), number(spot.get("startcolumn"))
    said = first(table(item, "validation").get("status"), item.get("validationstatus")).lower()
    return ForeignFinding(
        tool=tool,
        rule=rule,
        title=text(item.get("description"), 300),
        value=plain(item.get("secret")),
        identity=first(item.get("fingerprint"), identity(commit, path, rule, line, column)),
        redacted=masked(item.get("secret")),
        repository=remote(first(more.get("git.remote_url"), more.get("github.repo_url"))) or repository_of(url),
        path=path,
        line=line,
        column=column,
        end_line=number(spot.get("endline")),
        end_column=number(spot.get("endcolumn")),
        commit=commit,
        author=first(item.get("author"), more.get("git.author_name")),
        email=first(item.get("email"), more.get("git.author_email")),
        date=iso(first(item.get("date"), more.get("git.date"))),
        url=url,
        confidence=text(item.get("confidence")).lower(),
        validity=_SAID.get(said, "unchecked"),
    )
