"""PFX files of every maker: the right password opens them, the wrong one does not, and a hostile file costs nothing."""

import hashlib
import hmac
import shutil
import time
from functools import cache

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12
from hypothesis import given, settings
from tests.support import key_stores
from tests.support.key_material import KEYS, big, certificate, children, der, element, key, pem, pkcs8, spki
from tests.support.key_reading import assert_locked, assert_open, damaged, password, run, survives

from stanch.core.key_facts import KeyVerdict, Protection
from stanch.keys import pkcs12 as pfx
from stanch.keys import pkcs12kdf
from stanch.keys.model import KeyFormatError
from stanch.keys.passwords import common

WORD = "correct" + "-horse-7"
DATA = bytes.fromhex("2a864886f70d010701")
LEGACY = ("-provider", "legacy", "-provider", "default")


def one(data: bytes, *passwords: str, guess: bool = False):
    (item,) = pfx.parse(data, [password(text) for text in passwords], guess=guess)
    return item


def openssl(name: str, *options: str, word: str = WORD, more: bytes = b"") -> bytes:
    """Return a PFX made by openssl."""
    program = shutil.which("openssl") or pytest.skip("openssl is not installed")
    import subprocess

    given_ = key(name).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + pem(certificate(name, "valid")) + more
    done = subprocess.run(
        [program, "pkcs12", "-export", "-passout", f"pass:{word}", *options, *LEGACY],
        input=given_,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("style", ["modern", "legacy", "ber"])
@pytest.mark.parametrize("word", [None, "", WORD])
def test_key_and_certificate_come_out_of_every_style(style, word, name):
    protection = {None: Protection.NONE, "": Protection.EMPTY_PASSWORD, WORD: Protection.PASSWORD_FOUND}[word]
    item = one(key_stores.pkcs12(name, "valid", style, word), "wrong", WORD)
    assert_open(item, protection)
    assert item.private.reveal() == pkcs8(name)
    assert item.certificates == (der(certificate(name, "valid")),)
    assert (item.facts.container, item.facts.label, item.facts.algorithm) == ("pkcs12", "sp", name)


@pytest.mark.parametrize("style", ["modern", "legacy", "ber"])
def test_a_wrong_password_opens_nothing_and_the_thumbprint_is_seen(style):
    item = one(key_stores.pkcs12("rsa", "valid", style, WORD), "wrong")
    assert_locked(item)
    thumbprint = certificate("rsa", "valid").fingerprint(hashes.SHA1()).hex().upper()
    assert any(thumbprint in note for note in item.facts.notes)
    assert item.certificates == ()


CHOICES = {
    "-macalg sha1": ("PBES2 AES-256-CBC, PBKDF2 SHA-256", 2048),
    "-macalg md5": ("PBES2 AES-256-CBC, PBKDF2 SHA-256", 2048),
    "-macalg sha384": ("PBES2 AES-256-CBC, PBKDF2 SHA-256", 2048),
    "-macalg sha512": ("PBES2 AES-256-CBC, PBKDF2 SHA-256", 2048),
    "-nomac": ("PBES2 AES-256-CBC, PBKDF2 SHA-256", 2048),
    "-nomaciter -noiter": ("PBES2 AES-256-CBC, PBKDF2 SHA-256", 1),
    "-iter 7777": ("PBES2 AES-256-CBC, PBKDF2 SHA-256", 7777),
    "-keypbe PBE-SHA1-RC2-128 -certpbe PBE-SHA1-RC2-40": ("PKCS#12 RC2-128-CBC, SHA-1", 2048),
    "-keypbe PBE-SHA1-RC4-128 -certpbe PBE-SHA1-RC4-40": ("PKCS#12 RC4-128, SHA-1", 2048),
    "-keypbe PBE-SHA1-2DES -certpbe PBE-SHA1-3DES": ("PKCS#12 3DES-CBC with two keys, SHA-1", 2048),
    "-keypbe PBE-MD5-DES -certpbe NONE": ("PBES1 DES-CBC, MD5", 2048),
    "-keypbe AES-128-CBC -certpbe NONE -nomac": ("PBES2 AES-128-CBC, PBKDF2 SHA-256", 2048),
}


@pytest.mark.parametrize("options", CHOICES)
def test_every_choice_of_openssl_is_opened_and_named(options):
    data = openssl("ec", *options.split(), "-name", "My key ✓")
    item = one(data, "wrong", WORD)
    assert_open(item, Protection.PASSWORD_FOUND)
    assert item.certificates == (der(certificate("ec", "valid")),)
    assert (item.facts.scheme, item.facts.iterations) == CHOICES[options]
    assert item.facts.label == "My key ✓"
    assert_locked(one(data, "wrong"))


@pytest.mark.parametrize("word", ["schlüssel-ç", "пароль-7", "😀😀"])
def test_passwords_that_are_not_ascii_open(word):
    assert_open(one(openssl("ec", word=word), word), Protection.PASSWORD_FOUND)
    assert_open(one(openssl("ec", "-legacy", word=word), word), Protection.PASSWORD_FOUND)


def test_a_plain_key_beside_encrypted_certificates_needs_no_password():
    item = one(openssl("ec", "-keypbe", "NONE"), "wrong")
    assert_open(item)
    assert any("stays locked" in note for note in item.facts.notes)
    assert one(openssl("ec", "-keypbe", "NONE"), WORD).certificates == (der(certificate("ec", "valid")),)


def test_a_guessed_password_is_told_from_one_that_was_found():
    data = openssl("ec", word="changeit")
    (item,) = pfx.parse(data, common(), guess=True)
    assert_open(item, Protection.PASSWORD_GUESSED)
    (item,) = pfx.parse(data, common(), guess=False)
    assert_locked(item)


@pytest.mark.parametrize("builder", ["PBESv1SHA1And3KeyTripleDESCBC", "PBESv2SHA256AndAES256CBC"])
def test_what_cryptography_writes_is_opened_with_its_chain(builder):
    lock = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(3000)
        .key_cert_algorithm(getattr(pkcs12.PBES, builder))
        .build(WORD.encode())
    )
    others = [certificate("ec", "valid"), certificate("ed25519", "expired")]
    data = pkcs12.serialize_key_and_certificates(b"friend", key("rsa"), certificate("rsa", "expired"), others, lock)
    item = one(data, WORD)
    assert_open(item, Protection.PASSWORD_FOUND)
    assert item.facts.label == "friend"
    assert item.certificates[0] == der(certificate("rsa", "expired"))
    assert set(item.certificates[1:]) == {der(other) for other in others}


