"""Quiet hours: when a channel keeps notices back, told by the clock on the wall of its time zone.

A range belongs to the day it begins on; one that ends before it begins goes over midnight. When clocks are set, the wall counts:
in the night that has an hour twice, that hour is quiet twice, and a quiet time that ends inside the skipped hour ends when it is
over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self
from zoneinfo import ZoneInfo, available_timezones

from stanch.core.errors import InputError
from stanch.core.finding import Severity

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MAX_RANGES: Final = 20
_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])\Z")
_DAY: Final = 24 * 60
_LONGEST: Final = 8 * _DAY  # minutes; a week of ranges, and a day for clocks that are set


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietRange:
    """Part of a day.

    Attributes:
        days: days it begins on, 0 for Monday.
        start: minutes after midnight.
        end: minutes after midnight, of the next day when it is not after `start`.
    """

    days: frozenset[int]
    start: int
    end: int

    def covers(self, day: int, minute: int) -> bool:
        """Whether the wall shows a time inside it."""
        if self.start < self.end:
            return day in self.days and self.start <= minute < self.end
        return (day in self.days and minute >= self.start) or ((day - 1) % 7 in self.days and minute < self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """When a channel is quiet.

    Attributes:
        zone: IANA name of the time zone.
        ranges: parts of days; none for never.
        through: severity from which a notice is sent all the same; ``None`` when nothing is.
    """

    zone: str = "UTC"
    ranges: tuple[QuietRange, ...] = ()
    through: Severity | None = Severity.CRITICAL

    def lets_through(self, severity: Severity) -> bool:
        """Whether something so severe is sent all the same."""
        return self.through is not None and severity.rank >= self.through.rank

    def covers(self, moment: datetime) -> bool:
        """Whether it is quiet at a moment."""
        wall = moment.astimezone(ZoneInfo(self.zone))
        minute = wall.hour * 60 + wall.minute
        return any(each.covers(wall.weekday(), minute) for each in self.ranges)

    def ends(self, moment: datetime) -> datetime | None:
        """Return the first minute from *moment* on that is not quiet, in UTC; ``None`` when there is none.

        It walks minute by minute: ends of ranges and changes of the clock fall on whole minutes, and a night has few of them.
        """
        if not self.covers(moment):
            return moment.astimezone(UTC)
        step = moment.astimezone(UTC).replace(second=0, microsecond=0)
        for _ in range(_LONGEST):
            step += timedelta(minutes=1)
            if not self.covers(step):
                return step
        return None

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {
            "zone": self.zone,
            "ranges": [
                {"days": [DAYS[day] for day in sorted(each.days)], "start": _clock(each.start), "end": _clock(each.end)}
                for each in self.ranges
            ],
            "through": None if self.through is None else self.through.value,
        }

    @classmethod
    def from_json(cls, values: Any) -> Self:
        """Read quiet hours that a person wrote; an empty object is never quiet.

        Raises:
            InputError: they make no sense; says what and what to write.
        """
        if not isinstance(values, Mapping):
            raise InputError("Quiet hours are an object.", hint=_EXAMPLE)
        unknown = set(values) - {"zone", "ranges", "through"}
        if unknown:
            raise InputError(f"Quiet hours have no {sorted(map(repr, unknown))[0][:60]}.", hint=_EXAMPLE)
        zone = values.get("zone", "UTC")
        if not isinstance(zone, str) or zone not in available_timezones():
            raise InputError("The time zone of quiet hours is not known.", hint="Write its IANA name, such as Europe/Berlin.")
        ranges = values.get("ranges", ())
        if not isinstance(ranges, list | tuple) or len(ranges) > MAX_RANGES:
            raise InputError(f"The ranges of quiet hours are a list of at most {MAX_RANGES}.", hint=_EXAMPLE)
        through = values.get("through", Severity.CRITICAL.value)
        if through is not None and through not in [severity.value for severity in Severity]:
            raise InputError("Nobody knows the severity that breaks through.", hint="Write critical, high, medium, low, or null.")
        return cls(
            zone=zone,
            ranges=tuple(_range(each) for each in ranges),
            through=None if through is None else Severity(through),
        )


_EXAMPLE: Final = (
    'Write {"zone": "Europe/Berlin", "ranges": [{"days": ["friday"], "start": "18:00", "end": "08:00"}], "through": "high"}.'
)


def _range(values: Any) -> QuietRange:
    if not isinstance(values, Mapping) or set(values) - {"days", "start", "end"}:
        raise InputError("A range of quiet hours has days, start and end.", hint=_EXAMPLE)
    days = values.get("days", DAYS)
    if not isinstance(days, list | tuple) or not days or not all(day in DAYS for day in days):
        raise InputError("A day of quiet hours is none.", hint=f"Known: {', '.join(DAYS)}.")
    return QuietRange(
        days=frozenset(DAYS.index(day) for day in days), start=_minutes(values.get("start")), end=_minutes(values.get("end"))
    )


def _minutes(text: Any) -> int:
    read = _TIME.match(text) if isinstance(text, str) else None
    if read is None:
        raise InputError("A time of quiet hours is none.", hint="Write hours and minutes, from 00:00 to 23:59.")
    return int(read[1]) * 60 + int(read[2])


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
