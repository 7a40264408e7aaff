"""Who is in a workspace, as what, and in which teams.

A workspace that has an administrator keeps one: whoever would take the last is refused, also when two people try at once, because
the workspace's row is held while it is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from stanch.core.errors import ConflictError, InputError, NotFoundError
from stanch.core.ids import new_id
from stanch.core.people import Permission, Role
from stanch.db import people as rows
from stanch.db import tokens as token_rows
from stanch.db.text import clean
from stanch.incidents.desk import Work
from stanch.people.principal import Principal
from stanch.people.users import keep_administrator, require_user


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody in a workspace.

    Attributes:
        user_id: who.
        email: their address.
        name: for people.
        role: what they are here.
        operator: whether they administer the installation.
        two_factors: whether they have an authenticator.
        single_sign_on: whether they sign in at an identity provider.
        since: when they became a member.
        last_seen_at: the last request, to the minute.
        disabled_at: since when they are not let in.
    """

    user_id: str
    email: str
    name: str
    role: Role
    operator: bool
    two_factors: bool
    single_sign_on: bool
    since: datetime
    last_seen_at: datetime | None
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """Some members of a workspace who look after incidents together."""

    id: str
    name: str
    members: Sequence[str]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A workspace that somebody is in, and as what."""

    id: str
    slug: str
    name: str
    role: Role


def workspaces_of(connection: Connection, user_id: str) -> Sequence[Place]:
    """Return the workspaces of a user, by name."""
    found = rows.memberships_of(connection, user_id)
    return [Place(id=r["id"], slug=r["slug"], name=r["name"], role=Role(r["role"])) for r in found]


def members(connection: Connection, workspace: str) -> Sequence[Member]:
    """Return who is in a workspace, by name."""
    return [
        Member(
            user_id=row["id"], email=row["email"], name=row["name"], role=Role(row["role"]), operator=row["operator"],
            two_factors=row["totp_enabled"], single_sign_on=row["oidc_subject"] is not None, since=row["member_since"],
            last_seen_at=row["last_seen_at"], disabled_at=row["disabled_at"],
        )
        for row in rows.members(connection, workspace)
    ]  # fmt: skip


def manages_people(work: Work, by: Principal) -> None:
    """Go on only when this one may manage the people of the workspace that is worked in.

    Raises:
        NotPermittedError: it may not.
    """
    if by.operator:
        return
    if by.workspace_id != work.workspace:  # a mistake of ours; it must not become somebody's power
        raise NotFoundError("there is no such workspace.")
    by.require(Permission.MANAGE)


def set_role(work: Work, by: Principal, user_id: str, role: Role) -> None:
    """Give a member another role. Operators also make users members who are none.

    Raises:
        NotPermittedError: who asks does not manage people here.
        NotFoundError: there is no such member.
        ConflictError: they are the last administrator.
    """
    manages_people(work, by)
    rows.hold_workspaces(work.connection, [work.workspace])
    found = rows.membership(work.connection, work.workspace, clean(user_id, 40))
    if found is None:
        if not by.operator:
            raise NotFoundError("there is no such member here.", hint="Invite them.")
        require_user(work.connection, user_id)
    elif found["role"] == role.value:
        return
    elif role is not Role.ADMINISTRATOR:
        keep_administrator(work.connection, work.workspace, without=user_id)
    put_role(work, user_id, role, before=None if found is None else Role(found["role"]))


def put_role(work: Work, user_id: str, role: Role, *, before: Role | None) -> None:
    """Write a role and say so; whoever calls this has made sure that it may be done."""
    rows.put_membership(work.connection, work.workspace, user_id, role.value, work.now)
    work.note("member.role", subject=user_id, data={"role": role.value, "before": before.value if before else None})


def remove_member(work: Work, by: Principal, user_id: str) -> None:
    """Take somebody out of a workspace, or leave it; their tokens for it are revoked, their incidents have no assignee.

    Raises:
        NotPermittedError: who asks does not manage people here.
        NotFoundError: there is no such member.
        ConflictError: they are the last administrator.
    """
    if by.kind != "session" or by.user_id != user_id or by.workspace_id != work.workspace:
        manages_people(work, by)
    drop_member(work, user_id)


def drop_member(work: Work, user_id: str) -> None:
    """Do what `remove_member` does, for who has made sure that it may be done."""
    rows.hold_workspaces(work.connection, [work.workspace])
    found = rows.membership(work.connection, work.workspace, clean(user_id, 40))
    if found is None:
        raise NotFoundError("there is no such member here.")
    keep_administrator(work.connection, work.workspace, without=user_id)
    rows.remove_membership(work.connection, work.workspace, user_id)
    revoked = token_rows.revoke_all(work.connection, user_id, work.now, workspace=work.workspace)
    work.note("member.remove", subject=user_id, data={"role": found["role"], "tokens_revoked": revoked})


# ── teams ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def create_team(work: Work, by: Principal, name: str) -> str:
    """Make a team and return its id.

    Raises:
        InputError: it has no name.
        ConflictError: there is one of that name.
    """
    manages_people(work, by)
    name = _team_name(work, name)
    id_ = new_id("tea")
    rows.add_team(work.connection, id=id_, workspace=work.workspace, name=name, now=work.now)
    work.note("team.create", subject=id_, data={"name": name})
    return id_


def rename_team(work: Work, by: Principal, team: str, name: str) -> None:
    """Give a team another name."""
    manages_people(work, by)
    found = _require_team(work, team)
    if found.name != name.strip():
        name = _team_name(work, name)
        rows.rename_team(work.connection, found.id, name)
        work.note("team.rename", subject=found.id, data={"name": name, "before": found.name})


def set_team_members(work: Work, by: Principal, team: str, user_ids: Iterable[str]) -> None:
    """Replace the members of a team.

    Raises:
        NotFoundError: there is no such team, or somebody is no member of the workspace.
    """
    manages_people(work, by)
    found = _require_team(work, team)
    wanted = sorted(set(user_ids))
    if set(wanted) - {row["id"] for row in rows.members(work.connection, work.workspace)}:
        raise NotFoundError("a team has members of its workspace only, and there is no such member.")
    rows.set_team_members(work.connection, found.id, wanted)
    work.note("team.members", subject=found.id, data={"members": wanted})


def remove_team(work: Work, by: Principal, team: str) -> None:
    """Remove a team; its incidents belong to no team then."""
    manages_people(work, by)
    found = _require_team(work, team)
    rows.remove_team(work.connection, found.id)
    work.note("team.remove", subject=found.id, data={"name": found.name})


def list_teams(connection: Connection, workspace: str) -> Sequence[Team]:
    """Return the teams of a workspace, by name."""
    return [
        Team(id=row["id"], name=row["name"], members=tuple(row["members"]), created_at=row["created_at"])
        for row in rows.list_teams(connection, workspace)
    ]


def _require_team(work: Work, key: str) -> Team:
    found = rows.team(work.connection, work.workspace, clean(key, 120))
    if found is None:
        raise NotFoundError("there is no such team here.")
    return Team(id=found["id"], name=found["name"], members=(), created_at=found["created_at"])


def _team_name(work: Work, name: str) -> str:
    name = clean(name.strip(), 120)
    if not name:
        raise InputError("a team has a name.", code="name_needed")
    rows.hold_workspaces(work.connection, [work.workspace])
    if rows.team(work.connection, work.workspace, name) is not None:
        raise ConflictError("there is a team of that name already.", code="team_taken")
    return name
