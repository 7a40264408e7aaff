import base64
import gzip
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.engine import decode
from stanch.engine.anchors import base64_fragments

LITERAL = b"AccountKey="
ENDS = ["\n", "\r\n", "\\n", "\\r\\n", "\n    ", "\n\t"]


def fragment_in(text: bytes, literal: bytes, align: int) -> tuple[int, int]:
    """Where the whole characters of a literal end in encoded text without line ends, and how many they are."""
    for found, form, length in base64_fragments(literal, partly=False):
        plain = form.encode().decode("unicode_escape")
        at = text.find(plain.encode())
        if found == align and at >= 0:
            return at + length, length
    raise AssertionError("the fragment does not stand in the text")


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_base64_around_a_fragment_is_undone_at_every_alignment(before, after):
    plain = before + LITERAL + after
    text = base64.b64encode(plain)
    hit, length = fragment_in(text, LITERAL, len(before) % 3)
    region = decode.base64_around(b'a = "' + text + b'"', 5 + hit, length, len(before) % 3)
    assert region is not None
    assert region.data == plain
    assert (region.start, region.end, region.how) == (5, 5 + len(text), "base64")


@given(st.binary(max_size=40), st.binary(max_size=40), st.integers(1, 3))
def test_characters_in_front_that_are_no_part_of_the_text_are_left_out(before, after, extra):
    text = base64.b64encode(before + LITERAL + after)
    hit, length = fragment_in(text, LITERAL, len(before) % 3)
    region = decode.base64_around(b"x" * extra + text, extra + hit, length, len(before) % 3)
    assert region is not None
    assert region.data.endswith(LITERAL + after)
    assert region.start == extra


