"""Any bytes are told for what they are; what is wrapped is unwrapped; nothing raises, loops, or shows a private part."""

import base64
import gzip
import io
import json
import subprocess
import sys
import time
import zipfile
from importlib import import_module

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import key_stores
from tests.support.key_corpus import private_containers, public_containers, publishsettings
from tests.support.key_material import KEYS, NOW, PASSWORD, certificate, der, key, pem, pkcs8
from tests.support.key_reading import assert_open, damaged, password

from stanch.core.key_facts import KeyVerdict, Protection
from stanch.keys import examine as module
from stanch.keys.examine import examine
from stanch.keys.layers import peeled
from stanch.keys.model import CONTAINERS

FOUND = [password(PASSWORD)]


def first(data: bytes, **how):
    return examine(data, passwords=FOUND, now=NOW, **how).items[0]


def one_of_each(containers):
    chosen = {}
    for container in containers:
        chosen.setdefault("/".join(container.id.split("/")[:2]), container)
    return list(chosen.values())


PRIVATE = one_of_each(private_containers())
PUBLIC = one_of_each(public_containers())


def words(container) -> str:
    return container.id


@pytest.mark.parametrize("container", PRIVATE, ids=words)
def test_every_container_is_recognised_by_its_content(container):
    found = examine(container.content.data, passwords=FOUND, now=NOW)
    item = next(item for item in found.items if item.facts.private)
    assert item.facts.container in (container.kind, "publishsettings")
    assert item.facts.verdict is (
        KeyVerdict.LOCKED if container.protection == "password" and not container.openable else KeyVerdict.USABLE
    )
    assert CONTAINERS[item.facts.container] in found.what


@pytest.mark.parametrize("container", PUBLIC, ids=words)
def test_nothing_public_is_a_leak(container):
    found = examine(container.content.data, passwords=FOUND, now=NOW)
    assert found.items
    assert {(item.facts.verdict, item.facts.private) for item in found.items} == {(KeyVerdict.PUBLIC, False)}


def wrapped(data: bytes, width: int, end: bytes = b"\n") -> bytes:
    text = base64.b64encode(data)
    return end.join(text[at : at + width] for at in range(0, len(text), width)) + end


