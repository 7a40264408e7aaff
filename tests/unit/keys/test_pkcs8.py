"""Keys in bare DER: every form gives the same key, every encryption opens with its password and with no other."""

import hashlib
import time
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa, x448, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from tests.support.key_material import KEYS, big, element, key, pkcs8, spki
from tests.support.key_reading import assert_locked, assert_open, damaged, password, public_of, run, survives

from stanch.core.key_facts import KeyVerdict, Protection
from stanch.keys import pkcs8 as bare
from stanch.keys import privatekey, rsafactors
from stanch.keys.model import KeyFormatError
from stanch.keys.passwords import common

WORD = "correct" + "-horse-7"
PLAIN = NoEncryption()


@cache
def other(name: str):
    makers = {
        "rsa1024": lambda: rsa.generate_private_key(3, 1024),
        "dsa": lambda: dsa.generate_private_key(1024),
        "ed448": ed448.Ed448PrivateKey.generate,
        "x25519": x25519.X25519PrivateKey.generate,
        "x448": x448.X448PrivateKey.generate,
        "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
        "secp384r1": lambda: ec.generate_private_key(ec.SECP384R1()),
        "secp521r1": lambda: ec.generate_private_key(ec.SECP521R1()),
        "brainpoolP256r1": lambda: ec.generate_private_key(ec.BrainpoolP256R1()),
    }
    return makers[name]()


OTHERS = ("rsa1024", "dsa", "ed448", "x25519", "x448", "secp256k1", "secp384r1", "secp521r1", "brainpoolP256r1")
SIZES = {"rsa": 2048, "ec": 256, "ed25519": 256, "rsa1024": 1024, "dsa": 1024, "ed448": 456, "x25519": 256, "x448": 448}


def one(data: bytes, *passwords: str, guess: bool = False):
    (item,) = bare.parse(data, [password(text) for text in passwords], guess=guess)
    return item


@pytest.mark.parametrize("name", (*KEYS, *OTHERS))
def test_plain_pkcs8_is_open_and_handed_out_as_it_is(name):
    mine = key(name) if name in KEYS else other(name)
    data = mine.private_bytes(Encoding.DER, PrivateFormat.PKCS8, PLAIN)
    item = one(data + b"\n")
    assert_open(item)
    assert item.private.reveal() == data
    assert item.facts.container == "pkcs8"
    assert item.facts.spki_sha256 == hashlib.sha256(public(mine)).hexdigest()
    if name in SIZES:
        assert item.facts.bits == SIZES[name]
    else:
        assert (item.facts.algorithm, item.facts.curve) == ("ec", name)


def public(mine) -> bytes:
    return mine.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("name", "container"), [("rsa", "pkcs1"), ("rsa1024", "pkcs1"), ("ec", "sec1"), ("secp521r1", "sec1"), ("dsa", "dsa")]
)
def test_traditional_forms_become_pkcs8(name, container):
    mine = key(name) if name in KEYS else other(name)
    item = one(mine.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, PLAIN))
    assert_open(item)
    assert item.facts.container == container
    assert item.private.reveal() == mine.private_bytes(Encoding.DER, PrivateFormat.PKCS8, PLAIN)


@pytest.mark.parametrize("name", KEYS)
def test_public_keys_are_no_leak(name):
    item = one(spki(name))
    assert (item.facts.verdict, item.facts.private, item.private) == (KeyVerdict.PUBLIC, False, None)
    assert item.facts.spki_sha256 == hashlib.sha256(spki(name)).hexdigest()


def test_bare_rsa_numbers_are_a_public_key():
    item = one(key("rsa").public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1))
    assert (item.facts.verdict, item.facts.spki_sha256) == (KeyVerdict.PUBLIC, hashlib.sha256(spki("rsa")).hexdigest())


def test_an_ec_key_without_its_public_half_has_it_computed():
    scalar = key("ec").private_numbers().private_value
    inner = element(0x30, element(0x02, b"\1"), element(0x04, big(scalar, 32)))
    algorithm = element(0x30, element(0x06, bytes.fromhex("2a8648ce3d0201")), element(0x06, bytes.fromhex("2a8648ce3d030107")))
    item = one(element(0x30, element(0x02, b"\0"), algorithm, element(0x04, inner)))
    assert item.facts.spki_sha256 == hashlib.sha256(spki("ec")).hexdigest()
    assert public_of(item) == item.facts.spki_sha256


