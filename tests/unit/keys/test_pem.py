"""PEM as it is written, as it is copied about, and as it is damaged."""

import base64
import shutil
import subprocess
import time
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs7,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import key_stores
from tests.support.key_dress import DRESSINGS, Content
from tests.support.key_material import KEYS, certificate, der, element, key, pem, pkcs8, request
from tests.support.key_reading import assert_locked, assert_open, damaged, password, run

from stanch.core.key_facts import KeyVerdict, Protection
from stanch.keys import pem as reader
from stanch.keys.model import KeyFormatError
from stanch.keys.passwords import common
from stanch.keys.pemtext import blocks

WORD = "correct" + "-horse-7"
PRIVATE = "PRIVATE" + " KEY"


@cache
def plain(name: str, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    mine = dsa.generate_private_key(1024) if name == "dsa" else key(name)
    return mine.private_bytes(Encoding.PEM, form, NoEncryption())


def framed(label: str, data: bytes, width: int = 64) -> bytes:
    text = base64.b64encode(data).decode()
    rows = [text[at : at + width] for at in range(0, len(text), width)]
    return "\n".join((f"-----BEGIN {label}-----", *rows, f"-----END {label}-----", "")).encode()


def read(data: bytes, *passwords: str, guess: bool = False):
    return reader.parse(data, [password(text) for text in passwords], guess=guess)


def one(data: bytes, *passwords: str):
    (item,) = read(data, *passwords)
    return item


@pytest.mark.parametrize(
    ("name", "form", "container"),
    [
        ("rsa", PrivateFormat.PKCS8, "pkcs8"), ("ec", PrivateFormat.PKCS8, "pkcs8"), ("ed25519", PrivateFormat.PKCS8, "pkcs8"),
        ("rsa", PrivateFormat.TraditionalOpenSSL, "pkcs1"), ("ec", PrivateFormat.TraditionalOpenSSL, "sec1"),
        ("dsa", PrivateFormat.TraditionalOpenSSL, "dsa"), ("rsa", PrivateFormat.OpenSSH, "openssh"),
    ],
)  # fmt: skip
def test_every_label_is_opened(name, form, container):
    item = one(plain(name, form))
    assert_open(item)
    assert item.facts.container == container


WRITTEN = {
    "CRLF": lambda text: text.replace(b"\n", b"\r\n"),
    "CR": lambda text: text.replace(b"\n", b"\r"),
    "indented": lambda text: b"      " + text.replace(b"\n", b"\n      "),
    "escaped": lambda text: text.replace(b"\n", b"\\n"),
    "escaped twice": lambda text: text.replace(b"\n", b"\\\\n"),
    "escaped CRLF": lambda text: text.replace(b"\n", b"\\r\\n"),
    "one line": lambda text: text.replace(b"\n", b" "),
    "no line ends": lambda text: text.replace(b"\n", b""),
    "JSON": lambda text: text.replace(b"\n", b"\\n").replace(b"/", b"\\/"),
    "JSON, unicode": lambda text: text.replace(b"\n", b"\\n").replace(b"+", b"\\u002b").replace(b"=", b"\\u003D"),
    "XML": lambda text: text.replace(b"\n", b"&#xA;"),
    "XML, decimal": lambda text: text.replace(b"\n", b"&#13;&#10;"),
    "URL": lambda text: text.replace(b"\n", b"%0A").replace(b"+", b"%2B").replace(b"/", b"%2F").replace(b"=", b"%3D"),
    "commented": lambda text: b"# " + text.replace(b"\n", b"\n# "),
    "commented, C": lambda text: b"// " + text.replace(b"\n", b"\n// "),
    "commented, block": lambda text: b" * " + text.replace(b"\n", b"\n * "),
    "quoted mail": lambda text: b"> " + text.replace(b"\n", b"\n> "),
    "Java": lambda text: b"".join(b'    + "%s\\n"\n' % line for line in text.splitlines()),
    "JavaScript": lambda text: b"".join(b"    '%s\\n' +\n" % line for line in text.splitlines()),
    "JavaScript, array": lambda text: b"[" + b"".join(b'"%s",\n' % line for line in text.splitlines()) + b"].join('\\n')",
    "PHP": lambda text: b"".join(b"  . '%s' . PHP_EOL\n" % line for line in text.splitlines()),
    "Visual Basic": lambda text: b"".join(b'  & "%s" & vbCrLf _\n' % line for line in text.splitlines()),
    "Go": lambda text: b"".join(b'\t"%s\\n" +\n' % line for line in text.splitlines()),
    "shell continuation": lambda text: text.replace(b"\n", b"\\\n"),
    "long lines": lambda text: framed(PRIVATE, base64.b64decode(b"".join(text.splitlines()[1:-1])), 500),
    "short lines": lambda text: framed(PRIVATE, base64.b64decode(b"".join(text.splitlines()[1:-1])), 7),
    "blank lines": lambda text: text.replace(b"\n", b"\n\n"),
    "no padding": lambda text: text.replace(b"=", b""),
    "headers": lambda text: text.replace(b"-----\n", b"-----\nX-Note: made by hand\nComment: twice\n\n", 1),
    "among other text": lambda text: b"apiVersion: v1\nkey: |\n" + text + b"other: things\n",
    "end line damaged": lambda text: text.replace(b"-----END PRIVATE KEY-----", b"-----END PRIVATE KEY----"),
    "end line missing": lambda text: text.partition(b"-----END")[0],
}


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("how", WRITTEN)
def test_a_key_is_opened_however_it_is_written(how, name):
    item = one(WRITTEN[how](plain(name)))
    assert_open(item)
    assert item.private.reveal() == pkcs8(name)


@pytest.mark.parametrize(
    "dressing",
    [
        name
        for name in DRESSINGS
        if name not in ("zip", "tar.gz") and "base64" not in name and "UTF-16" not in name and "Kubernetes" not in name
    ],
)
def test_a_key_is_opened_in_every_kind_of_file(dressing):
    """Content of the corpus of the whole scanner; here without the engine, which would cut the key out."""
    _, data = DRESSINGS[dressing](Content(data=plain("rsa"), text=True, name="k.pem", family="ssh"))
    assert_open(one(data))


@given(
    st.sampled_from(KEYS),
    st.lists(st.sampled_from((b"", b" ", b"\t", b'"', b"',", b"\\n", b"# ", b" \\", b"\r")), min_size=2, max_size=2),
)
def test_what_stands_round_lines_does_not_matter(name, pair):
    before, behind = pair
    if before in (b"\\n", b"\r", b" \\", b"',"):
        before = b""
    lines = plain(name).splitlines()
    data = b"\n".join((lines[0], *(before + line + behind for line in lines[1:-1]), lines[-1]))
    assert one(data).private.reveal() == pkcs8(name)


def test_a_missing_end_line_is_told():
    assert one(plain("ec").partition(b"-----END")[0]).facts.notes == ("The end line is missing.",)


def test_a_block_without_its_end_does_not_swallow_the_next():
    items = read(plain("ec").partition(b"-----END")[0] + plain("rsa"))
    assert [item.facts.algorithm for item in items] == ["ec", "rsa"]


@pytest.mark.parametrize("label", [PRIVATE, f"RSA {PRIVATE}", f"EC {PRIVATE}", f"ANY {PRIVATE}", "CERTIFICATE REQUEST"])
def test_content_decides_not_the_label(label):
    assert one(framed(label, pkcs8("rsa"))).facts.algorithm == "rsa"


# --- pairs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("first", ["key", "certificate"])
def test_key_and_certificate_are_one(name, first):
    parts = [plain(name), pem(certificate(name, "valid"))]
    item = one(b"".join(parts if first == "key" else reversed(parts)))
    assert_open(item)
    assert item.certificates == (der(certificate(name, "valid")),)


def test_of_several_certificates_the_one_that_ends_last_is_the_keys_own():
    items = read(plain("rsa") + b"".join(pem(certificate("rsa", validity)) for validity in ("valid", "future", "expired")))
    assert items[0].certificates[0] == der(certificate("rsa", "future"))


def test_keys_and_certificates_in_any_order_find_each_other():
    data = b"".join((*(plain(name) for name in KEYS), *(pem(certificate(name, "valid")) for name in reversed(KEYS))))
    items = read(data)
    assert [item.facts.algorithm for item in items] == list(KEYS)
    assert [item.certificates for item in items] == [(der(certificate(name, "valid")),) for name in KEYS]


def test_a_certificate_of_another_key_stays_by_itself():
    items = read(plain("rsa") + pem(certificate("ec", "valid")))
    assert [(item.facts.private, item.facts.container, len(item.certificates)) for item in items] == [
        (True, "pkcs8", 0),
        (False, "x509", 1),
    ]


def test_a_locked_key_is_described_by_the_only_certificate_beside_it():
    locked = key("rsa").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(WORD.encode()))
    item = one(pem(certificate("rsa", "valid")) + locked)
    assert_locked(item)
    assert (item.facts.algorithm, item.facts.bits, item.certificates) == ("rsa", 2048, (der(certificate("rsa", "valid")),))
    assert any("taken from the certificate" in note for note in item.facts.notes)


