"""Real keys and certificates, made once a session and never issued: what every container of the corpus is filled with.

Everything that is made here is random but for the order; RSA keys are slow, so there is one for each role.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

KEYS: Final = ("rsa", "ec", "ed25519")
VALIDITIES: Final = ("valid", "expired", "future")
NOW: Final = datetime(2026, 6, 1, tzinfo=UTC)
"""The moment by which certificates of the corpus are valid, expired or not yet valid."""
PERIODS: Final = {
    "valid": (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
    "expired": (datetime(2019, 3, 1, tzinfo=UTC), datetime(2021, 3, 1, tzinfo=UTC)),
    "future": (datetime(2031, 7, 1, tzinfo=UTC), datetime(2033, 7, 1, tzinfo=UTC)),
}
PASSWORD: Final = "Tr4il" + "-mix.92"
"""Not on any short list; it opens what is protected."""
TENANT: Final = "6f1d2a90-4c1b-4e57-9a3e-0d5b8c7e2f41"
CLIENT: Final = "a3c94e1f-7b2d-4f08-8e6a-51d0c9b7f362"
SUBSCRIPTIONS: Final = ("0b7e5d2c-91f4-4a6b-b3c8-7d2e6f1a9c05", "e4a82f60-3d7c-4b19-8f5e-2c9b1d6a7043")


@cache
def key(name: str) -> Key:
    """Return the session's key of an algorithm."""
    if name == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1()) if name == "ec" else ed25519.Ed25519PrivateKey.generate()


@cache
def certificate(name: str, validity: str) -> x509.Certificate:
    """Return a self-signed certificate of the session's key, as Azure tools make them."""
    mine = key(name)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"sp-{name}-{validity}")])
    before, after = PERIODS[validity]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(mine.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(before)
        .not_valid_after(after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    )
    return builder.sign(mine, None if name == "ed25519" else hashes.SHA256())


@cache
def request(name: str) -> x509.CertificateSigningRequest:
    """Return a certificate signing request of the session's key."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"sp-{name}")])
    mine = key(name)
    return (
        x509.CertificateSigningRequestBuilder().subject_name(subject).sign(mine, None if name == "ed25519" else hashes.SHA256())
    )


def pem(found: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    """Return a certificate or a request as PEM."""
    return found.public_bytes(Encoding.PEM)


def der(found: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    """Return a certificate or a request as DER."""
    return found.public_bytes(Encoding.DER)


def pkcs8(name: str) -> bytes:
    """Return the session's key as PKCS#8 DER, in the clear."""
    return key(name).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def spki(name: str) -> bytes:
    """Return the public half as SubjectPublicKeyInfo DER."""
    return key(name).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


# --- the little that formats have in common -------------------------------------------------------------------------


def big(number: int, size: int = 4) -> bytes:
    """Return a number of *size* bytes, big endian."""
    return number.to_bytes(size, "big")


def field(data: bytes) -> bytes:
    """Return bytes behind their length in four bytes, as SSH formats write them: RFC 4251, section 5."""
    return big(len(data)) + data


def mpint(number: int) -> bytes:
    """Return a number as SSH formats write it."""
    return field(number.to_bytes(number.bit_length() // 8 + 1, "big"))


def element(tag: int, *parts: bytes) -> bytes:
    """Return a DER element."""
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes((tag, len(body))) + body
    size = big(len(body), (len(body).bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(size))) + size + body


def children(body: bytes) -> list[tuple[int, bytes, bytes]]:
    """Return tag, content and whole of the DER elements in *body*."""
    found, at = [], 0
    while at < len(body):
        size, head = body[at + 1], 2
        if size & 0x80:
            head, size = 2 + (size & 0x7F), int.from_bytes(body[at + 2 : at + 2 + (size & 0x7F)], "big")
        found.append((body[at], body[at + head : at + head + size], body[at : at + head + size]))
        at += head + size
    return found