def test_a_curve_that_is_written_out_is_read(tmp_path):
    path = tmp_path / "k.der"
    run(
        "openssl",
        "ecparam",
        "-name",
        "prime256v1",
        "-genkey",
        "-param_enc",
        "explicit",
        "-noout",
        "-outform",
        "DER",
        "-out",
        path,
    )
    facts = one(path.read_bytes()).facts
    assert (facts.algorithm, facts.bits, facts.curve, facts.verdict) == ("ec", 256, "", KeyVerdict.USABLE)


def test_rsa_keys_of_more_than_two_primes_are_read(tmp_path):
    path = tmp_path / "k.der"
    run("openssl", "genrsa", "-primes", "3", "-out", path, "2048")
    run("openssl", "rsa", "-in", path, "-outform", "DER", "-traditional", "-out", path)
    assert (one(path.read_bytes()).facts.bits, one(path.read_bytes()).facts.verdict) == (2048, KeyVerdict.USABLE)


def test_rsa_pss_keys_keep_their_parameters(tmp_path):
    path, out = tmp_path / "k.pem", tmp_path / "p.der"
    run("openssl", "genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_pss_keygen_md:sha256", "-out", path)
    run("openssl", "pkey", "-in", path, "-pubout", "-outform", "DER", "-out", out)
    run("openssl", "pkey", "-in", path, "-outform", "DER", "-out", tmp_path / "k.der")
    facts = one((tmp_path / "k.der").read_bytes()).facts
    assert (facts.algorithm, facts.spki_sha256) == ("rsa", hashlib.sha256(out.read_bytes()).hexdigest())


@pytest.mark.parametrize("name", ["rsa", "rsa1024"])
def test_primes_are_found_from_the_exponents(name):
    mine = key(name) if name in KEYS else other(name)
    numbers = mine.private_numbers()
    found = privatekey.from_numbers(numbers.public_numbers.n, numbers.public_numbers.e, numbers.d)
    assert hashlib.sha256(found.spki).hexdigest() == hashlib.sha256(public(mine)).hexdigest()
    assert found.pkcs8


@pytest.mark.parametrize("d", [1, 2, 12345, 10**300])
def test_exponents_that_are_not_inverse_have_no_primes(d):
    numbers = key("rsa").private_numbers()
    with pytest.raises(KeyFormatError):
        privatekey.from_numbers(numbers.public_numbers.n, numbers.public_numbers.e, d)


