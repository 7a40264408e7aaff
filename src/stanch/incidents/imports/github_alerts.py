"""GitHub secret-scanning alerts of a repository, an organisation or an enterprise.

They come from ``gh api --paginate repos/{owner}/{repo}/secret-scanning/alerts``. API:
https://docs.github.com/en/rest/secret-scanning/secret-scanning. An alert names its first place at most; with all of them
under ``locations`` (docs/imports.md shows how) each becomes an occurrence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

from stanch.incidents.imports.fields import first, flag, link, masked, moment, number, plain, remote, table, tables, text
from stanch.incidents.imports.model import ForeignFinding, Notes
from stanch.incidents.imports.reading import LIST, elements, identity, objects, repository_of

_RESOLUTIONS: Final = {
    "false_positive": "false_positive", "wont_fix": "accepted", "revoked": "resolved", "used_in_tests": "test_credential",
    "pattern_edited": "false_positive", "pattern_deleted": "false_positive", "hidden_by_config": "accepted",
}  # fmt: skip
_VALIDITY: Final = {"active": "live", "inactive": "dead", "unknown": "unchecked"}


def read(stream: BinaryIO, notes: Notes) -> Iterator[ForeignFinding]:
    """Yield the places of alerts."""
    for item in objects(elements(stream, notes, *LIST), notes):
        if text(item.get("secret_type")) and number(item.get("number")):
            for place in _places(item):
                yield _finding(item, place)
        else:
            notes.skip("no_finding")


def _places(item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    listed = [place for place in tables(item.get("locations")) if table(place, "details")]
    return listed or [{"type": "commit", "details": table(item, "first_location_detected")}]


def _finding(item: Mapping[str, Any], place: Mapping[str, Any]) -> ForeignFinding:
    kind, spot = text(place.get("type"), 60), table(place, "details")
    repository, alert = _repository(item), number(item["number"])
    commit, path = text(spot.get("commit_sha"), 64), text(spot.get("path"))
    line = number(spot.get("start_line"))
    view = f"{repository}/blob/{commit}/{path}#L{line}" if repository and commit and path and kind == "commit" else ""
    reasons = ("it leaked publicly, says GitHub",) if flag(item.get("publicly_leaked")) else ()
    return ForeignFinding(
        tool="github",
        rule=text(item["secret_type"], 200),
        names=tuple(filter(None, (text(item.get("secret_type_display_name"), 200),))),
        title=first(item.get("secret_type_display_name"), item["secret_type"]),
        value=plain(item.get("secret")),
        identity=identity("alert", alert),
        redacted=masked(item.get("secret")),
        repository=repository,
        path=path or _elsewhere(kind, spot, alert),
        line=line,
        column=number(spot.get("start_column")),
        end_line=number(spot.get("end_line")),
        end_column=number(spot.get("end_column")),
        commit=commit,
        blob=text(spot.get("blob_sha"), 64),
        url=first(link(spot.get("html_url")), link(view), link(item.get("html_url"))),
        state=_RESOLUTIONS.get(text(item.get("resolution")), "resolved") if item.get("state") == "resolved" else "open",
        validity=_VALIDITY.get(text(item.get("validity")), "unchecked"),
        created_at=moment(item.get("created_at")),
        reasons=reasons,
    )


def _repository(item: Mapping[str, Any]) -> str:
    named = table(item, "repository")
    whole = remote(text(named.get("html_url"))) or repository_of(item.get("html_url"))
    if whole:
        return whole
    name = text(named.get("full_name")) or text(item.get("url")).partition("/repos/")[2].partition("/secret-scanning/")[0]
    return remote(f"https://github.com/{name}") if name.count("/") == 1 else ""


def _elsewhere(kind: str, spot: Mapping[str, Any], alert: int) -> str:
    """Return what to call a place that is no file: an issue, a comment, a discussion."""
    address = next((text(value) for key, value in spot.items() if key.endswith("_url") and isinstance(value, str)), "")
    behind = "/".join(address.split("?")[0].partition("/repos/")[2].split("/")[2:])
    return f"{kind.replace('_', ' ')} {behind}".strip() if behind else f"secret scanning alert {alert}"
