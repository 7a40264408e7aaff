from hypothesis import given
from hypothesis import strategies as st
from tests.support.planting import line_and_column

from stanch.engine.lines import AROUND, LONGEST, Lines, line_around, line_before, snippet

blobs = st.lists(st.sampled_from([b"\n", b"\r\n", b"a", b"bc", b"\xff", b"longer text "]), max_size=40).map(b"".join)


@given(blobs, st.lists(st.integers(0, 200), max_size=12))
def test_lines_and_columns_are_those_of_counting_the_slow_way(data, offsets):
    lines = Lines(data)
    for offset in (min(o, len(data)) for o in offsets):  # in any order
        assert lines.locate(offset) == line_and_column(data, offset)


@given(blobs, blobs, st.integers(0, 200))
def test_chunk_counts_on_from_the_chunk_before(before, data, offset):
    offset = min(offset, len(data))
    line, column = line_and_column(before, len(before))
    chunk = Lines(data, line=line, line_start=1 - column)
    assert chunk.locate(offset) == line_and_column(before + data, len(before) + offset)


@given(blobs, st.integers(0, 200), st.integers(0, 20))
def test_line_around_and_line_before_are_lines_of_the_blob(data, start, size):
    start = min(start, len(data))
    number = data[:start].count(b"\n")
    lines = data.split(b"\n")
    end = min(len(data), start + size)
    assert line_around(data, start, end) == lines[number]
    assert line_before(data, start) == (lines[number - 1] if number else b"")


def test_endless_line_is_cut_on_both_sides():
    data = b"x" * 20_000
    assert len(line_around(data, 10_000, 10_010)) == 4096 + 10 + 4096
    assert line_before(data, 10_000) == b""


@st.composite
def masked(draw):
    """A blob of x with values of Z in it, where they stand, and which of them the snippet is for."""
    data, masks = b"", []
    for gap, size in draw(st.lists(st.tuples(st.integers(0, 90), st.integers(1, 200)), min_size=1, max_size=6)):
        data += draw(st.sampled_from([b"x", b"x\n", b" "])) * gap
        masks.append((len(data), len(data) + size, f"‹{size}›"))
        data += b"Z" * size
    return data + b"x" * draw(st.integers(0, 90)), masks, draw(st.integers(0, len(masks) - 1))


@given(masked())
def test_snippet_never_shows_a_masked_value(case):
    data, masks, chosen = case
    start, end, shown = masks[chosen]
    text = snippet(data, (start, end), masks)
    assert "Z" not in text
    assert shown in text or len(text) == LONGEST
    assert len(text) <= LONGEST


def test_snippet_is_the_line_with_the_value_replaced():
    data = b"first\n  token = VALUE # note\nlast"
    assert snippet(data, (16, 21), [(16, 21, "‹5 characters›")]) == "token = ‹5 characters› # note"


def test_snippet_of_a_long_line_says_that_it_begins_before():
    data = b"a" * 300 + b"VALUE" + b"b" * 300
    assert snippet(data, (300, 305), [(300, 305, "‹5›")]) == "…" + "a" * AROUND + "‹5›" + "b" * AROUND


def test_value_of_many_lines_becomes_one_mask():
    data = b"k = VA\nLU\nE;\nnext"
    assert snippet(data, (4, 11), [(4, 11, "‹key›")]) == "k = ‹key›;"
