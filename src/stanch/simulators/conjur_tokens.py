"""Conjur's access tokens: signed JSON, good for eight minutes, sent base64-encoded as ``Authorization: Token token="…"``.

Source: https://github.com/cyberark/conjur-openapi-spec, spec/authentication.yml. Padding is kept: clients decode with it. The
real signature is made with a key pair; here it is a MAC, which nobody but the server reads either way.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

LIFE: Final = timedelta(minutes=8)
_HEADER: Final = re.compile(r'Token token="([A-Za-z0-9+/=]{1,8192})"', re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a token was issued to, and when."""

    login: str
    issued: datetime


class TokenError(ValueError):
    """A token is missing, unreadable, forged or too old: the text says which."""


class ConjurTokens:
    """Issues and reads tokens."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._name = secrets.token_hex(16)

    def issue(self, login: str, now: datetime) -> bytes:
        """Return a token as JSON."""
        begin = int(now.timestamp())
        payload = _encoded({"sub": login, "exp": begin + int(LIFE.total_seconds()), "iat": begin})
        protected = _encoded({"alg": "conjur.org/slosilo/v2", "kid": self._name})
        return json.dumps({"protected": protected, "payload": payload, "signature": self._signature(protected, payload)}).encode()

    def read(self, header: str, now: datetime) -> Identity:
        """Return whose token an Authorization header holds.

        Raises:
            TokenError: it holds none that is good.
        """
        found = _HEADER.fullmatch(header.strip())
        if found is None:
            raise TokenError("Authorization missing")
        try:
            token = json.loads(base64.b64decode(found[1], validate=True))
            protected, payload, signature = str(token["protected"]), str(token["payload"]), str(token["signature"])
        except (ValueError, LookupError, TypeError, RecursionError) as exc:
            raise TokenError("Unauthorized: Malformed authorization token") from exc
        if not hmac.compare_digest(self._signature(protected, payload).encode(), signature.encode("utf-8", "replace")):
            raise TokenError("Unauthorized: Invalid token")
        claims = json.loads(base64.urlsafe_b64decode(payload))
        if now.timestamp() >= claims["exp"]:
            raise TokenError("Unauthorized: Token expired")
        return Identity(login=claims["sub"], issued=datetime.fromtimestamp(claims["iat"], UTC))

    def _signature(self, protected: str, payload: str) -> str:
        signed = f"{protected}.{payload}".encode("utf-8", "replace")
        return base64.urlsafe_b64encode(hmac.digest(self._secret, signed, hashlib.sha256)).decode()


def _encoded(claims: dict[str, str | int]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode()
