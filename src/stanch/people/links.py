"""One-time links: 32 random bytes in an address, their SHA-256 in the database. Each works once and for a limited time.

The token belongs into the fragment or the form of a page, never into a log: pages that take one send
``Referrer-Policy: no-referrer``.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

from sqlalchemy.engine import Connection

from stanch.core.people import Role
from stanch.db import links as rows


class Purpose(str, Enum):
    """What a link is for."""

    FIRST = "first"  # makes the first administrator
    INVITATION = "invitation"  # makes somebody a member
    PASSWORD = "password"  # noqa: S105 - sets a new password


LASTS: Final = {
    Purpose.FIRST: timedelta(hours=1),
    Purpose.INVITATION: timedelta(days=7),
    Purpose.PASSWORD: timedelta(hours=1),
}
_TOKEN: Final = 43


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link that can be used, or was a moment ago.

    Attributes:
        id: names it; not its hash, though derived from it.
        purpose: what it is for.
        user_id: whose password it sets.
        workspace_id: where somebody is invited to.
        role: as what.
        email: who is invited.
        created_at: when it was made.
        expires_at: when it ends.
    """

    id: str
    purpose: Purpose
    user_id: str | None
    workspace_id: str | None
    role: Role | None
    email: str | None
    created_at: datetime
    expires_at: datetime


def create(
    connection: Connection,
    purpose: Purpose,
    *,
    now: datetime,
    user_id: str | None = None,
    workspace_id: str | None = None,
    role: Role | None = None,
    email: str | None = None,
) -> tuple[str, Link]:
    """Make a link; returns its token, which is known only now, and what it is."""
    token = secrets.token_urlsafe(32)
    row = {
        "hash": hash_of(token), "purpose": purpose.value, "user_id": user_id, "workspace_id": workspace_id,
        "role": role.value if role else None, "email": email, "created_at": now, "expires_at": now + LASTS[purpose],
    }  # fmt: skip
    rows.add(connection, row)
    return token, _link(row)


def peek(connection: Connection, token: str, now: datetime) -> Link | None:
    """Return what a link is for, without using it."""
    row = rows.find(connection, hash_of(token), now) if _well_formed(token) else None
    return None if row is None else _link(row)


def use(connection: Connection, token: str, now: datetime) -> Link | None:
    """Use a link up; ``None`` when it was used, has ended, or never was. It stays unused when the unit of work fails."""
    row = rows.use(connection, hash_of(token), now) if _well_formed(token) else None
    return None if row is None else _link(row)


def unused(connection: Connection, purpose: Purpose, workspace: str, now: datetime) -> list[Link]:
    """Return the links of a workspace that wait for somebody."""
    return [_link(row) for row in rows.unused(connection, purpose.value, workspace, now)]


def withdraw(connection: Connection, purpose: Purpose, workspace: str, id: str, now: datetime) -> Link | None:
    """Take back a link that waits; ``None`` when there is none of that id."""
    for row in rows.unused(connection, purpose.value, workspace, now):
        if _link(row).id == id:
            rows.remove(connection, row["hash"])
            return _link(row)
    return None


def sweep(connection: Connection, now: datetime) -> int:
    """Take out links that ended a month ago; returns how many."""
    return rows.remove_ended(connection, now - timedelta(days=30))


def hash_of(token: str) -> str:
    """Return what the database keeps of a token."""
    return hashlib.sha256(b"link " + token.encode("utf-8", "replace")).hexdigest()


def _well_formed(token: str) -> bool:
    return len(token) == _TOKEN and token.isascii()


def _link(row: Any) -> Link:
    return Link(
        id="lnk_" + hashlib.sha256(b"shown " + row["hash"].encode()).hexdigest()[:24], purpose=Purpose(row["purpose"]),
        user_id=row["user_id"], workspace_id=row["workspace_id"], role=Role(row["role"]) if row["role"] else None,
        email=row["email"], created_at=row["created_at"], expires_at=row["expires_at"],
    )  # fmt: skip
