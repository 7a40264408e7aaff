from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.notify.samples import notice

from stanch.core.errors import InputError
from stanch.core.finding import Severity
from stanch.notify.quiet import DAYS, Quiet, QuietRange
from stanch.notify.routing import ChannelRules, Hold, Send, decide

# Zones with changes of an hour, of half an hour (Lord Howe), none, and one that has skipped a day.
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "UTC")
MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31)).map(lambda moment: moment.replace(tzinfo=UTC))
RANGES = st.builds(
    QuietRange, days=st.frozensets(st.integers(0, 6), min_size=1), start=st.integers(0, 1439), end=st.integers(0, 1439)
)
QUIET = st.builds(Quiet, zone=st.sampled_from(ZONES), ranges=st.lists(RANGES, max_size=2).map(tuple))


def nights(zone="Europe/Berlin", start="22:00", end="07:00", **values):
    return Quiet.from_json({"zone": zone, "ranges": [{"start": start, "end": end}], **values})


def wall(zone, *parts, fold=0):
    return datetime(*parts, tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


@given(QUIET, MOMENTS)
def test_end_is_the_first_minute_that_is_not_quiet(quiet, moment):
    end = quiet.ends(moment)
    if end is None:
        assert quiet.covers(moment + timedelta(days=3))
        return
    assert end >= moment and not quiet.covers(end)
    if end > moment:
        assert (quiet.covers(moment) and quiet.covers(end - timedelta(minutes=1))) or end - moment < timedelta(minutes=1)


@given(QUIET, MOMENTS)
def test_hours_are_those_of_the_wall_whatever_is_done_to_its_clock(quiet, moment):
    shown = moment.astimezone(ZoneInfo(quiet.zone))
    minute = shown.hour * 60 + shown.minute
    assert quiet.covers(moment) == any(each.covers(shown.weekday(), minute) for each in quiet.ranges)


@given(QUIET)
def test_json_reads_back(quiet):
    assert Quiet.from_json(quiet.to_json()) == quiet


@pytest.mark.parametrize(
    ("asleep", "awake"),
    [
        ((2026, 3, 28, 23, 0), (2026, 3, 29, 7, 0)),  # the night of spring, an hour short
        ((2026, 10, 24, 23, 0), (2026, 10, 25, 7, 0)),  # the night of autumn, an hour long
        ((2026, 6, 1, 22, 0), (2026, 6, 2, 7, 0)),
    ],
)
def test_night_ends_at_seven_on_the_wall(asleep, awake):
    zone = "Europe/Berlin"
    assert nights().ends(wall(zone, *asleep)) == wall(zone, *awake)


def test_quiet_time_that_ends_in_the_skipped_hour_ends_when_it_is_over():
    quiet = nights(end="02:30")
    assert quiet.ends(wall("Europe/Berlin", 2026, 3, 29, 1, 0)) == wall("Europe/Berlin", 2026, 3, 29, 3, 0)


def test_hour_that_comes_twice_is_quiet_twice():
    quiet = nights(start="02:00", end="02:59")
    for fold in (0, 1):
        assert quiet.covers(wall("Europe/Berlin", 2026, 10, 25, 2, 30, fold=fold))


def test_range_over_midnight_belongs_to_the_day_it_begins_on():
    quiet = Quiet.from_json({"ranges": [{"days": ["friday"], "start": "18:00", "end": "08:00"}]})
    assert quiet.covers(datetime(2026, 11, 28, 7, 59, tzinfo=UTC))  # Saturday
    assert not quiet.covers(datetime(2026, 11, 27, 7, 59, tzinfo=UTC))


def test_channel_that_is_always_quiet_has_no_end():
    quiet = Quiet.from_json({"ranges": [{"days": list(DAYS), "start": "00:00", "end": "00:00"}]})
    assert quiet.ends(datetime(2026, 11, 25, tzinfo=UTC)) is None


@given(QUIET, MOMENTS, st.sampled_from(list(Severity)))
def test_notice_is_never_sent_in_quiet_hours_unless_it_breaks_through(quiet, moment, severity):
    decision = decide(notice(severity=severity), ChannelRules(id="c", quiet=quiet), moment)
    if isinstance(decision, Send):
        assert severity is Severity.CRITICAL or not quiet.covers(moment)
    elif isinstance(decision, Hold):
        assert not quiet.covers(decision.until)


@pytest.mark.parametrize(
    "wrong",
    [
        [], {"zone": "Mars/Base"}, {"zone": "../../etc/passwd"}, {"ranges": {}}, {"ranges": [{"start": "8:00", "end": "09:00"}]}, {"other": 1},
        {"ranges": [{"start": "24:00", "end": "09:00"}]}, {"ranges": [{"days": ["someday"], "start": "08:00", "end": "09:00"}]}, {"through": "x"},
    ],
)  # fmt: skip
def test_hours_that_make_no_sense_are_refused(wrong):
    with pytest.raises(InputError):
        Quiet.from_json(wrong)
