"""What tests of the key formats share: passwords, a second opinion on what was read, programs, and damage."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key
from hypothesis import strategies as st

from stanch.core.key_facts import KeyVerdict, Protection
from stanch.keys.model import Item, KeyFormatError, Password, Private

Parse = Callable[..., Sequence[Item]]


def password(text: str, *, found: bool = True, source: str = "KEY_PASSWORD on line 3") -> Password:
    """Return a password that stands near by, or a common one."""
    return Password(value=Private(text.encode()), found=found, source=source if found else "")


def public_of(item: Item) -> str:
    """Return the SPKI hash `cryptography` computes from the private key that was handed out."""
    assert item.private is not None, "no private key was handed out"
    key = load_der_private_key(item.private.reveal(), None)
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest()


def assert_open(item: Item, protection: Protection = Protection.NONE) -> None:
    """Check that a key was opened, and that it is the key its facts describe."""
    assert (item.facts.verdict, item.facts.protection, item.facts.private) == (KeyVerdict.USABLE, protection, True)
    assert public_of(item) == item.facts.spki_sha256
    assert (item.password is None) == (protection is Protection.NONE)
    assert item.facts.evidence


def assert_locked(item: Item) -> None:
    """Check that a key stayed locked and nothing private came out."""
    assert (item.facts.verdict, item.facts.protection, item.facts.private) == (KeyVerdict.LOCKED, Protection.PASSWORD, True)
    assert item.private is None
    assert item.password is None
    assert len(item.facts.evidence) == 2


def run(*command: str | Path, text: str | None = None) -> bytes:
    """Run a program that has a second opinion; skip the test where it is not installed."""
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run([str(word) for word in command], capture_output=True, input=text.encode() if text else None, timeout=60)
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")
    return done.stdout


def damaged(samples: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Return a strategy of samples that are cut off, changed in a few octets, or have something put in."""

    @st.composite
    def draw(draw: st.DrawFn) -> bytes:
        data = bytearray(draw(st.sampled_from(samples)))
        kind = draw(st.sampled_from(("cut", "change", "insert", "length")))
        at = draw(st.integers(0, len(data) - 1))
        if kind == "cut":
            return bytes(data[:at])
        if kind == "insert":
            return bytes(data[:at] + draw(st.binary(min_size=1, max_size=8)) + data[at:])
        if kind == "length":
            data[at : at + 4] = draw(st.sampled_from((b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0" * 4, b"\x84\xff\xff\xff")))
            return bytes(data)
        for _ in range(draw(st.integers(1, 3))):
            data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
        return bytes(data)

    return draw()


def survives(parse: Parse, data: bytes, passwords: Sequence[Password] = ()) -> None:
    """Check that damaged bytes give items or `KeyFormatError`, whose message holds nothing of them."""
    try:
        items = parse(data, passwords, guess=False)
    except KeyFormatError as error:
        assert str(error).isprintable()
        assert len(str(error)) < 120
        return
    for item in items:
        assert item.facts.verdict in (KeyVerdict.USABLE, KeyVerdict.LOCKED, KeyVerdict.PUBLIC)
        assert item.facts.label.isprintable()
