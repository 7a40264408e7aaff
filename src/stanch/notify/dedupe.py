"""Less noise: notices that say the same are merged, and a burst becomes one summary. Nothing is lost in the count.

Merging works on slots: the time of one key is cut into windows, and one delivery stands for one slot, which a unique column holds
against concurrent writers. The first notice of a slot goes out at once; what follows is counted, and when the slot closes with
something counted after the first was sent, one follow-up says how many.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from stanch.core.finding import Severity
from stanch.notify.message import Fact, Notice, NoticeKind, Section

WINDOW: Final = timedelta(minutes=30)
MOST_A_MINUTE: Final = 10
MINUTE: Final = timedelta(minutes=1)
_LISTED: Final = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A window of one key.

    Attributes:
        key: for the unique column ``deliveries.dedupe``; 64 characters at most, whatever the notice said.
        opens: its beginning.
        closes: its end.
    """

    key: str
    opens: datetime
    closes: datetime

    @property
    def follow_up(self) -> str:
        """Key of the delivery that tells how many followed."""
        return f"{self.key}+"


def slot_of(notice: Notice, now: datetime, window: timedelta = WINDOW) -> Slot:
    """Return the slot of a notice that is to be sent now.

    Where windows of a key begin depends on the key, so that not all of them close at once. Each test is alone: its key is the
    event's. What is told once has one slot for ever.
    """
    if notice.kind is NoticeKind.TEST:
        return Slot(key=_digest(f"id:{notice.id}"), opens=now, closes=now)
    name = _digest(notice.dedupe_key)
    if notice.kind.is_told_once:
        return Slot(key=f"{name}:once", opens=now, closes=now)
    seconds = int(window.total_seconds())
    shift = int(name[:8], 16) % seconds
    number = (int(now.timestamp()) - shift) // seconds
    opens = datetime.fromtimestamp(number * seconds + shift, UTC)
    return Slot(key=f"{name}:{number:x}", opens=opens, closes=opens + window)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """The first of its slot: make a delivery under the slot's key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """It was told, and is told once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """Add one to `merged` of the delivery that waits under this key."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """The first was sent already: make a delivery under this key, to be sent when the slot closes."""

    key: str
    at: datetime


def admit(slot: Slot, states: Mapping[str, str]) -> Fresh | Known | Merged | FollowUp:
    """Say what becomes of a notice.

    Args:
        slot: from `slot_of`.
        states: key → state of the deliveries under the slot's two keys that there are: ``waiting``, ``sent`` …
    """
    if slot.key not in states:
        return Fresh()
    if slot.opens == slot.closes:
        return Known()
    if states[slot.key] == "waiting":
        return Merged(key=slot.key)
    return Merged(key=slot.follow_up) if slot.follow_up in states else FollowUp(key=slot.follow_up, at=slot.closes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """What to do with everything that waits for a channel.

    Attributes:
        send: positions of the notices to send as they are.
        summary: one notice for the others; ``None`` when there are none, or when it is not its time.
        covered: positions that the summary speaks for.
        hold: when to look again; ``None`` when nothing has to wait.
    """

    send: tuple[int, ...] = ()
    summary: Notice | None = None
    covered: tuple[int, ...] = ()
    hold: datetime | None = None


def plan_burst(waiting: Sequence[Notice], sent_at: Sequence[datetime], now: datetime, *, most: int = MOST_A_MINUTE) -> Burst:
    """Keep a channel below *most* messages a minute: the most severe notices as they are, the others in one summary.

    Args:
        waiting: notices of one channel whose time has come, in order.
        sent_at: when messages went to it, at least those of the last minute.
        now: the time.
        most: messages a minute, at least 1.
    """
    recent = sorted(moment for moment in sent_at if now - MINUTE < moment <= now)
    room = most - len(recent)
    if not waiting or len(waiting) <= room:
        return Burst(send=tuple(range(len(waiting))))
    if room <= 0:
        return Burst(hold=recent[len(recent) - most] + MINUTE)
    urgent = sorted(range(len(waiting)), key=lambda place: (-_urgency(waiting[place]), place))
    send = tuple(sorted(urgent[: room - 1]))
    covered = tuple(sorted(urgent[room - 1 :]))
    return Burst(send=send, summary=summarised([waiting[place] for place in covered], now), covered=covered)


def summarised(notices: Sequence[Notice], now: datetime, *, title: str = "", key: str = "") -> Notice:
    """Return one notice that speaks for several of one workspace or of many.

    Args:
        notices: each may speak for more itself.
        now: the time.
        title: what they have in common.
        key: for `Notice.dedupe_key`; made of their ids when not given.
    """
    total = sum(1 + notice.merged for notice in notices)
    workspaces = list(dict.fromkeys(notice.workspace for notice in notices))
    kinds: Counter[str] = Counter()
    severities: Counter[Severity] = Counter()
    for notice in notices:
        kinds[notice.kind.value.replace("_", " ")] += 1 + notice.merged
        if notice.kind.is_incident:
            severities[notice.severity] += 1 + notice.merged
    worst = max((notice.severity for notice in notices), key=lambda severity: severity.rank)
    listed = [
        Fact(label=f"#{notice.incident}" if notice.incident else notice.kind.value.replace("_", " "), value=notice.title)
        for notice in sorted(notices, key=lambda notice: -_urgency(notice))[:_LISTED]
    ]
    rest = len(notices) - len(listed)
    tail = (Fact(label="More", value=f"{rest} not listed here"),) if rest else ()
    by_severity = ", ".join(f"{severities[severity]} {severity.value}" for severity in Severity if severities[severity])
    return Notice(
        kind=NoticeKind.SUMMARY,
        workspace=workspaces[0] if len(workspaces) == 1 else f"{len(workspaces)} workspaces",
        severity=worst,
        title=title or f"{total} notices at once",
        facts=tuple(
            fact
            for fact in (
                Fact(label="What", value=", ".join(f"{count} {kind}" for kind, count in kinds.most_common())),
                Fact(label="Severity", value=by_severity),
            )
            if fact.value
        ),
        sections=(Section(title="The most urgent", facts=(*listed, *tail)),),
        page="/incidents" if all(notice.kind.is_incident for notice in notices) else "",
        occurred_at=now,
        live=any(notice.live for notice in notices),
        dedupe_key=key or "summary:" + _digest("\n".join(notice.id for notice in notices)),
    )


def _urgency(notice: Notice) -> int:
    """What waits for a person, what works, and what is severe comes first."""
    return (100 if notice.kind is NoticeKind.RUN_WAITING else 0) + (10 if notice.live else 0) + notice.severity.rank


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]
