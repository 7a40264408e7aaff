"""The keyring: data keys, wrapped by the installation key. Nothing here sees a key in the clear."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from stanch.db.tables import keyring


def keys_for(connection: Connection, purpose: str) -> Sequence[RowMapping]:
    """Return the wrapped keys of a purpose, the newest last."""
    query = sa.select(keyring).where(keyring.c.purpose == purpose).order_by(keyring.c.created_at, keyring.c.id)
    return connection.execute(query).mappings().all()


def all_keys(connection: Connection) -> Sequence[RowMapping]:
    """Return every wrapped key; on PostgreSQL they are locked until the unit of work ends."""
    return connection.execute(sa.select(keyring).order_by(keyring.c.id).with_for_update()).mappings().all()


def every_key(connection: Connection) -> Sequence[RowMapping]:
    """Return every wrapped key, to look at."""
    return connection.execute(sa.select(keyring).order_by(keyring.c.id)).mappings().all()


def retire(connection: Connection, purpose: str, newest: str, now: datetime) -> int:
    """Note that all keys of a purpose but the newest seal nothing any more; returns how many."""
    k = keyring.c
    where = (k.purpose == purpose, k.id != newest, k.retired_at.is_(None))
    return connection.execute(sa.update(keyring).where(*where).values(retired_at=now)).rowcount


def add_key(connection: Connection, *, id: str, purpose: str, wrapped: bytes, wrapped_by: str, now: datetime) -> None:
    """Keep a new key."""
    connection.execute(sa.insert(keyring).values(id=id, purpose=purpose, wrapped=wrapped, wrapped_by=wrapped_by, created_at=now))


def rewrap(connection: Connection, id: str, *, wrapped: bytes, wrapped_by: str) -> None:
    """Replace the wrapping of a key; the key stays the same."""
    connection.execute(sa.update(keyring).where(keyring.c.id == id).values(wrapped=wrapped, wrapped_by=wrapped_by))
