"""How people come in: the link of the first start, invitations, and links that set a forgotten password.

An invitation to an address that has an account already makes that account a member and nothing else: whoever invites could read
the link, and must not get to somebody's password by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection, RowMapping

from stanch.core.errors import ConflictError, NotFoundError
from stanch.core.incident import SYSTEM, Actor
from stanch.core.people import Role
from stanch.db import audit as audit_rows
from stanch.db import links as link_rows
from stanch.db import people as rows
from stanch.db import workspaces as workspace_rows
from stanch.incidents.audit import Audit
from stanch.incidents.desk import Desk, Work
from stanch.incidents.workspaces import DEFAULT, require_workspace
from stanch.people import links, passwords, sessions
from stanch.people.links import Link, Purpose
from stanch.people.membership import manages_people, put_role
from stanch.people.principal import Principal
from stanch.people.sessions import Opened
from stanch.people.users import create_user, normal_email, require_user, set_password


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a page shows to somebody with a link, before it is used.

    Attributes:
        purpose: what the link is for.
        email: whom it is for; empty for the first administrator.
        workspace: name of the workspace.
        role: as what.
        has_account: no password is asked for: they sign in with the one they have.
        expires_at: when it ends.
    """

    purpose: Purpose
    email: str
    workspace: str
    role: Role | None
    has_account: bool
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeemed:
    """What a link brought.

    Attributes:
        purpose: what it was for.
        user_id: who.
        workspace_id: where they are a member now; empty for a password.
        opened: their session; ``None`` for who has an account and signs in as always.
    """

    purpose: Purpose
    user_id: str
    workspace_id: str
    opened: Opened | None


def create_first_administrator_link(connection: Connection, now: datetime, *, audit: Audit) -> str | None:
    """Make the link that makes the first administrator, and return its token; ``None`` when somebody can sign in already.

    A link that was printed before is worth nothing then.
    """
    audit_rows.locked_head(connection)
    if rows.anybody_can_sign_in(connection):
        return None
    link_rows.remove_unused(connection, Purpose.FIRST.value)
    token, link = links.create(connection, Purpose.FIRST, now=now)
    audit.write(connection, "link.first_administrator", actor=SYSTEM, now=now, subject=link.id)
    return token


def first_administrator_link(desk: Desk) -> str | None:
    """Do the same in a unit of work of its own: what a server does when it starts."""
    with desk.database.begin() as connection:
        return create_first_administrator_link(connection, desk.now(), audit=desk.audit)


def invite(work: Work, by: Principal, *, email: str, role: Role) -> str:
    """Invite somebody into the workspace and return the token of the link. An invitation before it is worth nothing then.

    Raises:
        NotPermittedError: who asks does not manage people here.
        ConflictError: they are a member.
        InputError: this is no address.
    """
    manages_people(work, by)
    email = normal_email(email)
    user = rows.user_by_email(work.connection, email)
    if user is not None and rows.membership(work.connection, work.workspace, user["id"]) is not None:
        raise ConflictError("they are a member of this workspace already.", code="member_already")
    link_rows.remove_unused(work.connection, Purpose.INVITATION.value, workspace=work.workspace, email=email)
    token, link = links.create(
        work.connection, Purpose.INVITATION, now=work.now, workspace_id=work.workspace, role=role, email=email
    )
    work.note("member.invite", subject=link.id, data={"email": email, "role": role.value})
    return token


def invitations(connection: Connection, workspace: str, now: datetime) -> Sequence[Link]:
    """Return the invitations that wait for somebody, the newest first."""
    return links.unused(connection, Purpose.INVITATION, workspace, now)


def withdraw_invitation(work: Work, by: Principal, id: str) -> None:
    """Take back an invitation.

    Raises:
        NotFoundError: there is none of that id that waits.
    """
    manages_people(work, by)
    link = links.withdraw(work.connection, Purpose.INVITATION, work.workspace, id, work.now)
    if link is None:
        raise NotFoundError("there is no such invitation.")
    work.note("member.invite_withdrawn", subject=id, data={"email": link.email})


def create_password_link(work: Work, by: Principal, user_id: str) -> str:
    """Make a link by which a user sets a new password, and return its token. Their sessions go on until it is used.

    Only operators do: an administrator of one workspace would get into the others of that user by it.

    Raises:
        NotPermittedError: who asks is no operator.
        ConflictError: the user is disabled.
    """
    by.require_operator()
    row = require_user(work.connection, user_id, lock=True)
    if row["disabled_at"] is not None:
        raise ConflictError("this user is disabled.", hint="Enable them first.", code="user_disabled")
    link_rows.remove_unused(work.connection, Purpose.PASSWORD.value, user=user_id)
    token, link = links.create(work.connection, Purpose.PASSWORD, now=work.now, user_id=user_id)
    work.note("user.password_link", subject=user_id, data={"link": link.id})
    return token


