"""The secret part of OpenPGP key packets: how it is encrypted, and trying a password on it.

Source: RFC 9580 §3.7 (passwords to keys), §5.5.3 (secret keys). GnuPG's own extension 101 marks keys that are not in the file:
doc/DETAILS of GnuPG, "GNU extensions to the S2K algorithm".
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stanch.keys import ciphers
from stanch.keys.model import KeyFormatError
from stanch.keys.pgppackets import Fields

PLAIN, AEAD, SHA1_CHECKED, SUM_CHECKED = 0, 253, 254, 255
STUB, CARD = 1, 2

_SIMPLE, _SALTED, _ITERATED, _ARGON2, _GNU = 0, 1, 3, 4, 101
_CIPHERS: Final[Mapping[int, tuple[str, int, str]]] = {
    1: ("idea", 16, "IDEA"),
    2: ("3des", 24, "3DES"),
    3: ("cast5", 16, "CAST5"),
    4: ("blowfish", 16, "Blowfish"),
    7: ("aes", 16, "AES-128"),
    8: ("aes", 24, "AES-192"),
    9: ("aes", 32, "AES-256"),
    10: ("twofish", 32, "Twofish"),
    11: ("camellia", 16, "Camellia-128"),
    12: ("camellia", 24, "Camellia-192"),
    13: ("camellia", 32, "Camellia-256"),
}
_HASHES: Final[Mapping[int, str]] = {
    1: "md5", 2: "sha1", 3: "ripemd160", 8: "sha256", 9: "sha384", 10: "sha512", 11: "sha224", 12: "sha3_256", 14: "sha3_512",
}  # fmt: skip
_NONCES: Final = {1: 16, 2: 15, 3: 12}
_AEAD_WORDS: Final = {1: "EAX", 2: "OCB", 3: "GCM"}
_SECONDS_AN_OCTET: Final = 1.5e-9
_SECONDS_A_MEBIBYTE_PASS: Final = 0.001_5
_MOST_MEMORY: Final = 17  # 2^17 KiB


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """How a password becomes a key.

    Attributes:
        kind: number of RFC 9580 §3.7.1.
        digest: name of the hash for hashlib; empty when it is not known.
        salt: mixed in.
        count: octets hashed, for the iterated kind; passes, for Argon2.
        lanes: of Argon2.
        memory: of Argon2, binary logarithm of KiB.
        gnu: what GnuPG says instead: `STUB`, `CARD`, or 0.
        serial: of the card.
    """

    kind: int
    digest: str = ""
    salt: bytes = b""
    count: int = 0
    lanes: int = 0
    memory: int = 0
    gnu: int = 0
    serial: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Secret:
    """A secret part.

    Attributes:
        usage: `PLAIN`, `AEAD`, `SHA1_CHECKED`, `SUM_CHECKED`.
        cipher: its number.
        aead: number of the mode, 0 when it is CFB.
        stretch: how a password becomes the key; ``None`` when the secret part is plain.
        iv: initialisation vector or nonce.
        data: the secret numbers with their check, plain or encrypted.
        bound: what AEAD binds the secret part to: the packet's first octet and its public part.
        version: of the key packet.
    """

    usage: int
    data: bytes
    bound: bytes
    version: int
    cipher: int = 0
    aead: int = 0
    stretch: Stretch | None = None
    iv: bytes = b""

    @property
    def seconds(self) -> float:
        """What one attempt costs."""
        stretch = self.stretch
        if stretch is None:
            return 0.0
        if stretch.kind == _ARGON2:
            return stretch.count * 2.0**stretch.memory / 1024 * _SECONDS_A_MEBIBYTE_PASS + 1e-4
        return stretch.count * _SECONDS_AN_OCTET * self._contexts + 1e-4

    @property
    def _contexts(self) -> int:
        size = _CIPHERS[self.cipher][1] if self.cipher in _CIPHERS else 16
        digest = self.stretch.digest if self.stretch else ""
        return -(-size // hashlib.new(digest, usedforsecurity=False).digest_size) if digest in hashlib.algorithms_available else 1

    @property
    def iterations(self) -> int:
        """The work factor."""
        return self.stretch.count if self.stretch else 0

    @property
    def scheme(self) -> str:
        """How it is encrypted, in words."""
        if self.stretch is None:
            return ""
        mode = _AEAD_WORDS.get(self.aead, "CFB")
        words = {
            _SIMPLE: f"{self.stretch.digest} without salt",
            _SALTED: f"salted {self.stretch.digest}",
            _ITERATED: f"iterated salted {self.stretch.digest}",
            _ARGON2: f"Argon2id with 2^{self.stretch.memory} KiB and {self.stretch.count} passes",
        }.get(self.stretch.kind, f"S2K {self.stretch.kind}")
        return f"{_CIPHERS[self.cipher][2] if self.cipher in _CIPHERS else f'cipher {self.cipher}'}-{mode}, {words}"

    @property
    def obstacle(self) -> str:
        """Why no password can be tried; empty when one can."""
        stretch = self.stretch
        if stretch is None:
            return ""
        if self.version < 4 or (self.version == 5 and self.usage == AEAD) or self.aead == 1:
            return "No password was tried: this old or rare way to encrypt a key is not supported."
        if self.cipher not in _CIPHERS or _CIPHERS[self.cipher][0] not in ciphers.BLOCK:
            return "No password was tried: the cipher is not available."
        if stretch.kind not in (_SIMPLE, _SALTED, _ITERATED, _ARGON2):
            return "No password was tried: the key derivation is not known."
        if stretch.kind == _ARGON2 and stretch.memory > _MOST_MEMORY:
            return "No password was tried: the file asks for too much memory."
        if stretch.kind != _ARGON2 and stretch.digest not in hashlib.algorithms_available:
            return "No password was tried: the hash is not available."
        return ""


def secret(fields: Fields, *, version: int, tag: int, octets: bytes) -> Secret:
    """Read the secret part of a key packet, behind its public part.

    Args:
        fields: reader behind the public part.
        version: of the key packet.
        tag: of the packet.
        octets: the public part.

    Raises:
        KeyFormatError: it is broken.
    """
    bound = bytes((0xC0 | tag,)) + octets
    usage = fields.uint8()
    if version == 5 or (version == 6 and usage):
        fields.uint8()  # how many octets say how it is encrypted
    if usage == PLAIN:
        return Secret(usage=usage, data=_rest(fields, version), bound=bound, version=version)
    cipher = fields.uint8() if usage >= AEAD else usage
    aead = fields.uint8() if usage == AEAD else 0
    if version == 6 and usage in (AEAD, SHA1_CHECKED):
        fields.uint8()  # how many of them say how the password is stretched
    stretch = _stretch(fields) if usage >= AEAD else Stretch(kind=_SIMPLE, digest="md5")
    iv = b"" if stretch.gnu else fields.take(_iv_size(cipher, aead))
    return Secret(
        usage=usage if usage >= AEAD else SUM_CHECKED,
        cipher=cipher,
        aead=aead,
        stretch=stretch,
        iv=iv,
        data=b"" if stretch.gnu else _rest(fields, version),
        bound=bound,
        version=version,
    )


def checked_plain(part: Secret) -> bytes:
    """Return the secret numbers of a part that is not encrypted, their sum checked.

    Raises:
        KeyFormatError: the sum is wrong.
    """
    if part.version == 6:
        return part.data
    numbers = _summed(part.data)
    if numbers is None:
        raise KeyFormatError("the checksum of the OpenPGP key is wrong")
    return numbers


def opened(part: Secret, password: bytes) -> bytes | None:
    """Return the secret numbers; ``None`` when it is another password."""
    assert part.stretch is not None, "the part is encrypted"
    name, size, _ = _CIPHERS[part.cipher]
    key = _stretched(part.stretch, password, size)
    if part.usage == AEAD:
        return _open_aead(part, key)
    try:
        plain = ciphers.decrypt(name, "cfb", key, part.iv, part.data)
    except ciphers.CipherUnavailableError:
        return None
    if plain is None or part.usage == SUM_CHECKED:
        return _summed(plain or b"")
    fits = hmac.compare_digest(hashlib.sha1(plain[:-20], usedforsecurity=False).digest(), plain[-20:])
    return plain[:-20] if fits else None


def _open_aead(part: Secret, key: bytes) -> bytes | None:
    """The key is bound to the packet by HKDF, the text to the public part by being authenticated with it."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESOCB3

    info = bytes((part.bound[0], part.version, part.cipher, part.aead))
    extracted = hmac.digest(bytes(32), key, "sha256")
    derived = hmac.digest(extracted, info + b"\x01", "sha256")[: len(key)]
    cipher = AESOCB3(derived) if part.aead == 2 else AESGCM(derived)
    try:
        return cipher.decrypt(part.iv, part.data, part.bound)
    except InvalidTag:
        return None


