"""Sightings, and records that hold some: what tests of the record begin with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from stanch.core.incident import Actor, Place, Sighting
from stanch.db import tables
from stanch.incidents.desk import Desk
from stanch.incidents.recording import RecordedScan, record_scan
from stanch.incidents.workspaces import SourceSpec

ANNA = Actor(kind="user", id="usr_anna", name="Anna")
SPEC = SourceSpec(kind="git", target="https://git.test/shop.git", name="shop")


def fingerprint(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def sighting(name: str = "one", *paths: str, **values: Any) -> Sighting:
    """A secret called *name*, in *paths*."""
    facts: dict[str, Any] = {
        "detector": "github-pat", "title": "GitHub token", "provider": "github", "kind": "token", "severity": "high",
        "redacted": f"ghp_…{name[-4:]}", "places": tuple(Place(path=p, line=3, column=1) for p in paths or (f"{name}.env",)),
    }  # fmt: skip
    return Sighting(fingerprint=fingerprint(name), **(facts | values))


def spec(name: str) -> SourceSpec:
    return SourceSpec(kind="git", target=f"https://git.test/{name}.git", name=name)


def scanned(desk: Desk, *sightings: Sighting, workspace: str = "", source: SourceSpec = SPEC, **options: Any) -> RecordedScan:
    """Record a scan that saw these."""
    return record_scan(desk, sightings, source, workspace=workspace or desk.workspace(), actor=ANNA, **options)


def rows(desk: Desk, table: sa.Table, *where: Any) -> Sequence[Any]:
    with desk.look() as connection:
        return connection.execute(sa.select(table).where(*where).order_by(*table.primary_key.columns)).all()


def the_incident(desk: Desk, name: str = "one", workspace: str = "") -> Any:
    """The incident of the secret called *name*."""
    i, s = tables.incidents, tables.secrets
    with desk.look() as connection:
        query = sa.select(i).join(s, s.c.id == i.c.secret_id).where(s.c.fingerprint == fingerprint(name))
        if workspace:
            query = query.where(i.c.workspace_id == workspace)
        return connection.execute(query).one()


def events(desk: Desk, incident: str) -> list[str]:
    """The kinds of events of a timeline, in their order."""
    return [
        r.kind for r in sorted(rows(desk, tables.events, tables.events.c.incident_id == incident), key=lambda r: (r.at, r.id))
    ]


@dataclass
class Person:
    """Somebody who is a member of a workspace."""

    id: str
    name: str


def member(desk: Desk, workspace: str, name: str, now: datetime, role: str = "responder") -> Person:
    with desk.work(workspace) as work:
        row = {
            "id": f"usr_{name}",
            "email": f"{name}@example.test",
            "name": name.title(),
            "recovery_hashes": [],
            "created_at": now,
        }
        work.connection.execute(sa.insert(tables.users).values(row))
        values = {"workspace_id": workspace, "user_id": row["id"], "role": role, "created_at": now}
        work.connection.execute(sa.insert(tables.memberships).values(values))
    return Person(id=str(row["id"]), name=name.title())


def team(desk: Desk, workspace: str, name: str, now: datetime) -> str:
    with desk.work(workspace) as work:
        work.connection.execute(
            sa.insert(tables.teams).values(id=f"tem_{name}", workspace_id=workspace, name=name, created_at=now)
        )
    return f"tem_{name}"