@pytest.mark.parametrize("style", ["modern", "legacy"])
@pytest.mark.parametrize("word", [None, "", WORD])
def test_certificates_alone_are_public(style, word):
    data = key_stores.pkcs12("rsa", "valid", style, word, with_key=False)
    item = one(data, WORD)
    assert (item.facts.verdict, item.facts.private, item.certificates) == (
        KeyVerdict.PUBLIC,
        False,
        (der(certificate("rsa", "valid")),),
    )
    if word:
        item = one(data, "wrong")
        assert (item.facts.verdict, item.facts.private) == (KeyVerdict.PUBLIC, False)
        assert "as far as can be told" in item.facts.evidence[0]


def test_stores_of_keytool_give_every_key_with_its_own_certificate(tmp_path):
    store = tmp_path / "s.p12"

    def keytool(*words: str) -> None:
        run("keytool", *words, "-keystore", store, "-storetype", "PKCS12", "-storepass", WORD, "-keypass", WORD)

    keytool("-genkeypair", "-alias", "web", "-keyalg", "EC", "-groupname", "secp256r1", "-dname", "CN=web")
    keytool("-genkeypair", "-alias", "app", "-keyalg", "RSA", "-keysize", "2048", "-dname", "CN=app")
    keytool("-genseckey", "-alias", "aes", "-keyalg", "AES", "-keysize", "256")
    items = {item.facts.label: item for item in pfx.parse(store.read_bytes(), [password(WORD)], guess=False)}
    assert set(items) == {"web", "app", "aes"}
    for label in ("web", "app"):
        assert_open(items[label], Protection.PASSWORD_FOUND)
        assert len(items[label].certificates) == 1
    assert (items["aes"].facts.verdict, items["aes"].facts.private, items["aes"].private) == (KeyVerdict.USABLE, True, None)
    locked = pfx.parse(store.read_bytes(), [password("wrong")], guess=False)
    assert [item.facts.verdict for item in locked] == [KeyVerdict.LOCKED] * 3


# --- the MAC --------------------------------------------------------------------------------------------------------


def remade(data: bytes, mac: bytes) -> bytes:
    """Return a PFX with another MacData."""
    version, safe, *_ = children(children(data)[0][1])
    return element(0x30, version[2], safe[2], mac)


def content(data: bytes) -> bytes:
    safe = children(children(data)[0][1])[1]
    return children(children(safe[1])[1][1])[0][1]


def old_mac(digest: bytes, rounds: int, salt: bytes = b"salty") -> bytes:
    info = element(0x30, element(0x30, element(0x06, bytes.fromhex("2b0e03021a")), b"\x05\0"), element(0x04, digest))
    return element(0x30, info, element(0x04, salt), element(0x02, big(rounds, 5)))


