"""The page of one incident: what it is, how urgent and why, where it lies, what happened, what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from stanch.core.people import Permission
from stanch.core.run import RunState, RunStatus
from stanch.db import incidents as rows
from stanch.db.neighbours import neighbours
from stanch.incidents.details import Details, details
from stanch.server.auth import Caller
from stanch.web.filters import visible, words
from stanch.web.links import commit_link, place_link
from stanch.web.pages.common import away, shown
from stanch.web.pages.incident_forms import REASONS, RESOLUTIONS, Reader
from stanch.web.pages.incident_list import wanted_of
from stanch.web.pages.incident_words import certificate_facts, key_facts, timeline, why
from stanch.web.pages.incidents import bulk_values
from stanch.web.templating import Toast, with_query

router = APIRouter()
JOB: Final = "check_incident"
_PLACES: Final = 10
_SAID: Final = {
    "live": ("It is live: its issuer accepts it.", "warning"),
    "dead": ("It is dead: its issuer refuses it.", "success"),
    "expired": ("It is past its end.", "success"),
    "dormant": ("It is refused now, and may work again.", "info"),
}


@router.get("/w/{workspace}/incidents/{number:int}")
def incident(request: Request, number: int, caller: Reader) -> Response:
    """Show an incident."""
    return incident_page(request, caller, number)


def incident_page(
    request: Request,
    caller: Caller,
    number: int,
    *,
    status: int = 200,
    toasts: Sequence[Toast] = (),
    problem: str = "",
    changed: bool = False,
    draft: Mapping[str, str] | None = None,
) -> Response:
    """Answer with the page of an incident.

    Args:
        request: which.
        caller: who looks.
        number: of the incident.
        status: of the answer.
        toasts: messages.
        problem: why what was sent could not be done.
        changed: whether that is because somebody was faster.
        draft: what was sent, so that nobody has to write it again.
    """
    now, listed = caller.desk.now(), request.query_params.get("list", "")
    wanted = wanted_of(listed, caller)
    run = _latest(caller, number)  # before the facts: an answer that comes in between shows, or the page asks again
    with caller.desk.look() as connection:
        found = details(connection, caller.workspace, str(number), now=now, places=_PLACES, cursor=_cursor(request))
        before, after = neighbours(connection, caller.workspace, wanted.filter, found.row) if listed else (0, 0)
    triage = bulk_values(caller) if caller.principal.may(Permission.TRIAGE) else {}
    return shown(
        request,
        caller,
        "incident.html",
        block="incident",
        status=status,
        toasts=toasts,
        act_url=partial(_act_url, f"/w/{caller.principal.workspace_slug}/incidents/{number}", listed),
        **_values(found, caller),
        **triage,
        before=before,
        after=after,
        listed=listed,
        back=f"?{wanted.query}" if listed else "",
        run=run,
        problem=problem,
        changed=changed,
        draft=draft or {},
        doing=request.query_params.get("do", ""),
    )


def _values(found: Details, caller: Caller) -> dict[str, Any]:
    row, now = found.row, caller.desk.now()
    facts = row["key_facts"] or {}
    places = [_place(place) for place in found.places]
    return {
        "row": row,
        "facts": found.facts,
        "action": found.action,
        "tags": found.tags,
        "same_key": found.same_key,
        "checks": found.checks,
        "events": timeline(found.events, found.comments),
        "why": why(row["why"]),
        "here_now": [place for place in places if not place["gone_at"]],
        "gone": [place for place in places if place["gone_at"]],
        "more_places": found.more_places,
        "key_facts": key_facts(facts),
        "certificate": certificate_facts(facts.get("certificate"), now),
        "key_notes": [*(facts.get("evidence") or ()), *(facts.get("notes") or ())],
        "companions": [(words(visible(name)), visible(shown)) for name, shown in sorted((row["companions"] or {}).items())],
        "confirmed": caller.principal.confirmed(now),
        "where": sorted({place["source_name"] for place in places if not place["gone_at"]}),
        "resolution_choices": RESOLUTIONS,
        "reason_choices": [r for r in REASONS if r[0] != "accepted" or caller.principal.may(Permission.ACCEPT)],
        "mine": row["assignee_id"] == caller.principal.user_id,
    }


def _act_url(address: str, listed: str, path: str = "", **query: str) -> str:
    """Return an address of this incident that remembers the list one comes from."""
    return with_query(address + path, [*query.items(), *([("list", listed)] if listed else [])])


def _place(place: Mapping[Any, Any]) -> dict[str, Any]:
    return {**place, "link": place_link(place), "commit_link": commit_link(place["source_target"], place["commit"])}


def _cursor(request: Request) -> str:
    return request.query_params.get("places", "")


def latest_check(caller: Caller, incident: str) -> RunStatus | None:
    """Return the newest run that asks the issuer about an incident."""
    found = caller.context.engine.list(caller.workspace, job=JOB, subject=incident, limit=1).items
    return found[0] if found else None


def _latest(caller: Caller, number: int) -> RunStatus | None:
    with caller.desk.look() as connection:
        row = rows.incident(connection, caller.workspace, str(number))
    return latest_check(caller, row["id"]) if row is not None else None


@router.get("/w/{workspace}/incidents/{number:int}/check")
def checking(request: Request, number: int, caller: Reader) -> Response:
    """Show how far the check is: what the page asks for every other second, until there is an answer."""
    run = _latest(caller, number)
    with caller.desk.look() as connection:
        row = rows.incident(connection, caller.workspace, str(number))
    if row is not None and run is not None and not run.state.is_over:
        return shown(request, caller, "incident_check.html", block="checking", run=run, row=row)
    address = f"/w/{caller.principal.workspace_slug}/incidents/{number}"
    if row is None or run is None:
        return away(request, address)
    text, kind = _outcome(run, str(row["validity"]))
    return away(request, address, text, kind=kind)


def _outcome(run: RunStatus, validity: str) -> tuple[str, str]:
    if run.state is RunState.CANCELLED:
        return "The check was cancelled.", "info"
    if run.state is RunState.FAILED:
        return f"The check failed: {run.error.message if run.error is not None else 'nobody knows why'}", "error"
    return _SAID.get(validity, ("No answer that decides. Try again later.", "info"))
