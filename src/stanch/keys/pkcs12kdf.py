"""PKCS#12's own way from a password to keys, RFC 7292 B: old PFX files are encrypted with it, most are signed with it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

KEY, IV, MAC = 1, 2, 3
"""What the octets are for: the same password and salt give others for each."""

BLOCKS: Final[Mapping[str, int]] = {
    "md5": 64,
    "sha1": 64,
    "sha224": 64,
    "sha256": 64,
    "sha384": 128,
    "sha512": 128,
    "sha512_256": 128,
}
"""Hash → octets of its block. It is what the derivation can be made with."""


def forms(password: bytes) -> Iterator[bytes]:
    """Yield what a password may have been turned into: UTF-16 with two zero octets behind it.

    An empty password was written in both ways there are, as nothing and as the two octets alone. One that is not UTF-8, and by
    old programs one that is, was widened octet by octet.
    """
    if not password:
        yield b"\0\0"
        yield b""
        return
    with suppress(UnicodeError):
        yield password.decode("utf-8").encode("utf-16-be") + b"\0\0"
    if not password.isascii():
        yield password.decode("latin-1").encode("utf-16-be") + b"\0\0"


def derive(digest: str, password: bytes, salt: bytes, purpose: int, rounds: int, size: int) -> bytes:
    """Return derived octets.

    Args:
        digest: a name in `BLOCKS`.
        password: one of its `forms`.
        salt: as the file has it.
        purpose: `KEY`, `IV` or `MAC`.
        rounds: at least 1.
        size: how many octets.
    """
    block = BLOCKS[digest]
    new: Callable[..., Any] = getattr(hashlib, digest)
    diversifier = bytes((purpose,)) * block
    mixed = _filled(salt, block) + _filled(password, block)
    out = b""
    while True:
        value: bytes = new(diversifier + mixed, usedforsecurity=False).digest()
        for _ in range(rounds - 1):
            value = new(value, usedforsecurity=False).digest()
        out += value
        if len(out) >= size:
            return out[:size]
        mixed = _advanced(mixed, int.from_bytes(_filled(value, block)[:block], "big") + 1, block)


def _filled(value: bytes, block: int) -> bytes:
    """Repeat a value up to whole blocks."""
    size = -(-len(value) // block) * block
    return (value * (size // len(value) + 1))[:size] if value else b""


def _advanced(mixed: bytes, add: int, block: int) -> bytes:
    limit = 1 << 8 * block
    blocks = (int.from_bytes(mixed[at : at + block], "big") for at in range(0, len(mixed), block))
    return b"".join(((value + add) % limit).to_bytes(block, "big") for value in blocks)
