"""When a request is sent again, and after how long."""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

from stanch.net.model import HttpAnswer, PlainRequest

_REPEATABLE: Final = ("GET", "HEAD")
_COME_AGAIN: Final = (429, 503)


def may_repeat(request: PlainRequest) -> bool:
    """Say whether sending it twice does no more than once: GET, HEAD, what an adapter says is so, and an ``Idempotency-Key``.

    The header: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/.
    """
    return (
        request.method in _REPEATABLE or request.idempotent or any(name.lower() == "idempotency-key" for name in request.headers)
    )


def asks_to_come_again(answer: HttpAnswer) -> bool:
    """Say whether the issuer wants the request later."""
    return answer.status in _COME_AGAIN


def asked_wait(answer: HttpAnswer, now: datetime) -> float | None:
    """Return the seconds that ``Retry-After`` asks for (a number or a date, RFC 9110 §10.2.3); ``None`` when it says nothing."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:12])
    try:
        when = parsedate_to_datetime(text[:64])
        return max(0.0, (when - now).total_seconds())
    except (ValueError, TypeError, IndexError, OverflowError):  # TypeError: a date without a zone
        return None


def backoff(attempt: int, base: float, longest: float, chance: float) -> float:
    """Return seconds to wait after the *attempt*-th try: doubled each time, and spread, so that not all come back at once.

    Args:
        attempt: 1 for the first.
        base: mean for the first.
        longest: bound.
        chance: from 0 up to 1.
    """
    return min(longest, base * float(1 << min(attempt - 1, 16)) * (0.5 + chance))
