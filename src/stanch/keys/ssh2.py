"""Private keys of ssh.com's SSH 2 (Tectia): ``---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----``, called so also when not encrypted.

The format is not documented by its vendor. Sources: ssh-keygen's import of unencrypted keys (``do_convert_private_ssh2``) and
the description in PuTTY's import.c. Algorithm and size are locked away with the rest; only the family of the key stands outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import md5
from typing import Final

from stanch.keys import ciphers, material
from stanch.keys.armor import Block, blocks
from stanch.keys.attempts import Budget, unlock
from stanch.keys.material import PLAIN, Material
from stanch.keys.model import Item, KeyFormatError, Password
from stanch.keys.sshwire import Wire

LABEL: Final = "SSH2 ENCRYPTED PRIVATE KEY"
MAGIC: Final = 0x3F6FF9EB

_FAMILIES: Final = {"if-modn": "rsa", "dl-modp": "dsa"}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _File:
    family: str
    cipher: str
    sealed: bytes


def parse(data: bytes, passwords: Sequence[Password], *, guess: bool) -> Sequence[Item]:
    """Read ssh.com private keys.

    Args:
        data: the armored text.
        passwords: what may open it.
        guess: whether common passwords are tried too.

    Raises:
        KeyFormatError: it is no such key, or a broken one.
    """
    found = [block for block in blocks(data) if block.label == LABEL]
    if not found:
        raise KeyFormatError("it is not an ssh.com private key")
    budget = Budget()
    return [_read(block, passwords, guess=guess, budget=budget) for block in found]


def _read(block: Block, passwords: Sequence[Password], *, guess: bool, budget: Budget) -> Item:
    file = _file(block.content())
    label = block.headers.get("comment", "").strip('"')
    if file.cipher == "none":
        return material.item(_numbers(file.family, file.sealed), PLAIN, container="ssh2", label=label)
    if len(file.sealed) % 8 or not file.sealed:
        raise KeyFormatError("the private part is cut off")

    def attempt(password: bytes) -> Material | None:
        try:
            return _numbers(file.family, _decrypted(file.sealed, password))
        except KeyFormatError:
            return None

    access, opened = unlock(
        passwords,
        attempt,
        guess=guess,
        seconds=0.000_1,
        scheme="3DES-CBC, MD5 without salt",
        obstacle="" if file.cipher == "3des-cbc" else "No password was tried: the cipher is not known.",
        budget=budget,
    )
    return material.item(opened or Material(algorithm=file.family), access, container="ssh2", label=label)


def _file(data: bytes) -> _File:
    wire = Wire(data)
    if wire.uint32() != MAGIC or wire.uint32() > len(data) + 8:
        raise KeyFormatError("the base64 does not hold an ssh.com private key")
    kind, cipher, sealed = wire.text(), wire.text(), wire.string()
    family = _FAMILIES.get(kind.partition("{")[0])
    if family is None:
        raise KeyFormatError("the type of the key is not known")
    return _File(family=family, cipher=cipher, sealed=sealed)


def _decrypted(sealed: bytes, password: bytes) -> bytes:
    first = md5(password, usedforsecurity=False).digest()
    second = md5(password + first, usedforsecurity=False).digest()
    try:
        return ciphers.decrypt("3des", "cbc", (first + second)[:24], bytes(8), sealed) or b""
    except ciphers.CipherUnavailableError as exc:
        raise KeyFormatError("3DES is not available") from exc


def _numbers(family: str, plain: bytes) -> Material:
    """Read the numbers behind their common length, which is also what says that a password was right."""
    outer = Wire(plain)
    content = outer.string()
    if len(outer.rest) >= 8:
        raise KeyFormatError("the private part has the wrong length")
    wire = Wire(content)
    if family == "rsa":
        e, d, n, inverse, smaller, larger = (wire.bit_counted() for _ in range(6))
        numbers = material.rsa(n, e, d, larger, smaller, inverse)  # of the smaller prime modulo the larger
    else:
        if wire.uint32():
            raise KeyFormatError("predefined DSA parameters are not known")
        p, g, q, y, x = (wire.bit_counted() for _ in range(5))
        numbers = material.dsa(p, q, g, y, x)
    if wire.rest:
        raise KeyFormatError("something follows the private key")
    return numbers
