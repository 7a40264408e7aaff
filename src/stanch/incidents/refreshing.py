"""What every change of an incident shares: its timeline, its counts and severity brought up to date, and opening it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy.engine import Connection

from stanch.core.ids import new_id
from stanch.core.incident import Actor, IncidentState
from stanch.core.severity import RANKS, Facts, judge
from stanch.db import record as rows
from stanch.db import tables
from stanch.db.text import clean, clean_json

_EXPOSURES: Final = ("private", "unknown", "internal", "public")
_ENVIRONMENTS: Final = ("development", "unknown", "staging", "production")
# A place that is new opens an incident again, unless somebody said that the value is no credential of anybody.
_FINAL_REASONS: Final = frozenset({"false_positive", "test_credential"})


def event_row(
    workspace: str, incident: str, kind: str, data: Mapping[str, Any], *, actor: Actor, now: datetime
) -> dict[str, Any]:
    """Return a row of the timeline."""
    return {
        "id": new_id("evt"),
        "workspace_id": workspace,
        "incident_id": incident,
        "kind": kind,
        "at": now,
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "actor_name": clean(actor.name, 200),
        "data": clean_json(dict(data)),
    }


def reopening_cause(state: str, ignore_reason: str | None, *, new_place: bool, live: bool) -> str:
    """Return why an incident opens again by itself; empty when it does not."""
    if IncidentState(state).is_active:
        return ""
    if live:
        return "seen_live"
    return "new_place" if new_place and ignore_reason not in _FINAL_REASONS else ""


def reopened(times: int) -> dict[str, Any]:
    """Return the values of an incident that opens again."""
    return {
        "state": "open",
        "reopened": times + 1,
        "resolution": None,
        "resolved_at": None,
        "ignore_reason": None,
        "ignored_until": None,
        "proof": None,
    }


def refresh(connection: Connection, ids: Sequence[str], changed: Mapping[str, Mapping[str, Any]], now: datetime) -> None:
    """Bring incidents' rows up to date with their occurrences, and judge their severity anew.

    Args:
        connection: the unit of work.
        ids: of the incidents.
        changed: id → other columns that change with it.
        now: when.
    """
    counts: dict[str, list[Mapping[Any, Any]]] = {}
    for count in rows.counts_of(connection, ids):
        counts.setdefault(count["incident_id"], []).append(count)
    updates: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    kept: list[dict[str, Any]] = []
    for row in rows.incidents_by_id(connection, ids):
        found = counts.get(row["id"], [])
        values = {"id": row["id"], "updated_at": now, "version": row["version"] + 1, **changed.get(row["id"], {})}
        values |= _counted(found)
        values |= judged({**row, **values}, now)
        updates.setdefault(tuple(sorted(values)), []).append(values)
        kept += [_kept(row["workspace_id"], count) for count in found]
    for group in updates.values():
        rows.update_by_id(connection, tables.incidents, group)
    rows.keep_sources(connection, ids, kept)


def _kept(workspace: str, count: Mapping[Any, Any]) -> dict[str, Any]:
    ids = {"incident_id": count["incident_id"], "source_id": count["source_id"], "workspace_id": workspace}
    return {**ids, "places": count["occurrences"] - count["gone"]}


def _counted(found: Sequence[Mapping[Any, Any]]) -> dict[str, Any]:
    """Return what an incident's row repeats of its occurrences. Those that are gone count for what was exposed, too."""
    if not found:
        return {"occurrences": 0, "gone": 0, "sources": 0}
    others = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return {
        "occurrences": sum(count["occurrences"] for count in found),
        "gone": sum(count["gone"] for count in found),
        "sources": len(found),
        "first_seen": min(count["first_seen"] for count in found),
        "last_seen": max(count["last_seen"] for count in found),
        "exposure": max((count["exposure"] for count in found), key=_EXPOSURES.index),
        "environment": max((count["environment"] for count in found), key=_ENVIRONMENTS.index),
        "source_names": min(count["name"] for count in found) + others,
    }


def judged(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return severity, rank, score and reasons of an incident's row (with its secret's ``declared``)."""
    facts = Facts(
        declared=row["declared"],
        validity=row["validity"],
        exposure=row["exposure"],
        environment=row["environment"],
        privileged=row["privileged"],
        first_seen=row["first_seen"],
        places=row["occurrences"] - row["gone"],
    )
    judgement = judge(facts, now)
    return {
        "severity": judgement.severity,
        "rank": RANKS[judgement.severity],
        "score": judgement.score,
        "why": list(judgement.reasons),
    }
