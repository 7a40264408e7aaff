"""Takes off what a container was wrapped in to travel: UTF-16, base64 of either alphabet, hexadecimal, also several times."""

from __future__ import annotations

import re
from binascii import Error, unhexlify
from typing import Final

from stanch.keys.pemtext import lax_base64, lines

DEEPEST: Final = 5
"""Layers that are taken off one after the other. What is wrapped more often was wrapped to be a bomb."""

_SHORTEST: Final = 40
_LARGEST: Final = 96 * 1024 * 1024
_LARGEST_CLEANED: Final = 8 * 1024 * 1024
_SPACE: Final = b" \t\r\n\f\v"
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]+={0,2}|[A-Za-z0-9_-]+={0,2}")
_DATA_URI: Final = re.compile(rb"data:[A-Za-z0-9/+.;=-]{0,120};base64,", re.IGNORECASE)
_HEX_DIGITS: Final = b"0123456789abcdefABCDEF"
_TEXT: Final = bytes((*range(0x20, 0x7F), 9, 10, 13))
_SAMPLE: Final = 1_024


def peeled(data: bytes) -> tuple[str, bytes] | None:
    """Take one layer off.

    Returns:
        What it was, for a person, and what was in it; ``None`` when there is no layer.
    """
    wide = _from_wide(data)
    if wide is not None:
        return wide
    if data.startswith(b"\xef\xbb\xbf"):
        return "UTF-8", data[3:]
    if not _SHORTEST <= len(data) <= _LARGEST or data[:_SAMPLE].translate(None, _TEXT):
        return None
    return _from_hex(data) or _from_base64(data)


def _from_wide(data: bytes) -> tuple[str, bytes] | None:
    """Turn UTF-16 into UTF-8; without a mark at its front, it is told by every other octet being zero."""
    head = data[:64]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif len(head) >= 8 and not any(head[1::2][:16]) and all(head[::2][:16]):
        encoding = "utf-16-le"
    elif len(head) >= 8 and not any(head[::2][:16]) and all(head[1::2][:16]):
        encoding = "utf-16-be"
    else:
        return None
    even = data[: len(data) // 2 * 2]
    return "UTF-16 text", even.decode(encoding, "replace").encode("utf-8", "replace")


def _from_hex(data: bytes) -> tuple[str, bytes] | None:
    text = data.strip(_SPACE)
    digits = text[2 * text.startswith((b"0x", b"0X")) :].translate(None, _SPACE + b":,")
    if digits[:_SAMPLE].translate(None, _HEX_DIGITS):
        return None
    try:
        return "hexadecimal text", unhexlify(digits)
    except Error:
        return None


def _from_base64(data: bytes) -> tuple[str, bytes] | None:
    text = data.strip(_SPACE)
    uri = _DATA_URI.match(text)
    if uri:
        text = text[uri.end() :]
    compact = text.translate(None, _SPACE)
    if not _BASE64.fullmatch(compact):
        if len(text) > _LARGEST_CLEANED:
            return None
        compact = b"".join(lines(text)).translate(None, _SPACE)
        if not _BASE64.fullmatch(compact):
            return None
    return ("base64 text", lax_base64(compact)) if len(compact) >= _SHORTEST else None
