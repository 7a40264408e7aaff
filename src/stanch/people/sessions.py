"""Sessions: a random cookie in the browser, its SHA-256 in the database.

They end seven days after sign-in, twelve hours after the last request, when the person signs out, changes the password or is
disabled. The cookie changes at sign-in and whenever the session comes to be trusted more. The CSRF token is derived from the
cookie, so every page can show it and nothing else has to be kept.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.engine import Connection

from stanch.core.people import Role
from stanch.db import people
from stanch.db import sessions as rows
from stanch.db import workspaces as workspace_rows
from stanch.db.text import clean
from stanch.people.principal import Principal

LONGEST: Final = timedelta(days=7)
IDLE: Final = timedelta(hours=12)
TOUCH: Final = timedelta(minutes=1)
_COOKIE: Final = 43  # characters: 32 bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A session as its browser gets it: the only time that the cookie is known.

    Attributes:
        cookie: value of the cookie.
        csrf: token that forms send along.
        expires_at: when it ends at the latest.
    """

    cookie: str = field(repr=False)
    csrf: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """A session as its owner sees it.

    Attributes:
        id: names it in `close_by_id`; not its hash, though derived from it.
        created_at: when they signed in.
        seen_at: the last request, to the minute.
        expires_at: when it ends at the latest.
        address: where they signed in from.
        agent: what browser it said it was.
        current: whether it is the one that asks.
    """

    id: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str
    agent: str
    current: bool


def hash_of(cookie: str) -> str:
    """Return what the database keeps of a cookie."""
    return hashlib.sha256(b"session " + cookie.encode("utf-8", "replace")).hexdigest()


def csrf_of(cookie: str) -> str:
    """Return the CSRF token that belongs to a cookie."""
    return hmac.new(cookie.encode("utf-8", "replace"), b"stanch csrf token", hashlib.sha256).hexdigest()


def open_session(connection: Connection, user_id: str, *, now: datetime, address: str, agent: str, replaces: str = "") -> Opened:
    """Begin a session for somebody who has proved who they are.

    Args:
        connection: a unit of work.
        user_id: who.
        now: when.
        address: where the request came from.
        agent: what the browser calls itself.
        replaces: cookie that the browser had before; that session ends, so nobody can plant a known cookie.
    """
    if replaces:
        rows.remove(connection, hash_of(replaces))
    opened = _fresh(now + LONGEST)
    rows.add(
        connection,
        {
            "hash": hash_of(opened.cookie), "csrf_hash": _csrf_hash(opened.csrf), "user_id": user_id, "created_at": now,
            "seen_at": now, "expires_at": opened.expires_at, "confirmed_at": now, "address": clean(address, 64),
            "agent": clean(agent, 300),
        },
    )  # fmt: skip
    people.change_user(connection, user_id, last_seen_at=now)
    return opened


def principal_of_cookie(connection: Connection, cookie: str, *, workspace: str | None, now: datetime) -> Principal | None:
    """Return who has this cookie, or ``None`` when it is no session (any more).

    Args:
        connection: may be one that only reads; then ``touch_due`` says whether `touch` is to be called.
        cookie: value of the cookie.
        workspace: id or short name; ``None`` for the only one they have.
        now: when.
    """
    if len(cookie) != _COOKIE or not cookie.isascii():
        return None
    row = rows.find(connection, hash_of(cookie), now=now, seen_after=now - IDLE)
    if row is None:
        return None
    due = now - row["seen_at"] >= TOUCH
    if due and rows.writable(connection):
        rows.touch(connection, row["hash"], row["user_id"], now)
        due = False
    return Principal(
        kind="session", user_id=row["user_id"], email=row["email"], name=row["name"], operator=row["operator"],
        session_hash=row["hash"], confirmed_at=row["confirmed_at"], touch_due=due,
        **_place(connection, row["user_id"], workspace, operator=row["operator"]),
    )  # fmt: skip


def principal_of_user(connection: Connection, user_id: str, *, workspace: str | None) -> Principal | None:
    """Return a user as who they would be when signed in; ``None`` when there is none, or disabled."""
    row = people.user(connection, user_id)
    if row is None or row["disabled_at"] is not None:
        return None
    place = _place(connection, user_id, workspace, operator=row["operator"])
    return Principal(kind="session", user_id=user_id, email=row["email"], name=row["name"], operator=row["operator"], **place)


