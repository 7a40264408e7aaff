"""Signatures of outgoing webhooks: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.

HMAC-SHA-256 over id, time and body. While a secret is being replaced there are two signatures, so that a receiver may change over
at any moment of that time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self

PREFIX: Final = "whsec_"
OVERLAP: Final = timedelta(hours=24)
_BYTES: Final = 32
_LEAST, _MOST = 24, 64  # bytes of a secret, by the standard


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SigningKeys:
    """The secrets of a webhook, as they are sealed. It has no repr because it holds them.

    Attributes:
        current: the secret, ``whsec_…``.
        previous: the one before it; empty when there is none.
        previous_until: how long that one still signs.
    """

    current: str
    previous: str = ""
    previous_until: datetime | None = None

    @classmethod
    def new(cls) -> Self:
        """Return a fresh secret."""
        return cls(current=PREFIX + base64.b64encode(os.urandom(_BYTES)).decode("ascii"))

    def rotated(self, now: datetime) -> SigningKeys:
        """Return a fresh secret that the present one signs beside until `OVERLAP` is over."""
        fresh = SigningKeys.new()
        return SigningKeys(current=fresh.current, previous=self.current, previous_until=now + OVERLAP)

    def valid(self, now: datetime) -> tuple[str, ...]:
        """Return the secrets that sign now, the newest first."""
        if self.previous and self.previous_until is not None and now < self.previous_until:
            return (self.current, self.previous)
        return (self.current,)

    def to_json(self) -> dict[str, Any]:
        """Return what is sealed."""
        until = self.previous_until.isoformat() if self.previous_until else None
        return {"current": self.current, "previous": self.previous, "previous_until": until}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return what was sealed."""
        until = values.get("previous_until")
        return cls(
            current=values["current"],
            previous=values.get("previous", ""),
            previous_until=datetime.fromisoformat(until) if until else None,
        )


def headers(body: bytes, *, id: str, now: datetime, secrets: Sequence[str]) -> dict[str, str]:
    """Return the headers of a webhook.

    Args:
        body: exactly as it is sent.
        id: of the event; the same whenever it is sent again, so that receivers can tell.
        now: of this attempt; receivers refuse what is much older.
        secrets: ``whsec_…``, one signature each.
    """
    stamp = str(int(now.timestamp()))
    signed = f"{id}.{stamp}.".encode() + body
    return {
        "webhook-id": id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(_signature(signed, secret) for secret in secrets),
    }


def is_secret(text: str) -> bool:
    """Whether *text* is a secret of the standard's form."""
    try:
        return text.startswith(PREFIX) and _LEAST <= len(_key(text)) <= _MOST
    except (binascii.Error, ValueError):
        return False


def _signature(signed: bytes, secret: str) -> str:
    return "v1," + base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode("ascii")


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
