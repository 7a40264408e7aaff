"""The numbers of a workspace's overview. Each is one query; the caller keeps what they come to for a while."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from stanch.db.tables import incident_sources, incidents, sources
from stanch.db.types import to_micros

ACTIVE: Final = ("open", "in_remediation")
WEEK: Final = timedelta(weeks=1)
_I: Final = incidents.c
_MONDAY: Final = timedelta(days=3)  # 1970 began on a Thursday


def _micros(column: ColumnElement[Any]) -> ColumnElement[int]:
    return sa.type_coerce(column, sa.BigInteger)


def cube(connection: Connection, workspace: str) -> Sequence[tuple[str, str, str, str, int]]:
    """Return how many incidents there are of each state, severity, validity and exposure."""
    columns = (_I.state, _I.severity, _I.validity, _I.exposure)
    query = sa.select(*columns, sa.func.count()).where(_I.workspace_id == workspace).group_by(*columns)
    return [(row[0], row[1], row[2], row[3], row[4]) for row in connection.execute(query)]


def unassigned(connection: Connection, workspace: str) -> int:
    """Return how many active incidents nobody looks after."""
    where = (_I.workspace_id == workspace, _I.state.in_(ACTIVE), _I.assignee_id.is_(None), _I.team_id.is_(None))
    count: int = connection.execute(sa.select(sa.func.count()).select_from(incidents).where(*where)).scalar_one()
    return count


def ages(connection: Connection, workspace: str, now: datetime, limits: Sequence[timedelta]) -> list[int]:
    """Return how many active incidents are younger than each limit and older than the one before; the last are older than all."""
    step = sa.case(*((_I.opened_at > now - limit, n) for n, limit in enumerate(limits)), else_=len(limits))
    where = (_I.workspace_id == workspace, _I.state.in_(ACTIVE))
    query = sa.select(step.label("step"), sa.func.count()).where(*where).group_by(sa.text("step"))
    found: dict[int, int] = {row[0]: row[1] for row in connection.execute(query)}
    return [found.get(n, 0) for n in range(len(limits) + 1)]


def remediation(connection: Connection, workspace: str, since: datetime) -> tuple[int, timedelta | None, timedelta | None]:
    """Return how many incidents were resolved since then, and how long half and nine tenths of them took at most."""
    took = (_micros(_I.resolved_at) - _micros(_I.opened_at)).label("took")
    of_all = sa.func.count().over().label("of_all")
    plain = sa.select(took).where(_I.workspace_id == workspace, _I.state == "resolved", _I.resolved_at >= since).subquery()
    place = sa.func.row_number().over(order_by=plain.c.took).label("place")
    ranked = sa.select(plain.c.took, place, of_all).subquery()
    half, most = (ranked.c.of_all + 1) // 2, (ranked.c.of_all * 9 + 9) // 10
    query = sa.select(ranked).where(sa.or_(ranked.c.place == half, ranked.c.place == most)).order_by(ranked.c.place)
    rows = connection.execute(query).all()
    if not rows:
        return 0, None, None
    return rows[0].of_all, timedelta(microseconds=rows[0].took), timedelta(microseconds=rows[-1].took)


def week_of(moment: datetime) -> int:
    """Return the number of a week that begins on Monday, UTC."""
    return (to_micros(moment) + _MONDAY // timedelta(microseconds=1)) // (WEEK // timedelta(microseconds=1))


def by_week(connection: Connection, workspace: str, column: str, since: datetime) -> dict[int, int]:
    """Return how often *column* (a time of incidents) lies in each week: number of `week_of` → count."""
    at = _I[column]
    week = (_micros(at) + _MONDAY // timedelta(microseconds=1)) // sa.literal_column(str(WEEK // timedelta(microseconds=1)))
    where = [_I.workspace_id == workspace, at >= since]
    if column == "resolved_at":
        where.append(_I.state == "resolved")
    query = sa.select(week.label("week"), sa.func.count()).where(*where).group_by(sa.text("week"))
    return {int(number): count for number, count in connection.execute(query)}


def top(connection: Connection, workspace: str, column: str, limit: int) -> list[tuple[str, int]]:
    """Return the commonest values of a column among active incidents; empty ones are left out."""
    what = _I[column]
    count = sa.func.count()
    where = (_I.workspace_id == workspace, _I.state.in_(ACTIVE), what != "")
    query = sa.select(what, count).where(*where).group_by(what).order_by(count.desc(), what).limit(limit)
    return [(value, number) for value, number in connection.execute(query)]


def top_sources(connection: Connection, workspace: str, limit: int) -> list[tuple[str, str, int]]:
    """Return the sources in which most active incidents still are: id, name, how many."""
    n, s = incident_sources.c, sources.c
    query = (
        sa.select(n.source_id, sa.func.count().label("count"))
        .join(incidents, _I.id == n.incident_id)
        .where(_I.workspace_id == workspace, n.places > 0, _I.state.in_(ACTIVE))
        .group_by(n.source_id)
        .subquery()
    )
    named = sa.select(s.id, s.name, query.c.count).join(query, query.c.source_id == s.id).where(s.removed_at.is_(None))
    named = named.order_by(query.c.count.desc(), s.id).limit(limit)
    return [(id_, name, number) for id_, name, number in connection.execute(named)]
