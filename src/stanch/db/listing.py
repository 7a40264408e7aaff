"""Lists of the API, a page at a time: sources, scans, timelines, comments, checks, requests, saved filters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping
from sqlalchemy.sql.elements import ColumnElement

from stanch.core.errors import InputError
from stanch.db import cursors
from stanch.db.tables import (
    audit,
    comments,
    events,
    incident_sources,
    incidents,
    requests,
    scans,
    sources,
    tokens,
    users,
    validity_checks,
    views,
    workspaces,
)
from stanch.db.types import Moment, from_micros, to_micros

Found = tuple[Sequence[RowMapping], str]
"""A page of rows, and the cursor of the next one: empty at the end."""


def page(
    connection: Connection,
    query: sa.Select[Any],
    kind: str,
    *,
    keys: Sequence[ColumnElement[Any]],
    falls: bool,
    cursor: str,
    limit: int,
) -> Found:
    """Return a page of any query.

    Args:
        connection: to the database.
        query: without an order; its columns hold those of *keys* by their names.
        kind: of list: cursors of other lists are refused.
        keys: what it is ordered by; together they name one row.
        falls: from the largest to the smallest.
        cursor: where to go on; empty for the beginning.
        limit: how many rows.

    Raises:
        InputError: the cursor is not one of this list.
    """
    if cursor:
        left, right = sa.tuple_(*keys), sa.tuple_(*_bound(keys, cursors.decode(kind, cursor, len(keys))))
        query = query.where(left < right if falls else left > right)
    query = query.order_by(*(key.desc() if falls else key.asc() for key in keys)).limit(limit + 1)
    rows = connection.execute(query).mappings().all()
    if len(rows) <= limit:
        return rows, ""
    last = rows[limit - 1]
    values = [last[key.name] for key in keys]
    return rows[:limit], cursors.encode(kind, [to_micros(v) if isinstance(v, datetime) else v for v in values])


def _bound(keys: Sequence[ColumnElement[Any]], values: Sequence[Any]) -> list[ColumnElement[Any]]:
    bound: list[ColumnElement[Any]] = []
    for key, value in zip(keys, values, strict=True):
        numeric = isinstance(key.type, (Moment, sa.Integer))
        if isinstance(value, int) is not numeric or isinstance(value, bool):
            raise _foreign()
        try:
            bound.append(sa.literal(from_micros(value) if isinstance(key.type, Moment) else value, key.type))
        except OverflowError as exc:
            raise _foreign() from exc
    return bound


def _foreign() -> InputError:
    return InputError("the cursor is not one of this list.", hint="Begin again without one.", code="cursor")


def all_workspaces(connection: Connection, *, cursor: str, limit: int) -> Found:
    """Return the workspaces of the installation, by short name."""
    return page(
        connection, sa.select(workspaces), "workspaces", keys=[workspaces.c.slug], falls=False, cursor=cursor, limit=limit
    )


def sources_of(connection: Connection, workspace: str, *, cursor: str, limit: int, only: str = "") -> Found:
    """Return sources with what was found in them: ``open`` (active incidents) and ``places`` (occurrences that are not gone).

    Args:
        connection: to the database.
        workspace: whose.
        cursor: where to go on.
        limit: how many.
        only: id of the only one that is wanted.
    """
    n, i, s = incident_sources.c, incidents.c, sources.c
    here = (n.source_id == s.id, n.places > 0, i.state.in_(("open", "in_remediation")))
    joined = incident_sources.join(incidents, i.id == n.incident_id)
    found, places = (
        sa.select(number).select_from(joined).where(*here).correlate(sources).scalar_subquery()
        for number in (sa.func.count(), sa.func.coalesce(sa.func.sum(n.places), 0))
    )
    query = sa.select(
        sources,
        found.label("open"),
        places.label("places"),
    ).where(s.workspace_id == workspace, s.removed_at.is_(None))
    if only:
        query = query.where(s.id == only)
    return page(connection, query, "sources", keys=[s.id], falls=False, cursor=cursor, limit=limit)


def scans_of(
    connection: Connection, workspace: str, *, cursor: str, limit: int, source: str = "", state: str = "", only: str = ""
) -> Found:
    """Return scans with the name of their source, the newest first."""
    query = (
        sa.select(scans, sources.c.name.label("source_name"))
        .join(sources, sources.c.id == scans.c.source_id)
        .where(scans.c.workspace_id == workspace)
    )
    for column, value in ((scans.c.source_id, source), (scans.c.state, state), (scans.c.id, only)):
        query = query.where(column == value) if value else query
    return page(connection, query, "scans", keys=[scans.c.started_at, scans.c.id], falls=True, cursor=cursor, limit=limit)


def events_of(connection: Connection, workspace: str, incident: str, *, cursor: str, limit: int) -> Found:
    """Return an incident's timeline, the newest first."""
    e = events.c
    query = sa.select(events).where(e.workspace_id == workspace, e.incident_id == incident)
    return page(connection, query, "events", keys=[e.at, e.id], falls=True, cursor=cursor, limit=limit)


