"""Assertions are what Microsoft documents, verified here by another library's reading, and tell nothing when they fail."""

from __future__ import annotations

import base64
import hashlib
import json

import jwt
import pytest
from tests.support.doors import MOMENT
from tests.support.simulated import Pair

from stanch.issuers.client_assertion import LIFETIME, UnusableKeyError, client_assertion
from stanch.keys.model import Private

CLIENT, AUDIENCE = "a3c94e1f-7b2d-4f08-8e6a-51d0c9b7f362", "https://login.example/t/oauth2/v2.0/token"


def made(pair: Pair, **options: str) -> str:
    return client_assertion(Private(pair.pkcs8), pair.der, client=CLIENT, audience=AUDIENCE, now=MOMENT, **options)


@pytest.mark.parametrize(("algorithm", "name", "digest"), [("PS256", "x5t#S256", hashlib.sha256), ("RS256", "x5t", hashlib.sha1)])
def test_assertion_is_verified_by_another_library(algorithm, name, digest):
    pair = Pair()
    token = made(pair, algorithm=algorithm)
    options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    claims = jwt.decode(token, pair.key.public_key(), algorithms=[algorithm], audience=AUDIENCE, options=options)
    start = int(MOMENT.timestamp())
    assert claims.pop("jti")
    assert claims == {"aud": AUDIENCE, "iss": CLIENT, "sub": CLIENT, "iat": start, "nbf": start, "exp": start + LIFETIME}
    thumbprint = base64.urlsafe_b64encode(digest(pair.der).digest()).rstrip(b"=").decode()
    assert jwt.get_unverified_header(token) == {"alg": algorithm, "typ": "JWT", name: thumbprint}


def test_no_two_assertions_are_equal():
    pair = Pair()
    assert made(pair) != made(pair)


@pytest.mark.parametrize("key", [b"", b"no key", b"\x30\x82\xff\xff", bytes(2_000)])
def test_what_is_no_key_is_told_without_its_bytes(key):
    with pytest.raises(UnusableKeyError) as caught:
        client_assertion(Private(key), b"", client=CLIENT, audience=AUDIENCE, now=MOMENT)
    assert caught.value.__cause__ is None
    assert "cannot be used" in str(caught.value)


def test_elliptic_key_is_refused():
    with pytest.raises(UnusableKeyError, match="RSA"):
        made(Pair("ec"))


def test_nothing_of_the_private_key_is_in_the_assertion():
    pair = Pair()
    parts = [base64.urlsafe_b64decode(part + "==") for part in made(pair).split(".")]
    assert not any(pair.pkcs8[at : at + 16] in part for part in parts for at in range(0, len(pair.pkcs8) - 16, 16))
    assert json.loads(parts[0])["typ"] == "JWT"