def test_an_absent_password_is_an_empty_one_too():
    data = key_stores.pkcs12("ec", "valid", "modern", "")
    derived = pkcs12kdf.derive("sha1", b"", b"salty", pkcs12kdf.MAC, 9, 20)
    absent = remade(data, old_mac(hmac.digest(derived, content(data), "sha1"), 9))
    assert_open(one(absent), Protection.EMPTY_PASSWORD)


def test_the_derivation_is_that_of_openssl(tmp_path):
    """Of every hash: openssl wrote the MACs that opened in the tests above; here the vector of a long password and salt."""
    word = "x" * 150
    for digest in ("sha1", "sha512"):
        assert_open(one(openssl("ec", "-macalg", digest, "-legacy", word=word), word), Protection.PASSWORD_FOUND)


@pytest.mark.parametrize("digest", ["sha256", "sha512"])
def test_pbmac1_is_checked(digest):
    arcs = {"sha256": "2a864886f70d0209", "sha512": "2a864886f70d020b"}
    data = key_stores.pkcs12("ec", "valid", "modern", WORD)
    prf = element(0x30, element(0x06, bytes.fromhex(arcs["sha256"])), b"\x05\0")
    derivation = element(0x30, element(0x04, b"pepper"), element(0x02, big(50)), element(0x02, b"\x20"), prf)
    parameters = element(
        0x30,
        element(0x30, element(0x06, bytes.fromhex("2a864886f70d01050c")), derivation),
        element(0x30, element(0x06, bytes.fromhex(arcs[digest])), b"\x05\0"),
    )
    expected = hmac.digest(hashlib.pbkdf2_hmac("sha256", WORD.encode(), b"pepper", 50, 32), content(data), digest)
    info = element(0x30, element(0x30, element(0x06, bytes.fromhex("2a864886f70d01050e")), parameters), element(0x04, expected))
    made = remade(data, element(0x30, info, element(0x04, b"unused"), element(0x02, b"\1")))
    assert_open(one(made, "wrong", WORD), Protection.PASSWORD_FOUND)
    assert_locked(one(made, "wrong"))


@pytest.mark.parametrize("mac", [b"", b"\x30\x03\x02\x01\x05", element(0x30, b"junk")], ids=["none", "no MAC", "junk"])
def test_without_a_mac_the_key_itself_says_whether_a_password_is_right(mac):
    data = remade(key_stores.pkcs12("ec", "valid", "modern", WORD), mac)
    item = one(data, "wrong", WORD)
    assert_open(item, Protection.PASSWORD_FOUND)
    assert any("no MAC" in note for note in item.facts.notes)
    assert_locked(one(data, "wrong"))


def test_a_mac_with_a_hostile_work_factor_is_passed_by():
    """What is cheap to try is tried, and opens."""
    data = remade(key_stores.pkcs12("ec", "valid", "modern", WORD), old_mac(bytes(20), 1 << 31))
    start = time.process_time()
    assert_open(one(data, "wrong", WORD), Protection.PASSWORD_FOUND)
    assert time.process_time() - start < 0.5


# --- parts put together by hand -------------------------------------------------------------------------------------

BAG = "2a864886f70d010c0a01"


def bag(arc: int, value: bytes, *attributes: bytes) -> bytes:
    found = element(0x31, *attributes) if attributes else b""
    return element(0x30, element(0x06, bytes.fromhex(f"{BAG}{arc:02x}")), element(0xA0, value), found)


def info(oid: bytes, value: bytes) -> bytes:
    return element(0x30, element(0x06, oid), element(0xA0, value))


def store(*bags: bytes) -> bytes:
    contents = element(0x30, *bags)
    safe = element(0x30, info(DATA, element(0x04, contents)))
    return element(0x30, element(0x02, b"\3"), info(DATA, element(0x04, safe)))


def certificate_bag(name: str, *attributes: bytes) -> bytes:
    oid = element(0x06, bytes.fromhex("2a864886f70d01091601"))
    return bag(3, element(0x30, oid, element(0xA0, element(0x04, der(certificate(name, "valid"))))), *attributes)


def nested(depth: int, inner: bytes) -> bytes:
    for _ in range(depth):
        inner = bag(6, element(0x30, inner))
    return inner


def test_bags_within_bags_are_read():
    data = store(nested(5, bag(1, pkcs8("rsa"))), nested(1, certificate_bag("rsa")))
    item = one(data)
    assert_open(item)
    assert item.certificates == (der(certificate("rsa", "valid")),)


