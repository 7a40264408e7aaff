"""Tells what some DER or BER is from its first elements, also when its end is missing."""

from __future__ import annotations

from typing import Final

PKCS12, PKCS8, ENCRYPTED, PKCS1, SEC1, DSA = "pkcs12", "pkcs8", "encrypted", "pkcs1", "sec1", "dsa"
PUBLIC, PUBLIC_PKCS1, X509, CSR, CRL, PKCS7 = "spki", "pkcs1-public", "x509", "csr", "crl", "pkcs7"

_SIGNED_DATA: Final = bytes.fromhex("2a864886f70d010702")
_PASSWORD_BASED: Final = (  # PKCS#5, PKCS#12, the key protector of Java
    bytes.fromhex("2a864886f70d0105"),
    bytes.fromhex("2a864886f70d010c01"),
    bytes.fromhex("2b060104012a02"),
)
_LONGEST_HEADER: Final = 6


def kind(data: bytes, at: int = 0) -> str:
    """Return one of this module's constants, or an empty text for what is none of them.

    Args:
        data: the bytes; they may be cut off anywhere.
        at: where it begins in them.
    """
    if data[at : at + 1] != b"\x30":
        return ""
    first = _inside(data, at)
    tag = _tag(data, first)
    if tag == 0x02:
        return _numbered(data, first)
    if tag == 0x30:
        return _nested(data, first)
    if tag == 0x06 and _content(data, first) == _SIGNED_DATA:
        return PKCS7
    return ""


def is_complete(data: bytes) -> bool:
    """Whether the outermost element ends where the bytes do, give or take a line end."""
    end = _after(data, 0)
    return 0 < end <= len(data) and not data[end:].strip(b"\r\n \0")


def _numbered(data: bytes, first: int) -> str:
    """What begins with a number: mostly its version."""
    number, following = _content(data, first), _after(data, first)
    tag = _tag(data, following)
    if number == b"\x03" and tag == 0x30:
        return PKCS12
    if number in (b"\0", b"\1"):
        if tag == 0x30:
            return PKCS8 if _tag(data, _inside(data, following)) == 0x06 else ""
        if tag == 0x02:
            return _traditional(data, following)
        return SEC1 if tag == 0x04 and number == b"\1" else ""
    is_modulus = len(number) >= 32 and tag == 0x02 and len(_content(data, following)) <= 32
    return PUBLIC_PKCS1 if is_modulus and _after(data, following) == _after(data, 0) else ""


def _traditional(data: bytes, at: int) -> str:
    """RSA has nine numbers, or more of several primes; DSA has six, its third as long as a hash."""
    count, third = 1, 0
    while count < 10 and _tag(data, at) == 0x02:
        if count == 2:
            third = len(_content(data, at))
        count, at = count + 1, _after(data, at)
    return DSA if count == 6 or (count < 6 and 16 < third < 66) else PKCS1


def _nested(data: bytes, first: int) -> str:
    """What begins with a sequence: an algorithm, or the part of it that is signed."""
    second = _inside(data, first)
    tag = _tag(data, second)
    if tag == 0x06:
        following = _tag(data, _after(data, first))
        if following == 0x03:
            return PUBLIC
        is_encrypted = following in (0x04, 0x24) and _content(data, second).startswith(_PASSWORD_BASED)
        return ENCRYPTED if is_encrypted else ""
    if tag == 0xA0:
        return X509
    return _signed(data, second) if tag == 0x02 else ""


def _signed(data: bytes, number: int) -> str:
    """A certificate of version 1, a request or a revocation list: told apart by what follows the number."""
    name = _after(data, number)
    if _tag(data, name) != 0x30:
        return ""
    inner = _tag(data, _inside(data, name))
    if inner != 0x06:
        return CSR if inner == 0x31 or not _content(data, name) else ""
    dates = _after(data, _after(data, name))
    return CRL if _tag(data, dates) in (0x17, 0x18) else X509


def _tag(data: bytes, at: int) -> int:
    return data[at] if 0 <= at < len(data) else -1


def _header(data: bytes, at: int) -> tuple[int, int]:
    """Return octets of header and of content; content is 0 where the length is indefinite or missing."""
    length = data[at + 1] if 0 <= at < len(data) - 1 else 0
    if not length & 0x80:
        return 2, length
    count = length & 0x7F
    size = int.from_bytes(data[at + 2 : at + 2 + count], "big") if count <= 4 else len(data)
    return min(2 + count, _LONGEST_HEADER), size


def _inside(data: bytes, at: int) -> int:
    return at + _header(data, at)[0]


def _after(data: bytes, at: int) -> int:
    return at + sum(_header(data, at))


def _content(data: bytes, at: int) -> bytes:
    header, size = _header(data, at)
    return data[at + header : at + header + size]
