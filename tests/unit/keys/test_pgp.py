import hashlib
import os
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import CAST5, TripleDES
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.asymmetric import dsa, ed448, ed25519, x448, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESOCB3
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st
from tests.support import key_stores
from tests.support.key_material import big, key, spki
from tests.support.key_reading import assert_locked, assert_open, damaged, password, run, survives

from stanch.core.key_facts import KeyVerdict, Protection
from stanch.keys import pgp, pgppackets
from stanch.keys.model import KeyFormatError

WORD = "correct" + "-horse-7"
NAMES = ("rsa", "ec", "ed25519")
BORN = 1_700_000_000
USER = b"Ann <ann@build.example>"


def new_packet(tag: int, body: bytes) -> bytes:
    size = len(body)
    if size < 192:
        length = bytes((size,))
    elif size < 8384:
        length = bytes(((size - 192 >> 8) + 192, size - 192 & 0xFF))
    else:
        length = b"\xff" + big(size)
    return bytes((0xC0 | tag,)) + length + body


def mpi(number: int) -> bytes:
    return key_stores._pgp_mpi(number)


def checked(numbers: bytes) -> bytes:
    return numbers + big(sum(numbers) & 0xFFFF, 2)


def public_packet(version: int, algorithm: int, fields: bytes) -> bytes:
    head = bytes((version,)) + big(BORN) + (b"\0\0" if version < 4 else b"") + bytes((algorithm,))
    return head + (big(len(fields)) if version > 4 else b"") + fields


def native(name: str) -> tuple[int, bytes, bytes]:
    made = {
        "x25519": (25, x25519.X25519PrivateKey), "x448": (26, x448.X448PrivateKey), "ed25519": (27, ed25519.Ed25519PrivateKey),
        "ed448": (28, ed448.Ed448PrivateKey),
    }[name]  # fmt: skip
    mine = made[1].generate()
    return made[0], mine.public_key().public_bytes_raw(), mine.private_bytes_raw()


