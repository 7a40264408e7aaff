"""Signing in at an identity provider: authorisation code with PKCE, state and nonce in a sealed cookie that lasts ten minutes.

oidc = Oidc(desk, settings)
begun = oidc.begin(next="/incidents")                  # redirect to begun.location, set begun.cookie
done = oidc.finish(begun.cookie, request.query, …)     # on the page behind redirect_uri: Arrived or Rejected

An account is found by issuer and subject, which never change. By address it is found only when that is configured and the
provider says that the address is verified; the password that somebody may have set for it before is worth nothing then.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

import httpx2
from sqlalchemy.engine import Connection

from stanch.core.errors import ConflictError, InputError
from stanch.core.incident import SYSTEM, Actor
from stanch.core.people import Role
from stanch.db import people as rows
from stanch.db import sessions as session_rows
from stanch.db import tokens as token_rows
from stanch.db import workspaces as workspace_rows
from stanch.incidents.desk import Desk, Work
from stanch.people import sealed, sessions, totp
from stanch.people.membership import drop_member, put_role
from stanch.people.provider import Claims, Expected, Grant, OidcSettings, Provider, ProviderError
from stanch.people.sessions import Opened
from stanch.people.users import create_user, normal_email

__all__ = ["Arrived", "Begun", "Grant", "Oidc", "OidcSettings", "Rejected"]

COOKIE_LASTS: Final = timedelta(minutes=10)
_PURPOSE: Final = "sign-in elsewhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A sign-in that has begun.

    Attributes:
        location: where the browser goes now.
        cookie: what it brings back; ``HttpOnly``, ``SameSite=Lax``, for `COOKIE_LASTS`, deleted afterwards.
    """

    location: str
    cookie: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """Somebody proved elsewhere who they are.

    Attributes:
        user_id: who.
        opened: their session.
        next: the page they wanted, as it was given to `Oidc.begin`.
    """

    user_id: str
    opened: Opened
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """They did not, or have no account here.

    Attributes:
        reason: stable name, for the log.
        message: a sentence for who tried; it says little.
    """

    reason: str
    message: str


_MESSAGES: Final = {
    "state": "The sign-in took too long, or was begun in another browser. Try again.",
    "cancelled": "The sign-in was not finished at the identity provider.",
    "disabled": "This account is not let in. Ask the operator of this installation.",
    "no_account": "You have no account here. Ask for an invitation.",
    "email": "The identity provider gave no verified e-mail address for you.",
    "email_taken": "There is an account with your address already. Sign in with its password, or ask the operator to link it.",
    "domain": "Addresses like yours are not let in here.",
}
_OTHERWISE: Final = "Signing in at the identity provider did not work. Try again, or ask the operator."


class _RejectedError(Exception):
    """Leaves a unit of work without keeping it."""


