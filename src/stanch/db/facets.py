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
from stanch.db.tables import incident_sources, incidents, memberships, sources, tags, teams, users

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


def names_of(connection: Connection, workspace: str, wanted: IncidentFilter) -> dict[str, list[Facet]]:
    """Return the names of the people, teams and sources that a filter names: all that a list needs which shows no numbers."""
    member = sa.exists().where(memberships.c.workspace_id == workspace, memberships.c.user_id == users.c.id)
    named = (
        ("assignee", users, member, wanted.assignee),
        ("team", teams, teams.c.workspace_id == workspace, wanted.team),
        ("source", sources, sources.c.workspace_id == workspace, wanted.source),
    )
    found: dict[str, list[Facet]] = {name: [] for name, *_ in named}
    for name, table, ours, values in named:
        if values:
            query = sa.select(table.c.id, table.c.name).where(table.c.id.in_(values), ours)
            found[name] = [Facet(value=row[0], name=row[1], count=0) for row in connection.execute(query)]
    if NOBODY in wanted.assignee:
        found["assignee"].append(Facet(value=NOBODY, name="Nobody", count=0))
    return found


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
    columns = (_I.assignee_id, _I.team_id)
    counted = (
        sa.select(*columns, sa.func.count().label("count")).where(*conditions(workspace, rest)).group_by(*columns).subquery()
    )
    query = (
        sa.select(counted.c.assignee_id, users.c.name, counted.c.team_id, teams.c.name, counted.c.count)
        .outerjoin(users, users.c.id == counted.c.assignee_id)
        .outerjoin(teams, teams.c.id == counted.c.team_id)
    )
    people, groups = Counter[str](), Counter[str]()
    names: dict[str, str] = {NOBODY: "Nobody"}
    for user, user_name, team, team_name, number in connection.execute(query):
        if not wanted.team or team in wanted.team:
            people[user or NOBODY] += number
        if team and (not wanted.assignee or (user or NOBODY) in wanted.assignee):
            groups[team] += number
        names |= {k: v for k, v in ((user, user_name), (team, team_name)) if k}
    return {"assignee": _ranked(people, names, wanted.assignee), "team": _ranked(groups, names, wanted.team)}


def _sources(connection: Connection, workspace: str, wanted: IncidentFilter) -> list[Facet]:
    n, s = incident_sources.c, sources.c
    counted = (
        sa.select(n.source_id, sa.func.count().label("count"))
        .select_from(incidents)
        .join(incident_sources, n.incident_id == _I.id)
        .where(*conditions(workspace, wanted.without("source")), n.places > 0)
        .group_by(n.source_id)
        .subquery()
    )
    query = sa.select(s.id, s.name, counted.c.count).join(counted, counted.c.source_id == s.id)
    return _few(connection, query.order_by(counted.c.count.desc(), s.id), wanted.source)


def _tags(connection: Connection, workspace: str, wanted: IncidentFilter) -> list[Facet]:
    t = tags.c
    query = (
        sa.select(t.tag, t.tag.label("name"), sa.func.count())
        .select_from(incidents)
        .join(tags, t.incident_id == _I.id)
        .where(*conditions(workspace, wanted.without("tag")), t.workspace_id == workspace)
        .group_by(t.tag)
    )
    return _few(connection, query.order_by(sa.func.count().desc(), t.tag), wanted.tag)


def _few(connection: Connection, query: sa.Select[Any], chosen: Sequence[str]) -> list[Facet]:
    rows = connection.execute(query.limit(_MOST)).all()
    return _ranked(Counter({row[0]: row[2] for row in rows}), {row[0]: row[1] for row in rows}, chosen)


def _ranked(counts: Counter[str], names: dict[str, str], chosen: Sequence[str]) -> list[Facet]:
    """Return the commonest values, and all that are chosen: what is chosen can always be taken back."""
    values = [value for value, _ in counts.most_common(_MOST) if value]
    values += [value for value in chosen if value not in values]
    return [Facet(value=value, name=names.get(value) or value, count=counts[value]) for value in values]
