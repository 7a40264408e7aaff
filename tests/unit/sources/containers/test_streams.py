from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.core.finding import Skipped
from stanch.sources.containers.problems import MemberError
from stanch.sources.containers.streams import Forward, Joined, Section, Slice, Text

CUT = Skipped(path="p", code="broken_archive", reason="cut")


class Failing(Forward):
    """Gives pieces, then an error."""

    def __init__(self, *pieces: bytes) -> None:
        super().__init__()
        self._pieces = list(pieces)

    def _more(self) -> bytes:
        if self._pieces:
            return self._pieces.pop(0)
        raise MemberError(CUT)


@given(st.lists(st.binary(min_size=1, max_size=20)), st.lists(st.tuples(st.sampled_from("rpsu"), st.integers(0, 30))))
def test_any_mix_of_operations_sees_the_same_bytes(pieces, operations):
    whole = b"".join(pieces)
    stream = Joined(b"", *(io.BytesIO(piece) for piece in pieces))
    at = 0
    for operation, size in operations:
        ahead = whole[at : at + size]
        if operation == "r":
            assert stream.read(size) == ahead
            at += len(ahead)
        elif operation == "p":
            assert stream.peek(size) == ahead
        elif operation == "s":
            assert stream.skip(size) == len(ahead)
            at += len(ahead)
        else:
            back = whole[max(0, at - size) : at]
            stream.unread(back)
            at -= len(back)
    assert stream.read() == whole[at:]


def test_error_waits_until_the_bytes_before_it_are_read():
    stream = Failing(b"abc", b"def")
    assert stream.peek(100) == b"abcdef"
    assert stream.read(4) == b"abcd"
    assert stream.read(100) == b"ef"
    with pytest.raises(MemberError) as first:
        stream.read(1)
    with pytest.raises(MemberError) as second:
        stream.skip(1)
    assert first.value is second.value


def test_take_gives_bytes_and_error_together():
    data, error = Failing(b"abc").take(10)
    assert (data, isinstance(error, MemberError)) == (b"abc", True)


def test_readinto_fills_what_there_is():
    buffer = bytearray(5)
    stream = Joined(b"abc")
    assert (stream.readinto(buffer), buffer) == (3, b"abc\0\0")
    assert stream.readinto(buffer) == 0


def test_section_ends_before_its_source():
    source = io.BytesIO(b"abcdef")
    section = Section(source, 4, CUT)
    assert section.read(2) == b"ab"
    section.finish()
    assert source.read() == b"ef"


def test_cut_section_is_an_error_for_who_reads_and_who_passes_on():
    with pytest.raises(MemberError):
        Section(io.BytesIO(b"ab"), 4, CUT).finish()
    section = Section(io.BytesIO(b"ab"), 4, CUT)
    assert section.read(10) == b"ab"
    with pytest.raises(MemberError):
        section.read(10)


def test_slices_of_one_source_do_not_disturb_each_other():
    source = io.BytesIO(bytes(range(100)))
    one, two = Slice(source, 10, 5, CUT), Slice(source, 90, 20, CUT)
    assert (one.read(2), two.read(3), one.read(9)) == (bytes([10, 11]), bytes([90, 91, 92]), bytes([12, 13, 14]))
    assert len(two.read(100)) == 7
    with pytest.raises(MemberError):
        two.read(1)


def test_text_is_made_while_it_is_read():
    made = []

    def pieces():
        for piece in ("a", "", "é"):
            made.append(piece)
            yield piece

    stream = Text(pieces())
    assert stream.read(1) == b"a"
    assert made == ["a"]
    assert stream.read() == "é".encode()
