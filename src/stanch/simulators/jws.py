"""Signed JSON Web Tokens, as far as Microsoft's services use them: RS256 and PS256, https://www.rfc-editor.org/rfc/rfc7515.

Own code and not a library's, so that what is accepted is in sight: strict base64url, no padding, two algorithms.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

LONGEST: Final = 32 * 1024  # characters of a token
ALGORITHMS: Final = ("RS256", "PS256")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_-]+")


class JwsError(ValueError):
    """A token that is none, or not one of ours. The message holds nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Jws:
    """A token that was taken apart; nothing about it is proven yet.

    Attributes:
        header: protected header.
        claims: payload.
        signed: what the signature is over.
        signature: as sent.
    """

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signed: bytes
    signature: bytes

    def text(self, claim: str) -> str:
        """Return a claim that is text; empty when it is not there or something else."""
        value = self.claims.get(claim)
        return value if isinstance(value, str) else ""

    def seconds(self, claim: str) -> float | None:
        """Return a NumericDate claim: whole or, as MSAL sends them, fractional seconds since 1970.

        Raises:
            JwsError: it is there and no such number.
        """
        value = self.claims.get(claim)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
            raise JwsError(f"the claim {claim} is no time")
        return float(value)


def parse(token: str) -> Jws:
    """Take a compact token apart.

    Raises:
        JwsError: it is none, or one with padding: Microsoft refuses those too.
    """
    parts = token.split(".")
    if len(token) > LONGEST or len(parts) != 3 or not all(map(_SEGMENT.fullmatch, parts)):
        raise JwsError("a token has three parts in base64url without padding")
    return Jws(
        header=_object(parts[0]),
        claims=_object(parts[1]),
        signed=f"{parts[0]}.{parts[1]}".encode(),
        signature=decoded(parts[2]),
    )


def verified(jws: Jws, key: RSAPublicKey) -> bool:
    """Whether the signature is that key's, by RS256 or PS256."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    scheme: padding.PKCS1v15 | padding.PSS
    if jws.header.get("alg") == "RS256":
        scheme = padding.PKCS1v15()
    elif jws.header.get("alg") == "PS256":
        scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=hashes.SHA256.digest_size)
    else:
        return False
    try:
        key.verify(jws.signature, jws.signed, scheme, hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def signed(header: Mapping[str, Any], claims: Mapping[str, Any], key: RSAPrivateKey) -> str:
    """Return a token signed with RS256."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    text = (
        f"{encoded(json.dumps({'typ': 'JWT', 'alg': 'RS256', **header}).encode())}.{encoded(json.dumps(dict(claims)).encode())}"
    )
    return f"{text}.{encoded(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def encoded(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Return the bytes of base64url text, padded or not.

    Raises:
        JwsError: it is none.
    """
    bare = text.rstrip("=")
    if not _SEGMENT.fullmatch(bare) or len(text) - len(bare) > 2:
        raise JwsError("this is no base64url")
    try:
        return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    except binascii.Error as exc:
        raise JwsError("this is no base64url") from exc


def _object(segment: str) -> dict[str, Any]:
    try:
        value = json.loads(decoded(segment))
    except (ValueError, RecursionError) as exc:
        raise JwsError("a part of the token is no JSON") from exc
    if not isinstance(value, dict):
        raise JwsError("a part of the token is no JSON object")
    return value
