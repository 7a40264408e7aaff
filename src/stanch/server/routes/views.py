"""Saved filters of the incident list."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Response

from stanch.core.errors import ConflictError
from stanch.core.ids import new_id
from stanch.core.people import Permission
from stanch.db import listing
from stanch.db import views as rows
from stanch.server.filtering import filter_of_text
from stanch.server.models.base import Page
from stanch.server.models.people import View, ViewGiven
from stanch.server.routing import Key, Paged, Reader, api_router, found, needs

router = api_router("views")
MOST: Final = 200


@router.get("/views")
def list_views(caller: Reader, paged: Paged) -> Page[View]:
    """List your saved filters and those that everybody has."""
    user = caller.principal.user_id
    with caller.desk.look() as connection:
        views, cursor = listing.views_of(connection, caller.workspace, user, cursor=paged.cursor, limit=paged.limit)
    return Page[View].of((View.model_validate({**row, "shared": row["user_id"] is None}) for row in views), cursor)


@router.post("/views", status_code=201)
def save_view(caller: Reader, given: ViewGiven) -> View:
    """Save a filter for yourself, or for everybody if you may change incidents."""
    filter_of_text(caller, given.query)
    if given.shared:
        needs(caller, Permission.TRIAGE)
    owner = None if given.shared else caller.principal.user_id
    row: dict[str, Any] = {
        "id": new_id("viw"),
        "workspace_id": caller.workspace,
        "user_id": owner,
        "name": given.name,
        "query": given.query,
    }
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        if rows.count(work.connection, caller.workspace, owner) >= MOST:
            raise ConflictError(f"there are {MOST} saved filters already.", hint="Delete one first.", code="too_many_views")
        row["created_at"] = work.now
        rows.add(work.connection, row)
    return View.model_validate({**row, "shared": given.shared})


@router.delete("/views/{view}", status_code=204)
def delete_view(caller: Reader, view: Key) -> Response:
    """Delete a saved filter of yours, or one that everybody has if you may change incidents."""
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        row = found(rows.view(work.connection, caller.workspace, view, caller.principal.user_id), "view")
        if row["user_id"] is None:
            needs(caller, Permission.TRIAGE)
        rows.remove(work.connection, view)
    return Response(status_code=204)
