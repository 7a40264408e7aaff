"""API tokens, by the hash of what their owner was shown once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from stanch.db.tables import memberships, tokens, users, workspaces


def add(connection: Connection, row: dict[str, Any]) -> None:
    """Keep a token."""
    connection.execute(sa.insert(tokens).values(**row))


def find(connection: Connection, hash: str, now: datetime) -> RowMapping | None:
    """Return a token that is good now, with its owner and the owner's role in its workspace now."""
    t, u, m, w = tokens.c, users.c, memberships.c, workspaces.c
    query = (
        sa.select(tokens, u.email, u.name.label("user_name"), m.role, w.slug)
        .join(users, u.id == t.user_id)
        .join(workspaces, w.id == t.workspace_id)
        .join(memberships, sa.and_(m.user_id == t.user_id, m.workspace_id == t.workspace_id))
        .where(
            t.hash == hash, t.revoked_at.is_(None), sa.or_(t.expires_at.is_(None), t.expires_at > now), u.disabled_at.is_(None)
        )
    )
    return connection.execute(query).mappings().one_or_none()


def touch(connection: Connection, id: str, now: datetime) -> None:
    """Remember when a token was last used."""
    used = tokens.c.used_at
    connection.execute(sa.update(tokens).where(tokens.c.id == id, sa.or_(used.is_(None), used < now)).values(used_at=now))


def of_workspace(connection: Connection, workspace: str, *, user: str = "") -> Sequence[RowMapping]:
    """Return the tokens of a workspace, or of one of its users there, the newest first."""
    t = tokens.c
    shown = [c for c in t if c.name != "hash"]
    query = (
        sa.select(*shown, users.c.name.label("user_name"), users.c.email)
        .join(users, users.c.id == t.user_id)
        .where(t.workspace_id == workspace)
        .order_by(t.created_at.desc(), t.id.desc())
    )
    if user:
        query = query.where(t.user_id == user)
    return connection.execute(query).mappings().all()


def token(connection: Connection, workspace: str, id: str) -> RowMapping | None:
    """Return a token by id."""
    query = sa.select(tokens).where(tokens.c.workspace_id == workspace, tokens.c.id == id)
    return connection.execute(query).mappings().one_or_none()


def revoke(connection: Connection, id: str, now: datetime) -> bool:
    """Make a token worthless; false when it was already."""
    statement = sa.update(tokens).where(tokens.c.id == id, tokens.c.revoked_at.is_(None)).values(revoked_at=now)
    return connection.execute(statement).rowcount == 1


def revoke_all(connection: Connection, user: str, now: datetime, *, workspace: str = "") -> int:
    """Make the tokens of a user worthless, in one workspace or everywhere; returns how many."""
    statement = sa.update(tokens).where(tokens.c.user_id == user, tokens.c.revoked_at.is_(None))
    if workspace:
        statement = statement.where(tokens.c.workspace_id == workspace)
    return connection.execute(statement.values(revoked_at=now)).rowcount
