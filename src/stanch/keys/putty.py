"""PuTTY's private key files (.ppk), formats 1 to 3.

Header lines, the public blob of SSH, a private blob, and a MAC over all of it, which also says whether a password was right.
Format 1 was in use for weeks in 2001 and protects the private blob only. Source: PuTTY manual, appendix C,
https://the.earth.li/~sgtatham/putty/latest/htmldoc/AppendixC.html; format 1: sshpubk.c.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha1
from typing import Final

from stanch.keys import ciphers, material
from stanch.keys.armor import LONGEST, decoded
from stanch.keys.attempts import unlock
from stanch.keys.material import PLAIN, Material
from stanch.keys.model import Item, KeyFormatError, Password
from stanch.keys.sshwire import EDWARDS, Wire, curve_of, public_blob

MAGIC: Final = b"PuTTY-User-Key-File-"

SECONDS_A_MEBIBYTE_PASS: Final = 0.001_5
"""What Argon2 takes for one pass over a mebibyte on one core."""

_MOST_MEMORY: Final = 128 * 1024  # KiB: more is not given to a file that asks for it
_MOST_LINES: Final = 4_096
_FIRST: Final = re.compile(r"PuTTY-User-Key-File-([1-3]): ([!-~]{1,64})")
_HEADER: Final = re.compile(r"([A-Za-z0-9-]{1,40}): ?(.*)")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _File:
    version: int
    kind: str
    headers: Mapping[str, str]
    comment: bytes
    public: bytes
    sealed: bytes
    mac: bytes
    keyed: bool  # Private-MAC, or the older Private-Hash

    @property
    def encryption(self) -> str:
        return self.headers["Encryption"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Keys:
    """What a password is turned into."""

    mac: bytes
    cipher: bytes = b""
    iv: bytes = bytes(16)


def parse(data: bytes, passwords: Sequence[Password], *, guess: bool) -> Sequence[Item]:
    """Read a PuTTY private key.

    Args:
        data: the text of the file.
        passwords: what may open it.
        guess: whether common passwords are tried too.

    Raises:
        KeyFormatError: it is no such key, or a broken one.
    """
    file = _file(data)
    kind, public = public_blob(file.public)
    if kind != file.kind:
        raise KeyFormatError("the public key is of another type than the file says")
    label = file.comment.decode("utf-8", "replace")
    if file.encryption == "none":
        private = _private(file, public, file.sealed)
        if not _mac_fits(file, file.sealed, _Keys(mac=_classic_mac_key(b"") if file.version < 3 else b"")):
            raise KeyFormatError("the MAC does not fit: the file was changed")
        return [material.item(private, PLAIN, container="putty", label=label, notes=_notes(kind))]
    if len(file.sealed) % 16 or not file.sealed:
        raise KeyFormatError("the private part is cut off")
    access, opened = unlock(
        passwords,
        lambda password: _opened(file, public, password),
        guess=guess,
        seconds=_seconds(file),
        scheme=_scheme(file),
        iterations=_number(file, "Argon2-Passes") if file.version == 3 else 0,
        obstacle=_obstacle(file),
    )
    return [material.item(opened or public, access, container="putty", label=label, notes=_notes(kind))]


def _file(data: bytes) -> _File:
    if not data.startswith(MAGIC) or len(data) > LONGEST:
        raise KeyFormatError("it is not a PuTTY private key")
    lines = data.decode("utf-8", "surrogateescape").splitlines()
    first = _FIRST.fullmatch(lines[0].rstrip())
    if first is None:
        raise KeyFormatError("the version of the PuTTY key is not known")
    headers, blobs = _read(lines[1:])
    if headers.get("Encryption") not in ("none", "aes256-cbc") or not {"Public-Lines", "Private-Lines"} <= blobs.keys():
        raise KeyFormatError("a header of the PuTTY key is missing or not known")
    mac = headers.get("Private-MAC") or headers.get("Private-Hash") or ""
    return _File(
        version=int(first[1]),
        kind=first[2],
        headers=headers,
        comment=headers.get("Comment", "").encode("utf-8", "surrogateescape"),
        public=blobs["Public-Lines"],
        sealed=blobs["Private-Lines"],
        mac=_hex(mac),
        keyed="Private-MAC" in headers,
    )


def _read(lines: Sequence[str]) -> tuple[dict[str, str], dict[str, bytes]]:
    headers: dict[str, str] = {}
    blobs: dict[str, bytes] = {}
    at = 0
    while at < len(lines) and "Private-MAC" not in headers and "Private-Hash" not in headers:
        match = _HEADER.fullmatch(lines[at].rstrip("\r\n"))
        at += 1
        if match is None:
            raise KeyFormatError("a line of the PuTTY key is neither header nor base64")
        name, value = match.groups()
        if name in ("Public-Lines", "Private-Lines"):
            count = int(value) if value.isascii() and value.isdecimal() and len(value) < 6 else -1
            if not 0 <= count <= _MOST_LINES or at + count > len(lines):
                raise KeyFormatError("the PuTTY key is cut off")
            blobs[name] = decoded("".join(lines[at : at + count]))
            at += count
        else:
            headers[name] = value
    return headers, blobs


def _opened(file: _File, public: Material, password: bytes) -> Material | None:
    keys = _classic_keys(password) if file.version < 3 else _argon2_keys(file, password)
    plain = ciphers.decrypt("aes", "cbc", keys.cipher, keys.iv, file.sealed)
    if plain is None or not _mac_fits(file, plain, keys):
        return None
    return _private(file, public, plain)


def _mac_fits(file: _File, plain: bytes, keys: _Keys) -> bool:
    parts = [file.kind.encode(), file.encryption.encode(), file.comment, file.public, plain]
    covered = plain if file.version == 1 else b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    if not file.keyed:
        return hmac.compare_digest(sha1(covered, usedforsecurity=False).digest(), file.mac)
    return hmac.compare_digest(hmac.digest(keys.mac, covered, "sha256" if file.version == 3 else "sha1"), file.mac)


def _classic_mac_key(password: bytes) -> bytes:
    return sha1(b"putty-private-key-file-mac-key" + password, usedforsecurity=False).digest()


def _classic_keys(password: bytes) -> _Keys:
    halves = (sha1(bytes((0, 0, 0, i)) + password, usedforsecurity=False).digest() for i in (0, 1))
    return _Keys(mac=_classic_mac_key(password), cipher=b"".join(halves)[:32])


def _argon2_keys(file: _File, password: bytes) -> _Keys:
    from cryptography.hazmat.primitives.kdf import argon2

    maker = getattr(argon2, file.headers["Key-Derivation"])
    derived: bytes = maker(
        salt=_hex(file.headers.get("Argon2-Salt", "")),
        length=80,
        iterations=_number(file, "Argon2-Passes"),
        lanes=_number(file, "Argon2-Parallelism"),
        memory_cost=_number(file, "Argon2-Memory"),
    ).derive(password)
    return _Keys(cipher=derived[:32], iv=derived[32:48], mac=derived[48:])


def _obstacle(file: _File) -> str:
    if file.version < 3:
        return ""
    if file.headers.get("Key-Derivation") not in ("Argon2id", "Argon2i", "Argon2d"):
        raise KeyFormatError("the key derivation is not known")
    lanes, memory = _number(file, "Argon2-Parallelism"), _number(file, "Argon2-Memory")
    if not 8 <= len(_hex(file.headers.get("Argon2-Salt", ""))) <= 1_024 or lanes > 255 or memory < 8 * lanes:
        raise KeyFormatError("the parameters of Argon2 are out of bounds")
    if memory > _MOST_MEMORY:
        return "No password was tried: the file asks for too much memory."
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.kdf import argon2

        maker = getattr(argon2, file.headers["Key-Derivation"])
        maker(salt=bytes(8), length=4, iterations=1, lanes=1, memory_cost=8)
    except (ImportError, AttributeError, UnsupportedAlgorithm):
        return "No password was tried: this variant of Argon2 is not available here."
    return ""


def _seconds(file: _File) -> float:
    if file.version < 3:
        return 0.000_1
    return max(0.000_1, _number(file, "Argon2-Passes") * _number(file, "Argon2-Memory") / 1024 * SECONDS_A_MEBIBYTE_PASS)


def _scheme(file: _File) -> str:
    if file.version < 3:
        return "AES-256-CBC, SHA-1 without salt"
    memory = f"{_number(file, 'Argon2-Memory')} KiB"
    return f"AES-256-CBC, {file.headers.get('Key-Derivation', '')} with {memory} and {_number(file, 'Argon2-Passes')} passes"


def _number(file: _File, name: str) -> int:
    value = file.headers.get(name, "")
    if not (value.isascii() and value.isdecimal() and len(value) <= 9 and int(value)):
        raise KeyFormatError("a parameter of Argon2 is missing or out of bounds")
    return int(value)


def _private(file: _File, public: Material, plain: bytes) -> Material:
    wire, outside = Wire(plain), Wire(file.public)
    outside.string()
    if file.kind == "ssh-rsa":
        e, n = outside.mpint(), outside.mpint()
        return material.rsa(n, e, *(wire.mpint() for _ in range(4)))
    if file.kind == "ssh-dss":
        return material.dsa(outside.mpint(), outside.mpint(), outside.mpint(), outside.mpint(), wire.mpint())
    if file.kind in EDWARDS:
        # The seed is written as a number, lowest octet first, so zeros at its end are left out (`put_mp_le_ssh2`).
        outer = outside.string()
        seed = wire.string().rstrip(b"\0")
        return material.okp(EDWARDS[file.kind], outer, seed.ljust(len(outer), b"\0"))
    if file.kind.startswith("ecdsa-sha2-"):
        return material.ec(curve_of(file.kind, outside.text()), outside.string(), wire.mpint())
    return public


def _notes(kind: str) -> tuple[str, ...]:
    known = kind in ("ssh-rsa", "ssh-dss") or kind in EDWARDS or kind.startswith("ecdsa-sha2-")
    return () if known else ("The type of the key is not known here.",)


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as exc:
        raise KeyFormatError("a header of the PuTTY key is not hexadecimal") from exc
