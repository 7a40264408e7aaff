"""Whoever asks, and the workspaces of the installation."""

from __future__ import annotations

from stanch.core.people import Permission
from stanch.db import listing
from stanch.db import people as people_rows
from stanch.db import workspaces as rows
from stanch.incidents.desk import Work
from stanch.incidents.workspaces import create_workspace as create
from stanch.server.auth import Caller
from stanch.server.models.base import Named, Page
from stanch.server.models.people import Me, Place, TokenSelf, Workspace, WorkspaceChange, WorkspaceGiven
from stanch.server.routing import Anybody, Key, Operator, Paged, api_router, found

router = api_router("me and workspaces")


@router.get("/me")
def get_me(caller: Anybody) -> Me:
    """Show who you are, and what you may do here."""
    who = caller.principal
    with caller.desk.look() as connection:
        own = people_rows.memberships_of(connection, who.user_id)
        here = rows.workspace(connection, who.workspace_id) if who.workspace_id else None
    places = [Place.model_validate(dict(row)) for row in own if who.kind == "session" or row["id"] == who.workspace_id]
    scopes = sorted(scope.value for scope in who.scopes)
    return Me.model_validate(
        {
            "kind": who.kind, "user_id": who.user_id, "email": who.email, "name": who.name, "operator": who.operator,
            "workspace": Named(id=here["id"], name=here["name"]) if here is not None else None,
            "role": who.role.value if who.role is not None else None,
            "permissions": [p.value for p in Permission if who.may(p)],
            "workspaces": places,
            "token": TokenSelf.model_validate({"id": who.token_id, "name": who.token_name, "scopes": scopes})
            if who.kind == "token" else None,
        }
    )  # fmt: skip


@router.get("/workspaces")
def list_workspaces(caller: Operator, paged: Paged) -> Page[Workspace]:
    """List all workspaces of the installation, by short name. For operators."""
    with caller.desk.look() as connection:
        workspaces, cursor = listing.all_workspaces(connection, cursor=paged.cursor, limit=paged.limit)
    return Page[Workspace].of((Workspace.model_validate(dict(row)) for row in workspaces), cursor)


@router.post("/workspaces", status_code=201)
def create_workspace(caller: Operator, given: WorkspaceGiven) -> Workspace:
    """Make a workspace; whoever makes it is its first administrator. For operators."""
    with caller.desk.database.begin() as connection:
        now = caller.desk.now()
        id_ = create(connection, slug=given.slug, name=given.name, now=now)
        work = Work(
            desk=caller.desk, connection=connection, workspace=id_, actor=caller.actor, now=now, request_id=caller.request_id
        )
        people_rows.put_membership(connection, id_, caller.principal.user_id, "administrator", now)
        work.note("workspace.create", subject=id_, data={"slug": given.slug})
    return _shown(caller, id_)


@router.get("/workspaces/{workspace}")
def get_workspace(caller: Operator, workspace: Key) -> Workspace:
    """Show a workspace by id or short name. For operators."""
    return _shown(caller, workspace)


@router.patch("/workspaces/{workspace}")
def rename_workspace(caller: Operator, workspace: Key, change: WorkspaceChange) -> Workspace:
    """Rename a workspace. For operators."""
    id_ = _shown(caller, workspace).id
    with caller.desk.work(id_, caller.actor, request_id=caller.request_id) as work:
        rows.change_workspace(work.connection, id_, name=change.name)
        work.note("workspace.rename", subject=id_)
    return _shown(caller, id_)


def _shown(caller: Caller, key: str) -> Workspace:
    with caller.desk.look() as connection:
        row = found(rows.workspace(connection, key), "workspace")
    return Workspace.model_validate(dict(row))
