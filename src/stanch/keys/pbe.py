"""Encryption under a password, as PKCS#8 and PKCS#12 have it: PBES1, PBES2, and the schemes of PKCS#12.

`scheme` reads how something is encrypted and what an attempt costs; `Scheme.decrypted` makes one. What the file states about
rounds and memory is only ever used to refuse work, never to do more than the caller is ready to pay for.

Sources: RFC 8018 (PKCS#5: PBES1, PBES2, PBKDF2), RFC 7914 (scrypt), RFC 7292 appendix C (PKCS#12), NIST's AES object identifiers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final

from stanch.core.records import dataclass
from stanch.keys import pkcs12kdf
from stanch.keys.ciphers import BLOCK, CipherUnavailableError, decrypt
from stanch.keys.der import INTEGER, OCTET_STRING, SEQUENCE, Der
from stanch.keys.model import KeyFormatError

SECONDS_A_ROUND: Final = 2.4e-6
"""What one round of hashing is taken to cost. Five times what a current machine takes: guesses on one file then end at 200,000
rounds, and passwords that stand near by at 1,600,000."""

PRF: Final[Mapping[str, str]] = {
    "1.2.840.113549.2.7": "sha1", "1.2.840.113549.2.8": "sha224", "1.2.840.113549.2.9": "sha256",
    "1.2.840.113549.2.10": "sha384", "1.2.840.113549.2.11": "sha512", "1.2.840.113549.2.12": "sha512_224",
    "1.2.840.113549.2.13": "sha512_256",
}  # fmt: skip
"""HMAC, as PBKDF2 and PBMAC1 name it → its hash, as `hashlib` does."""

WORDS: Final[Mapping[str, str]] = {
    "md5": "MD5", "sha1": "SHA-1", "sha224": "SHA-224", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512",
    "sha512_224": "SHA-512/224", "sha512_256": "SHA-512/256",
}  # fmt: skip

_PBES2, _PBKDF2, _SCRYPT = "1.2.840.113549.1.5.13", "1.2.840.113549.1.5.12", "1.3.6.1.4.1.11591.4.11"
_SECONDS_AN_SCRYPT_BLOCK: Final = 5e-7  # for each unit of n·r·p
_MOST_SCRYPT_MEMORY: Final = 256 * 1024 * 1024
_MOST_ROUNDS: Final = 1 << 31


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cipher:
    """A cipher: its name here, octets of key and of IV (0 for a stream), effective bits for RC2."""

    words: str
    name: str
    key: int
    iv: int
    bits: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Derivation:
    """A key derivation with its parameters. ``digest`` is a hash, of HMAC for PBKDF2."""

    kind: str
    salt: bytes = b""
    rounds: int = 1
    digest: str = ""
    memory: tuple[int, int, int] = (0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Scheme:
    """How something is encrypted.

    Attributes:
        words: for a person: ``PBES2 AES-256-CBC, PBKDF2-SHA256``.
        rounds: work factor as stated; 0 when there is none.
        seconds: what one attempt costs at most, as `stanch.keys.attempts` counts.
        obstacle: why nothing can be tried, a sentence; empty when it can.
    """

    words: str
    rounds: int = 0
    seconds: float = 0.0
    obstacle: str = ""
    _cipher: _Cipher | None = None
    _derivation: _Derivation | None = None
    _iv: bytes = b""

    def decrypted(self, data: bytes, password: bytes) -> Iterator[bytes]:
        """Yield what a password may make of some bytes, without padding: nothing when it is surely another one.

        Wrong passwords get through once in 256 times, so the caller looks whether the bytes make sense. There may be two, where
        a password was written in two ways.
        """
        if self._cipher is None or self._derivation is None:
            return
        for key, iv in _keys(self._derivation, self._cipher, self._iv, password):
            plain = _plain(self._cipher, key, iv, data)
            if plain is not None:
                yield plain


def scheme(identifier: Der) -> Scheme:
    """Read an AlgorithmIdentifier.

    Args:
        identifier: a reader of its content.

    Raises:
        KeyFormatError: it is broken, or a number in it is out of bounds.
    """
    name = identifier.oid()
    if name == _PBES2:
        return _pbes2(identifier.inside(SEQUENCE))
    known = _ONE_PIECE.get(name)
    if known is None:
        return Scheme(words=f"algorithm {name}", obstacle="No password was tried: the encryption is not known.")
    words, kind, digest, cipher = known
    if not digest:
        return Scheme(words=words, obstacle="No password was tried: the encryption is not available here.")
    parameters = identifier.inside(SEQUENCE)
    derivation = _Derivation(kind=kind, digest=digest, salt=parameters.octets(), rounds=rounds(parameters.number()))
    passes = -(-cipher.key // hashlib.new(digest, usedforsecurity=False).digest_size) + (cipher.iv > 0) if kind == "pkcs12" else 1
    return Scheme(
        words=words,
        rounds=derivation.rounds,
        seconds=SECONDS_A_ROUND * derivation.rounds * passes,
        _cipher=cipher,
        _derivation=derivation,
    )


def rounds(number: int) -> int:
    """Return a number of rounds, having checked that it is one.

    Raises:
        KeyFormatError: it is out of bounds.
    """
    if not 1 <= number <= _MOST_ROUNDS:
        raise KeyFormatError("the work factor is out of bounds")
    return number


def pbkdf2(parameters: Der) -> tuple[bytes, int, int, str]:
    """Read PBKDF2-params: salt, rounds, octets of key (0 where not stated), hash (empty where it is not known).

    Raises:
        KeyFormatError: they are broken.
    """
    salt, count = parameters.octets(), rounds(parameters.number())
    size = parameters.number() if parameters.tag == INTEGER else 0
    prf = parameters.maybe(SEQUENCE)
    digest = PRF.get(prf.oid(), "") if prf else "sha1"
    if not 0 <= size <= 1_024:
        raise KeyFormatError("the key length is out of bounds")
    return salt, count, size, digest


def _pbes2(parameters: Der) -> Scheme:
    derived, encrypted = parameters.inside(SEQUENCE), parameters.inside(SEQUENCE)
    cipher, iv = _cipher(encrypted)
    if cipher is None:
        return Scheme(words="PBES2", obstacle="No password was tried: the cipher is not known.")
    kind = derived.oid()
    if kind == _PBKDF2:
        return _with_pbkdf2(derived.inside(SEQUENCE), cipher, iv)
    if kind == _SCRYPT:
        return _with_scrypt(derived.inside(SEQUENCE), cipher, iv)
    return Scheme(words=f"PBES2 {cipher.words}", obstacle="No password was tried: the key derivation is not known.")


def _with_pbkdf2(parameters: Der, cipher: _Cipher, iv: bytes) -> Scheme:
    salt, count, size, digest = pbkdf2(parameters)
    if not digest or digest not in hashlib.algorithms_available:
        return Scheme(words=f"PBES2 {cipher.words}, PBKDF2", obstacle="No password was tried: the hash is not known.")
    if cipher.name == "rc2" and size:
        cipher = _Cipher(words=cipher.words, name="rc2", key=size, iv=8, bits=cipher.bits)
    blocks = -(-cipher.key // hashlib.new(digest).digest_size)
    return Scheme(
        words=f"PBES2 {cipher.words}, PBKDF2 {WORDS[digest]}",
        rounds=count,
        seconds=SECONDS_A_ROUND * count * blocks,
        _cipher=cipher,
        _derivation=_Derivation(kind="pbkdf2", salt=salt, rounds=count, digest=digest),
        _iv=iv,
    )


def _with_scrypt(parameters: Der, cipher: _Cipher, iv: bytes) -> Scheme:
    salt = parameters.octets()
    n, r, p = parameters.number(), parameters.number(), parameters.number()
    if n < 2 or n & (n - 1) or not 1 <= r < 1 << 30 or not 1 <= p < 1 << 30:
        raise KeyFormatError("the work factor is out of bounds")
    words = f"PBES2 {cipher.words}, scrypt"
    if 128 * r * (n + p) > _MOST_SCRYPT_MEMORY:
        return Scheme(words=words, rounds=n, obstacle="No password was tried: each attempt would need too much memory.")
    derivation = _Derivation(kind="scrypt", salt=salt, memory=(n, r, p))
    seconds = _SECONDS_AN_SCRYPT_BLOCK * n * r * p
    return Scheme(words=words, rounds=n, seconds=seconds, _cipher=cipher, _derivation=derivation, _iv=iv)


def _cipher(identifier: Der) -> tuple[_Cipher | None, bytes]:
    name = identifier.oid()
    if name == "1.2.840.113549.3.2":
        return _rc2(identifier.inside(SEQUENCE))
    cipher = _CIPHERS.get(name)
    if cipher is None:
        return None, b""
    iv = identifier.octets()
    if len(iv) != cipher.iv:
        raise KeyFormatError("the initialization vector has the wrong length")
    return cipher, iv


def _rc2(parameters: Der) -> tuple[_Cipher, bytes]:
    """Read RC2-CBC-Parameter: the effective bits stand in a code of their own (RFC 8018 §B.2.3)."""
    version = parameters.number() if parameters.tag == INTEGER else 32
    bits = {160: 40, 120: 64, 58: 128, 32: 32}.get(version, version if 256 <= version <= 1_024 else 0)
    iv = parameters.content(OCTET_STRING)
    if not bits or len(iv) != 8:
        raise KeyFormatError("the parameters of RC2 are out of bounds")
    return _Cipher(words=f"RC2-{bits}-CBC", name="rc2", key=(bits + 7) // 8, iv=8, bits=bits), iv


def _keys(how: _Derivation, cipher: _Cipher, iv: bytes, password: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and IV for each way the password may have been written."""
    if how.kind == "pbkdf2":
        yield hashlib.pbkdf2_hmac(how.digest, password, how.salt, how.rounds, cipher.key), iv
    elif how.kind == "scrypt":
        n, r, p = how.memory
        most = 128 * r * (n + p + 2) + (1 << 20)
        yield hashlib.scrypt(password, salt=how.salt, n=n, r=r, p=p, maxmem=most, dklen=cipher.key), iv
    elif how.kind == "pbkdf1":
        digest = _pbkdf1(how, password)
        yield digest[:8], digest[8:16]
    else:
        for form in pkcs12kdf.forms(password):
            key = pkcs12kdf.derive(how.digest, form, how.salt, pkcs12kdf.KEY, how.rounds, cipher.key)
            yield key, pkcs12kdf.derive(how.digest, form, how.salt, pkcs12kdf.IV, how.rounds, cipher.iv) if cipher.iv else b""


