"""Sources: what is scanned."""

from __future__ import annotations

from fastapi import Response

from stanch.core.errors import ConflictError
from stanch.db import listing
from stanch.db import workspaces as rows
from stanch.incidents import source_changes
from stanch.incidents.workspaces import SourceSpec, ensure_source
from stanch.server import jobs_named
from stanch.server.auth import Caller
from stanch.server.models.base import Page
from stanch.server.models.runs import Run
from stanch.server.models.scanning import Source, SourceChange, SourceGiven
from stanch.server.routing import Key, Manager, Paged, Reader, Scanner, api_router, found

router = api_router("sources")


@router.get("/sources")
def list_sources(caller: Reader, paged: Paged) -> Page[Source]:
    """List sources, in the order they were added."""
    with caller.desk.look() as connection:
        sources, cursor = listing.sources_of(connection, caller.workspace, cursor=paged.cursor, limit=paged.limit)
    return Page[Source].of(map(Source.model_validate, map(dict, sources)), cursor)


@router.post("/sources", status_code=201)
def add_source(caller: Manager, given: SourceGiven) -> Source:
    """Add a source. One with the same kind and target is the same: then that one is shown, as it is."""
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        spec = SourceSpec(kind=given.kind, target=given.target, name=given.name)
        id_ = ensure_source(
            work.connection,
            spec,
            workspace=caller.workspace,
            now=work.now,
            exposure=given.exposure,
            environment=given.environment,
        )
        work.note("source.add", subject=id_, data={"kind": given.kind})
    return shown(caller, id_)


@router.get("/sources/{source}")
def get_source(caller: Reader, source: Key) -> Source:
    """Show one source."""
    return shown(caller, source)


@router.patch("/sources/{source}")
def change_source(caller: Manager, source: Key, change: SourceChange) -> Source:
    """Change a source. Another exposure or environment judges the severity of its incidents anew."""
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        changes = {name: value for name, value in change.model_dump(exclude_unset=True).items() if value is not None}
        source_changes.change_source(work, source, changes)
    return shown(caller, source)


@router.delete("/sources/{source}", status_code=204)
def remove_source(caller: Manager, source: Key) -> Response:
    """Remove a source from the list. It is scanned no more and its places count as gone; incidents and their history stay."""
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        source_changes.remove_source(work, source)
    return Response(status_code=204)


@router.post("/sources/{source}/scans", status_code=202)
def scan_source(caller: Scanner, source: Key) -> Run:
    """Scan a source now, in a run on the server."""
    with caller.desk.look() as connection:
        row = found(rows.source(connection, caller.workspace, source), "source")
    if row["removed_at"] is not None:
        found(None, "source")
    if row["kind"] not in ("git", "files"):
        raise ConflictError(
            "this source cannot be scanned from here.", hint="It came with an import: import again.", code="not_scannable"
        )
    return jobs_named.start_scan(caller, row)


def shown(caller: Caller, source: str) -> Source:
    """Return a source as the API shows it."""
    with caller.desk.look() as connection:
        sources, _ = listing.sources_of(connection, caller.workspace, cursor="", limit=1, only=source)
    row = found(sources[0] if sources else None, "source")
    return Source.model_validate(dict(row))
