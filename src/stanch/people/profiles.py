"""Accounts as they are shown: one's own settings, and the list that operators see. Nothing here is sealed or hashed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from stanch.core.errors import NotFoundError
from stanch.db import people as rows
from stanch.incidents.desk import Work
from stanch.people import sessions
from stanch.people.principal import Principal
from stanch.people.users import require_user


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """An account.

    Attributes:
        user_id: who.
        email: their address.
        name: for people.
        theme: how pages look to them.
        locale: their language.
        operator: whether they administer the installation.
        has_password: whether they can sign in with one.
        single_sign_on: whether they sign in at an identity provider.
        two_factors: whether they have an authenticator.
        recovery_left: recovery codes that are left.
        created_at: when the account was made.
        last_seen_at: the last request, to the minute.
        disabled_at: since when they are not let in.
    """

    user_id: str
    email: str
    name: str
    theme: str
    locale: str
    operator: bool
    has_password: bool
    single_sign_on: bool
    two_factors: bool
    recovery_left: int
    created_at: datetime
    last_seen_at: datetime | None
    disabled_at: datetime | None


def profile(connection: Connection, user_id: str) -> Profile:
    """Return an account.

    Raises:
        NotFoundError: there is none of that id.
    """
    return _profile(require_user(connection, user_id))


def all_users(connection: Connection, by: Principal) -> Sequence[Profile]:
    """Return every account of the installation, by address.

    Raises:
        NotPermittedError: who asks is no operator.
    """
    by.require_operator()
    return [_profile(row) for row in rows.all_users(connection)]


def end_session(work: Work, by: Principal, id: str) -> None:
    """End one of one's own sessions, by the id that `sessions.list_sessions` shows.

    Raises:
        NotFoundError: there is none.
    """
    if not by.user_id or not sessions.close_by_id(work.connection, by.user_id, id, now=work.now):
        raise NotFoundError("there is no such session.")
    work.note("session.end", subject=by.user_id, data={"session": id})


def end_other_sessions(work: Work, by: Principal) -> int:
    """End all of one's own sessions but the one that asks; returns how many."""
    closed = sessions.close_all(work.connection, by.user_id, but=by.session_hash)
    work.note("session.end_others", subject=by.user_id, data={"closed": closed})
    return closed


def _profile(row: Any) -> Profile:
    return Profile(
        user_id=row["id"], email=row["email"], name=row["name"], theme=row["theme"], locale=row["locale"],
        operator=row["operator"],
        has_password=row["password_hash"] is not None, single_sign_on=row["oidc_subject"] is not None,
        two_factors=row["totp_enabled"],
        recovery_left=len(row["recovery_hashes"]), created_at=row["created_at"], last_seen_at=row["last_seen_at"],
        disabled_at=row["disabled_at"],
    )  # fmt: skip
