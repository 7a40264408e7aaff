"""PKCS#7 bundles (.p7b, .p7c): certificates and nothing else that matters here. Source: RFC 5652 §5 (SignedData)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from stanch.keys import material, pairing, spki
from stanch.keys.der import SEQUENCE, SET, Der, definite, is_indefinite
from stanch.keys.material import PUBLIC, Material
from stanch.keys.model import Item, KeyFormatError, Password

_SIGNED: Final = "1.2.840.113549.1.7.2"
_MOST: Final = 5_000
_LARGEST: Final = 32 * 1024 * 1024


def parse(data: bytes, passwords: Sequence[Password], *, guess: bool) -> Sequence[Item]:
    """Read a bundle.

    Args:
        data: DER or BER.
        passwords: not needed: nothing is encrypted.
        guess: not needed.

    Returns:
        One item a certificate.

    Raises:
        KeyFormatError: it is none.
    """
    found, broken = pairing.readable(certificates(data))
    notes = (f"{broken} certificates of the bundle cannot be read.",) if broken else ()
    items = [material.item(_numbers(c.spki), PUBLIC, container="pkcs7", certificates=(c.der,), notes=notes) for c in found]
    if not items and broken:
        raise KeyFormatError("no certificate of the bundle can be read")
    return items or [material.item(Material(algorithm=""), PUBLIC, container="pkcs7", notes=("It holds no certificate.",))]


def certificates(data: bytes) -> list[bytes]:
    """Return the certificates of a SignedData, DER.

    Raises:
        KeyFormatError: it is none.
    """
    if len(data) > _LARGEST:
        raise KeyFormatError("the file is too large for a bundle of certificates")
    if not is_indefinite(data):
        try:
            return _certificates(data)
        except KeyFormatError:  # an indefinite length further inside
            pass
    return _certificates(definite(data))


def _certificates(data: bytes) -> list[bytes]:
    info = Der(data).inside(SEQUENCE)
    if info.oid() != _SIGNED:
        raise KeyFormatError("the PKCS#7 file holds no certificates")
    signed = info.inside(0xA0).inside(SEQUENCE)
    signed.number()
    signed.content(SET)
    signed.content(SEQUENCE)
    listed = signed.maybe(0xA0)
    found: list[bytes] = []
    while listed is not None and not listed.done():
        if len(found) >= _MOST:
            raise KeyFormatError("the bundle has too many certificates")
        tag = listed.tag
        one = listed.whole()
        if tag == SEQUENCE:  # others are attribute certificates
            found.append(one)
    return found


def _numbers(public: bytes) -> Material:
    try:
        return spki.read(public)
    except KeyFormatError:
        return Material(algorithm="")
