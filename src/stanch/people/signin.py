"""Signing in with a password, and with a code where there is an authenticator.

Three steps, because a password takes its time and the database should not wait for it: count the attempt, look at the password
without any lock, then do the rest in one unit of work. Whoever asks learns the same, after the same time, whether an account does
not exist, is disabled, has no password or another one. The audit trail tells the operator which.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.engine import Connection

from stanch.core.errors import NotPermittedError
from stanch.core.incident import SYSTEM, Actor
from stanch.db import people as rows
from stanch.incidents.desk import Desk, Work
from stanch.people import passwords, sealed, sessions, throttle, totp
from stanch.people.outcomes import NeedsCode, Refused, SignedIn
from stanch.people.sessions import Opened
from stanch.people.throttle import Attempt
from stanch.people.users import set_password, typed_email

__all__ = ["NeedsCode", "Refused", "SignIn", "SignedIn"]

_TICKET: Final = timedelta(minutes=5)
_PURPOSE: Final = "sign-in code"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """Where an attempt comes from."""

    address: str
    agent: str
    now: datetime
    cookie: str
    request_id: str


class SignIn:
    """Lets people in.

    Args:
        desk: the record.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def password(
        self,
        email: str,
        password: str,
        code: str | None = None,
        *,
        address: str,
        agent: str,
        now: datetime,
        cookie: str = "",
        request_id: str = "",
    ) -> SignedIn | NeedsCode | Refused:
        """Sign in with a password.

        Args:
            email: as it was typed.
            password: as it was typed.
            code: of the authenticator, or a recovery code, when the form had a field for it.
            address: where the request came from.
            agent: what the browser calls itself.
            now: when.
            cookie: of the session that the browser had before, which ends.
            request_id: of the HTTP request.
        """
        request = _Request(address=address, agent=agent, now=now, cookie=cookie, request_id=request_id)
        email = typed_email(email)
        counted = self._count(email, request)
        if counted.wait:
            return _refused(counted.wait)
        with self._desk.look() as connection:
            row = rows.user_by_email(connection, email)
        kept = None if row is None else row["password_hash"]
        right = passwords.verify(kept, password)
        if row is None or not right or kept is None:
            return self._fail(counted, request, row, "unknown" if row is None else "password" if kept else "no_password")
        again = passwords.hashed(password) if passwords.outdated(kept) else None
        return self._finish(counted, request, row["id"], kept, code, again)

    def code(
        self, ticket: str, code: str, *, address: str, agent: str, now: datetime, cookie: str = "", request_id: str = ""
    ) -> SignedIn | NeedsCode | Refused:
        """Sign in with a code, after the password was right a short while ago.

        Args:
            ticket: of `NeedsCode`.
            code: of the authenticator, or a recovery code.
            address: where the request came from.
            agent: what the browser calls itself.
            now: when.
            cookie: of the session that the browser had before, which ends.
            request_id: of the HTTP request.
        """
        request = _Request(address=address, agent=agent, now=now, cookie=cookie, request_id=request_id)
        with self._desk.look() as connection:
            held = sealed.unseal(connection, self._desk.keyring, _PURPOSE, ticket, now=now)
            row = rows.user(connection, held["user"]) if held else None
        if held is None or row is None:
            return Refused()
        counted = self._count(row["email"], request)
        if counted.wait:
            return _refused(counted.wait)
        if _digest(row["password_hash"]) != held["password"]:
            return self._fail(counted, request, row, "password")
        return self._finish(counted, request, row["id"], row["password_hash"], code, None)

    def confirm(
        self,
        cookie: str,
        *,
        password: str = "",
        code: str = "",
        address: str,
        now: datetime,
        request_id: str = "",
    ) -> Opened | Refused:
        """Let somebody who is signed in show again that it is them; their session gets another cookie then.

        Args:
            cookie: of the session.
            password: theirs …
            code: … or a code of their authenticator.
            address: where the request came from.
            now: when.
            request_id: of the HTTP request.
        """
        request = _Request(address=address, agent="", now=now, cookie=cookie, request_id=request_id)
        user_id = self._proved(request, password, code)
        if isinstance(user_id, Refused):
            return user_id
        with self._desk.database.begin() as connection:
            opened = sessions.rotate(connection, cookie, now=now, confirmed=True)
            if opened is not None:
                self._note(connection, "session.confirm", request, user_id)
        return opened or Refused()

    def change_password(
        self, cookie: str, current: str, new: str, *, address: str, now: datetime, request_id: str = ""
    ) -> Opened | Refused:
        """Change one's own password; all other sessions end, and this one gets another cookie.

        Args:
            cookie: of the session.
            current: the password until now.
            new: the password from now on.
            address: where the request came from.
            now: when.
            request_id: of the HTTP request.

        Raises:
            InputError: the new one is too short, too long or among the commonest.
        """
        request = _Request(address=address, agent="", now=now, cookie=cookie, request_id=request_id)
        user_id = self._proved(request, current, "")
        if isinstance(user_id, Refused):
            return user_id
        with self._desk.database.begin() as connection:
            opened = sessions.rotate(connection, cookie, now=now, confirmed=True)
            if opened is None:
                return Refused()
            set_password(self._work(connection, request, user_id), user_id, new, but=sessions.hash_of(opened.cookie))
        return opened

    def _proved(self, request: _Request, password: str, code: str) -> str | Refused:
        """Return whose session it is when the password or code is theirs."""
        with self._desk.look() as connection:
            principal = sessions.principal_of_cookie(connection, request.cookie, workspace=None, now=request.now)
            row = rows.user(connection, principal.user_id) if principal is not None else None
        if row is None:
            raise NotPermittedError("the session is over.", hint="Sign in again.", code="session_needed")
        counted = self._count(row["email"], request)
        if counted.wait:
            return _refused(counted.wait)
        if code and not password:
            with self._desk.database.begin() as connection:
                held = rows.user(connection, row["id"], lock=True)
                good = bool(held and held["totp_enabled"] and totp.check(connection, self._desk.keyring, held, code, request.now))
        else:
            good = passwords.verify(row["password_hash"], password)
        if not good:
            return self._fail(counted, request, row, "confirm")
        with self._desk.database.begin() as connection:
            throttle.succeeded(connection, counted)
        return str(row["id"])

    def _count(self, account: str, request: _Request) -> Attempt:
        with self._desk.database.begin() as connection:
            return throttle.attempt(connection, account=account, address=request.address, now=request.now)

    def _finish(
        self, counted: Attempt, request: _Request, user_id: str, kept: str, code: str | None, again: str | None
    ) -> SignedIn | NeedsCode | Refused:
        """Do what comes after the right password, on the user as it is now."""
        with self._desk.database.begin() as connection:
            row = rows.user(connection, user_id, lock=True)
            if row is None or row["disabled_at"] is not None or row["password_hash"] != kept:
                return self._failed(connection, counted, request, row, "disabled")
            how = "password"
            if row["totp_enabled"]:
                if not code:
                    throttle.take_back(connection, counted)
                    values = {"user": user_id, "password": _digest(kept)}
                    ticket = sealed.seal(connection, self._desk.keyring, _PURPOSE, values, now=request.now, lasts=_TICKET)
                    return NeedsCode(ticket=ticket)
                how = totp.check(connection, self._desk.keyring, row, code, request.now)
                if not how:
                    return self._failed(connection, counted, request, row, "code")
            if again is not None:
                rows.change_user(connection, user_id, password_hash=again)
            throttle.succeeded(connection, counted)
            opened = sessions.open_session(
                connection, user_id, now=request.now, address=request.address, agent=request.agent, replaces=request.cookie
            )
            self._note(connection, "signin.success", request, user_id, {"how": how})
        left = len(row["recovery_hashes"]) - 1 if how == "recovery" else None
        return SignedIn(user_id=user_id, opened=opened, recovery_left=left)

    def _fail(self, counted: Attempt, request: _Request, row: Mapping[Any, Any] | None, reason: str) -> Refused:
        with self._desk.database.begin() as connection:
            return self._failed(connection, counted, request, row, reason)

    def _failed(
        self, connection: Connection, counted: Attempt, request: _Request, row: Mapping[Any, Any] | None, reason: str
    ) -> Refused:
        """Write down a failure, and the locks that it brings. What was typed as a name is not kept: it may be a password."""
        user_id = "" if row is None else str(row["id"])
        write = {"reason": reason, "address": request.address[:64]}
        audit = self._desk.audit
        audit.write(
            connection,
            "signin.failure",
            actor=SYSTEM,
            now=request.now,
            subject=user_id,
            data=write,
            request_id=request.request_id,
        )
        for bucket, wait in counted.locks:
            data = {"of": bucket.partition(":")[0], "seconds": math.ceil(wait.total_seconds()), "address": request.address[:64]}
            audit.write(
                connection, "signin.lockout", actor=SYSTEM, now=request.now, subject=user_id, data=data,
                request_id=request.request_id,
            )  # fmt: skip
        return _refused(max((wait for _, wait in counted.locks), default=timedelta(0)))

    def _note(
        self, connection: Connection, action: str, request: _Request, user_id: str, data: dict[str, object] | None = None
    ) -> None:
        work = self._work(connection, request, user_id)
        self._desk.audit.write(
            connection, action, actor=work.actor, now=request.now, subject=user_id, request_id=request.request_id,
            data={**(data or {}), "address": request.address[:64]},
        )  # fmt: skip

    def _work(self, connection: Connection, request: _Request, user_id: str) -> Work:
        row = rows.user(connection, user_id)
        actor = Actor(kind="user", id=user_id, name=(row["name"] or row["email"]) if row is not None else "")
        return Work(
            desk=self._desk, connection=connection, workspace="", actor=actor, now=request.now, request_id=request.request_id
        )


def _refused(wait: timedelta) -> Refused:
    return Refused(retry_after=math.ceil(wait.total_seconds()))


def _digest(kept: str | None) -> str:
    """Return what ties a ticket to a password: another one makes it worthless."""
    return hashlib.sha256(b"ticket " + (kept or "").encode()).hexdigest()[:32]