def _pbkdf1(how: _Derivation, password: bytes) -> bytes:
    digest = hashlib.new(how.digest, password + how.salt, usedforsecurity=False).digest()
    for _ in range(how.rounds - 1):
        digest = hashlib.new(how.digest, digest, usedforsecurity=False).digest()
    return digest


def _plain(cipher: _Cipher, key: bytes, iv: bytes, data: bytes) -> bytes | None:
    if cipher.name == "rc4":
        return _rc4(key, data)
    block = 8 if cipher.name in ("rc2", "des") else BLOCK[cipher.name]
    if not data or len(data) % block:
        return None
    plain = _blocks(cipher, key, iv, data)
    padding = plain[-1] if plain else 0
    if not 1 <= padding <= block or plain[-padding:] != bytes((padding,)) * padding:
        return None
    return plain[:-padding]


def _blocks(cipher: _Cipher, key: bytes, iv: bytes, data: bytes) -> bytes:
    if cipher.name == "rc2":
        from stanch.keys.rc2 import decrypt_cbc

        return decrypt_cbc(key, cipher.bits, iv, data)
    if cipher.name == "des":  # triple DES with three times the same key is DES
        name, key = "3des", key * 3
    elif cipher.key == 16 and cipher.name == "3des":
        name, key = "3des", key + key[:8]
    else:
        name = cipher.name
    try:
        return decrypt(name, "cbc", key, iv, data) or b""
    except CipherUnavailableError as exc:
        raise KeyFormatError("the cipher is not available here") from exc


