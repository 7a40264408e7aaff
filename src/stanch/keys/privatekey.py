"""Reads private keys that are not encrypted: PKCS#8, PKCS#1, SEC 1 and the traditional form of DSA.

The numbers are checked only as far as it costs microseconds: that the primes make the modulus, that a point has the length of its
curve. What a container leaves out, such as the public half of an Ed25519 key, is computed by `cryptography`, which is loaded for
that alone.

Sources: RFC 5958 (PKCS#8), RFC 8017 appendix A (PKCS#1), RFC 5915 (SEC 1), RFC 8410 (Edwards and Montgomery curves).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from stanch.keys import derkind, encode, material
from stanch.keys.der import INTEGER, OCTET_STRING, OID, SEQUENCE, Der
from stanch.keys.encode import CURVE_OF_OID, CURVES, OCTET_KEYS
from stanch.keys.material import MOST_BITS, Material
from stanch.keys.model import KeyFormatError
from stanch.keys.rsafactors import Allowance, primes

_RSA, _PSS, _EC, _DSA, _DH = (
    "1.2.840.113549.1.1.1",
    "1.2.840.113549.1.1.10",
    "1.2.840.10045.2.1",
    "1.2.840.10040.4.1",
    "1.2.840.113549.1.3.1",
)
_MOST_PRIMES: Final = 16
_LONGEST: Final = 256 * 1024
_NAMES: Final[Mapping[str, str]] = {
    **{f"2.16.840.1.101.3.4.3.{arc}": name for arc, name in ((17, "ml-dsa-44"), (18, "ml-dsa-65"), (19, "ml-dsa-87"))},
    **{f"2.16.840.1.101.3.4.4.{arc}": name for arc, name in ((1, "ml-kem-512"), (2, "ml-kem-768"), (3, "ml-kem-1024"))},
    "1.2.643.7.1.1.1.1": "gost2012-256", "1.2.643.7.1.1.1.2": "gost2012-512", "1.2.643.2.2.19": "gost2001",
}  # fmt: skip


def read(der: bytes, allowance: Allowance | None = None) -> Material:
    """Read a private key of any of the four forms; what follows it is ignored.

    Args:
        der: the key.
        allowance: of the file, where it may hold many.

    Raises:
        KeyFormatError: it is none, or its numbers cannot be a key.
    """
    if len(der) > _LONGEST:
        raise KeyFormatError("the private key is too large")
    reader = _READERS.get(derkind.kind(der))
    if reader is None:
        raise KeyFormatError("the DER is no private key")
    return reader(Der(der).whole(SEQUENCE), allowance or Allowance())


def from_numbers(
    n: int, e: int, d: int, p: int = 0, q: int = 0, inverse: int = 0, *, allowance: Allowance | None = None
) -> Material:
    """Return a private RSA key whose primes need not be known.

    Raises:
        KeyFormatError: the numbers are no RSA key, or finding the primes would cost more than is allowed.
    """
    if not p and not q:
        if not (allowance or Allowance()).pays(n.bit_length()):
            raise KeyFormatError("its primes are not written down, and computing them would take too long")
        p, q = primes(n, e, d)
    return material.rsa(n, e, d, p, q, inverse)


def _pkcs8(der: bytes, allowance: Allowance) -> Material:
    reader = Der(der).inside(SEQUENCE)
    if reader.number() not in (0, 1):
        raise KeyFormatError("the version of the private key is not known")
    algorithm = reader.whole(SEQUENCE)
    key = reader.octets()
    identifier = Der(algorithm).inside(SEQUENCE)
    name = identifier.oid()
    if name in (_RSA, _PSS):
        return _rsa_inside(key, algorithm if name == _PSS else b"", der, allowance)
    if name == _EC:
        return _ec(key, identifier, der)
    curve = CURVE_OF_OID.get(name, "")
    if curve in OCTET_KEYS:
        return _okp(curve, key, reader, der)
    if name == _DSA:
        return _dsa_inside(identifier, Der(key).number(), der, allowance)
    if name == _DH:
        return Material(algorithm="dh", bits=_bounded(identifier.inside(SEQUENCE).number()).bit_length(), pkcs8=der)
    return Material(algorithm=_NAMES.get(name, name), pkcs8=der)


def _pkcs1(der: bytes, allowance: Allowance) -> Material:
    return _rsa_inside(der, b"", b"", allowance)


def _rsa_inside(key: bytes, algorithm: bytes, pkcs8: bytes, allowance: Allowance) -> Material:
    """Read an RSAPrivateKey; ``algorithm`` replaces the usual identifier where the key is for PSS only."""
    reader = Der(key).inside(SEQUENCE)
    reader.number()
    n, e, d, p, q = (reader.number() for _ in range(5))
    for _ in range(3):
        reader.number()
    _bounded(n, e, d)
    public = material.rsa(n, e)
    if algorithm:
        bare = encode.sequence(encode.integer(n), encode.integer(e))
        public = replace(public, spki=encode.sequence(algorithm, encode.bit_string(bare)))
    if not p and not q:
        return replace(public, pkcs8=from_numbers(n, e, d, allowance=allowance).pkcs8)
    if p * q * _more_primes(reader) != n:
        raise KeyFormatError("the primes do not make the RSA modulus")
    return replace(public, pkcs8=pkcs8 or _wrapped(_RSA_IDENTIFIER, Der(key).whole(SEQUENCE)))


def _more_primes(reader: Der) -> int:
    product, others = 1, reader.maybe(SEQUENCE)
    count = 0
    while others is not None and not others.done():
        count += 1
        if count > _MOST_PRIMES:
            raise KeyFormatError("the RSA key has too many primes")
        product *= others.inside(SEQUENCE).number()
    return product


def _sec1(der: bytes, _: Allowance) -> Material:
    return _ec(der, None, b"")


def _ec(key: bytes, identifier: Der | None, pkcs8: bytes) -> Material:
    """Read an ECPrivateKey; the curve stands outside in PKCS#8, inside in SEC 1, sometimes in both."""
    reader = Der(key).inside(SEQUENCE)
    if reader.number() != 1:
        raise KeyFormatError("the version of the EC key is not known")
    scalar = int.from_bytes(reader.content(OCTET_STRING), "big")
    inner = reader.maybe(0xA0)
    chosen = reader.maybe(0xA1)
    point = chosen.bits() if chosen else b""
    parameters = identifier if identifier is not None and not identifier.done() else inner
    if parameters is None or not scalar:
        raise KeyFormatError("the EC key has no curve, or no private number")
    if parameters.tag != OID:
        return _explicit(parameters, point, key, pkcs8)
    name = parameters.oid()
    curve = CURVE_OF_OID.get(name, "")
    if curve not in CURVES:
        return Material(algorithm="ec", curve=name, pkcs8=pkcs8 or _wrapped(_ec_identifier(name), key))
    point = point or _ec_point(curve, scalar)
    if not point:
        return Material(algorithm="ec", bits=CURVES[curve].bits, curve=curve, pkcs8=pkcs8 or _wrapped(_ec_identifier(name), key))
    if pkcs8:
        return replace(material.ec(curve, point), pkcs8=pkcs8)
    return material.ec(curve, point, scalar)