LAYERS = {
    "base64": base64.b64encode,
    "base64, 64": lambda data: wrapped(data, 64),
    "base64, 76, CRLF": lambda data: wrapped(data, 76, b"\r\n"),
    "base64, URL": base64.urlsafe_b64encode,
    "base64, URL, no padding": lambda data: base64.urlsafe_b64encode(data).rstrip(b"="),
    "base64, quoted": lambda data: b'"' + base64.b64encode(data) + b'",',
    "base64, escaped": lambda data: wrapped(data, 76, b"\\n"),
    "base64, in Java": lambda data: b"".join(b'    + "%s"\n' % line for line in wrapped(data, 64).splitlines()),
    "base64, data URI": lambda data: b"data:application/x-pkcs12;base64," + base64.b64encode(data),
    "twice": lambda data: base64.b64encode(base64.b64encode(data)),
    "twice, wrapped": lambda data: wrapped(wrapped(data, 76), 64),
    "four times": lambda data: base64.b64encode(base64.b64encode(base64.b64encode(base64.b64encode(data)))),
    "UTF-16": lambda data: base64.b64encode(data).decode().encode("utf-16"),
    "UTF-16, no mark": lambda data: base64.b64encode(data).decode().encode("utf-16-le"),
    "UTF-16, big endian": lambda data: base64.b64encode(data).decode().encode("utf-16-be"),
    "base64 of UTF-16 of base64": lambda data: base64.b64encode(base64.b64encode(data).decode().encode("utf-16")),
    "UTF-8 with a mark": lambda data: b"\xef\xbb\xbf" + base64.b64encode(data),
    "hexadecimal": lambda data: data.hex().encode(),
    "hexadecimal, SQL": lambda data: b"0x" + data.hex().upper().encode(),
    "hexadecimal, colons": lambda data: data.hex(":").encode(),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("what", ["pkcs12", "pkcs8", "pem", "jks", "publishsettings", "openssh"])
def test_what_was_wrapped_is_unwrapped(what, layer):
    data = {
        "pkcs12": key_stores.pkcs12("ec", "valid", "modern", ""),
        "pkcs8": pkcs8("ec"),
        "pem": key("ec").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        "jks": key_stores.java_keystore("ec", "valid", PASSWORD),
        "publishsettings": publishsettings("2.0", "ec", "valid", "").encode(),
        "openssh": key_stores.openssh("ec", protected=False),
    }[what]
    found = examine(LAYERS[layer](data), passwords=FOUND, now=NOW)
    assert found.items[0].facts.verdict is KeyVerdict.USABLE
    assert found.problems == ()


def test_layers_are_named():
    assert examine(LAYERS["twice"](pkcs8("ec")), now=NOW).what == "PKCS#8 private key in base64 text in base64 text"


def test_a_bomb_of_layers_is_left_alone():
    data = pkcs8("ec")
    for _ in range(12):
        data = base64.b64encode(data)
    assert examine(data, now=NOW).items == ()


@pytest.mark.parametrize(
    "data", [b"", b"word", b"a" * 39, b"not base64 at all: it has blanks, and signs!", bytes(range(256)), b"{}" * 50]
)
def test_where_there_is_no_layer_none_is_taken_off(data):
    assert peeled(data) is None


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("a", "b")
    return out.getvalue()


OTHERS = {
    "empty file": b"",
    "blank text": b" \n\n",
    "gzip archive": gzip.compress(b"x"),
    "ZIP archive (or a document, a JAR, a wheel in one)": archive(),
    "PNG image": b"\x89PNG\r\n\x1a\n" + bytes(20),
    "JPEG image": b"\xff\xd8\xff\xe0" + bytes(20),
    "PDF document": b"%PDF-1.7\n%\xe2\xe3",
    "ELF program or library": b"\x7fELF\x02\x01\x01" + bytes(60),
    "Windows program or library": b"MZ\x90\0\3" + bytes(60),
    "SQLite database": b"SQLite format 3\0" + bytes(80),
    "tar archive": bytes(257) + b"ustar\x0000" + bytes(200),
    "KeePass database": bytes.fromhex("03d9a29a67fb4bb5") + bytes(20),
    "JSON text": b'{"a": [1, 2]}',
    "XML text": b'<?xml version="1.0"?><a/>',
    "HTML page": b"<!DOCTYPE html><p>",
    "SVG image": b'<svg xmlns="x"/>',
    "script for bash": b"#!/usr/bin/env bash\necho\n",
    "script for sh": b"#!/bin/sh\n",
    "text": b"Dear all,\nthe keys are under the mat.\n",
    "UTF-8 text": "Grüße aus Zürich".encode(),
    "text in an old 8-bit encoding": "Grüße aus Zürich, wo die Bäume grün sind".encode("latin-1"),
    "binary data": bytes((7, 1, 0, 255, 3)) * 30,
    "App Service publish profile: a deployment password, no certificate": b'<publishData><publishProfile publishMethod="FTP" userPWD="a"/></publishData>',
    "PEM file: dh parameters": b"-----BEGIN DH PARAMETERS-----\nMEYCQQ==\n-----END DH PARAMETERS-----\n",
    "UTF-16 text": "hello, world, this is text".encode("utf-16"),
    "ASN.1 data, no key or certificate": b"\x30\x06\x04\x01\0\x04\x01\0",
}


@pytest.mark.parametrize("what", OTHERS)
def test_what_is_no_key_is_told_in_words(what):
    found = examine(OTHERS[what], now=NOW)
    assert (found.items, found.what.partition(" in ")[0] if what == "UTF-16 text" else found.what) == (
        (),
        "text" if what == "UTF-16 text" else what,
    )


def test_words_that_happen_to_be_base64_are_text():
    assert examine(b"Thequickbrownfoxjumpsoverthelazydogandrunsaway" * 3, now=NOW).what == "text"


def test_a_name_that_promises_a_key_is_told_of():
    assert examine(b"%PDF-1.4", now=NOW, name="certs/sp.PFX").problems == ("Its name promises something else: PKCS#12 (PFX).",)
    assert examine(pkcs8("ec"), now=NOW, name="certs/sp.pfx").problems == ()


@pytest.mark.parametrize("size", [60, 300, 900])
def test_a_damaged_key_is_broken_and_not_open(size):
    found = examine(pkcs8("rsa")[:size], now=NOW)
    (item,) = found.items
    assert (item.facts.verdict, item.facts.container, item.facts.private, item.private) == (
        KeyVerdict.BROKEN,
        "pkcs8",
        False,
        None,
    )
    assert found.problems


def test_a_text_may_hold_several_formats():
    line = key("rsa").public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    data = b"# notes\n" + line + b" me@home\n" + key("ec").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    found = examine(data, now=NOW)
    assert [item.facts.container for item in found.items] == ["pkcs8", "public"]
    assert found.items[1].facts.label == "me@home"


def test_a_key_of_a_service_account_is_found_in_its_json():
    text = key("rsa").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    assert_open(first(json.dumps({"type": "service_account", "private_key": text, "client_email": "a@b"}).encode()))


def test_without_guessing_only_passwords_that_were_given_are_tried():
    data = key_stores.pkcs12("ec", "valid", "modern", "changeit")
    assert first(data).facts.protection is Protection.PASSWORD_GUESSED
    assert first(data, guess=False).facts.protection is Protection.PASSWORD
    assert (
        examine(data, passwords=[password("changeit")], now=NOW, guess=False).items[0].facts.protection
        is Protection.PASSWORD_FOUND
    )


@pytest.mark.parametrize("container", PRIVATE, ids=words)
def test_no_private_part_and_no_password_is_in_any_repr(container):
    found = examine(container.content.data, passwords=FOUND, now=NOW)
    shown = repr(found)
    assert PASSWORD not in shown
    for item in found.items:
        if item.private:
            secret = item.private.reveal()
            assert repr(secret)[2:-1][-60:] not in shown
            assert secret.hex() not in shown


def test_every_row_names_a_module_that_has_its_function():
    for form in (*module._BY_DER.values(), *module._BY_LOOKS):
        assert callable(getattr(import_module(f"stanch.keys.{form.module}"), form.function))
        assert form.container in CONTAINERS


def test_a_plain_key_loads_no_cryptography(tmp_path):
    for number, form in enumerate((PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL)):
        for name in ("rsa", "ec"):
            (tmp_path / f"{name}{number}.pem").write_bytes(key(name).private_bytes(Encoding.PEM, form, NoEncryption()))
    (tmp_path / "public.pem").write_bytes(key("rsa").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    script = (
        "import sys, pathlib, datetime; from stanch.keys.examine import examine\n"
        "for path in sys.argv[1:]:\n"
        "    assert examine(pathlib.Path(path).read_bytes(), now=datetime.datetime.now(datetime.timezone.utc)).items\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'cryptography' or name in ('stanch.keys.pkcs12', 'stanch.keys.jks')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, tmp_path.iterdir())], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_a_thousand_plain_keys_cost_less_than_a_third_of_a_second():
    data = key("rsa").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    best = min(_seconds(data) for _ in range(5))
    assert best / 100 < 0.000_3


def _seconds(data: bytes) -> float:
    start = time.process_time()
    for _ in range(100):
        examine(data, now=NOW)
    return time.process_time() - start


SAMPLES = [container.content.data for container in (*PRIVATE, *PUBLIC) if len(container.content.data) < 20_000]
FAST = [data for data in SAMPLES if b"ENCRYPTED" not in data]


@settings(max_examples=250, deadline=None)
@given(damaged(FAST))
def test_damaged_files_are_told_for_what_they_are(data):
    found = examine(data, now=NOW, guess=False)
    assert found.what
    assert found.what.isprintable()
    assert all(problem.isprintable() for problem in found.problems)


@settings(max_examples=150)
@given(
    st.binary(max_size=400),
    st.sampled_from(
        (
            b"",
            b"\x30\x82",
            b"\x30\x80\x02\x01\x03",
            b"-----BEGIN ",
            b"\xfe\xed\xfe\xed",
            b"openssh-key-v1\0",
            b'{"kty"',
            b"<PublishData ",
            b"PuTTY-User-Key-File-2: ",
            b"\x95\x01",
            b"AGE-SECRET-KEY-1",
            b"\xff\xfe",
        )
    ),
)
def test_any_bytes_are_told_for_what_they_are(data, head):
    assert examine(head + data, now=NOW, guess=False).what


RSA = b"-----BEGIN RSA PRIVATE KEY-----\n"
HOSTILE = {
    "sequences": b"\x30\x80" * 2_000_000,
    "letters": b"A" * 4_000_000,
    "begins": b"-----BEGIN " * 400_000,
    "braces": b"{" * 3_000_000,
    "brackets": b"<" * 3_000_000,
    "ssh": b"ssh-rsa AAAA" * 300_000,
    "ssh, RFC 4716": b"---- BEGIN SSH2 PUBLIC KEY ----\n" * 300_000,
    "zeros": b"0" * 3_000_000,
    "kty": b'"kty"' * 500_000,
    "ssh2": b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----" * 50_000,
    "age": b"AGE-SECRET-KEY-1" * 200_000,
    "putty": b"PuTTY-User-Key-File-" * 200_000,
    "openpgp": b"\xc5\xff" * 1_000_000,
    "nothing": bytes(5_000_000),
    "blanks in a block": RSA + b'"' + b" \t" * 400_000 + b"x",
    "operators in a block": RSA + b'"' + b" + " * 300_000 + b"x",
    "backslashes in a block": RSA + b"\\" * 900_000,
    "headers in a block": RSA + b"Proc-Type: 4,ENCRYPTED\n" + b"DEK-Info: " * 90_000,
    "blocks of strings": (RSA + b'"x" + \\n' * 2_000) * 1_900,
    "elements": b"<PublishData>" + b'<Subscription Id="a" ' * 300_000,
    "attributes": b"<PublishData <Subscription " + b'aa="' * 500_000 + b">",
    "locked keys": key("rsa").private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"zz" * 9))
    * 1_500,
    "RSA without primes": b"["
    + (b'{"kty":"RSA","n":"' + b"_" * 680 + b'","e":"AQAB","d":"' + b"9" * 600 + b'"},') * 400
    + b"{}]",
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_large_hostile_files_are_done_with_soon(data):
    start = time.process_time()
    examine(data, now=NOW)
    assert time.process_time() - start < 4


def test_a_locked_key_and_certificate_in_one_file_are_judged_together():
    locked = key("rsa").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"zz" * 9))
    item = first(pem(certificate("rsa", "expired")) + locked)
    assert item.facts.verdict is KeyVerdict.LOCKED
    assert item.facts.certificate.sha1 == item.facts.certificate.sha1.upper()
    assert item.certificates == (der(certificate("rsa", "expired")),)
    assert any("expired on 2021-03-01" in note for note in item.facts.notes)


@pytest.mark.parametrize("name", KEYS)
def test_containers_of_one_pair_have_one_hash(name):
    hashes = {
        first(data).facts.spki_sha256
        for data in (
            pkcs8(name),
            pem(certificate(name, "valid")),
            key_stores.pkcs12(name, "valid", "legacy", ""),
            key_stores.java_keystore(name, "valid", PASSWORD),
        )
    }
    assert len(hashes) == 1
