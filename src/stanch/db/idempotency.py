"""Requests that came with an idempotency key, and what was answered."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping
from sqlalchemy.exc import IntegrityError

from stanch.db.tables import idempotency

_T = idempotency.c


def find(connection: Connection, actor: str, key: str) -> RowMapping | None:
    """Return what is known of a key."""
    return connection.execute(sa.select(idempotency).where(_T.actor_id == actor, _T.key == key)).mappings().one_or_none()


def claim(connection: Connection, actor: str, key: str, digest: str, now: datetime) -> bool:
    """Take a key that nobody has; false when somebody was faster."""
    try:
        with connection.begin_nested():
            connection.execute(sa.insert(idempotency).values(actor_id=actor, key=key, digest=digest, status=0, at=now))
    except IntegrityError:
        return False
    return True


def take_over(connection: Connection, actor: str, key: str, digest: str, *, seen_at: datetime, now: datetime) -> bool:
    """Take a key whose request was given up; false when somebody was faster."""
    mine = sa.and_(_T.actor_id == actor, _T.key == key, _T.at == seen_at)
    changed = connection.execute(sa.update(idempotency).where(mine).values(digest=digest, status=0, body=None, at=now))
    return changed.rowcount == 1


def store(
    connection: Connection, actor: str, key: str, *, digest: str, status: int, body: str | None, claimed_at: datetime
) -> None:
    """Keep an answer, unless another request has taken the key over meanwhile."""
    mine = sa.and_(_T.actor_id == actor, _T.key == key, _T.at == claimed_at, _T.status == 0)
    connection.execute(sa.update(idempotency).where(mine).values(digest=digest, status=status, body=body))


def release(connection: Connection, actor: str, key: str, *, claimed_at: datetime) -> None:
    """Give a key back, as if it had never been used."""
    mine = sa.and_(_T.actor_id == actor, _T.key == key, _T.at == claimed_at, _T.status == 0)
    connection.execute(sa.delete(idempotency).where(mine))


def forget(connection: Connection, before: datetime) -> int:
    """Take out keys that were used before; returns how many."""
    return connection.execute(sa.delete(idempotency).where(_T.at < before)).rowcount


def free_unfinished(connection: Connection) -> int:
    """Give back the keys of requests that were cut off, when nobody else can be at them; returns how many."""
    return connection.execute(sa.delete(idempotency).where(_T.status == 0)).rowcount
