"""A large record, made at once: incidents, their places and what people said, skewed as real ones are. For `benchmarks.record`."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from stanch.core.ids import new_id
from stanch.core.incident import Place
from stanch.core.severity import RANKS, Facts, judge
from stanch.db import tables
from stanch.db.types import Json, Moment, to_micros
from stanch.incidents.merging import place_key

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
STATES = ("open",) * 45 + ("in_remediation",) * 5 + ("resolved",) * 35 + ("ignored",) * 15
VALIDITIES = ("unchecked",) * 50 + ("dead",) * 25 + ("live",) * 10 + ("inconclusive",) * 8 + ("expired",) * 5 + ("dormant",) * 2
EXPOSURES = ("private",) * 50 + ("internal",) * 30 + ("unknown",) * 10 + ("public",) * 10
ENVIRONMENTS = ("unknown",) * 60 + ("production",) * 20 + ("development",) * 15 + ("staging",) * 5
DECLARED = ("critical",) * 15 + ("high",) * 45 + ("medium",) * 30 + ("low",) * 10
WORDS = ("billing", "gateway", "shop", "mobile", "deploy", "infra", "legacy", "reports", "search", "auth", "worker", "mail")
DETECTORS = [
    (f"detector-{n}", f"Provider {n % 60}" if n % 7 else "", ("token", "password", "key", "url")[n % 4]) for n in range(160)
]


def zipf(rng: random.Random, items: list[Any], weight: float = 1.0) -> Any:
    """Draw with the first ones far commoner than the last."""
    return items[min(int(len(items) * rng.random() ** (1 + 2 * weight)), len(items) - 1)]


def copy(connection: Connection, table: sa.Table, rows: Iterable[dict[str, Any]]) -> int:
    """Put rows into a PostgreSQL table with COPY; what is left out is the column's default."""
    first = next(iterator := iter(rows))
    columns = [table.c[name] for name in first]
    plain = connection.connection.driver_connection
    names = ", ".join(f'"{c.name}"' for c in columns)
    count = 0
    with plain.cursor() as cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as out:  # type: ignore[union-attr]
        for row in _chained(first, iterator):
            out.write_row([_stored(c, row[c.name]) for c in columns])
            count += 1
    return count


