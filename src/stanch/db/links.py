"""One-time links, by the hash of their token."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from stanch.db.tables import links


def add(connection: Connection, row: dict[str, Any]) -> None:
    """Keep a link."""
    connection.execute(sa.insert(links).values(**row))


def find(connection: Connection, hash: str, now: datetime) -> RowMapping | None:
    """Return a link that can be used now."""
    c = links.c
    query = sa.select(links).where(c.hash == hash, c.used_at.is_(None), c.expires_at > now)
    return connection.execute(query).mappings().one_or_none()


def use(connection: Connection, hash: str, now: datetime) -> RowMapping | None:
    """Use a link up and return it; of several that try at once, one gets it."""
    c = links.c
    statement = sa.update(links).where(c.hash == hash, c.used_at.is_(None), c.expires_at > now).values(used_at=now)
    return connection.execute(statement.returning(*links.c)).mappings().one_or_none()


def unused(connection: Connection, purpose: str, workspace: str, now: datetime) -> Sequence[RowMapping]:
    """Return links of a workspace that can be used now, the newest first."""
    c = links.c
    query = sa.select(links).where(c.purpose == purpose, c.workspace_id == workspace, c.used_at.is_(None), c.expires_at > now)
    return connection.execute(query.order_by(c.created_at.desc(), c.hash)).mappings().all()


def remove(connection: Connection, hash: str) -> None:
    """Take a link out."""
    connection.execute(sa.delete(links).where(links.c.hash == hash))


def remove_unused(
    connection: Connection, purpose: str, *, user: str | None = None, workspace: str | None = None, email: str | None = None
) -> int:
    """Take out links that were not used: of a purpose, of a user, for a workspace, to an address; returns how many."""
    c = links.c
    where = [c.purpose == purpose, c.used_at.is_(None)]
    where += [column == value for column, value in ((c.user_id, user), (c.workspace_id, workspace), (c.email, email)) if value]
    return connection.execute(sa.delete(links).where(*where)).rowcount


def remove_ended(connection: Connection, before: datetime) -> int:
    """Take out links whose time was over by then; returns how many."""
    return connection.execute(sa.delete(links).where(links.c.expires_at <= before)).rowcount
