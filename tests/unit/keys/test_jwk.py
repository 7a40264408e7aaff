"""JSON Web Keys, private and public, wherever they stand in JSON."""

import base64
import hashlib
import json
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from tests.support.key_material import KEYS, certificate, der, key, spki
from tests.support.key_reading import assert_open, damaged

from stanch.core.key_facts import KeyVerdict
from stanch.keys import jwk
from stanch.keys.model import KeyFormatError


def text(number: int | bytes, size: int = 0) -> str:
    octets = number if isinstance(number, bytes) else number.to_bytes(size or (number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def written(name: str, *, private: bool = True, primes: bool = True) -> dict[str, str]:
    mine = key(name)
    if isinstance(mine, rsa.RSAPrivateKey):
        numbers = mine.private_numbers()
        found = {"kty": "RSA", "n": text(numbers.public_numbers.n), "e": text(numbers.public_numbers.e)}
        more = {"d": text(numbers.d)}
        if primes:
            more |= {
                "p": text(numbers.p),
                "q": text(numbers.q),
                "dp": text(numbers.dmp1),
                "dq": text(numbers.dmq1),
                "qi": text(numbers.iqmp),
            }
    elif isinstance(mine, ec.EllipticCurvePrivateKey):
        numbers = mine.private_numbers()
        public = numbers.public_numbers
        found = {"kty": "EC", "crv": "P-256", "x": text(public.x, 32), "y": text(public.y, 32)}
        more = {"d": text(numbers.private_value, 32)}
    else:
        found = {"kty": "OKP", "crv": "Ed25519", "x": text(mine.public_key().public_bytes_raw())}
        more = {"d": text(mine.private_bytes_raw())}
    return found | (more if private else {}) | {"kid": f"{name} 1"}


def parse(value: object):
    return jwk.parse(json.dumps(value).encode(), [], guess=False)


@pytest.mark.parametrize("name", KEYS)
def test_private_keys_are_open(name):
    (item,) = parse(written(name))
    assert_open(item)
    assert (item.facts.container, item.facts.label) == ("jwk", f"{name} 1")
    assert item.facts.spki_sha256 == hashlib.sha256(spki(name)).hexdigest()


@pytest.mark.parametrize("name", KEYS)
def test_public_keys_are_public(name):
    (item,) = parse(written(name, private=False))
    assert (item.facts.verdict, item.private) == (KeyVerdict.PUBLIC, None)
    assert item.facts.spki_sha256 == hashlib.sha256(spki(name)).hexdigest()


def test_an_rsa_key_without_its_primes_is_open():
    (item,) = parse(written("rsa", primes=False))
    assert_open(item)


def test_an_okp_key_without_its_public_half_is_open():
    value = written("ed25519")
    del value["x"]
    (item,) = parse(value)
    assert_open(item)


def test_symmetric_keys_are_usable():
    (item,) = parse({"kty": "oct", "k": text(bytes(32)), "alg": "HS256"})
    assert (item.facts.verdict, item.facts.private, item.facts.algorithm, item.facts.bits) == (
        KeyVerdict.USABLE,
        True,
        "oct",
        256,
    )


@pytest.mark.parametrize(
    "wrap",
    [
        lambda keys: {"keys": keys},
        lambda keys: keys,
        lambda keys: {"a": {"b": [{"jwks": {"keys": keys}}]}},
        lambda keys: {str(n): value for n, value in enumerate(keys)},
    ],
    ids=["set", "list", "inside", "by name"],
)
def test_sets_are_read_in_their_order(wrap):
    items = parse(wrap([written(name) for name in KEYS]))
    assert [item.facts.algorithm for item in items] == list(KEYS)


def test_a_certificate_comes_with_its_key():
    (item,) = parse(written("rsa") | {"x5c": [base64.b64encode(der(certificate("rsa", "valid"))).decode()]})
    assert item.certificates == (der(certificate("rsa", "valid")),)


def test_a_broken_key_does_not_hide_the_others():
    items = parse([{"kty": "RSA", "n": "!"}, written("ec"), {"kty": "new"}])
    assert [item.facts.algorithm for item in items] == ["ec"]


@pytest.mark.parametrize(
    "value",
    [
        {}, [], "kty", {"kty": 5}, {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA"}, {"kty": "EC", "crv": "P-256", "x": "A" * 99, "y": "AA"},
        {"kty": "RSA", "n": "A" * 9_000, "e": "AQAB"}, {"kty": "OKP", "crv": "Ed25519"}, {"kty": "oct"}, {"kty": "RSA", "n": "é", "e": "AQAB"},
    ],
)  # fmt: skip
def test_what_is_no_key_is_refused(value):
    with pytest.raises(KeyFormatError):
        parse(value)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 1_000_000,
        b'{"kty":' * 200_000,
        b"[" + b"1," * 3_000_000 + b"1]",
        b'{"n":' + b"9" * 100_000 + b"}",
        b"\xff\xfe",
        b"",
        b"[[1]]" * 5,
    ],
    ids=["deep", "deep objects", "long", "number", "no text", "nothing", "several"],
)
def test_hostile_json_is_refused_soon(data):
    start = time.process_time()
    with pytest.raises(KeyFormatError):
        jwk.parse(data, [], guess=False)
    assert time.process_time() - start < 2


@given(damaged([json.dumps(written(name)).encode() for name in KEYS]))
def test_damaged_keys_are_refused_or_read(data):
    try:
        items = jwk.parse(data, [], guess=False)
    except KeyFormatError as error:
        assert str(error).isprintable()
    else:
        assert items


@given(
    st.recursive(
        st.none() | st.booleans() | st.text() | st.just("RSA"),
        lambda v: st.lists(v) | st.dictionaries(st.sampled_from(("kty", "n", "e", "d", "k", "x5c", "kid")), v),
    )
)
def test_any_json_is_refused_or_read(value):
    try:
        parse(value)
    except KeyFormatError as error:
        assert str(error).isprintable()
