"""How a delivery goes on: a pure state machine. Who keeps deliveries, and runs this, stands elsewhere.

Deliveries of one channel keep their order: while its first one waits for another attempt, the others wait behind it, because
what failed is nearly always the channel and not the notice. What is wrong with the notice itself is permanent and ends at once.
At least once: a delivery is claimed before it is sent, and a claim that nobody finishes ends by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from stanch.notify.outcome import Delivered, Failed, Outcome

BACKOFF: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360))
"""Waits between attempts: six attempts in all, over eight and a half hours."""
LEASE: Final = timedelta(minutes=5)
LONGEST_WAIT: Final = BACKOFF[-1]
STALE: Final = timedelta(days=3)


class DeliveryState(str, Enum):
    """Where a delivery stands."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One notice on its way to one channel.

    Attributes:
        id: sorts by the time it was made.
        channel: id of the channel.
        created_at: when it was made.
        next_at: not to be tried before.
        state: where it stands.
        attempts: begun so far.
        error: code of the last failure.
        sent_at: when it arrived.
    """

    id: str
    channel: str
    created_at: datetime
    next_at: datetime
    state: DeliveryState = DeliveryState.WAITING
    attempts: int = 0
    error: str = ""
    sent_at: datetime | None = None


def claimed(delivery: Delivery, now: datetime) -> Delivery:
    """Return a delivery that somebody is about to send. Nobody else takes it before the lease is over.

    The attempt counts from here, so a delivery that kills its worker is not tried for ever.
    """
    _must_wait(delivery)
    return replace(delivery, attempts=delivery.attempts + 1, next_at=now + LEASE)


def next_attempt(delivery: Delivery, outcome: Outcome, now: datetime) -> Delivery:
    """Return a claimed delivery after its attempt: sent, failed for good, or waiting for the next one."""
    _must_wait(delivery)
    if isinstance(outcome, Delivered):
        return replace(delivery, state=DeliveryState.SENT, error="", sent_at=now)
    if outcome.permanent:
        return replace(delivery, state=DeliveryState.FAILED, error=outcome.code)
    if delivery.attempts > len(BACKOFF):
        return replace(delivery, state=DeliveryState.FAILED, error=f"gave_up:{outcome.code}")
    return replace(delivery, next_at=now + wait_after(delivery.attempts, outcome), error=outcome.code)


def wait_after(attempts: int, outcome: Failed) -> timedelta:
    """Return the wait before the next attempt: by the schedule, or longer when the channel asks for it, up to `LONGEST_WAIT`."""
    planned = BACKOFF[min(max(attempts, 1), len(BACKOFF)) - 1]
    asked = timedelta(seconds=min(outcome.retry_after or 0.0, LONGEST_WAIT.total_seconds()))
    return min(max(planned, asked), LONGEST_WAIT)


def expired(delivery: Delivery, now: datetime) -> Delivery:
    """Return the delivery as it is, or dropped when what it says is old news or nobody finished its last attempt."""
    if delivery.state is not DeliveryState.WAITING or delivery.next_at > now:
        return delivery
    if now - max(delivery.created_at, _held(delivery)) > STALE:
        return replace(delivery, state=DeliveryState.DROPPED, error=delivery.error or "stale")
    if delivery.attempts > len(BACKOFF):
        return replace(delivery, state=DeliveryState.FAILED, error=delivery.error or "gave_up:crashed")
    return delivery


def due(deliveries: Iterable[Delivery], now: datetime) -> list[Delivery]:
    """Return what may be sent now: of each channel the oldest waiting delivery, when its time has come.

    A delivery that was never tried and is held (quiet hours, a follow-up) does not hold up those behind it.
    """
    heads: dict[str, Delivery] = {}
    for delivery in sorted(deliveries, key=lambda each: (each.created_at, each.id)):
        held = not delivery.attempts and delivery.next_at > now
        if delivery.state is DeliveryState.WAITING and not held:
            heads.setdefault(delivery.channel, delivery)
    return [head for head in heads.values() if head.next_at <= now]


def _held(delivery: Delivery) -> datetime:
    """A delivery that was held is not old because of that."""
    return delivery.created_at if delivery.attempts else delivery.next_at


def _must_wait(delivery: Delivery) -> None:
    if delivery.state is not DeliveryState.WAITING:
        raise ValueError(f"a delivery that is {delivery.state.value} is not sent")
