"""Users, their memberships, and teams.

Locks are taken in one order everywhere: workspaces, users, the end of the audit trail. They are ``FOR NO KEY UPDATE``, so that
rows which only refer to a user or workspace are still made meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from stanch.db.tables import incidents, memberships, team_members, teams, users, workspaces


def add_user(connection: Connection, row: Mapping[str, Any]) -> bool:
    """Make a user; false when somebody was faster with the same address or identity. The unit of work is over then."""
    try:
        connection.execute(sa.insert(users).values(**row))
    except sa.exc.IntegrityError:
        return False
    return True


def user(connection: Connection, id: str, *, lock: bool = False) -> RowMapping | None:
    """Return a user by id; *lock* holds the row until the unit of work ends."""
    query = sa.select(users).where(users.c.id == id)
    return connection.execute(query.with_for_update(key_share=True) if lock else query).mappings().one_or_none()


def user_by_email(connection: Connection, email: str, *, lock: bool = False) -> RowMapping | None:
    """Return a user by address, which is lower case already; *lock* holds the row until the unit of work ends."""
    query = sa.select(users).where(users.c.email == email)
    return connection.execute(query.with_for_update(key_share=True) if lock else query).mappings().one_or_none()


def user_by_subject(connection: Connection, issuer: str, subject: str) -> RowMapping | None:
    """Return a user by who they are at an identity provider."""
    query = sa.select(users).where(users.c.oidc_issuer == issuer, users.c.oidc_subject == subject)
    return connection.execute(query).mappings().one_or_none()


def change_user(connection: Connection, id: str, **values: Any) -> None:
    """Change a user's row."""
    connection.execute(sa.update(users).where(users.c.id == id).values(**values))


def use_step(connection: Connection, id: str, step: int) -> bool:
    """Mark a time step of the authenticator as used; false when it, or a later one, was used before."""
    last = users.c.totp_last_step
    statement = sa.update(users).where(users.c.id == id, sa.or_(last.is_(None), last < step)).values(totp_last_step=step)
    return connection.execute(statement).rowcount == 1


def anybody_can_sign_in(connection: Connection) -> bool:
    """Whether there is a user with a password or an identity elsewhere."""
    query = sa.select(sa.literal(1)).where(sa.or_(users.c.password_hash.is_not(None), users.c.oidc_subject.is_not(None)))
    return connection.execute(query.limit(1)).first() is not None


def all_users(connection: Connection) -> Sequence[RowMapping]:
    """Return every user of the installation, by address."""
    return connection.execute(sa.select(users).order_by(users.c.email)).mappings().all()


def operators(connection: Connection) -> int:
    """Return how many operators could sign in; their rows are held until the unit of work ends."""
    query = (
        sa.select(users.c.id)
        .where(users.c.operator, users.c.disabled_at.is_(None))
        .order_by(users.c.id)
        .with_for_update(key_share=True)
    )
    return len(connection.execute(query).all())


# ── memberships ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def membership(connection: Connection, workspace: str, user: str) -> RowMapping | None:
    """Return the membership of a user in a workspace."""
    query = sa.select(memberships).where(memberships.c.workspace_id == workspace, memberships.c.user_id == user)
    return connection.execute(query).mappings().one_or_none()


def memberships_of(connection: Connection, user: str) -> Sequence[RowMapping]:
    """Return the workspaces of a user: id, slug, name, role; by name."""
    query = (
        sa.select(workspaces.c.id, workspaces.c.slug, workspaces.c.name, memberships.c.role)
        .join(memberships, memberships.c.workspace_id == workspaces.c.id)
        .where(memberships.c.user_id == user)
        .order_by(workspaces.c.name, workspaces.c.id)
    )
    return connection.execute(query).mappings().all()


def members(connection: Connection, workspace: str) -> Sequence[RowMapping]:
    """Return who is in a workspace: the user's row without what is sealed or hashed, ``role`` and ``member_since``; by name."""
    shown = [c for c in users.c if c.name not in ("password_hash", "totp_sealed", "recovery_hashes", "totp_last_step")]
    query = (
        sa.select(*shown, memberships.c.role, memberships.c.created_at.label("member_since"))
        .join(memberships, memberships.c.user_id == users.c.id)
        .where(memberships.c.workspace_id == workspace)
        .order_by(sa.func.lower(users.c.name), users.c.email)
    )
    return connection.execute(query).mappings().all()


