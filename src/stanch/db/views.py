"""Saved filters of the incident list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from stanch.db.tables import views


def add(connection: Connection, row: Mapping[str, Any]) -> None:
    """Save a filter."""
    connection.execute(sa.insert(views).values(**row))


def view(connection: Connection, workspace: str, id: str, user: str) -> RowMapping | None:
    """Return a filter that a user sees: one of theirs, or everybody's."""
    v = views.c
    mine = sa.or_(v.user_id == user, v.user_id.is_(None))
    return connection.execute(sa.select(views).where(v.workspace_id == workspace, v.id == id, mine)).mappings().one_or_none()


def count(connection: Connection, workspace: str, user: str | None) -> int:
    """Return how many filters a user has saved, or everybody has together."""
    query = sa.select(sa.func.count()).select_from(views).where(views.c.workspace_id == workspace, views.c.user_id == user)
    found: int = connection.execute(query).scalar_one()
    return found


def remove(connection: Connection, id: str) -> None:
    """Forget a filter."""
    connection.execute(sa.delete(views).where(views.c.id == id))
