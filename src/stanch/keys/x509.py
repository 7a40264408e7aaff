"""Certificates: facts from their DER, read here rather than by a library, which is stricter than the world is.

Old and home-made certificates have negative serial numbers, wrong string types, times that are none, extensions nobody can read.
Such a certificate still signs people in, so whatever can be read is read, and what could not stands in `Certificate.oddities`.
A library is asked only whether a certificate that names itself as its issuer really signed itself.

Source: RFC 5280, https://www.rfc-editor.org/rfc/rfc5280.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import sha1, sha256
from typing import Final

from stanch.core.key_facts import CertificateFacts
from stanch.core.records import dataclass
from stanch.keys.der import BIT_STRING, OCTET_STRING, SEQUENCE, Der
from stanch.keys.dertext import EARLIEST, LATEST, alternative, distinguished, moment
from stanch.keys.model import KeyFormatError
from stanch.keys.selfsigned import has_signed

SIGNATURES: Final[Mapping[str, str]] = {
    "1.2.840.113549.1.1.2": "md2WithRSAEncryption", "1.2.840.113549.1.1.4": "md5WithRSAEncryption",
    "1.2.840.113549.1.1.5": "sha1WithRSAEncryption", "1.3.14.3.2.29": "sha1WithRSAEncryption",
    "1.2.840.113549.1.1.14": "sha224WithRSAEncryption", "1.2.840.113549.1.1.11": "sha256WithRSAEncryption",
    "1.2.840.113549.1.1.12": "sha384WithRSAEncryption", "1.2.840.113549.1.1.13": "sha512WithRSAEncryption",
    "1.2.840.113549.1.1.10": "rsassaPss", "1.2.840.10045.4.1": "ecdsa-with-SHA1", "1.2.840.10045.4.3.1": "ecdsa-with-SHA224",
    "1.2.840.10045.4.3.2": "ecdsa-with-SHA256", "1.2.840.10045.4.3.3": "ecdsa-with-SHA384",
    "1.2.840.10045.4.3.4": "ecdsa-with-SHA512", "1.2.840.10040.4.3": "dsa-with-sha1",
    "2.16.840.1.101.3.4.3.1": "dsa-with-sha224", "2.16.840.1.101.3.4.3.2": "dsa-with-sha256", "1.3.101.112": "ed25519",
    "1.3.101.113": "ed448", "2.16.840.1.101.3.4.3.17": "ml-dsa-44", "2.16.840.1.101.3.4.3.18": "ml-dsa-65",
    "2.16.840.1.101.3.4.3.19": "ml-dsa-87",
}  # fmt: skip
"""Signature algorithm → its name in the RFC that defines it."""

USAGES: Final[Mapping[str, str]] = {
    "1.3.6.1.5.5.7.3.1": "serverAuth", "1.3.6.1.5.5.7.3.2": "clientAuth", "1.3.6.1.5.5.7.3.3": "codeSigning",
    "1.3.6.1.5.5.7.3.4": "emailProtection", "1.3.6.1.5.5.7.3.5": "ipsecEndSystem", "1.3.6.1.5.5.7.3.6": "ipsecTunnel",
    "1.3.6.1.5.5.7.3.7": "ipsecUser", "1.3.6.1.5.5.7.3.8": "timeStamping", "1.3.6.1.5.5.7.3.9": "OCSPSigning",
    "1.3.6.1.5.5.7.3.17": "ipsecIKE", "2.5.29.37.0": "anyExtendedKeyUsage", "1.3.6.1.4.1.311.20.2.2": "smartcardLogon",
    "1.3.6.1.4.1.311.10.3.4": "encryptedFileSystem", "1.3.6.1.4.1.311.10.3.12": "documentSigning",
    "1.3.6.1.5.2.3.4": "pkInitClientAuth", "1.3.6.1.5.2.3.5": "pkInitKdc", "1.3.6.1.4.1.311.80.1": "documentEncryption",
}  # fmt: skip
"""Extended key usage → its name."""

_BASIC, _ALTERNATIVE, _EXTENDED = "2.5.29.19", "2.5.29.17", "2.5.29.37"
_MOST_EXTENSIONS: Final = 100
_MOST_NAMES: Final = 1_000
_LARGEST: Final = 4 * 1024 * 1024
_LARGEST_REMEMBERED: Final = 16 * 1024
_LONGEST_SERIAL: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate that was read.

    Attributes:
        der: the certificate, without what followed it.
        facts: what may be shown.
        spki: SubjectPublicKeyInfo, DER, as it stands.
        subject: name, DER.
        issuer: name, DER.
        oddities: what could not be read or checked, sentences for a person.
    """

    der: bytes
    facts: CertificateFacts
    spki: bytes
    subject: bytes
    issuer: bytes
    oddities: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Extensions:
    authority: bool = False
    usages: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    unread: int = 0


