"""Accounts: users, their passwords, and whether they are let in at all."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final

from sqlalchemy.engine import Connection, RowMapping

from stanch.core.errors import ConflictError, InputError, NotFoundError
from stanch.core.ids import is_id, new_id
from stanch.core.people import Role
from stanch.db import links as link_rows
from stanch.db import people as rows
from stanch.db import sessions as session_rows
from stanch.db.text import clean
from stanch.incidents.desk import Work
from stanch.people import passwords
from stanch.people.principal import Principal

_EMAIL: Final = re.compile(r"[^\s@\x00-\x1f\x7f<>()\[\],;:\"\\]{1,64}@[^\s@\x00-\x1f\x7f<>()\[\],;:\"\\]{1,253}")


def normal_email(text: str) -> str:
    """Return an address as accounts are named by it: trimmed, lower case.

    Raises:
        InputError: it is none.
    """
    email = unicodedata.normalize("NFKC", text.strip()).lower()
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        raise InputError("this is no e-mail address.", code="email")
    return email


def typed_email(text: str) -> str:
    """Return what somebody typed as the name of an account, whatever it is, as addresses are kept."""
    return clean(unicodedata.normalize("NFKC", text[:1000].strip()).lower(), 254)


def create_user(
    work: Work, *, email: str, name: str, password: str | None = None, operator: bool = False, role: Role | None = None
) -> str:
    """Make a user and return their id.

    Args:
        work: the unit of work; its workspace is the one that *role* is for.
        email: their address; nobody else has it.
        name: for people.
        password: ``None`` for who signs in elsewhere, or sets one through a link.
        operator: whether they administer the installation.
        role: makes them a member of the workspace.

    Raises:
        ConflictError: there is a user with that address.
        InputError: the address or the password cannot be used.
    """
    email = normal_email(email)
    if password is not None:
        passwords.check_new(password, email=email)
    id_ = new_id("usr")
    row = {
        "id": id_, "email": email, "name": clean(name.strip(), 120) or email.partition("@")[0], "operator": operator,
        "password_hash": None if password is None else passwords.hashed(password), "created_at": work.now, "recovery_hashes": [],
    }  # fmt: skip
    if rows.user_by_email(work.connection, email) is not None or not rows.add_user(work.connection, row):
        raise ConflictError("there is a user with this address already.", code="email_taken")
    if role is not None:
        rows.put_membership(work.connection, work.workspace, id_, role.value, work.now)
    work.note("user.create", subject=id_, data={"email": email, "operator": operator, "role": role.value if role else None})
    return id_


def require_user(connection: Connection, user_id: str, *, lock: bool = False) -> RowMapping:
    """Return a user's row.

    Raises:
        NotFoundError: there is none of that id.
    """
    row = rows.user(connection, user_id, lock=lock) if is_id(user_id, "usr") else None
    if row is None:
        raise NotFoundError("there is no such user.")
    return row


def set_password(work: Work, user_id: str, password: str, *, but: str = "") -> None:
    """Give a user another password. Their sessions end, and so do links that would set it.

    Whoever calls this has made sure that it may be done: by the password before, a link, or a shell on the server.

    Args:
        work: the unit of work.
        user_id: whose.
        password: the new one.
        but: hash of the session that stays.

    Raises:
        InputError: it is too short, too long or among the commonest.
    """
    row = require_user(work.connection, user_id)
    passwords.check_new(password, email=row["email"])
    rows.change_user(work.connection, user_id, password_hash=passwords.hashed(password))
    link_rows.remove_unused(work.connection, "password", user=user_id)
    closed = session_rows.remove_all(work.connection, user_id, but=but)
    work.note("user.password", subject=user_id, data={"sessions_closed": closed})


def disable_user(work: Work, by: Principal, user_id: str) -> None:
    """Let a user in no more: their sessions end, their tokens refuse. What they did stays.

    Raises:
        NotPermittedError: who asks is no operator.
        ConflictError: they are the last administrator of a workspace, or the last operator.
    """
    by.require_operator()
    connection = work.connection
    require_user(connection, user_id)
    mine = [m["id"] for m in rows.memberships_of(connection, user_id) if m["role"] == Role.ADMINISTRATOR.value]
    rows.hold_workspaces(connection, mine)
    operators = rows.operators(connection)
    row = require_user(connection, user_id, lock=True)
    if row["disabled_at"] is not None:
        return
    for workspace in mine:
        keep_administrator(connection, workspace, without=user_id)
    _keep_operator(operators, row)
    rows.change_user(connection, user_id, disabled_at=work.now)
    link_rows.remove_unused(connection, "password", user=user_id)
    closed = session_rows.remove_all(connection, user_id)
    work.note("user.disable", subject=user_id, data={"email": row["email"], "sessions_closed": closed})


def enable_user(work: Work, by: Principal, user_id: str) -> None:
    """Let a disabled user in again. Tokens that were not revoked work again, too.

    Raises:
        NotPermittedError: who asks is no operator.
    """
    by.require_operator()
    row = require_user(work.connection, user_id, lock=True)
    if row["disabled_at"] is not None:
        rows.change_user(work.connection, user_id, disabled_at=None)
        work.note("user.enable", subject=user_id, data={"email": row["email"]})


def set_operator(work: Work, by: Principal, user_id: str, *, operator: bool) -> None:
    """Make a user an operator, or one of the people again. Their sessions end, so that none is worth more than at its start.

    Raises:
        NotPermittedError: who asks is no operator.
        ConflictError: they are the last one.
    """
    by.require_operator()
    operators = rows.operators(work.connection)
    row = require_user(work.connection, user_id, lock=True)
    if row["operator"] == operator:
        return
    if not operator:
        _keep_operator(operators, row)
    rows.change_user(work.connection, user_id, operator=operator)
    session_rows.remove_all(work.connection, user_id, but=by.session_hash)
    work.note("user.operator", subject=user_id, data={"operator": operator})


def change_profile(
    work: Work, by: Principal, *, name: str | None = None, theme: str | None = None, locale: str | None = None
) -> None:
    """Change how one's own name is written, and how pages look.

    Raises:
        InputError: the name is empty.
    """
    values: dict[str, Any] = {}
    if name is not None:
        if not name.strip():
            raise InputError("a name is not empty.", code="name_needed")
        values["name"] = clean(name.strip(), 120)
    values |= {key: clean(value, 40) for key, value in (("theme", theme), ("locale", locale)) if value is not None}
    if values:
        rows.change_user(work.connection, require_user(work.connection, by.user_id)["id"], **values)


def keep_administrator(connection: Connection, workspace: str, *, without: str) -> None:
    """Go on only when a workspace, which is held, keeps an administrator without this one.

    Raises:
        ConflictError: this is the last.
    """
    administrators = rows.administrators(connection, workspace)
    if without in administrators and len(administrators) == 1:
        raise ConflictError(
            "this is the last administrator of a workspace.", hint="Make somebody else one first.", code="last_administrator"
        )


def _keep_operator(operators: int, row: RowMapping) -> None:
    if row["operator"] and row["disabled_at"] is None and operators <= 1:
        raise ConflictError(
            "this is the last operator of the installation.", hint="Make somebody else one first.", code="last_operator"
        )
