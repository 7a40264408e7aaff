"""How a password answers a MySQL server, by the name of its authentication plugin.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_authentication_methods.html
"""

from __future__ import annotations

import hashlib
from typing import Final

NATIVE: Final = "mysql_native_password"
CACHING: Final = "caching_sha2_password"
SHA256: Final = "sha256_password"
CLEAR: Final = "mysql_clear_password"


def native(password: bytes, nonce: bytes) -> bytes:
    """Return ``mysql_native_password``'s answer: SHA-1 is the protocol's choice."""
    once = hashlib.sha1(password, usedforsecurity=False).digest()
    twice = hashlib.sha1(once, usedforsecurity=False).digest()
    return _xor(once, hashlib.sha1(nonce + twice, usedforsecurity=False).digest())


def caching(password: bytes, nonce: bytes) -> bytes:
    """Return ``caching_sha2_password``'s first answer, which suffices when the server remembers the password."""
    once = hashlib.sha256(password).digest()
    twice = hashlib.sha256(once).digest()
    return _xor(once, hashlib.sha256(twice + nonce).digest())


def sealed(password: bytes, nonce: bytes, key: bytes) -> bytes | None:
    """Return the password encrypted for the server's public key; ``None`` when that is no key to use.

    Args:
        password: plain.
        nonce: the server's.
        key: PEM, as the server sent it.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    try:
        public = serialization.load_pem_public_key(key)
        if not isinstance(public, rsa.RSAPublicKey) or not 2048 <= public.key_size <= 16_384:
            return None
        masked = _xor(password + b"\0", nonce * (len(password) // len(nonce) + 1))
        oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)  # noqa: S303  # the protocol's
        return public.encrypt(masked, oaep)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=False))
