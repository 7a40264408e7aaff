"""Where a value really ends, for formats that say their own length.

Each function is given the blob, the first byte of the value and where the expression stopped; its result is never behind that.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Mapping
from typing import Final

from stanch.engine.checks.asn1 import element_length
from stanch.engine.checks.keystores import JAVA_MAGIC, java_keystore, pgp_length
from stanch.engine.lazy import Lazy

# What stands between the characters of wrapped base64 begins with what is none of them; of an escape the letters are none either.
_RUN: Final = Lazy(rb"\\+(?:u000[aAdD]|[nrt])|&(?:#[xX]?[0-9A-Fa-f]{1,4}|quot);|[A-Za-z0-9+/_-]+")
_PADDING: Final = Lazy(rb"=*")
_URLSAFE: Final = bytes.maketrans(b"-_", b"+/")


def der_base64(data: bytes, start: int, end: int) -> int:
    """End of a DER or BER element in base64, wrapped or not: its header says how many bytes follow, or a mark ends it."""
    return _in_base64(data, start, end, _sequence_length)


def _in_base64(data: bytes, start: int, end: int, length_of: Callable[[bytes], int]) -> int:
    """End of a base64 text whose plain bytes say their length; where the expression stopped when they do not."""
    runs = [run.span() for run in _RUN.finditer(data, start, end) if data[run.start()] not in b"\\&"]
    text = b"".join(data[first:last] for first, last in runs).translate(_URLSAFE)
    try:
        length = length_of(binascii.a2b_base64(text + b"A" * (-len(text) % 4)))
    except binascii.Error:
        return end
    wanted = -(-length * 4 // 3)  # characters, without the padding
    if not length or wanted > len(text):
        return end
    for first, last in runs:
        if wanted <= last - first:
            at = first + wanted
            padding = _PADDING.match(data, at, min(end, at + -length % 3))
            return padding.end() if padding else at
        wanted -= last - first
    return end


def _sequence_length(raw: bytes) -> int:
    return element_length(raw) if raw.startswith(b"\x30") else 0


def der(data: bytes, start: int, end: int) -> int:
    """End of a DER or BER element."""
    length = _sequence_length(data[start:end])
    return start + length if 0 < length <= end - start else end


def java(data: bytes, start: int, end: int) -> int:
    """End of a JKS or JCEKS store, raw or in base64."""
    if not data.startswith(JAVA_MAGIC, start):
        return _in_base64(data, start, end, _java_length)
    length = _java_length(data[start:end])
    return start + length if 0 < length <= end - start else end


def _java_length(raw: bytes) -> int:
    return java_keystore(raw)[1]


def openpgp(data: bytes, start: int, end: int) -> int:
    """End of the packets that make up an OpenPGP key."""
    return start + pgp_length(data[start:end])


EXTENTS: Final[Mapping[str, Callable[[bytes, int, int], int]]] = {
    "der-base64": der_base64,
    "der": der,
    "java": java,
    "openpgp": openpgp,
}
"""Name in a detector's ``extent`` → function of blob, start and end."""
