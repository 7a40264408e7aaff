"""Which certificate belongs to which key, and which chain to which certificate: by public key and by name, never by order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stanch.keys import x509
from stanch.keys.model import KeyFormatError
from stanch.keys.x509 import Certificate

LONGEST_CHAIN = 16


def readable(certificates: Iterable[bytes]) -> tuple[list[Certificate], int]:
    """Return the certificates that can be read, each once, and how many cannot."""
    found: dict[bytes, Certificate] = {}
    broken = 0
    for der in certificates:
        try:
            read = x509.read(der)
        except KeyFormatError:
            broken += 1
        else:
            found.setdefault(read.der, read)
    return list(found.values()), broken


def of_key(spki: bytes, certificates: Sequence[Certificate]) -> Certificate | None:
    """Return the certificate of a public key: of several, rather one of no authority, and the one that ends last."""
    own = [certificate for certificate in certificates if certificate.spki == spki]
    return max(own, key=lambda one: (not one.facts.authority, one.facts.not_after), default=None)


def chain(first: Certificate, certificates: Sequence[Certificate]) -> list[Certificate]:
    """Return the certificates that lead up from one, nearest first, without it."""
    above: dict[bytes, Certificate] = {}
    for certificate in certificates:
        above.setdefault(certificate.subject, certificate)
    found: list[Certificate] = []
    at = first
    while at.issuer != at.subject and len(found) < LONGEST_CHAIN:
        following = above.get(at.issuer)
        if following is None or following is first or following in found:
            break
        found.append(following)
        at = following
    return found
