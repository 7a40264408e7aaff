"""What happened: the audit trail, and the requests of the API."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query

from stanch.core.people import Permission
from stanch.db import listing
from stanch.db import tokens as token_rows
from stanch.server.auth import Caller
from stanch.server.limits import limited
from stanch.server.models.base import Page
from stanch.server.models.system import AuditEntry, AuditVerdict, RequestEntry
from stanch.server.request_log import RequestLog
from stanch.server.routing import Anybody, Key, Manager, Paged, Reader, api_router, found

router = api_router("audit and requests")
VERIFICATIONS_PER_MINUTE: Final = 10
_WORD: Final = r"^[^\x00]*$"


@router.get("/audit")
def list_audit(
    caller: Manager,
    paged: Paged,
    action: Annotated[str, Query(description="How the action begins: `incident.`.", max_length=60, pattern=_WORD)] = "",
    subject: Annotated[str, Query(description="Id of what it was done to.", max_length=80, pattern=_WORD)] = "",
    actor: Annotated[str, Query(description="Id of who did it.", max_length=80, pattern=_WORD)] = "",
) -> Page[AuditEntry]:
    """List the audit trail of the workspace, the newest first."""
    with caller.desk.look() as connection:
        entries, cursor = listing.audit_of(
            connection, caller.workspace, cursor=paged.cursor, limit=paged.limit, action=action, subject=subject, actor=actor
        )
    return Page[AuditEntry].of((AuditEntry.model_validate(dict(row)) for row in entries), cursor)


@router.get("/audit/verdict")
def verify_audit(caller: Manager) -> AuditVerdict:
    """Check every link of the audit trail of the installation."""
    limited(caller.context, "verifications", caller.principal.user_id, VERIFICATIONS_PER_MINUTE)
    with caller.desk.look() as connection:
        verdict = caller.desk.audit.verify(connection)
    return AuditVerdict(intact=verdict.intact, entries=verdict.entries, broken_at=verdict.broken_at, problem=verdict.problem)


@router.get("/requests")
def list_requests(
    caller: Reader,
    paged: Paged,
    failed: Annotated[bool, Query(description="Only those that were answered with an error.")] = False,
) -> Page[RequestEntry]:
    """List your requests and those of your tokens, the newest first; administrators see those of everybody in the workspace."""
    _flush(caller)
    with caller.desk.look() as connection:
        actors = () if caller.principal.may(Permission.MANAGE) else tuple(_own(caller))
        entries, cursor = listing.requests_of(
            connection, caller.workspace, cursor=paged.cursor, limit=paged.limit, actors=actors, failed=failed
        )
    return Page[RequestEntry].of((RequestEntry.model_validate(dict(row)) for row in entries), cursor)


@router.get("/requests/{request_id}")
def get_request(caller: Anybody, request_id: Key) -> RequestEntry:
    """Show one request: one of yours, or of your workspace when you administer it."""
    _flush(caller)
    with caller.desk.look() as connection:
        row = found(listing.request(connection, request_id), "request")
    who = caller.principal
    here = row["workspace_id"] is not None and row["workspace_id"] == caller.workspace and who.may(Permission.MANAGE)
    nowhere = row["workspace_id"] is None and who.operator
    own = row["actor_id"] in _own(caller) and row["workspace_id"] in (None, caller.workspace)
    return RequestEntry.model_validate(dict(found(row if here or own or nowhere else None, "request")))


def _own(caller: Caller) -> set[str]:
    """Return the ids under which a person's requests are written: their own and those of their tokens here."""
    who = caller.principal
    if who.kind == "token":
        return {who.token_id}
    with caller.desk.look() as connection:
        tokens = token_rows.of_workspace(connection, caller.workspace, user=who.user_id) if caller.workspace else ()
    return {who.user_id, *(row["id"] for row in tokens)}


def _flush(caller: Caller) -> None:
    """Write down what waits, so that whoever follows a link finds its entry."""
    log: RequestLog = caller.context.extras["request_log"]
    log.flush()
