"""A TLS context that presents a client key, which is never written in the clear."""

from __future__ import annotations

import os
import secrets
import ssl
import tempfile
from typing import Final

from stanch.keys.model import Item
from stanch.net.model import NoAnswerError

# Forward-secret and authenticated only: what is left to a context that has to take an old client certificate.
_STRONG: Final = "ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=0"
_WEAK_CERTIFICATE: Final = ("EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK", "EE_MD_TOO_WEAK")


def load_identity(context: ssl.SSLContext, item: Item) -> None:
    """Let a context present the certificate and key of *item*.

    OpenSSL takes them only from a file. The file has mode 0600 and is gone when this returns; the key in it is encrypted
    under a random password that exists only in this call, so that a copy of the disk holds nothing.

    A context that has to present a certificate which is weak by today's measure (management certificates are often
    SHA-1 and RSA 1024) gives up OpenSSL's security level and is held to forward-secret ciphers instead; the server is
    verified all the same.

    Raises:
        NoAnswerError: ``tls``; there is no usable key and certificate.
    """
    password = secrets.token_hex(32)
    pem = _pem(item, password)
    if pem is None:
        raise NoAnswerError("tls", "The certificate and its private key are not both at hand, so they cannot be presented.")
    handle, path = tempfile.mkstemp(prefix="stanch-", suffix=".pem")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
        usable = _load(context, path, password)
    finally:
        os.unlink(path)
    if not usable:
        raise NoAnswerError(
            "tls", "OpenSSL does not take this certificate and key: they do not belong together, or are of a kind it lacks."
        )


def _pem(item: Item, password: str) -> bytes | None:
    if item.private is None or not item.certificates:
        return None
    from cryptography.hazmat.primitives import serialization as ser

    try:
        key = ser.load_der_private_key(item.private.reveal(), None)
        encrypted = key.private_bytes(
            ser.Encoding.PEM, ser.PrivateFormat.PKCS8, ser.BestAvailableEncryption(password.encode("ascii"))
        )
    except Exception:  # cryptography raises ValueError, TypeError, UnsupportedAlgorithm and others for keys it cannot handle
        return None
    chain = "".join(ssl.DER_cert_to_PEM_cert(der) for der in item.certificates[:16])
    return chain.encode("ascii") + encrypted


def _load(context: ssl.SSLContext, path: str, password: str) -> bool:
    for _ in range(2):
        try:
            context.load_cert_chain(path, password=lambda: password)
            return True
        except ssl.SSLError as exc:
            if exc.reason not in _WEAK_CERTIFICATE:
                return False
            context.set_ciphers(_STRONG)
    return False