def peek(connection: Connection, token: str, now: datetime) -> Offer | None:
    """Return what somebody with this link is offered; ``None`` when it is used up, too old, or none."""
    link = links.peek(connection, token, now)
    if link is None or (link.purpose is Purpose.FIRST and rows.anybody_can_sign_in(connection)):
        return None
    user = _user_of(connection, link)
    if user is not None and user["disabled_at"] is not None:
        return None
    workspace = workspace_rows.workspace(connection, link.workspace_id) if link.workspace_id else None
    return Offer(
        purpose=link.purpose, email=user["email"] if user is not None else link.email or "",
        workspace=workspace["name"] if workspace else "", role=link.role, expires_at=link.expires_at,
        has_account=link.purpose is Purpose.INVITATION and user is not None,
    )  # fmt: skip


def redeem(
    desk: Desk,
    token: str,
    *,
    email: str = "",
    name: str = "",
    password: str = "",
    address: str = "",
    agent: str = "",
    cookie: str = "",
    request_id: str = "",
) -> Redeemed:
    """Use a link. It works once, whoever tries at the same moment; when something is wrong with what was typed it stays good.

    Args:
        desk: the record.
        token: of the link.
        email: of the first administrator; invitations carry theirs.
        name: of a new user.
        password: of a new user, or the new one.
        address: where the request came from.
        agent: what the browser calls itself.
        cookie: of the session that the browser had before, which ends.
        request_id: of the HTTP request.

    Raises:
        NotFoundError: the link was used, is too old, or is none; ``code`` is ``link``.
        InputError: the address or the password cannot be used.
    """
    now = desk.now()
    with desk.look() as connection:
        offer = peek(connection, token, now)
    if offer is None:
        raise _gone()
    if not offer.has_account:  # before the link is used up, and before anybody waits for the write lock
        email = normal_email(email if offer.purpose is Purpose.FIRST else offer.email)
        passwords.check_new(password, email=email)
    with desk.database.begin() as connection:
        link = _used(connection, token, now)
        if link is None or (link.purpose is Purpose.FIRST and rows.anybody_can_sign_in(connection)):
            raise _gone()
        workspace = _workspace_of(connection, link, now)
        work = Work(desk=desk, connection=connection, workspace=workspace, actor=SYSTEM, now=now, request_id=request_id)
        user_id, fresh = _let_in(work, link, email=email, name=name, password=password)
        opened = None
        if fresh:
            opened = sessions.open_session(connection, user_id, now=now, address=address, agent=agent, replaces=cookie)
        work.note("link.use", subject=link.id, data={"purpose": link.purpose.value, "user": user_id, "address": address[:64]})
    place = "" if link.purpose is Purpose.PASSWORD else workspace
    return Redeemed(purpose=link.purpose, user_id=user_id, workspace_id=place, opened=opened)


def _used(connection: Connection, token: str, now: datetime) -> Link | None:
    """Use a link, one after the other: two first administrators must not be. Workspace, user, trail: the order of everybody."""
    link = links.peek(connection, token, now)
    if link is not None and link.workspace_id:
        rows.hold_workspaces(connection, [link.workspace_id])
    if link is not None and link.user_id:
        rows.user(connection, link.user_id, lock=True)
    audit_rows.locked_head(connection)
    return links.use(connection, token, now)


def _let_in(work: Work, link: Link, *, email: str, name: str, password: str) -> tuple[str, bool]:
    """Return who it is, and whether they are new here."""
    if link.purpose is Purpose.FIRST:
        return create_user(work, email=email, name=name, password=password, operator=True, role=Role.ADMINISTRATOR), True
    user = _user_of(work.connection, link)
    if user is not None and user["disabled_at"] is not None:
        raise _gone()
    if link.purpose is Purpose.PASSWORD:
        if user is None:
            raise _gone()
        set_password(_as_user(work, user["id"], user["name"]), user["id"], password)
        return user["id"], False
    role = link.role or Role.VIEWER
    if user is None:
        return create_user(work, email=email, name=name, password=password, role=role), True
    if rows.membership(work.connection, work.workspace, user["id"]) is None:
        put_role(_as_user(work, user["id"], user["name"]), user["id"], role, before=None)
    return user["id"], False


def _as_user(work: Work, user_id: str, name: str) -> Work:
    actor = Actor(kind="user", id=user_id, name=name)
    return Work(
        desk=work.desk,
        connection=work.connection,
        workspace=work.workspace,
        actor=actor,
        now=work.now,
        request_id=work.request_id,
    )


def _user_of(connection: Connection, link: Link) -> RowMapping | None:
    if link.user_id:
        return rows.user(connection, link.user_id)
    return rows.user_by_email(connection, link.email) if link.email else None


def _workspace_of(connection: Connection, link: Link, now: datetime) -> str:
    if link.workspace_id:
        return link.workspace_id
    if link.user_id:
        own = rows.memberships_of(connection, link.user_id)
        return own[0]["id"] if own else ""
    found = workspace_rows.all_workspaces(connection)
    return found[0]["id"] if len(found) == 1 else require_workspace(connection, DEFAULT, now)


def _gone() -> NotFoundError:
    return NotFoundError("this link was used already, or its time is over.", hint="Ask for another one.", code="link")
