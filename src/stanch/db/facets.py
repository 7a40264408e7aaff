"""How the incidents that fit a filter divide by each of its fields: five queries for all fields together.

The numbers beside a field's values answer "how many would I see if I chose this instead", so each field is counted with the
others' conditions and without its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from stanch.core.filters import IncidentFilter
from stanch.db.incidents import conditions
from stanch.db.tables import incident_sources, incidents, sources, tags, teams, users

NARROW: Final = ("state", "severity", "validity", "exposure", "environment")
TYPES: Final = ("detector", "provider", "kind")
NOBODY: Final = "none"
_I: Final = incidents.c
_MOST: Final = 30
_MOST_TYPES: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """One value of a field.

    Attributes:
        value: as the filter takes it.
        name: for people; the value itself where it has no other.
        count: how many incidents would be shown.
    """

    value: str
    name: str
    count: int


def facets(connection: Connection, workspace: str, wanted: IncidentFilter) -> tuple[int, dict[str, list[Facet]]]:
    """Return how many incidents fit, and the values of every field of the filter with their numbers, the commonest first."""
    total, found = _columns(connection, workspace, wanted, NARROW)
    found |= _columns(connection, workspace, wanted, TYPES)[1]
    found |= _people(connection, workspace, wanted)
    found["source"] = _sources(connection, workspace, wanted)
    found["tag"] = _tags(connection, workspace, wanted)
    return total, found


def _columns(
    connection: Connection, workspace: str, wanted: IncidentFilter, names: Sequence[str]
) -> tuple[int, dict[str, list[Facet]]]:
    """Count several columns at once: their combinations are few, so one query gets all of them."""
    rest = wanted
    for name in names:
        rest = rest.without(name)
    columns = [_I[name] for name in names]
    query = sa.select(*columns, sa.func.count()).where(*conditions(workspace, rest)).group_by(*columns)
    if names == TYPES:
        query = query.order_by(sa.func.count().desc()).limit(_MOST_TYPES)
    total, counts = 0, {name: Counter[str]() for name in names}
    for *values, number in connection.execute(query):
        missed = [n for n, v in zip(names, values, strict=True) if getattr(wanted, n) and v not in getattr(wanted, n)]
        if not missed:
            total += number
        for name, value in zip(names, values, strict=True):
            if not missed or missed == [name]:
                counts[name][value] += number
    return total, {name: _ranked(counts[name], {}, getattr(wanted, name)) for name in names}


def _people(connection: Connection, workspace: str, wanted: IncidentFilter) -> dict[str, list[Facet]]:
    rest = wanted.without("assignee").without("team")
    columns = (_I.assignee_id, users.c.name, _I.team_id, teams.c.name)
    query = (
        sa.select(*columns, sa.func.count())
        .outerjoin(users, users.c.id == _I.assignee_id)
        .outerjoin(teams, teams.c.id == _I.team_id)
        .where(*conditions(workspace, rest))
        .group_by(*columns)
    )
    people, groups = Counter[str](), Counter[str]()
    names: dict[str, str] = {NOBODY: "Nobody"}
    for user, user_name, team, team_name, number in connection.execute(query.select_from(incidents)):
        if not wanted.team or team in wanted.team:
            people[user or NOBODY] += number
        if team and (not wanted.assignee or (user or NOBODY) in wanted.assignee):
            groups[team] += number
        names |= {k: v for k, v in ((user, user_name), (team, team_name)) if k}
    return {"assignee": _ranked(people, names, wanted.assignee), "team": _ranked(groups, names, wanted.team)}


def _sources(connection: Connection, workspace: str, wanted: IncidentFilter) -> list[Facet]:
    n, s = incident_sources.c, sources.c
    query = (
        sa.select(s.id, s.name, sa.func.count())
        .select_from(incidents)
        .join(incident_sources, n.incident_id == _I.id)
        .join(sources, s.id == n.source_id)
        .where(*conditions(workspace, wanted.without("source")), n.places > 0)
        .group_by(s.id, s.name)
    )
    return _few(connection, query, wanted.source)


def _tags(connection: Connection, workspace: str, wanted: IncidentFilter) -> list[Facet]:
    t = tags.c
    query = (
        sa.select(t.tag, t.tag.label("name"), sa.func.count())
        .select_from(incidents)
        .join(tags, t.incident_id == _I.id)
        .where(*conditions(workspace, wanted.without("tag")))
        .group_by(t.tag)
    )
    return _few(connection, query, wanted.tag)


def _few(connection: Connection, query: sa.Select[Any], chosen: Sequence[str]) -> list[Facet]:
    rows = connection.execute(query.order_by(sa.func.count().desc()).limit(_MOST)).all()
    return _ranked(Counter({row[0]: row[2] for row in rows}), {row[0]: row[1] for row in rows}, chosen)


def _ranked(counts: Counter[str], names: dict[str, str], chosen: Sequence[str]) -> list[Facet]:
    """Return the commonest values, and all that are chosen: what is chosen can always be taken back."""
    values = [value for value, _ in counts.most_common(_MOST) if value]
    values += [value for value in chosen if value not in values]
    return [Facet(value=value, name=names.get(value) or value, count=counts[value]) for value in values]