def _stretch(fields: Fields) -> Stretch:
    kind = fields.uint8()
    if kind == _ARGON2:
        salt = fields.take(16)
        passes, lanes, memory = fields.uint8(), fields.uint8(), fields.uint8()
        if not passes or not lanes or memory > 31 or 1 << memory < 8 * lanes:
            raise KeyFormatError("the parameters of Argon2 are out of bounds")
        return Stretch(kind=kind, salt=salt, count=passes, lanes=lanes, memory=memory)
    digest = _HASHES.get(fields.uint8(), "")
    if kind == _GNU:
        return _gnu(fields)
    if kind not in (_SIMPLE, _SALTED, _ITERATED):
        raise KeyFormatError("the key derivation of the OpenPGP key is not known")
    salt = fields.take(8) if kind != _SIMPLE else b""
    coded = fields.uint8() if kind == _ITERATED else 0
    count = (16 + (coded & 15)) << ((coded >> 4) + 6) if kind == _ITERATED else 0
    return Stretch(kind=kind, digest=digest, salt=salt, count=count)


def _gnu(fields: Fields) -> Stretch:
    if fields.take(3) != b"GNU":
        raise KeyFormatError("the key derivation of the OpenPGP key is not known")
    gnu = fields.uint8()
    if gnu not in (STUB, CARD):
        raise KeyFormatError("what GnuPG says instead of a key is not known")
    serial = fields.take(min(fields.uint8(), 16)) if gnu == CARD else b""
    return Stretch(kind=_GNU, gnu=gnu, serial=serial)


