"""Bulk reads and writes of a scan's results: secrets, incidents, occurrences and their events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from stanch.db.tables import (
    comments,
    events,
    incident_sources,
    incidents,
    occurrences,
    scan_batches,
    scans,
    secrets,
    sources,
    validity_checks,
    workspaces,
)

_CHUNK: Final = 400  # SQLite binds at most 999 values in its oldest form
Row = Mapping[str, Any]


def chunks(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """Cut a list into pieces that fit into one statement."""
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))


def take_numbers(connection: Connection, workspace: str, count: int = 0) -> int:
    """Count a write to a workspace, reserve numbers for incidents, and return the first.

    The row stays locked until the unit of work ends, so writes to one workspace's record follow each other.
    """
    values: dict[str, Any] = {"version": workspaces.c.version + 1}
    if count:
        values["next_number"] = workspaces.c.next_number + count
    statement = sa.update(workspaces).where(workspaces.c.id == workspace).values(**values).returning(workspaces.c.next_number)
    after: int = connection.execute(statement).scalar_one()
    return after - count + 1


def stored_batch(connection: Connection, scan: str, batch: int) -> RowMapping | None:
    """Return what is on record about a part of a scan."""
    query = sa.select(scan_batches).where(scan_batches.c.scan_id == scan, scan_batches.c.batch == batch)
    return connection.execute(query).mappings().one_or_none()


def store_batch(connection: Connection, scan: str, batch: int, digest: str, result: Row) -> None:
    """Note that a part of a scan is in the record."""
    connection.execute(sa.insert(scan_batches).values(scan_id=scan, batch=batch, digest=digest, result=dict(result)))


def secrets_by_fingerprint(connection: Connection, workspace: str, fingerprints: Sequence[str]) -> dict[str, RowMapping]:
    """Return secrets with their incidents' rows: fingerprint → row (`secret_*` columns beside the incident's)."""
    query = sa.select(
        incidents,
        secrets.c.fingerprint,
        secrets.c.declared,
        secrets.c.sealed.is_not(None).label("has_value"),
        secrets.c.value_known,
    ).join(secrets, secrets.c.id == incidents.c.secret_id)
    found: dict[str, RowMapping] = {}
    for chunk in chunks(fingerprints):
        where = (secrets.c.workspace_id == workspace, secrets.c.fingerprint.in_(chunk))
        found |= {row["fingerprint"]: row for row in connection.execute(query.where(*where)).mappings()}
    return found


def places_of(connection: Connection, source: str, secret_ids: Sequence[str]) -> dict[tuple[str, str], RowMapping]:
    """Return the known occurrences of secrets in a source: (secret, place) → row."""
    o = occurrences.c
    columns = sa.select(o.id, o.secret_id, o.incident_id, o.place, o.gone_at, o.last_scan)
    found: dict[tuple[str, str], RowMapping] = {}
    for chunk in chunks(secret_ids):
        rows = connection.execute(columns.where(o.source_id == source, o.secret_id.in_(chunk))).mappings()
        found |= {(row["secret_id"], row["place"]): row for row in rows}
    return found


def insert(connection: Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    """Add many rows."""
    if rows:
        connection.execute(sa.insert(table), list(rows))


def update_by_id(connection: Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    """Change many rows; each is a mapping with ``id`` and the new values, all with the same names."""
    if rows:
        names = [name for name in rows[0] if name != "id"]
        statement = sa.update(table).where(table.c.id == sa.bindparam("_id")).values({n: sa.bindparam(f"_{n}") for n in names})
        connection.execute(statement, [{f"_{name}": value for name, value in row.items()} for row in rows])


def counts_of(connection: Connection, incident_ids: Sequence[str]) -> list[RowMapping]:
    """Return what incidents have in each source: places, how many are gone, first and last seen; and the source's facts."""
    o, s = occurrences.c, sources.c
    query = (
        sa.select(
            o.incident_id,
            o.source_id,
            sa.func.count().label("occurrences"),
            sa.func.count(o.gone_at).label("gone"),
            sa.func.min(o.first_seen).label("first_seen"),
            sa.func.max(o.last_seen).label("last_seen"),
            s.exposure,
            s.environment,
            s.name,
        )
        .join(sources, s.id == o.source_id)
        .group_by(o.incident_id, o.source_id, s.exposure, s.environment, s.name)
    )
    found: list[RowMapping] = []
    for chunk in chunks(incident_ids):
        found += connection.execute(query.where(o.incident_id.in_(chunk))).mappings().all()
    return found


