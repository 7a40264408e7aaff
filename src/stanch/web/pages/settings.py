"""Settings of a workspace: general, people, teams. Tokens and channels have modules of their own."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import Response

from stanch.core.errors import StanchError
from stanch.core.people import Permission, Role
from stanch.incidents.desk import Work
from stanch.incidents.retention import policy_of
from stanch.people import accounts
from stanch.server.auth import Caller
from stanch.server.models.system import Retention, SettingsChange
from stanch.server.routes.settings import change_settings, get_settings
from stanch.web.pages.common import done, shown
from stanch.web.pages.forms import Manager, Reader, Sent, tried

router = APIRouter()
ROLES: Final = (
    ("viewer", "Viewer", "looks, and changes nothing"),
    ("responder", "Responder", "triages, comments, scans, asks issuers"),
    ("approver", "Approver", "also accepts risks, reveals values, lets runs go on"),
    ("administrator", "Administrator", "also manages sources, people, tokens, channels and settings"),
)
_DAYS: Final = (
    ("requests_days", "The log of API requests", "days"),
    ("deliveries_days", "Notices that were sent or given up", "days"),
    ("checks_kept", "Answers of issuers, for each secret", "answers"),
    ("gone_days", "Places that are gone", "days"),
    ("events_days", "Timelines of closed incidents", "days"),
    ("closed_days", "Closed incidents that are in no place any more", "days"),
    ("audit_days", "The audit trail", "days"),
)


def sections(caller: Caller, current: str) -> list[tuple[str, str, bool, None]]:
    """Return the tabs of the settings that the person may see."""
    base = f"/w/{caller.principal.workspace_slug}/settings"
    tabs = [("General", ""), ("People", "/people"), ("Teams", "/teams"), ("API tokens", "/tokens"), ("Channels", "/channels")]
    managed = {"/channels"} if not manages(caller) else set()
    found = [(text, base + path, path == current, None) for text, path in tabs if path not in managed]
    log = f"/w/{caller.principal.workspace_slug}/requests"
    return [*found, ("API requests", log, current == "/requests", None)]


def manages(caller: Caller) -> bool:
    """Whether the person administers the workspace."""
    return caller.principal.may(Permission.MANAGE)


@router.get("/w/{workspace}/settings")
def general(request: Request, caller: Reader) -> Response:
    """Show what holds for the whole workspace."""
    return shown(
        request,
        caller,
        "settings.html",
        tabs=sections(caller, ""),
        settings=get_settings(caller),
        days=_DAYS,
        kept=asdict(policy_of({})),
    )


@router.post("/w/{workspace}/settings")
def change(request: Request, caller: Manager, form: Sent) -> Response:
    """Change it."""
    form.check(request, caller)
    try:
        kept = {name: int(form.text(name)) if form.text(name) else None for name, _, _ in _DAYS}
        wanted = SettingsChange(
            name=form.text("name") or None,
            keep_values=form.flag("keep_values"),
            ask_issuers=form.flag("ask_issuers"),
            retention=Retention.model_validate(kept),
        )
    except (ValidationError, ValueError):
        return done(request, caller, "/settings", "Days are whole numbers, at least one; empty is for ever.", kind="error")
    change_settings(caller, wanted)
    return done(request, caller, "/settings", "Saved.")


@router.get("/w/{workspace}/settings/people")
def people(request: Request, caller: Reader) -> Response:
    """List who is in the workspace, and who was invited."""
    return _people(request, caller)


@router.post("/w/{workspace}/settings/people")
def invite(request: Request, caller: Manager, form: Sent) -> Response:
    """Invite somebody; the link is shown this once."""
    form.check(request, caller)
    email, role = form.text("email"), form.text("role", "viewer")
    try:
        with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
            token = accounts.invite(work, caller.principal, email=email, role=Role(role))
    except (StanchError, ValueError) as exc:
        return done(request, caller, "/settings/people", str(exc), kind="error")
    return _people(request, caller, link=f"{caller.context.settings.base_url}/welcome/{token}", invited=email)


def _people(request: Request, caller: Caller, *, link: str = "", invited: str = "") -> Response:
    with caller.desk.look() as connection:
        members = accounts.members(connection, caller.workspace)
        waiting = accounts.invitations(connection, caller.workspace, caller.desk.now()) if manages(caller) else ()
    return shown(
        request,
        caller,
        "settings_people.html",
        tabs=sections(caller, "/people"),
        members=members,
        waiting=waiting,
        roles=ROLES,
        me=caller.principal.user_id,
        link=link,
        invited=invited,
    )


@router.post("/w/{workspace}/settings/people/{user}/role")
def role(request: Request, caller: Manager, user: str, form: Sent) -> Response:
    """Give a member another role."""
    form.check(request, caller)
    return tried(
        request,
        caller,
        "/settings/people",
        "The role is changed.",
        lambda work: accounts.set_role(work, caller.principal, user, Role(form.text("role"))),
    )


@router.post("/w/{workspace}/settings/people/{user}/remove")
def remove(request: Request, caller: Manager, user: str, form: Sent) -> Response:
    """Take somebody out of the workspace."""
    form.check(request, caller)
    return tried(
        request,
        caller,
        "/settings/people",
        "They are no member any more; their tokens for this workspace are revoked.",
        lambda work: accounts.remove_member(work, caller.principal, user),
    )


@router.post("/w/{workspace}/settings/invitations/{invitation}/withdraw")
def withdraw(request: Request, caller: Manager, invitation: str, form: Sent) -> Response:
    """Take back an invitation."""
    form.check(request, caller)
    return tried(
        request,
        caller,
        "/settings/people",
        "The invitation is worth nothing now.",
        lambda work: accounts.withdraw_invitation(work, caller.principal, invitation),
    )


@router.get("/w/{workspace}/settings/teams")
def teams(request: Request, caller: Reader) -> Response:
    """List teams."""
    with caller.desk.look() as connection:
        found = accounts.list_teams(connection, caller.workspace)
        members = accounts.members(connection, caller.workspace)
    names = {m.user_id: m.name or m.email for m in members}
    return shown(
        request,
        caller,
        "settings_teams.html",
        tabs=sections(caller, "/teams"),
        teams=found,
        members=members,
        names=names,
    )


@router.post("/w/{workspace}/settings/teams")
def create_team(request: Request, caller: Manager, form: Sent) -> Response:
    """Make a team."""
    form.check(request, caller)
    return tried(
        request,
        caller,
        "/settings/teams",
        "The team is there. Say who is in it.",
        lambda work: accounts.create_team(work, caller.principal, form.text("name")),
    )


@router.post("/w/{workspace}/settings/teams/{team}")
def change_team(request: Request, caller: Manager, team: str, form: Sent) -> Response:
    """Rename a team and say who is in it."""
    form.check(request, caller)

    def act(work: Work) -> None:
        accounts.rename_team(work, caller.principal, team, form.text("name"))
        accounts.set_team_members(work, caller.principal, team, form.texts("members"))

    return tried(request, caller, "/settings/teams", "Saved.", act)


@router.post("/w/{workspace}/settings/teams/{team}/remove")
def remove_team(request: Request, caller: Manager, team: str, form: Sent) -> Response:
    """Remove a team; its incidents have no team then."""
    form.check(request, caller)
    return tried(
        request,
        caller,
        "/settings/teams",
        "The team is removed.",
        lambda work: accounts.remove_team(work, caller.principal, team),
    )
