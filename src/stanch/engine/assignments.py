"""Read the assignment a value stands in: what it is called, where it ends, whether it is quoted.

Source code, configuration, shell, XML, YAML, JSON in strings, command lines and prose all come down to a name, something
between, and a value. Parsing each language would be exact and slow; this reads the bytes around a value once.
"""

from __future__ import annotations

import re
from typing import Final

from stanch.core.records import dataclass
from stanch.engine.lazy import Lazy

LOOK_BACK: Final = 200
MAX_VALUE: Final = 4_096

# Read backwards from the value: opening marks, an operator, a type, closing marks, the name.
_BEFORE: Final = Lazy(
    rb"""(?P<open>(?:;touq&|;43#&|[\s"'`(\[{<\\|+-]){0,24}(?:[frbusFRBUS@$]{1,2}(?=[\s=:,(\[{]))?[\s(\[{]{0,16})"""
    rb"""(?P<op>>=|=:|=\?|=\+|=+|:+|,|>|)[ \t]{0,16}"""
    rb"""(?:[a-zA-Z0-9_.<>\[\]?*&' ]{2,36}?[ \t]{0,2}:[ \t]{0,2}(?=[\w"'`)\]]))?"""
    rb"""(?P<close>(?:;touq&|;43#&|[\\"'`\])\[]){0,6})\s{0,16}(?P<name>[A-Za-z0-9_.\- ]{1,80})"""
)
_PLAIN: Final = Lazy(rb"[^\s\"'`<>]{1,4096}")
_QUOTED: Final = {
    quote: re.compile(rb"[^" + quote + rb"\\\r\n]{0,4096}(?:\\.[^" + quote + rb"\\\r\n]{0,4096}){0,200}")
    for quote in (b'"', b"'", b"`")
}
_ESCAPED: Final = Lazy(rb"[^\\\"'\r\n]{0,4096}")
_ENTITY: Final = Lazy(rb"&(?:quot|#34|apos|#39|lt|gt);")
_PARAMETER: Final = Lazy(rb"&(?:amp;)?[A-Za-z_.-]{1,40}=")
_INDIRECT: Final = Lazy(rb"(?i)(?:^|[^a-z])(?:value|default|val|data|content|stringvalue|text)$")
_NAMED: Final = Lazy(
    rb"""(?i)(?:\b(?:name|key|id|variable|field|secret|property)["']?\s{0,4}(?:[:=]\s{0,4}|\s(?!\s{0,4}(?:name|key|id|value)["']?\s{0,4}[:=]))\\?["']?)(?P<name>[\w.\-/]{2,80})"""
)

_OWNER: Final = Lazy(rb"""(?P<name>[\w.\-/]{2,80})["'\\]{0,3}\s{0,4}(?:[:=]\s{0,4})?(?:\{|</name>)[^\w}]{0,20}<?$""")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Assignment:
    """A value and what it is called.

    Attributes:
        name: as written, without quotes; empty when there is none.
        start: first byte of the value.
        end: the byte after its last.
        value: the bytes between.
        quote: the quote it stands in, or empty.
        operator: what stands between name and value; empty when only space does.
    """

    name: bytes
    start: int
    end: int
    value: bytes
    quote: bytes
    operator: bytes


def read_assignment(data: bytes, start: int) -> Assignment | None:
    """Return the assignment whose value begins at *start*."""
    before = data[max(0, start - LOOK_BACK) : start]
    match = _BEFORE.match(before[::-1])
    if match is None:
        return None
    name = match["name"][::-1].strip(b" .-")
    operator = match["op"][::-1]
    quote, end = _value_end(data, start, match["open"][::-1].rstrip(b" \t"))
    value = data[start:end]
    if _INDIRECT.search(name) is not None:
        name = _indirect_name(before[: len(before) - match.end("name")]) or name
    return Assignment(name, start, end, value, quote, operator or match["open"][:0])


def _indirect_name(before: bytes) -> bytes:
    """The name a ``value`` or ``default`` belongs to: named just before, or the key of the object it is in."""
    names = _NAMED.findall(before)
    owner = _OWNER.search(before)
    if owner is not None:
        return owner["name"]
    return names[-1] if names else b""


def _value_end(data: bytes, start: int, opening: bytes) -> tuple[bytes, int]:
    quote = opening[-1:]
    if quote in _QUOTED:
        if opening[-2:-1] == b"\\":
            match = _ESCAPED.match(data, start)
            return quote, match.end() if match else start
        match = _QUOTED[quote].match(data, start)
        end = match.end() if match else start
        if data[end : end + 1] == quote:
            return quote, end
    match = _PLAIN.match(data, start)
    if match is None:
        return b"", start
    end = match.end()
    value = data[start:end]
    cut = _ENTITY.search(value) or _PARAMETER.search(value)
    if cut is not None:
        value = value[: cut.start()]
    for mark in (b"\\n", b"\\r", b"\\t", b"\\u0026"):
        at = value.find(mark)
        if at >= 0:
            value = value[:at]
    value = value.rstrip(b",;)}]\\")
    return b"", start + len(value)
