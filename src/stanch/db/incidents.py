"""Looking incidents up: lists with any filter, one incident with all that belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping
from sqlalchemy.sql.elements import ColumnElement

from stanch.core.errors import InputError
from stanch.core.filters import IncidentFilter
from stanch.core.severity import RANKS
from stanch.db import cursors
from stanch.db.tables import (
    comments,
    events,
    incident_sources,
    incidents,
    occurrences,
    secrets,
    sources,
    tags,
    teams,
    users,
    validity_checks,
)

_I: Final = incidents.c
_PLAIN: Final = ("state", "severity", "validity", "exposure", "environment", "detector", "provider", "kind")
# sort → columns and whether they fall; the id decides between equals so that a cursor names one place
ORDERS: Final[dict[str, tuple[tuple[ColumnElement[Any], ...], bool]]] = {
    "urgency": ((_I.rank, _I.score, _I.id), True),
    "newest": ((_I.opened_at, _I.id), True),
    "oldest": ((_I.opened_at, _I.id), False),
    "seen": ((_I.last_seen, _I.id), True),
    "number": ((_I.number,), True),
}


def conditions(workspace: str, wanted: IncidentFilter) -> list[ColumnElement[bool]]:
    """Return a filter as conditions on the incidents' table."""
    where: list[ColumnElement[bool]] = [_I.workspace_id == workspace]
    where += [_I[name].in_(getattr(wanted, name)) for name in _PLAIN if getattr(wanted, name)]
    if wanted.assignee:
        ids = [a for a in wanted.assignee if a != "none"]
        where.append(
            sa.or_(_I.assignee_id.in_(ids), _I.assignee_id.is_(None)) if "none" in wanted.assignee else _I.assignee_id.in_(ids)
        )
    if wanted.team:
        where.append(_I.team_id.in_(wanted.team))
    if wanted.tag:
        where.append(sa.exists().where(tags.c.incident_id == _I.id, tags.c.tag.in_(wanted.tag)))
    if wanted.source:
        s = incident_sources.c
        where.append(_I.id.in_(sa.select(s.incident_id).where(s.source_id.in_(wanted.source), s.places > 0)))
    if wanted.opened_after is not None:
        where.append(_I.opened_at >= wanted.opened_after)
    if wanted.opened_before is not None:
        where.append(_I.opened_at < wanted.opened_before)
    if wanted.present is not None:
        where.append(_I.occurrences > _I.gone if wanted.present else _I.occurrences == _I.gone)
    return where + [_word(word) for word in wanted.q.lower().split()[:8]]


def _word(word: str) -> ColumnElement[bool]:
    if word.startswith("#") and word[1:].isdigit() and len(word) < 11:
        return _I.number == int(word[1:])
    return _I.search.contains(word, autoescape=True)


def list_incidents(
    connection: Connection, workspace: str, wanted: IncidentFilter, *, cursor: str = "", limit: int = 50
) -> tuple[Sequence[RowMapping], str]:
    """Return a page of incidents with their people, and the cursor of the next page (empty at the end).

    Raises:
        InputError: the cursor is not one of this list.
    """
    columns, falls = ORDERS[wanted.sort]
    query = (
        sa.select(incidents, users.c.name.label("assignee_name"), teams.c.name.label("team_name"))
        .outerjoin(users, users.c.id == _I.assignee_id)
        .outerjoin(teams, teams.c.id == _I.team_id)
        .where(*conditions(workspace, wanted))
        .order_by(*(c.desc() if falls else c.asc() for c in columns))
        .limit(limit + 1)
    )
    if wanted.severity and wanted.sort == "urgency":  # the severity once more, so that the index of that order begins there
        query = query.where(_I.rank.in_([RANKS[severity] for severity in wanted.severity]))
    if cursor:
        query = query.where(_after(columns, falls, cursor, wanted.sort))
    rows = connection.execute(query).mappings().all()
    more = len(rows) > limit
    page = rows[:limit]
    return page, cursors.encode(wanted.sort, [_stored(page[-1][c.name]) for c in columns]) if more else ""


