from hypothesis import given
from hypothesis import strategies as st

from stanch.engine.checks.asn1 import der_length, element_length, header, octets, parts


def element(tag: int, body: bytes) -> bytes:
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


@given(body=st.binary(max_size=70_000), behind=st.binary(max_size=9))
def test_length_of_an_element_is_the_length_of_its_bytes(body: bytes, behind: bytes):
    raw = element(0x30, body)
    assert der_length(raw + behind) == element_length(raw + behind) == len(raw)
    assert list(parts(raw)) == [(0x30, body)]


@given(bodies=st.lists(st.binary(max_size=300), max_size=6), depth=st.integers(1, 40))
def test_indefinite_elements_end_at_their_marks_however_deep(bodies: list[bytes], depth: int):
    inside = b"".join(element(0x04, body) for body in bodies)
    raw = b"\x30\x80" * depth + inside + b"\0\0" * depth
    assert element_length(raw + b"behind") == len(raw)
    ((tag, content),) = parts(raw)
    assert (tag, content) == (0x30, raw[2:-2])


def test_an_indefinite_element_without_its_mark_has_no_length():
    assert element_length(b"\x30\x80" + element(0x04, b"x" * 40)) == 0


def test_pieces_of_an_octet_string_are_put_together():
    pieces = b"".join(element(0x04, part) for part in (b"abc", b"", b"def"))
    assert octets(0x24, pieces) == b"abcdef"
    assert octets(0x04, b"plain") == b"plain"


@given(data=st.binary(max_size=400), at=st.integers(0, 400))
def test_nothing_is_too_broken_to_be_measured(data: bytes, at: int):
    assert header(data, at) >= (0, 0)
    assert element_length(data) >= 0
    assert sum(len(content) for _, content in parts(data)) <= 2 * len(data)


def test_a_hundred_thousand_open_elements_take_no_time_and_no_stack():
    assert element_length(b"\x30\x80" * 100_000) == 0
    assert len(list(parts(b"\x30\x80" * 100_000))) == 1
