"""JSON Web Keys: alone, in a set, in a list, or somewhere inside other JSON.

A JWK may leave out the primes of an RSA key; they are computed then. A symmetric key (``oct``) is a secret like any private key.
Sources: RFC 7517 (JWK), RFC 7518 §6 (RSA, EC, oct), RFC 8037 (OKP), RFC 8812 (secp256k1).
"""

from __future__ import annotations

import json
from binascii import Error, a2b_base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from stanch.keys import material, privatekey
from stanch.keys.encode import CURVES
from stanch.keys.material import PLAIN, PUBLIC, Access, Material
from stanch.keys.model import Item, KeyFormatError, Password
from stanch.keys.rsafactors import Allowance

_EC: Final[Mapping[str, str]] = {"P-256": "secp256r1", "P-384": "secp384r1", "P-521": "secp521r1", "secp256k1": "secp256k1"}
_OKP: Final[Mapping[str, str]] = {"Ed25519": "ed25519", "Ed448": "ed448", "X25519": "x25519", "X448": "x448"}
_LARGEST: Final = 16 * 1024 * 1024
_MOST_KEYS: Final = 500
_MOST_VALUES: Final = 100_000
_DEEPEST: Final = 12
_MOST_CERTIFICATES: Final = 16
_LONGEST: Final = 8_192  # characters of one number: more than MOST_BITS
_SYMMETRIC: Final = Access(
    protection=PLAIN.protection, verdict=PLAIN.verdict, evidence=("The symmetric key stands there in the clear.",)
)


def parse(data: bytes, passwords: Sequence[Password], *, guess: bool) -> Sequence[Item]:
    """Read the keys in some JSON.

    Args:
        data: UTF-8 text.
        passwords: not needed: an encrypted JWK is a JWE, and no JWK to look at.
        guess: not needed.

    Returns:
        One item a key, in the order of the text.

    Raises:
        KeyFormatError: it is no JSON, or has no key in it, or all are broken.
    """
    if len(data) > _LARGEST:
        raise KeyFormatError("the JSON is too large")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise KeyFormatError("the JSON is broken") from exc
    items: list[Item] = []
    allowance = Allowance()
    problem = "there is no JSON Web Key"
    for key in _keys(value):
        if len(items) >= _MOST_KEYS:
            break
        try:
            items.append(_item(key, allowance))
        except KeyFormatError as exc:
            problem = str(exc)
    if not items:
        raise KeyFormatError(problem)
    return items


def _keys(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the objects that name a key type, at any depth people write by hand."""
    waiting, seen = [(value, _DEEPEST)], 0
    while waiting:
        one, depth = waiting.pop()
        seen += 1
        if isinstance(one, dict) and isinstance(one.get("kty"), str):
            yield one
        elif depth and seen < _MOST_VALUES:
            inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
            waiting += [(v, depth - 1) for v in reversed(list(inner)) if isinstance(v, (dict, list))]


def _item(key: Mapping[str, Any], allowance: Allowance) -> Item:
    numbers = _numbers(key, allowance)
    access = _SYMMETRIC if numbers.algorithm == "oct" else PLAIN if numbers.pkcs8 else PUBLIC
    return material.item(numbers, access, container="jwk", label=_text(key.get("kid")), certificates=tuple(_certificates(key)))


def _numbers(key: Mapping[str, Any], allowance: Allowance) -> Material:
    kind = key["kty"]
    if kind == "RSA":
        return _rsa(key, allowance)
    if kind == "EC":
        return _ec(key)
    if kind == "OKP":
        name = _OKP.get(_text(key.get("crv")), "")
        if not name:
            raise KeyFormatError("the curve of the JSON Web Key is not known")
        seed = _octets(key, "d") if "d" in key else b""
        return material.okp(name, _octets(key, "x") if "x" in key else privatekey.okp_public(name, seed), seed)
    if kind == "oct" and key.get("k"):
        return Material(algorithm="oct", bits=len(_octets(key, "k")) * 8)
    raise KeyFormatError("the type of the JSON Web Key is not known")


def _rsa(key: Mapping[str, Any], allowance: Allowance) -> Material:
    n, e = _number(key, "n"), _number(key, "e")
    if "d" not in key:
        return material.rsa(n, e)
    if "oth" in key:
        raise KeyFormatError("RSA keys of more than two primes are not read from JSON")
    p, q = (_number(key, name) if name in key else 0 for name in ("p", "q"))
    inverse = _number(key, "qi") if "qi" in key else 0
    return privatekey.from_numbers(n, e, _number(key, "d"), p, q, inverse, allowance=allowance)


def _ec(key: Mapping[str, Any]) -> Material:
    curve = _EC.get(_text(key.get("crv")), "")
    if not curve:
        raise KeyFormatError("the curve of the JSON Web Key is not known")
    size = (CURVES[curve].bits + 7) // 8
    point = b"\x04" + b"".join(_octets(key, name).rjust(size, b"\0") for name in ("x", "y"))
    return material.ec(curve, point, _number(key, "d") if "d" in key else 0)


def _certificates(key: Mapping[str, Any]) -> Iterator[bytes]:
    listed = key.get("x5c")
    for text in listed[:_MOST_CERTIFICATES] if isinstance(listed, list) else ():
        try:
            yield a2b_base64(_text(text).encode("ascii"))
        except (Error, UnicodeEncodeError):
            return


def _number(key: Mapping[str, Any], name: str) -> int:
    return int.from_bytes(_octets(key, name), "big")


def _octets(key: Mapping[str, Any], name: str) -> bytes:
    text = _text(key.get(name)).rstrip("=").replace("-", "+").replace("_", "/")
    if not text or len(text) > _LONGEST:
        raise KeyFormatError("a number of the JSON Web Key is missing, or out of bounds")
    try:
        return a2b_base64(text.encode("ascii") + b"=" * (-len(text) % 4), strict_mode=True)
    except (Error, UnicodeEncodeError) as exc:
        raise KeyFormatError("a number of the JSON Web Key is not base64") from exc


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
