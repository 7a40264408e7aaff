"""The weekly digest: plain numbers in, one notice out, each number beside that of the week before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from stanch.core.finding import Severity
from stanch.core.ids import new_id
from stanch.notify.message import Fact, Notice, NoticeKind, Section

_LISTED: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Oldest:
    """The incident that has been open longest."""

    number: int
    title: str
    age: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekNumbers:
    """What happened in one week, and how things stood at its end.

    Attributes:
        opened: incidents that were opened.
        reopened: incidents that were opened again.
        resolved: incidents that were resolved.
        ignored: incidents that were ignored.
        open_by_severity: open at the end.
        live: open at the end whose value works; not known of a week that is past.
        oldest: open longest; ``None`` when nothing is open.
        time_to_remediate: median of those resolved; ``None`` when none was.
        top_sources: source → open incidents.
        waiting_on: person or team → open incidents; an empty name for nobody.
        incomplete_scans: scans that could not read everything.
    """

    opened: int = 0
    reopened: int = 0
    resolved: int = 0
    ignored: int = 0
    open_by_severity: Mapping[Severity, int] = field(default_factory=dict)
    live: int = 0
    oldest: Oldest | None = None
    time_to_remediate: timedelta | None = None
    top_sources: Sequence[tuple[str, int]] = ()
    waiting_on: Sequence[tuple[str, int]] = ()
    incomplete_scans: int = 0

    @property
    def open(self) -> int:
        """All that were open at the end."""
        return sum(self.open_by_severity.values())


def digest(
    week: WeekNumbers, before: WeekNumbers | None, *, workspace: str, ends: datetime, page: str = "", id: str = ""
) -> Notice:
    """Return the digest of a week.

    Args:
        week: its numbers.
        before: those of the week before, ``None`` when there was none.
        workspace: its name.
        ends: end of the week.
        page: path of the page to open.
        id: of the event, when there is one already.
    """
    last = before or WeekNumbers()
    starts = ends - timedelta(days=7)
    compared = before is not None
    facts = [
        Fact(label="Open", value=_beside(week.open, last.open, compared)),
        *(
            Fact(label=f"  {severity.value}", value=_beside(count, last.open_by_severity.get(severity, 0), compared))
            for severity in Severity
            if (count := week.open_by_severity.get(severity, 0)) or last.open_by_severity.get(severity, 0)
        ),
        Fact(label="Still live", value=f"{week.live}"),
        Fact(label="Opened", value=_beside(week.opened, last.opened, compared)),
        Fact(label="Reopened", value=_beside(week.reopened, last.reopened, compared)),
        Fact(label="Resolved", value=_beside(week.resolved, last.resolved, compared)),
        Fact(label="Ignored", value=_beside(week.ignored, last.ignored, compared)),
        Fact(label="Time to remediate", value=_duration_beside(week.time_to_remediate, last.time_to_remediate)),
    ]
    if week.oldest is not None:
        facts.append(Fact(label="Oldest", value=f"#{week.oldest.number}, {duration(week.oldest.age)}: {week.oldest.title}"))
    if week.incomplete_scans:
        facts.append(Fact(label="Incomplete scans", value=_beside(week.incomplete_scans, last.incomplete_scans, compared)))
    return Notice(
        kind=NoticeKind.DIGEST,
        workspace=workspace,
        severity=Severity.INFO,
        title=f"{_headline(week)} ({starts:%d %b} to {ends:%d %b %Y})",
        facts=tuple(facts),
        sections=tuple(
            section
            for section in (_table("Where they are", week.top_sources), _table("Waiting on", week.waiting_on))
            if section.facts
        ),
        page=page,
        occurred_at=ends,
        dedupe_key=f"digest:{workspace}:{ends.astimezone(UTC):%Y-%m-%d}",
        id=id or new_id("evt"),
    )


def duration(span: timedelta) -> str:
    """Return a span of time as people say it: ``3 days``, ``5 hours``."""
    minutes = max(0, int(span.total_seconds() // 60))
    for unit, size in (("day", 24 * 60), ("hour", 60), ("minute", 1)):
        if minutes >= size:
            count = minutes // size
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    return "less than a minute"


def _headline(week: WeekNumbers) -> str:
    if not week.open and not week.opened:
        return "Nothing is open, and nothing was opened"
    return f"{week.opened} opened, {week.resolved} resolved, {week.open} open"


def _beside(now: int, then: int, compared: bool) -> str:
    if not compared:
        return f"{now}"
    if now == then:
        return f"{now} (as the week before)"
    return f"{now} ({abs(now - then)} {'more' if now > then else 'fewer'} than the week before)"


def _duration_beside(now: timedelta | None, then: timedelta | None) -> str:
    if now is None:
        return "nothing was resolved" if then is None else f"nothing was resolved (the week before: {duration(then)})"
    return duration(now) if then is None else f"{duration(now)} (the week before: {duration(then)})"


def _table(title: str, rows: Sequence[tuple[str, int]]) -> Section:
    largest = sorted(rows, key=lambda row: (-row[1], row[0]))[:_LISTED]
    return Section(
        title=title, facts=tuple(Fact(label=name or "nobody", value=f"{count} open") for name, count in largest if count)
    )
