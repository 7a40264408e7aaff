"""Announce what happened: notices go into the outboxes of the channels that want them, in the unit of work of what they tell.

Nothing is sent here: see `stanch.incidents.delivering`. A workspace without channels costs one query. What comes in large
numbers, such as a first scan, becomes one summary for each channel, and is counted in the database without loading it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.engine import Connection

from stanch.core.finding import Severity
from stanch.core.ids import new_id
from stanch.db import channels as rows
from stanch.db import telling
from stanch.db import workspaces as workspace_rows
from stanch.db.incidents import tags_of
from stanch.incidents.notices import group_notice, incident_notice, kind_of
from stanch.notify.dedupe import FollowUp, Fresh, Merged, admit, slot_of, summarised
from stanch.notify.message import Fact, Notice, NoticeKind
from stanch.notify.quiet import Quiet
from stanch.notify.routing import ChannelRules, Drop, Hold, Rule, decide

MOST_SINGLE: Final = 5
"""Notices that one act may send to a channel one by one; more of them become a summary."""
_MOST_LOADED: Final = 200
_SOON: Final = timedelta(days=7)


def rules_of(row: Mapping[Any, Any]) -> ChannelRules:
    """Return what a channel's row wants to hear."""
    rules = tuple(Rule.from_json(values) for values in row["rules"] or ())
    return ChannelRules(id=row["id"], rules=rules, quiet=Quiet.from_json(row["quiet"] or {}), enabled=row["enabled"])


def announce(
    connection: Connection, workspace: str, notices: Sequence[Notice], *, now: datetime, title: str = "", key: str = ""
) -> int:
    """Put notices into the outboxes of a workspace's channels; returns how many deliveries are new.

    Args:
        connection: the unit of work of what they tell about.
        workspace: whose channels.
        notices: what happened; several at once become a summary where they are more than `MOST_SINGLE`.
        now: when.
        title: of the summary.
        key: of the summary: the same again is not told twice.
    """
    made = 0
    for row in rows.channels_of(connection, workspace, enabled=True) if notices else ():
        channel = rules_of(row)
        wanted = [notice for notice in notices if not isinstance(decide(notice, channel, now), Drop)]
        if sum(1 + notice.merged for notice in wanted) > MOST_SINGLE:
            wanted = [summarised(wanted, now, title=title, key=key)]
        made += sum(_put(connection, workspace, channel, notice, now) for notice in wanted)
    return made


def announce_events(
    connection: Connection, workspace: str, events: Sequence[Mapping[str, Any]], *, now: datetime, title: str = "", key: str = ""
) -> int:
    """Announce rows of the timeline that people want to hear of; call it in the unit of work that wrote them.

    Args:
        connection: the unit of work.
        workspace: where.
        events: rows as `stanch.incidents.refreshing.event_row` makes them; those that nobody is told of may be among them.
        now: when.
        title: of the summary when they are many.
        key: of the summary.
    """
    again = {event["incident_id"] for event in events if event["kind"] == "reopened"}
    told = [(event, kind) for event in events if (kind := kind_of(event)) is not None and not _is_said(event, again)]
    if not told or not rows.channels_of(connection, workspace, enabled=True):
        return 0
    incidents = telling.told_incidents(connection, workspace, [event["incident_id"] for event, _ in told])
    tags = tags_of(connection, list(incidents))
    name = _workspace_name(connection, workspace)
    notices = [
        incident_notice(incidents[event["incident_id"]], kind, event, tags=tags, name=name, now=now)
        for event, kind in told
        if event["incident_id"] in incidents
    ]
    return announce(connection, workspace, notices, now=now, title=title, key=key)


def announce_scan(connection: Connection, workspace: str, scan: str, *, now: datetime) -> int:
    """Announce what a scan or an import opened, opened again or saw live: call it once, when it ends.

    Args:
        connection: the unit of work that ends it.
        workspace: where.
        scan: which.
        now: when.
    """
    if not rows.channels_of(connection, workspace, enabled=True):
        return 0
    groups = telling.changed_groups(connection, scan)
    total = sum(row["count"] for row in groups)
    if not total:
        return 0
    source = telling.source_of(connection, scan)
    title, key = f"{total} incidents in {source} after a scan", f"scan:{scan}"
    if total <= _MOST_LOADED:
        changed = telling.changed_events(connection, scan)
        events = [{**row, "data": {"to": "live"}, "actor_id": "", "actor_name": ""} for row in changed]
        return announce_events(connection, workspace, events, now=now, title=title, key=key)
    name = _workspace_name(connection, workspace)
    notices = [group_notice(row, name=name, source=source, now=now) for row in groups]
    return announce(connection, workspace, notices, now=now, title=title, key=key)


