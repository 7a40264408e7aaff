"""Scans: looks at sources, and recording one from elsewhere part by part."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import Query

from stanch.core.errors import InputError
from stanch.db import listing
from stanch.incidents import record
from stanch.incidents.desk import Work
from stanch.incidents.workspaces import SourceSpec, ensure_source
from stanch.server.auth import Caller
from stanch.server.models.base import Page
from stanch.server.models.scanning import BatchGiven, FinishGiven, Recorded, Scan, ScanGiven
from stanch.server.routing import Key, Paged, Reader, Scanner, api_router, found

router = api_router("scans")


@router.get("/scans")
def list_scans(
    caller: Reader,
    paged: Paged,
    source: Annotated[str, Query(description="Only of the source with this id.", max_length=80, pattern=r"^[^\x00]*$")] = "",
    state: Annotated[
        Literal["running", "complete", "incomplete", "failed", "cancelled"] | None, Query(description="Only in this state.")
    ] = None,
) -> Page[Scan]:
    """List scans, the newest first."""
    with caller.desk.look() as connection:
        scans, cursor = listing.scans_of(
            connection, caller.workspace, cursor=paged.cursor, limit=paged.limit, source=source, state=state or ""
        )
    return Page[Scan].of(map(Scan.of, scans), cursor)


@router.get("/scans/{scan}")
def get_scan(caller: Reader, scan: Key) -> Scan:
    """Show one scan."""
    return _shown(caller, scan)


@router.post("/scans", status_code=201)
def begin_scan(caller: Scanner, given: ScanGiven) -> Scan:
    """Begin a scan that was done, or is being done, elsewhere: then send its parts, and finish it."""
    if len(given.model_fields_set & {"source_id", "source"}) != 1:
        raise InputError("give either source_id or source.", code="scan_source")
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        scan = record.begin_scan(
            work.connection,
            workspace=caller.workspace,
            source=_source(work, given),
            now=work.now,
            tool=given.tool,
            version=given.version,
            actor=caller.actor,
        )
    return _shown(caller, scan)


def _source(work: Work, given: ScanGiven) -> str:
    if "source" not in given.model_fields_set:
        return given.source_id
    wanted = given.source
    return ensure_source(
        work.connection,
        SourceSpec(kind=wanted.kind, target=wanted.target, name=wanted.name),
        workspace=work.workspace,
        now=work.now,
        exposure=wanted.exposure,
        environment=wanted.environment,
    )


@router.post("/scans/{scan}/batches")
def record_batch(caller: Scanner, scan: Key, given: BatchGiven) -> Recorded:
    """Record a part of a scan. The same part again changes nothing, so it may be sent until it is answered."""
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        recorded = record.record_batch(
            work.connection,
            [sighting.sighting() for sighting in given.sightings],
            workspace=caller.workspace,
            scan=scan,
            batch=given.number,
            now=work.now,
            actor=caller.actor,
        )
    return Recorded.model_validate(asdict(recorded))


@router.post("/scans/{scan}/finish")
def finish_scan(caller: Scanner, scan: Key, given: FinishGiven) -> Scan:
    """Finish a scan. After a complete one, what it did not see is gone. A finished one stays as it is."""
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        row = record.finish_scan(
            work.connection,
            workspace=caller.workspace,
            scan=scan,
            now=work.now,
            state=given.state,
            totals=given.totals,
            skipped=[skipped.model_dump() for skipped in given.skipped],
            error=given.error,
            partial=given.partial,
            actor=caller.actor,
        )
        work.note("scan.record", subject=scan, data={"state": row["state"], "found": row["found"], "opened": row["opened"]})
    return _shown(caller, scan)


def _shown(caller: Caller, scan: str) -> Scan:
    with caller.desk.look() as connection:
        scans, _ = listing.scans_of(connection, caller.workspace, cursor="", limit=1, only=scan)
    return Scan.of(found(scans[0] if scans else None, "scan"))
