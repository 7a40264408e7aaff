"""What belongs to one incident: places, timeline, comments, what issuers said, its value."""

from __future__ import annotations

import base64
import hashlib
from typing import Annotated, Final

from fastapi import Query, Request, Response
from sqlalchemy.engine import Connection, RowMapping

from stanch.core.errors import ConflictError
from stanch.db import incidents as rows
from stanch.db import listing
from stanch.incidents.revealing import reveal
from stanch.server import jobs_named
from stanch.server.auth import Caller
from stanch.server.context import context_of
from stanch.server.idempotency import shown_once
from stanch.server.limits import credential_name, limited
from stanch.server.models.base import Page
from stanch.server.models.incidents import Comment, CommentGiven, Event, Occurrence, Revealed, RevealGiven, ValidityCheck
from stanch.server.models.runs import Run
from stanch.server.problems import Problem
from stanch.server.routes.incidents import key_of
from stanch.server.routing import IncidentKey, Paged, Reader, Revealer, Scanner, Triager, api_router, found

router = api_router("incidents")
REVEALS_PER_MINUTE: Final = 10


def _incident(connection: Connection, caller: Caller, key: str) -> RowMapping:
    row: RowMapping = found(rows.incident(connection, caller.workspace, key), "incident")
    return row


@router.get("/incidents/{incident}/occurrences")
def list_occurrences(
    caller: Reader,
    incident: IncidentKey,
    paged: Paged,
    gone: Annotated[bool | None, Query(description="Only those that are gone, or only those that are not.")] = None,
) -> Page[Occurrence]:
    """List the places where its secret was found: those that still hold it first."""
    with caller.desk.look() as connection:
        row = _incident(connection, caller, incident)
        places, cursor = rows.occurrences_of(
            connection, caller.workspace, row["id"], cursor=paged.cursor, limit=paged.limit, gone=gone
        )
    return Page[Occurrence].of(map(Occurrence.of, places), cursor)


@router.get("/incidents/{incident}/events")
def list_events(caller: Reader, incident: IncidentKey, paged: Paged) -> Page[Event]:
    """List what happened to an incident, the newest first."""
    with caller.desk.look() as connection:
        row = _incident(connection, caller, incident)
        events, cursor = listing.events_of(connection, caller.workspace, row["id"], cursor=paged.cursor, limit=paged.limit)
    return Page[Event].of(map(Event.model_validate, map(dict, events)), cursor)


@router.get("/incidents/{incident}/comments")
def list_comments(caller: Reader, incident: IncidentKey, paged: Paged) -> Page[Comment]:
    """List comments, the oldest first."""
    with caller.desk.look() as connection:
        row = _incident(connection, caller, incident)
        comments, cursor = listing.comments_of(connection, caller.workspace, row["id"], cursor=paged.cursor, limit=paged.limit)
    return Page[Comment].of(map(Comment.model_validate, map(dict, comments)), cursor)


@router.post("/incidents/{incident}/comments", status_code=201)
def add_comment(caller: Triager, incident: IncidentKey, given: CommentGiven, request: Request) -> Comment:
    """Comment on an incident."""
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        id_ = key_of(work, incident)
        comment = work.triage.comment(id_, given.body, id=_comment_id(request))
        (row,), _ = listing.comments_of(work.connection, caller.workspace, id_, cursor="", limit=1, only=comment)
    return Comment.model_validate(dict(row))


@router.get("/incidents/{incident}/checks")
def list_checks(caller: Reader, incident: IncidentKey, paged: Paged) -> Page[ValidityCheck]:
    """List what its issuer said, the newest first."""
    with caller.desk.look() as connection:
        row = _incident(connection, caller, incident)
        checks, cursor = listing.checks_of(connection, caller.workspace, row["secret_id"], cursor=paged.cursor, limit=paged.limit)
    return Page[ValidityCheck].of(map(ValidityCheck.model_validate, map(dict, checks)), cursor)


@router.post("/incidents/{incident}/checks", status_code=202)
def check_incident(caller: Scanner, incident: IncidentKey) -> Run:
    """Ask its issuer whether the credential still works, in a run. Read-only at the issuer."""
    with caller.desk.look() as connection:
        row = _incident(connection, caller, incident)
    if not row["has_value"]:
        raise ConflictError(
            "the value of this incident was not kept.", hint="Scan again with --record --keep-values.", code="value_not_kept"
        )
    return jobs_named.start_check(caller, row)


@router.post("/incidents/{incident}/reveal")
def reveal_value(caller: Revealer, incident: IncidentKey, given: RevealGiven, request: Request, response: Response) -> Revealed:
    """Show the plain value of an incident. Who, when and why is on the audit trail before the value leaves."""
    shown_once(request)
    if caller.principal.kind == "session" and not caller.principal.confirmed(caller.desk.now()):
        raise Problem(403, "confirm_needed", "Give your password or a code again before you look at a value.")
    limited(caller.context, "reveals", caller.principal.user_id, REVEALS_PER_MINUTE)
    with caller.desk.look() as connection:
        row = _incident(connection, caller, incident)
    kept = reveal(
        caller.desk, row["id"], workspace=caller.workspace, actor=caller.actor, reason=given.reason, request_id=caller.request_id
    )
    response.headers["Cache-Control"] = "no-store"
    try:
        return Revealed(value=kept.value.decode("utf-8"), encoding="utf-8")
    except UnicodeDecodeError:
        return Revealed(value=base64.b64encode(kept.value).decode("ascii"), encoding="base64")


def _comment_id(request: Request) -> str:
    """Return an id that the same request with the same key has again: a crash before its answer was kept doubles nothing."""
    key = request.headers.get("idempotency-key", "")
    name = f"{credential_name(request.scope, context_of(request))} {key}"
    return f"cmt_{hashlib.sha256(name.encode()).hexdigest()[:32]}" if key else ""
