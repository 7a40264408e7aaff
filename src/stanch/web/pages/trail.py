"""Who did what, whether anybody changed that, and what the API was asked."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from stanch.core.errors import NotFoundError
from stanch.db import listing
from stanch.server.limits import limited
from stanch.server.routes.trail import VERIFICATIONS_PER_MINUTE, get_request
from stanch.web.pages.common import done, shown
from stanch.web.pages.forms import Manager, Person, Reader, Sent
from stanch.web.pages.settings import manages, sections

router = APIRouter()
_LIMIT: Final = 50
GROUPS: Final = (
    ("", "Everything"), ("incident.", "Incidents"), ("scan.", "Scans"), ("source.", "Sources"), ("run.", "Runs"),
    ("member.", "Members"), ("token.", "Tokens"), ("channel.", "Channels"), ("settings.", "Settings"), ("team.", "Teams"),
)  # fmt: skip


@router.get("/w/{workspace}/audit")
def audit(request: Request, caller: Manager, action: str = "", subject: str = "", cursor: str = "") -> Response:
    """List the audit trail of the workspace, the newest first."""
    with caller.desk.look() as connection:
        rows, more = listing.audit_of(
            connection, caller.workspace, cursor=cursor, limit=_LIMIT, action=action[:60], subject=subject[:80], actor=""
        )
    return shown(request, caller, "audit.html", rows=rows, more=more, action=action, subject=subject, groups=GROUPS)


@router.post("/w/{workspace}/audit/verify")
def verify(request: Request, caller: Manager, form: Sent) -> Response:
    """Check every link of the chain."""
    form.check(request, caller)
    limited(caller.context, "verifications", caller.principal.user_id, VERIFICATIONS_PER_MINUTE)
    with caller.desk.look() as connection:
        verdict = caller.desk.audit.verify(connection)
    if verdict.intact:
        return done(request, caller, "/audit", f"The chain is intact: {verdict.entries:,} entries, none changed or missing.")
    text = f"The chain is broken at entry {verdict.broken_at}: {verdict.problem}. Keep the database as it is."
    return done(request, caller, "/audit", text, kind="error")


@router.get("/w/{workspace}/requests")
def requests(request: Request, caller: Reader, failed: str = "", cursor: str = "") -> Response:
    """List what the API was asked: everything for administrators, their own for others."""
    caller.context.extras["request_log"].flush()
    actors = () if manages(caller) else (caller.principal.user_id,)
    with caller.desk.look() as connection:
        rows, more = listing.requests_of(
            connection, caller.workspace, cursor=cursor, limit=_LIMIT, actors=actors, failed=failed == "1"
        )
    return shown(
        request, caller, "requests.html", rows=rows, more=more, failed=failed == "1", tabs=sections(caller, "/requests"),
        base_url=caller.context.settings.base_url,
    )  # fmt: skip


@router.get("/w/{workspace}/requests/{request_id}")
def one(request: Request, caller: Reader, request_id: str) -> Response:
    """Show one request."""
    return shown(request, caller, "request.html", entry=get_request(caller, request_id))


@router.get("/requests/{request_id}")
def anywhere(request: Request, caller: Person, request_id: str) -> Response:
    """Open a request by the address that its answer named: in its workspace, when the person may see it."""
    caller.context.extras["request_log"].flush()
    with caller.desk.look() as connection:
        row = listing.request(connection, request_id)
        place = None
        if row is not None and row["workspace_id"]:
            from stanch.db.workspaces import workspace

            place = workspace(connection, row["workspace_id"])
    if place is not None:
        return RedirectResponse(f"/w/{place['slug']}/requests/{request_id}", status_code=303)
    if row is None or not caller.principal.operator:
        raise NotFoundError("there is no such request.", hint="Entries are kept for a while only.")
    return shown(request, caller, "request.html", entry=row)
