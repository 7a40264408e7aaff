"""Keys in bare DER, private or public: PKCS#8 encrypted or not, PKCS#1, SEC 1, DSA, SubjectPublicKeyInfo.

Sources: RFC 5958 (PKCS#8), RFC 5280 §4.1.2.7 (SubjectPublicKeyInfo); the others at `stanch.keys.privatekey`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from stanch.keys import derkind, material, spki
from stanch.keys.attempts import Budget, unlock
from stanch.keys.der import SEQUENCE, Der, definite
from stanch.keys.material import PLAIN, PUBLIC, Access, Material
from stanch.keys.model import Item, KeyFormatError, Password
from stanch.keys.pbe import Scheme, scheme
from stanch.keys.privatekey import read
from stanch.keys.rsafactors import Allowance

CONTAINERS: Final = {
    derkind.PKCS8: "pkcs8",
    derkind.ENCRYPTED: "pkcs8",
    derkind.PKCS1: "pkcs1",
    derkind.SEC1: "sec1",
    derkind.DSA: "dsa",
    derkind.PUBLIC: "public",
    derkind.PUBLIC_PKCS1: "public",
}
"""What `derkind.kind` says → container."""

_LARGEST: Final = 1024 * 1024


def parse(data: bytes, passwords: Sequence[Password], *, guess: bool) -> Sequence[Item]:
    """Read a key in DER.

    Args:
        data: the DER; what follows it is ignored.
        passwords: what may open it.
        guess: whether common passwords are tried too.

    Raises:
        KeyFormatError: it is no key, or a broken one.
    """
    numbers, access, container = key(data, passwords, guess=guess)
    return [material.item(numbers, access, container=container)]


def key(
    data: bytes,
    passwords: Sequence[Password],
    *,
    guess: bool,
    budget: Budget | None = None,
    allowance: Allowance | None = None,
) -> tuple[Material, Access, str]:
    """Read a key in DER for a container that says more about it, and may hold more of them.

    Args:
        data: as for `parse`.
        passwords: as for `parse`.
        guess: as for `parse`.
        budget: of the file, for passwords.
        allowance: of the file, for numbers that are not written down.

    Returns:
        Its numbers, how far one gets with it, and the name of its form.

    Raises:
        KeyFormatError: it is no key, or a broken one.
    """
    kind = derkind.kind(data)
    container = CONTAINERS.get(kind, "")
    if not container or len(data) > _LARGEST:
        raise KeyFormatError("the DER is no key")
    if kind == derkind.ENCRYPTED:
        numbers, access = encrypted(data, passwords, guess=guess, budget=budget)
        return numbers, access, container
    if container == "public":
        return public(data), PUBLIC, container
    return read(data, allowance), PLAIN, container


def public(data: bytes) -> Material:
    """Read a public key: SubjectPublicKeyInfo, or the bare numbers of RSA.

    Raises:
        KeyFormatError: it is none.
    """
    whole = Der(data).whole(SEQUENCE)
    if derkind.kind(whole) == derkind.PUBLIC_PKCS1:
        numbers = Der(whole).inside(SEQUENCE)
        return material.rsa(numbers.number(), numbers.number())
    return spki.read(whole)


def encrypted(
    data: bytes,
    passwords: Sequence[Password],
    *,
    guess: bool,
    budget: Budget | None = None,
    known: Material | None = None,
) -> tuple[Material, Access]:
    """Read an EncryptedPrivateKeyInfo.

    Args:
        data: the DER.
        passwords: what may open it.
        guess: whether common passwords are tried too.
        budget: of the file, where it holds more than one key.
        known: what is known of the key although it is locked: the numbers of its certificate.

    Raises:
        KeyFormatError: it is none.
    """
    how, sealed = sealed_key(data)

    def attempt(password: bytes) -> Material | None:
        return opened(how, sealed, password)

    access, numbers = unlock(
        passwords,
        attempt,
        guess=guess,
        seconds=how.seconds,
        scheme=how.words,
        iterations=how.rounds,
        obstacle=how.obstacle,
        budget=budget,
    )
    return numbers or known or Material(algorithm=""), access


def sealed_key(data: bytes) -> tuple[Scheme, bytes]:
    """Return how an EncryptedPrivateKeyInfo is encrypted, and its encrypted octets.

    Raises:
        KeyFormatError: it is none.
    """
    try:
        return _sealed(data)
    except KeyFormatError:
        return _sealed(definite(data))


def opened(how: Scheme, sealed: bytes, password: bytes) -> Material | None:
    """Return the key a password opens; ``None`` when it is another one."""
    for plain in how.decrypted(sealed, password):
        if derkind.kind(plain) == derkind.PKCS8 and derkind.is_complete(plain):
            try:
                return read(plain)
            except KeyFormatError:  # right by its frame, and no key inside: as good as not opened
                continue
    return None


def _sealed(data: bytes) -> tuple[Scheme, bytes]:
    reader = Der(data).inside(SEQUENCE)
    how = scheme(reader.inside(SEQUENCE))
    octets = reader.octets()
    if not octets:
        raise KeyFormatError("the encrypted key is empty")
    return how, octets