def keep_sources(connection: Connection, incident_ids: Sequence[str], rows: Sequence[Row]) -> None:
    """Bring `incident_sources` of incidents up to date; *rows* are all that there should be."""
    t = incident_sources.c
    key = (t.incident_id, t.source_id)
    wanted = {(row["incident_id"], row["source_id"]): row for row in rows}
    found: dict[tuple[str, str], int] = {}
    for chunk in chunks(incident_ids):
        query = sa.select(*key, t.places).where(t.incident_id.in_(chunk))
        found |= {(incident, source): places for incident, source, places in connection.execute(query)}
    insert(connection, incident_sources, [row for pair, row in wanted.items() if pair not in found])
    changed = [row for pair, row in wanted.items() if pair in found and found[pair] != row["places"]]
    where = (t.incident_id == sa.bindparam("_incident"), t.source_id == sa.bindparam("_source"))
    if changed:
        values = [{"_incident": r["incident_id"], "_source": r["source_id"], "_places": r["places"]} for r in changed]
        connection.execute(sa.update(incident_sources).where(*where).values(places=sa.bindparam("_places")), values)
    over = [{"_incident": incident, "_source": source} for incident, source in found if (incident, source) not in wanted]
    if over:
        connection.execute(sa.delete(incident_sources).where(*where), over)


def unseen(connection: Connection, source: str, scan: str) -> Sequence[RowMapping]:
    """Return occurrences of a source that a scan did not see and that are not known to be gone."""
    o = occurrences.c
    query = sa.select(o.id, o.incident_id).where(o.source_id == source, o.last_scan != scan, o.gone_at.is_(None))
    return connection.execute(query).mappings().all()


def mark_gone(connection: Connection, ids: Sequence[str], now: datetime) -> None:
    """Note that occurrences are no longer there."""
    for chunk in chunks(ids):
        connection.execute(sa.update(occurrences).where(occurrences.c.id.in_(chunk)).values(gone_at=now))


def incidents_by_id(connection: Connection, ids: Sequence[str]) -> list[RowMapping]:
    """Return incidents with what their severity is judged by; on PostgreSQL they are locked."""
    query = sa.select(incidents, secrets.c.declared).join(secrets, secrets.c.id == incidents.c.secret_id)
    rows: list[RowMapping] = []
    for chunk in chunks(sorted(ids)):
        where = query.where(incidents.c.id.in_(chunk)).order_by(incidents.c.id).with_for_update(of=incidents)
        rows += connection.execute(where).mappings().all()
    return rows


def scan_by_id(connection: Connection, scan: str, workspace: str) -> RowMapping | None:
    """Return a scan."""
    return (
        connection.execute(sa.select(scans).where(scans.c.id == scan, scans.c.workspace_id == workspace)).mappings().one_or_none()
    )


def update_scan(connection: Connection, scan: str, **values: Any) -> None:
    """Change a scan's row."""
    connection.execute(sa.update(scans).where(scans.c.id == scan).values(**values))


def batch_results(connection: Connection, scan: str) -> Sequence[Row]:
    """Return what each part of a scan came to."""
    return connection.execute(sa.select(scan_batches.c.result).where(scan_batches.c.scan_id == scan)).scalars().all()


def add_event(connection: Connection, row: Row) -> None:
    """Add to a timeline."""
    connection.execute(sa.insert(events).values(**row))


def add_check(connection: Connection, row: Row) -> None:
    """Add to the history of what issuers said."""
    connection.execute(sa.insert(validity_checks).values(**row))


def has_comment(connection: Connection, incident: str, id: str) -> bool:
    """Whether an incident has a comment of that id."""
    query = sa.select(comments.c.id).where(comments.c.incident_id == incident, comments.c.id == id)
    return connection.execute(query).first() is not None


def tell_planner(connection: Connection, places: int) -> None:
    """Let PostgreSQL count the tables anew when it thinks that they are much smaller than they are.

    In its first minute a new database is believed to be empty, and a large first scan or import would read whole tables again
    and again. SQLite needs none of it.
    """
    if connection.dialect.name != "postgresql":
        return
    known = connection.exec_driver_sql("SELECT reltuples FROM pg_class WHERE oid = 'occurrences'::regclass").scalar_one()
    if known < places / 4:
        connection.exec_driver_sql("ANALYZE secrets, incidents, occurrences, incident_sources")
