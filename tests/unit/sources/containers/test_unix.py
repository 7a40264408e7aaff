from __future__ import annotations

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .builders import ar_header, ar_of, cpio_entry, cpio_of, opened

names = st.text(st.characters(codec="ascii", min_codepoint=48, categories=("Lu", "Ll", "Nd")), min_size=1, max_size=60)
files = st.dictionaries(names, st.binary(max_size=300).map(lambda data: b"=" + data), max_size=6)


def expected(members: dict[str, bytes]) -> dict[str, bytes]:
    return {f"outer!{name}": data for name, data in members.items()}


@settings(max_examples=60, deadline=None)
@given(files)
def test_whatever_was_packed_into_ar_comes_out(members):
    assert opened(ar_of(list(members.items()))) == (expected(members), [])


@settings(max_examples=60, deadline=None)
@given(files)
def test_whatever_was_packed_into_cpio_comes_out(members):
    assert opened(cpio_of(list(members.items()))) == (expected(members), [])


def test_bsd_names_stand_before_the_content():
    name = b"a name of BSD.o\0\0\0\0\0"
    data = b"!<arch>\n" + ar_header(b"#1/20", 20 + 3) + name + b"abc\n" + ar_header(b"b", 1) + b"x\n"
    assert opened(data) == ({"outer!a name of BSD.o": b"abc", "outer!b": b"x"}, [])


@pytest.mark.parametrize("table", [b"/", b"/SYM64/", b"__.SYMDEF"])
def test_symbol_tables_are_passed_over(table):
    data = b"!<arch>\n" + ar_header(table, 5) + b"12345\n" + ar_header(b"b.o/", 2) + b"xy"
    assert opened(data) == ({"outer!b.o": b"xy"}, [])


def test_long_name_that_is_not_in_the_table_is_still_a_member():
    data = b"!<arch>\n" + ar_header(b"/999", 2) + b"xy"
    assert opened(data) == ({"outer!unnamed": b"xy"}, [])


@pytest.mark.parametrize("header", [ar_header(b"a", 1)[:-2] + b"??", ar_header(b"a", 1).replace(b"1  ", b"x  "), b"short"])
def test_damaged_ar_keeps_the_members_before(header):
    found, skipped = opened(b"!<arch>\n" + ar_header(b"first", 2) + b"xy" + header)
    assert found == {"outer!first": b"xy"}
    assert [(problem.code, problem.path) for problem in skipped] == [("broken_archive", "outer")]


def test_only_regular_files_of_cpio_have_content():
    data = cpio_entry(b"link", b"target", 0o120777) + cpio_entry(b"dir", b"", 0o40755) + cpio_of([("file", b"x")])
    assert opened(data) == (expected({"file": b"x"}), [])


def test_appended_cpio_archives_and_what_follows_are_read():
    data = (
        cpio_of([("early", b"1")])
        + bytes(700)
        + cpio_of([("second", b"2")])
        + bytes(300)
        + gzip.compress(cpio_of([("main", b"3")]))
    )
    found, skipped = opened(data)
    assert found == {"outer!early": b"1", "outer!second": b"2", "outer!after-trailer!main": b"3"}
    assert skipped == []


@pytest.mark.parametrize(
    "header", [b"070707" + b"0" * 104, b"070701" + b"zz" * 52, cpio_entry(b"x", b"")[:94] + b"ffffffff" + b"0" * 8, b"070701"]
)
def test_damaged_cpio_keeps_the_members_before(header):
    found, skipped = opened(cpio_entry(b"first", b"xy") + header)
    assert found == {"outer!first": b"xy"}
    assert [(problem.code, problem.path) for problem in skipped] == [("broken_archive", "outer")]


def test_cpio_without_an_end_mark_was_cut():
    found, skipped = opened(cpio_entry(b"first", b"xy"))
    assert found == {"outer!first": b"xy"}
    assert [problem.code for problem in skipped] == ["broken_archive"]
