"""Notices about incidents, made of their rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from stanch.core.finding import Severity
from stanch.notify.message import Fact, Notice, NoticeKind

_MORE: Final = re.compile(r" and \d+ more$")
_SAYS: Final = {
    NoticeKind.INCIDENT_OPENED: "{} in {}",
    NoticeKind.INCIDENT_LIVE: "{} in {} works",
    NoticeKind.INCIDENT_REOPENED: "{} in {} is open again",
    NoticeKind.INCIDENT_RESOLVED: "{} in {} is closed",
    NoticeKind.INCIDENT_ASSIGNED: "{} in {} is yours to look after",
    NoticeKind.INCIDENT_RISK_EXPIRING: "The accepted risk of {} in {} ends soon",
}


def kind_of(event: Mapping[str, Any]) -> NoticeKind | None:
    """Return as what an event is announced; ``None`` when nobody is told."""
    kind, data = event["kind"], event["data"]
    if kind == "state_changed":
        return {
            "resolved": NoticeKind.INCIDENT_RESOLVED,
            "ignored": NoticeKind.INCIDENT_RESOLVED,
            "open": NoticeKind.INCIDENT_REOPENED if data.get("from") in ("resolved", "ignored") else None,
        }.get(data.get("to"))
    if kind == "validity_changed":
        return NoticeKind.INCIDENT_LIVE if data.get("to") == "live" else None
    return {
        "opened": NoticeKind.INCIDENT_OPENED,
        "reopened": NoticeKind.INCIDENT_REOPENED,
        "assigned": NoticeKind.INCIDENT_ASSIGNED if data.get("user") or data.get("team") else None,
    }.get(kind)


def incident_notice(
    row: Mapping[Any, Any],
    kind: NoticeKind,
    event: Mapping[str, Any],
    *,
    tags: Mapping[str, Sequence[str]],
    name: str,
    now: datetime,
) -> Notice:
    """Return what is told of an incident. Neither its value, nor the redacted form, nor the lines around it are in it.

    Args:
        row: of `stanch.db.telling`.
        kind: what happened.
        event: row of the timeline.
        tags: incident → its tags.
        name: of the workspace.
        now: when.
    """
    until = row["ignored_until"]
    facts = (
        ("Where", row["path"]),
        ("Source", row["source_names"]),
        ("Validity", row["validity"] if row["validity"] != "unchecked" else ""),
        ("Exposure", row["exposure"] if row["exposure"] != "unknown" else ""),
        ("Environment", row["environment"] if row["environment"] != "unknown" else ""),
        ("Why closed", (row["ignore_reason"] or "resolved").replace("_", " ") if kind is NoticeKind.INCIDENT_RESOLVED else ""),
        ("Looked after by", row["assignee"] or row["team"] or ""),
        ("Until", until.strftime("%Y-%m-%d") if until and kind is NoticeKind.INCIDENT_RISK_EXPIRING else ""),
    )
    once = f":{until:%Y-%m-%d}" if until and kind is NoticeKind.INCIDENT_RISK_EXPIRING else ""
    mine = kind is NoticeKind.INCIDENT_ASSIGNED and row["assignee_id"] != event["actor_id"]
    return Notice(
        kind=kind,
        workspace=name,
        title=_SAYS[kind].format(row["title"], row["source_names"] or row["path"] or "an unknown source"),
        severity=Severity(row["severity"]),
        facts=tuple(Fact(label=label, value=value) for label, value in facts if value),
        page=f"/incidents/{row['id']}",
        incident=row["number"],
        detector=row["detector"],
        provider=row["provider"],
        source=_MORE.sub("", row["source_names"]),
        environment=row["environment"],
        teams=(row["team"],) if row["team"] else (),
        tags=tuple(tags.get(row["id"], ())),
        live=row["validity"] == "live",
        actor=event["actor_name"],
        recipient=(row["email"] or "") if mine else "",
        occurred_at=now,
        dedupe_key=f"{kind.value}:{row['id']}{once}",
    )


def group_notice(row: Mapping[Any, Any], *, name: str, source: str, now: datetime) -> Notice:
    """Return one notice for many incidents that routing rules cannot tell apart."""
    kind = NoticeKind.INCIDENT_LIVE if row["kind"] == "validity_changed" else NoticeKind(f"incident_{row['kind']}")
    return Notice(
        kind=kind,
        workspace=name,
        title=f"{row['count']} × {row['title']}",
        severity=Severity(row["severity"]),
        detector=row["detector"],
        provider=row["provider"],
        source=source,
        environment=row["environment"],
        teams=(row["team"],) if row["team"] else (),
        live=row["validity"] == "live",
        occurred_at=now,
        merged=row["count"] - 1,
    )
