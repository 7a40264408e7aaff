import base64
import hashlib
import hmac
import os

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st
from tests.support.key_reading import assert_locked, assert_open, damaged, password, public_of, run, survives

from stanch.core.key_facts import KeyVerdict, Protection
from stanch.engine.checks.checksums import bech32_seal
from stanch.keys import age, agefile, bech32
from stanch.keys.model import KeyFormatError

WORD = "correct" + "-horse-7"
ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def sealed(prefix: str, content: bytes) -> str:
    """Bech32 of some octets: groups of five bits, and the checksum the engine computes."""
    bits = int.from_bytes(content, "big") << (-len(content) * 8 % 5)
    count = -(-len(content) * 8 // 5)
    groups = "".join(ALPHABET[bits >> 5 * i & 31] for i in reversed(range(count)))
    return bech32_seal(prefix.encode(), groups.encode()).decode()


SEED = b"\x41" + bytes(range(100, 131))
MINE = X25519PrivateKey.from_private_bytes(SEED)
IDENTITY = sealed("age-secret-key-", SEED).upper()
RECIPIENT = sealed("age", MINE.public_key().public_bytes_raw())
FILE = f"# created: 2026-01-01T00:00:00Z\n# public key: {RECIPIENT}\n{IDENTITY}\n".encode()


def locked(text: bytes, word: str, work: int = 4, *, recipient: bool = False) -> bytes:
    """Encrypt as the specification says, https://c2sp.org/age."""
    key, salt, nonce = os.urandom(16), os.urandom(16), os.urandom(16)

    def stretched(secret: bytes, salted: bytes | None, info: bytes) -> bytes:
        return HKDF(algorithm=SHA256(), length=32, salt=salted, info=info).derive(secret)

    def text64(data: bytes) -> bytes:
        return base64.b64encode(data).rstrip(b"=")

    wrap = hashlib.scrypt(word.encode(), salt=b"age-encryption.org/v1/scrypt" + salt, n=1 << work, r=8, p=1, dklen=32)
    body = text64(ChaCha20Poly1305(wrap).encrypt(bytes(12), key, None))
    stanza = b"-> X25519 " + text64(salt + salt) if recipient else b"-> scrypt %s %d" % (text64(salt), work)
    header = b"age-encryption.org/v1\n" + stanza + b"\n" + body + b"\n---"
    mac = hmac.new(stretched(key, None, b"header"), header, "sha256").digest()
    cipher = ChaCha20Poly1305(stretched(key, nonce, b"payload"))
    chunks = [text[at : at + 65536] for at in range(0, len(text), 65536)] or [b""]
    payload = b"".join(
        cipher.encrypt(i.to_bytes(11, "big") + bytes((i == len(chunks) - 1,)), chunk, None) for i, chunk in enumerate(chunks)
    )
    return header + b" " + text64(mac) + b"\n" + nonce + payload


def armored(data: bytes) -> bytes:
    return b"-----BEGIN AGE ENCRYPTED FILE-----\n" + base64.encodebytes(data) + b"-----END AGE ENCRYPTED FILE-----\n"


def test_identity_is_usable_and_linked_by_the_recipient_its_file_names():
    (item,) = age.parse(FILE, [], guess=False)
    assert_open(item)
    assert (item.facts.container, item.facts.algorithm) == ("age", "x25519")


def test_identity_alone_is_usable_too():
    (item,) = age.parse(IDENTITY.encode(), [], guess=False)
    assert (item.facts.verdict, item.facts.spki_sha256) == (KeyVerdict.USABLE, "")
    assert public_of(item) == age.parse(FILE, [], guess=False)[0].facts.spki_sha256


def test_recipients_do_not_mix_when_a_file_has_several_identities():
    other = sealed("age-secret-key-", bytes(range(32))).upper()
    items = age.parse(FILE + other.encode(), [], guess=False)
    assert [item.facts.spki_sha256 for item in items] == ["", ""]


def test_post_quantum_identity_is_usable():
    (item,) = age.parse(sealed("age-secret-key-pq-", SEED).upper().encode(), [], guess=False)
    assert (item.facts.algorithm, item.facts.verdict, item.private) == ("mlkem768-x25519", KeyVerdict.USABLE, None)


@pytest.mark.parametrize(("name", "told"), [("yubikey", "a YubiKey"), ("tpm", "TPM"), ("my-own", "age-plugin-my-own")])
def test_identity_of_a_plugin_is_no_leak(name, told):
    (item,) = age.parse(sealed(f"age-plugin-{name}-", bytes(20)).upper().encode(), [], guess=False)
    assert (item.facts.protection, item.facts.verdict, item.facts.private) == (Protection.HARDWARE, KeyVerdict.PUBLIC, False)
    assert told in item.facts.evidence[0]
    assert item.facts.label == name


@pytest.mark.parametrize("at", range(16, len(IDENTITY), 7))
def test_identity_with_one_wrong_character_is_none(at):
    wrong = IDENTITY[:at] + ("Q" if IDENTITY[at] != "Q" else "P") + IDENTITY[at + 1 :]
    with pytest.raises(KeyFormatError, match="checksum"):
        age.parse(wrong.encode(), [], guess=False)


@pytest.mark.parametrize("dress", [bytes, armored])
def test_locked_identity_file_opens_with_the_password_found(dress):
    data = dress(locked(FILE, WORD))
    (item,) = age.parse(data, [password("wrong"), password(WORD)], guess=False)
    assert_open(item, Protection.PASSWORD_FOUND)
    assert (item.facts.scheme, item.facts.iterations) == ("ChaCha20-Poly1305, scrypt with 2^4", 16)
    (shut,) = age.parse(data, [password("wrong")], guess=True)
    assert_locked(shut)
    assert "not known until it opens" in shut.facts.notes[0]


def test_file_encrypted_to_recipients_or_too_large_is_no_key():
    assert age.parse(locked(FILE, WORD, recipient=True), [password(WORD)], guess=True) == []
    assert age.parse(locked(bytes(200_000), WORD), [password(WORD)], guess=True) == []
    assert age.parse(locked(b"short", WORD), [password(WORD)], guess=True) == []


def test_text_of_several_chunks_is_opened():
    text = os.urandom(200_000)
    assert agefile.sealed(locked(text, WORD)).opened(WORD.encode()) == text
    assert agefile.sealed(locked(text, WORD)).size == len(text)


@pytest.mark.parametrize("work", [19, 40, 62])
def test_work_that_a_file_asks_for_is_not_always_done(work):
    data = locked(FILE, WORD).replace(b" 4\n", b" %d\n" % work, 1)
    (item,) = age.parse(data, [password(WORD)], guess=True)
    assert_locked(item)
    assert item.facts.evidence[1] == "No password was tried: the work factor is too high."


def test_what_age_keygen_writes_is_read(tmp_path):
    text = run("age-keygen")
    (item,) = age.parse(text, [], guess=False)
    assert_open(item)
    assert (
        item.facts.spki_sha256
        == hashlib.sha256(
            bytes.fromhex("302a300506032b656e032100") + bech32.decode(text.decode().split("public key: ")[1].split()[0])[1]
        ).hexdigest()
    )


@given(st.binary(max_size=80), st.sampled_from(["age", "age-secret-key-", "age-plugin-x-"]))
def test_bech32_gives_back_what_was_sealed(content, prefix):
    assert bech32.decode(sealed(prefix, content)) == (prefix, content)
    assert bech32.decode(sealed(prefix, content).upper()) == (prefix, content)


@pytest.mark.parametrize("text", ["", "1", "age1", "1qqqqqq", RECIPIENT[:-1], RECIPIENT.replace("age1", "Age1"), RECIPIENT + "b"])
def test_bech32_that_is_not_whole_is_refused(text):
    assert bech32.decode(text) is None


@given(damaged([FILE, IDENTITY.encode(), locked(FILE, WORD), armored(locked(FILE, WORD))]))
def test_damage_gives_items_or_a_clear_error(data):
    survives(age.parse, data)
