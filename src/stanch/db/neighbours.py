"""The incidents before and after one in a list, so that a person can walk through it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from stanch.core.filters import IncidentFilter
from stanch.db.incidents import ORDERS, conditions
from stanch.db.tables import incidents


def neighbours(connection: Connection, workspace: str, wanted: IncidentFilter, row: Mapping[Any, Any]) -> tuple[int, int]:
    """Return the numbers of the incidents before and after this one in the list of a filter; 0 for none.

    The incident itself need not fit the filter any more: people change what they look at.
    """
    columns, falls = ORDERS[wanted.sort]
    here = sa.tuple_(*(sa.literal(row[column.name], column.type) for column in columns))
    there = sa.tuple_(*columns)

    def nearest(*, after: bool) -> int:
        down = falls is after
        query = sa.select(incidents.c.number).where(*conditions(workspace, wanted), there < here if down else there > here)
        query = query.order_by(*(column.desc() if down else column.asc() for column in columns)).limit(1)
        return connection.execute(query).scalar_one_or_none() or 0

    return nearest(after=False), nearest(after=True)