def _after(columns: Sequence[ColumnElement[Any]], falls: bool, cursor: str, sort: str) -> ColumnElement[bool]:
    values = cursors.decode(sort, cursor, len(columns))
    try:
        bound = [_bound(column, value) for column, value in zip(columns, values, strict=True)]
    except (TypeError, ValueError, OverflowError) as exc:
        raise InputError("the cursor is not one of this list.", hint="Begin again without one.", code="cursor") from exc
    left, right = sa.tuple_(*columns), sa.tuple_(*bound)
    return left < right if falls else left > right


def _stored(value: Any) -> Any:
    from datetime import datetime

    from stanch.db.types import to_micros

    return to_micros(value) if isinstance(value, datetime) else value


def _bound(column: ColumnElement[Any], value: Any) -> ColumnElement[Any]:
    from stanch.db.types import Moment, from_micros

    if isinstance(column.type, Moment):
        return sa.literal(from_micros(int(value)), Moment)
    return sa.literal(int(value) if isinstance(column.type, sa.Integer) else str(value), column.type)


def count_incidents(connection: Connection, workspace: str, wanted: IncidentFilter) -> int:
    """Return how many incidents fit."""
    query = sa.select(sa.func.count()).select_from(incidents).where(*conditions(workspace, wanted))
    count: int = connection.execute(query).scalar_one()
    return count


def ids_of(connection: Connection, workspace: str, wanted: IncidentFilter, limit: int) -> Sequence[str]:
    """Return ids of the incidents that fit, for a bulk change."""
    query = sa.select(_I.id).where(*conditions(workspace, wanted)).order_by(_I.id).limit(limit)
    return connection.execute(query).scalars().all()


def facets(connection: Connection, workspace: str, wanted: IncidentFilter, name: str, limit: int = 30) -> list[tuple[str, int]]:
    """Return the values of a column among the incidents that fit the rest of the filter, with how many each has."""
    column = _I[name]
    query = (
        sa.select(column, sa.func.count())
        .where(*conditions(workspace, wanted.without(name)))
        .group_by(column)
        .order_by(sa.func.count().desc(), column)
        .limit(limit)
    )
    return [(value, count) for value, count in connection.execute(query)]


def incident(connection: Connection, workspace: str, key: str) -> RowMapping | None:
    """Return an incident by id or number (``12`` or ``#12``), with its secret's facts and its people."""
    number = key.removeprefix("#")
    which = _I.number == int(number) if number.isascii() and number.isdigit() and len(number) < 10 else _I.id == key
    s = secrets.c
    query = (
        sa.select(
            incidents,
            s.fingerprint,
            s.value_known,
            s.declared,
            s.companions,
            s.key_facts,
            s.spki,
            s.reasons,
            s.sealed.is_not(None).label("has_value"),
            users.c.name.label("assignee_name"),
            teams.c.name.label("team_name"),
        )
        .join(secrets, s.id == _I.secret_id)
        .outerjoin(users, users.c.id == _I.assignee_id)
        .outerjoin(teams, teams.c.id == _I.team_id)
        .where(_I.workspace_id == workspace, which)
    )
    return connection.execute(query).mappings().one_or_none()


def lock_incident(connection: Connection, workspace: str, id: str) -> RowMapping | None:
    """Return an incident's row with its secret's declared severity, locked until the unit of work ends."""
    query = (
        sa.select(incidents, secrets.c.declared)
        .join(secrets, secrets.c.id == _I.secret_id)
        .where(_I.workspace_id == workspace, _I.id == id)
        .with_for_update(of=incidents)
    )
    return connection.execute(query).mappings().one_or_none()


