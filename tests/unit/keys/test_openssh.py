import base64
import subprocess
import sys
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from tests.support import key_stores
from tests.support.key_material import big, field, key, mpint, spki
from tests.support.key_reading import assert_locked, assert_open, damaged, password, run, survives

from stanch.core.key_facts import KeyVerdict, Protection
from stanch.keys import openssh
from stanch.keys.model import KeyFormatError

WORD = "correct" + "-horse-7"
NAMES = ("rsa", "ec", "ed25519")


def armored(raw: bytes) -> bytes:
    text = base64.encodebytes(raw).decode()
    return f"-----BEGIN OPENSSH PRIVATE {'KEY'}-----\n{text}-----END OPENSSH PRIVATE {'KEY'}-----\n".encode()


def written(
    *keys: tuple[bytes, bytes], check: bytes = b"abcdabcd", padding: bytes | None = None, cipher: bytes = b"none"
) -> bytes:
    """An openssh-key-v1 of public blobs and private fields, not encrypted."""
    private = check + b"".join(fields for _, fields in keys)
    pad = bytes(range(1, 1 + -len(private) % 8)) if padding is None else padding
    head = b"openssh-key-v1\0" + field(cipher) + field(b"none") + field(b"") + big(len(keys))
    return head + b"".join(field(public) for public, _ in keys) + field(private + pad)


def ed25519_parts(comment: bytes = b"me@host") -> tuple[bytes, bytes]:
    mine = key("ed25519")
    public = mine.public_key().public_bytes_raw()
    head = field(b"ssh-ed25519") + field(public)
    return head, head + field(mine.private_bytes_raw() + public) + field(comment)


