import io

import pytest

import stanch.cli.progress as progress
from stanch.cli.progress import TerminalProgress, size


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def drawn(out: io.StringIO) -> list[str]:
    """The pictures, one after the other."""
    return [part for part in out.getvalue().split("\r\x1b[2K") if part]


def test_short_scan_shows_nothing(clock: Clock):
    out = io.StringIO()
    shown = TerminalProgress(out)
    for _ in range(10):
        shown.planned(1_000)
        clock.now += 0.05
        shown.done(1_000, 0)
    shown.close()
    assert out.getvalue() == ""


def test_long_scan_shows_share_rate_time_left_and_findings(clock: Clock):
    out = io.StringIO()
    shown = TerminalProgress(out)
    shown.planned(40_000_000)
    clock.now += 2
    shown.done(10_000_000, 3)
    (picture,) = drawn(out)
    assert "25%" in picture
    assert "10.0 MB of 40.0 MB" in picture
    assert "5.0 MB/s" in picture
    assert "6 s left" in picture
    assert "3 found" in picture
    assert "\n" not in picture


def test_pictures_come_no_more_than_ten_a_second(clock: Clock):
    out = io.StringIO()
    shown = TerminalProgress(out)
    shown.planned(1_000_000)
    clock.now += 1
    for _ in range(1_000):
        clock.now += 0.001
        shown.done(10, 0)
    assert 9 <= len(drawn(out)) <= 11


def test_line_is_taken_away_at_the_end(clock: Clock):
    out = io.StringIO()
    shown = TerminalProgress(out)
    shown.planned(10)
    clock.now += 5
    shown.done(10, 0)
    shown.close()
    assert out.getvalue().endswith("\r\x1b[2K")


def test_preparation_is_named_before_there_is_anything_to_count(clock: Clock):
    out = io.StringIO()
    TerminalProgress(out).phase("preparing the detectors")
    assert drawn(out) == ["preparing the detectors …"]


def test_more_done_than_planned_and_no_time_passed_are_no_error(clock: Clock):
    out = io.StringIO()
    shown = TerminalProgress(out)
    shown.planned(1)
    clock.now += 1
    shown.done(5_000, 0)
    assert "0 s left" in drawn(out)[0]


def test_terminal_that_is_gone_is_no_error(clock: Clock):
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError

    shown = TerminalProgress(Gone())
    shown.planned(10)
    clock.now += 5
    shown.done(5, 0)
    shown.close()


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (99_900, "99.9 kB"),
        (123_456, "123 kB"),
        (5_000_000, "5.0 MB"),
        (2 * 10**9, "2.0 GB"),
        (3 * 10**15, "3000.0 TB"),
    ],
)
def test_sizes_are_written_for_people(count: int, text: str):
    assert size(count) == text
