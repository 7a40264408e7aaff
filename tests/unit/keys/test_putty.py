import base64
import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from tests.support import key_stores
from tests.support.key_material import field
from tests.support.key_reading import assert_locked, assert_open, damaged, password, run, survives

from stanch.core.key_facts import Protection
from stanch.keys import putty
from stanch.keys.model import KeyFormatError

WORD = "correct" + "-horse-7"
NAMES = ("rsa", "ec", "ed25519")


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("name", NAMES)
def test_plain_key_is_usable_and_is_the_key_that_was_written(name, version):
    (item,) = putty.parse(key_stores.putty(name, version, ""), [], guess=False)
    assert_open(item)
    assert item.private.reveal() == key_stores.pkcs8(name)
    assert (item.facts.container, item.facts.label) == ("putty", "deploy@build-07")


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("name", NAMES)
def test_found_password_opens_a_locked_key(name, version):
    data = key_stores.putty(name, version, WORD)
    (item,) = putty.parse(data, [password("wrong"), password(WORD)], guess=False)
    assert_open(item, Protection.PASSWORD_FOUND)
    (locked,) = putty.parse(data, [password("wrong")], guess=True)
    assert_locked(locked)
    assert locked.facts.spki_sha256 == item.facts.spki_sha256
    assert locked.facts.evidence[1] == "1 password tried, none fits."


def test_argon2_parameters_are_told():
    facts = putty.parse(key_stores.putty("ec", 3, WORD), [], guess=False)[0].facts
    assert (facts.scheme, facts.iterations) == ("AES-256-CBC, Argon2id with 64 KiB and 1 passes", 1)


@pytest.mark.parametrize(
    ("header", "told"),
    [(b"Argon2-Memory: 99999999", "too much memory"), (b"Argon2-Passes: 999999999", "were not tried")],
)
def test_work_that_a_file_asks_for_is_not_always_done(header, told):
    name = header.partition(b":")[0]
    data = b"\r\n".join(header if line.startswith(name) else line for line in key_stores.putty("ec", 3, WORD).split(b"\r\n"))
    (item,) = putty.parse(data, [password(WORD)], guess=True)
    assert_locked(item)
    assert told in item.facts.evidence[1]


@pytest.mark.parametrize("mac", ["Private-MAC", "Private-Hash"])
def test_first_format_protects_the_private_blob_only(mac):
    text = key_stores.putty("rsa", 2, "").decode().replace("File-2", "File-1")
    private = key_stores._putty_private("rsa")
    if mac == "Private-MAC":
        digest = hmac.new(hashlib.sha1(b"putty-private-key-file-mac-key").digest(), private, "sha1").hexdigest()
    else:
        digest = hashlib.sha1(private).hexdigest()
    head = text[: text.index("Private-MAC")]
    assert_open(putty.parse(f"{head}{mac}: {digest}\r\n".encode(), [], guess=False)[0])


def test_seed_that_ends_in_zeros_is_filled_up():
    """PuTTY writes the seed as a number and leaves out its highest octets when they are zero, or adds one."""
    mine = ed25519.Ed25519PrivateKey.from_private_bytes(b"\x11" * 30 + b"\0\0")
    kind, public = "ssh-ed25519", field(b"ssh-ed25519") + field(mine.public_key().public_bytes_raw())
    for stored in (b"\x11" * 30, b"\x11" * 30 + b"\0\0\0"):
        private = field(stored)
        mac = hmac.new(b"", b"".join(map(field, (kind.encode(), b"none", b"c", public, private))), "sha256").hexdigest()
        lines = [f"PuTTY-User-Key-File-3: {kind}", "Encryption: none", "Comment: c"]
        for title, raw in (("Public", public), ("Private", private)):
            lines += [f"{title}-Lines: 1", base64.b64encode(raw).decode()]
        assert_open(putty.parse("\n".join((*lines, f"Private-MAC: {mac}", "")).encode(), [], guess=False)[0])


@pytest.mark.parametrize("version", ["2", "3"])
@pytest.mark.parametrize("name", NAMES)
def test_what_puttygen_writes_is_read(name, version, tmp_path):
    (tmp_path / "k").write_bytes(key_stores.openssh(name, protected=False))
    (tmp_path / "word").write_text(WORD)
    (tmp_path / "none").write_text("")
    for new in ("none", "word"):
        out = tmp_path / f"{new}.ppk"
        how = ("--new-passphrase", tmp_path / new, "--ppk-param", f"version={version},memory=64,passes=2")
        run("puttygen", tmp_path / "k", "-O", "private", "-o", out, "-C", "über", *how)
        (item,) = putty.parse(out.read_bytes(), [password(WORD)], guess=False)
        assert_open(item, Protection.NONE if new == "none" else Protection.PASSWORD_FOUND)
        assert item.facts.label == "über"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"Comment: deploy", b"Comment: other", "MAC does not fit"),
        (b"Key-File-2", b"Key-File-9", "version"),
        (b"Encryption: none", b"Encryption: rot13", "not known"),
        (b"Private-Lines: ", b"Private-Lines: 9", "cut off"),
        (b"Public-Lines: ", b"Public-Lines: -", "cut off"),
        (b"User-Key-File-2: ssh-rsa", b"User-Key-File-2: ssh-dss", "another type"),
    ],
)
def test_changed_file_is_refused(old, new, message):
    with pytest.raises(KeyFormatError, match=message):
        putty.parse(key_stores.putty("rsa", 2, "").replace(old, new, 1), [], guess=False)


SAMPLES = [key_stores.putty(name, version, word) for name in NAMES for version in (2, 3) for word in ("", WORD)]


@given(damaged(SAMPLES))
def test_damage_gives_items_or_a_clear_error(data):
    survives(putty.parse, data)
