"""The installation, for operators: workspaces, users, workers, and the state of what everything stands on."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from starlette.responses import Response

from stanch.core.errors import StanchError
from stanch.core.people import Role
from stanch.db import people as people_rows
from stanch.db import workspaces as workspace_rows
from stanch.incidents.desk import Work
from stanch.incidents.workspaces import create_workspace
from stanch.people import accounts, totp
from stanch.people.membership import put_role
from stanch.web.pages.common import away, shown
from stanch.web.pages.forms import Operator, Sent

router = APIRouter()


@router.get("/installation")
def installation(request: Request, caller: Operator) -> Response:
    """Show it."""
    return _page(request, caller)


@router.post("/installation/workspaces")
def add_workspace(request: Request, caller: Operator, form: Sent) -> Response:
    """Make a workspace; whoever makes it administers it."""
    form.check(request, caller)
    try:
        with caller.desk.database.begin() as connection:
            id_ = create_workspace(connection, slug=form.text("slug"), name=form.text("name"), now=caller.desk.now())
            work = Work(
                desk=caller.desk, connection=connection, workspace=id_, actor=caller.actor, now=caller.desk.now(),
                request_id=caller.request_id,
            )  # fmt: skip
            work.note("workspace.create", subject=id_, data={"slug": form.text("slug")})
            put_role(work, caller.principal.user_id, Role.ADMINISTRATOR, before=None)
    except StanchError as exc:
        return away(request, "/installation", str(exc), kind="error")
    return away(request, f"/w/{form.text('slug')}", "The workspace is there.")


@router.post("/installation/users/{user}/{act}")
def act(request: Request, caller: Operator, user: str, act: str, form: Sent) -> Response:
    """Disable or enable a user, make a password link, take an authenticator away, make them an operator or not."""
    form.check(request, caller)
    who, link = caller.principal, ""
    acts: dict[str, Callable[[Work], object]] = {
        "disable": lambda work: accounts.disable_user(work, who, user),
        "enable": lambda work: accounts.enable_user(work, who, user),
        "operator": lambda work: accounts.set_operator(work, who, user, operator=True),
        "no-operator": lambda work: accounts.set_operator(work, who, user, operator=False),
        "no-authenticator": lambda work: totp.disable(work, who, user),
        "password-link": lambda work: accounts.create_password_link(work, who, user),
    }
    if act not in acts:
        return away(request, "/installation", "That cannot be done.", kind="error")
    try:
        with caller.desk.work("", caller.actor, request_id=caller.request_id) as work:
            who.require_confirmed(work.now)
            made = acts[act](work)
    except StanchError as exc:
        return away(request, "/installation", str(exc), kind="error")
    if act == "password-link":
        link = f"{caller.context.settings.base_url}/welcome/{made}"
        return _page(request, caller, link=link)
    return away(request, "/installation", "Done.")


def _page(request: Request, caller: Operator, link: str = "") -> Response:
    with caller.desk.look() as connection:
        workspaces = workspace_rows.all_workspaces(connection)
        users = people_rows.all_users(connection)
    return shown(
        request,
        caller,
        "installation.html",
        workspaces=workspaces,
        users=users,
        workers=caller.context.engine.workers(),
        link=link,
        me=caller.principal.user_id,
        confirmed=caller.principal.confirmed(caller.desk.now()),
        database=caller.desk.database.shown,
        settings=caller.context.settings,
    )
