"""Where incidents come from: the list of sources, one source with its scans, and what may be changed about it."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from sqlalchemy.engine import RowMapping
from starlette.responses import Response

from stanch.core.errors import NotFoundError, StanchError
from stanch.core.filters import ENVIRONMENTS, EXPOSURES
from stanch.db import listing
from stanch.db import workspaces as rows
from stanch.incidents.reachable import is_remote
from stanch.incidents.source_changes import change_source, remove_source
from stanch.incidents.workspaces import SourceSpec, ensure_source
from stanch.server import jobs_named
from stanch.server.auth import Caller
from stanch.web.pages.common import done, shown
from stanch.web.pages.forms import Manager, Reader, Scanner, Sent, named

router = APIRouter()
SCHEDULES: Final = (("", "Only when asked"), ("hourly", "Every hour"), ("daily", "Every day"), ("weekly", "Every week"))
_CHOICES: Final[dict[str, Any]] = {
    "exposures": named(EXPOSURES),
    "environments": named(ENVIRONMENTS),
    "schedules": SCHEDULES,
}


@router.get("/w/{workspace}/sources")
def sources(request: Request, caller: Reader, cursor: str = "", q: str = "") -> Response:
    """List sources with what is open in them."""
    with caller.desk.look() as connection:
        found = list(rows.list_sources(connection, caller.workspace))
    words = q.lower().split()
    fitting = [row for row in found if all(w in f"{row['name']} {row['target']} {row['kind']}".lower() for w in words)]
    return shown(
        request, caller, "sources.html", rows=fitting, total=len(found), q=q, **_CHOICES,
    )  # fmt: skip


@router.post("/w/{workspace}/sources")
def add(request: Request, caller: Manager, form: Sent) -> Response:
    """Add a source, and go to its page."""
    form.check(request, caller)
    target = form.text("target")
    kind = form.text("kind") or ("git" if is_remote(target) or target.endswith(".git") else "files")
    if not target:
        return done(request, caller, "/sources", "A source needs an address or a folder.", kind="error")
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        spec = SourceSpec(kind=kind, target=target, name=form.text("name") or target.rstrip("/").rpartition("/")[2])
        source = ensure_source(
            work.connection,
            spec,
            workspace=caller.workspace,
            now=work.now,
            exposure=form.text("exposure", "unknown"),
            environment=form.text("environment", "unknown"),
        )
        work.note("source.add", subject=source, data={"kind": kind})
    return done(request, caller, f"/sources/{source}", "The source is there. Scan it now, or give it a schedule.")


@router.get("/w/{workspace}/sources/{source}")
def source(request: Request, caller: Reader, source: str, cursor: str = "") -> Response:
    """Show one source with its scans."""
    with caller.desk.look() as connection:
        found, _ = listing.sources_of(connection, caller.workspace, cursor="", limit=1, only=source)
        if not found:
            raise NotFoundError("there is no such source.", hint="It may have been removed, or be in another workspace.")
        scans, more = listing.scans_of(connection, caller.workspace, cursor=cursor, limit=20, source=source)
    runs = caller.context.engine.list(caller.workspace, job=jobs_named.SCAN, subject=source, limit=1).items
    return shown(
        request,
        caller,
        "source.html",
        row=found[0],
        scans=scans,
        more=more,
        run=runs[0] if runs else None,
        scannable=found[0]["kind"] in ("git", "files"),
        **_CHOICES,
    )


@router.post("/w/{workspace}/sources/{source}")
def change(request: Request, caller: Manager, source: str, form: Sent) -> Response:
    """Change what is known about a source."""
    form.check(request, caller)
    changes: dict[str, str] = {"name": form.text("name")} if form.text("name") else {}
    for name, known in (("exposure", EXPOSURES), ("environment", ENVIRONMENTS), ("schedule", [s for s, _ in SCHEDULES])):
        if form.text(name, "-") in known:
            changes[name] = form.text(name)
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        judged = change_source(work, source, changes)
    told = f" {judged} incident{'s' if judged != 1 else ''} judged anew." if judged else ""
    return done(request, caller, f"/sources/{source}", f"Saved.{told}")


@router.post("/w/{workspace}/sources/{source}/scan")
def scan(request: Request, caller: Scanner, source: str, form: Sent) -> Response:
    """Start a scan, and go to its run."""
    form.check(request, caller)
    row = _row(caller, source)
    if row["kind"] not in ("git", "files"):
        return done(request, caller, f"/sources/{source}", "An imported source is scanned where it came from.", kind="error")
    try:
        run = jobs_named.start_scan(caller, row)
    except StanchError as exc:
        return done(request, caller, f"/sources/{source}", str(exc), kind="error")
    return done(request, caller, f"/runs/{run.id}", "The scan has begun.")


@router.post("/w/{workspace}/sources/{source}/remove")
def remove(request: Request, caller: Manager, source: str, form: Sent) -> Response:
    """Take a source off the list."""
    form.check(request, caller)
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        gone = remove_source(work, source)
    return done(request, caller, "/sources", f"The source is removed; {gone} place{'s' if gone != 1 else ''} marked as gone.")


def _row(caller: Caller, source: str) -> RowMapping:
    with caller.desk.look() as connection:
        row = rows.source(connection, caller.workspace, source)
    if row is None or row["removed_at"] is not None:
        raise NotFoundError("there is no such source.", hint="It may have been removed, or be in another workspace.")
    return row
