"""Client assertions: how an application proves to Entra that it has a certificate's private key, without showing it.

https://learn.microsoft.com/entra/identity-platform/certificate-credentials: PS256 with ``x5t#S256`` is what is documented now,
RS256 with ``x5t`` what was before. Both digests are written without padding; a padded one may be refused as an unknown key.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from datetime import datetime
from typing import Final, Literal

from stanch.keys.model import Private

TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFETIME: Final = 300  # seconds; Microsoft asks for five to ten minutes
Algorithm = Literal["PS256", "RS256"]


class UnusableKeyError(Exception):
    """The key cannot sign an assertion. The message is for a person and holds nothing of it."""


def client_assertion(
    private: Private, certificate: bytes, *, client: str, audience: str, now: datetime, algorithm: Algorithm = "PS256"
) -> str:
    """Return a signed assertion.

    Args:
        private: the key, PKCS#8 DER.
        certificate: whose digest names the key, DER.
        client: client id.
        audience: the token endpoint it is for, and good at no other.
        now: from when it is good, for five minutes.
        algorithm: how it is signed.

    Raises:
        UnusableKeyError: it is no RSA key, or too small a one.
    """
    start = int(now.timestamp())
    if algorithm == "PS256":
        digest = {"x5t#S256": _encoded(hashlib.sha256(certificate).digest())}
    else:
        digest = {"x5t": _encoded(hashlib.sha1(certificate, usedforsecurity=False).digest())}
    claims = {
        "aud": audience,
        "iss": client,
        "sub": client,
        "jti": str(uuid.uuid4()),
        "iat": start,
        "nbf": start,
        "exp": start + LIFETIME,
    }
    head = {"alg": algorithm, "typ": "JWT", **digest}
    text = f"{_encoded(json.dumps(head).encode())}.{_encoded(json.dumps(claims).encode())}"
    return f"{text}.{_encoded(_signature(private, text.encode(), algorithm))}"


def _signature(private: Private, data: bytes, algorithm: Algorithm) -> bytes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    scheme: padding.PSS | padding.PKCS1v15 = padding.PKCS1v15()
    if algorithm == "PS256":
        scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=hashes.SHA256.digest_size)
    try:
        key = load_der_private_key(private.reveal(), None)
        if isinstance(key, RSAPrivateKey):
            return key.sign(data, scheme, hashes.SHA256())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise UnusableKeyError("The private key cannot be used to sign.") from None  # a library's words may quote the key
    raise UnusableKeyError("Entra takes RSA keys only, so this key cannot sign in there.")


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