def test_bundles_requests_and_public_keys_are_public():
    bundle = pkcs7.serialize_certificates([certificate("rsa", "valid"), certificate("ec", "valid")], Encoding.PEM)
    public = key("rsa").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    bare = key("rsa").public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1)
    items = read(bundle + pem(request("rsa")) + public + bare)
    assert [item.facts.container for item in items] == ["x509", "x509", "csr", "public", "public"]
    assert {item.facts.verdict for item in items} == {KeyVerdict.PUBLIC}
    assert items[2].facts.label == "CN=sp-rsa"


def test_trusted_certificates_of_openssl_are_read_without_what_follows(tmp_path):
    path, out = tmp_path / "c.pem", tmp_path / "t.pem"
    path.write_bytes(pem(certificate("rsa", "valid")))
    run("openssl", "x509", "-in", path, "-trustout", "-addtrust", "clientAuth", "-out", out)
    assert one(out.read_bytes()).certificates == (der(certificate("rsa", "valid")),)


def test_a_pfx_in_a_frame_is_opened():
    assert one(framed("PKCS12", key_stores.pkcs12("ec", "valid", "modern", None))).facts.container == "pkcs12"


def test_parameters_and_revocation_lists_are_passed_over():
    parameters = framed("EC PARAMETERS", element(0x06, bytes.fromhex("2a8648ce3d030107")))
    assert_open(one(parameters + plain("ec", PrivateFormat.TraditionalOpenSSL)))
    with pytest.raises(KeyFormatError):
        read(parameters)


