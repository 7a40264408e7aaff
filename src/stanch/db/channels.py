"""Channels and what waits to be delivered to them: the outbox, written in the unit of work of what it tells about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, RowMapping

from stanch.db.tables import channels, deliveries

_C = channels.c
_D = deliveries.c


def add_channel(connection: Connection, row: Mapping[str, Any]) -> None:
    """Make a channel."""
    connection.execute(sa.insert(channels).values(**row))


def channels_of(connection: Connection, workspace: str, *, enabled: bool = False) -> Sequence[RowMapping]:
    """Return the channels of a workspace in the order they were made; only those in use when *enabled*."""
    query = sa.select(channels).where(_C.workspace_id == workspace).order_by(_C.created_at, _C.id)
    return connection.execute(query.where(_C.enabled.is_(True)) if enabled else query).mappings().all()


def channel(connection: Connection, workspace: str, id: str) -> RowMapping | None:
    """Return a channel."""
    query = sa.select(channels).where(_C.workspace_id == workspace, _C.id == id)
    return connection.execute(query).mappings().one_or_none()


def name_taken(connection: Connection, workspace: str, name: str, *, but: str = "") -> bool:
    """Whether another channel of the workspace has this name."""
    query = sa.select(_C.id).where(_C.workspace_id == workspace, _C.name == name, _C.id != but)
    return connection.execute(query).first() is not None


def change_channel(connection: Connection, id: str, **values: Any) -> None:
    """Change a channel's row."""
    connection.execute(sa.update(channels).where(_C.id == id).values(**values))


def delete_channel(connection: Connection, id: str) -> None:
    """Remove a channel and all that waits for it."""
    connection.execute(sa.delete(channels).where(_C.id == id))


def lock_channel(connection: Connection, id: str) -> RowMapping | None:
    """Return a channel that nobody else is taking deliveries of; ``None`` when somebody is."""
    query = sa.select(channels).where(_C.id == id).with_for_update(skip_locked=True)
    return connection.execute(query).mappings().one_or_none()


def states_of(connection: Connection, channel: str, keys: Sequence[str]) -> dict[str, str]:
    """Return the states of a channel's deliveries by their keys."""
    query = sa.select(_D.dedupe, _D.state).where(_D.channel_id == channel, _D.dedupe.in_(keys))
    return {row[0]: row[1] for row in connection.execute(query)}


def add_delivery(connection: Connection, row: Mapping[str, Any]) -> bool:
    """Put a delivery into the outbox; false when the channel has one under that key already."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = make(deliveries).values(**row).on_conflict_do_nothing(index_elements=["channel_id", "dedupe"])
    return connection.execute(statement.returning(_D.id)).first() is not None  # the count of rows is not told everywhere


def merge_into(connection: Connection, channel: str, key: str, more: int) -> bool:
    """Let the delivery that waits under a key speak for more; false when it waits no longer."""
    where = (_D.channel_id == channel, _D.dedupe == key, _D.state == "waiting")
    return connection.execute(sa.update(deliveries).where(*where).values(merged=_D.merged + more)).rowcount == 1


def due_channels(connection: Connection, now: datetime, limit: int) -> Sequence[str]:
    """Return the channels for which something is to be sent now, the one that waits longest first."""
    query = (
        sa.select(_D.channel_id)
        .where(_D.state == "waiting", _D.next_at <= now)
        .group_by(_D.channel_id)
        .order_by(sa.func.min(_D.next_at), _D.channel_id)
        .limit(limit)
    )
    return connection.execute(query).scalars().all()


def waiting(connection: Connection, channel: str, now: datetime, limit: int) -> Sequence[RowMapping]:
    """Return what waits for a channel and is due or was tried, in order."""
    where = (_D.channel_id == channel, _D.state == "waiting", sa.or_(_D.next_at <= now, _D.attempts > 0))
    query = sa.select(deliveries).where(*where).order_by(_D.created_at, _D.id).limit(limit)
    return connection.execute(query).mappings().all()


def sent_since(connection: Connection, channel: str, since: datetime) -> list[datetime]:
    """Return when messages went to a channel."""
    query = sa.select(_D.sent_at).where(_D.channel_id == channel, _D.state == "sent", _D.sent_at > since)
    return list(connection.execute(query).scalars())


def change_delivery(connection: Connection, id: str, tried: int, **values: Any) -> bool:
    """Change a delivery that still waits after *tried* attempts; false when somebody else went on with it."""
    where = (_D.id == id, _D.state == "waiting", _D.attempts == tried)
    return connection.execute(sa.update(deliveries).where(*where).values(**values)).rowcount == 1


def drop_waiting(connection: Connection, channel: str, reason: str) -> None:
    """Give up everything that waits for a channel."""
    where = (_D.channel_id == channel, _D.state == "waiting")
    connection.execute(sa.update(deliveries).where(*where).values(state="dropped", error=reason, next_at=None))


def deliveries_of(
    connection: Connection, workspace: str, channel: str, *, before: str = "", limit: int = 50
) -> Sequence[RowMapping]:
    """Return the deliveries of a channel, the newest first."""
    query = (
        sa.select(deliveries).where(_D.workspace_id == workspace, _D.channel_id == channel).order_by(_D.id.desc()).limit(limit)
    )
    return connection.execute(query.where(_D.id < before) if before else query).mappings().all()


def last_of_each(connection: Connection, workspace: str) -> dict[str, RowMapping]:
    """Return the last delivery of each channel that was tried: channel → ``state``, ``error``, ``created_at``, ``sent_at``."""
    newest = sa.select(sa.func.max(_D.id)).where(_D.workspace_id == workspace, _D.attempts > 0).group_by(_D.channel_id)
    query = sa.select(_D.channel_id, _D.state, _D.error, _D.created_at, _D.sent_at).where(_D.id.in_(newest))
    return {row["channel_id"]: row for row in connection.execute(query).mappings()}


def forget(connection: Connection, before: datetime) -> int:
    """Remove deliveries that ended and are older than that; returns how many."""
    where = (_D.state != "waiting", _D.created_at < before)
    return connection.execute(sa.delete(deliveries).where(*where)).rowcount
