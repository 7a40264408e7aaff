"""detect-secrets baselines (``.secrets.baseline``): no values, but their SHA-1, and what an audit said of them.

Fields: https://github.com/Yelp/detect-secrets. The SHA-1 identifies a value in all files; of it, six digits are shown and the
record gets a keyed hash only, because a plain hash of a password can be guessed.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, BinaryIO, Final

from stanch.incidents.imports.fields import moment, number, text
from stanch.incidents.imports.model import ForeignFinding, Notes
from stanch.incidents.imports.reading import elements

_SHA1: Final = re.compile(r"[0-9a-f]{40}")
_TIME: Final = re.compile(rb'"generated_at"\s*:\s*"([^"]{1,40})"')


def read(stream: BinaryIO, notes: Notes) -> Iterator[ForeignFinding]:
    """Yield the secrets of a baseline."""
    made_at = _made_at(stream)
    for element in elements(stream, notes, ("results", "*", "[]")):
        item = element.value if isinstance(element.value, dict) else {}
        mark = text(item.get("hashed_secret")).lower()
        if _SHA1.fullmatch(mark):
            yield _finding(item, mark, str(element.path[1]), made_at)
        else:
            notes.skip("no_finding")


def _finding(item: Mapping[str, Any], mark: str, path: str, made_at: datetime | None) -> ForeignFinding:
    line = number(item.get("line_number"))
    rule = text(item.get("type"), 200) or "Secret"
    return ForeignFinding(
        tool="detect-secrets",
        rule=rule,
        title=rule,
        identity=mark,
        local=False,
        redacted=f"SHA-1 {mark[:6]}… (the value is not in the report)",
        path=text(path).replace("\\", "/"),
        line=line,
        end_line=line,
        state="false_positive" if item.get("is_secret") is False else "open",
        confidence="high" if item.get("is_secret") is True or item.get("is_verified") is True else "",
        validity="live" if item.get("is_verified") is True else "unchecked",
        checked_at=made_at,
    )


def _made_at(stream: BinaryIO) -> datetime | None:
    """Return when the baseline was made; it stands at the end of the file."""
    stream.seek(0, io.SEEK_END)
    stream.seek(max(0, stream.tell() - 4096))
    found = _TIME.findall(stream.read())
    stream.seek(0)
    return moment(found[-1].decode("ascii", "replace")) if found else None