@given(st.binary(min_size=8, max_size=150), st.sampled_from(ENDS), st.sampled_from([8, 20, 64, 76]), st.data())
def test_spans_in_wrapped_base64_are_mapped_exactly(plain, end, width, data):
    pieces = base64.b64encode(plain).decode()
    wrapped = end.join(pieces[at : at + width] for at in range(0, len(pieces), width)).encode()
    region = decode.base64_around(b"k: " + wrapped + b" ", 3 + 4, 4, 0)
    assert region is not None
    assert region.data == plain
    low = data.draw(st.integers(0, len(plain) - 1))
    high = data.draw(st.integers(low + 1, len(plain)))
    # Encode the span alone, a group at a time, and look where its first and last characters stand.
    places = [
        place
        for line in range(0, len(pieces), width)
        for place in range(3 + line + line // width * len(end), 3 + min(line + width, len(pieces)) + line // width * len(end))
    ]
    assert region.outer(low, high) == (places[low * 4 // 3], places[-(-high * 4 // 3) - 1] + 1)


@given(st.binary(min_size=3))
def test_base64_of_both_alphabets_with_and_without_padding_is_undone(raw):
    for text in (base64.b64encode(raw), base64.urlsafe_b64encode(raw), base64.urlsafe_b64encode(raw).rstrip(b"=")):
        assert decode.decode_base64(text) == raw
    assert decode.decode_base64(base64.b64encode(raw[: len(raw) // 3 * 3]) + b"A") == raw[: len(raw) // 3 * 3]


@pytest.mark.parametrize("text", [b"", b"A", b"AAA", b"===="])
def test_too_little_is_no_base64(text):
    assert decode.decode_base64(text) is None


@given(st.binary(max_size=30), st.binary(max_size=30), st.booleans(), st.data())
def test_hex_is_undone_at_its_byte_boundary(before, after, upper, data):
    text = (before + LITERAL + after).hex()
    text = text.upper() if upper else text
    hit = 2 * len(before + LITERAL)
    region = decode.hex_around(b"x" + text.encode() + b"-", 1 + hit, 2 * len(LITERAL))
    assert region is not None
    assert region.data == before + LITERAL + after
    low = data.draw(st.integers(0, len(region.data) - 1))
    high = data.draw(st.integers(low + 1, len(region.data)))
    assert region.outer(low, high) == (1 + 2 * low, 1 + 2 * high)


def test_half_a_byte_of_hex_is_left_alone():
    region = decode.hex_around(b"f" + LITERAL.hex().encode() + b"f", 1 + 2 * len(LITERAL), 2 * len(LITERAL))
    assert region is not None
    assert (region.data, region.start, region.end) == (LITERAL, 1, 1 + 2 * len(LITERAL))


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30), st.integers(0, 20))
def test_wide_text_is_narrowed(around, low):
    plain = around + LITERAL.decode() + around
    wide = b"\x80" + plain.encode("utf-16-le") + b"\x80\x80"
    region = decode.wide_around(wide, 1 + 2 * (len(around) + len(LITERAL)), 2 * len(LITERAL))
    assert region is not None
    assert region.data == plain.encode()
    assert region.outer(low, low + 1) == (1 + 2 * low, min(region.end, 3 + 2 * low))


def test_percent_escapes_are_undone_in_the_run_around():
    data = b'get "x?a%3Db%26AccountKey%3Dvalue" now'
    hit = data.index(b"%3Dvalue") + 3
    region = decode.percent_around(data, hit, len(b"AccountKey%3D"))
    assert region is not None
    assert region.data == b"x?a=b&AccountKey=value"
    assert data[region.start : region.end] == b"x?a%3Db%26AccountKey%3Dvalue"
    assert region.outer(3, 5) == (region.start, region.end)


def test_without_percent_escapes_there_is_no_region():
    assert decode.percent_around(b"x?AccountKey=value", 13, 11) is None
    assert decode.percent_value(b"plain value", 0) is None


def test_percent_escapes_of_a_value_end_with_the_parameter():
    data = b"pw=a%40b%2Fc&next=1"
    region = decode.percent_value(data, 3)
    assert region is not None
    assert (region.data, data[region.start : region.end]) == (b"a@b/c", b"a%40b%2Fc")


@given(
    st.lists(
        st.sampled_from(['\\"', "&quot;", "&amp;", "&#39;", "\\u003d", "''", "x", "<k>", " ", "'\\''", '\\\\"']), max_size=20
    )
)
def test_plain_bytes_between_escapes_are_mapped_to_where_they_stand(parts):
    text = "".join(parts).encode()
    data = b"<<" + text + b">>"
    done = decode.unescape(data, 2, 2 + len(text))
    if done is None:
        return
    plain, outer = done
    assert outer(len(plain)) == 2 + len(text)
    places = [outer(offset) for offset in range(len(plain) + 1)]
    assert places == sorted(places)
    for offset, byte in enumerate(plain):
        if byte in b"x<k> ":
            assert data[outer(offset)] == byte


@pytest.mark.parametrize(
    ("escaped", "plain"),
    [
        (b'\\"a\\"', b'"a"'), (b"&quot;a&quot;", b'"a"'), (b"&#34;a", b'"a'), (b"a&apos;", b"a'"), (b"a&amp;b", b"a&b"),
        (b"&lt;a&gt;", b"<a>"), (b"a\\u0026b\\u003dc", b"a&b=c"), (b'""a""', b'"a"'), (b"http:\\/\\/a", b"http://a"),
        (b"it'\\''s", b"it's"),
    ],
)  # fmt: skip
def test_escapes_become_what_they_mean(escaped, plain):
    done = decode.unescape(escaped, 0, len(escaped))
    assert done is not None
    assert done[0] == plain


def test_text_without_escapes_is_not_copied():
    assert decode.unescape(b"plain = 'text'", 0, 14) is None


@given(st.binary(max_size=2_000))
def test_gzip_is_unpacked(raw):
    assert decode.inflate(gzip.compress(raw)) == raw


def test_gzip_bomb_is_unpacked_to_the_bound_only():
    assert decode.inflate(gzip.compress(bytes(3 * decode.MAX_INFLATED))) == bytes(decode.MAX_INFLATED)


def test_other_bytes_are_no_gzip():
    assert decode.inflate(b"\x1f\x8b\x08" + random.Random(4).randbytes(50)) is None
    assert decode.inflate(b"plain") is None


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=200))
def test_both_kinds_of_utf16_are_narrowed_with_and_without_a_mark(text):
    plain = text.encode()
    assert decode.utf16(b"\xff\xfe" + text.encode("utf-16-le")) == (plain, 2)
    assert decode.utf16(b"\xfe\xff" + text.encode("utf-16-be")) == (plain, 2)
    assert decode.utf16(text.encode("utf-16-le")) == (plain, 0)
    assert decode.utf16(text.encode("utf-16-be")) == (plain, 0)
    assert decode.utf16(plain) is None


@given(st.binary(max_size=60))
def test_text_is_what_prints_in_ascii(raw):
    assert decode.is_text(raw) == all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in raw)


@pytest.mark.parametrize(
    "joint",
    ['"\n      + "', '" +\n  "', '"\n    "', "'\n  . '", '" &\n "', '\\n"\n + "', '" \\\n  "', '"\n    b"'],
    ids=["Java", "JavaScript", "Python", "PHP", "Basic", "line ends inside", "continued", "bytes"],
)
def test_strings_that_are_joined_are_one_text(joint: str):
    plain = bytes(range(200)) + b"needle in the middle of it" + bytes(range(190, 0, -1))
    text = base64.b64encode(plain).decode()
    written = joint.join(text[at : at + 64] for at in range(0, len(text), 64))
    data = f'static final String KEY = "{written}";'.encode()
    align = plain.index(b"needle") % 3
    fragment = base64.b64encode(b"\0" * align + b"needle in").decode()[-(-align * 8 // 6) : 8 * (align + 6) // 6].encode()
    at = data.find(fragment)
    assert at > 0
    region = decode.base64_around(data, at + len(fragment), len(fragment), align)
    assert region is not None
    assert region.data == plain
    assert region.outer(0, len(plain)) == (27, len(data) - 2 - text.count("="))


def test_escaped_slashes_are_slashes():
    plain = b"\xff\xff\xfe needle \xff\xff\xff" * 9
    data = b'"' + base64.b64encode(plain).replace(b"/", b"\\/") + b'"'
    assert b"\\/" in data
    fragment = base64.b64encode(plain)[6:14]
    assert b"/" not in fragment
    at = data.index(fragment)
    region = decode.base64_around(data, at + len(fragment), len(fragment), 1)
    assert region is not None and plain.endswith(region.data)
