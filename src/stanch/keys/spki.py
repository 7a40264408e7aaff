"""Reads the public key out of a certificate, and the numbers out of a SubjectPublicKeyInfo.

Just as much DER as that takes, with every length checked; names, dates and extensions of certificates are read elsewhere.
Sources: RFC 5280 §4.1, RFC 3279 §2.3, RFC 5480, RFC 8410.
"""

from __future__ import annotations

from typing import Final

from stanch.keys import material
from stanch.keys.encode import CURVE_OF_OID, OCTET_KEYS
from stanch.keys.material import Material
from stanch.keys.model import KeyFormatError

_RSA, _DSA, _EC = "1.2.840.113549.1.1.1", "1.2.840.10040.4.1", "1.2.840.10045.2.1"
_PSS: Final = "1.2.840.113549.1.1.10"
_LONGEST_OID: Final = 40


class Der:
    """Takes DER elements off the front of some bytes; every method raises `KeyFormatError` when they are not there."""

    __slots__ = ("_at", "_data", "_end")

    def __init__(self, data: bytes, start: int = 0, end: int | None = None) -> None:
        self._data = data
        self._at = start
        self._end = len(data) if end is None else end

    @property
    def tag(self) -> int:
        """Tag of the next element; -1 when there is none."""
        return self._data[self._at] if self._at < self._end else -1

    def inside(self, tag: int) -> Der:
        """Step over an element of a tag and return a reader of its content."""
        start, end = self._bounds(tag)
        self._at = end
        return Der(self._data, start, end)

    def content(self, tag: int) -> bytes:
        """Step over an element and return its content."""
        start, end = self._bounds(tag)
        self._at = end
        return self._data[start:end]

    def whole(self, tag: int) -> bytes:
        """Step over an element and return it with its header."""
        begin = self._at
        _, self._at = self._bounds(tag)
        return self._data[begin : self._at]

    def number(self) -> int:
        """Return an INTEGER."""
        return int.from_bytes(self.content(0x02), "big", signed=True)

    def bits(self) -> bytes:
        """Return a BIT STRING of whole octets."""
        content = self.content(0x03)
        if content[:1] != b"\0":
            raise KeyFormatError("the public key does not end at an octet")
        return content[1:]

    def oid(self) -> str:
        """Return an OBJECT IDENTIFIER, dotted."""
        content = self.content(0x06)
        if not 0 < len(content) <= _LONGEST_OID or content[-1] & 0x80:
            raise KeyFormatError("an object identifier is broken")
        return dotted(content)

    def rest(self) -> bytes:
        """Return what is left, without stepping over it."""
        return self._data[self._at : self._end]

    def done(self) -> bool:
        """Whether nothing is left."""
        return self._at >= self._end

    def _bounds(self, tag: int) -> tuple[int, int]:
        at, data = self._at, self._data
        if self._end - at < 2 or data[at] != tag:
            raise KeyFormatError("the DER does not hold what was expected")
        size = data[at + 1]
        at += 2
        if size & 0x80:
            count = size & 0x7F
            if not 1 <= count <= 4 or at + count > self._end:
                raise KeyFormatError("a length in the DER is broken")
            size = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + size > self._end:
            raise KeyFormatError("the DER is cut off")
        return at, at + size


def dotted(content: bytes) -> str:
    """Return the text of an object identifier's content octets."""
    arcs, value = [], 0
    for octet in content:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2) if arcs else 0
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:]))) if arcs else ""


def of_certificate(der: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo of an X.509 certificate.

    Raises:
        KeyFormatError: it is no certificate.
    """
    body = Der(der).inside(0x30).inside(0x30)
    if body.tag == 0xA0:  # version; left out in version 1
        body.inside(0xA0)
    body.whole(0x02)  # serial number
    for _ in range(4):  # signature, issuer, validity, subject
        body.whole(0x30)
    return body.whole(0x30)


def read(spki: bytes) -> Material:
    """Return the numbers of a SubjectPublicKeyInfo; of an algorithm that is not known only its dotted name.

    Raises:
        KeyFormatError: it is none, or its numbers are no key.
    """
    info = Der(spki).inside(0x30)
    algorithm = info.inside(0x30)
    name = algorithm.oid()
    public = info.bits()
    if name in (_RSA, _PSS):
        numbers = Der(public).inside(0x30)
        return _with(material.rsa(numbers.number(), numbers.number()), spki)
    if name == _DSA and algorithm.tag == 0x30:
        parameters = algorithm.inside(0x30)
        p, q, g = (parameters.number() for _ in range(3))
        return _with(material.dsa(p, q, g, Der(public).number()), spki)
    if name == _EC and algorithm.tag == 0x06:
        curve = CURVE_OF_OID.get(algorithm.oid(), "")
        return _with(material.ec(curve, public), spki) if curve else Material(algorithm="ec", spki=spki)
    known = CURVE_OF_OID.get(name, "")
    if known in OCTET_KEYS:
        return material.okp(known, public)
    return Material(algorithm="ec" if name == _EC else name, spki=spki)


def _with(numbers: Material, spki: bytes) -> Material:
    """Keep the octets of the file: they are what others hash, also where they could be written otherwise."""
    return Material(
        algorithm=numbers.algorithm, bits=numbers.bits, curve=numbers.curve, spki=spki, modulus=numbers.modulus,
        exponent=numbers.exponent,
    )  # fmt: skip
