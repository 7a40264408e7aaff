import base64
import json
import random

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs12,
)
from hypothesis import given
from hypothesis import strategies as st

from stanch.catalog.makers import MAKERS, seal_checksum
from stanch.engine.checks import CHECKS, run_checks, structure


def keys():
    return {
        "rsa": rsa.generate_private_key(public_exponent=65537, key_size=1024),
        "p256": ec.generate_private_key(ec.SECP256R1()),
        "p521": ec.generate_private_key(ec.SECP521R1()),
        "k1": ec.generate_private_key(ec.SECP256K1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
        "x25519": x25519.X25519PrivateKey.generate(),
    }


KEYS = keys()
TRADITIONAL = ("rsa", "p256", "p521", "k1")


def pem(name, form=PrivateFormat.PKCS8, password=None):
    protection = BestAvailableEncryption(password) if password else NoEncryption()
    return KEYS[name].private_bytes(Encoding.PEM, form, protection)


def lines(block):
    return block.decode().strip().split("\n")


WRAPPINGS = {
    "as it is": lambda b: b,
    "CRLF": lambda b: b.replace(b"\n", b"\r\n"),
    "escaped": lambda b: b.replace(b"\n", b"\\n"),
    "escaped twice": lambda b: b.replace(b"\n", b"\\\\n"),
    "JSON with escaped slashes": lambda b: json.dumps(b.decode())[1:-1].replace("/", "\\/").encode(),
    "JSON with escaped plus": lambda b: json.dumps(b.decode())[1:-1].replace("+", "\\u002B").replace("=", "\\u003d").encode(),
    "XML entities": lambda b: b.replace(b"\n", b"&#10;"),
    "indented": lambda b: b.replace(b"\n", b"\n        "),
    "YAML list": lambda b: b.replace(b"\n", b"\n  - "),
    "joined": lambda b: b.replace(b"\n", b""),
    "spaces": lambda b: b.replace(b"\n", b" "),
    "Java": lambda b: '\\n" +\n    "'.join(lines(b)).encode(),
    "C": lambda b: '\\n"\n  "'.join(lines(b)).encode(),
    "Python bytes": lambda b: '\\n"\n    b"'.join(lines(b)).encode(),
    "list": lambda b: "',\n '".join(lines(b)).encode(),
    "append": lambda b: '\\n");\nkey.append("'.join(lines(b)).encode(),
    "hash comment": lambda b: "\n# ".join(lines(b)).encode(),
    "slash comment": lambda b: "\n// ".join(lines(b)).encode(),
    "star comment": lambda b: "\n * ".join(lines(b)).encode(),
    "SQL comment": lambda b: "\n-- ".join(lines(b)).encode(),
    "added in a patch": lambda b: "\n+".join(lines(b)).encode(),
    "removed in a patch": lambda b: "\n-".join(lines(b)).encode(),
    "quoted mail": lambda b: "\n> ".join(lines(b)).encode(),
    "in base64": base64.b64encode,
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("name", KEYS)
def test_pem_key_is_recognised_however_its_lines_are_written(name, wrapping):
    assert CHECKS["pem-key"](WRAPPINGS[wrapping](pem(name).strip()))


@pytest.mark.parametrize("name", TRADITIONAL)
def test_traditional_pem_key_is_recognised_plain_and_encrypted(name):
    assert CHECKS["pem-key"](pem(name, PrivateFormat.TraditionalOpenSSL))
    locked = pem(name, PrivateFormat.TraditionalOpenSSL, b"correct horse")
    assert b"Proc-Type" in locked
    assert CHECKS["pem-key"](locked)


def test_encrypted_pkcs8_openssh_and_dsa_keys_are_recognised():
    assert CHECKS["pem-key"](pem("rsa", password=b"correct horse"))
    assert CHECKS["pem-key"](pem("p256", PrivateFormat.OpenSSH))
    old = dsa.generate_private_key(1024)
    assert CHECKS["pem-key"](old.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    assert CHECKS["pem-key"](old.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def test_public_key_under_a_private_label_is_no_key():
    public = KEYS["rsa"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert not CHECKS["pem-key"](public.replace(b"PUBLIC", b"PRIVATE"))


@pytest.mark.parametrize(
    "body", [b"...", b"<your key>", b"MIIEpAIBAAKCAQEA...", b"x" * 64, b"MIIEpAIBAAKCAQEA" + b"A" * 64, b"a b c " * 20]
)
def test_placeholder_between_pem_markers_is_no_key(body):
    label = b"RSA PRIVATE" + b" KEY"
    assert not CHECKS["pem-key"](b"-----BEGIN " + label + b"-----\n" + body + b"\n-----END " + label + b"-----")


def test_pem_key_cut_off_after_some_lines_still_counts_and_after_one_does_not():
    whole = lines(pem("rsa"))
    assert CHECKS["pem-key"]("\n".join(whole[:7]).encode())
    assert not CHECKS["pem-key"]("\n".join(whole[:2]).encode())


def test_der_key_must_be_whole():
    raw = KEYS["rsa"].private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    assert CHECKS["der-key"](base64.b64encode(raw))
    assert not CHECKS["der-key"](base64.b64encode(raw[: len(raw) // 2]))


def test_plus_in_base64_is_data_and_between_quotes_is_not():
    raw = b"\x30\x0e\x00" + b"\xfb\xef\xbe" * 20
    text = base64.b64encode(raw)
    assert b"++" in text
    assert structure.base64_bytes(text) == raw
    assert structure.base64_bytes(text[:20] + b'" +\n "' + text[20:]) == raw


def test_pkcs12_file_is_recognised_and_a_key_is_none():
    store = pkcs12.serialize_key_and_certificates(b"x", KEYS["p256"], None, None, BestAvailableEncryption(b"pw"))
    assert CHECKS["pkcs12"](base64.b64encode(store))
    assert CHECKS["pkcs12"](store)
    assert not CHECKS["pkcs12"](base64.b64encode(KEYS["rsa"].private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())))


MADE = {
    "rsa-pem": "pem-key",
    "pkcs8-pem": "pem-key",
    "ec-pem": "pem-key",
    "encrypted-pem": "pem-key",
    "openssh-pem": "pem-key",
    "openssh-encrypted-pem": "pem-key",
    "legacy-encrypted-pem": "pem-key",
    "dsa-pem": "pem-key",
    "pgp-armor": "pem-key",
    "rsa-pem-escaped": "pem-key",
    "rsa-pem-quoted": "pem-key",
    "rsa-pem-joined": "pem-key",
    "rsa-pem-cut": "pem-key",
    "rsa-pem-base64": "pem-key",
    "rsa-der-base64": "der-key",
    "pkcs8-der-base64": "der-key",
    "pkcs12-base64": "pkcs12",
    "ssh2-pem": "ssh2-key",
    "putty": "putty-key",
    "java-keystore-base64": "java-keystore",
    "jwt": "plain-jwt",
    "spaced-jwt": "plain-jwt",
    "kubernetes-jwt": "kubernetes-jwt",
    "supabase-jwt": "supabase-service-jwt",
    "jwe": "jwe",
    "basic": "basic-pair",
    "elastic-key": "elastic-pair",
    "aes-base64": "aes-blocks",
    "wif": "wif",
    "extended-key": "extended-private-key",
    "mnemonic": "mnemonic",
    "age": "bech32",
}


@pytest.mark.parametrize("maker", MADE)
def test_made_value_passes_its_check_whatever_the_seed(maker):
    for seed in range(25):
        value = MAKERS[maker](random.Random(seed)).encode("latin-1")
        assert CHECKS[MADE[maker]](value), (maker, seed)


@pytest.mark.parametrize("maker", [name for name in MADE if MADE[name] in ("wif", "extended-private-key", "bech32")])
def test_one_altered_character_breaks_the_checksum(maker):
    value = MAKERS[maker](random.Random(3))
    for position in range(20, len(value), 7):
        other = "Q" if value[position] != "Q" else "P"
        assert not CHECKS[MADE[maker]]((value[:position] + other + value[position + 1 :]).encode())


def test_the_three_kinds_of_jwt_do_not_overlap():
    rng = random.Random(5)
    plain, cluster, service = (MAKERS[name](rng).encode() for name in ("jwt", "kubernetes-jwt", "supabase-jwt"))
    found = [
        [CHECKS[name](value) for name in ("plain-jwt", "kubernetes-jwt", "supabase-service-jwt")]
        for value in (plain, cluster, service)
    ]
    assert found == [[True, False, False], [False, True, False], [False, False, True]]


def token(header, claims, signature=b"x" * 32):
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims))
    return b".".join((*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")))


def test_tutorial_token_and_token_without_algorithm_are_no_jwt():
    assert structure.is_jwt(token({"alg": "HS256"}, {"sub": "7"}))
    assert not structure.is_jwt(token({"alg": "HS256"}, {"sub": "1234567890", "name": "John Doe"}))
    assert not structure.is_jwt(token({"typ": "JWT"}, {"sub": "7"}))
    assert not structure.is_jwt(token(["alg"], {"sub": "7"}))


@pytest.mark.parametrize(
    ("pair", "counts"),
    [
        (b"svc:Kj7#pq2x", True),
        (b"username:password", False),
        (b"Aladdin:open sesame", False),
        (b"admin:admin", False),
        (b"no colon here", False),
        (b"svc:\xff\xfe\x00\x01", False),
        (b"svc:", False),
    ],
)
def test_basic_credentials_count_unless_they_are_a_tutorials_or_no_text(pair, counts):
    assert structure.is_basic_pair(base64.b64encode(pair)) is counts


def test_putty_key_with_a_wrong_number_of_lines_is_refused():
    block = MAKERS["putty"](random.Random(1))
    assert not structure.is_putty_key(block.replace("Private-Lines: ", "Private-Lines: 1").encode())


def test_keystore_that_holds_only_a_certificate_is_refused():
    raw = bytearray(base64.b64decode(MAKERS["java-keystore-base64"](random.Random(1))))
    assert structure.is_java_keystore(bytes(raw))
    raw[15] = 2
    assert not structure.is_java_keystore(bytes(raw))


def test_pgp_public_key_block_is_no_secret():
    block = MAKERS["pgp-armor"](random.Random(1)).encode()
    first = block.split(b"\n\n")[1][:4]
    public = base64.b64encode(b"\x99" + base64.b64decode(first)[1:])
    assert not CHECKS["pem-key"](block.replace(first, public, 1))


def test_wireguard_key_is_sealed_so_that_it_passes():
    for seed in range(20):
        drawn = base64.b64encode(random.Random(seed).randbytes(32)).decode()
        assert structure.is_clamped_32(seal_checksum("clamped-32", drawn).encode())
    assert not structure.is_clamped_32(base64.b64encode(b"\xff" * 32))


@pytest.mark.parametrize(
    "phrase",
    [
        b"test test test test test test test test test test test junk",
        b"the list has words from which your wallet makes keys and names",
        b"one two three four five six",
        b"w1 w2 w3 w4 w5 w6 w7 w8 w9 w10 w11 w12",
    ],
)
def test_sentence_and_tutorial_phrase_are_no_mnemonic(phrase):
    assert not structure.is_mnemonic(phrase)


def test_run_checks_names_the_first_that_fails():
    assert run_checks(("mixed", "mixed-case"), b"abc1") == "mixed-case"
    assert run_checks(("mixed",), b"abc1") == ""


SEEDS = [MAKERS[name](random.Random(1)).encode("latin-1") for name in MADE]


@given(value=st.one_of(st.binary(max_size=300), st.text(alphabet="A+/=-.\\n\"' \n:1#", max_size=200).map(str.encode)))
def test_no_check_ever_raises_on_any_bytes(value):
    for check in CHECKS.values():
        assert check(value) in (True, False)


@given(seed=st.sampled_from(SEEDS), cut=st.integers(0, 400), junk=st.binary(max_size=12))
def test_no_check_ever_raises_on_damaged_values(seed, cut, junk):
    damaged = seed[:cut] + junk + seed[cut + len(junk) :]
    for check in CHECKS.values():
        assert check(damaged) in (True, False)
