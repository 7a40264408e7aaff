"""Writes the few DER structures that make a public or private key comparable: SubjectPublicKeyInfo and PKCS#8.

SSH, PuTTY and OpenPGP store bare numbers. To link such a key to its certificate, both must be written in one form, byte for
byte as OpenSSL writes it, and hashed. Nothing here is secret by itself, and nothing reads: that is `stanch.keys.der`.

Sources: RFC 5280 §4.1.2.7 and RFC 3279 (public keys), RFC 5480 (EC), RFC 8410 (Edwards and Montgomery curves), RFC 5958
(PKCS#8), RFC 8017 appendix A (RSA), RFC 5915 (EC private keys).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SEQUENCE: Final = 0x30
NULL: Final = b"\x05\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A named curve.

    Attributes:
        name: as SEC 2, RFC 5639 or RFC 7748 call it.
        oid: dotted.
        bits: size of the field.
        order_bytes: octets of a private key: those of the group's order (RFC 5915 §3).
    """

    name: str
    oid: str
    bits: int
    order_bytes: int


def tlv(tag: int, content: bytes) -> bytes:
    """Return one DER element with a definite length."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def integer(value: int) -> bytes:
    """Return an INTEGER, two's complement in the fewest octets."""
    magnitude = value if value >= 0 else ~value
    return tlv(0x02, value.to_bytes(magnitude.bit_length() // 8 + 1, "big", signed=True))


def sequence(*parts: bytes) -> bytes:
    """Return a SEQUENCE of encoded elements."""
    return tlv(SEQUENCE, b"".join(parts))


def octet_string(value: bytes) -> bytes:
    """Return an OCTET STRING."""
    return tlv(0x04, value)


def bit_string(value: bytes) -> bytes:
    """Return a BIT STRING of whole octets."""
    return tlv(0x03, b"\x00" + value)


def oid(dotted: str) -> bytes:
    """Return an OBJECT IDENTIFIER from its dotted text."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    return tlv(0x06, b"".join(map(_base128, (first * 40 + second, *rest))))


def rsa_spki(n: int, e: int) -> bytes:
    """Return the SubjectPublicKeyInfo of an RSA key."""
    return sequence(_RSA, bit_string(sequence(integer(n), integer(e))))


def dsa_spki(p: int, q: int, g: int, y: int) -> bytes:
    """Return the SubjectPublicKeyInfo of a DSA key with its own parameters."""
    return sequence(_dsa_algorithm(p, q, g), bit_string(integer(y)))


def ec_spki(curve: str, point: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo of a key on a named curve.

    Args:
        curve: a name in `CURVES`; ``KeyError`` for another.
        point: SEC 1 octets, as they stand in the key (uncompressed, as a rule).
    """
    return sequence(_ec_algorithm(curve), bit_string(point))


def okp_spki(name: str, public: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo of an ``ed25519``, ``ed448``, ``x25519`` or ``x448`` key."""
    return sequence(sequence(oid(OCTET_KEYS[name].oid)), bit_string(public))


def rsa_pkcs8(n: int, e: int, d: int, p: int, q: int, inverse: int = 0) -> bytes:
    """Return the PKCS#8 of an RSA key, its CRT values computed.

    Args:
        n: modulus.
        e: public exponent.
        d: private exponent.
        p: first prime.
        q: second prime.
        inverse: of the second prime modulo the first, where the container has it; computed when it is wrong or missing.

    Raises:
        ValueError: the primes have no inverse of each other or are too small to be primes.
    """
    if p < 2 or q < 2:
        raise ValueError("an RSA prime is too small")
    if inverse >= p or inverse * q % p != 1:
        inverse = pow(q, -1, p)
    numbers = (0, n, e, d, p, q, d % (p - 1), d % (q - 1), inverse)
    return _pkcs8(_RSA, sequence(*map(integer, numbers)))


def dsa_pkcs8(p: int, q: int, g: int, x: int) -> bytes:
    """Return the PKCS#8 of a DSA key."""
    return _pkcs8(_dsa_algorithm(p, q, g), integer(x))


def ec_pkcs8(curve: str, secret: int, point: bytes) -> bytes:
    """Return the PKCS#8 of a key on a named curve.

    Raises:
        KeyError: the curve is not in `CURVES`.
        OverflowError: the secret is larger than the group.
    """
    scalar = secret.to_bytes(CURVES[curve].order_bytes, "big")
    return _pkcs8(_ec_algorithm(curve), sequence(integer(1), octet_string(scalar), tlv(0xA1, bit_string(point))))


def okp_pkcs8(name: str, seed: bytes) -> bytes:
    """Return the PKCS#8 of an ``ed25519``, ``ed448``, ``x25519`` or ``x448`` key, version 1: without the public part."""
    return _pkcs8(sequence(oid(OCTET_KEYS[name].oid)), octet_string(seed))


def _pkcs8(algorithm: bytes, key: bytes) -> bytes:
    return sequence(integer(0), algorithm, octet_string(key))


def _dsa_algorithm(p: int, q: int, g: int) -> bytes:
    return sequence(oid("1.2.840.10040.4.1"), sequence(integer(p), integer(q), integer(g)))


def _ec_algorithm(curve: str) -> bytes:
    return sequence(_EC, oid(CURVES[curve].oid))


def _base128(arc: int) -> bytes:
    groups = [arc & 0x7F]
    while arc := arc >> 7:
        groups.append(arc & 0x7F | 0x80)
    return bytes(reversed(groups))


def _curves(rows: str) -> dict[str, Curve]:
    """Read lines of name, oid, bits of the field and, where it is not that of the field, octets of the order."""
    curves = {}
    for row in rows.strip().splitlines():
        name, dotted, bits, *order = row.split()
        curves[name] = Curve(name=name, oid=dotted, bits=int(bits), order_bytes=int(order[0]) if order else (int(bits) + 7) // 8)
    return curves


CURVES: Final[Mapping[str, Curve]] = _curves("""
secp112r1 1.3.132.0.6 112
secp112r2 1.3.132.0.7 112
secp128r1 1.3.132.0.28 128
secp128r2 1.3.132.0.29 128
secp160k1 1.3.132.0.9 160 21
secp160r1 1.3.132.0.8 160 21
secp160r2 1.3.132.0.30 160 21
secp192k1 1.3.132.0.31 192
secp192r1 1.2.840.10045.3.1.1 192
secp224k1 1.3.132.0.32 224 29
secp224r1 1.3.132.0.33 224
secp256k1 1.3.132.0.10 256
secp256r1 1.2.840.10045.3.1.7 256
secp384r1 1.3.132.0.34 384
secp521r1 1.3.132.0.35 521
sect163k1 1.3.132.0.1 163
sect163r1 1.3.132.0.2 163
sect163r2 1.3.132.0.15 163
sect193r1 1.3.132.0.24 193
sect193r2 1.3.132.0.25 193
sect233k1 1.3.132.0.26 233 29
sect233r1 1.3.132.0.27 233
sect239k1 1.3.132.0.3 239
sect283k1 1.3.132.0.16 283
sect283r1 1.3.132.0.17 283
sect409k1 1.3.132.0.36 409 51
sect409r1 1.3.132.0.37 409
sect571k1 1.3.132.0.38 571
sect571r1 1.3.132.0.39 571
brainpoolP160r1 1.3.36.3.3.2.8.1.1.1 160
brainpoolP192r1 1.3.36.3.3.2.8.1.1.3 192
brainpoolP224r1 1.3.36.3.3.2.8.1.1.5 224
brainpoolP256r1 1.3.36.3.3.2.8.1.1.7 256
brainpoolP320r1 1.3.36.3.3.2.8.1.1.9 320
brainpoolP384r1 1.3.36.3.3.2.8.1.1.11 384
brainpoolP512r1 1.3.36.3.3.2.8.1.1.13 512
sm2 1.2.156.10197.1.301 256
""")
"""Curves of SEC 2 (version 1), RFC 5639 and SM2, by name; where the order is an octet longer or shorter, it says so."""

OCTET_KEYS: Final[Mapping[str, Curve]] = _curves("""
x25519 1.3.101.110 256
x448 1.3.101.111 448
ed25519 1.3.101.112 256
ed448 1.3.101.113 456
""")
"""Keys that are octets, not numbers (RFC 8410): ``order_bytes`` is the length of both the public and the private part."""

CURVE_OF_OID: Final[Mapping[str, str]] = {curve.oid: name for name, curve in (*CURVES.items(), *OCTET_KEYS.items())}
"""Dotted oid → name in `CURVES` or `OCTET_KEYS`."""

_RSA: Final = sequence(oid("1.2.840.113549.1.1.1"), NULL)
_EC: Final = oid("1.2.840.10045.2.1")