@pytest.mark.parametrize("kind", ["OPENSSH", "PGP"])
def test_other_programs_keys_are_read_by_their_own_modules(kind):
    data = key_stores.openssh("ec", protected=False) if kind == "OPENSSH" else key_stores.openpgp("ec", "")
    for text in (data, data.replace(b"\n", b"\n    "), data.replace(b"\n", b"\\n")):
        item = one(text)
        assert_open(item)
        assert item.facts.container == kind.lower()


def test_a_key_wrapped_for_a_tpm_is_no_leak():
    item = one(framed(f"TSS2 {PRIVATE}", element(0x30, element(0x06, bytes.fromhex("678105010003")))))
    assert (item.facts.verdict, item.facts.protection, item.facts.private) == (KeyVerdict.PUBLIC, Protection.HARDWARE, False)


def test_nebula_keys_are_read():
    seed = key("ed25519").private_bytes_raw()
    item = one(framed(f"NEBULA ED25519 {PRIVATE}", seed + key("ed25519").public_key().public_bytes_raw()))
    assert_open(item)
    item = one(framed(f"NEBULA X25519 {PRIVATE}", seed))
    assert (item.facts.algorithm, item.facts.verdict) == ("x25519", KeyVerdict.USABLE)


def test_a_sealed_key_of_sigstore_is_locked():
    sealed = b'{"kdf":{"name":"scrypt"},"cipher":{"name":"nacl/secretbox"},"ciphertext":"AAAA"}'
    assert_locked(one(framed(f"ENCRYPTED SIGSTORE {PRIVATE}", sealed)))


