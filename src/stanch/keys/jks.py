"""Java keystores of the types JKS and JCEKS.

The two share a layout. Each private key is encrypted with its own password, by habit the keystore's; certificates and aliases
stand in the clear. The keystore ends in a hash over its password and itself, so passwords are tried at the price of one SHA-1
of the file, which is also why a keystore of only certificates has a password although it hides nothing.

Sources: OpenJDK, sun.security.provider.JavaKeyStore (JKS), com.sun.crypto.provider.JceKeyStore (JCEKS). A keystore of type
PKCS#12 is another format, whatever its name.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha1
from typing import Final

from stanch.keys import javaobject, material, spki
from stanch.keys.attempts import Budget, affordable, unlock
from stanch.keys.jkscrypt import Encrypted, characters, open_key, open_secret, private_key, secret_key
from stanch.keys.material import PUBLIC, Material
from stanch.keys.model import Item, KeyFormatError, Password
from stanch.keys.sshwire import Wire

MAGICS: Final = {b"\xfe\xed\xfe\xed": "jks", b"\xce\xce\xce\xce": "jceks"}

_WHITENER: Final = b"Mighty Aphrodite"
_PRIVATE, _TRUSTED, _SECRET = 1, 2, 3
_MOST_ENTRIES: Final = 20_000
_MOST_CERTIFICATES: Final = 100
_LARGEST: Final = 64 * 1024 * 1024
_DIGEST: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    kind: int
    alias: str
    encrypted: Encrypted | None = None
    certificates: tuple[bytes, ...] = ()


def parse(data: bytes, passwords: Sequence[Password], *, guess: bool) -> Sequence[Item]:
    """Read a keystore.

    Args:
        data: the file.
        passwords: what may open it.
        guess: whether common passwords are tried too.

    Returns:
        One item an entry.

    Raises:
        KeyFormatError: it is no such keystore, or a broken one.
    """
    container = MAGICS.get(data[:4], "")
    if not container or len(data) > _LARGEST:
        raise KeyFormatError("it is not a Java keystore")
    entries = list(_entries(data[:-_DIGEST], container))
    budget = Budget()
    if any(entry.encrypted for entry in entries):
        passwords = _store_password_first(data, passwords, guess=guess, budget=budget)
    return [_item(entry, container, passwords, guess=guess, budget=budget) for entry in entries]


def _store_password_first(data: bytes, passwords: Sequence[Password], *, guess: bool, budget: Budget) -> Sequence[Password]:
    """Find the keystore's own password: it is the first to try on a key, where an attempt may be far slower."""
    body, digest = data[:-_DIGEST], data[-_DIGEST:]
    seconds = 2e-6 + len(data) * 1.5e-9
    for password in affordable(passwords, guess=guess, seconds=seconds, budget=budget):
        budget.charge(password, seconds)
        text = characters(password.value.reveal())
        if text is not None and hmac.compare_digest(sha1(text + _WHITENER + body, usedforsecurity=False).digest(), digest):
            return [password, *(other for other in passwords if other is not password)]
    return passwords


def _item(entry: _Entry, container: str, passwords: Sequence[Password], *, guess: bool, budget: Budget) -> Item:
    public = _public(entry.certificates)
    if entry.encrypted is None:
        return material.item(public, PUBLIC, container=container, label=entry.alias, certificates=entry.certificates)
    encrypted = entry.encrypted
    is_secret = entry.kind == _SECRET

    def attempt(password: bytes) -> Material | None:
        if is_secret:
            return open_secret(encrypted, password)
        opened = open_key(encrypted, password)
        return replace(public, pkcs8=opened) if opened else None

    access, opened = unlock(
        passwords,
        attempt,
        guess=guess,
        seconds=encrypted.seconds,
        scheme=encrypted.scheme,
        iterations=encrypted.iterations,
        obstacle=encrypted.obstacle,
        budget=budget,
    )
    notes = ("Secret (symmetric) key.",) if is_secret else ()
    return material.item(
        opened or public, access, container=container, label=entry.alias, certificates=entry.certificates, notes=notes
    )  # fmt: skip


def _public(certificates: Sequence[bytes]) -> Material:
    if not certificates:
        return Material(algorithm="")
    try:
        return spki.read(spki.of_certificate(certificates[0]))
    except KeyFormatError:  # a certificate of another kind than X.509, or a strange key in it
        return Material(algorithm="")


def _entries(data: bytes, container: str) -> Iterator[_Entry]:
    wire = Wire(data)
    wire.take(4)
    version, count = wire.uint32(), wire.uint32()
    if version not in (1, 2) or count > _MOST_ENTRIES:
        raise KeyFormatError("the version of the keystore is not known, or it has too many entries")
    for _ in range(count):
        kind, alias = wire.uint32(), _text(wire)
        wire.take(8)  # date
        if kind == _PRIVATE:
            encrypted = private_key(wire.string())
            yield _Entry(kind=kind, alias=alias, encrypted=encrypted, certificates=_chain(wire, version))
        elif kind == _TRUSTED:
            yield _Entry(kind=kind, alias=alias, certificates=(_certificate(wire, version),))
        elif kind == _SECRET and container == "jceks":
            sealed, end = javaobject.read(data, wire.taken)
            wire.take(end - wire.taken)
            yield _Entry(kind=kind, alias=alias, encrypted=secret_key(sealed))
        else:
            raise KeyFormatError("an entry of the keystore is of no known kind")
    if wire.rest:
        raise KeyFormatError("something follows the last entry of the keystore")


def _chain(wire: Wire, version: int) -> tuple[bytes, ...]:
    count = wire.uint32()
    if count > _MOST_CERTIFICATES:
        raise KeyFormatError("the certificate chain is too long")
    return tuple(_certificate(wire, version) for _ in range(count))


def _certificate(wire: Wire, version: int) -> bytes:
    if version == 2:
        _text(wire)  # its type, X.509
    return wire.string()


def _text(wire: Wire) -> str:
    return wire.take(int.from_bytes(wire.take(2), "big")).decode("utf-8", "replace")
