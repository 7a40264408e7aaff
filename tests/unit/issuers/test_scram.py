"""SCRAM as the RFCs have it: their own conversation, and no other server's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.issuers.scram import ScramClient, ScramError, prepared


def test_the_conversation_of_rfc_7677():
    client = ScramClient("user", b"pencil", nonce=lambda: "rOprNGfwEbeRWgbNEkqO")
    assert client.first() == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    final = client.final(f"r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096".encode())
    assert final == f"c=biws,r={nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=".encode()
    assert client.proves(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    assert not client.proves(b"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


def test_the_conversation_of_rfc_5802():
    client = ScramClient("user", b"pencil", digest="sha1", nonce=lambda: "fyko+d2lbbFgONRv9qkxdawL")
    nonce = "fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j"
    assert client.final(f"r={nonce},s=QSXCR+Q6sek8bf92,i=4096".encode()).endswith(b"p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=")
    assert client.proves(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=")


def server_accepts(first: bytes, challenge: bytes, final: bytes, *, salt: bytes, password: bytes, rounds: int) -> bool:
    """The server's side of RFC 5802 §3: it knows StoredKey only, and gets ClientKey back out of the proof."""
    client_key = hmac.digest(hashlib.pbkdf2_hmac("sha256", password, salt, rounds), b"Client Key", "sha256")
    stored = hashlib.sha256(client_key).digest()
    bare, _, proof = final.rpartition(b",p=")
    signature = hmac.digest(stored, first.removeprefix(b"n,,") + b"," + challenge + b"," + bare, "sha256")
    given_key = bytes(a ^ b for a, b in zip(base64.b64decode(proof), signature, strict=True))
    return hashlib.sha256(given_key).digest() == stored


@given(st.text(max_size=20), st.binary(min_size=1, max_size=20), st.binary(min_size=1, max_size=20))
def test_a_server_accepts_the_right_password_and_no_other(user, password, other):
    password, other = bytes(b % 94 + 33 for b in password), bytes(b % 94 + 33 for b in other)
    salt = os.urandom(16)
    client = ScramClient(user.encode("utf-8", "ignore").decode(), password)
    first = client.first()
    challenge = b"r=" + first.rpartition(b"r=")[2] + b"more,s=" + base64.b64encode(salt) + b",i=4096"
    final = client.final(challenge)
    assert server_accepts(first, challenge, final, salt=salt, password=password, rounds=4_096)
    assert server_accepts(first, challenge, final, salt=salt, password=other, rounds=4_096) is (password == other)


@pytest.mark.parametrize(
    ("challenge", "reason"),
    [
        ("", "not_the_protocol"),
        ("r=n,s=AAAA,i=4096", "not_the_protocol"),
        ("r=NONCE,s=AAAA,i=4096", "not_the_protocol"),
        ("r=NONCEx,s=AAAA,i=x", "not_the_protocol"),
        ("r=NONCEx,s=A===,i=4096", "not_the_protocol"),
        ("r=NONCEx,i=4096,s=AAAA", "not_the_protocol"),
        ("m=ext,r=NONCEx,s=AAAA,i=4096", "not_the_protocol"),
        ("r=NONCEx,s=AAAA,i=1", "challenge_refused"),
        ("r=NONCEx,s=AAAA,i=4095", "challenge_refused"),
        ("r=NONCEx,s=AAAA,i=999999999", "challenge_refused"),
        ("r=NONCEx,s=AAAA,i=9999999999", "not_the_protocol"),
    ],
)
def test_challenges_that_must_not_be_answered_are_not(challenge, reason):
    client = ScramClient("u", b"pw", nonce=lambda: "NONCE")
    with pytest.raises(ScramError) as caught:
        client.final(challenge.encode())
    assert caught.value.reason == reason


def test_nothing_is_proved_before_there_was_a_challenge():
    assert not ScramClient("u", b"pw").proves(b"v=" + base64.b64encode(b""))


@pytest.mark.parametrize(
    ("password", "result"),
    [
        (b"pencil", b"pencil"),
        ("I\u00adX".encode(), b"IX"),
        ("\u00aa".encode(), b"a"),
        ("\u2168".encode(), b"IX"),
        ("a\u00a0b".encode(), b"a b"),
        ("p\u00e9\u0007".encode(), "p\u00e9\u0007".encode()),  # prohibited: as it is
        ("\u0627\u0031".encode(), "\u0627\u0031".encode()),  # runs both ways: as it is
        ("\u0627x\u0627".encode(), "\u0627x\u0627".encode()),
        (b"\xff\xfe", b"\xff\xfe"),
        ("\u00ad".encode(), "\u00ad".encode()),  # nothing would be left
    ],
)
def test_passwords_are_prepared_as_rfc_4013_has_it(password, result):
    assert prepared(password) == result
