"""The old encryption of PEM keys: ``Proc-Type: 4,ENCRYPTED`` and ``DEK-Info``.

The key is one MD5 over password and salt, so passwords fall at the rate of a hash, whatever the cipher.
Source: OpenSSL, EVP_BytesToKey and PEM_do_header; names of ciphers as OpenSSL has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import md5
from typing import Final

from stanch.keys import derkind
from stanch.keys.attempts import Budget, unlock
from stanch.keys.ciphers import BLOCK, CipherUnavailableError, decrypt
from stanch.keys.material import Access, Material
from stanch.keys.model import KeyFormatError, Password
from stanch.keys.privatekey import read

_SECONDS: Final = 4e-5
_SALT: Final = 8

# name in DEK-Info → cipher here, octets of key, effective bits where they matter
_CIPHERS: Final[Mapping[str, tuple[str, int, int]]] = {
    "DES-CBC": ("des", 8, 0),
    "DES-EDE3-CBC": ("3des", 24, 0),
    "DES-EDE-CBC": ("3des", 16, 0),
    "AES-128-CBC": ("aes", 16, 0),
    "AES-192-CBC": ("aes", 24, 0),
    "AES-256-CBC": ("aes", 32, 0),
    "CAMELLIA-128-CBC": ("camellia", 16, 0),
    "CAMELLIA-192-CBC": ("camellia", 24, 0),
    "CAMELLIA-256-CBC": ("camellia", 32, 0),
    "BF-CBC": ("blowfish", 16, 0),
    "CAST5-CBC": ("cast5", 16, 0),
    "IDEA-CBC": ("idea", 16, 0),
    "RC2-CBC": ("rc2", 16, 128),
    "RC2-64-CBC": ("rc2", 8, 64),
    "RC2-40-CBC": ("rc2", 5, 40),
}
_PRIVATE: Final = (derkind.PKCS1, derkind.SEC1, derkind.DSA, derkind.PKCS8)


def encrypted(
    data: bytes, cipher: str, iv: bytes, passwords: Sequence[Password], *, guess: bool, budget: Budget
) -> tuple[Material, Access]:
    """Try passwords on a key.

    Args:
        data: the encrypted octets.
        cipher: as ``DEK-Info`` names it.
        iv: as it stands there; its first eight octets are the salt.
        passwords: what may open it.
        guess: whether common passwords are tried too.
        budget: of the file.

    Raises:
        KeyFormatError: the header does not fit the cipher, or the data is cut off.
    """
    known = _CIPHERS.get(cipher)
    if known is not None:
        block = 8 if known[0] in ("des", "rc2") else BLOCK[known[0]]
        if len(iv) != block or not data or len(data) % block:
            raise KeyFormatError("the encrypted key is cut off, or its header is broken")

    def attempt(password: bytes) -> Material | None:
        return _opened(known, iv, data, password) if known else None

    access, numbers = unlock(
        passwords,
        attempt,
        guess=guess,
        seconds=_SECONDS,
        scheme=f"{cipher or 'unknown cipher'}, one MD5 of the password",
        obstacle="" if known else "No password was tried: the cipher is not known.",
        budget=budget,
    )
    return numbers or Material(algorithm=""), access


def _opened(known: tuple[str, int, int], iv: bytes, data: bytes, password: bytes) -> Material | None:
    if not password:  # OpenSSL asks for at least four characters, and its library does not encrypt without one
        return None
    name, size, bits = known
    key = _stretched(password, iv[:_SALT], size)
    plain = _decrypted(name, key, bits, iv, data)
    padding = plain[-1] if plain else 0
    if not 1 <= padding <= len(iv) or plain[-padding:] != bytes((padding,)) * padding:
        return None
    try:
        plain = plain[:-padding]
        return read(plain) if derkind.kind(plain) in _PRIVATE and derkind.is_complete(plain) else None
    except KeyFormatError:
        return None


def _decrypted(name: str, key: bytes, bits: int, iv: bytes, data: bytes) -> bytes:
    if name == "rc2":
        from stanch.keys.rc2 import decrypt_cbc

        return decrypt_cbc(key, bits, iv, data)
    if name == "des":
        name, key = "3des", key * 3
    elif name == "3des" and len(key) == 16:
        key += key[:8]
    try:
        return decrypt(name, "cbc", key, iv, data) or b""
    except CipherUnavailableError:
        return b""


def _stretched(password: bytes, salt: bytes, size: int) -> bytes:
    derived, digest = b"", b""
    while len(derived) < size:
        digest = md5(digest + password + salt, usedforsecurity=False).digest()
        derived += digest
    return derived[:size]