def hold_workspaces(connection: Connection, ids: Sequence[str]) -> None:
    """Hold workspaces until the unit of work ends, in one order: two may not each take the other's administrator."""
    query = (
        sa.select(workspaces.c.id)
        .where(workspaces.c.id.in_(sorted(ids)))
        .order_by(workspaces.c.id)
        .with_for_update(key_share=True)
    )
    connection.execute(query).all()


def administrators(connection: Connection, workspace: str) -> set[str]:
    """Return the administrators of a workspace who are not disabled."""
    query = (
        sa.select(memberships.c.user_id)
        .join(users, users.c.id == memberships.c.user_id)
        .where(memberships.c.workspace_id == workspace, memberships.c.role == "administrator", users.c.disabled_at.is_(None))
    )
    return set(connection.execute(query).scalars())


def put_membership(connection: Connection, workspace: str, user: str, role: str, now: datetime) -> None:
    """Make or change a membership."""
    if membership(connection, workspace, user) is None:
        connection.execute(sa.insert(memberships).values(workspace_id=workspace, user_id=user, role=role, created_at=now))
    else:
        m = memberships.c
        connection.execute(sa.update(memberships).where(m.workspace_id == workspace, m.user_id == user).values(role=role))


def remove_membership(connection: Connection, workspace: str, user: str) -> None:
    """End a membership, and the places in teams and the assignments that came with it."""
    m = memberships.c
    connection.execute(sa.delete(memberships).where(m.workspace_id == workspace, m.user_id == user))
    own = sa.select(teams.c.id).where(teams.c.workspace_id == workspace)
    connection.execute(sa.delete(team_members).where(team_members.c.user_id == user, team_members.c.team_id.in_(own)))
    i = incidents.c
    connection.execute(sa.update(incidents).where(i.workspace_id == workspace, i.assignee_id == user).values(assignee_id=None))


# ── teams ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def add_team(connection: Connection, *, id: str, workspace: str, name: str, now: datetime) -> None:
    """Make a team."""
    connection.execute(sa.insert(teams).values(id=id, workspace_id=workspace, name=name, created_at=now))


def team(connection: Connection, workspace: str, key: str) -> RowMapping | None:
    """Return a team by id or name."""
    query = sa.select(teams).where(teams.c.workspace_id == workspace, sa.or_(teams.c.id == key, teams.c.name == key))
    return connection.execute(query).mappings().first()


def list_teams(connection: Connection, workspace: str) -> list[dict[str, Any]]:
    """Return the teams of a workspace by name, each with ``members``: the ids of its users."""
    found = connection.execute(
        sa.select(teams).where(teams.c.workspace_id == workspace).order_by(sa.func.lower(teams.c.name), teams.c.id)
    ).mappings()
    result = [dict(row) | {"members": []} for row in found]
    by_id = {row["id"]: row for row in result}
    pairs = sa.select(team_members).join(teams, teams.c.id == team_members.c.team_id).where(teams.c.workspace_id == workspace)
    for team_id, user_id in connection.execute(pairs.order_by(team_members.c.user_id)):
        by_id[team_id]["members"].append(user_id)
    return result


def set_team_members(connection: Connection, team: str, ids: Sequence[str]) -> None:
    """Replace the members of a team."""
    connection.execute(sa.delete(team_members).where(team_members.c.team_id == team))
    if ids:
        connection.execute(sa.insert(team_members), [{"team_id": team, "user_id": id_} for id_ in ids])


def rename_team(connection: Connection, team: str, name: str) -> None:
    """Give a team another name."""
    connection.execute(sa.update(teams).where(teams.c.id == team).values(name=name))


def remove_team(connection: Connection, team: str) -> None:
    """Remove a team; incidents that it looked after belong to no team then."""
    connection.execute(sa.delete(teams).where(teams.c.id == team))