class Oidc:
    """Lets people in who proved elsewhere who they are.

    Args:
        desk: the record.
        settings: where and how.
        client: for HTTP.
    """

    def __init__(self, desk: Desk, settings: OidcSettings, client: httpx2.Client | None = None) -> None:
        self._desk = desk
        self.settings = settings
        self.provider = Provider(settings, client)

    def begin(self, *, next: str = "/", again: bool = False) -> Begun:
        """Begin a sign-in.

        Args:
            next: the page that was wanted; whoever calls this has checked that it is one of ours.
            again: the person must show again that it is them, though they may be signed in there.

        Raises:
            ProviderError: the provider cannot be reached.
        """
        now, settings = self._desk.now(), self.settings
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        query = {
            "response_type": "code", "client_id": settings.client_id, "redirect_uri": settings.redirect_uri,
            "scope": " ".join(settings.scopes), "state": state, "nonce": nonce, "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }  # fmt: skip
        if again:
            query |= {"prompt": "login", "max_age": "0"}
        address = self.provider.endpoint("authorization_endpoint", now)
        values = {
            "state": state, "nonce": nonce, "verifier": verifier, "next": next[:1000],
            "since": now.timestamp() if again else 0,
        }  # fmt: skip
        with self._desk.look() as connection:
            cookie = sealed.seal(connection, self._desk.keyring, _PURPOSE, values, now=now, lasts=COOKIE_LASTS)
        return Begun(location=f"{address}{'&' if '?' in address else '?'}{urlencode(query)}", cookie=cookie)

    def finish(
        self,
        cookie: str,
        query: Mapping[str, str],
        *,
        address: str,
        agent: str,
        now: datetime,
        replaces: str = "",
        request_id: str = "",
    ) -> Arrived | Rejected:
        """End a sign-in.

        Args:
            cookie: of `Begun`.
            query: what the provider sent along: ``code`` and ``state``, perhaps ``iss``, or ``error``.
            address: where the request came from.
            agent: what the browser calls itself.
            now: when.
            replaces: cookie of the session that the browser had before, which ends.
            request_id: of the HTTP request.
        """
        with self._desk.look() as connection:
            held = sealed.unseal(connection, self._desk.keyring, _PURPOSE, cookie, now=now)
        try:
            if held is None or not hmac.compare_digest(held["state"].encode(), query.get("state", "").encode("utf-8", "replace")):
                raise _RejectedError("state")
            claims = self._claims(
                query, Expected(nonce=held["nonce"], verifier=held["verifier"], since=_moment(held["since"])), now
            )
            with self._desk.database.begin() as connection:
                user_id = self._let_in(connection, claims, now, request_id)
                opened = sessions.open_session(connection, user_id, now=now, address=address, agent=agent, replaces=replaces)
                work = self._work(connection, now, request_id, user_id)
                work.note("signin.success", subject=user_id, data={"how": "oidc", "address": address[:64]})
        except (_RejectedError, ProviderError) as exc:
            reason = exc.reason if isinstance(exc, ProviderError) else str(exc)
            return self._rejected(reason, address, now, request_id)
        return Arrived(user_id=user_id, opened=opened, next=str(held["next"]))

    def _claims(self, query: Mapping[str, str], expected: Expected, now: datetime) -> Claims:
        if query.get("iss", self.settings.issuer) != self.settings.issuer:
            raise _RejectedError("answer_issuer")  # RFC 9207: a code of another provider was slipped in
        if "error" in query or not query.get("code"):
            raise _RejectedError("cancelled")
        return self.provider.claims(query["code"][:4096], expected, now)

    def _let_in(self, connection: Connection, claims: Claims, now: datetime, request_id: str) -> str:
        """Return whose account it is, with the roles that the provider says."""
        places = self._places(connection)
        rows.hold_workspaces(connection, [*places.values()])
        row = rows.user_by_subject(connection, claims.issuer, claims.subject)
        user_id = str(row["id"]) if row is not None else self._account(connection, claims, now, request_id)
        row = rows.user(connection, user_id, lock=True)
        if row is None or row["disabled_at"] is not None:
            raise _RejectedError("disabled")
        self._give_roles(connection, user_id, claims, places, now, request_id)
        return user_id

    def _account(self, connection: Connection, claims: Claims, now: datetime, request_id: str) -> str:
        """Return the account of somebody who comes for the first time: linked, or made."""
        settings = self.settings
        if not (settings.link_by_email or settings.create_users):
            raise _RejectedError("no_account")
        try:
            email = normal_email(claims.email)
        except InputError as exc:
            raise _RejectedError("email") from exc
        if not claims.email_verified:
            raise _RejectedError("email")
        if settings.domains and email.partition("@")[2] not in settings.domains:
            raise _RejectedError("domain")
        row = rows.user_by_email(connection, email, lock=True)
        if row is None:
            if not settings.create_users:
                raise _RejectedError("no_account")
            return self._made(connection, claims, email, now, request_id)
        if not settings.link_by_email or row["oidc_subject"] is not None:
            raise _RejectedError("email_taken")
        self._link(connection, row["id"], claims, now, request_id)
        return str(row["id"])

    def _link(self, connection: Connection, user_id: str, claims: Claims, now: datetime, request_id: str) -> None:
        """Tie an account to the provider. Whoever held it until now may be somebody else: nothing they set is good any more."""
        identity = {"oidc_issuer": claims.issuer, "oidc_subject": claims.subject}
        rows.change_user(connection, user_id, password_hash=None, **identity)
        totp.forget(connection, user_id)
        session_rows.remove_all(connection, user_id)
        revoked = token_rows.revoke_all(connection, user_id, now)
        self._work(connection, now, request_id, user_id).note(
            "user.link", subject=user_id, data={"issuer": claims.issuer, "tokens_revoked": revoked}
        )

    def _made(self, connection: Connection, claims: Claims, email: str, now: datetime, request_id: str) -> str:
        settings = self.settings
        place = workspace_rows.workspace(connection, settings.default_workspace)
        work = Work(
            desk=self._desk,
            connection=connection,
            workspace=place["id"] if place else "",
            actor=SYSTEM,
            now=now,
            request_id=request_id,
        )
        try:
            user_id = create_user(work, email=email, name=claims.name, role=settings.default_role if place else None)
        except ConflictError as exc:
            raise _RejectedError("email_taken") from exc
        rows.change_user(connection, user_id, oidc_issuer=claims.issuer, oidc_subject=claims.subject)
        return user_id

    def _places(self, connection: Connection) -> dict[str, str]:
        """Return the workspaces that groups are mapped to: short name → id."""
        names = {grant.workspace for grant in self.settings.grants}
        found = {name: workspace_rows.workspace(connection, name) for name in names}
        return {name: row["id"] for name, row in found.items() if row is not None}

    def _give_roles(
        self, connection: Connection, user_id: str, claims: Claims, places: Mapping[str, str], now: datetime, request_id: str
    ) -> None:
        for name, workspace in places.items():
            roles = [g.role for g in self.settings.grants if g.workspace == name and g.group in claims.groups]
            wanted = max(roles, key=lambda role: role.rank, default=None)
            found = rows.membership(connection, workspace, user_id)
            before = Role(found["role"]) if found is not None else None
            if wanted is before:
                continue
            work = Work(desk=self._desk, connection=connection, workspace=workspace, actor=SYSTEM, now=now, request_id=request_id)
            last = before is Role.ADMINISTRATOR and rows.administrators(connection, workspace) == {user_id}
            if last:  # a group that was emptied by mistake must not leave a workspace without anybody
                work.note(
                    "member.kept", subject=user_id, data={"role": "administrator", "provider": wanted.value if wanted else None}
                )
            elif wanted is None:
                drop_member(work, user_id)
            else:
                put_role(work, user_id, wanted, before=before)

    def _work(self, connection: Connection, now: datetime, request_id: str, user_id: str) -> Work:
        row = rows.user(connection, user_id)
        actor = Actor(kind="user", id=user_id, name=(row["name"] or row["email"]) if row is not None else "")
        return Work(desk=self._desk, connection=connection, workspace="", actor=actor, now=now, request_id=request_id)

    def _rejected(self, reason: str, address: str, now: datetime, request_id: str) -> Rejected:
        with self._desk.database.begin() as connection:
            data = {"how": "oidc", "reason": reason, "address": address[:64]}
            self._desk.audit.write(connection, "signin.failure", actor=SYSTEM, now=now, data=data, request_id=request_id)
        return Rejected(reason=reason, message=_MESSAGES.get(reason, _OTHERWISE))


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _moment(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
