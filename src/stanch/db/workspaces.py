"""Workspaces and their sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from stanch.db.tables import incident_sources, incidents, scans, sources, workspaces


def workspace_count(connection: Connection) -> int:
    """Return how many workspaces there are."""
    count: int = connection.execute(sa.select(sa.func.count()).select_from(workspaces)).scalar_one()
    return count


def add_workspace(connection: Connection, *, id: str, slug: str, name: str, now: datetime) -> None:
    """Make a workspace."""
    connection.execute(sa.insert(workspaces).values(id=id, slug=slug, name=name, settings={}, created_at=now))


def workspace(connection: Connection, key: str) -> RowMapping | None:
    """Return a workspace by id or slug."""
    query = sa.select(workspaces).where(sa.or_(workspaces.c.id == key, workspaces.c.slug == key))
    return connection.execute(query).mappings().one_or_none()


def all_workspaces(connection: Connection) -> Sequence[RowMapping]:
    """Return every workspace, by name."""
    return connection.execute(sa.select(workspaces).order_by(workspaces.c.name, workspaces.c.id)).mappings().all()


def change_workspace(connection: Connection, id: str, **values: Any) -> None:
    """Change a workspace's row."""
    statement = sa.update(workspaces).where(workspaces.c.id == id)
    connection.execute(statement.values(version=workspaces.c.version + 1, **values))


def version_of(connection: Connection, id: str) -> int:
    """Return how many writes a workspace has seen."""
    found: int = connection.execute(sa.select(workspaces.c.version).where(workspaces.c.id == id)).scalar_one()
    return found


def source_by_target(connection: Connection, workspace: str, kind: str, target: str) -> RowMapping | None:
    """Return a source by what it reads."""
    query = sa.select(sources).where(sources.c.workspace_id == workspace, sources.c.kind == kind, sources.c.target == target)
    return connection.execute(query).mappings().one_or_none()


def source(connection: Connection, workspace: str, id: str) -> RowMapping | None:
    """Return a source by id."""
    query = sa.select(sources).where(sources.c.workspace_id == workspace, sources.c.id == id)
    return connection.execute(query).mappings().one_or_none()


def add_source(connection: Connection, row: Mapping[str, Any]) -> None:
    """Make a source."""
    connection.execute(sa.insert(sources).values(**row))


def change_source(connection: Connection, id: str, **values: Any) -> None:
    """Change a source's row."""
    connection.execute(sa.update(sources).where(sources.c.id == id).values(**values))


def list_sources(connection: Connection, workspace: str, *, removed: bool = False) -> Sequence[RowMapping]:
    """Return sources with what was found in them: ``incidents`` (active ones) and ``occurrences`` (not gone)."""
    n, i = incident_sources.c, incidents.c
    found = (
        sa.select(n.source_id, sa.func.sum(n.places).label("places"), sa.func.count().label("open"))
        .join(incidents, i.id == n.incident_id)
        .where(i.workspace_id == workspace, n.places > 0, i.state.in_(("open", "in_remediation")))
        .group_by(n.source_id)
        .subquery()
    )
    query = (
        sa.select(sources, sa.func.coalesce(found.c.open, 0).label("open"), sa.func.coalesce(found.c.places, 0).label("places"))
        .outerjoin(found, found.c.source_id == sources.c.id)
        .where(sources.c.workspace_id == workspace)
        .order_by(sa.func.lower(sources.c.name), sources.c.id)
    )
    if not removed:
        query = query.where(sources.c.removed_at.is_(None))
    return connection.execute(query).mappings().all()


def list_scans(
    connection: Connection, workspace: str, *, source: str = "", before: datetime | None = None, limit: int = 50
) -> Sequence[RowMapping]:
    """Return scans with the name of their source, the newest first."""
    query = (
        sa.select(scans, sources.c.name.label("source_name"))
        .join(sources, sources.c.id == scans.c.source_id)
        .where(scans.c.workspace_id == workspace)
        .order_by(scans.c.started_at.desc(), scans.c.id.desc())
        .limit(limit)
    )
    if source:
        query = query.where(scans.c.source_id == source)
    if before is not None:
        query = query.where(scans.c.started_at < before)
    return connection.execute(query).mappings().all()
