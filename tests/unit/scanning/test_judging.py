"""Keys that a scan meets: examined once, with the passwords near them; public ones are no leaks; copies know each other."""

import random
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from tests.support.key_material import key

import stanch
from stanch.core.finding import Severity
from stanch.core.key_facts import KeyVerdict, Protection
from stanch.scanning.judging import linked


def pem(algorithm: str, password: bytes = b"") -> bytes:
    lock = BestAvailableEncryption(password) if password else NoEncryption()
    return key(algorithm).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)


@pytest.fixture(scope="module")
def scanner() -> stanch.Scanner:
    return stanch.Scanner()


def test_a_plain_key_is_usable_and_stays_as_severe_as_its_type(scanner):
    (found,) = scanner.scan_bytes(pem("rsa"), name="id.pem")
    assert found.key is not None
    assert (found.key.verdict, found.key.protection, found.key.algorithm, found.key.bits) == (
        KeyVerdict.USABLE, Protection.NONE, "rsa", 2048,
    )  # fmt: skip


def test_a_key_behind_an_unknown_password_is_locked_and_less_urgent(scanner):
    (found,) = scanner.scan_bytes(pem("ec", random.Random(4).randbytes(12).hex().encode()), name="id.pem")
    assert found.key is not None
    assert found.key.verdict is KeyVerdict.LOCKED
    assert found.severity.rank < Severity.CRITICAL.rank


def test_a_password_beside_the_key_opens_it_and_is_not_shown(scanner):
    password = "Tr" + random.Random(5).randbytes(8).hex() + "!x"
    text = b"KEY_PASSWORD=" + password.encode() + b"\n" + pem("ec", password.encode())
    keys = [f for f in scanner.scan_bytes(text, name=".env") if f.key is not None]
    assert [f.key.protection for f in keys] == [Protection.PASSWORD_FOUND]
    assert password not in repr(keys)


def test_public_keys_are_no_leaks(scanner):
    public = key("rsa").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert scanner.scan_bytes(public, name="public.pem") == []


def test_two_containers_of_one_key_pair_know_each_other(scanner):
    pkcs8 = pem("rsa")
    pkcs1 = key("rsa").private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    found = [*scanner.scan_bytes(pkcs8, name="a.pem"), *scanner.scan_bytes(pkcs1, name="b.pem")]
    first, second = linked(found)
    assert first.key.spki_sha256 == second.key.spki_sha256
    assert (first.same_key, second.same_key) == ((second.id,), (first.id,))


def test_moduli_with_a_common_factor_are_marked(scanner):
    first, second = scanner.scan_bytes(pem("rsa"), name="a.pem")[0], scanner.scan_bytes(pem("rsa"), name="b.pem")[0]
    prime = (1 << 521) - 1
    keys = [
        replace(f, key=replace(f.key, modulus=(prime * other).to_bytes(300, "big"), spki_sha256=f"{n:064x}"))
        for n, (f, other) in enumerate(((first, (1 << 607) - 1), (second, (1 << 1279) - 1)))
    ]
    assert [f.key.weaknesses for f in linked(keys)] == [("shared_factor",)] * 2


def test_an_examination_is_made_once_for_the_same_value(scanner, monkeypatch):
    calls = []
    import stanch.keys.examine as module

    real = module.examine
    monkeypatch.setattr(module, "examine", lambda *a, **k: calls.append(1) or real(*a, **k))
    twin = stanch.Scanner()
    text = pem("ed25519")
    for number in range(3):
        assert twin.scan_bytes(text, name=f"{number}.pem")
    assert len(calls) == 1