def fido_parts(kind: str = "sk-ssh-ed25519@openssh.com") -> tuple[bytes, bytes]:
    public = key("ed25519").public_key().public_bytes_raw()
    head = field(kind.encode())
    if "ecdsa" in kind:
        point = key("ec").public_key().public_numbers()
        head += field(b"nistp256") + field(b"\x04" + point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big"))
    else:
        head += field(public)
    return head + field(b"ssh:"), head + field(b"ssh:") + b"\x01" + field(b"handle" * 10) + field(b"") + field(b"yubikey")


@pytest.mark.parametrize("name", NAMES)
def test_plain_key_is_usable_and_is_the_key_that_was_written(name):
    (item,) = openssh.parse(key_stores.openssh(name, protected=False), [], guess=False)
    assert_open(item)
    assert item.private.reveal() == key_stores.pkcs8(name)
    assert (item.facts.container, item.facts.scheme, item.facts.iterations) == ("openssh", "", 0)


@pytest.mark.parametrize("curve", [ec.SECP384R1, ec.SECP521R1])
def test_larger_curves_are_read(curve):
    data = ec.generate_private_key(curve()).private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    (item,) = openssh.parse(data, [], guess=False)
    assert_open(item)
    assert (item.facts.algorithm, item.facts.curve) == ("ec", curve.name)


def test_dsa_is_read_and_called_small():
    numbers = dsa.generate_private_key(1024).private_numbers()
    group = numbers.public_numbers.parameter_numbers
    public = field(b"ssh-dss") + b"".join(map(mpint, (group.p, group.q, group.g, numbers.public_numbers.y)))
    (item,) = openssh.parse(written((public, public + mpint(numbers.x) + field(b""))), [], guess=False)
    assert_open(item)
    assert (item.facts.algorithm, item.facts.bits, item.facts.weaknesses) == ("dsa", 1024, ("small_dsa",))


def test_small_rsa_with_a_small_exponent_is_called_weak():
    data = rsa.generate_private_key(3, 1024).private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    assert openssh.parse(data, [], guess=False)[0].facts.weaknesses == ("small_rsa", "small_exponent")


def test_locked_key_tells_all_that_stands_in_the_clear():
    data = key_stores.openssh("rsa", protected=True)
    (item,) = openssh.parse(data, [], guess=False)
    assert_locked(item)
    assert (item.facts.algorithm, item.facts.bits, item.facts.iterations) == ("rsa", 2048, 16)
    assert item.facts.scheme == "AES-256-CTR, bcrypt with 16 rounds"
    assert item.facts.spki_sha256 == sha256(spki("rsa")).hexdigest()


@pytest.mark.parametrize(
    "cipher",
    ["", "aes128-cbc", "aes192-ctr", "aes256-ctr", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "3des-cbc"],
)
def test_found_password_opens_what_ssh_keygen_encrypted(cipher, tmp_path):
    pytest.importorskip("bcrypt", reason="the package bcrypt is not installed, so no password can be tried")
    how = ("-Z", cipher) if cipher else ()
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", WORD, "-a", "4", "-C", "deploy key", *how, "-f", tmp_path / "k")
    data = (tmp_path / "k").read_bytes()
    (item,) = openssh.parse(data, [password("wrong"), password(WORD)], guess=False)
    assert_open(item, Protection.PASSWORD_FOUND)
    assert item.password.reveal() == WORD.encode()
    assert (item.facts.label, item.facts.iterations) == ("deploy key", 4)
    assert "KEY_PASSWORD on line 3" in item.facts.evidence[0]
    assert_locked(openssh.parse(data, [password("wrong")], guess=True)[0])


@pytest.mark.parametrize("kind", [("rsa", "2048"), ("ecdsa", "384")])
def test_plain_keys_of_ssh_keygen_are_read(kind, tmp_path):
    run("ssh-keygen", "-q", "-t", kind[0], "-b", kind[1], "-N", "", "-C", "a b", "-f", tmp_path / "k")
    (item,) = openssh.parse((tmp_path / "k").read_bytes(), [], guess=False)
    assert_open(item)
    assert (item.facts.bits, item.facts.label) == (int(kind[1]), "a b")


def test_common_password_is_tried_only_when_asked_to_guess(tmp_path):
    pytest.importorskip("bcrypt", reason="the package bcrypt is not installed, so no password can be tried")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", WORD, "-a", "4", "-f", tmp_path / "k")
    data = (tmp_path / "k").read_bytes()
    assert_locked(openssh.parse(data, [password(WORD, found=False)], guess=False)[0])
    assert_open(openssh.parse(data, [password(WORD, found=False)], guess=True)[0], Protection.PASSWORD_GUESSED)


def test_work_factor_beyond_the_budget_is_not_paid_and_that_is_said(monkeypatch):
    data = key_stores.openssh("ed25519", protected=True)
    raw = base64.b64decode("".join(data.decode().splitlines()[1:-1]))
    at = raw.index(b"bcrypt") + len(b"bcrypt") + 4 + 4 + 16  # length of the options, length of the salt, salt
    slow = raw[:at] + big(1 << 30) + raw[at + 4 :]
    monkeypatch.setattr(openssh, "_bcrypt", object)  # has no function to call: an attempt would fail
    (item,) = openssh.parse(armored(slow), [password("a"), password("b")], guess=True)
    assert_locked(item)
    assert item.facts.evidence[1] == "2 of 2 passwords were not tried: the work factor makes each attempt slow."


def test_without_bcrypt_it_says_why_nothing_was_tried(monkeypatch):
    monkeypatch.setattr(openssh, "_bcrypt", lambda: None)
    (item,) = openssh.parse(key_stores.openssh("rsa", protected=True), [password("a")], guess=True)
    assert_locked(item)
    assert item.facts.evidence[1] == "No password was tried: that needs the Python package bcrypt."


@pytest.mark.parametrize("kind", sorted(openssh.FIDO))
def test_key_in_a_fido_device_is_no_leak(kind):
    (item,) = openssh.parse(armored(written(fido_parts(kind))), [], guess=False)
    assert (item.facts.protection, item.facts.verdict, item.facts.private) == (Protection.HARDWARE, KeyVerdict.PUBLIC, False)
    assert (item.private, item.facts.label) == (None, "yubikey")
    assert "device" in item.facts.evidence[0]


def test_several_keys_in_one_file_are_several_items():
    items = openssh.parse(armored(written(ed25519_parts(b"one"), fido_parts(), ed25519_parts(b"two"))), [], guess=False)
    assert [(item.facts.label, item.facts.protection) for item in items] == [
        ("one", Protection.NONE), ("yubikey", Protection.HARDWARE), ("two", Protection.NONE),
    ]  # fmt: skip


def test_key_of_an_unknown_type_is_reported_without_its_numbers():
    strange = (field(b"ssh-newer@example.org") + field(b"xx"), field(b"ssh-newer@example.org") + field(b"yyyy"))
    items = openssh.parse(armored(written(strange, ed25519_parts())), [], guess=False)
    assert [(item.facts.algorithm, item.facts.verdict, item.private) for item in items] == [
        ("ssh-newer@example.org", KeyVerdict.USABLE, None), ("ed25519", KeyVerdict.USABLE, None),
    ]  # fmt: skip


def test_binary_without_armor_is_read_too():
    assert_open(openssh.parse(written(ed25519_parts()), [], guess=False)[0])


def test_comment_is_shown_on_one_line():
    (item,) = openssh.parse(written(ed25519_parts(b"a\x1b[31m\nb" + b"x" * 500)), [], guess=False)
    assert item.facts.label.startswith("a [31m b")
    assert len(item.facts.label) <= 200


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (written(ed25519_parts(), check=b"abcdabce"), "check numbers"),
        (written(ed25519_parts(), padding=b"\1\2\3\4\5\6\7\7"[: -len(written()) % 8 or 8]), "padding|check numbers"),
        (written(), "number of keys"),
        (written(ed25519_parts(), cipher=b"rot13"), "cipher is not known"),
        (written(ed25519_parts()) + b"more", "follows"),
        (written(ed25519_parts())[:-20], "ends in the middle"),
        (written((ed25519_parts()[0], fido_parts()[1])), "another type"),
        (written((field(b"ssh-ed25519") + field(bytes(32)), ed25519_parts()[1])), "not the one"),
        (b"openssh-key-v1", "not an OpenSSH"),
        (b"", "not an OpenSSH"),
    ],
)
def test_broken_file_is_told_apart_from_a_locked_one(broken, message):
    with pytest.raises(KeyFormatError, match=message):
        openssh.parse(broken, [], guess=False)


