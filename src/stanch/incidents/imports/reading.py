"""What readers share: objects out of a stream, identities, people, and the repository behind a link."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

from stanch.incidents.imports.fields import link, remote, text
from stanch.incidents.imports.model import Notes
from stanch.incidents.imports.splitter import Element, Pattern, Splitter

HEAD: Final = 64 * 1024
LIST: Final[tuple[Pattern, ...]] = ((), ("[]",), ("[]", "[]"))
"""An object, a list of them, or pages of lists as `gh api --paginate --slurp` writes them; any number of documents."""

_VIEW: Final = re.compile(
    r"(https?://[^/]+/.+?)/(?:-/)?(?:blob|tree|commit|commits|raw|src|issues|pull|pulls|merge_requests|security|wiki)/"
)
_PERSON: Final = re.compile(r"\s*(.*?)\s*<([^<>]*)>\s*$")


def elements(stream: BinaryIO, notes: Notes, *patterns: Pattern) -> Iterator[Element]:
    """Yield what lies at the places of a document."""
    splitter = Splitter(stream, notes.skip)
    notes.where = lambda: splitter.line
    return splitter.elements(patterns)


def lines(stream: BinaryIO, notes: Notes) -> Iterator[Element]:
    """Yield a value a line."""
    splitter = Splitter(stream, notes.skip)
    notes.where = lambda: splitter.line
    return splitter.lines()


def objects(found: Iterator[Element], notes: Notes) -> Iterator[Mapping[str, Any]]:
    """Yield the objects among elements, counting everything else as skipped."""
    for element in found:
        if isinstance(element.value, dict):
            yield element.value
        elif element.value is not None or element.path:  # a whole document that is null is a report without findings
            notes.skip("no_finding")


def head_of(stream: BinaryIO) -> bytes:
    """Return the beginning of a stream and go back to it."""
    head = stream.read(HEAD)
    stream.seek(0)
    return head


def identity(*parts: object) -> str:
    """Return an identity made of parts."""
    return "\0".join(str(part) for part in parts)


def person(value: Any) -> tuple[str, str]:
    """Return name and address of ``Jane Doe <jane@example.org>``, or what there is of it."""
    whole = text(value, 400)
    found = _PERSON.match(whole)
    if found:
        return found[1].strip("\"'"), found[2]
    return ("", whole) if "@" in whole else (whole, "")


def repository_of(view: Any) -> str:
    """Return the repository that a link to one of its files, commits or alerts leads into."""
    found = _VIEW.match(link(view))
    return remote(found[1]) if found else ""