def same_key(connection: Connection, workspace: str, spki: str, secret_id: str) -> Sequence[RowMapping]:
    """Return other incidents about the same key pair."""
    if not spki:
        return []
    query = (
        sa.select(_I.id, _I.number, _I.title, _I.redacted, _I.state)
        .join(secrets, secrets.c.id == _I.secret_id)
        .where(secrets.c.workspace_id == workspace, secrets.c.spki == spki, secrets.c.id != secret_id)
        .order_by(_I.number)
        .limit(50)
    )
    return connection.execute(query).mappings().all()


def occurrences_of(
    connection: Connection, workspace: str, incident_id: str, *, cursor: str = "", limit: int = 50, gone: bool | None = None
) -> tuple[Sequence[RowMapping], str]:
    """Return a page of an incident's occurrences with their source: those still there first, and the next cursor.

    Raises:
        InputError: the cursor is not one of this list.
    """
    o = occurrences.c
    is_gone = sa.case((o.gone_at.is_(None), 0), else_=1)
    query = (
        sa.select(
            occurrences,
            sources.c.name.label("source_name"),
            sources.c.kind.label("source_kind"),
            sources.c.target.label("source_target"),
            sources.c.exposure.label("source_exposure"),
            is_gone.label("is_gone"),
        )
        .join(sources, sources.c.id == o.source_id)
        .where(o.workspace_id == workspace, o.incident_id == incident_id)
        .order_by(is_gone, o.id)
        .limit(limit + 1)
    )
    if gone is not None:
        query = query.where(o.gone_at.is_not(None) if gone else o.gone_at.is_(None))
    if cursor:
        flag, last = cursors.decode("places", cursor, 2)
        query = query.where(sa.tuple_(is_gone, o.id) > sa.tuple_(sa.literal(1 if flag else 0), sa.literal(str(last))))
    rows = connection.execute(query).mappings().all()
    page = rows[:limit]
    return page, cursors.encode("places", [page[-1]["is_gone"], page[-1]["id"]]) if len(rows) > limit else ""


def events_of(connection: Connection, workspace: str, incident_id: str, *, limit: int = 200) -> Sequence[RowMapping]:
    """Return an incident's timeline, the newest first."""
    e = events.c
    query = (
        sa.select(events)
        .where(e.workspace_id == workspace, e.incident_id == incident_id)
        .order_by(e.at.desc(), e.id.desc())
        .limit(limit)
    )
    return connection.execute(query).mappings().all()


def comments_of(connection: Connection, workspace: str, incident_id: str) -> Sequence[RowMapping]:
    """Return an incident's comments, the oldest first."""
    c = comments.c
    query = (
        sa.select(comments)
        .where(c.workspace_id == workspace, c.incident_id == incident_id)
        .order_by(c.created_at, c.id)
        .limit(500)
    )
    return connection.execute(query).mappings().all()


def checks_of(connection: Connection, workspace: str, secret_id: str, *, limit: int = 50) -> Sequence[RowMapping]:
    """Return what issuers said of a secret, the newest first."""
    v = validity_checks.c
    query = (
        sa.select(validity_checks)
        .where(v.workspace_id == workspace, v.secret_id == secret_id)
        .order_by(v.checked_at.desc(), v.id.desc())
    )
    return connection.execute(query.limit(limit)).mappings().all()


def tags_of(connection: Connection, incident_ids: Sequence[str]) -> dict[str, list[str]]:
    """Return tags by incident."""
    found: dict[str, list[str]] = {}
    query = sa.select(tags.c.incident_id, tags.c.tag).where(tags.c.incident_id.in_(incident_ids)).order_by(tags.c.tag)
    for incident_id, tag in connection.execute(query):
        found.setdefault(incident_id, []).append(tag)
    return found


def all_tags(connection: Connection, workspace: str, limit: int = 200) -> Sequence[tuple[str, int]]:
    """Return a workspace's tags with how many incidents have each."""
    query = sa.select(tags.c.tag, sa.func.count()).where(tags.c.workspace_id == workspace).group_by(tags.c.tag)
    return [(tag, count) for tag, count in connection.execute(query.order_by(sa.func.count().desc(), tags.c.tag).limit(limit))]
