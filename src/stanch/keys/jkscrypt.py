"""How Java keystores encrypt keys: JKS with its own stream of SHA-1, JCEKS with MD5 and triple DES.

Sources: OpenJDK, sun.security.provider.KeyProtector (JKS); com.sun.crypto.provider.KeyProtector, PBES1Core and
SealedObjectForKeyProtector (JCEKS).
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import md5, sha1
from typing import Final

from stanch.keys import ciphers, javaobject
from stanch.keys.javaobject import JavaObject
from stanch.keys.material import Material
from stanch.keys.model import KeyFormatError
from stanch.keys.spki import Der

_SUN: Final = "1.3.6.1.4.1.42.2.17.1.1"
_JCE: Final = "1.3.6.1.4.1.42.2.19.1"
_SECONDS_AN_ITERATION: Final = 0.8e-6
_MOST_ITERATIONS: Final = 5_000_000  # the JDK refuses more
_SALT: Final = 20
_KEY_CLASSES: Final = {"javax.crypto.spec.SecretKeySpec": "key", "java.security.KeyRep": "encoded"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Encrypted:
    """A key as a keystore holds it.

    Attributes:
        own: whether it is JKS's own stream; else MD5 and triple DES.
        salt: of the derivation; empty for JKS, which keeps it in the data.
        iterations: of the derivation, 0 for JKS.
        data: the encrypted octets.
        obstacle: why nothing can be tried; empty when it can.
    """

    own: bool
    data: bytes
    salt: bytes = b""
    iterations: int = 0
    obstacle: str = ""

    @property
    def seconds(self) -> float:
        """What one attempt costs."""
        return max(1e-6 * (len(self.data) // 20 + 5), self.iterations * _SECONDS_AN_ITERATION)

    @property
    def scheme(self) -> str:
        """How it is encrypted, in words."""
        return "JKS key protector, SHA-1 of the password" if self.own else "PBEWithMD5AndTripleDES"


def private_key(der: bytes) -> Encrypted:
    """Read the EncryptedPrivateKeyInfo of an entry.

    Raises:
        KeyFormatError: it is none, or out of bounds.
    """
    info = Der(der).inside(0x30)
    algorithm = info.inside(0x30)
    name = algorithm.oid()
    data = info.content(0x04)
    if name == _SUN:
        if len(data) < 2 * _SALT + 1:
            raise KeyFormatError("the private key of the keystore is cut off")
        return Encrypted(own=True, data=data)
    if name == _JCE:
        return _classic(algorithm.inside(0x30), data)
    return Encrypted(own=False, data=data, obstacle="No password was tried: the encryption of the key is not known.")


def secret_key(sealed: JavaObject) -> Encrypted:
    """Read a sealed object of a JCEKS entry.

    Raises:
        KeyFormatError: it is none, or out of bounds.
    """
    data = sealed.octets("encryptedContent")
    if not data:
        raise KeyFormatError("the secret key of the keystore is not sealed")
    if sealed.text("sealAlg") != "PBEWithMD5AndTripleDES":
        return Encrypted(own=False, data=data, obstacle="No password was tried: the encryption of the key is not known.")
    return _classic(Der(sealed.octets("encodedParams")).inside(0x30), data)


def open_key(encrypted: Encrypted, password: bytes) -> bytes | None:
    """Return the PKCS#8 of a private key; ``None`` when it is another password."""
    plain = _open_own(encrypted.data, password) if encrypted.own else _open_classic(encrypted, password)
    if plain is None:
        return None
    try:
        key = Der(plain)
        whole = key.whole(0x30)
        inner = Der(whole).inside(0x30)
        inner.number()
        inner.inside(0x30).oid()
    except KeyFormatError:
        return None
    return whole if key.done() else None


def open_secret(encrypted: Encrypted, password: bytes) -> Material | None:
    """Return what a sealed secret key is, without its octets; ``None`` when it is another password."""
    plain = _open_classic(encrypted, password)
    if plain is None:
        return None
    try:
        key, _ = javaobject.read(plain)
    except KeyFormatError:
        return None
    octets = key.octets(_KEY_CLASSES.get(key.kind, ""))
    return Material(algorithm=key.text("algorithm").lower() or "secret", bits=len(octets) * 8)


def characters(password: bytes) -> bytes | None:
    """Return a password's characters as Java counts them; ``None`` when it is not text."""
    try:
        return password.decode("utf-8").encode("utf-16-be")
    except UnicodeError:
        return None


def _classic(parameters: Der, data: bytes) -> Encrypted:
    salt, iterations = parameters.content(0x04), parameters.number()
    if len(salt) != 8 or not 1 <= iterations <= _MOST_ITERATIONS or not data or len(data) % 8:
        raise KeyFormatError("the encryption of a key in the keystore is out of bounds")
    return Encrypted(own=False, data=data, salt=salt, iterations=iterations)


def _open_own(data: bytes, password: bytes) -> bytes | None:
    """Undo JKS: data is salt, key XOR a chain of SHA-1 over password and the digest before, and a check over password and key."""
    text = characters(password)
    if text is None:
        return None
    salt, sealed, check = data[:_SALT], data[_SALT:-_SALT], data[-_SALT:]
    stream, digest = bytearray(), salt
    while len(stream) < len(sealed):
        digest = sha1(text + digest, usedforsecurity=False).digest()
        stream += digest
    size = len(sealed)
    plain = (int.from_bytes(sealed, "big") ^ int.from_bytes(stream[:size], "big")).to_bytes(size, "big")
    fits = hmac.compare_digest(sha1(text + plain, usedforsecurity=False).digest(), check)
    return plain if fits else None


def _open_classic(encrypted: Encrypted, password: bytes) -> bytes | None:
    if not all(0x20 <= octet <= 0x7E for octet in password):  # JCEKS takes no other characters
        return None
    second = _stretched(encrypted.salt[4:], password, encrypted.iterations)
    for half in _first_halves(encrypted.salt):
        derived = _stretched(half, password, encrypted.iterations) + second
        try:
            plain = ciphers.decrypt("3des", "cbc", derived[:24], derived[24:32], encrypted.data) or b""
        except ciphers.CipherUnavailableError:
            return None
        padding = plain[-1] if plain else 0
        if 1 <= padding <= 8 and plain[-padding:] == bytes((padding,)) * padding:
            return plain[:-padding]
    return None


def _first_halves(salt: bytes) -> list[bytes]:
    """Return what the first half of a salt may be turned into.

    Equal halves would make equal halves of the key, so Java reverses the first one: today as it should (tried with OpenJDK
    17), once with a slip that wrote the second octet of each swap to place 2, whichever the pair.
    """
    a, b, c, d = (salt[i : i + 1] for i in range(4))
    return [salt[:4]] if salt[:4] != salt[4:] else [d + c + b + a, d + a + b + d]


def _stretched(half: bytes, password: bytes, iterations: int) -> bytes:
    digest = half
    for _ in range(iterations):
        digest = md5(digest + password, usedforsecurity=False).digest()
    return digest
