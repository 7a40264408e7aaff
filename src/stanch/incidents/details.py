"""All that one incident's page shows, read in one consistent look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from stanch.core.errors import NotFoundError
from stanch.db import incidents as rows
from stanch.incidents.catalog_facts import TypeFacts, facts_of
from stanch.incidents.next_action import NextAction, next_action


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """One incident and what belongs to it; rows as `stanch.db.incidents` gives them.

    Attributes:
        row: the incident with its secret's facts.
        places: the first page of its occurrences; `more_places`: cursor of the next, or empty.
        events: its timeline, the newest first.
        comments: the oldest first.
        checks: what issuers said, the newest first.
        tags: in order.
        same_key: other incidents about the same key pair.
        facts: what the catalog says about its type.
        action: what to do next.
    """

    row: Mapping[Any, Any]
    places: Sequence[Mapping[Any, Any]]
    more_places: str
    events: Sequence[Mapping[Any, Any]]
    comments: Sequence[Mapping[Any, Any]]
    checks: Sequence[Mapping[Any, Any]]
    tags: Sequence[str]
    same_key: Sequence[Mapping[Any, Any]]
    facts: TypeFacts
    action: NextAction


def details(connection: Connection, workspace: str, key: str, *, now: datetime, places: int = 20, cursor: str = "") -> Details:
    """Return an incident by id or number.

    Raises:
        NotFoundError: there is none in this workspace.
    """
    row = rows.incident(connection, workspace, key)
    if row is None:
        raise NotFoundError("there is no such incident.", hint="List them with `stanch incidents list`.")
    found, more = rows.occurrences_of(connection, workspace, row["id"], limit=places, cursor=cursor)
    facts = facts_of(row["detector"])
    return Details(
        row=row,
        places=found,
        more_places=more,
        events=rows.events_of(connection, workspace, row["id"]),
        comments=rows.comments_of(connection, workspace, row["id"]),
        checks=rows.checks_of(connection, workspace, row["secret_id"]),
        tags=rows.tags_of(connection, [row["id"]]).get(row["id"], []),
        same_key=rows.same_key(connection, workspace, row["spki"], row["secret_id"]),
        facts=facts,
        action=next_action(row, checkable=facts.checkable, now=now),
    )
