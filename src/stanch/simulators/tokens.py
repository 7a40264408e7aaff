"""Access tokens of the simulated Entra: issued by `Entra`, read by the simulated Graph and Key Vault."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from stanch.simulators.jws import JwsError, encoded, parse, signed, verified

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

LIFETIME: Final = 3_599  # seconds


class TokenError(Exception):
    """A token that is not accepted. The message says why and holds nothing of it."""


class Tokens:
    """Signs and reads access tokens with one RSA key, made when it is first needed. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: RSAPrivateKey | None = None

    def issue(self, claims: Mapping[str, Any], now: datetime) -> str:
        """Return a token with *claims*, good from *now* for an hour."""
        start = int(now.timestamp())
        times = {"iat": start, "nbf": start, "exp": start + LIFETIME}
        return signed({"kid": self.key_id, "x5t": self.key_id}, {**times, **claims}, self._key)

    def read(self, token: str, *, audiences: tuple[str, ...], now: datetime) -> Mapping[str, Any]:
        """Return the claims of a token that is ours, meant for one of *audiences* and in its time.

        Raises:
            TokenError: it is not.
        """
        try:
            jws = parse(token)
            start, end = jws.seconds("nbf") or 0.0, jws.seconds("exp") or 0.0
        except JwsError as exc:
            raise TokenError("CompactToken parsing failed") from exc
        if not verified(jws, self._key.public_key()):
            raise TokenError("Signature validation failed")
        if not start - 300 <= now.timestamp() < end:
            raise TokenError("Lifetime validation failed, the token is expired")
        if jws.text("aud").rstrip("/") not in [audience.rstrip("/") for audience in audiences]:
            raise TokenError("Invalid audience")
        return jws.claims

    @property
    def key_id(self) -> str:
        """The id of the key in `key_set`."""
        public = self._key.public_key().public_numbers()
        return encoded(hashlib.sha1(_octets(public.n), usedforsecurity=False).digest())

    def key_set(self) -> dict[str, Any]:
        """Return the public key as a JSON Web Key Set (RFC 7517)."""
        public = self._key.public_key().public_numbers()
        key = {
            "kty": "RSA",
            "use": "sig",
            "kid": self.key_id,
            "x5t": self.key_id,
            "n": encoded(_octets(public.n)),
            "e": encoded(_octets(public.e)),
        }
        return {"keys": [key]}

    @property
    def _key(self) -> RSAPrivateKey:
        from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

        with self._lock:
            if self._made is None:
                self._made = generate_private_key(public_exponent=65537, key_size=2048)
            return self._made


def _octets(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