def _chained(first: dict[str, Any], rest: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield first
    yield from rest


def _stored(column: sa.Column[Any], value: Any) -> Any:
    if isinstance(column.type, Moment):
        return None if value is None else to_micros(value)
    return json.dumps(value) if column.type is Json and value is not None else value


def people(workspace: str) -> Iterator[tuple[sa.Table, list[dict[str, Any]]]]:
    users = [
        {"id": f"usr_{n:02}", "email": f"u{n}@example.test", "name": f"User {n}", "recovery_hashes": [], "created_at": NOW}
        for n in range(30)
    ]
    yield tables.users, users
    yield (
        tables.memberships,
        [{"workspace_id": workspace, "user_id": u["id"], "role": "responder", "created_at": NOW} for u in users],
    )
    yield tables.teams, [{"id": f"tem_{n}", "workspace_id": workspace, "name": f"Team {n}", "created_at": NOW} for n in range(6)]


def sources(workspace: str, rng: random.Random, count: int = 400) -> list[dict[str, Any]]:
    return [
        {
            "id": f"src_{n:03}", "workspace_id": workspace, "kind": "git", "name": f"{rng.choice(WORDS)}-{n}", "settings": {},
            "target": f"https://git.test/{n}.git", "exposure": rng.choice(EXPOSURES), "environment": rng.choice(ENVIRONMENTS),
            "schedule": "", "created_at": NOW - timedelta(days=800),
        }
        for n in range(count)
    ]  # fmt: skip


def incident(
    workspace: str, rng: random.Random, number: int, secret: str, where: list[str], places: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A secret's and its incident's row."""
    detector, provider, kind = zipf(rng, DETECTORS)
    declared, opened = rng.choice(DECLARED), NOW - timedelta(days=730 * rng.random() ** 1.5, seconds=rng.random() * 1000)
    state, validity, exposure, environment = (rng.choice(c) for c in (STATES, VALIDITIES, EXPOSURES, ENVIRONMENTS))
    gone = places if rng.random() < 0.2 else int(places * rng.random() * 0.3)
    judgement = judge(
        Facts(declared=declared, validity=validity, exposure=exposure, environment=environment, privileged=None, first_seen=opened,
              places=places - gone), NOW,
    )  # fmt: skip
    path = f"services/{rng.choice(WORDS)}/{rng.choice(WORDS)}/config-{number % 977}.env"
    title, redacted = f"Title of {detector}", f"abc{number % 1000:03}…{number:05x}"
    took = min((NOW - opened).total_seconds(), 86400 * 60) * rng.random()
    row = {
        "id": new_id("inc"), "workspace_id": workspace, "secret_id": secret, "number": number, "state": state,
        "severity": judgement.severity, "rank": RANKS[judgement.severity], "score": judgement.score, "why": list(judgement.reasons),
        "validity": validity, "validity_reason": "", "exposure": exposure, "environment": environment, "detector": detector,
        "title": title, "provider": provider, "kind": kind, "redacted": redacted, "path": path,
        "source_names": where[0], "occurrences": places, "sources": len(where), "gone": gone,
        "assignee_id": f"usr_{rng.randrange(30):02}" if rng.random() < 0.3 else None,
        "team_id": f"tem_{rng.randrange(6)}" if rng.random() < 0.3 else None,
        "ignore_reason": "false_positive" if state == "ignored" else None,
        "resolution": "revoked" if state == "resolved" else None,
        "search": " ".join((title, detector, provider, path, redacted)).lower(),
        "opened_at": opened, "first_seen": opened, "last_seen": NOW - timedelta(seconds=rng.random() * 86400 * 20),
        "resolved_at": opened + timedelta(seconds=took) if state == "resolved" else None, "updated_at": NOW, "version": 1,
    }  # fmt: skip
    secret_row = {
        "id": secret, "workspace_id": workspace, "fingerprint": f"{rng.getrandbits(256):064x}", "detector": detector, "title": title,
        "provider": provider, "kind": kind, "redacted": redacted, "declared": declared, "companions": {},
        "spki": f"{rng.randrange(500):064x}" if kind == "key" else "", "reasons": ["the checksum is right"], "created_at": opened,
    }  # fmt: skip
    return secret_row, row


def occurrences(incident: dict[str, Any], where: list[str], rng: random.Random) -> Iterator[dict[str, Any]]:
    for n in range(incident["occurrences"]):
        path = f"{incident['path']}.{n}"
        yield {
            "id": new_id("occ"), "workspace_id": incident["workspace_id"], "incident_id": incident["id"], "secret_id": incident["secret_id"],
            "source_id": where[n % len(where)], "place": place_key(Place(path=path)), "path": path, "line": n + 1, "column": 9, "end_line": n + 1,
            "end_column": 49, "snippet": f"# settings\nTOKEN = {incident['redacted']}\nPORT = 8080\n", "snippet_line": n,
            "commit": f"{rng.getrandbits(160):040x}", "author": "Anna", "email": "anna@example.test", "committed": "2026-01-01T00:00:00Z",
            "in_head": True, "blob": f"{rng.getrandbits(160):040x}", "confidence": "high", "first_seen": incident["first_seen"],
            "last_seen": incident["last_seen"], "gone_at": incident["last_seen"] if n < incident["gone"] else None,
            "first_scan": "scn_0", "last_scan": "scn_0",
        }  # fmt: skip


def _counts(incident: dict[str, Any], where: list[str]) -> Iterator[dict[str, Any]]:
    for index, source in enumerate(where):
        places = sum(1 for n in range(incident["gone"], incident["occurrences"]) if n % len(where) == index)
        yield {"incident_id": incident["id"], "source_id": source, "workspace_id": incident["workspace_id"], "places": places}


def shares(rng: random.Random, incidents: int, places: int) -> list[int]:
    """How many places each incident has: most have few, some very many, all together exactly *places*."""
    weights = [rng.paretovariate(1.1) for _ in range(incidents)]
    total = sum(min(w, 300) for w in weights)
    counts = [max(1, int(min(w, 300) * places / total)) for w in weights]
    counts[0] += places - sum(counts)
    return counts


def load(connection: Connection, workspace: str, *, incidents: int, places: int, seed: int = 4) -> None:
    """Fill an empty workspace on PostgreSQL."""
    rng = random.Random(seed)
    for table, rows in people(workspace):
        copy(connection, table, rows)
    made = sources(workspace, rng)
    copy(connection, tables.sources, made)
    names = [s["id"] for s in made]
    secrets, rows, wheres = [], [], []
    for number, count in enumerate(shares(rng, incidents, places), 1):
        where = list(dict.fromkeys(zipf(rng, names) for _ in range(min(count, 1 + int(rng.paretovariate(1.5))))))
        secret, row = incident(workspace, rng, number, new_id("sec"), where, count)
        secrets.append(secret)
        rows.append(row)
        wheres.append(where)
    copy(connection, tables.secrets, secrets)
    copy(connection, tables.incidents, rows)
    copy(
        connection, tables.occurrences, (o for row, where in zip(rows, wheres, strict=True) for o in occurrences(row, where, rng))
    )
    copy(connection, tables.incident_sources, (n for row, where in zip(rows, wheres, strict=True) for n in _counts(row, where)))
    copy(connection, tables.events, _events(rows, rng))
    copy(connection, tables.tags, _tags(rows, rng))
    copy(connection, tables.validity_checks, _checks(rows))
    connection.execute(sa.update(tables.workspaces).values(next_number=incidents, version=tables.workspaces.c.version + 1))


def _events(rows: list[dict[str, Any]], rng: random.Random) -> Iterator[dict[str, Any]]:
    for row in rows:
        for kind in (
            "opened",
            *rng.choices(("places_found", "state_changed", "commented", "validity_changed"), k=rng.randrange(6)),
        ):
            yield {
                "id": new_id("evt"), "workspace_id": row["workspace_id"], "incident_id": row["id"], "kind": kind, "at": row["opened_at"],
                "actor_kind": "system", "actor_id": "", "actor_name": "Stanch", "data": {"count": 1},
            }  # fmt: skip


def _tags(rows: list[dict[str, Any]], rng: random.Random) -> Iterator[dict[str, Any]]:
    names = [f"tag-{n}" for n in range(80)]
    for row in rows:
        for tag in {zipf(rng, names) for _ in range(rng.randrange(3))}:
            yield {"incident_id": row["id"], "tag": tag, "workspace_id": row["workspace_id"]}


def _checks(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        if row["validity"] != "unchecked":
            yield {
                "id": new_id("chk"), "workspace_id": row["workspace_id"], "secret_id": row["secret_id"], "validity": row["validity"],
                "reason": "said", "message": "It said so.", "evidence": {"status": "200"}, "probes": [], "checked_at": row["opened_at"],
            }  # fmt: skip