def test_primes_of_another_modulus_are_no_key():
    numbers = other("rsa1024").private_numbers()
    n = numbers.public_numbers.n + 2
    fields = (0, n, 3, numbers.d, numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)
    data = element(0x30, *(element(0x02, big(value, value.bit_length() // 8 + 1)) for value in fields))
    with pytest.raises(KeyFormatError, match="primes"):
        one(data)


def dsa_pkcs8(p: int, q: int, g: int, x: int) -> bytes:
    numbers = [element(0x02, big(value, value.bit_length() // 8 + 1)) for value in (p, q, g, x)]
    algorithm = element(0x30, element(0x06, bytes.fromhex("2a8648ce380401")), element(0x30, *numbers[:3]))
    return element(0x30, element(0x02, b"\0"), algorithm, element(0x04, numbers[3]))


def test_a_dsa_key_with_a_huge_modulus_costs_nothing():
    p = (1 << 32_000) + 1
    start = time.process_time()
    item = one(dsa_pkcs8(p, p - 2, 3, p - 3))
    assert (item.facts.verdict, item.facts.bits, item.facts.spki_sha256) == (KeyVerdict.USABLE, 32_001, "")
    assert time.process_time() - start < 0.2


def test_rsa_keys_without_primes_are_computed_a_few_times_a_file():
    numbers = other("rsa1024").private_numbers()
    fields = (0, numbers.public_numbers.n, 3, numbers.d, 0, 0, 0, 0, 0)
    data = element(0x30, *(element(0x02, big(value, value.bit_length() // 8 + 1)) for value in fields))
    item = one(data)
    assert_open(item)
    allowance = rsafactors.Allowance()
    done = 0
    with pytest.raises(KeyFormatError, match="too long"):
        while done < 1_000:
            privatekey.read(data, allowance)
            done += 1
    assert done == 30 * 8  # half the size is an eighth of the price


# --- encrypted ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KEYS)
def test_what_cryptography_encrypts_opens_with_its_password_only(name):
    data = key(name).private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(WORD.encode()))
    item = one(data, "wrong", WORD)
    assert_open(item, Protection.PASSWORD_FOUND)
    assert item.private.reveal() == pkcs8(name)
    assert item.password.reveal() == WORD.encode()
    assert_locked(one(data, "wrong", WORD + "x"))


SCHEMES = {
    "-v2 aes-128-cbc -v2prf hmacWithSHA1": ("PBES2 AES-128-CBC, PBKDF2 SHA-1", 2048),
    "-v2 aes-192-cbc -v2prf hmacWithSHA224": ("PBES2 AES-192-CBC, PBKDF2 SHA-224", 2048),
    "-v2 aes-256-cbc -v2prf hmacWithSHA256 -iter 1": ("PBES2 AES-256-CBC, PBKDF2 SHA-256", 1),
    "-v2 aes-256-cbc -v2prf hmacWithSHA384": ("PBES2 AES-256-CBC, PBKDF2 SHA-384", 2048),
    "-v2 aes-256-cbc -v2prf hmacWithSHA512 -iter 5000": ("PBES2 AES-256-CBC, PBKDF2 SHA-512", 5000),
    "-v2 aes-256-cbc -v2prf hmacWithSHA512-256": ("PBES2 AES-256-CBC, PBKDF2 SHA-512/256", 2048),
    "-v2 camellia-256-cbc": ("PBES2 Camellia-256-CBC, PBKDF2 SHA-256", 2048),
    "-v2 des3": ("PBES2 3DES-CBC, PBKDF2 SHA-256", 2048),
    "-v2 des": ("PBES2 DES-CBC, PBKDF2 SHA-256", 2048),
    "-v2 rc2": ("PBES2 RC2-128-CBC, PBKDF2 SHA-256", 2048),
    "-v2 rc2-40-cbc": ("PBES2 RC2-40-CBC, PBKDF2 SHA-256", 2048),
    "-v2 rc2-64-cbc": ("PBES2 RC2-64-CBC, PBKDF2 SHA-256", 2048),
    "-scrypt": ("PBES2 AES-256-CBC, scrypt", 16384),
    "-v1 PBE-MD5-DES": ("PBES1 DES-CBC, MD5", 2048),
    "-v1 PBE-MD5-RC2-64": ("PBES1 RC2-64-CBC, MD5", 2048),
    "-v1 PBE-SHA1-DES": ("PBES1 DES-CBC, SHA-1", 2048),
    "-v1 PBE-SHA1-RC2-64": ("PBES1 RC2-64-CBC, SHA-1", 2048),
    "-v1 PBE-SHA1-3DES": ("PKCS#12 3DES-CBC, SHA-1", 2048),
    "-v1 PBE-SHA1-2DES": ("PKCS#12 3DES-CBC with two keys, SHA-1", 2048),
    "-v1 PBE-SHA1-RC2-128": ("PKCS#12 RC2-128-CBC, SHA-1", 2048),
    "-v1 PBE-SHA1-RC2-40": ("PKCS#12 RC2-40-CBC, SHA-1", 2048),
    "-v1 PBE-SHA1-RC4-128": ("PKCS#12 RC4-128, SHA-1", 2048),
    "-v1 PBE-SHA1-RC4-40": ("PKCS#12 RC4-40, SHA-1", 2048),
}


@pytest.mark.parametrize("options", SCHEMES)
def test_every_scheme_of_openssl_is_opened_and_named(options, tmp_path):
    plain, out = tmp_path / "k.der", tmp_path / "e.der"
    plain.write_bytes(pkcs8("ec"))
    run(
        "openssl", "pkcs8", "-topk8", "-inform", "DER", "-in", plain, "-outform", "DER", "-out", out, "-passout", f"pass:{WORD}",
        *options.split(), "-provider", "legacy", "-provider", "default",
    )  # fmt: skip
    item = one(out.read_bytes(), "wrong", WORD)
    assert_open(item, Protection.PASSWORD_FOUND)
    assert item.private.reveal() == pkcs8("ec")
    assert (item.facts.scheme, item.facts.iterations) == SCHEMES[options]
    assert_locked(one(out.read_bytes(), "wrong"))


def test_passwords_that_are_not_ascii_open_both_ways_of_writing_them(tmp_path):
    plain = tmp_path / "k.der"
    plain.write_bytes(pkcs8("ec"))
    word = "schlüssel" + "-ç-7"
    for options in ("-v2 aes-256-cbc", "-v1 PBE-SHA1-3DES"):
        out = tmp_path / "e.der"
        run(
            "openssl", "pkcs8", "-topk8", "-inform", "DER", "-in", plain, "-outform", "DER", "-out", out, "-passout", f"pass:{word}",
            *options.split(),
        )  # fmt: skip
        assert_open(one(out.read_bytes(), word), Protection.PASSWORD_FOUND)


def test_common_passwords_are_guessed_and_an_empty_one_is_none():
    locked = key("ec").private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"changeit"))
    (item,) = bare.parse(locked, common(), guess=True)
    assert_open(item, Protection.PASSWORD_GUESSED)
    (item,) = bare.parse(locked, common(), guess=False)
    assert_locked(item)


def test_a_locked_key_is_linked_to_nothing_and_says_so():
    locked = key("ec").private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(WORD.encode()))
    facts = one(locked).facts
    assert (facts.algorithm, facts.spki_sha256, facts.bits) == ("", "", 0)


# --- hostile --------------------------------------------------------------------------------------------------------

PBES2 = element(0x06, bytes.fromhex("2a864886f70d01050d"))
AES = element(0x30, element(0x06, bytes.fromhex("60864801650304012a")), element(0x04, bytes(16)))


def pbkdf2(rounds: int) -> bytes:
    parameters = element(0x30, element(0x04, bytes(8)), element(0x02, big(rounds, 5)))
    derivation = element(0x30, element(0x06, bytes.fromhex("2a864886f70d01050c")), parameters)
    return element(0x30, element(0x30, PBES2, element(0x30, derivation, AES)), element(0x04, bytes(64)))


def scrypt(n: int, r: int, p: int) -> bytes:
    numbers = (element(0x02, big(value, 5)) for value in (n, r, p))
    derivation = element(
        0x30, element(0x06, bytes.fromhex("2b06010401da47040b")), element(0x30, element(0x04, bytes(8)), *numbers)
    )
    return element(0x30, element(0x30, PBES2, element(0x30, derivation, AES)), element(0x04, bytes(64)))


@pytest.mark.parametrize(
    "data",
    [
        pbkdf2(1 << 31),
        pbkdf2(50_000_000),
        scrypt(1 << 30, 8, 1),
        scrypt(1 << 20, 1 << 20, 1),
        scrypt(1 << 14, 8, 1 << 20),
        scrypt(2, 1, 1 << 21),
    ],
    ids=["two thousand million rounds", "fifty million rounds", "terabytes", "terabytes in blocks", "a million lanes", "lanes"],
)
def test_work_a_file_asks_for_is_not_done(data):
    start = time.process_time()
    (item,) = bare.parse(data, [password(WORD), *common()], guess=True)
    assert_locked(item)
    assert "not tried" in item.facts.evidence[1] or "No password was tried" in item.facts.evidence[1]
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize("data", [pbkdf2(0), pbkdf2((1 << 31) + 1), scrypt(3, 8, 1), scrypt(0, 8, 1), scrypt(16, 0, 1)])
def test_work_factors_that_are_none_are_refused(data):
    with pytest.raises(KeyFormatError, match="work factor"):
        bare.parse(data, [], guess=True)


def test_guessing_ends_at_a_budget_of_rounds_and_says_how_many_words_were_left():
    (item,) = bare.parse(pbkdf2(20_000), common(), guess=True)
    left = len(common()) - 4  # 200,000 rounds pay for five, at two blocks of SHA-1 each, and the empty password is one of them
    assert item.facts.evidence[1].startswith(f"{left} of {len(common())} passwords were not tried")


@settings(max_examples=150)
@given(damaged([pkcs8(name) for name in KEYS] + [spki(name) for name in KEYS] + [pbkdf2(2), scrypt(2, 1, 1)]))
def test_damaged_keys_are_refused_or_read(data):
    survives(bare.parse, data, [password(WORD)])