def test_bags_nested_too_deep_are_refused():
    with pytest.raises(KeyFormatError, match="nest"):
        pfx.parse(store(nested(20, bag(1, pkcs8("rsa")))), [], guess=False)


def test_keys_get_their_certificates_whatever_their_order():
    data = store(*map(certificate_bag, KEYS), *(bag(1, pkcs8(name)) for name in reversed(KEYS)))
    items = pfx.parse(data, [], guess=False)
    assert [item.facts.algorithm for item in items] == list(reversed(KEYS))
    assert [item.certificates[0] for item in items] == [der(certificate(name, "valid")) for name in reversed(KEYS)]


def test_a_certificate_of_no_key_stands_for_itself():
    items = pfx.parse(store(bag(1, pkcs8("rsa")), bag(1, pkcs8("ec")), *map(certificate_bag, KEYS)), [], guess=False)
    assert [(item.facts.private, item.facts.algorithm) for item in items] == [(True, "rsa"), (True, "ec"), (False, "ed25519")]


def test_a_broken_key_does_not_hide_the_others():
    items = pfx.parse(store(bag(1, element(0x30, b"junk")), bag(1, pkcs8("ec")), bag(2, element(0x30, b"x"))), [], guess=False)
    assert [item.facts.algorithm for item in items] == ["ec"]
    assert sum("broken" in note for note in items[0].facts.notes) == 2


def test_a_broken_certificate_is_counted():
    oid = element(0x06, bytes.fromhex("2a864886f70d01091601"))
    broken = bag(3, element(0x30, oid, element(0xA0, element(0x04, b"\x30\x03abc"))))
    item = one(store(bag(1, pkcs8("ec")), broken))
    assert item.facts.notes == ("1 of its certificates cannot be read.",)


def test_an_empty_store_is_public():
    assert one(store()).facts.notes == ("It is empty.",)


@cache
def sealed_bags(count: int, rounds: int) -> bytes:
    parameters = element(0x30, element(0x04, b"saltsalt"), element(0x02, big(rounds, 5)))
    algorithm = element(0x30, element(0x06, bytes.fromhex("2a864886f70d010c0103")), parameters)
    return store(*([bag(2, element(0x30, algorithm, element(0x04, bytes(64))))] * count))


@pytest.mark.parametrize(
    ("count", "rounds"), [(1, 1 << 31), (1, 100_000_000), (5_000, 1 << 31), (5_000, 2_000), (5_000, 1)], ids=str
)
def test_work_a_file_asks_for_is_not_done(count, rounds):
    words = [password(f"word{number}") for number in range(16)]
    start = time.process_time()
    items = pfx.parse(sealed_bags(count, rounds), [*words, *common()], guess=True)
    assert {item.facts.verdict for item in items} == {KeyVerdict.LOCKED}
    assert time.process_time() - start < 3


@pytest.mark.parametrize("unit", [b"\x30\x80", b"\x30\x84\x00\x7f\xff\xff", b"\x24\x80"])
def test_a_million_sequences_in_each_other_are_refused_at_once(unit):
    start = time.process_time()
    for head in (b"", b"\x30\x80\x02\x01\x03"):
        with pytest.raises(KeyFormatError):
            pfx.parse(head + unit * 1_000_000, [], guess=True)
    assert time.process_time() - start < 1


def test_a_million_bags_are_refused_soon():
    start = time.process_time()
    with pytest.raises(KeyFormatError, match="too many"):
        pfx.parse(store(element(0x30, element(0x06, b"\x2a"), element(0xA0, b"")) * 500_000), [], guess=True)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "data", [b"", b"\x30", element(0x30, element(0x02, b"\4")), element(0x30, element(0x02, b"\3"), info(b"\x2a\x03", b""))]
)
def test_what_is_no_pfx_is_refused(data):
    with pytest.raises(KeyFormatError):
        pfx.parse(data, [], guess=True)


SAMPLES = [
    key_stores.pkcs12("ec", "valid", "modern", ""),
    key_stores.pkcs12("ec", "valid", "modern", None),
    key_stores.ber(key_stores.pkcs12("ec", "valid", "modern", None)),
    store(nested(2, bag(1, pkcs8("ec"))), certificate_bag("ec")),
    sealed_bags(2, 1),
]


@settings(max_examples=120)
@given(damaged(SAMPLES))
def test_damaged_files_are_refused_or_read(data):
    survives(pfx.parse, data, [password(WORD)])


def test_the_hash_of_the_public_key_is_that_of_the_certificate():
    item = one(key_stores.pkcs12("rsa", "valid", "modern", None))
    assert item.facts.spki_sha256 == hashlib.sha256(spki("rsa")).hexdigest()
