"""Values read the same on every page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.web import filters

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
NBSP = "\u00a0"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "just now"),
        (44, "just now"),
        (50, f"50{NBSP}s ago"),
        (3_599, f"59{NBSP}min ago"),
        (3_600, f"1{NBSP}h ago"),
        (86_400, f"1{NBSP}d ago"),
        (86_400 * 13, f"13{NBSP}d ago"),
        (86_400 * 15, f"2{NBSP}w ago"),
        (86_400 * 100, f"3{NBSP}mo ago"),
        (86_400 * 800, f"2{NBSP}y ago"),
        (-7_200, f"in 2{NBSP}h"),
    ],
)
def test_a_time_is_told_by_how_far_it_is(seconds, text):
    assert filters.relative(NOW - timedelta(seconds=seconds), NOW) == text


def test_times_are_machine_readable_and_in_utc():
    elsewhere = datetime(2026, 11, 25, 11, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert filters.moment(elsewhere) == '<time datetime="2026-11-25T06:00:00Z">25 Nov 2026, 06:00 UTC</time>'
    assert 'data-ago title="25 Nov 2026, 06:00 UTC">4\u00a0h ago<' in filters.ago(elsewhere, NOW)
    assert filters.day(elsewhere).endswith(">25 Nov 2026</time>")


def test_what_never_was_is_said_to_screen_readers():
    assert '<span class="sr">never</span>' in filters.moment(None)
    assert '<span class="sr">never</span>' in filters.ago(None, NOW)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.32, "320 ms"), (1.44, "1.4 s"), (125, "2 min 5 s"), (12_000, "3 h 20 min"), (200_000, "2 d 7 h"), (None, "—")],
)
def test_a_duration_has_two_units_at_most(seconds, text):
    assert filters.duration(seconds).replace(NBSP, " ") == text


@pytest.mark.parametrize(
    ("value", "text"), [(7, "7"), (1_000, "1k"), (12_345, "12.3k"), (123_456, "123k"), (1_200_000, "1.2M"), (None, "—")]
)
def test_a_count_fits_a_narrow_place(value, text):
    assert filters.short_count(value) == text


@pytest.mark.parametrize(("size", "text"), [(12, "12 B"), (1_500, "1.5 kB"), (20_000_000, "20.0 MB"), (3e12, "3.0 TB")])
def test_sizes(size, text):
    assert filters.file_size(size).replace(NBSP, " ") == text


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Ada Brandt", "AB"),
        ("kim", "KI"),
        ("ops@example.org", "OP"),
        ("jean-luc.picard@x", "JP"),
        ("", "?"),
        ("  ", "?"),
        ("<b>", "?"),
    ],
)
def test_initials(name, letters):
    assert filters.initials(name) == letters


def test_words_and_lists():
    assert filters.words("in_remediation") == "In remediation"
    assert filters.words("proven_dead") == "Proven dead"
    assert filters.listed(["a"]) == "a"
    assert filters.listed(["a", "b", "c"]) == "a, b and c"
    assert filters.plural(1, "place") == f"1{NBSP}place"
    assert filters.plural(1_200, "entry", "entries") == f"1,200{NBSP}entries"
    assert filters.percent(0.424) == f"42{NBSP}%"


@given(st.text(max_size=300), st.integers(5, 80))
def test_a_shortened_path_keeps_its_end_and_its_length(text, length):
    short = filters.middle(text, length)
    assert len(short) <= length
    assert short.isprintable() or not short
    assert filters.visible(text).endswith(short[-1:])


def test_a_path_breaks_after_its_slashes():
    assert filters.breakable("a/<b>/c") == "a/<wbr>&lt;b&gt;/<wbr>c"