def test_numbers_that_do_not_belong_together_are_refused():
    numbers = key("rsa").private_numbers()
    public = field(b"ssh-rsa") + mpint(numbers.public_numbers.e) + mpint(numbers.public_numbers.n)
    values = (numbers.public_numbers.n, numbers.public_numbers.e, numbers.d, numbers.iqmp, numbers.p, numbers.q + 2)
    private = field(b"ssh-rsa") + b"".join(map(mpint, values)) + field(b"")
    with pytest.raises(KeyFormatError, match="do not belong"):
        openssh.parse(written((public, private)), [], guess=False)


SAMPLES = [key_stores.openssh(name, protected=False) for name in NAMES] + [
    key_stores.openssh("rsa", protected=True), written(ed25519_parts(), fido_parts()), written(fido_parts()),
]  # fmt: skip


@given(damaged(SAMPLES))
def test_damage_gives_items_or_a_clear_error(data):
    survives(openssh.parse, data)


def test_plain_key_is_read_without_loading_cryptography(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(SAMPLES[0])
    program = (
        "import sys, pathlib; from stanch.keys import age, jks, openssh, pgp, putty, ssh2; "
        f"openssh.parse(pathlib.Path({str(path)!r}).read_bytes(), [], guess=True); "
        "print(sorted(set(sys.modules) & {'cryptography', 'ssl', 'bcrypt', 'json'}))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout == "[]\n"
