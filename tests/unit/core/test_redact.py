import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.core.redact import MIN_HIDDEN, TAIL, redact

# Letters that the words "characters" and "bytes" do not have, so that what is shown of a value can be told apart.
values = st.text("KLMNOPQZ", max_size=80).map(str.encode)


def shown_of(value: bytes, text: str) -> str:
    return "".join(c for c in text if c in "KLMNOPQZ")


@given(values, st.integers(0, 30), st.booleans())
def test_never_more_than_the_prefix_and_four_characters_are_shown(value, prefix, tail):
    shown = shown_of(value, redact(value, prefix=prefix, tail=tail))
    assert len(shown) <= prefix + TAIL
    assert len(shown) in {0, prefix, prefix + TAIL, TAIL}
    assert not shown or len(value) - len(shown) >= MIN_HIDDEN


@given(values.filter(lambda value: len(value) < MIN_HIDDEN), st.integers(0, 30), st.booleans())
def test_of_a_short_value_only_the_length_is_shown(value, prefix, tail):
    assert redact(value, prefix=prefix, tail=tail) == f"{len(value)} characters"


@given(values, st.integers(0, 30))
def test_without_a_tail_nothing_behind_the_prefix_is_shown(value, prefix):
    assert len(shown_of(value, redact(value, prefix=prefix, tail=False))) <= prefix


@given(st.binary(min_size=1))
def test_unprintable_values_are_shown_as_a_number_of_bytes(value):
    if not (value.isascii() and value.decode("ascii").isprintable()):
        assert redact(value) == f"{len(value)} bytes"


@given(st.binary(max_size=60), st.integers(0, 10), st.booleans())
def test_result_is_one_printable_line(value, prefix, tail):
    assert redact(value, prefix=prefix, tail=tail).isprintable()


@pytest.mark.parametrize(
    ("length", "prefix", "tail", "expected"),
    [
        (40, 4, True, "abcd…klmn (40 characters)"),
        (40, 4, False, "abcd… (40 characters)"),
        (40, 0, True, "…klmn (40 characters)"),
        (20, 4, True, "abcd…qrst (20 characters)"),
        (19, 4, True, "abcd… (19 characters)"),
        (15, 4, True, "15 characters"),
        (16, 0, True, "…mnop (16 characters)"),
        (0, 0, True, "0 characters"),
    ],
)
def test_what_is_shown(length, prefix, tail, expected):
    value = (string.ascii_lowercase * 2)[:length].encode()
    assert redact(value, prefix=prefix, tail=tail) == expected
