"""How long things are kept, and taking out what is older.

A workspace says so in its settings under ``retention``; what it leaves out is as in `Policy`. ``null`` and 0 keep for ever. Open
incidents, their comments and the places where they are now are never taken out, and the last place in each source stays even
when it is long gone: a leak that everybody could see is not forgotten because the file went.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final

from stanch.core.errors import InputError, NotFoundError
from stanch.core.incident import SYSTEM, Actor
from stanch.db import retention as rows
from stanch.db import workspaces as workspace_rows
from stanch.db.record import take_numbers
from stanch.incidents.desk import Desk, Work
from stanch.incidents.refreshing import refresh

SETTING: Final = "retention"
_AT_ONCE: Final = 100  # incidents whose places are looked through in one unit of work
_MOST_DAYS: Final = 36_500
_IDEMPOTENCY: Final = timedelta(days=2)
_LINKS: Final = timedelta(days=30)
_THROTTLES: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How long things are kept, in days; ``None`` is for ever.

    Attributes:
        requests_days: the log of API requests.
        deliveries_days: notifications that were sent or given up.
        checks_kept: how many answers of issuers are kept about each secret.
        gone_days: places that are gone, but for the last one in each source.
        events_days: timelines of closed incidents.
        closed_days: closed incidents that are in no place any more, with their secrets and sealed values.
        audit_days: the audit trail. It is one for the installation, so the longest time of all workspaces counts.
    """

    requests_days: int | None = 30
    deliveries_days: int | None = 90
    checks_kept: int | None = 50
    gone_days: int | None = 180
    events_days: int | None = None
    closed_days: int | None = None
    audit_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """How many rows were taken out."""

    requests: int = 0
    deliveries: int = 0
    checks: int = 0
    places: int = 0
    events: int = 0
    incidents: int = 0
    sessions: int = 0
    links: int = 0
    throttles: int = 0
    idempotency: int = 0
    audit: int = 0

    def __add__(self, other: Removed) -> Removed:
        """Return both together."""
        return Removed(**{name: count + getattr(other, name) for name, count in asdict(self).items()})

    @property
    def counts(self) -> dict[str, int]:
        """What is not 0."""
        return {name: count for name, count in asdict(self).items() if count}


def policy_of(settings: Mapping[str, Any]) -> Policy:
    """Read a workspace's settings.

    Raises:
        InputError: a time is no number of days; ``code`` is ``retention``.
    """
    given = settings.get(SETTING) or {}
    names = {field.name for field in fields(Policy)}
    if not isinstance(given, Mapping) or not set(given) <= names:
        raise InputError(f"retention has {', '.join(sorted(names))}.", code="retention")
    for name, value in given.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_DAYS):
            raise InputError(f"retention: {name} is a whole number up to {_MOST_DAYS}, or null for ever.", code="retention")
    return Policy(**{name: value or None for name, value in given.items()})


def apply_retention(desk: Desk, workspace: str | None = None, policy: Policy | None = None, *, actor: Actor = SYSTEM) -> Removed:
    """Take out what is kept no longer, and tell the audit trail how much it was.

    Args:
        desk: the record.
        workspace: where; all workspaces, and what belongs to the installation, when not given.
        policy: how long; as each workspace's settings say when not given.
        actor: who wants it.

    Raises:
        NotFoundError: there is no such workspace.
    """
    with desk.look() as connection:
        every = workspace_rows.all_workspaces(connection)
    chosen = [row for row in every if workspace in (None, row["id"])]
    if workspace is not None and not chosen:
        raise NotFoundError("there is no such workspace.", hint="List them with `stanch workspaces list`.")
    policies = {row["id"]: policy or policy_of(row["settings"]) for row in chosen}
    removed = Removed()
    for id_, its in policies.items():
        removed += _told(desk, id_, actor, _of_workspace(desk, id_, its))
    if workspace is None:
        removed += _told(desk, "", actor, _of_installation(desk, list(policies.values()) or [policy or Policy()]))
    return removed


def _told(desk: Desk, workspace: str, actor: Actor, removed: Removed) -> Removed:
    if removed.counts:
        with desk.work(workspace, actor) as work:
            work.note("retention.apply", data=dict(removed.counts))
    return removed


def _of_workspace(desk: Desk, id_: str, policy: Policy) -> Removed:
    def before(days: int | None) -> datetime | None:
        return None if not days else desk.now() - timedelta(days=days)

    def aged(days: int | None, remove: Callable[[Any, Any, datetime], int]) -> int:
        limit = before(days)
        return 0 if limit is None else _all(desk, id_, lambda work: remove(work.connection, id_, limit))

    keep = policy.checks_kept
    gone = before(policy.gone_days)
    return Removed(
        requests=aged(policy.requests_days, rows.old_requests),
        deliveries=aged(policy.deliveries_days, rows.old_deliveries),
        checks=_all(desk, id_, lambda work: rows.surplus_checks(work.connection, id_, keep)) if keep else 0,
        places=0 if gone is None else _places(desk, id_, gone),
        events=aged(policy.events_days, rows.old_events),
        incidents=aged(policy.closed_days, _incidents),
    )


def _all(desk: Desk, workspace: str, remove: Callable[[Work], int]) -> int:
    """Remove in units of work of bounded size until nothing is left to remove."""
    total = 0
    while True:
        with desk.work(workspace) as work:
            count = remove(work)
        total += count
        if count < rows.MOST:
            return total


def _incidents(connection: Any, workspace: str, before: datetime) -> int:
    take_numbers(connection, workspace)
    return rows.closed_incidents(connection, workspace, before)


def _places(desk: Desk, workspace: str, before: datetime) -> int:
    with desk.look() as connection:
        ids = rows.incidents_with_old_places(connection, workspace, before)
    total = 0
    for start in range(0, len(ids), _AT_ONCE):
        with desk.work(workspace) as work:
            take_numbers(work.connection, workspace)
            counts = rows.old_places(work.connection, ids[start : start + _AT_ONCE], before)
            refresh(work.connection, sorted(counts), {}, work.now)
        total += sum(counts.values())
    return total


def _of_installation(desk: Desk, policies: list[Policy]) -> Removed:
    now = desk.now()
    days = [policy.requests_days for policy in policies]
    logged = None if None in days else max(d for d in days if d is not None)
    return Removed(
        requests=_all(desk, "", lambda w: rows.old_requests(w.connection, None, now - timedelta(days=logged))) if logged else 0,
        sessions=_all(desk, "", lambda work: rows.over_sessions(work.connection, now)),
        links=_all(desk, "", lambda work: rows.over_links(work.connection, now - _LINKS)),
        throttles=_all(desk, "", lambda work: rows.over_throttles(work.connection, now - _THROTTLES, now)),
        idempotency=_all(desk, "", lambda work: rows.old_idempotency(work.connection, now - _IDEMPOTENCY)),
        audit=_audit(desk, [policy.audit_days for policy in policies], now),
    )


def _audit(desk: Desk, days: list[int | None], now: datetime) -> int:
    if None in days:
        return 0
    with desk.work("") as work:
        until = rows.last_audit_before(work.connection, now - timedelta(days=max(d for d in days if d is not None)))
        return 0 if until is None else desk.audit.forget(work.connection, until)
