"""What the forms of an incident's page do: move it, assign it, tag it, talk about it, ask its issuer, show its value."""

from __future__ import annotations

import base64
from collections.abc import Callable
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from stanch.core.errors import ConflictError, InputError, NotFoundError, StanchError
from stanch.core.incident import IncidentState
from stanch.db import incidents as rows
from stanch.incidents.desk import Work
from stanch.incidents.revealing import reveal as reveal_value
from stanch.incidents.triage import Move
from stanch.incidents.values import KeptValue
from stanch.server.auth import Caller
from stanch.web.pages.common import Form, done, shown
from stanch.web.pages.incident import JOB, incident_page, latest_check
from stanch.web.pages.incident_forms import DONE, STATES, Asker, Revealer, Sent, Triager, move_of, people_of, tags_of, version_of
from stanch.web.templating import Toast

router = APIRouter()
_BASE = "/w/{workspace}/incidents/{number:int}"
_KEPT = ("body", "note", "until", "reason", "resolution")  # fields that nobody should have to fill in again


@router.post(f"{_BASE}/move")
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


@router.post(f"{_BASE}/assign")
def assign(request: Request, number: int, form: Sent, caller: Triager) -> Response:
    """Say who looks after it."""
    people = people_of(form)

    def do(work: Work, incident: str) -> None:
        work.triage.assign(incident, version=version_of(form), **people)

    return _acted(request, caller, number, form, do, f"#{number} is assigned." if any(people.values()) else f"#{number} is free.")


@router.post(f"{_BASE}/tags")
def tag(request: Request, number: int, form: Sent, caller: Triager) -> Response:
    """Add and remove tags."""

    def do(work: Work, incident: str) -> None:
        work.triage.tag(incident, add=tags_of(form, "add"), remove=tags_of(form, "remove"))

    return _acted(request, caller, number, form, do, "The tags are changed.")


@router.post(f"{_BASE}/privileged")
def judge(request: Request, number: int, form: Sent, caller: Triager) -> Response:
    """Say what the credential may do."""
    given = {"yes": True, "no": False}.get(form.text("privileged"))

    def do(work: Work, incident: str) -> None:
        work.triage.judge(incident, privileged=given)

    return _acted(request, caller, number, form, do, "Its severity is judged anew.")


@router.post(f"{_BASE}/comments")
def comment(request: Request, number: int, form: Sent, caller: Triager) -> Response:
    """Say something about it."""

    def do(work: Work, incident: str) -> None:
        work.triage.comment(incident, form.text("body"))

    return _acted(request, caller, number, form, do, "The comment is there.")


@router.post(f"{_BASE}/check")
def check(request: Request, number: int, form: Sent, caller: Asker) -> Response:
    """Ask its issuer whether it works; one request at a time."""
    form.check(request, caller)
    with caller.desk.look() as connection:
        row = rows.incident(connection, caller.workspace, str(number))
    if row is None:
        raise NotFoundError("there is no such incident.")
    if not row["has_value"]:
        return _refused(
            request, caller, number, form, ConflictError("the value of this incident was not kept.", code="value_not_kept")
        )
    run = latest_check(caller, row["id"])
    if run is None or run.state.is_over:
        caller.context.engine.start(
            JOB,
            {"incident": row["id"]},
            workspace=caller.workspace,
            subject=row["id"],
            title=f"Check #{number}",
            actor=caller.actor,
        )
    return done(request, caller, _address(request, number), "Its issuer is asked.", kind="info")


@router.post(f"{_BASE}/reveal")
def reveal(request: Request, number: int, form: Sent, caller: Revealer) -> Response:
    """Show the plain value: in this answer alone. Loading the page again shows the incident, not the value."""
    form.check(request, caller)
    with caller.desk.look() as connection:
        row = rows.incident(connection, caller.workspace, str(number))
    if row is None:
        raise NotFoundError("there is no such incident.")
    try:
        kept = reveal_value(
            caller.desk,
            row["id"],
            workspace=caller.workspace,
            actor=caller.actor,
            reason=form.text("reason"),
            request_id=caller.request_id,
        )
    except (InputError, ConflictError) as exc:
        return _refused(request, caller, number, form, exc)
    response = shown(request, caller, "reveal.html", row=row, parts=_parts(kept))
    response.headers["cache-control"] = "no-store, max-age=0"
    return response


def _parts(kept: KeptValue) -> list[tuple[str, str, bool]]:
    """Return what is shown of a value: name, text, whether the text is Base64 of bytes."""
    named = [("value", kept.value), *sorted(kept.companions.items())]
    return [(name, *_text(value)) for name, value in named]


def _text(value: bytes) -> tuple[str, bool]:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode("ascii"), True
    return (text, False) if "\0" not in text else (base64.b64encode(value).decode("ascii"), True)


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
        return _refused(request, caller, number, form, exc)
    if request.headers.get("hx-request") == "true":
        return incident_page(request, caller, number, toasts=(Toast(text=text),))
    return done(request, caller, _address(request, number), text)


def _refused(request: Request, caller: Caller, number: int, form: Form, exc: StanchError) -> Response:
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


def _address(request: Request, number: int) -> str:
    listed = request.query_params.get("list", "")
    return f"/incidents/{number}" + (f"?{urlencode({'list': listed})}" if listed else "")
