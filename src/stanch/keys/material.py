"""The numbers of one key, whatever container they came from, and the facts that follow from them.

Every format module ends here: it reads its own layout, hands the numbers to `rsa`, `dsa`, `ec` or `okp`, and `item` writes what
may be shown. Numbers are taken from hostile files, so each function checks what is cheap to check and bounds what is slow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final

from stanch.core.key_facts import KeyFacts, KeyVerdict, Protection
from stanch.keys import encode
from stanch.keys.model import Item, KeyFormatError, Password, Private
from stanch.keys.weak import weaknesses

MOST_BITS: Final = 32_768
"""Larger numbers are no key anybody made: they would only cost time."""

_CONTROL: Final = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), " ")
_LONGEST_LABEL: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """A key without its container.

    Attributes:
        algorithm: as in `KeyFacts.algorithm`.
        bits: size of the modulus or field, 0 when unknown.
        curve: name of the curve; empty for others.
        spki: SubjectPublicKeyInfo, DER; empty when there is no such form.
        modulus: RSA modulus, big endian.
        exponent: RSA public exponent, 0 when unknown.
        pkcs8: the private key as unencrypted PKCS#8 DER; empty when it is not there. Never shown.
    """

    algorithm: str
    bits: int = 0
    curve: str = ""
    spki: bytes = b""
    modulus: bytes = b""
    exponent: int = 0
    pkcs8: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How far one gets with a container.

    Attributes:
        protection: what stands before the private key.
        verdict: how bad that is.
        evidence: why, sentences for a person.
        scheme: how it is encrypted, in words; empty when it is not.
        iterations: work factor, 0 when none.
        password: what opened it.
    """

    protection: Protection
    verdict: KeyVerdict
    evidence: tuple[str, ...]
    scheme: str = ""
    iterations: int = 0
    password: Password | None = None


PLAIN: Final = Access(
    protection=Protection.NONE,
    verdict=KeyVerdict.USABLE,
    evidence=("The private key is not encrypted: whoever has the file has the key.",),
)
PUBLIC: Final = Access(
    protection=Protection.NOTHING_TO_PROTECT,
    verdict=KeyVerdict.PUBLIC,
    evidence=("There is no private key inside.",),
)


def rsa(n: int, e: int, d: int = 0, p: int = 0, q: int = 0, inverse: int = 0) -> Material:
    """Return an RSA key; private when ``d`` is given. ``inverse`` is that of ``q`` modulo ``p``, where the container has it.

    Raises:
        KeyFormatError: the numbers are no RSA key, or the primes do not make the modulus.
    """
    _bounded(n, e)
    pkcs8 = b""
    if d:
        if p * q != n or d >= n:
            raise KeyFormatError("the private numbers do not belong to the RSA modulus")
        try:
            pkcs8 = encode.rsa_pkcs8(n, e, d, p, q, inverse)
        except ValueError as exc:
            raise KeyFormatError("the RSA primes are not primes of a key") from exc
    modulus = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return Material(
        algorithm="rsa", bits=n.bit_length(), spki=encode.rsa_spki(n, e), modulus=modulus, exponent=e, pkcs8=pkcs8
    )  # fmt: skip


def dsa(p: int, q: int, g: int, y: int, x: int = 0) -> Material:
    """Return a DSA key; private when ``x`` is given.

    Raises:
        KeyFormatError: the numbers are no DSA key.
    """
    _bounded(p, q, g, y)
    if not (q < p and g < p and y < p) or x < 0 or x >= q:
        raise KeyFormatError("the numbers are no DSA key")
    pkcs8 = encode.dsa_pkcs8(p, q, g, x) if x else b""
    return Material(algorithm="dsa", bits=p.bit_length(), spki=encode.dsa_spki(p, q, g, y), pkcs8=pkcs8)


def ec(curve: str, point: bytes, secret: int = 0) -> Material:
    """Return a key on a named curve; private when ``secret`` is given.

    Raises:
        KeyFormatError: the curve is not known, or the point cannot lie on it.
    """
    known = encode.CURVES.get(curve)
    if known is None:
        raise KeyFormatError("the curve is not known")
    size = (known.bits + 7) // 8
    if not (len(point) == 2 * size + 1 and point[0] == 4) and not (len(point) == size + 1 and point[0] in (2, 3)):
        raise KeyFormatError("the point does not fit the curve")
    pkcs8 = b""
    if secret:
        if secret < 0 or secret.bit_length() > known.order_bytes * 8:
            raise KeyFormatError("the private number does not fit the curve")
        pkcs8 = encode.ec_pkcs8(curve, secret, point)
    return Material(algorithm="ec", bits=known.bits, curve=curve, spki=encode.ec_spki(curve, point), pkcs8=pkcs8)


def okp(name: str, public: bytes, seed: bytes = b"") -> Material:
    """Return an ``ed25519``, ``ed448``, ``x25519`` or ``x448`` key; private when ``seed`` is given.

    Args:
        name: which of them.
        public: the public octets; empty when the container does not hold them.
        seed: the private octets.

    Raises:
        KeyFormatError: a part has the wrong length.
    """
    known = encode.OCTET_KEYS[name]
    if len(public) not in (0, known.order_bytes) or len(seed) not in (0, known.order_bytes):
        raise KeyFormatError("a part of the key has the wrong length")
    return Material(
        algorithm=name,
        bits=known.bits,
        spki=encode.okp_spki(name, public) if public else b"",
        pkcs8=encode.okp_pkcs8(name, seed) if seed else b"",
    )


def item(
    material: Material,
    access: Access,
    *,
    container: str,
    label: str = "",
    notes: Sequence[str] = (),
    certificates: tuple[bytes, ...] = (),
    private: bool | None = None,
) -> Item:
    """Return what an examination answers about one key.

    Args:
        material: its numbers.
        access: how far one gets.
        container: a name in `stanch.keys.model.CONTAINERS`.
        label: what the container calls it; taken as is, made printable here.
        notes: what else to know.
        certificates: DER, the key's own first.
        private: whether a private key is inside; by default what the verdict says.
    """
    facts = KeyFacts(
        container=container,
        private=access.verdict in (KeyVerdict.USABLE, KeyVerdict.LOCKED) if private is None else private,
        protection=access.protection,
        verdict=access.verdict,
        algorithm=material.algorithm,
        bits=material.bits,
        curve=material.curve,
        spki_sha256=sha256(material.spki).hexdigest() if material.spki else "",
        modulus=material.modulus,
        exponent=material.exponent,
        iterations=access.iterations,
        scheme=access.scheme,
        label=printable(label),
        evidence=access.evidence,
        notes=tuple(notes),
    )
    if weak := weaknesses(facts, exponent=material.exponent):
        facts = replace(facts, weaknesses=weak)
    opened = access.verdict is KeyVerdict.USABLE
    return Item(
        facts=facts,
        private=Private(material.pkcs8) if opened and material.pkcs8 else None,
        certificates=certificates,
        password=access.password.value if opened and access.password else None,
    )


def printable(text: str) -> str:
    """Return a label on one line, without control characters, cut to a length that fits a report."""
    if text.isprintable() and len(text) <= _LONGEST_LABEL:
        return text
    return " ".join(text.translate(_CONTROL).split())[:_LONGEST_LABEL]


def _bounded(*numbers: int) -> None:
    if any(number < 1 or number.bit_length() > MOST_BITS for number in numbers):
        raise KeyFormatError("a number of the key is out of bounds")
