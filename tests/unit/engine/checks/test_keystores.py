"""Which stores hold a private key, told from real ones (`tests.support.key_stores`) and from broken ones."""

import random

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from tests.support import key_stores as real
from tests.support.key_material import KEYS, PASSWORD, der, key, pkcs8, spki
from tests.support.key_material import certificate as made

from stanch.catalog.makers import MAKERS
from stanch.engine.checks import keystores

PROTECTIONS = (None, "", PASSWORD)


@pytest.mark.parametrize("style", ["modern", "legacy", "ber"])
@pytest.mark.parametrize("password", PROTECTIONS)
@pytest.mark.parametrize("name", KEYS)
def test_pkcs12_with_a_key_is_told_from_certificates_alone(name: str, password: str | None, style: str):
    assert keystores.holds_pkcs12_key(real.pkcs12(name, "valid", style, password))
    assert not keystores.holds_pkcs12_key(real.pkcs12(name, "valid", style, password, with_key=False))


def test_pkcs12_that_is_cut_off_is_none():
    whole = real.pkcs12("rsa", "valid", "modern", PASSWORD)
    assert not keystores.holds_pkcs12_key(whole[: len(whole) // 2])
    assert keystores.is_pkcs12_frame(whole[: len(whole) // 2])


def test_of_a_pkcs12_too_long_to_be_seen_whole_the_lengths_decide():
    """Trust stores of operating systems are one long encrypted content; a key would be a content behind it."""
    rng = random.Random(3)
    for sealed, behind in ((True, False), (True, True), (False, True)):
        raw = _long_store(rng, sealed=sealed, behind=behind)
        assert keystores.holds_pkcs12_key(raw[:56_000]) is behind


def _long_store(rng: random.Random, *, sealed: bool, behind: bool) -> bytes:
    from tests.support.key_material import element

    kind = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07" + (b"\x06" if sealed else b"\x01")
    contents = element(0x30, kind, element(0xA0, element(0x30, rng.randbytes(70_000))))
    if behind:
        contents += element(0x30, kind, element(0xA0, rng.randbytes(900)))
    data = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
    return element(0x30, b"\x02\x01\x03", element(0x30, data, element(0xA0, element(0x04, element(0x30, contents)))))


@pytest.mark.parametrize("kind", ["jks", "jceks"])
@pytest.mark.parametrize("before", [0, 1, 3])
def test_java_key_is_found_behind_certificates_and_the_length_is_right(kind: str, before: int):
    raw = real.java_keystore("rsa", "valid", PASSWORD, kind=kind, before=before)
    assert keystores.java_keystore(raw + b"behind") == (True, len(raw))
    trust = real.java_keystore("rsa", "valid", PASSWORD, kind=kind, with_key=False, before=before)
    assert keystores.java_keystore(trust) == (False, len(trust))


def test_java_store_that_lies_about_its_sizes_is_no_more_than_what_is_there():
    raw = real.java_keystore("ec", "valid", PASSWORD)
    assert keystores.java_keystore(raw[:60]) == (True, 0)
    assert keystores.java_keystore(raw[:8] + b"\xff\xff\xff\xff" + raw[12:]) == (False, 0)
    assert keystores.java_keystore(raw[:12] + b"\0\0\0\x09" + raw[16:]) == (False, 0)


@pytest.mark.parametrize("name", KEYS)
def test_private_keys_in_der_are_told_from_what_is_public(name: str):
    mine = key(name)
    found = [pkcs8(name), mine.private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"correct horse"))]
    if name != "ed25519":
        found.append(mine.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    for raw in found:
        assert keystores.is_whole_der_key(raw)
        assert not keystores.is_whole_der_key(raw[:-1])
        assert not keystores.is_whole_der_key(raw + b"\0")
    assert not keystores.is_der_key_frame(spki(name))
    assert not keystores.is_der_key_frame(der(made(name, "valid")))


def test_frame_of_an_ed25519_key_before_a_programs_texts_is_none():
    """The constant from which programs build keys lies among their other texts."""
    frame = pkcs8("ed25519")[:16]
    assert not keystores.is_whole_der_key(frame + b"Only RSA keys are supported here")
    assert not keystores.is_whole_der_key(frame + bytes(32))


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("password", ["", PASSWORD])
def test_openpgp_secret_key_is_told_from_the_public_one(name: str, password: str):
    raw = real.openpgp(name, password, armored=False)
    assert keystores.is_pgp_secret(raw)
    assert keystores.pgp_length(raw + b"\0\0\0\0\0\0\0\0") == len(raw)
    public = real.openpgp(name, "", private=False, armored=False)
    assert not keystores.is_pgp_secret(public)
    # A public key whose header says secret: nothing private follows its numbers.
    assert not keystores.is_pgp_secret(bytes((public[0] & ~0x3C | 5 << 2,)) + public[1:])


@given(data=st.binary(max_size=400))
def test_no_bytes_make_them_raise(data: bytes):
    heads = [MAKERS[name](random.Random(1)).encode("latin-1") for name in ("pkcs12-binary", "java-keystore-binary", "pgp-binary")]
    for head in (b"", *(head[:cut] for head in heads for cut in (4, 12, 30, 60))):
        raw = head + data
        assert keystores.holds_pkcs12_key(raw) in (True, False)
        assert keystores.java_keystore(raw)[0] in (True, False)
        assert keystores.is_whole_der_key(raw) in (True, False)
        assert keystores.is_pgp_secret(raw) in (True, False)
        assert 0 <= keystores.pgp_length(raw) <= len(raw)
