import base64
import random

import pytest

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


def test_table_lists_the_function_by_the_name_that_detectors_use():
    assert {"der-base64": der_base64} == EXTENTS