def touch(connection: Connection, principal: Principal, now: datetime) -> None:
    """Remember that a session is in use."""
    rows.touch(connection, principal.session_hash, principal.user_id, now)


def csrf_ok(connection: Connection, cookie: str, csrf: str) -> bool:
    """Whether a form carries the token of this session."""
    given = csrf.encode("utf-8", "replace")
    return hmac.compare_digest(csrf_of(cookie).encode(), given) and rows.has_csrf(connection, hash_of(cookie), _csrf_hash(csrf))


def rotate(connection: Connection, cookie: str, *, now: datetime, confirmed: bool = False) -> Opened | None:
    """Give a session another cookie; the old one is worth nothing then. ``None`` when the session is gone.

    Args:
        connection: a unit of work.
        cookie: the one it has.
        now: when.
        confirmed: the person has just given the password or a code again.
    """
    row = rows.find(connection, hash_of(cookie), now=now, seen_after=now - IDLE)
    if row is None:
        return None
    opened = _fresh(row["expires_at"])
    values: dict[str, Any] = {"hash": hash_of(opened.cookie), "csrf_hash": _csrf_hash(opened.csrf), "seen_at": now}
    if confirmed:
        values["confirmed_at"] = now
    return opened if rows.change(connection, row["hash"], values) else None


def close_session(connection: Connection, cookie: str) -> bool:
    """Sign out; whether there was a session."""
    return rows.remove(connection, hash_of(cookie))


def close_all(connection: Connection, user_id: str, *, but: str = "") -> int:
    """End all sessions of a user; returns how many.

    Args:
        connection: a unit of work.
        user_id: whose.
        but: hash of the session that stays.
    """
    return rows.remove_all(connection, user_id, but=but)


def close_by_id(connection: Connection, user_id: str, id: str, *, now: datetime) -> bool:
    """End one session of a user by the id that `list_sessions` shows; whether there was one."""
    for row in rows.of_user(connection, user_id, now=now, seen_after=now - IDLE):
        if hmac.compare_digest(_shown_id(row["hash"]).encode(), id.encode("utf-8", "replace")):
            return rows.remove(connection, row["hash"], user=user_id)
    return False


def list_sessions(connection: Connection, user_id: str, *, now: datetime, current: str = "") -> Sequence[SessionView]:
    """Return the sessions of a user, the one seen last first.

    Args:
        connection: to the database.
        user_id: whose.
        now: when.
        current: hash of the session that asks.
    """
    return [
        SessionView(
            id=_shown_id(row["hash"]), created_at=row["created_at"], seen_at=row["seen_at"], expires_at=row["expires_at"],
            address=row["address"], agent=row["agent"], current=row["hash"] == current,
        )
        for row in rows.of_user(connection, user_id, now=now, seen_after=now - IDLE)
    ]  # fmt: skip


def sweep(connection: Connection, now: datetime) -> int:
    """Take out sessions that have ended; returns how many."""
    return rows.remove_ended(connection, now=now, seen_before=now - IDLE)


def _fresh(expires_at: datetime) -> Opened:
    cookie = secrets.token_urlsafe(32)
    return Opened(cookie=cookie, csrf=csrf_of(cookie), expires_at=expires_at)


def _csrf_hash(csrf: str) -> str:
    return hashlib.sha256(b"csrf " + csrf.encode("utf-8", "replace")).hexdigest()


def _shown_id(hash: str) -> str:
    return "ses_" + hashlib.sha256(b"shown " + hash.encode()).hexdigest()[:24]


def _place(connection: Connection, user_id: str, workspace: str | None, *, operator: bool) -> dict[str, Any]:
    """Return workspace and role. Somebody else's workspace looks like none, but for operators, who are no member there."""
    own = people.memberships_of(connection, user_id)
    if workspace is None:
        found = own[0] if len(own) == 1 else None
    else:
        found = next((m for m in own if workspace in (m["id"], m["slug"])), None)
    if found is not None:
        return {"workspace_id": found["id"], "workspace_slug": found["slug"], "role": Role(found["role"])}
    if workspace is not None and operator:
        foreign = workspace_rows.workspace(connection, clean(workspace, 80))
        if foreign is not None:
            return {"workspace_id": foreign["id"], "workspace_slug": foreign["slug"]}
    return {}
