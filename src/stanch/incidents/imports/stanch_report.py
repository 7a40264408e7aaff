"""Our own JSON and JSON lines (``stanch scan --format json``), from another machine or another time.

With ``--show-secrets`` values are fingerprinted anew. Otherwise the fingerprint of the report is taken: it is that of our own
scans where both ran under one key (``STANCH_KEY``), and a stable name of the secret where they did not.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

from stanch.incidents.imports.fields import first, flag, moment, number, severity, table, tables, text
from stanch.incidents.imports.model import ForeignFinding, Notes, Plain
from stanch.incidents.imports.reading import elements, head_of, lines, objects
from stanch.reports.escape import raw_bytes

_LINES: Final = re.compile(rb'^\s*\{\s*"type"\s*:')
_OTHERS: Final = ("skipped", "summary")
_VALIDITIES: Final = frozenset({"live", "dead", "expired", "dormant", "inconclusive"})


def read(stream: BinaryIO, notes: Notes) -> Iterator[ForeignFinding]:
    """Yield the places of findings."""
    by_line = _LINES.match(head_of(stream)) is not None
    found = lines(stream, notes) if by_line else elements(stream, notes, ("findings", "[]"))
    for item in objects(found, notes):
        if text(item.get("detector")) and "path" in item:
            for place in (item, *tables(item.get("also_at"))):
                yield _finding(item, place)
        elif not by_line or item.get("type") not in _OTHERS:
            notes.skip("no_finding")


def _finding(item: Mapping[str, Any], place: Mapping[str, Any]) -> ForeignFinding:
    history = table(item, "history")
    commit, check, key = table(history, "introduced"), table(item, "validity"), table(item, "key")
    validity = text(check.get("validity"))
    return ForeignFinding(
        tool="stanch",
        rule=text(item["detector"], 120),
        title=text(item.get("title"), 300),
        value=_value(item),
        fingerprint=text(item.get("fingerprint"), 64),
        identity=first(item.get("id")),
        redacted=text(item.get("redacted"), 200),
        path=text(place.get("path")) or f"git-object/{text(place.get('blob'), 64)}",
        line=number(place.get("line")),
        column=number(place.get("column")),
        end_line=number(place.get("end_line")),
        end_column=number(place.get("end_column")),
        blob=text(place.get("blob"), 64),
        commit=text(commit.get("id"), 64),
        author=text(commit.get("author"), 200),
        email=text(commit.get("email"), 254),
        date=text(commit.get("date"), 40),
        in_head=flag(history.get("in_head")),
        severity=severity(item.get("severity")),
        confidence=text(item.get("confidence")),
        provider=text(item.get("provider"), 120),
        kind=text(item.get("kind"), 60),
        validity=validity if validity in _VALIDITIES else "unchecked",
        validity_message=text(check.get("message"), 1000),
        checked_at=moment(check.get("checked_at")),
        reasons=tuple(filter(None, (text(r, 300) for r in (item.get("reasons") or ())[:20]))) if _listed(item) else (),
        companions={text(c.get("name"), 100): first(c.get("shown"), c.get("redacted")) for c in tables(item.get("companions"))},
        key_facts=key or None,
        spki=text(key.get("spki_sha256"), 64),
    )


def _listed(item: Mapping[str, Any]) -> bool:
    return isinstance(item.get("reasons"), list)


def _value(item: Mapping[str, Any]) -> Plain | None:
    """Return the value exactly as it is: of our own reports nothing is masked or trimmed."""
    if isinstance(item.get("value"), str) and item["value"]:
        return Plain(raw_bytes(item["value"]))
    encoded = item.get("value_base64")
    if not isinstance(encoded, str) or not encoded:
        return None
    try:
        return Plain(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        return None
