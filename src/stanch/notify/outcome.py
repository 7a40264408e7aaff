"""What became of an attempt to deliver: it arrived, or it did not and why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """It arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """It did not arrive.

    Attributes:
        code: stable: ``http_500``, ``smtp_550``, ``timeout``, ``address_refused`` … Foreign text is never part of it.
        permanent: whether another attempt is pointless: what is wrong is the notice, or the address is given up.
        retry_after: seconds that the channel asks to wait; ``None`` when it does not say.
    """

    code: str
    permanent: bool = False
    retry_after: float | None = None


Outcome = Delivered | Failed

_REFUSALS = frozenset((400, 410, 413, 414, 415, 422))  # 410: https://github.com/standard-webhooks/standard-webhooks, "gone"


def outcome_of(status: int, retry_after: float | None = None) -> Outcome:
    """Return what an HTTP status means. Redirects are failures: nobody follows them.

    What a person can mend at the other end meanwhile (401, 403, 404) is tried again.
    """
    if 200 <= status < 300:
        return Delivered()
    return Failed(code=f"http_{status}", permanent=status in _REFUSALS, retry_after=retry_after)
