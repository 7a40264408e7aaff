"""Members, invitations and teams of a workspace."""

from __future__ import annotations

from dataclasses import asdict
from urllib.parse import quote

from fastapi import Request, Response
from sqlalchemy.engine import Connection

from stanch.core.people import Role
from stanch.people import accounts
from stanch.people.links import Link
from stanch.server.auth import Caller
from stanch.server.idempotency import shown_once
from stanch.server.models.base import Page
from stanch.server.models.people import (
    Invitation,
    InvitationGiven,
    InvitationMade,
    Member,
    RoleGiven,
    Team,
    TeamChange,
    TeamGiven,
)
from stanch.server.routing import Key, Manager, Paged, Reader, api_router, found, sliced

router = api_router("people")


def _member(member: accounts.Member) -> Member:
    return Member.model_validate(asdict(member) | {"role": member.role.value})


@router.get("/members")
def list_members(caller: Reader, paged: Paged) -> Page[Member]:
    """List who is in the workspace."""
    with caller.desk.look() as connection:
        members = accounts.members(connection, caller.workspace)
    part, cursor = sliced(members, lambda member: member.user_id, "members", paged)
    return Page[Member].of(map(_member, part), cursor)


@router.put("/members/{user}")
def set_role(caller: Manager, user: Key, given: RoleGiven) -> Member:
    """Give a member another role. A workspace keeps an administrator."""
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        accounts.set_role(work, caller.principal, user, Role(given.role))
        members = accounts.members(work.connection, caller.workspace)
    return _member(found(next((m for m in members if m.user_id == user), None), "member"))


@router.delete("/members/{user}", status_code=204)
def remove_member(caller: Manager, user: Key) -> Response:
    """Take somebody out of the workspace. Their tokens for it are revoked, their incidents have no assignee."""
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        accounts.remove_member(work, caller.principal, user)
    return Response(status_code=204)


@router.get("/invitations")
def list_invitations(caller: Manager, paged: Paged) -> Page[Invitation]:
    """List invitations that wait for somebody."""
    with caller.desk.look() as connection:
        waiting = accounts.invitations(connection, caller.workspace, caller.desk.now())
    part, cursor = sliced(waiting, lambda link: link.id, "invitations", paged)
    return Page[Invitation].of(map(_invitation, part), cursor)


@router.post("/invitations", status_code=201)
def invite(caller: Manager, given: InvitationGiven, request: Request) -> InvitationMade:
    """Invite somebody. The address of the invitation is shown this once; an earlier one for them is worth nothing then."""
    shown_once(request)
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        token = accounts.invite(work, caller.principal, email=given.email, role=Role(given.role))
        email = accounts.normal_email(given.email)
        waiting = accounts.invitations(work.connection, caller.workspace, work.now)
    made = next(link for link in waiting if link.email == email)
    url = f"{caller.context.settings.base_url}/welcome/{quote(token)}"
    return InvitationMade(url=url, invitation=_invitation(made))


@router.delete("/invitations/{invitation}", status_code=204)
def withdraw_invitation(caller: Manager, invitation: Key) -> Response:
    """Take back an invitation."""
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        accounts.withdraw_invitation(work, caller.principal, invitation)
    return Response(status_code=204)


def _invitation(link: Link) -> Invitation:
    role = link.role or Role.VIEWER
    return Invitation(id=link.id, email=link.email or "", role=role.value, created_at=link.created_at, expires_at=link.expires_at)


@router.get("/teams")
def list_teams(caller: Reader, paged: Paged) -> Page[Team]:
    """List teams."""
    with caller.desk.look() as connection:
        teams = accounts.list_teams(connection, caller.workspace)
    part, cursor = sliced(teams, lambda team: team.id, "teams", paged)
    return Page[Team].of(map(_team, part), cursor)


@router.post("/teams", status_code=201)
def create_team(caller: Manager, given: TeamGiven) -> Team:
    """Make a team."""
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        team = accounts.create_team(work, caller.principal, given.name)
        if given.members:
            accounts.set_team_members(work, caller.principal, team, given.members)
        return _shown(work.connection, caller, team)


@router.get("/teams/{team}")
def get_team(caller: Reader, team: Key) -> Team:
    """Show one team."""
    with caller.desk.look() as connection:
        return _shown(connection, caller, team)


@router.patch("/teams/{team}")
def change_team(caller: Manager, team: Key, change: TeamChange) -> Team:
    """Rename a team, or replace its members."""
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        before = _shown(work.connection, caller, team)
        if change.name is not None:
            accounts.rename_team(work, caller.principal, before.id, change.name)
        if change.members is not None:
            accounts.set_team_members(work, caller.principal, before.id, change.members)
        return _shown(work.connection, caller, before.id)


@router.delete("/teams/{team}", status_code=204)
def remove_team(caller: Manager, team: Key) -> Response:
    """Remove a team; its incidents belong to no team then."""
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        accounts.remove_team(work, caller.principal, _shown(work.connection, caller, team).id)
    return Response(status_code=204)


def _shown(connection: Connection, caller: Caller, team: str) -> Team:
    teams = accounts.list_teams(connection, caller.workspace)
    return _team(found(next((t for t in teams if t.id == team), None), "team"))


def _team(team: accounts.Team) -> Team:
    return Team(id=team.id, name=team.name, members=list(team.members), created_at=team.created_at)
