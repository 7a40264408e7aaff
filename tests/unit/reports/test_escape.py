import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.reports.escape import crop, display_width, encodable, middle_cut, raw_bytes, visible, visible_lines, well_formed, wrap

from .factories import HOSTILE_TEXT

ANYTHING = st.text(st.characters(), max_size=60)  # surrogates too


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain path.txt", "plain path.txt"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\r\tc\0", "a\\nb\\r\\tc\\0"),
        ("\x7f\x9b", "\\x7f\\u009b"),
        ("caf\udce9", "caf\\xe9"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("\u2028", "\\u2028"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("漢字 é", "漢字 é"),
    ],
)
def test_what_cannot_be_seen_is_spelled_out(text, shown):
    assert visible(text) == shown


@given(ANYTHING)
def test_visible_text_is_printable_and_stays_as_it_is(text):
    shown = visible(text)
    assert shown.isprintable()
    assert visible(shown) == shown


@given(ANYTHING)
def test_snippet_lines_are_printable_and_none_is_lost(text):
    lines = visible_lines(text)
    assert all(line.isprintable() for line in lines)
    assert len(lines) <= text.count("\n") + 1


def test_snippet_lines_lose_the_indentation_they_share_but_keep_their_own():
    assert visible_lines("\tif x:\n\t\tkey = 1\n\n\tdone\n\n") == ["if x:", "    key = 1", "", "done"]


def test_snippet_of_nothing_has_no_lines():
    assert visible_lines("") == visible_lines("\n \n") == []


@given(ANYTHING)
def test_well_formed_text_can_be_encoded(text):
    assert well_formed(text).encode("utf-8")[:0] == b""


@given(st.binary(max_size=40))
def test_raw_bytes_give_back_the_bytes_of_a_file_name(name):
    assert raw_bytes(name.decode("utf-8", "surrogateescape")) == name


@pytest.mark.parametrize("text", HOSTILE_TEXT)
def test_well_formed_leaves_valid_text_alone(text):
    assert (well_formed(text) == text) is ("\udcff" not in text)


@given(st.text(st.sampled_from("ab 漢é"), max_size=80), st.integers(1, 40))
def test_wrapped_lines_keep_every_word_and_break_only_between_words(text, width):
    lines = wrap(text, width)
    assert " ".join(lines) == text or " ".join(" ".join(lines).split()) == " ".join(text.split())
    assert all(display_width(line) <= width or " " not in line.strip() for line in lines)


def test_no_width_wraps_and_crops_nothing():
    long = "word " * 500
    assert wrap(long, 0) == [long]
    assert crop(long, 0) == long


@given(st.text(st.sampled_from("abc漢"), max_size=80), st.integers(8, 40), st.integers(0, 80))
def test_cropped_line_fits_and_keeps_in_sight_what_matters(text, width, at):
    line = f"{text[:at]}NEEDLE{text[at:]}"
    cut = crop(line, width, around="NEEDLE")
    assert display_width(cut) <= width
    assert "NEEDLE" in cut
    assert cut == line or "…" in cut


def test_middle_cut_keeps_both_ends_within_the_limit():
    assert middle_cut("short", 10) == "short"
    cut = middle_cut("a" * 50 + "z" * 50, 20)
    assert len(cut) == 20
    assert cut.startswith("aaa")
    assert cut.endswith("zzz")


def test_a_stream_without_the_marks_of_our_layout_gets_plain_ones():
    fit = encodable(io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert fit("│ tok_…1 · é") == "| tok_...1 - \\xe9"