def _iv_size(cipher: int, aead: int) -> int:
    if aead:
        if aead not in _NONCES:
            raise KeyFormatError("the mode of the OpenPGP key is not known")
        return _NONCES[aead]
    name = _CIPHERS[cipher][0] if cipher in _CIPHERS else ""
    if not name:
        raise KeyFormatError("the cipher of the OpenPGP key is not known")
    return ciphers.BLOCK.get(name, 16)


def _rest(fields: Fields, version: int) -> bytes:
    return fields.string() if version == 5 else fields.rest


def _summed(plain: bytes) -> bytes | None:
    numbers, total = plain[:-2], plain[-2:]
    return numbers if len(plain) > 2 and (sum(numbers) & 0xFFFF).to_bytes(2, "big") == total else None


def _stretched(stretch: Stretch, password: bytes, size: int) -> bytes:
    if stretch.kind == _ARGON2:
        from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

        maker = Argon2id(
            salt=stretch.salt, length=size, iterations=stretch.count, lanes=stretch.lanes, memory_cost=1 << stretch.memory
        )  # fmt: skip
        return maker.derive(password)
    made = b""
    zeros = 0
    while len(made) < size:
        made += _hashed(stretch, password, zeros)
        zeros += 1
    return made[:size]


def _hashed(stretch: Stretch, password: bytes, zeros: int) -> bytes:
    """Hash salt and password, over and over up to the count, behind as many zeros as keys were made before."""
    unit = stretch.salt + password
    count = max(stretch.count, len(unit))
    context = hashlib.new(stretch.digest, bytes(zeros), usedforsecurity=False)
    chunk = unit * max(1, 65_536 // max(1, len(unit)))
    for _ in range(count // len(chunk) if chunk else 0):
        context.update(chunk)
    context.update(chunk[: count % len(chunk)] if chunk else b"")
    return context.digest()
