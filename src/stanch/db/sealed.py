"""Columns that hold sealed values, to go through all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from stanch.db.tables import channels, secrets, users


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedColumn:
    """A column of sealed values.

    Attributes:
        table: whose.
        column: which.
        context: further columns that say what a value is bound to.
    """

    table: sa.Table
    column: sa.Column[Any]
    context: tuple[sa.Column[Any], ...] = field(default=())


COLUMNS: Final = (
    SealedColumn(table=secrets, column=secrets.c.sealed, context=(secrets.c.workspace_id, secrets.c.fingerprint)),
    SealedColumn(table=users, column=users.c.totp_sealed),
    SealedColumn(table=channels, column=channels.c.sealed),
)


def page(connection: Connection, column: SealedColumn, *, after: str, limit: int) -> Sequence[RowMapping]:
    """Return sealed values by id, each with ``id``, ``sealed`` and the columns of its context."""
    id_ = column.table.c.id
    query = sa.select(id_, column.column.label("sealed"), *column.context).where(column.column.is_not(None), id_ > after)
    return connection.execute(query.order_by(id_).limit(limit)).mappings().all()


def replace(connection: Connection, column: SealedColumn, id: str, *, old: bytes, new: bytes) -> int:
    """Replace a sealed value that is still the old one; returns 1, or 0 when somebody wrote another meanwhile."""
    where = (column.table.c.id == id, column.column == old)
    return connection.execute(sa.update(column.table).where(*where).values({column.column.name: new})).rowcount
