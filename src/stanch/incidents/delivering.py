"""Deliver what waits in the outboxes: claim in one unit of work, send outside of any, and write down what became of it.

It may be run by several workers at once and may die at any point: a claim ends by itself, and what was sent but not written down
is sent once more, under the same id. Deliveries of one channel keep their order; more than a few a minute become one summary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy.engine import Connection

from stanch.core.ids import new_id
from stanch.core.incident import SYSTEM
from stanch.db import channels as rows
from stanch.incidents.desk import Desk
from stanch.incidents.sealing import SealError
from stanch.notify.channels import Channel, Sending
from stanch.notify.dedupe import MINUTE, plan_burst
from stanch.notify.message import Notice
from stanch.notify.outbox import Delivery, DeliveryState, claimed, expired, next_attempt
from stanch.notify.outcome import Failed, Outcome

_MOST_CHANNELS: Final = 50
_MOST_WAITING: Final = 1_000
_THREADS: Final = 8
_GONE: Final = "http_410"
_SEALED: Final = "seal"
_BROKEN: Final = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round of deliveries came to.

    Attributes:
        sent: that arrived.
        failed: given up.
        retried: to be tried again later.
    """

    sent: int = 0
    failed: int = 0
    retried: int = 0

    def __add__(self, other: Round) -> Round:
        """Return both together."""
        return Round(sent=self.sent + other.sent, failed=self.failed + other.failed, retried=self.retried + other.retried)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What was claimed for one channel, in order. Without a channel its settings did not open."""

    id: str
    workspace: str
    channel: Channel | None
    items: tuple[tuple[Delivery, Notice], ...]


def context_of(channel: str) -> str:
    """Return the context in which the settings of a channel are sealed."""
    return f"channels sealed {channel}"


def deliver_due(desk: Desk, sender: Sending, now: datetime | None = None) -> Round:
    """Send what is due, and return what became of it. To be called every few seconds.

    Args:
        desk: the record.
        sender: brings notices to channels.
        now: the time; the desk's clock when not given.
    """
    tasks = _claim(desk, now or desk.now())
    if not tasks:
        return Round()
    total = Round()
    with ThreadPoolExecutor(max_workers=min(_THREADS, len(tasks)), thread_name_prefix="deliver") as pool:
        running = {pool.submit(_send, sender, task): task for task in tasks}
        for done in as_completed(running):
            total += _settle(desk, running[done], done.result(), now or desk.now())
    return total


def _claim(desk: Desk, now: datetime) -> list[_Task]:
    with desk.look() as connection:  # most rounds find nothing, and should not wait for writers
        due = rows.due_channels(connection, now, _MOST_CHANNELS)
    tasks = []
    for channel in due:
        with desk.database.begin() as connection:
            task = _claim_channel(desk, connection, channel, now)
        if task is not None and task.items:
            tasks.append(task)
    return tasks


def _claim_channel(desk: Desk, connection: Connection, channel: str, now: datetime) -> _Task | None:
    row = rows.lock_channel(connection, channel)
    if row is None:
        return None
    if not row["enabled"]:
        rows.drop_waiting(connection, channel, "disabled")
        return None
    waiting = _still_good(connection, rows.waiting(connection, channel, now, _MOST_WAITING), now)
    tried = next((pair for pair in waiting if pair[0].attempts), None)
    # After an attempt the channel failed, or somebody is sending: nothing overtakes.
    chosen = _burst(connection, row, waiting, now) if tried is None else [tried] if tried[0].next_at <= now else []
    items = []
    for delivery, notice in chosen:
        taken = claimed(delivery, now)
        if rows.change_delivery(connection, delivery.id, delivery.attempts, attempts=taken.attempts, next_at=taken.next_at):
            items.append((taken, notice))
    return _Task(id=channel, workspace=row["workspace_id"], channel=_opened(desk, connection, row), items=tuple(items))


def _still_good(connection: Connection, waiting: Sequence[Mapping[Any, Any]], now: datetime) -> list[tuple[Delivery, Notice]]:
    """Return what is still worth sending; what is old news is given up."""
    good = []
    for row in waiting:
        delivery = _delivery_of(row)
        after = expired(delivery, now)
        if after.state is not DeliveryState.WAITING:
            _write(connection, delivery, after)
            continue
        good.append((delivery, Notice.from_json(row["notice"]).with_merged(row["merged"])))
    return good


def _burst(
    connection: Connection, channel: Mapping[Any, Any], waiting: list[tuple[Delivery, Notice]], now: datetime
) -> list[tuple[Delivery, Notice]]:
    """Return what to send now; when that would be too much, the rest is put into one summary."""
    plan = plan_burst([notice for _, notice in waiting], rows.sent_since(connection, channel["id"], now - MINUTE), now)
    chosen = [waiting[place] for place in plan.send]
    if plan.summary is None:
        return chosen
    for place in plan.covered:
        delivery = waiting[place][0]
        rows.change_delivery(connection, delivery.id, 0, state=DeliveryState.DROPPED.value, error="in_summary", next_at=None)
    summary = Delivery(id=new_id("dlv"), channel=channel["id"], created_at=now, next_at=now)
    row = {
        "id": summary.id,
        "workspace_id": channel["workspace_id"],
        "channel_id": channel["id"],
        "dedupe": plan.summary.dedupe_key,
        "state": "waiting",
        "notice": plan.summary.to_json(),
        "created_at": now,
        "next_at": now,
    }
    return [*chosen, (summary, plan.summary)] if rows.add_delivery(connection, row) else chosen


def _opened(desk: Desk, connection: Connection, row: Mapping[Any, Any]) -> Channel | None:
    try:
        return Channel.from_bytes(desk.keyring.open(connection, bytes(row["sealed"]), context_of(row["id"])))
    except SealError:
        return None


def _send(sender: Sending, task: _Task) -> list[Outcome]:
    """Send in order until the channel fails. What is wrong with one notice does not hold up the next."""
    outcomes: list[Outcome] = []
    for _, notice in task.items:
        outcome = Failed(code=_SEALED) if task.channel is None else _tried(sender, task.channel, notice)
        outcomes.append(outcome)
        if isinstance(outcome, Failed) and not outcome.permanent:
            break
    return outcomes


def _tried(sender: Sending, channel: Channel, notice: Notice) -> Outcome:
    try:
        return sender.send(channel, notice)
    except Exception:  # one broken channel must not stop the others; messages of libraries hold addresses
        return Failed(code=_BROKEN)


def _settle(desk: Desk, task: _Task, outcomes: Sequence[Outcome], now: datetime) -> Round:
    total = Round()
    with desk.database.begin() as connection:
        for place, (delivery, _) in enumerate(task.items):
            if place >= len(outcomes):  # not tried: it goes back to where it was
                rows.change_delivery(connection, delivery.id, delivery.attempts, attempts=0, next_at=now)
                continue
            after = next_attempt(delivery, outcomes[place], now)
            if _write(connection, delivery, after):
                total += _counted(after)
        if any(isinstance(outcome, Failed) and outcome.code == _GONE for outcome in outcomes):
            _give_up_channel(desk, connection, task, now)
    return total


def _give_up_channel(desk: Desk, connection: Connection, task: _Task, now: datetime) -> None:
    """Switch off a channel whose other side says that it is gone for good."""
    rows.change_channel(connection, task.id, enabled=False)
    desk.audit.write(
        connection,
        "channel.disable",
        actor=SYSTEM,
        now=now,
        workspace=task.workspace,
        subject=task.id,
        data={"reason": _GONE},
    )


def _write(connection: Connection, before: Delivery, after: Delivery) -> bool:
    ended = after.state is not DeliveryState.WAITING
    return rows.change_delivery(
        connection,
        before.id,
        before.attempts,
        state=after.state.value,
        error=after.error,
        sent_at=after.sent_at,
        next_at=None if ended else after.next_at,
    )


def _counted(after: Delivery) -> Round:
    if after.state is DeliveryState.WAITING:
        return Round(retried=1)
    return Round(sent=1) if after.state is DeliveryState.SENT else Round(failed=1)


def _delivery_of(row: Mapping[Any, Any]) -> Delivery:
    delivery = Delivery(id=row["id"], channel=row["channel_id"], created_at=row["created_at"], next_at=row["next_at"])
    return replace(delivery, attempts=row["attempts"], error=row["error"])
