"""Taking out what is kept no longer, a few rows at a time so that nobody who writes waits long."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from stanch.db.record import chunks
from stanch.db.tables import (
    audit,
    deliveries,
    events,
    idempotency,
    incidents,
    links,
    occurrences,
    requests,
    secrets,
    sessions,
    throttles,
    validity_checks,
)

MOST: Final = 5_000
_CLOSED: Final = ("resolved", "ignored")


def _delete(connection: Connection, table: sa.Table, *where: ColumnElement[bool]) -> int:
    key = next(iter(table.primary_key.columns))
    found = sa.select(key).where(*where).limit(MOST)
    return connection.execute(sa.delete(table).where(key.in_(found), *where)).rowcount


def old_requests(connection: Connection, workspace: str | None, before: datetime) -> int:
    """Remove entries of the request log; those of no workspace for ``None``."""
    r = requests.c
    where = r.workspace_id.is_(None) if workspace is None else r.workspace_id == workspace
    return _delete(connection, requests, where, r.at < before)


def old_deliveries(connection: Connection, workspace: str, before: datetime) -> int:
    """Remove notifications that were sent, or given up."""
    d = deliveries.c
    return _delete(connection, deliveries, d.workspace_id == workspace, d.state != "waiting", d.created_at < before)


def old_events(connection: Connection, workspace: str, before: datetime) -> int:
    """Remove entries of timelines of incidents that are closed."""
    e, i = events.c, incidents.c
    closed = sa.exists().where(i.id == e.incident_id, i.state.in_(_CLOSED))
    return _delete(connection, events, e.workspace_id == workspace, e.at < before, closed)


def surplus_checks(connection: Connection, workspace: str, keep: int) -> int:
    """Remove what issuers said, but for the newest *keep* answers about each secret."""
    v = validity_checks.c
    place = sa.func.row_number().over(partition_by=v.secret_id, order_by=(v.checked_at.desc(), v.id.desc())).label("place")
    numbered = sa.select(v.id, place).where(v.workspace_id == workspace).subquery()
    found = sa.select(numbered.c.id).where(numbered.c.place > keep).limit(MOST)
    return connection.execute(sa.delete(validity_checks).where(v.id.in_(found))).rowcount


def incidents_with_old_places(connection: Connection, workspace: str, before: datetime) -> Sequence[str]:
    """Return incidents with places that are gone for long."""
    o = occurrences.c
    query = sa.select(o.incident_id).where(o.workspace_id == workspace, o.gone_at < before).distinct().order_by(o.incident_id)
    return connection.execute(query).scalars().all()


def old_places(connection: Connection, incident_ids: Sequence[str], before: datetime) -> dict[str, int]:
    """Remove places that are gone for long, but for the last one in each source; returns incident → how many."""
    o = occurrences.c
    order = (sa.case((o.gone_at.is_(None), 0), else_=1), o.gone_at.desc(), o.id.desc())
    place = sa.func.row_number().over(partition_by=(o.incident_id, o.source_id), order_by=order).label("place")
    numbered = sa.select(o.id, o.incident_id, o.gone_at, place).where(o.incident_id.in_(incident_ids)).subquery()
    n = numbered.c
    found = connection.execute(sa.select(n.id, n.incident_id).where(n.place > 1, n.gone_at < before)).all()
    for chunk in chunks([id_ for id_, _ in found]):
        connection.execute(sa.delete(occurrences).where(o.id.in_(chunk)))
    counts: dict[str, int] = {}
    for _, incident in found:
        counts[incident] = counts.get(incident, 0) + 1
    return counts


def closed_incidents(connection: Connection, workspace: str, before: datetime) -> int:
    """Remove incidents that are closed for long and in no place any more, with their secrets and all that belongs to them."""
    i = incidents.c
    where = (i.workspace_id == workspace, i.state.in_(_CLOSED), i.updated_at < before, i.occurrences == i.gone)
    found = connection.execute(sa.select(i.secret_id).where(*where).order_by(i.id).limit(MOST)).scalars().all()
    for chunk in chunks(found):
        connection.execute(sa.delete(secrets).where(secrets.c.id.in_(chunk)))
    return len(found)


def over_sessions(connection: Connection, now: datetime) -> int:
    """Remove sessions that are over."""
    return _delete(connection, sessions, sessions.c.expires_at < now)


def over_links(connection: Connection, before: datetime) -> int:
    """Remove one-time links that were used, or are over, for long."""
    return _delete(connection, links, sa.or_(links.c.expires_at < before, links.c.used_at < before))


def over_throttles(connection: Connection, before: datetime, now: datetime) -> int:
    """Remove counts of failed sign-ins that hold nobody up any more."""
    t = throttles.c
    return _delete(connection, throttles, t.since < before, sa.or_(t.until.is_(None), t.until < now))


def old_idempotency(connection: Connection, before: datetime) -> int:
    """Remove answers kept for repeated requests."""
    i = idempotency.c
    found = connection.execute(sa.select(i.actor_id, i.key).where(i.at < before).limit(MOST)).all()
    for chunk in chunks([tuple(row) for row in found]):
        connection.execute(sa.delete(idempotency).where(sa.tuple_(i.actor_id, i.key).in_(chunk), i.at < before))
    return len(found)


def last_audit_before(connection: Connection, before: datetime) -> int | None:
    """Return the number of the last audit entry such that it and all before it are that old."""
    a = audit.c
    newer: Any = connection.execute(sa.select(sa.func.min(a.seq)).where(a.at >= before)).scalar_one()
    if newer is not None:
        return int(newer) - 1
    last = connection.execute(sa.select(sa.func.max(a.seq))).scalar_one()
    return None if last is None else int(last)