# --- the old encryption ---------------------------------------------------------------------------------------------


CIPHERS = ("des", "des3", "aes128", "aes192", "aes256", "camellia128", "camellia256")


@pytest.mark.parametrize("cipher", CIPHERS)
def test_old_encryption_of_openssl_is_opened(cipher, tmp_path):
    path = tmp_path / "k.pem"
    path.write_bytes(plain("rsa"))
    out = run(
        "openssl",
        "rsa",
        "-in",
        path,
        f"-{cipher}",
        "-traditional",
        "-passout",
        f"pass:{WORD}",
        "-provider",
        "legacy",
        "-provider",
        "default",
    )
    for data in (
        out,
        out.replace(b"\n", b"\r\n"),
        out.replace(b"\n", b"\\n"),
        out.replace(b"\n", b" "),
        out.replace(b"\n", b"\n    "),
    ):
        item = one(data, "wrong", WORD)
        assert_open(item, Protection.PASSWORD_FOUND)
        assert item.private.reveal() == pkcs8("rsa")
        assert item.facts.container == "pkcs1"
        assert "one MD5 of the password" in item.facts.scheme
        assert_locked(one(data, "wrong"))


@pytest.mark.parametrize("cipher", ["bf-cbc", "cast5-cbc", "idea-cbc", "rc2-cbc", "rc2-40-cbc", "rc2-64-cbc", "des-ede-cbc"])
def test_ciphers_that_only_old_files_have_are_opened(cipher, tmp_path):
    path, salt = tmp_path / "k", bytes(range(8))
    traditional = key("ec").private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    path.write_bytes(traditional)
    program = shutil.which("openssl") or pytest.skip("openssl is not installed")
    size = {"rc2-40-cbc": 5, "rc2-64-cbc": 8}.get(cipher, 16)
    secret = md5_of(WORD.encode(), salt)[:size]
    done = subprocess.run(
        [
            program,
            "enc",
            f"-{cipher}",
            "-in",
            path,
            "-K",
            secret.hex(),
            "-iv",
            salt.hex(),
            "-provider",
            "legacy",
            "-provider",
            "default",
        ],
        capture_output=True,
        timeout=60,
    )
    if done.returncode:
        pytest.skip("this openssl does not have the cipher")
    head = f"Proc-Type: 4,ENCRYPTED\nDEK-Info: {cipher.upper()},{salt.hex().upper()}\n\n".encode()
    data = framed(f"EC {PRIVATE}", done.stdout).replace(b"-----\n", b"-----\n" + head, 1)
    assert_open(one(data, "wrong", WORD), Protection.PASSWORD_FOUND)


def md5_of(word: bytes, salt: bytes) -> bytes:
    import hashlib

    first = hashlib.md5(word + salt).digest()
    return first + hashlib.md5(first + word + salt).digest()


def test_a_cipher_nobody_knows_leaves_the_key_locked():
    head = b"Proc-Type: 4,ENCRYPTED\nDEK-Info: ROT-13,0011223344556677\n\n"
    data = framed(f"RSA {PRIVATE}", bytes(64)).replace(b"-----\n", b"-----\n" + head, 1)
    item = one(data, WORD)
    assert_locked(item)
    assert item.facts.evidence[1] == "No password was tried: the cipher is not known."