def announce_expiring(connection: Connection, workspace: str, *, now: datetime, within: timedelta = _SOON) -> int:
    """Announce accepted risks that end soon, each once; call it at least once a day."""
    found = telling.expiring(connection, workspace, now, now + within)
    name = _workspace_name(connection, workspace) if found else ""
    tags = tags_of(connection, [row["id"] for row in found]) if found else {}
    event: Mapping[str, Any] = {"data": {}, "actor_id": "", "actor_name": ""}
    notices = [incident_notice(row, NoticeKind.INCIDENT_RISK_EXPIRING, event, tags=tags, name=name, now=now) for row in found]
    day = now.date().isoformat()
    return announce(connection, workspace, notices, now=now, title="Accepted risks end soon", key=f"expiring:{workspace}:{day}")


def announce_run(
    connection: Connection, workspace: str, run: str, *, title: str, now: datetime, waiting: bool = False, reason: str = ""
) -> int:
    """Announce that a run failed, or that it waits for a person.

    Args:
        connection: the unit of work.
        workspace: where.
        run: its id.
        title: what it was to do.
        now: when.
        waiting: whether it waits.
        reason: what the person decides, or a code of the failure; never a library's own message.
    """
    kind = NoticeKind.RUN_WAITING if waiting else NoticeKind.RUN_FAILED
    notice = Notice(
        kind=kind,
        workspace=_workspace_name(connection, workspace),
        title=title,
        severity=Severity.HIGH,
        facts=(Fact(label="Decision" if waiting else "Reason", value=reason),) if reason else (),
        page=f"/runs/{run}",
        occurred_at=now,
        dedupe_key=f"{kind.value}:{run}:{reason}",
    )
    return announce(connection, workspace, [notice], now=now)


def announce_installation(
    connection: Connection, kind: NoticeKind, *, title: str, subject: str, now: datetime, facts: Iterable[Fact] = ()
) -> int:
    """Announce to every workspace what concerns them all: a lost worker, a broken audit trail. The same subject is told once.

    Args:
        connection: a unit of work.
        kind: ``worker_lost`` or ``audit_broken``.
        title: a sentence.
        subject: worker and when it was lost, or number of the broken entry.
        now: when.
        facts: what to know.
    """
    made = 0
    for row in workspace_rows.all_workspaces(connection):
        notice = Notice(
            kind=kind,
            workspace=row["name"],
            title=title,
            severity=Severity.CRITICAL if kind is NoticeKind.AUDIT_BROKEN else Severity.HIGH,
            facts=tuple(facts),
            occurred_at=now,
            dedupe_key=f"{kind.value}:{subject}",
        )
        made += announce(connection, row["id"], [notice], now=now)
    return made


def _put(connection: Connection, workspace: str, channel: ChannelRules, notice: Notice, now: datetime) -> bool:
    """Write one delivery, or count the notice with one that says the same."""
    decision = decide(notice, channel, now) if notice.kind is not NoticeKind.SUMMARY else _held(notice, channel, now)
    if isinstance(decision, Drop):
        return False
    at = decision.until if isinstance(decision, Hold) else now
    slot = slot_of(notice, now)
    place = admit(slot, rows.states_of(connection, channel.id, (slot.key, slot.follow_up)))
    more = 1 + notice.merged
    if isinstance(place, Merged) and rows.merge_into(connection, channel.id, place.key, more):
        return False
    if isinstance(place, Fresh | FollowUp):
        key, at = (slot.key, at) if isinstance(place, Fresh) else (place.key, max(place.at, at))
        if rows.add_delivery(connection, _delivery(workspace, channel.id, key, notice, now, at)):
            return True
        if slot.opens != slot.closes:  # somebody else was faster
            rows.merge_into(connection, channel.id, key, more)
    return False


def _held(notice: Notice, channel: ChannelRules, now: datetime) -> Hold | Drop | None:
    """Say when a summary is sent: its parts passed the rules, so only the hours count."""
    if channel.quiet.lets_through(notice.severity) or not channel.quiet.covers(now):
        return None
    until = channel.quiet.ends(now)
    return Drop(reason="always_quiet") if until is None else Hold(until=until)


def _delivery(workspace: str, channel: str, key: str, notice: Notice, now: datetime, at: datetime) -> dict[str, Any]:
    return {
        "id": new_id("dlv"),
        "workspace_id": workspace,
        "channel_id": channel,
        "dedupe": key,
        "state": "waiting",
        "notice": notice.to_json(),
        "attempts": 0,
        "merged": notice.merged,
        "created_at": now,
        "next_at": at,
    }


def _is_said(event: Mapping[str, Any], again: set[str]) -> bool:
    """Whether the notice of an incident that opened again says already that its value works."""
    return event["kind"] == "validity_changed" and event["incident_id"] in again


def _workspace_name(connection: Connection, workspace: str) -> str:
    row = workspace_rows.workspace(connection, workspace)
    return str(row["name"]) if row is not None else workspace