def _rc4(key: bytes, data: bytes) -> bytes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
    from cryptography.hazmat.primitives.ciphers import Cipher

    try:
        context = Cipher(ARC4(key), mode=None).decryptor()
        return context.update(data) + context.finalize()
    except UnsupportedAlgorithm as exc:
        raise KeyFormatError("the cipher is not available here") from exc


_DES: Final = _Cipher(words="DES-CBC", name="des", key=8, iv=8)


def _ciphers() -> dict[str, _Cipher]:
    """Object identifier → block cipher in CBC mode."""
    known = {"1.2.840.113549.3.7": _Cipher(words="3DES-CBC", name="3des", key=24, iv=8), "1.3.14.3.2.7": _DES}
    for words, prefix, arcs in (
        ("AES", "2.16.840.1.101.3.4.1", (2, 22, 42)),
        ("Camellia", "1.2.392.200011.61.1.1.1", (2, 3, 4)),
    ):
        for arc, bits in zip(arcs, (128, 192, 256), strict=True):
            cipher = _Cipher(words=f"{words}-{bits}-CBC", name=words.lower(), key=bits // 8, iv=16)
            known[f"{prefix}.{arc}"] = cipher
    return known


_CIPHERS: Final[Mapping[str, _Cipher]] = _ciphers()


def _one_piece() -> dict[str, tuple[str, str, str, _Cipher]]:
    """Schemes that name derivation, hash and cipher at once."""
    rc2 = _Cipher(words="RC2-64-CBC", name="rc2", key=8, iv=8, bits=64)
    known = {
        "1.2.840.113549.1.5.1": ("PBES1 DES-CBC, MD2", "pbkdf1", "", _DES),
        "1.2.840.113549.1.5.4": ("PBES1 RC2-64-CBC, MD2", "pbkdf1", "", rc2),
        "1.2.840.113549.1.5.3": ("PBES1 DES-CBC, MD5", "pbkdf1", "md5", _DES),
        "1.2.840.113549.1.5.6": ("PBES1 RC2-64-CBC, MD5", "pbkdf1", "md5", rc2),
        "1.2.840.113549.1.5.10": ("PBES1 DES-CBC, SHA-1", "pbkdf1", "sha1", _DES),
        "1.2.840.113549.1.5.11": ("PBES1 RC2-64-CBC, SHA-1", "pbkdf1", "sha1", rc2),
    }
    for arc, words, name, key, iv, bits in (
        (1, "RC4-128", "rc4", 16, 0, 0),
        (2, "RC4-40", "rc4", 5, 0, 0),
        (3, "3DES-CBC", "3des", 24, 8, 0),
        (4, "3DES-CBC with two keys", "3des", 16, 8, 0),
        (5, "RC2-128-CBC", "rc2", 16, 8, 128),
        (6, "RC2-40-CBC", "rc2", 5, 8, 40),
    ):
        cipher = _Cipher(words=words, name=name, key=key, iv=iv, bits=bits)
        known[f"1.2.840.113549.1.12.1.{arc}"] = (f"PKCS#12 {words}, SHA-1", "pkcs12", "sha1", cipher)
    return known


_ONE_PIECE: Final[Mapping[str, tuple[str, str, str, _Cipher]]] = _one_piece()
