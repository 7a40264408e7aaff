"""What people see of channels and of what went to them. The settings are sealed and stay so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from stanch.core.errors import NotFoundError
from stanch.db import channels as rows
from stanch.db import cursors


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelView:
    """What people see of a channel.

    Attributes:
        id: its id.
        name: for people.
        kind: `stanch.notify.kinds.ChannelKind` value.
        shown: where it leads: the host.
        enabled: whether it is used.
        rules: what it wants to hear, as JSON; none for everything.
        quiet: its quiet hours, as JSON.
        created_at: when it was made.
        last_state: of its last delivery: ``sent``, ``failed``, ``waiting`` for another attempt; empty when there was none.
        last_error: code of that one's failure.
        last_at: when it was sent, or made.
    """

    id: str
    name: str
    kind: str
    shown: str
    enabled: bool
    rules: Sequence[Mapping[str, Any]]
    quiet: Mapping[str, Any]
    created_at: datetime
    last_state: str = ""
    last_error: str = ""
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryView:
    """One notice on its way to a channel, or how that ended.

    Attributes:
        id: its id.
        kind: `NoticeKind` value.
        title: of the notice.
        severity: of the notice.
        incident: number of the incident; 0 for none.
        state: ``waiting``, ``sent``, ``failed`` or ``dropped``.
        attempts: begun so far.
        merged: how many more it speaks for.
        error: code of the last failure, or why it was dropped.
        created_at: when it was made.
        next_at: when it is tried next; ``None`` when it ended.
        sent_at: when it arrived.
    """

    id: str
    kind: str
    title: str
    severity: str
    incident: int
    state: str
    attempts: int
    merged: int
    error: str
    created_at: datetime
    next_at: datetime | None
    sent_at: datetime | None


def list_channels(connection: Connection, workspace: str) -> list[ChannelView]:
    """Return the channels of a workspace in the order they were made."""
    last = rows.last_of_each(connection, workspace)
    return [_view(row, last.get(row["id"])) for row in rows.channels_of(connection, workspace)]


def channel(connection: Connection, workspace: str, id: str) -> ChannelView:
    """Return one channel.

    Raises:
        NotFoundError: there is no such channel.
    """
    row = channel_row(connection, workspace, id)
    return _view(row, rows.last_of_each(connection, workspace).get(id))


def deliveries_of(
    connection: Connection, workspace: str, channel: str, *, cursor: str = "", limit: int = 50
) -> tuple[list[DeliveryView], str]:
    """Return deliveries of a channel, the newest first, and the cursor of the next page (empty when there is none).

    Raises:
        NotFoundError: there is no such channel.
        InputError: the cursor is not one of this list.
    """
    channel_row(connection, workspace, channel)
    before = str(cursors.decode("deliveries", cursor, 1)[0]) if cursor else ""
    found = rows.deliveries_of(connection, workspace, channel, before=before, limit=limit + 1)
    views = [_delivery_view(row) for row in found[:limit]]
    return views, cursors.encode("deliveries", [views[-1].id]) if len(found) > limit else ""


def channel_row(connection: Connection, workspace: str, id: str) -> Mapping[Any, Any]:
    """Return the row of a channel.

    Raises:
        NotFoundError: there is no such channel.
    """
    row = rows.channel(connection, workspace, id)
    if row is None:
        raise NotFoundError("there is no such channel.", hint="It may be in another workspace.")
    return row


def _view(row: Mapping[Any, Any], last: Mapping[Any, Any] | None) -> ChannelView:
    return ChannelView(
        id=row["id"],
        name=row["name"],
        kind=row["kind"],
        shown=row["shown"],
        enabled=row["enabled"],
        rules=list(row["rules"] or ()),
        quiet=row["quiet"] or {},
        created_at=row["created_at"],
        last_state=last["state"] if last else "",
        last_error=last["error"] if last else "",
        last_at=(last["sent_at"] or last["created_at"]) if last else None,
    )


def _delivery_view(row: Mapping[Any, Any]) -> DeliveryView:
    notice = row["notice"]
    return DeliveryView(
        id=row["id"],
        kind=notice["kind"],
        title=notice["title"],
        severity=notice["severity"],
        incident=notice["incident"],
        state=row["state"],
        attempts=row["attempts"],
        merged=row["merged"],
        error=row["error"],
        created_at=row["created_at"],
        next_at=row["next_at"],
        sent_at=row["sent_at"],
    )
