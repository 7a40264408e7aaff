"""Strings and times of ASN.1, and the names made of them: tolerant, because certificates of the last thirty years are.

A name is written as RFC 4514 has it, last part first; types without a name stand as dotted oids. Control characters and whatever
else does not print are written as hex pairs, which the RFC allows, so a name never breaks a line or a terminal.

Sources: RFC 4514 (names), RFC 5280 §4.1.2.5 (times) and §4.2.1.6 (alternative names), ITU-T X.690 §11.7 and §11.8.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from stanch.keys.der import SEQUENCE, SET, Der, dotted
from stanch.keys.model import KeyFormatError

EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
LATEST: Final = datetime.max.replace(tzinfo=UTC)
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18

_ATTRIBUTES: Final[Mapping[str, str]] = {
    "2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST",
    "2.5.4.9": "STREET", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "title", "2.5.4.13": "description",
    "2.5.4.15": "businessCategory", "2.5.4.17": "postalCode", "2.5.4.42": "givenName", "2.5.4.43": "initials",
    "2.5.4.46": "dnQualifier", "2.5.4.65": "pseudonym", "2.5.4.97": "organizationIdentifier",
    "0.9.2342.19200300.100.1.1": "UID", "0.9.2342.19200300.100.1.25": "DC", "1.2.840.113549.1.9.1": "emailAddress",
}  # fmt: skip
_ENCODINGS: Final[Mapping[int, str]] = {
    0x0C: "utf-8", 0x12: "latin-1", 0x13: "latin-1", 0x14: "latin-1", 0x16: "latin-1", 0x1A: "latin-1", 0x1E: "utf-16-be",
    0x1C: "utf-32-be",
}  # fmt: skip
_UPN: Final = "1.3.6.1.4.1.311.20.2.3"
_SPECIAL: Final = frozenset('",+;<>\\')
_MOST_PARTS: Final = 100
_LONGEST_VALUE: Final = 1_024
_TIME: Final = re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)?(\d\d)?(\d\d)?(?:[.,]\d+)?(Z|[+-]\d\d(?:\d\d)?)?")


def text(tag: int, content: bytes) -> str | None:
    """Return a character string; ``None`` for what is none."""
    encoding = _ENCODINGS.get(tag)
    if encoding is None:
        return None
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return content.decode("latin-1")  # a name in the wrong string type is common, and better shown than lost


def moment(tag: int, content: bytes) -> datetime | None:
    """Return a UTCTime or GeneralizedTime in UTC; ``None`` when it cannot be read.

    Seconds may be missing, a fraction or an offset be there, a leap second is the second before it, and the year 0 is the first
    there is: all of that has been issued.
    """
    if tag == UTC_TIME and len(content) >= 2 and content[:2].isdigit():
        content = (b"20" if content[:2] < b"50" else b"19") + content
    elif tag != GENERALIZED_TIME:
        return None
    match = _TIME.fullmatch(content)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    try:
        zone = _zone((match[7] or b"Z").decode("ascii"))
        read = datetime(max(year, 1), month, day, hour, minute, min(second, 59), tzinfo=zone)
    except ValueError:
        return None
    try:
        return read.astimezone(UTC)
    except OverflowError:
        return EARLIEST if read.year == 1 else LATEST


def distinguished(name: bytes) -> str:
    """Return an X.501 name as RFC 4514 text.

    Args:
        name: the whole SEQUENCE.

    Raises:
        KeyFormatError: it is none, or has more parts than a name has.
    """
    reader = Der(name).inside(SEQUENCE)
    parts: list[str] = []
    while not reader.done():
        if len(parts) >= _MOST_PARTS:
            raise KeyFormatError("a name has too many parts")
        parts.append(_relative(reader.inside(SET)))
    return ",".join(reversed(parts))


def alternative(tag: int, content: bytes) -> str:
    """Return a GeneralName as text: the host, address, URI, name or oid alone; empty for a kind that is no name.

    Raises:
        KeyFormatError: it is broken.
    """
    if tag in (0x81, 0x82, 0x86):  # mail, host, URI
        return content.decode("utf-8", "replace")
    if tag == 0x87:
        return _address(content)
    if tag == 0xA4:
        return distinguished(content)
    if tag == 0x88:
        return dotted(content)
    if tag == 0xA0:
        other = Der(content)
        if other.oid() == _UPN:
            value = other.inside(0xA0)
            return text(value.tag, value.content()) or ""
    return ""


def _zone(zone: str) -> timezone:
    if zone == "Z":
        return UTC
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5] or 0))
    return timezone(offset if zone[0] == "+" else -offset)


def _relative(reader: Der) -> str:
    parts: list[str] = []
    while not reader.done() and len(parts) < _MOST_PARTS:
        pair = reader.inside(SEQUENCE)
        kind, tag = pair.oid(), pair.tag
        whole = pair.whole()
        value = text(tag, Der(whole).content())
        shown = f"#{whole[:_LONGEST_VALUE].hex()}" if value is None else _escaped(value[:_LONGEST_VALUE])
        parts.append(f"{_ATTRIBUTES.get(kind, kind)}={shown}")
    return "+".join(parts)


def _escaped(value: str) -> str:
    if value.isalnum() or not value:
        return value
    out = [f"\\{c}" if c in _SPECIAL else c if c.isprintable() else _hex_pairs(c) for c in value]
    if out[0] in (" ", "#"):
        out[0] = "\\" + out[0]
    if out[-1] == " " and len(out) > 1:
        out[-1] = "\\ "
    return "".join(out)


def _hex_pairs(character: str) -> str:
    return "".join(f"\\{octet:02x}" for octet in character.encode("utf-8", "surrogatepass"))


def _address(content: bytes) -> str:
    if len(content) == 4:
        return ".".join(map(str, content))
    if len(content) == 16:
        from socket import AF_INET6, inet_ntop

        return inet_ntop(AF_INET6, content)
    return content.hex(":")
