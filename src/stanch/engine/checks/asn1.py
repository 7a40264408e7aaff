"""Lengths and parts of ASN.1 elements in DER and in BER with indefinite lengths, from bytes that may be cut off or lie.

X.690: https://www.itu.int/rec/T-REC-X.690. Nothing here recurses, and every step moves on by two bytes at least.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

MOST_PARTS: Final = 256  # elements of one level that are looked at
_INDEFINITE: Final = 0x80


def header(data: bytes, at: int) -> tuple[int, int]:
    """Return the length of an element's header and of its content, -1 for one of indefinite length; (0, 0) when there is none."""
    if at + 2 > len(data):
        return 0, 0
    first = data[at + 1]
    if first < _INDEFINITE:
        return 2, first
    if first == _INDEFINITE:
        return 2, -1
    count = first & 0x7F
    if count > 4 or at + 2 + count > len(data):
        return 0, 0
    return 2 + count, int.from_bytes(data[at + 2 : at + 2 + count], "big")


def der_length(data: bytes) -> int:
    """Return the length in bytes of the DER element that *data* starts with, header included; 0 when there is none."""
    head, size = header(data, 0)
    return head + size if head and size >= 0 else 0


def element_length(data: bytes, at: int = 0) -> int:
    """Return the length of the element at *at* as it says, or for an indefinite one up to its end mark; 0 when it has no end."""
    start, open_ = at, 0
    while True:
        head, size = header(data, at)
        if not head:
            return 0
        if size < 0:
            open_ += 1
            at += head
        elif open_ and data[at] == 0 and size == 0:
            open_ -= 1
            at += 2
        else:
            at += head + size
        if not open_:
            return at - start


def parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of the elements in *data*, the last one as far as it is there."""
    at = 0
    for _ in range(MOST_PARTS):
        head, size = header(data, at)
        if not head or (data[at] == 0 and size == 0):
            return
        if size >= 0:
            yield data[at], data[at + head : at + head + size]
            at += head + size
        else:
            length = element_length(data, at)
            yield data[at], data[at + head : at + length - 2] if length else data[at + head :]
            if not length:
                return
            at += length


def octets(tag: int, content: bytes) -> bytes:
    """Return an OCTET STRING's bytes, put together where BER wrote it in pieces."""
    if tag != 0x24:
        return content
    return b"".join(piece for inner, piece in parts(content) if inner == 0x04)
