"""How a workspace stands, in numbers: what the first page shows.

The numbers are kept in memory until somebody writes to the workspace; see `stanch.incidents.kept`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from sqlalchemy.engine import Connection

from stanch.core.filters import EXPOSURES, SEVERITIES, STATES, VALIDITIES
from stanch.db import overview as rows
from stanch.db.types import from_micros
from stanch.incidents.desk import Desk
from stanch.incidents.kept import kept

WEEKS: Final = 26
RECENT: Final = timedelta(days=90)  # over which the time to remediate is taken
_TOP: Final = 10
_AGES: Final = (
    ("less than a day", timedelta(days=1)),
    ("1 to 7 days", timedelta(days=7)),
    ("1 to 4 weeks", timedelta(days=28)),
    ("1 to 3 months", timedelta(days=91)),
    ("3 to 12 months", timedelta(days=365)),
)
_OLDEST: Final = "more than a year"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """One bar of a list.

    Attributes:
        key: what a filter takes: a source's id, a detector's id, a provider.
        name: for people.
        count: active incidents.
    """

    key: str
    name: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """What happened in a week.

    Attributes:
        start: its Monday.
        opened: incidents that began in it.
        resolved: incidents that are resolved and were so in it.
    """

    start: date
    opened: int
    resolved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """How a workspace stands. *Active* incidents are open or in remediation.

    Attributes:
        at: when it was counted.
        active: active incidents.
        states: all incidents by state.
        severities: active ones by severity, the worst first; all five are there. `validities` and `exposures` likewise.
        live: active incidents whose credential its issuer accepts.
        unassigned: active incidents that neither a person nor a team looks after.
        ages: active ones by age: words and count, the youngest first.
        remediated: incidents resolved in the last 90 days.
        median: time from opening to resolving that half of these took at most; ``None`` when there are none.
        ninetieth: the same for nine of ten.
        weeks: the last 26, the oldest first.
        sources: where most active incidents still lie. `detectors` and `providers` likewise, at most ten.
    """

    at: datetime
    active: int
    states: Mapping[str, int]
    severities: Mapping[str, int]
    validities: Mapping[str, int]
    exposures: Mapping[str, int]
    live: int
    unassigned: int
    ages: tuple[tuple[str, int], ...]
    remediated: int
    median: timedelta | None
    ninetieth: timedelta | None
    weeks: tuple[Week, ...]
    sources: tuple[Ranked, ...]
    detectors: tuple[Ranked, ...]
    providers: tuple[Ranked, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is no incident at all."""
        return not any(self.states.values())


def overview(desk: Desk, workspace: str, *, now: datetime) -> Overview:
    """Return how a workspace stands.

    Args:
        desk: the record.
        workspace: id of the workspace.
        now: what ages are measured to.
    """
    return kept(desk, workspace, "overview", lambda connection: count(connection, workspace, now), now=now)


def count(connection: Connection, workspace: str, now: datetime) -> Overview:
    """Count a workspace's overview, whatever is kept."""
    cube = rows.cube(connection, workspace)
    active = [row for row in cube if row[0] in rows.ACTIVE]
    remediated, median, ninetieth = rows.remediation(connection, workspace, now - RECENT)
    ages = rows.ages(connection, workspace, now, [limit for _, limit in _AGES])
    return Overview(
        at=now,
        active=sum(row[4] for row in active),
        states=_summed(cube, 0, STATES),
        severities=_summed(active, 1, SEVERITIES),
        validities=_summed(active, 2, VALIDITIES),
        exposures=_summed(active, 3, EXPOSURES),
        live=sum(row[4] for row in active if row[2] == "live"),
        unassigned=rows.unassigned(connection, workspace),
        ages=tuple(zip([*(name for name, _ in _AGES), _OLDEST], ages, strict=True)),
        remediated=remediated,
        median=median,
        ninetieth=ninetieth,
        weeks=_weeks(connection, workspace, now),
        sources=tuple(Ranked(key=k, name=name, count=n) for k, name, n in rows.top_sources(connection, workspace, _TOP)),
        detectors=_ranked(rows.top(connection, workspace, "detector", _TOP)),
        providers=_ranked(rows.top(connection, workspace, "provider", _TOP)),
    )


def _ranked(found: Sequence[tuple[str, int]]) -> tuple[Ranked, ...]:
    return tuple(Ranked(key=value, name=value, count=number) for value, number in found)


def _summed(cube: Sequence[tuple[str, str, str, str, int]], place: int, names: Sequence[str]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for row in cube:
        counts[str(row[place])] += row[4]
    return {name: counts[name] for name in names}


def _weeks(connection: Connection, workspace: str, now: datetime) -> tuple[Week, ...]:
    last = rows.week_of(now)
    numbers = range(last - WEEKS + 1, last + 1)
    monday = {n: from_micros(n * (rows.WEEK // timedelta(microseconds=1))) - timedelta(days=3) for n in numbers}
    opened, resolved = (rows.by_week(connection, workspace, c, monday[numbers[0]]) for c in ("opened_at", "resolved_at"))
    return tuple(
        Week(start=monday[n].astimezone(UTC).date(), opened=opened.get(n, 0), resolved=resolved.get(n, 0)) for n in numbers
    )
