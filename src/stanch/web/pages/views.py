"""Saved views: filters of the incident list under a name, for oneself or for everybody in the workspace."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from stanch.core.errors import ConflictError, NotFoundError
from stanch.core.ids import new_id
from stanch.core.people import Permission
from stanch.db import views as rows
from stanch.db.text import clean
from stanch.web.pages.common import done
from stanch.web.pages.incident_forms import Reader, Sent
from stanch.web.pages.incident_list import EVERYTHING, saved_query

router = APIRouter()
_MOST: Final = 200
_LONGEST: Final = 120


@router.post("/w/{workspace}/views")
def save(request: Request, form: Sent, caller: Reader) -> Response:
    """Keep a filter under a name."""
    form.check(request, caller)
    name, query = clean(" ".join(form.text("name").split()), _LONGEST), saved_query(form.text("query"), caller)
    shared = form.flag("shared")
    if shared:
        caller.principal.require(Permission.TRIAGE)
    address = f"/incidents?{query or EVERYTHING}"
    if not name:
        return done(request, caller, address, "The view needs a name.", kind="error")
    owner = None if shared else caller.principal.user_id
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        if rows.count(work.connection, caller.workspace, owner) >= _MOST:
            raise ConflictError(f"there are {_MOST} saved filters already.", hint="Delete one first.", code="too_many_views")
        row = {"id": new_id("viw"), "workspace_id": caller.workspace, "user_id": owner, "name": name, "query": query}
        rows.add(work.connection, {**row, "created_at": work.now})
        if shared:
            work.note("view.create", subject=row["id"] or "", data={"name": name})
    return done(request, caller, address, f"The view “{name}” is saved.")


@router.post("/w/{workspace}/views/{view}/delete")
def delete(request: Request, view: str, form: Sent, caller: Reader) -> Response:
    """Forget a saved view."""
    form.check(request, caller)
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        row = rows.view(work.connection, caller.workspace, view, caller.principal.user_id)
        if row is None:
            raise NotFoundError("there is no such view.", hint="Somebody may have deleted it.")
        if row["user_id"] is None:
            caller.principal.require(Permission.TRIAGE)
            work.note("view.delete", subject=view, data={"name": row["name"]})
        rows.remove(work.connection, view)
    return done(request, caller, "/incidents", f"The view “{row['name']}” is deleted.")
