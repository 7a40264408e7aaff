"""Sessions of people who are signed in, by the hash of their cookie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from stanch.db.database import Database
from stanch.db.tables import sessions, users


def writable(connection: Connection) -> bool:
    """Whether this connection may write; one from `Database.read` may not."""
    if connection.dialect.name == "sqlite":
        return not connection.get_execution_options().get("stanch_reads")
    return bool(connection.exec_driver_sql("SHOW transaction_read_only").scalar_one() == "off")


@contextmanager
def briefly(database: Database) -> Iterator[Connection]:
    """Open a unit of work that waits for others a fifth of a second, not half a minute.

    Raises:
        sqlalchemy.exc.OperationalError: that was not enough.
    """
    if not database.is_sqlite:
        with database.begin() as connection:
            connection.exec_driver_sql("SET LOCAL lock_timeout = 200")
            yield connection
        return
    with database.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        (usual,) = driver.execute("PRAGMA busy_timeout").fetchone()
        driver.execute("PRAGMA busy_timeout = 200")
        try:
            with connection.begin():
                yield connection
        finally:
            driver.execute(f"PRAGMA busy_timeout = {int(usual)}")


def add(connection: Connection, row: dict[str, Any]) -> None:
    """Keep a session."""
    connection.execute(sa.insert(sessions).values(**row))


def find(connection: Connection, hash: str, *, now: datetime, seen_after: datetime) -> RowMapping | None:
    """Return a session that has not ended, with its user, who is not disabled."""
    s, u = sessions.c, users.c
    query = (
        sa.select(sessions, u.email, u.name, u.operator, u.last_seen_at)
        .join(users, u.id == s.user_id)
        .where(s.hash == hash, s.expires_at > now, s.seen_at > seen_after, u.disabled_at.is_(None))
    )
    return connection.execute(query).mappings().one_or_none()


def touch(connection: Connection, hash: str, user: str, now: datetime) -> None:
    """Remember when a session and its user were last seen."""
    connection.execute(sa.update(sessions).where(sessions.c.hash == hash, sessions.c.seen_at < now).values(seen_at=now))
    last = users.c.last_seen_at
    connection.execute(sa.update(users).where(users.c.id == user, sa.or_(last.is_(None), last < now)).values(last_seen_at=now))


def change(connection: Connection, hash: str, values: dict[str, Any]) -> bool:
    """Change a session, its hash too; false when it is gone."""
    return connection.execute(sa.update(sessions).where(sessions.c.hash == hash).values(**values)).rowcount == 1


def remove(connection: Connection, hash: str, *, user: str = "") -> bool:
    """End a session; of that user only, when one is given."""
    statement = sa.delete(sessions).where(sessions.c.hash == hash)
    if user:
        statement = statement.where(sessions.c.user_id == user)
    return connection.execute(statement).rowcount == 1


def remove_all(connection: Connection, user: str, *, but: str = "") -> int:
    """End all sessions of a user but one; returns how many."""
    return connection.execute(sa.delete(sessions).where(sessions.c.user_id == user, sessions.c.hash != but)).rowcount


def of_user(connection: Connection, user: str, *, now: datetime, seen_after: datetime) -> Sequence[RowMapping]:
    """Return the sessions of a user that have not ended, the one seen last first."""
    s = sessions.c
    query = sa.select(sessions).where(s.user_id == user, s.expires_at > now, s.seen_at > seen_after)
    return connection.execute(query.order_by(s.seen_at.desc(), s.hash)).mappings().all()


def remove_ended(connection: Connection, *, now: datetime, seen_before: datetime) -> int:
    """Take out sessions that have ended; returns how many."""
    s = sessions.c
    return connection.execute(sa.delete(sessions).where(sa.or_(s.expires_at <= now, s.seen_at <= seen_before))).rowcount


def has_csrf(connection: Connection, hash: str, csrf_hash: str) -> bool:
    """Whether a session has this CSRF token."""
    s = sessions.c
    query = sa.select(sa.literal(1)).where(s.hash == hash, s.csrf_hash == csrf_hash)
    return connection.execute(query).first() is not None
