"""Takes the text off binary keys: the ``-----BEGIN …-----`` of OpenSSH, OpenPGP and age, the ``---- BEGIN …`` of ssh.com."""

from __future__ import annotations

import re
from binascii import Error, a2b_base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stanch.keys.model import KeyFormatError

LONGEST: Final = 16 * 1024 * 1024
"""Octets of text above which nobody wrote one key."""

_BEGIN: Final = re.compile(rb"^[^\S\n]*(-{4,5}) ?BEGIN ([A-Z0-9 ]{1,60}?) ?-{4,5}[^\S\n]*$", re.MULTILINE)
_HEADER: Final = re.compile(r"([!-9;-~]{1,64}):(?: (.*))?")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Block:
    """One armored block.

    Attributes:
        label: what stands behind BEGIN.
        headers: lines ``Name: value`` before the base64, names in lower case, continued lines joined.
        lines: those of base64 and what follows it, without the header.
    """

    label: str
    headers: Mapping[str, str]
    lines: Sequence[str]

    def content(self) -> bytes:
        """Decode the base64.

        Raises:
            KeyFormatError: it is not base64.
        """
        return decoded("".join(self.lines))


def blocks(data: bytes) -> list[Block]:
    """Return the armored blocks in a text.

    Raises:
        KeyFormatError: a block does not end, or the text is too long.
    """
    if len(data) > LONGEST:
        raise KeyFormatError("the text is too long for a key")
    found = []
    at = 0
    while match := _BEGIN.search(data, at):
        dashes, label = match.groups()
        tail = b" " + dashes if len(dashes) == 4 else dashes
        head = b" END " if len(dashes) == 4 else b"END "
        end = data.find(dashes + head + label + tail, match.end())
        if end < 0:
            raise KeyFormatError("the end line is missing")
        body = data[match.end() : end].decode("utf-8", "replace")
        headers, lines = _split([line.strip() for line in body.split("\n")])
        found.append(Block(label=label.decode("ascii"), headers=headers, lines=lines))
        at = end
    return found


def decoded(text: str) -> bytes:
    """Decode base64 that may be wrapped."""
    try:
        return a2b_base64("".join(text.split()).encode("ascii"), strict_mode=True)
    except (Error, UnicodeEncodeError) as exc:
        raise KeyFormatError("the base64 is broken") from exc


def _split(lines: list[str]) -> tuple[dict[str, str], list[str]]:
    """Separate headers from base64; a header's value goes on behind a backslash (RFC 4716 §3.3)."""
    headers: dict[str, str] = {}
    rest = iter(lines)
    for line in rest:
        if not line:
            continue
        match = _HEADER.fullmatch(line)
        if match is None:
            return headers, [line, *(other for other in rest if other)]
        value = match[2] or ""
        while value.endswith("\\"):
            value = value[:-1] + next(rest, "")
        headers[match[1].lower()] = value
    return headers, []
