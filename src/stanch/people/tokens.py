"""API tokens: shown once, kept as a SHA-256, bound to one workspace, never more than their owner is today.

The form is ``stn_``, 43 characters of base 62 (256 random bits) and six of a checksum, so that scanners recognise a leaked one
without asking anybody, and a mistyped one never reaches the database.
"""

from __future__ import annotations

import hashlib
import secrets
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.engine import Connection

from stanch.core.errors import InputError, NotFoundError, NotPermittedError
from stanch.core.ids import is_id, new_id
from stanch.core.people import GRANTS, Permission, Role
from stanch.core.secret import Secret
from stanch.db import sessions as session_rows
from stanch.db import tokens as rows
from stanch.db.text import clean
from stanch.incidents.audit import Audit
from stanch.people.principal import Principal

PREFIX: Final = "stn_"
LONGEST: Final = timedelta(days=366)
TOUCH: Final = timedelta(minutes=1)
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM: Final = 43
_CHECK: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A new token: the only time that its value is known.

    Attributes:
        id: names it.
        token: what the program sends as ``Authorization: Bearer``.
    """

    id: str
    token: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenView:
    """A token as people see it.

    Attributes:
        id: names it.
        name: what its owner calls it.
        hint: its last characters.
        scopes: what it was made for.
        user_id: its owner.
        user_name: the owner's name, or address.
        created_at: when.
        expires_at: when it ends; ``None`` for never.
        used_at: the last request, to the minute.
        revoked_at: when it was made worthless.
    """

    id: str
    name: str
    hint: str
    scopes: frozenset[Permission]
    user_id: str
    user_name: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None


def create_token(
    connection: Connection,
    owner: Principal,
    *,
    name: str,
    scopes: Iterable[Permission],
    expires_at: datetime | None,
    now: datetime,
    audit: Audit,
    request_id: str = "",
) -> Created:
    """Make a token for somebody in the workspace they are in.

    Args:
        connection: a unit of work.
        owner: who it acts for.
        name: what they call it.
        scopes: what it may do: no more than the owner may.
        expires_at: when it ends; ``None`` for never.
        now: when.
        audit: the trail.
        request_id: of the HTTP request.

    Raises:
        NotPermittedError: a scope is more than the owner may, or the owner is a token itself.
        InputError: no name, no scope, or an end that is past or too far away.
    """
    wanted = frozenset(scopes)
    name = clean(name.strip(), 120)
    _check_wanted(owner, name, wanted, expires_at, now)
    plain = new_token()
    id_, hint = new_id("tok"), plain[-4:]
    rows.add(
        connection,
        {
            "id": id_, "workspace_id": owner.workspace_id, "user_id": owner.user_id, "name": name, "hint": hint,
            "hash": hash_of(plain), "scopes": sorted(s.value for s in wanted), "created_at": now, "expires_at": expires_at,
        },
    )  # fmt: skip
    audit.write(
        connection, "token.create", actor=owner.actor, now=now, workspace=owner.workspace_id, subject=id_, request_id=request_id,
        data={
            "name": name, "owner": owner.user_id, "scopes": sorted(s.value for s in wanted),
            "expires_at": expires_at.isoformat() if expires_at else None,
        },
    )  # fmt: skip
    return Created(id=id_, token=Secret(plain.encode(), fingerprint=hash_of(plain), redacted=f"{PREFIX}…{hint}"))


def principal_of_token(connection: Connection, token: str, *, now: datetime) -> Principal | None:
    """Return who acts with this token, or ``None`` when it is worth nothing.

    Args:
        connection: may be one that only reads; then ``touch_due`` says whether `touch` is to be called.
        token: as it was sent.
        now: when.
    """
    if not well_formed(token):
        return None
    row = rows.find(connection, hash_of(token), now)
    if row is None:
        return None
    role = Role(row["role"])
    due = row["used_at"] is None or now - row["used_at"] >= TOUCH
    if due and session_rows.writable(connection):
        rows.touch(connection, row["id"], now)
        due = False
    return Principal(
        kind="token", user_id=row["user_id"], email=row["email"], name=row["user_name"], role=role, token_id=row["id"],
        token_name=row["name"], workspace_id=row["workspace_id"], workspace_slug=row["slug"], touch_due=due,
        scopes=_scopes(row["scopes"]) & GRANTS[role],
    )  # fmt: skip


def touch(connection: Connection, principal: Principal, now: datetime) -> None:
    """Remember that a token is in use."""
    rows.touch(connection, principal.token_id, now)


def list_tokens(connection: Connection, workspace: str, *, user_id: str = "") -> Sequence[TokenView]:
    """Return the tokens of a workspace, or of one of its users there, the newest first."""
    return [
        TokenView(
            id=row["id"], name=row["name"], hint=row["hint"], scopes=_scopes(row["scopes"]), user_id=row["user_id"],
            user_name=row["user_name"] or row["email"], created_at=row["created_at"], expires_at=row["expires_at"],
            used_at=row["used_at"], revoked_at=row["revoked_at"],
        )
        for row in rows.of_workspace(connection, workspace, user=user_id)
    ]  # fmt: skip


def revoke_token(
    connection: Connection, by: Principal, token_id: str, *, now: datetime, audit: Audit, request_id: str = ""
) -> bool:
    """Make a token worthless from now on; false when it was already.

    Owners revoke their own, a token itself, administrators every one of their workspace.

    Raises:
        NotFoundError: there is no such token in this workspace, or it is somebody else's.
    """
    row = rows.token(connection, by.workspace_id, token_id) if is_id(token_id, "tok") else None
    own = row is not None and (by.token_id == row["id"] if by.kind == "token" else by.user_id == row["user_id"])
    if row is None or not (own or by.may(Permission.MANAGE)):
        raise NotFoundError("there is no such token here.")
    if not rows.revoke(connection, token_id, now):
        return False
    audit.write(
        connection, "token.revoke", actor=by.actor, now=now, workspace=by.workspace_id, subject=token_id,
        data={"name": row["name"], "owner": row["user_id"]}, request_id=request_id,
    )  # fmt: skip
    return True


def new_token() -> str:
    """Return a fresh token."""
    body = _base62(int.from_bytes(secrets.token_bytes(32)), _RANDOM)
    return PREFIX + body + _checksum(body)


def well_formed(token: str) -> bool:
    """Whether a text has the form of a token, its checksum included."""
    body, check = token[len(PREFIX) : -_CHECK], token[-_CHECK:]
    if not token.startswith(PREFIX) or len(body) != _RANDOM or not token.isascii():
        return False
    return all(c in _DIGITS for c in body) and check == _checksum(body)


def hash_of(token: str) -> str:
    """Return what the database keeps of a token; 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECK)


def _base62(number: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    return digits


def _scopes(values: Iterable[str]) -> frozenset[Permission]:
    known = {p.value for p in Permission}
    return frozenset(Permission(v) for v in values if v in known)


def _check_wanted(owner: Principal, name: str, wanted: frozenset[Permission], expires_at: datetime | None, now: datetime) -> None:
    if owner.kind != "session" or not owner.workspace_id:
        raise NotPermittedError(
            "tokens are made by people in a workspace; a token makes no tokens.", hint="Sign in.", code="session_needed"
        )
    if not name:
        raise InputError("a token has a name that says what it is for.", code="name_needed")
    if not wanted:
        raise InputError("a token has at least one scope.", hint=f"Of: {', '.join(p.value for p in Permission)}.", code="scopes")
    for scope in sorted(wanted):
        owner.require(scope)
    if expires_at is not None and not now < expires_at <= now + LONGEST:
        raise InputError("a token ends in the future, at most a year from now.", hint="Or never: give no date.", code="expiry")