def comments_of(connection: Connection, workspace: str, incident: str, *, cursor: str, limit: int, only: str = "") -> Found:
    """Return an incident's comments, the oldest first."""
    c = comments.c
    query = sa.select(comments).where(c.workspace_id == workspace, c.incident_id == incident)
    query = query.where(c.id == only) if only else query
    return page(connection, query, "comments", keys=[c.created_at, c.id], falls=False, cursor=cursor, limit=limit)


def checks_of(connection: Connection, workspace: str, secret: str, *, cursor: str, limit: int) -> Found:
    """Return what issuers said of a secret, the newest first."""
    v = validity_checks.c
    query = sa.select(validity_checks).where(v.workspace_id == workspace, v.secret_id == secret)
    return page(connection, query, "checks", keys=[v.checked_at, v.id], falls=True, cursor=cursor, limit=limit)


def audit_of(
    connection: Connection, workspace: str, *, cursor: str, limit: int, action: str = "", subject: str = "", actor: str = ""
) -> Found:
    """Return the audit trail of a workspace, the newest first; *action* is a beginning."""
    a = audit.c
    query = sa.select(audit).where(a.workspace_id == workspace)
    query = query.where(a.action.startswith(action, autoescape=True)) if action else query
    query = query.where(a.subject == subject) if subject else query
    query = query.where(a.actor_id == actor) if actor else query
    return page(connection, query, "audit", keys=[a.seq], falls=True, cursor=cursor, limit=limit)


def requests_of(
    connection: Connection, workspace: str, *, cursor: str, limit: int, actors: Sequence[str] = (), failed: bool = False
) -> Found:
    """Return requests of a workspace, the newest first; of all its people, or of some actors only."""
    r = requests.c
    query = sa.select(requests).where(r.workspace_id == workspace)
    query = query.where(r.actor_id.in_(actors)) if actors else query
    query = query.where(r.status >= 400) if failed else query
    return page(connection, query, "requests", keys=[r.at, r.id], falls=True, cursor=cursor, limit=limit)


def request(connection: Connection, id: str) -> RowMapping | None:
    """Return one request; who may see it is for the caller to decide."""
    return connection.execute(sa.select(requests).where(requests.c.id == id)).mappings().one_or_none()


def views_of(connection: Connection, workspace: str, user: str, *, cursor: str, limit: int) -> Found:
    """Return saved filters: a user's own and everybody's."""
    v = views.c
    query = sa.select(views).where(v.workspace_id == workspace, sa.or_(v.user_id == user, v.user_id.is_(None)))
    return page(connection, query, "views", keys=[v.id], falls=False, cursor=cursor, limit=limit)


def tokens_of(connection: Connection, workspace: str, *, cursor: str, limit: int, user: str = "", only: str = "") -> Found:
    """Return tokens of a workspace with their owner, the newest first."""
    t = tokens.c
    columns = (t.id, t.name, t.hint, t.scopes, t.user_id, t.created_at, t.expires_at, t.used_at, t.revoked_at)
    query = sa.select(*columns, users.c.name.label("user_name"), users.c.email).join(users, users.c.id == t.user_id)
    query = query.where(t.workspace_id == workspace)
    query = query.where(t.user_id == user) if user else query
    query = query.where(t.id == only) if only else query
    return page(connection, query, "tokens", keys=[t.id], falls=True, cursor=cursor, limit=limit)