def _explicit(parameters: Der, point: bytes, key: bytes, pkcs8: bytes) -> Material:
    """Read a key whose curve is written out (SEC 1 §C.2); its public half is hashed with the curve as it stands."""
    whole = parameters.whole(SEQUENCE)
    written = Der(whole).inside(SEQUENCE)
    written.number()
    field = written.inside(SEQUENCE)
    field.oid()
    bits = _bounded(field.number()).bit_length() if field.tag == INTEGER else field.inside(SEQUENCE).number()
    if not 0 < bits <= MOST_BITS:
        raise KeyFormatError("the curve is out of bounds")
    identifier = encode.sequence(encode.oid(_EC), whole)
    spki = encode.sequence(identifier, encode.bit_string(point)) if point else b""
    return Material(algorithm="ec", bits=bits, spki=spki, pkcs8=pkcs8 or _wrapped(identifier, Der(key).whole(SEQUENCE)))


def _okp(name: str, key: bytes, reader: Der, der: bytes) -> Material:
    seed = Der(key).content(OCTET_STRING)
    reader.maybe(0xA0)  # attributes
    public = reader.content(0x81)[1:] if reader.tag == 0x81 else b""
    return replace(material.okp(name, public or okp_public(name, seed), seed), pkcs8=der)


def _dsa(der: bytes, _: Allowance) -> Material:
    reader = Der(der).inside(SEQUENCE)
    _version, p, q, g, y, x = (reader.number() for _ in range(6))
    return material.dsa(p, q, g, y, _bounded(x))


def _dsa_inside(identifier: Der, x: int, der: bytes, allowance: Allowance) -> Material:
    parameters = identifier.inside(SEQUENCE)
    p, q, g = (parameters.number() for _ in range(3))
    _bounded(p, q, g, x)
    if x >= q or g >= p:
        raise KeyFormatError("the numbers are no DSA key")
    if not allowance.pays(p.bit_length(), x.bit_length()):
        return Material(algorithm="dsa", bits=p.bit_length(), pkcs8=der)
    return replace(material.dsa(p, q, g, pow(g, x, p)), pkcs8=der)


def okp_public(name: str, seed: bytes) -> bytes:
    """Return the public octets of an Edwards or Montgomery key; empty where this machine's OpenSSL cannot compute them."""
    if len(seed) != OCTET_KEYS[name].order_bytes:
        raise KeyFormatError("a part of the key has the wrong length")
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ed448, ed25519, x448, x25519

    makers: dict[str, Any] = {
        "ed25519": ed25519.Ed25519PrivateKey,
        "ed448": ed448.Ed448PrivateKey,
        "x25519": x25519.X25519PrivateKey,
        "x448": x448.X448PrivateKey,
    }
    try:
        public: bytes = makers[name].from_private_bytes(seed).public_key().public_bytes_raw()
        return public
    except (ValueError, UnsupportedAlgorithm):
        return b""


def _ec_point(curve: str, scalar: int) -> bytes:
    """Return the public point of a scalar; empty where this machine's OpenSSL does not have the curve."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    found = next((known for name, known in vars(ec).items() if name.lower() == curve.lower() and isinstance(known, type)), None)
    if found is None:
        return b""
    try:
        public = ec.derive_private_key(scalar, found()).public_key()
        return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    except UnsupportedAlgorithm:
        return b""
    except ValueError as exc:
        raise KeyFormatError("the private number does not fit the curve") from exc


def _wrapped(identifier: bytes, key: bytes) -> bytes:
    return encode.sequence(encode.integer(0), identifier, encode.octet_string(key))


def _ec_identifier(curve: str) -> bytes:
    return encode.sequence(encode.oid(_EC), encode.oid(curve))


def _bounded(*numbers: int) -> int:
    if any(number < 1 or number.bit_length() > MOST_BITS for number in numbers):
        raise KeyFormatError("a number of the key is out of bounds")
    return numbers[0]


_RSA_IDENTIFIER: Final = encode.sequence(encode.oid(_RSA), encode.NULL)
_READERS: Final[Mapping[str, Callable[[bytes, Allowance], Material]]] = {
    derkind.PKCS8: _pkcs8,
    derkind.PKCS1: _pkcs1,
    derkind.SEC1: _sec1,
    derkind.DSA: _dsa,
}
