import base64
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.catalog.load import load_catalog
from stanch.catalog.makers import MAKERS
from stanch.engine.checks import extents
from stanch.engine.checks.extents import EXTENTS, der_base64


def der(size: int) -> bytes:
    """An element of *size* bytes of content."""
    body = random.Random(size).randbytes(size)
    head = b"\x30" + (bytes((size,)) if size < 128 else b"\x82" + size.to_bytes(2, "big"))
    return head + body


@pytest.mark.parametrize("size", [0x100, 300, 301, 302, 1_190, 5_000])
@pytest.mark.parametrize("width", [0, 64, 76])
def test_end_is_where_the_header_says(size: int, width: int):
    text = base64.b64encode(der(size))
    if width:
        text = b"\n".join(text[at : at + width] for at in range(0, len(text), width))
    data = b"key = " + text + b"\nAAAA more letters of the same alphabet"
    assert data[6 : der_base64(data, 6, len(data))] == text


def test_end_is_never_behind_what_the_expression_matched():
    text = base64.b64encode(der(900))
    for end in (0, 8, 100, len(text) - 4):
        assert der_base64(text, 0, end) <= end


def test_what_is_no_der_ends_where_the_expression_did():
    for text in (b"", b"AAAA", b"!!!!!!!!", b"hello there"):
        assert der_base64(text, 0, len(text)) == len(text)


@pytest.mark.parametrize("gap", ["\\n", "\\r\\n", "\r\n    ", "&#10;", "\\u000a", "\\\\n"])
def test_letters_of_escaped_line_ends_are_not_counted(gap: str):
    text = base64.b64encode(der(901)).decode()
    wrapped = gap.join(text[at : at + 76] for at in range(0, len(text), 76)).encode()
    data = b'"' + wrapped + b"nothing"
    assert data[1 : der_base64(data, 1, len(data))] == wrapped


def test_url_safe_text_without_padding_ends_where_it_does():
    raw = next(one for size in range(300, 400) if b"-" in base64.urlsafe_b64encode(one := der(size)) and len(one) % 3 == 1)
    text = base64.urlsafe_b64encode(raw).rstrip(b"=")
    assert der_base64(text + b" more", 0, len(text) + 5) == len(text)


def test_an_indefinite_element_ends_at_its_mark():
    inner = der(300)
    raw = b"\x30\x80" + inner + b"\x30\x80" + inner + b"\0\0" + b"\0\0"
    assert extents.der(raw + b"\0\0behind", 0, len(raw) + 8) == len(raw)
    text = base64.b64encode(raw)
    assert der_base64(text + b"\n  password", 0, len(text) + 11) == len(text)


def test_an_element_that_says_more_than_there_is_ends_with_the_match():
    raw = der(500)
    assert extents.der(raw[:200], 0, 200) == 200
    assert extents.der(b"\x30\x80" + raw, 0, 502) == 502


def test_java_and_openpgp_values_end_with_their_last_entry():
    rng = random.Random(4)
    store = MAKERS["java-keystore-binary"](rng).encode("latin-1")
    assert extents.java(store + b"behind", 0, len(store) + 6) == len(store)
    text = base64.b64encode(store)
    assert extents.java(b"=" + text + b"AAAA", 1, len(text) + 5) == len(text) + 1
    key = MAKERS["pgp-binary"](rng).encode("latin-1")
    assert extents.openpgp(key + b"\0behind", 0, len(key) + 7) == len(key)


@given(data=st.binary(max_size=300), start=st.integers(0, 300), end=st.integers(0, 300))
def test_no_extent_raises_or_goes_behind_the_match(data: bytes, start: int, end: int):
    start, end = min(start, end, len(data)), min(max(start, end), len(data))
    for function in EXTENTS.values():
        for prefix in (b"", b"\x30\x80", b"\xfe\xed\xfe\xed\0\0\0\x02\0\0\0\x01", b"\x95\x03\x98\x04"):
            assert start <= function(prefix + data, start, end) <= end


def test_every_extent_that_a_detector_names_is_there():
    assert {d.extent for d in load_catalog() if d.extent} == set(EXTENTS)