def read(data: bytes) -> Certificate:
    """Read the certificate some bytes begin with.

    Raises:
        KeyFormatError: they begin with none.
    """
    if len(data) > _LARGEST:
        raise KeyFormatError("the certificate is too large")
    return _remembered(data) if len(data) <= _LARGEST_REMEMBERED else _read(data)


def _read(data: bytes) -> Certificate:
    der = Der(data).whole(SEQUENCE)
    outer = Der(der).inside(SEQUENCE)
    signed = outer.whole(SEQUENCE)
    algorithm = outer.whole(SEQUENCE)
    signature = outer.content(BIT_STRING)[1:]
    body = Der(signed).inside(SEQUENCE)
    body.maybe(0xA0)  # version; left out in version 1
    serial = body.content(0x02)
    body.whole(SEQUENCE)  # signature algorithm, once more
    issuer = body.whole(SEQUENCE)
    validity = body.inside(SEQUENCE)
    subject = body.whole(SEQUENCE)
    spki = body.whole(SEQUENCE)
    oddities: list[str] = []
    start = _time(validity, EARLIEST, "The start of its validity cannot be read.", oddities)
    end = _time(validity, LATEST, "The end of its validity cannot be read, so it is taken for valid for ever.", oddities)
    extensions = _extensions(body)
    if extensions.unread:
        oddities.append("An extension of the certificate cannot be read.")
    scheme = Der(algorithm).inside(SEQUENCE).oid()
    facts = CertificateFacts(
        subject=_name(subject, oddities),
        issuer=_name(issuer, oddities),
        serial=_hex(serial),
        self_signed=issuer == subject and _verified(signed, algorithm, signature, spki, oddities),
        not_before=start,
        not_after=end,
        extended_usage=extensions.usages,
        alternative_names=extensions.names,
        signature=SIGNATURES.get(scheme, scheme),
        authority=extensions.authority,
        **_digests(der),
    )
    return Certificate(der=der, facts=facts, spki=spki, subject=subject, issuer=issuer, oddities=tuple(dict.fromkeys(oddities)))


_remembered = lru_cache(maxsize=256)(_read)  # a container and the verdict on it both look at a certificate


def _digests(der: bytes) -> dict[str, str]:
    short, long = sha1(der, usedforsecurity=False), sha256(der)
    return {
        "sha1": short.hexdigest().upper(),
        "sha256": long.hexdigest().upper(),
        "x5t": urlsafe_b64encode(short.digest()).rstrip(b"=").decode("ascii"),
        "x5t_s256": urlsafe_b64encode(long.digest()).rstrip(b"=").decode("ascii"),
    }


def _hex(serial: bytes) -> str:
    number = int.from_bytes(serial[:_LONGEST_SERIAL], "big", signed=True)
    return f"{number:x}"


def _time(validity: Der, otherwise: datetime, oddity: str, oddities: list[str]) -> datetime:
    try:
        read = moment(validity.tag, validity.content())
    except KeyFormatError:
        read = None
    if read is None:
        oddities.append(oddity)
    return read or otherwise


def _name(name: bytes, oddities: list[str]) -> str:
    try:
        return distinguished(name)
    except KeyFormatError:
        oddities.append("A name in the certificate cannot be read.")
        return ""


def _verified(signed: bytes, algorithm: bytes, signature: bytes, spki: bytes, oddities: list[str]) -> bool:
    answer = has_signed(signed, algorithm, signature, spki)
    if answer is None:
        oddities.append("It names itself as its issuer; whether it signed itself could not be checked.")
    return answer is True


def _extensions(body: Der) -> _Extensions:
    """Read the extensions that matter; each that is broken is counted, and the others are read all the same."""
    found = _Extensions()
    try:
        body.maybe(0x81)  # unique ids of version 2
        body.maybe(0x82)
        listed = body.maybe(0xA3)
        reader = listed.inside(SEQUENCE) if listed else None
        for _ in range(_MOST_EXTENSIONS):
            if reader is None or reader.done():
                break
            _extension(reader.inside(SEQUENCE), found)
    except KeyFormatError:
        found.unread += 1
    return found


def _extension(reader: Der, found: _Extensions) -> None:
    try:
        kind = reader.oid()
        if kind not in (_BASIC, _ALTERNATIVE, _EXTENDED):
            return
        reader.maybe(0x01)  # critical
        values = Der(reader.content(OCTET_STRING)).inside(SEQUENCE)
        if kind == _BASIC:
            found.authority = values.tag == 0x01 and any(values.content(0x01))
        elif kind == _EXTENDED:
            found.usages = tuple(USAGES.get(usage, usage) for usage in _oids(values))
        else:
            found.names = tuple(name for name in _names(values) if name)
    except KeyFormatError:
        found.unread += 1


def _oids(values: Der) -> list[str]:
    oids: list[str] = []
    while not values.done() and len(oids) < _MOST_NAMES:
        oids.append(values.oid())
    return oids


def _names(values: Der) -> list[str]:
    names: list[str] = []
    while not values.done() and len(names) < _MOST_NAMES:
        tag = values.tag
        names.append(alternative(tag, values.content()))
    return names