def test_common_passwords_are_guessed():
    data = key("rsa").private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"secret"))
    (item,) = reader.parse(data, common(), guess=True)
    assert_open(item, Protection.PASSWORD_GUESSED)


# --- damaged and hostile --------------------------------------------------------------------------------------------


def test_a_broken_block_is_told_and_the_others_are_read():
    items = read(framed(PRIVATE, pkcs8("rsa")[:700]) + plain("ec"))
    assert [item.facts.verdict for item in items] == [KeyVerdict.BROKEN, KeyVerdict.USABLE]
    assert "cut off" in items[0].facts.evidence[0]
    assert not items[0].facts.private


@pytest.mark.parametrize(
    "body",
    ["", "...", "YOUR PRIVATE KEY GOES HERE, ALL OF ITS LINES AND NOTHING ELSE", "{{ .Values.tls.key }}", "MIIEvQ"],
)
@pytest.mark.parametrize("label", [PRIVATE, f"RSA {PRIVATE}", f"ENCRYPTED {PRIVATE}", "CERTIFICATE", f"OPENSSH {PRIVATE}"])
def test_placeholders_are_no_keys(label, body):
    with pytest.raises(KeyFormatError):
        read(f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n".encode())


@pytest.mark.parametrize(
    ("label", "container"), [(f"RSA {PRIVATE}", "pkcs1"), ("CERTIFICATE", "x509"), (f"EC {PRIVATE}", "sec1"), (PRIVATE, "pkcs8")]
)
def test_a_block_of_nonsense_is_broken(label, container):
    item = one(f"-----BEGIN {label}-----\n{'A' * 400}\n-----END {label}-----\n".encode())
    assert (item.facts.verdict, item.facts.container, item.facts.private) == (KeyVerdict.BROKEN, container, False)


def test_ten_thousand_blocks_are_refused_soon():
    start = time.process_time()
    with pytest.raises(KeyFormatError, match="too many"):
        read(b"-----BEGIN CERTIFICATE-----\n" * 10_000)
    assert time.process_time() - start < 2


def test_a_thousand_locked_keys_are_not_all_guessed():
    locked = key("ec").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(WORD.encode()))
    start = time.process_time()
    items = reader.parse(locked * 1_000, common(), guess=True)
    assert {item.facts.verdict for item in items} == {KeyVerdict.LOCKED}
    assert time.process_time() - start < 3


def test_a_block_of_a_hundred_megabytes_is_not_read():
    start = time.process_time()
    assert one(b"-----BEGIN PRIVATE KEY-----\n" + b'"\\' * 5_000_000).facts.verdict is KeyVerdict.BROKEN
    assert time.process_time() - start < 2


def test_a_certificate_with_two_thousand_copies_is_one():
    start = time.process_time()
    assert len(read(pem(certificate("rsa", "valid")) * 1_500)) == 1
    assert time.process_time() - start < 2


LOCKED = key("ec").private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(WORD.encode()))
SAMPLES = [plain("rsa"), plain("ec") + pem(certificate("ec", "valid")), LOCKED, plain("ec").replace(b"\n", b"\\n")]


@settings(max_examples=150)
@given(damaged(SAMPLES))
def test_damaged_files_are_refused_or_read(data):
    try:
        items = reader.parse(data, [password(WORD)], guess=False)
    except KeyFormatError as error:
        assert str(error).isprintable()
    else:
        assert all(item.facts.evidence for item in items)


@given(st.binary(max_size=300))
def test_any_octets_between_the_lines_are_refused_or_read(body):
    data = b"-----BEGIN PRIVATE KEY-----" + body + b"-----END PRIVATE KEY-----"
    for block in blocks(data):
        assert block.text().startswith(b"-----BEGIN")
    try:
        items = reader.parse(data, [], guess=False)
    except KeyFormatError as error:
        assert str(error).isprintable()
    else:
        assert {item.facts.verdict for item in items} <= {KeyVerdict.BROKEN, KeyVerdict.PUBLIC}
