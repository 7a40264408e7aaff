"""The door of every request: a cookie or a token in, a principal or nobody out.

Looking is done on a connection that only reads, so requests never wait for a writer; once a minute and session or token a short
unit of work notes that it was seen. When the database is busy, it is the next request's turn.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from stanch.db import sessions as rows
from stanch.incidents.desk import Desk
from stanch.people import sessions, tokens
from stanch.people.principal import Principal


def of_cookie(desk: Desk, cookie: str, workspace: str | None = None) -> Principal | None:
    """Return who has this session cookie, in a workspace by id or short name, or in the only one they have."""
    now = desk.now()
    with desk.look() as connection:
        found = sessions.principal_of_cookie(connection, cookie, workspace=workspace, now=now)
    return _touched(desk, found, sessions.touch, now)


def of_token(desk: Desk, token: str) -> Principal | None:
    """Return who acts with this API token."""
    now = desk.now()
    with desk.look() as connection:
        found = tokens.principal_of_token(connection, token, now=now)
    return _touched(desk, found, tokens.touch, now)


def _touched(
    desk: Desk, found: Principal | None, touch: Callable[[Connection, Principal, datetime], None], now: datetime
) -> Principal | None:
    if found is None or not found.touch_due:
        return found
    with suppress(OperationalError), rows.briefly(desk.database) as connection:
        touch(connection, found, now)
        return replace(found, touch_due=False)
    return found
