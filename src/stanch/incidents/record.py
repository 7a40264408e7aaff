"""Put what a scan or an import found into the record: `begin_scan`, `record_batch` (any number of times), `finish_scan`.

Everything may be repeated after a crash: a scan is begun once by its id, a batch is known by its number and digest, and an
occurrence by its secret, source and place. What was recorded is never doubled, and what a complete scan no longer sees is marked
as gone, not deleted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from stanch.core.errors import InputError, NotFoundError
from stanch.core.ids import new_id
from stanch.core.incident import SYSTEM, Actor, Sighting
from stanch.db import record as rows
from stanch.db import tables
from stanch.db.text import clean, clean_json
from stanch.incidents.announcing import announce_scan
from stanch.incidents.merging import Batch

MOST_IN_BATCH: Final = 2_000
_COUNTED: Final = frozenset(4**n for n in range(1, 10))  # after these batches tables may have outgrown what is known of them
STATES: Final = ("running", "complete", "incomplete", "failed", "cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a batch changed.

    Attributes:
        seen: occurrences in the batch.
        new: of them, not known before.
        opened: incidents that began with it.
        reopened: incidents that it opened again.
    """

    seen: int = 0
    new: int = 0
    opened: int = 0
    reopened: int = 0

    def __add__(self, other: Recorded) -> Recorded:
        """Return both together."""
        return Recorded(**{k: v + getattr(other, k) for k, v in asdict(self).items()})


def begin_scan(
    connection: Connection,
    *,
    workspace: str,
    source: str,
    now: datetime,
    scan: str = "",
    tool: str = "stanch",
    version: str = "",
    actor: Actor = SYSTEM,
    run: str = "",
) -> str:
    """Open a scan of a source and return its id; the same id again opens nothing new.

    Raises:
        NotFoundError: the source is not in this workspace.
    """
    scan = scan or new_id("scn")
    known = rows.scan_by_id(connection, scan, workspace)
    if known is not None:
        return scan
    query = sa.select(tables.sources.c.id).where(tables.sources.c.id == source, tables.sources.c.workspace_id == workspace)
    if connection.execute(query).scalar_one_or_none() is None:
        raise NotFoundError("there is no such source.", hint="List them with `stanch sources list`.")
    row = {
        "id": scan,
        "workspace_id": workspace,
        "source_id": source,
        "state": "running",
        "tool": clean(tool, 80),
        "version": clean(version, 80),
        "run_id": run or None,
        "actor_name": actor.name,
        "started_at": now,
    }
    rows.insert(connection, tables.scans, [row])
    return scan


def record_batch(
    connection: Connection,
    sightings: Sequence[Sighting],
    *,
    workspace: str,
    scan: str,
    batch: int,
    now: datetime,
    actor: Actor = SYSTEM,
) -> Recorded:
    """Record a part of a scan; a part that is on record already changes nothing.

    Args:
        connection: the unit of work.
        sightings: at most `MOST_IN_BATCH`.
        workspace: where.
        scan: begun with `begin_scan`.
        batch: number of the part.
        now: when.
        actor: who scans.

    Raises:
        NotFoundError: the scan is not in this workspace.
        InputError: the scan is over, or the same number came with other content.
    """
    digest = _digest(sightings)
    rows.take_numbers(connection, workspace)
    found = rows.scan_by_id(connection, scan, workspace)
    if found is None:
        raise NotFoundError("there is no such scan.", hint="Begin one first.")
    stored = rows.stored_batch(connection, scan, batch)
    if stored is not None:
        if stored["digest"] != digest:
            raise InputError(
                f"part {batch} of this scan is on record with other content.",
                hint="Number the parts from 0, each once.",
                code="batch_differs",
            )
        return Recorded(**stored["result"])
    if found["state"] != "running":
        raise InputError(f"the scan is {found['state']} already.", hint="Begin another one.", code="scan_over")
    result = Batch(connection, workspace=workspace, source=found["source_id"], scan=scan, now=now, actor=actor).merge(sightings)
    recorded = Recorded(**result)
    rows.store_batch(connection, scan, batch, digest, asdict(recorded))
    if batch in _COUNTED:
        rows.tell_planner(connection, batch * len(sightings))
    return recorded


def finish_scan(
    connection: Connection,
    *,
    workspace: str,
    scan: str,
    now: datetime,
    state: str = "complete",
    totals: Mapping[str, int] | None = None,
    skipped: Sequence[Mapping[str, str]] = (),
    error: str = "",
    partial: bool = False,
    actor: Actor = SYSTEM,
) -> Mapping[Any, Any]:
    """Close a scan; after a complete one, what it did not see is gone.

    Args:
        connection: the unit of work.
        workspace: where.
        scan: which.
        now: when.
        state: how it ended, of `STATES`.
        totals: what was read.
        skipped: what was not, each with path, code and reason.
        error: why it failed, for a person.
        partial: whether it looked at a part of the source only (a range of commits, an import): then nothing is gone.
        actor: who scans.

    Returns:
        The scan's row.

    Raises:
        NotFoundError: the scan is not in this workspace.
    """
    rows.take_numbers(connection, workspace)
    found = rows.scan_by_id(connection, scan, workspace)
    if found is None:
        raise NotFoundError("there is no such scan.")
    if found["state"] != "running":
        return found
    results = [Recorded(**r) for r in rows.batch_results(connection, scan)]
    gone = 0
    if state == "complete" and not partial:
        gone = Batch(connection, workspace=workspace, source=found["source_id"], scan=scan, now=now, actor=actor).sweep()
    rows.update_scan(
        connection,
        scan,
        state=state,
        ended_at=now,
        totals=clean_json(dict(totals or {})),
        skipped=clean_json(list(skipped)[:1000]),
        error=clean(error, 1000),
        found=sum(r.seen for r in results),
        opened=sum(r.opened for r in results),
        gone=gone,
    )
    if state in ("complete", "incomplete"):
        connection.execute(sa.update(tables.sources).where(tables.sources.c.id == found["source_id"]).values(scanned_at=now))
    announce_scan(connection, workspace, scan, now=now)
    after = rows.scan_by_id(connection, scan, workspace)
    assert after is not None
    return after


def _digest(sightings: Sequence[Sighting]) -> str:
    digest = hashlib.sha256()
    for s in sightings:
        places = [(p.path, p.ordinal, p.line, p.commit) for p in s.places]
        digest.update(json.dumps([s.fingerprint, s.detector, s.validity, places]).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
