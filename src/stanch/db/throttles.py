"""Counters of failed attempts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, RowMapping

from stanch.db.tables import throttles


def held(connection: Connection, buckets: Sequence[str], now: datetime) -> dict[str, RowMapping]:
    """Return counters by name, made when they are new, held until the unit of work ends; always in one order."""
    names = sorted(set(buckets))
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    query = sa.select(throttles).where(throttles.c.bucket.in_(names)).order_by(throttles.c.bucket).with_for_update()
    while True:
        for name in names:
            connection.execute(insert(throttles).values(bucket=name, failures=0, since=now).on_conflict_do_nothing())
        found = {row["bucket"]: row for row in connection.execute(query).mappings()}
        if len(found) == len(names):  # else somebody forgot one between the two statements: they were let in
            return found


def put(connection: Connection, bucket: str, *, failures: int, since: datetime, until: datetime | None) -> None:
    """Set a counter that is held."""
    statement = sa.update(throttles).where(throttles.c.bucket == bucket)
    connection.execute(statement.values(failures=failures, since=since, until=until))


def remove(connection: Connection, bucket: str) -> None:
    """Forget a counter."""
    connection.execute(sa.delete(throttles).where(throttles.c.bucket == bucket))


def take_back(connection: Connection, bucket: str) -> None:
    """Count one attempt less, and lift the lock that it brought."""
    t = throttles.c
    fewer = sa.case((t.failures > 0, t.failures - 1), else_=0)
    connection.execute(sa.update(throttles).where(t.bucket == bucket).values(failures=fewer, until=None))


def remove_before(connection: Connection, moment: datetime) -> int:
    """Forget counters that nothing was added to since; returns how many."""
    t = throttles.c
    over = sa.or_(t.until.is_(None), t.until < moment)
    return connection.execute(sa.delete(throttles).where(t.since < moment, over)).rowcount
