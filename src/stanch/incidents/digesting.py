"""The weekly digest of a workspace: numbers out of the record, one notice into the outboxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy.engine import Connection

from stanch.core.finding import Severity
from stanch.db import overview as overview_rows
from stanch.db import telling
from stanch.db import workspaces as workspace_rows
from stanch.incidents.announcing import announce
from stanch.incidents.desk import Desk
from stanch.notify.digest import Oldest, WeekNumbers, digest

_WEEK: Final = timedelta(days=7)
_LISTED: Final = 5


def weekly_digest(desk: Desk, workspace: str, now: datetime | None = None) -> int:
    """Announce the digest of the seven days that ended last midnight, UTC; returns how many channels get it.

    It may be called again: the digest of a day is announced once.
    """
    now = now or desk.now()
    ends = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with desk.look() as connection:
        row = workspace_rows.workspace(connection, workspace)
        if row is None:
            return 0
        week, before = _week(connection, workspace, ends, now), _past(connection, workspace, ends - _WEEK)
        known = row["created_at"] <= ends - _WEEK
    notice = digest(week, before if known else None, workspace=row["name"], ends=ends, page="/")
    with desk.work(workspace) as work:
        return announce(work.connection, workspace, [notice], now=now)


def _week(connection: Connection, workspace: str, ends: datetime, now: datetime) -> WeekNumbers:
    oldest = telling.oldest(connection, workspace)
    return replace(
        _flows(connection, workspace, ends),
        open_by_severity=_open_at(connection, workspace, ends),
        live=telling.live_now(connection, workspace),
        oldest=Oldest(number=oldest["number"], title=oldest["title"], age=now - oldest["opened_at"]) if oldest else None,
        time_to_remediate=_median(telling.remediated(connection, workspace, ends - _WEEK, ends)),
        top_sources=[(name, count) for _, name, count in overview_rows.top_sources(connection, workspace, _LISTED)],
        waiting_on=telling.waiting_on(connection, workspace, _LISTED),
        incomplete_scans=telling.incomplete_scans(connection, workspace, ends - _WEEK, ends),
    )


def _past(connection: Connection, workspace: str, ends: datetime) -> WeekNumbers:
    """Return the numbers of an earlier week, as far as the record still tells them."""
    return replace(
        _flows(connection, workspace, ends),
        open_by_severity=_open_at(connection, workspace, ends),
        time_to_remediate=_median(telling.remediated(connection, workspace, ends - _WEEK, ends)),
        incomplete_scans=telling.incomplete_scans(connection, workspace, ends - _WEEK, ends),
    )


def _flows(connection: Connection, workspace: str, ends: datetime) -> WeekNumbers:
    counts = telling.count_events(connection, workspace, ends - _WEEK, ends)
    return WeekNumbers(
        opened=counts.get(("opened", ""), 0),
        reopened=counts.get(("reopened", ""), 0) + counts.get(("state_changed", "open"), 0),
        resolved=counts.get(("state_changed", "resolved"), 0),
        ignored=counts.get(("state_changed", "ignored"), 0),
    )


def _open_at(connection: Connection, workspace: str, moment: datetime) -> dict[Severity, int]:
    return {Severity(name): count for name, count in telling.open_at(connection, workspace, moment).items()}


def _median(spans: Sequence[timedelta]) -> timedelta | None:
    return spans[(len(spans) - 1) // 2] if spans else None
