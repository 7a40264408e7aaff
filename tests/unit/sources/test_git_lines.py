import time
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from stanch.sources.git_lines import added_lines

LINES = st.lists(st.sampled_from([b"", b"a", b"b", b"c", b"}", b"  x = 1"]), max_size=30)


def _text(lines, end=b"\n"):
    return b"".join(line + end for line in lines)


def _numbers(ranges):
    return [number for first, last in ranges for number in range(first, last + 1)]


def test_every_line_is_added_where_nothing_was_before():
    assert added_lines([], b"a\nb\nc") == ((1, 3),)
    assert added_lines([], b"a\nb\n") == ((1, 2),)
    assert added_lines([b""], b"\n") == ((1, 1),)


def test_the_same_content_adds_nothing():
    assert added_lines([b"a\nb"], b"a\nb") == ()
    assert added_lines([b"a"], b"") == ()


def test_lines_in_the_middle_at_the_start_and_at_the_end_are_told_apart():
    old = b"one\ntwo\nthree\n"
    assert added_lines([old], b"zero\none\ntwo\nthree\n") == ((1, 1),)
    assert added_lines([old], b"one\ntwo\nand a half\nand more\nthree\n") == ((3, 4),)
    assert added_lines([old], b"one\ntwo\nthree\nfour") == ((4, 4),)
    assert added_lines([old], b"one\nTWO\nthree\nfour\n") == ((2, 2), (4, 4))


def test_a_line_that_only_moved_or_lost_its_newline_is_not_added():
    assert added_lines([b"a\nb\nc\n"], b"c\na\nb\n") == ()
    assert added_lines([b"a\nb\n"], b"a\nb") == ()


def test_removing_lines_adds_nothing():
    assert added_lines([b"a\nb\nc\nd\n"], b"a\nd\n") == ()


def test_a_repeated_line_counts_as_often_as_it_is_new():
    assert len(_numbers(added_lines([b"x\n"], b"x\nx\nx\n"))) == 2


def test_after_a_merge_only_what_no_parent_had_is_added():
    ours, theirs = b"a\nours\nz\n", b"a\ntheirs\nz\n"
    assert added_lines([ours, theirs], b"a\nours\ntheirs\nmine\nz\n") == ((4, 4),)


def test_other_line_ends_count_as_new_only_when_they_matter():
    old, new = b"a\nb\n", b"a\r\nb\r\nc\r\n"
    assert added_lines([old], new) == ((1, 3),)
    assert added_lines([old], new, any_newline=True) == ((3, 3),)


@given(LINES, LINES)
def test_exactly_the_lines_that_are_more_often_there_are_added(old, new):
    added = Counter(new[number - 1] for number in _numbers(added_lines([_text(old)], _text(new))))
    assert added == Counter(new) - Counter(old)


@given(LINES, st.integers(0, 30), st.lists(st.sampled_from([b"new 1", b"new 2"]), min_size=1, max_size=4))
def test_inserted_lines_are_named_by_their_numbers(old, at, fresh):
    at = min(at, len(old))
    new = old[:at] + fresh + old[at:]
    assert _numbers(added_lines([_text(old)], _text(new))) == list(range(at + 1, at + 1 + len(fresh)))


@settings(max_examples=30)
@given(st.integers(0, 200_000), st.binary(min_size=1, max_size=40))
def test_large_contents_are_compared_across_steps(at, insert):
    old = b"%07d\n" * 30_000 % tuple(range(30_000))
    at -= at % 8
    new = old[:at] + b"<" + insert.replace(b"\n", b" ") + b">\n" + old[at:]
    assert added_lines([old], new) == ((at // 8 + 1, at // 8 + 1),)


def test_a_million_changed_lines_stay_cheap():
    old, new = b"\n" * 3_000_000, b"x\n" * 3_000_000
    started = time.process_time()
    assert added_lines([old], new) == ((1, 3_000_000),)
    assert time.process_time() - started < 2
