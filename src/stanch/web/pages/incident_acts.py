"""What the forms of an incident's page do: move it, assign it, tag it, talk about it, ask its issuer."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from stanch.core.errors import ConflictError, InputError, NotFoundError, StanchError
from stanch.core.incident import IncidentState
from stanch.db import incidents as rows
from stanch.incidents.desk import Work
from stanch.incidents.triage import Move
from stanch.server.auth import Caller
from stanch.server.jobs_named import start_check
from stanch.web.pages.common import Form, done
from stanch.web.pages.incident import incident_page, latest_check
from stanch.web.pages.incident_forms import DONE, STATES, Scanner, Sent, Triager, move_of, people_of, tags_of, version_of
from stanch.web.templating import Toast

router = APIRouter()
BASE = "/w/{workspace}/incidents/{number:int}"
_KEPT = ("body", "note", "until", "reason", "resolution")  # fields that nobody should have to fill in again


@router.post(f"{BASE}/move")
def move(request: Request, number: int, form: Sent, caller: Triager) -> Response:
    """Bring it into another state."""
    act = form.text("act")

    def do(work: Work, incident: str) -> None:
        if act == "extend":
            work.triage.move(incident, Move(state=IncidentState.OPEN), version=version_of(form))
            work.triage.move(incident, move_of(form, caller, "ignore"))
        elif act in STATES:
            work.triage.move(incident, move_of(form, caller, act), version=version_of(form))
        else:
            raise InputError("there is no such act.")

    return _acted(request, caller, number, form, do, f"#{number} is {DONE.get(act, 'ignored until then')}.")


@router.post(f"{BASE}/assign")
def assign(request: Request, number: int, form: Sent, caller: Triager) -> Response:
    """Say who looks after it."""
    people = people_of(form)

    def do(work: Work, incident: str) -> None:
        work.triage.assign(incident, version=version_of(form), **people)

    return _acted(request, caller, number, form, do, f"#{number} is assigned." if any(people.values()) else f"#{number} is free.")


@router.post(f"{BASE}/tags")
def tag(request: Request, number: int, form: Sent, caller: Triager) -> Response:
    """Add and remove tags."""

    def do(work: Work, incident: str) -> None:
        work.triage.tag(incident, add=tags_of(form, "add"), remove=tags_of(form, "remove"))

    return _acted(request, caller, number, form, do, "The tags are changed.")


@router.post(f"{BASE}/privileged")
def judge(request: Request, number: int, form: Sent, caller: Triager) -> Response:
    """Say what the credential may do."""
    given = {"yes": True, "no": False}.get(form.text("privileged"))

    def do(work: Work, incident: str) -> None:
        work.triage.judge(incident, privileged=given)

    return _acted(request, caller, number, form, do, "Its severity is judged anew.")


@router.post(f"{BASE}/comments")
def comment(request: Request, number: int, form: Sent, caller: Triager) -> Response:
    """Say something about it."""

    def do(work: Work, incident: str) -> None:
        work.triage.comment(incident, form.text("body"))

    return _acted(request, caller, number, form, do, "The comment is there.")


@router.post(f"{BASE}/check")
def check(request: Request, number: int, form: Sent, caller: Scanner) -> Response:
    """Ask its issuer whether it works; one request at a time."""
    form.check(request, caller)
    with caller.desk.look() as connection:
        row = rows.incident(connection, caller.workspace, str(number))
    if row is None:
        raise NotFoundError("there is no such incident.")
    if not row["has_value"]:
        return refused(
            request, caller, number, form, ConflictError("the value of this incident was not kept.", code="value_not_kept")
        )
    run = latest_check(caller, row["id"])
    if run is None or run.state.is_over:
        start_check(caller, row)
    return done(request, caller, address_of(request, number), "Its issuer is asked.", kind="info")


def _acted(request: Request, caller: Caller, number: int, form: Form, do: Callable[[Work, str], None], text: str) -> Response:
    """Do something to an incident in one unit of work, and show how it is then."""
    form.check(request, caller)
    try:
        with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
            row = rows.incident(work.connection, caller.workspace, str(number))
            if row is None:
                raise NotFoundError("there is no such incident.")
            do(work, row["id"])
    except (InputError, ConflictError) as exc:
        return refused(request, caller, number, form, exc)
    if request.headers.get("hx-request") == "true":
        return incident_page(request, caller, number, toasts=(Toast(text=text),))
    return done(request, caller, address_of(request, number), text)


def refused(request: Request, caller: Caller, number: int, form: Form, exc: StanchError) -> Response:
    """Show the page again, with what is wrong and what was written."""
    message = str(exc)
    return incident_page(
        request,
        caller,
        number,
        status=409 if isinstance(exc, ConflictError) else 422,
        problem=message[:1].upper() + message[1:],
        changed=exc.code == "changed",
        draft={name: form.text(name) for name in _KEPT},
    )


def address_of(request: Request, number: int) -> str:
    """Return the page of an incident, in the list one comes from."""
    listed = request.query_params.get("list", "")
    return f"/incidents/{number}" + (f"?{urlencode({'list': listed})}" if listed else "")
