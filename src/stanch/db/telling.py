"""What notices are made of: incidents with the names beside them, what a scan changed, and the numbers of a week."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from stanch.db.record import chunks
from stanch.db.tables import events, incidents, occurrences, runs, scans, sources, teams, users

_I: Final = incidents.c
_E: Final = events.c
_ACTIVE: Final = ("open", "in_remediation")
_COLUMNS: Final = (
    _I.id, _I.number, _I.state, _I.severity, _I.rank, _I.score, _I.validity, _I.exposure, _I.environment, _I.detector, _I.title,
    _I.provider, _I.path, _I.source_names, _I.assignee_id, _I.ignore_reason, _I.ignored_until,
)  # fmt: skip


def told_incidents(connection: Connection, workspace: str, ids: Sequence[str]) -> dict[str, RowMapping]:
    """Return incidents with ``team``, ``assignee`` and ``email``: id → row."""
    query = _with_names().where(_I.workspace_id == workspace)
    found: dict[str, RowMapping] = {}
    for chunk in chunks(list(dict.fromkeys(ids))):
        found |= {row["id"]: row for row in connection.execute(query.where(_I.id.in_(chunk))).mappings()}
    return found


def expiring(connection: Connection, workspace: str, start: datetime, end: datetime) -> Sequence[RowMapping]:
    """Return incidents whose accepted risk ends in that time."""
    where = (_I.workspace_id == workspace, _I.state == "ignored", _I.ignored_until > start, _I.ignored_until <= end)
    return connection.execute(_with_names().where(*where).order_by(_I.ignored_until, _I.id).limit(1_000)).mappings().all()


def _with_names() -> sa.Select[Any]:
    return (
        sa.select(*_COLUMNS, teams.c.name.label("team"), users.c.name.label("assignee"), users.c.email.label("email"))
        .outerjoin(teams, teams.c.id == _I.team_id)
        .outerjoin(users, users.c.id == _I.assignee_id)
    )


def scan_changes(connection: Connection, scan: str) -> sa.Subquery:
    """Return the query for what a scan opened, opened again or saw live: ``incident_id`` and ``kind``."""
    seen = sa.select(occurrences.c.incident_id).where(
        occurrences.c.source_id == sa.select(scans.c.source_id).where(scans.c.id == scan).scalar_subquery(),
        occurrences.c.last_scan == scan,
    )
    began = sa.select(scans.c.started_at).where(scans.c.id == scan).scalar_subquery()
    return (
        sa.select(_E.incident_id, _E.kind)
        .where(_E.incident_id.in_(seen), _E.at >= began, _E.kind.in_(("opened", "reopened", "validity_changed")))
        .distinct()
        .subquery()
    )


def source_of(connection: Connection, scan: str) -> str:
    """Return the name of what was scanned."""
    query = sa.select(sources.c.name).join(scans, scans.c.source_id == sources.c.id).where(scans.c.id == scan)
    return str(connection.execute(query).scalar_one())


def changed_groups(connection: Connection, scan: str) -> Sequence[RowMapping]:
    """Return how many incidents a scan changed, by what routing rules look at; the most severe first."""
    changed = scan_changes(connection, scan)
    columns = (changed.c.kind, _I.severity, _I.rank, _I.detector, _I.title, _I.provider, _I.environment, _I.validity)
    query = (
        sa.select(*columns, teams.c.name.label("team"), sa.func.count().label("count"))
        .join(incidents, _I.id == changed.c.incident_id)
        .outerjoin(teams, teams.c.id == _I.team_id)
        .where(_told())
        .where(sa.or_(changed.c.kind != "validity_changed", _I.validity == "live"))
        .group_by(*columns, teams.c.name)
        .order_by(_I.rank.desc(), sa.func.count().desc())
    )
    return connection.execute(query).mappings().all()


def changed_events(connection: Connection, scan: str) -> Sequence[RowMapping]:
    """Return the same one by one: ``incident_id`` and ``kind``."""
    changed = scan_changes(connection, scan)
    query = sa.select(changed).join(incidents, _I.id == changed.c.incident_id).where(_told()).order_by(_I.rank.desc(), _I.id)
    return connection.execute(query).mappings().all()


def _told() -> sa.ColumnElement[bool]:
    return _I.state.in_(_ACTIVE)


# --- trouble --------------------------------------------------------------------------------------------------------


def failed_runs(connection: Connection, since: datetime) -> Sequence[RowMapping]:
    """Return the runs of workspaces that failed since then: ``id``, ``workspace_id``, ``title``, ``error``."""
    r = runs.c
    query = sa.select(r.id, r.workspace_id, r.title, r.job, r.error)
    where = (r.state == "failed", r.workspace_id.is_not(None), r.ended_at > since)
    return connection.execute(query.where(*where).order_by(r.ended_at, r.id).limit(500)).mappings().all()


# --- the numbers of a week ------------------------------------------------------------------------------------------


def count_events(connection: Connection, workspace: str, start: datetime, end: datetime) -> dict[tuple[str, str], int]:
    """Return how often what happened in a time: (kind of event, new state) → incidents."""
    state = sa.cast(_E.data["to"].as_string(), sa.String)
    where = (_E.workspace_id == workspace, _E.at > start, _E.at <= end, _E.kind.in_(("opened", "reopened", "state_changed")))
    query = sa.select(_E.kind, state, sa.func.count(sa.distinct(_E.incident_id))).where(*where).group_by(_E.kind, state)
    return {(row[0], row[1] or ""): row[2] for row in connection.execute(query)}


def open_at(connection: Connection, workspace: str, moment: datetime) -> dict[str, int]:
    """Return how many incidents were open at a moment, by the severity they have now.

    What was closed and opened again since counts as open all the time: the record keeps when an incident was closed last.
    """
    closed = (
        sa.select(sa.func.max(_E.at))
        .where(_E.incident_id == _I.id, _E.kind == "state_changed", _E.data["to"].as_string() == "ignored")
        .scalar_subquery()
    )
    was_open = sa.or_(
        _I.state.in_(_ACTIVE),
        sa.and_(_I.state == "resolved", _I.resolved_at > moment),
        sa.and_(_I.state == "ignored", closed > sa.bindparam("moment", moment, type_=_E.at.type)),
    )
    query = sa.select(_I.severity, sa.func.count()).where(_I.workspace_id == workspace, _I.opened_at <= moment, was_open)
    return {row[0]: row[1] for row in connection.execute(query.group_by(_I.severity))}


def remediated(connection: Connection, workspace: str, start: datetime, end: datetime) -> list[timedelta]:
    """Return how long incidents that were resolved in a time were open, the shortest first; ten thousand at most."""
    where = (_I.workspace_id == workspace, _I.state == "resolved", _I.resolved_at > start, _I.resolved_at <= end)
    rows = connection.execute(sa.select(_I.opened_at, _I.resolved_at).where(*where).limit(10_000))
    return sorted(resolved - opened for opened, resolved in rows)


def live_now(connection: Connection, workspace: str) -> int:
    """Return how many open incidents have a value that works."""
    where = (_I.workspace_id == workspace, _I.state.in_(_ACTIVE), _I.validity == "live")
    count: int = connection.execute(sa.select(sa.func.count()).select_from(incidents).where(*where)).scalar_one()
    return count


def oldest(connection: Connection, workspace: str) -> RowMapping | None:
    """Return the incident that has been open longest."""
    where = (_I.workspace_id == workspace, _I.state.in_(_ACTIVE))
    query = sa.select(_I.number, _I.title, _I.opened_at).where(*where).order_by(_I.opened_at, _I.id).limit(1)
    return connection.execute(query).mappings().one_or_none()


def waiting_on(connection: Connection, workspace: str, limit: int) -> list[tuple[str, int]]:
    """Return whom most open incidents wait for: person, else team, else nobody (empty)."""
    who = sa.func.coalesce(users.c.name, teams.c.name, "")
    query = (
        sa.select(who, sa.func.count())
        .select_from(incidents)
        .outerjoin(teams, teams.c.id == _I.team_id)
        .outerjoin(users, users.c.id == _I.assignee_id)
        .where(_I.workspace_id == workspace, _I.state.in_(_ACTIVE))
        .group_by(who)
        .order_by(sa.func.count().desc(), who)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in connection.execute(query)]


def incomplete_scans(connection: Connection, workspace: str, start: datetime, end: datetime) -> int:
    """Return how many scans in a time could not read everything."""
    s = scans.c
    where = (s.workspace_id == workspace, s.ended_at > start, s.ended_at <= end, s.state.in_(("incomplete", "failed")))
    count: int = connection.execute(sa.select(sa.func.count()).select_from(scans).where(*where)).scalar_one()
    return count
