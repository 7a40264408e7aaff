"""The list of incidents: filter, act on many, export."""

from __future__ import annotations

from typing import Any, Final, Literal

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from stanch.core.errors import InputError, NotFoundError, StanchError
from stanch.core.people import Permission
from stanch.db import incidents as rows
from stanch.db import people
from stanch.incidents.desk import Work
from stanch.incidents.triage import MOST_AT_ONCE
from stanch.server.auth import Caller
from stanch.web.pages.common import Form, done, shown
from stanch.web.pages.incident_forms import DONE, REASONS, RESOLUTIONS, STATES, Reader, Sent, Triager, move_of, people_of, tags_of
from stanch.web.pages.incident_list import EVERYTHING, Wanted, list_values, wanted_of

router = APIRouter()
_WHY: Final = {"state": "cannot become that from where it is", "changed": "was changed meanwhile", "not_found": "is not there"}


@router.get("/w/{workspace}/incidents")
def incidents(request: Request, caller: Reader) -> Response:
    """Show the incidents that fit the filter of the address; without one, those that somebody has to look after."""
    wanted = wanted_of(request.url.query, caller)
    try:
        values = list_values(request, caller, wanted)
    except InputError:  # the cursor of an old address: begin again
        return done(request, caller, f"/incidents?{wanted.query}")
    if caller.principal.may(Permission.TRIAGE):
        values |= bulk_values(caller)
    return shown(request, caller, "incidents.html", block="list", **values)


def bulk_values(caller: Caller) -> dict[str, Any]:
    """Return what the forms of an incident offer to choose from."""
    with caller.desk.look() as connection:
        members = [row for row in people.members(connection, caller.workspace) if row["disabled_at"] is None]
        teams = people.list_teams(connection, caller.workspace)
    return {
        "members": [(row["id"], row["name"]) for row in members],
        "teams": [(row["id"], row["name"]) for row in teams],
        "me": caller.principal.user_id,
        "resolutions": [(value, text) for value, text, _ in RESOLUTIONS],
        "reasons": [(v, text) for v, text, _ in REASONS if v != "accepted" or caller.principal.may(Permission.ACCEPT)],
        "most": MOST_AT_ONCE,
    }


@router.post("/w/{workspace}/incidents/bulk")
def bulk(request: Request, form: Sent, caller: Triager) -> Response:
    """Do the same to all that are selected, or to all that fit the filter."""
    form.check(request, caller)
    wanted = wanted_of(form.text("query") or EVERYTHING, caller)
    try:
        text, kind = _bulk(form, caller, wanted)
    except StanchError as exc:
        text, kind = _sentence(str(exc)), "error"
    return done(request, caller, f"/incidents?{wanted.query}", text, kind=kind)


def _bulk(form: Form, caller: Caller, wanted: Wanted) -> tuple[str, str]:
    act = form.text("act")
    name, arguments = _act(form, caller, act)
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        ids = _chosen(work, form, wanted)
        failed = work.triage.bulk(ids, name, **arguments)
    changed = len(ids) - len(failed)
    text = f"{_incidents(changed)} {DONE[act]}."
    if not failed:
        return text, "success"
    why = ", ".join(sorted({_WHY.get(code, code.replace("_", " ")) for _, code in failed}))
    return f"{text} {_incidents(len(failed))} not changed: {why}.", "warning"


def _act(form: Form, caller: Caller, act: str) -> tuple[str, dict[str, Any]]:
    if act in STATES:
        return "move", {"move": move_of(form, caller, act)}
    if act == "assign":
        return "assign", dict(people_of(form))
    if act in ("tag", "untag") and (given := tags_of(form, "tag")):
        return "tag", {"add" if act == "tag" else "remove": given}
    raise InputError("choose what to do with them.", hint="A tag needs a name.")


def _chosen(work: Work, form: Form, wanted: Wanted) -> list[str]:
    ids = form.texts("ids")
    if form.flag("all"):
        ids = list(rows.ids_of(work.connection, work.workspace, wanted.filter, MOST_AT_ONCE + 1))
    if not ids:
        raise InputError("no incident is selected.", hint="Tick some first.")
    if len(ids) > MOST_AT_ONCE:
        raise InputError(f"at most {MOST_AT_ONCE} incidents can be changed at once.", hint="Narrow the filter.", code="too_many")
    return ids


@router.get("/w/{workspace}/incidents/export")
def export(request: Request, caller: Reader, format: Literal["csv", "jsonl"] = "csv") -> Response:
    """Send all incidents that fit the filter as a file: what the API sends, for people of several workspaces too."""
    from stanch.server.routes.bulk import export_incidents

    return export_incidents(caller, wanted_of(request.url.query, caller).filter, format)


@router.get("/w/{workspace}/incidents/{key}")
def by_id(request: Request, key: str, caller: Reader) -> Response:
    """Lead from an id, as programs know it, to the page with the number."""
    with caller.desk.look() as connection:
        row = rows.incident(connection, caller.workspace, key)
    if row is None:
        raise NotFoundError("there is no such incident.", hint="It may be in another workspace.")
    return RedirectResponse(f"/w/{caller.principal.workspace_slug}/incidents/{row['number']}", status_code=303)


def _incidents(count: int) -> str:
    return f"{count:,} incident{' is' if count == 1 else 's are'}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
