"""The numbers in OpenPGP key packets, public and secret, by algorithm.

Sources: RFC 9580 §5.5 and §9.1; RFC 4880 for version 3; LibrePGP for version 5,
https://www.ietf.org/archive/id/draft-koch-librepgp-04.html; draft-ietf-openpgp-pqc for post-quantum keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import md5, sha1, sha256
from typing import Final

from stanch.keys import material
from stanch.keys.encode import CURVE_OF_OID, OCTET_KEYS
from stanch.keys.material import Material
from stanch.keys.model import KeyFormatError
from stanch.keys.pgppackets import Fields
from stanch.keys.spki import dotted

_LEGACY_CURVES: Final = {"1.3.6.1.4.1.11591.15.1": "ed25519", "1.3.6.1.4.1.3029.1.5.1": "x25519"}
_NATIVE: Final = {25: "x25519", 26: "x448", 27: "ed25519", 28: "ed448"}
_RSA, _ELGAMAL, _CURVES = (1, 2, 3), (16, 20), (18, 19, 22)
_DSA, _ECDH = 17, 18
_POST_QUANTUM: Final[Mapping[int, tuple[str, int]]] = {
    30: ("ml-dsa-65+ed25519", 1952 + 32),
    31: ("ml-dsa-87+ed448", 2592 + 57),
    32: ("slh-dsa-shake-128s", 32),
    33: ("slh-dsa-shake-128f", 32),
    34: ("slh-dsa-shake-256s", 64),
    35: ("ml-kem-768+x25519", 1184 + 32),
    36: ("ml-kem-1024+x448", 1568 + 56),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """The public part of a key packet.

    Attributes:
        version: 2 to 6.
        algorithm: its number.
        material: its numbers.
        octets: the packet up to the end of the public part, which encryption binds the secret part to.
        fingerprint: upper-case hex.
        key_id: upper-case hex, 16 digits.
        created: when, in UTC.
    """

    version: int
    algorithm: int
    material: Material
    octets: bytes
    fingerprint: str
    key_id: str
    created: datetime


def public(fields: Fields, body: bytes) -> PublicKey:
    """Read the public part of a key packet, leaving the reader behind it.

    Raises:
        KeyFormatError: the version or the algorithm is not known, or the numbers are no key.
    """
    version = fields.uint8()
    if version not in (2, 3, 4, 5, 6):
        raise KeyFormatError("the version of the OpenPGP key is not known")
    created = datetime.fromtimestamp(fields.uint32(), UTC)
    if version < 4:
        fields.take(2)  # days of validity
    algorithm = fields.uint8()
    numbers = _counted(algorithm, fields) if version > 4 else _public(algorithm, fields)
    octets = body[: fields.taken]
    fingerprint = _fingerprint(version, octets, numbers)
    return PublicKey(
        version=version, algorithm=algorithm, material=numbers, octets=octets, fingerprint=fingerprint,
        key_id=_key_id(version, fingerprint, numbers),
        created=created,
    )  # fmt: skip


def with_secret(key: PublicKey, fields: Fields) -> Material:
    """Read the secret numbers that belong to a public key, leaving the reader behind them.

    Raises:
        KeyFormatError: they are not its numbers.
    """
    algorithm, numbers = key.algorithm, key.material
    if algorithm in _RSA:
        d, p, q, inverse = (fields.number() for _ in range(4))
        n = int.from_bytes(numbers.modulus, "big")
        return material.rsa(n, numbers.exponent, d, q, p, inverse)  # OpenPGP keeps the inverse of p modulo q
    if algorithm == _DSA:
        x = fields.number()
        reread = Fields(_key_fields(key))
        p, q, g, y = (reread.number() for _ in range(4))
        return material.dsa(p, q, g, y, x)
    if algorithm in _ELGAMAL:
        fields.number()
        return numbers
    if algorithm in _CURVES:
        return _curve_secret(key, fields)
    if algorithm in _NATIVE:
        name = _NATIVE[algorithm]
        return material.okp(name, _key_fields(key), fields.take(OCTET_KEYS[name].order_bytes))
    raise KeyFormatError("the secret numbers of this algorithm are not known")


def is_known(key: PublicKey) -> bool:
    """Return whether `with_secret` knows the algorithm."""
    return key.algorithm in (*_RSA, *_ELGAMAL, *_CURVES, _DSA, *_NATIVE)


def _counted(algorithm: int, fields: Fields) -> Material:
    """Read numbers that stand behind their length, as in versions 5 and 6: unknown algorithms can be stepped over."""
    content = Fields(fields.string())
    numbers = _public(algorithm, content)
    if not content.finished and numbers.bits:
        raise KeyFormatError("something follows the public numbers")
    return numbers


def _public(algorithm: int, fields: Fields) -> Material:
    if algorithm in _RSA:
        return material.rsa(fields.number(), fields.number())
    if algorithm == _DSA:
        return material.dsa(fields.number(), fields.number(), fields.number(), fields.number())
    if algorithm in _ELGAMAL:
        p, _g, _y = (fields.number() for _ in range(3))
        return Material(algorithm="elgamal", bits=p.bit_length())
    if algorithm in _CURVES:
        return _curve(algorithm, fields)
    if algorithm in _NATIVE:
        name = _NATIVE[algorithm]
        return material.okp(name, fields.take(OCTET_KEYS[name].order_bytes))
    if algorithm in _POST_QUANTUM:
        name, size = _POST_QUANTUM[algorithm]
        fields.take(size)
        return Material(algorithm=name)
    return Material(algorithm=f"openpgp-{algorithm}")


def _curve(algorithm: int, fields: Fields) -> Material:
    oid = fields.take(fields.uint8())
    if not oid or len(oid) > 40:
        raise KeyFormatError("the curve of the OpenPGP key is broken")
    point = fields.number_octets()
    if algorithm == _ECDH:
        fields.take(fields.uint8())  # how the shared secret becomes a key
    name = _curve_name(oid)
    if name in OCTET_KEYS:
        return material.okp(name, _without_prefix(point, OCTET_KEYS[name].order_bytes))
    return material.ec(name, point) if name else Material(algorithm="ec")


def _curve_secret(key: PublicKey, fields: Fields) -> Material:
    secret = fields.number_octets()
    reread = Fields(_key_fields(key))
    oid = reread.take(reread.uint8())
    point = reread.number_octets()
    name = _curve_name(oid)
    if not name:
        return key.material
    if name not in OCTET_KEYS:
        return material.ec(name, point, int.from_bytes(secret, "big"))
    size = OCTET_KEYS[name].order_bytes
    seed = _without_prefix(secret, size).rjust(size, b"\0")
    if dotted(oid) in _LEGACY_CURVES and name == "x25519":
        seed = seed[::-1]  # OpenPGP wrote it as a number, highest octet first; RFC 7748 has the lowest first
    return material.okp(name, _without_prefix(point, size), seed)


def _curve_name(oid: bytes) -> str:
    text = dotted(oid)
    return _LEGACY_CURVES.get(text) or CURVE_OF_OID.get(text, "")


def _without_prefix(octets: bytes, size: int) -> bytes:
    """Numbers that are octets stand behind 0x40, so that none begins with a zero."""
    return octets[1:] if len(octets) == size + 1 and octets[0] == 0x40 else octets


def _key_fields(key: PublicKey) -> bytes:
    """The algorithm's own fields of the public part."""
    return key.octets[{2: 8, 3: 8, 4: 6}.get(key.version, 10) :]


def _key_id(version: int, fingerprint: str, numbers: Material) -> str:
    if version < 4:
        return numbers.modulus[-8:].hex().upper()
    return fingerprint[-16:] if version == 4 else fingerprint[:16]


def _fingerprint(version: int, octets: bytes, numbers: Material) -> str:
    if version < 4:
        exponent = numbers.exponent.to_bytes((numbers.exponent.bit_length() + 7) // 8, "big")
        return md5(numbers.modulus + exponent, usedforsecurity=False).hexdigest().upper()
    if version == 4:
        framed = b"\x99" + len(octets).to_bytes(2, "big") + octets if len(octets) < 1 << 16 else octets
        return sha1(framed, usedforsecurity=False).hexdigest().upper()
    mark = b"\x9a" if version == 5 else b"\x9b"
    return sha256(mark + len(octets).to_bytes(4, "big") + octets).hexdigest().upper()