@pytest.mark.parametrize("armored", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_plain_key_is_usable_and_is_the_key_that_was_written(name, armored):
    (item,) = pgp.parse(key_stores.openpgp(name, "", armored=armored), [], guess=False)
    assert_open(item)
    assert item.facts.spki_sha256 == hashlib.sha256(spki(name)).hexdigest()
    assert (item.facts.container, item.facts.label) == ("pgp", "Deploy Robot <deploy@build-07.example>")
    assert item.facts.notes[0] == "Primary key, OpenPGP version 4, created 2023-11-14."


@pytest.mark.parametrize("name", NAMES)
def test_found_password_opens_a_locked_key(name):
    data = key_stores.openpgp(name, WORD)
    (item,) = pgp.parse(data, [password("wrong"), password(WORD)], guess=False)
    assert_open(item, Protection.PASSWORD_FOUND)
    assert (item.facts.scheme, item.facts.iterations) == ("AES-256-CFB, iterated salted sha256", 65536)
    (shut,) = pgp.parse(data, [password("wrong")], guess=True)
    assert_locked(shut)
    assert shut.facts.spki_sha256 == item.facts.spki_sha256


@pytest.mark.parametrize("armored", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_public_key_is_public(name, armored):
    (item,) = pgp.parse(key_stores.openpgp(name, "", private=False, armored=armored), [], guess=True)
    assert (item.facts.verdict, item.facts.protection, item.facts.private) == (
        KeyVerdict.PUBLIC, Protection.NOTHING_TO_PROTECT, False,
    )  # fmt: skip
    assert item.facts.spki_sha256 == hashlib.sha256(spki(name)).hexdigest()


@pytest.fixture
def gpg(tmp_path):
    home = tmp_path / "g"
    home.mkdir(mode=0o700)

    def call(*words: str) -> bytes:
        return run("gpg", "--homedir", home, "--batch", "--yes", "--quiet", "--pinentry-mode", "loopback", *words)

    yield call
    run("gpgconf", "--homedir", home, "--kill", "all")


@pytest.mark.parametrize(("primary", "sub", "word"), [("ed25519", "cv25519", WORD), ("dsa1024", "elg1024", "")])
def test_what_gpg_exports_is_read(gpg, primary, sub, word):
    gpg("--passphrase", word, "--quick-gen-key", USER.decode(), primary, "sign", "never")
    fingerprint = gpg("--with-colons", "-K").decode().split("fpr:::::::::")[1].partition(":")[0]
    gpg("--passphrase", word, "--quick-add-key", fingerprint, sub, "encr", "never")
    first, second = pgp.parse(gpg("--passphrase", word, "--armor", "--export-secret-keys"), [password(WORD)], guess=False)
    assert_open(first, Protection.PASSWORD_FOUND if word else Protection.NONE)
    assert f"Fingerprint {fingerprint}, key id {fingerprint[-16:]}." in first.facts.notes
    assert (first.facts.label, second.facts.label) == (USER.decode(), USER.decode())
    if sub == "cv25519":
        assert_open(second, Protection.PASSWORD_FOUND if word else Protection.NONE)
    else:
        assert (second.facts.algorithm, second.facts.bits, second.facts.verdict) == ("elgamal", 1024, KeyVerdict.USABLE)
    assert [item.facts.verdict for item in pgp.parse(gpg("--export"), [], guess=False)] == [KeyVerdict.PUBLIC] * 2
    if word:
        return  # GnuPG takes a second to lock what it exports
    stub, subkey = pgp.parse(gpg("--passphrase", word, "--export-secret-subkeys"), [], guess=False)
    assert (stub.facts.verdict, stub.facts.private, stub.private) == (KeyVerdict.PUBLIC, False, None)
    assert "stub" in stub.facts.evidence[0]
    assert subkey.facts.verdict is KeyVerdict.USABLE


def test_key_on_a_card_is_no_leak():
    algorithm, public, _ = native("ed25519")
    body = public_packet(4, algorithm, public) + b"\xff\x00\x65\x00GNU\x02" + b"\x04\xd2\x76\x00\x01"
    (item,) = pgp.parse(new_packet(5, body), [], guess=True)
    assert (item.facts.protection, item.facts.verdict, item.facts.private) == (Protection.HARDWARE, KeyVerdict.PUBLIC, False)
    assert item.facts.notes[-1] == "Serial number of the card: D2760001."


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("name", ["x25519", "x448", "ed25519", "ed448"])
def test_native_curves_of_rfc_9580_are_read(name, version):
    algorithm, public, secret = native(name)
    body = public_packet(version, algorithm, public)
    data = new_packet(5, body + b"\0" + (secret if version == 6 else checked(secret))) + new_packet(13, USER)
    (item,) = pgp.parse(data, [], guess=False)
    assert_open(item)
    mark = {4: b"\x99" + big(len(body), 2), 6: b"\x9b" + big(len(body))}[version]
    assert hashlib.new("sha1" if version == 4 else "sha256", mark + body).hexdigest().upper() in item.facts.notes[1]


@pytest.mark.parametrize(("number", "seal"), [(2, AESOCB3), (3, AESGCM)])
def test_version_6_locked_with_argon2_and_aead_opens(number, seal):
    algorithm, public, secret = native("ed25519")
    body = public_packet(6, algorithm, public)
    salt, nonce = os.urandom(16), os.urandom(15 if number == 2 else 12)
    stretched = Argon2id(salt=salt, length=32, iterations=1, lanes=1, memory_cost=1 << 6).derive(WORD.encode())
    bound = bytes((0xC7, 6, 9, number))
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=bound).derive(stretched)
    s2k = b"\x04" + salt + b"\x01\x01\x06"
    fields = bytes((9, number, len(s2k))) + s2k + nonce
    sealed = seal(derived).encrypt(nonce, secret, b"\xc7" + body)
    data = new_packet(7, body + b"\xfd" + bytes((len(fields),)) + fields + sealed)
    (item,) = pgp.parse(data, [password("wrong"), password(WORD)], guess=False)
    assert_open(item, Protection.PASSWORD_FOUND)
    assert item.facts.scheme.endswith("Argon2id with 2^6 KiB and 1 passes")
    assert_locked(pgp.parse(data, [password("wrong")], guess=True)[0])


def test_argon2_that_asks_for_gigabytes_is_not_paid():
    algorithm, public, _ = native("ed25519")
    s2k = b"\x04" + bytes(16) + b"\x01\x01\x1f"
    fields = bytes((9, 2, len(s2k))) + s2k + bytes(15)
    body = public_packet(6, algorithm, public) + b"\xfd" + bytes((len(fields),)) + fields + bytes(48)
    (item,) = pgp.parse(new_packet(5, body), [password(WORD)], guess=True)
    assert_locked(item)
    assert "too much memory" in item.facts.evidence[1]


@pytest.mark.parametrize("usage", [254, 255, "cipher alone"])
@pytest.mark.parametrize(
    ("cipher", "maker", "size", "block"),
    [(7, algorithms.AES, 16, 16), (8, algorithms.AES, 24, 16), (2, TripleDES, 24, 8), (3, CAST5, 16, 8)],
)
@pytest.mark.parametrize("kind", [0, 1, 3])
def test_old_ways_to_lock_a_key_open(kind, cipher, maker, size, block, usage):
    algorithm, public, secret = native("ed25519")
    name = "md5" if usage == "cipher alone" else "sha1"
    salt = b"" if kind == 0 or usage == "cipher alone" else os.urandom(8)
    text = salt + WORD.encode()
    count = 1024 if kind == 3 and salt else len(text)
    hashed = (text * (count // len(text) + 1))[:count]
    made = b"".join(hashlib.new(name, bytes(zeros) + hashed).digest() for zeros in range(3))[:size]
    iv = os.urandom(block)
    encryptor = Cipher(maker(made), CFB(iv)).encryptor()
    plain = secret + hashlib.sha1(secret).digest() if usage == 254 else checked(secret)
    sealed = encryptor.update(plain) + encryptor.finalize()
    s2k = bytes((kind, 2)) + salt + (b"\x00" if kind == 3 else b"")
    how = bytes((cipher,)) if usage == "cipher alone" else bytes((usage, cipher)) + s2k
    data = new_packet(5, public_packet(4, algorithm, public) + how + iv + sealed)
    assert_open(pgp.parse(data, [password("wrong"), password(WORD)], guess=False)[0], Protection.PASSWORD_FOUND)
    assert_locked(pgp.parse(data, [password("wrong")], guess=False)[0])


def test_version_5_of_librepgp_is_read():
    algorithm, public, secret = native("ed25519")
    body = public_packet(5, algorithm, public)
    rest = checked(secret)
    (item,) = pgp.parse(new_packet(5, body + b"\0\0" + big(len(rest)) + rest), [], guess=False)
    assert_open(item)
    assert hashlib.sha256(b"\x9a" + big(len(body)) + body).hexdigest().upper() in item.facts.notes[1]


def test_version_3_is_read_and_named_by_its_modulus():
    numbers = key("rsa").private_numbers()
    n, e = numbers.public_numbers.n, numbers.public_numbers.e
    secret = b"".join(map(mpi, (numbers.d, numbers.p, numbers.q, pow(numbers.p, -1, numbers.q))))
    (item,) = pgp.parse(new_packet(5, public_packet(3, 1, mpi(n) + mpi(e)) + b"\0" + checked(secret)), [], guess=False)
    assert_open(item)
    assert f"key id {n & (1 << 64) - 1:016X}" in item.facts.notes[1]
    locked = new_packet(5, public_packet(3, 1, mpi(n) + mpi(e)) + b"\x01" + bytes(8) + bytes(600))
    (shut,) = pgp.parse(locked, [password(WORD)], guess=True)
    assert_locked(shut)
    assert "not supported" in shut.facts.evidence[1]


def test_dsa_is_read():
    numbers = dsa.generate_private_key(1024).private_numbers()
    group = numbers.public_numbers.parameter_numbers
    fields = b"".join(map(mpi, (group.p, group.q, group.g, numbers.public_numbers.y)))
    (item,) = pgp.parse(new_packet(5, public_packet(4, 17, fields) + b"\0" + checked(mpi(numbers.x))), [], guess=False)
    assert_open(item)
    assert item.facts.weaknesses == ("small_dsa",)


def test_post_quantum_and_unknown_algorithms_are_named():
    known = new_packet(7, public_packet(6, 35, bytes(1216)) + b"\0" + bytes(96))
    unknown = new_packet(7, public_packet(6, 99, b"abc") + b"\0" + bytes(10))
    items = pgp.parse(known + unknown, [], guess=False)
    assert [(i.facts.algorithm, i.facts.verdict, i.private) for i in items] == [
        ("ml-kem-768+x25519", KeyVerdict.USABLE, None), ("openpgp-99", KeyVerdict.USABLE, None),
    ]  # fmt: skip


@pytest.mark.parametrize("framing", ["old 1", "old 2", "old 4", "indeterminate", "new 5"])
def test_every_framing_of_packets_is_read(framing):
    algorithm, public, secret = native("ed25519")
    body = public_packet(4, algorithm, public) + b"\0" + checked(secret)
    head = {
        "old 1": bytes((0x94, len(body))), "old 2": b"\x95" + big(len(body), 2), "old 4": b"\x96" + big(len(body)),
        "indeterminate": b"\x97", "new 5": b"\xc5\xff" + big(len(body)),
    }[framing]  # fmt: skip
    assert_open(pgp.parse(head + body, [], guess=False)[0])


def test_wrong_checksum_of_the_armor_is_told_and_the_key_still_read():
    data = key_stores.openpgp("ec", "")
    at = data.index(b"\n=") + 2
    wrong = data[:at] + (b"AAAA" if data[at : at + 4] != b"AAAA" else b"BBBB") + data[at + 4 :]
    (item,) = pgp.parse(wrong, [], guess=False)
    assert_open(item)
    assert "checksum of the armor is wrong" in item.facts.notes[-1]
    assert_open(pgp.parse(data[: at - 1] + data[at + 5 :], [], guess=False)[0])  # left out, as RFC 9580 advises


def test_cut_off_file_keeps_its_whole_keys():
    whole = key_stores.openpgp("ec", "", armored=False)
    (item,) = pgp.parse(whole + key_stores.openpgp("rsa", "", armored=False)[:300], [], guess=False)
    assert_open(item)
    assert "damaged" in item.facts.notes[-1]


def test_key_with_a_wrong_sum_is_broken():
    algorithm, public, secret = native("ed25519")
    with pytest.raises(KeyFormatError, match="checksum"):
        pgp.parse(new_packet(5, public_packet(4, algorithm, public) + b"\0" + secret + b"\0\0"), [], guess=False)


def test_subkeys_try_the_password_of_their_primary_key_first():
    parts = [key_stores.openpgp(name, WORD, armored=False) for name in ("ec", "ed25519")]
    words = [*(password(f"wrong {i}") for i in range(5)), password(WORD)]
    assert [i.facts.verdict for i in pgp.parse(b"".join(parts), words, guess=False)] == [KeyVerdict.USABLE] * 2


@pytest.mark.parametrize(
    "data",
    [b"", b"text", b"-----BEGIN PGP MESSAGE-----\n\nyA==\n-----END PGP MESSAGE-----", b"\xff\xd8\xff\xe0" * 9, b"\x99\x00"],
)
def test_what_is_no_key_is_refused(data):
    with pytest.raises(KeyFormatError):
        pgp.parse(data, [], guess=False)


def test_thousands_of_packets_are_not_all_read():
    with pytest.raises(KeyFormatError, match="too many"):
        list(pgppackets.packets(b"\xca\x00" * 50_000))


@given(st.binary(max_size=300))
def test_crc_is_that_of_the_armor_others_write(data):
    assert pgppackets.crc24(data) == key_stores._crc24(data)


SAMPLES = [key_stores.openpgp(name, word, armored=armored) for name in NAMES for word in ("", WORD) for armored in (True, False)]


@given(damaged(SAMPLES))
def test_damage_gives_items_or_a_clear_error(data):
    survives(pgp.parse, data)


def test_created_is_told_without_a_clock():
    (item,) = pgp.parse(key_stores.openpgp("ec", ""), [], guess=False)
    assert f"{datetime.fromtimestamp(BORN, UTC):%Y-%m-%d}" in item.facts.notes[0]
