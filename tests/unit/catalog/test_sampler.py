import base64
import random
import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.catalog.load import load_catalog
from stanch.catalog.model import detector_from
from stanch.catalog.sampler import draw, fill, sample_value
from stanch.engine.checks import run_checks

TOKEN = detector_from(
    {"id": "example-token", "name": "Example", "kind": "token", "severity": "high", "value": "exm_[a-z0-9]{20}"},
    provider="Example",
    examples_required=False,
)


@pytest.mark.parametrize(
    "expression",
    [
        "abc[0-9]{4}",
        r"\d\w\s?",
        "(?:ab|cd){2,3}",
        "[^a-z]{5}",
        "a.c",
        "(?P<x>ab|cd)-(?P=x)",
        "(?i:abc)x*",
        "a+?b",
        "[^a]z",
        "(?>ab|c)",
    ],
)
@given(seed=st.integers(0, 10_000))
def test_drawn_text_matches_its_expression(expression, seed):
    text = draw(expression, random.Random(seed))
    assert re.fullmatch(expression.encode("latin-1"), text.encode("latin-1"))


def test_values_of_every_shipped_detector_match_it_and_pass_its_checks():
    wrong = []
    for detector in load_catalog():
        if detector.value and not detector.sample:
            value = sample_value(detector, random.Random(detector.id)).encode("latin-1")
            if not re.fullmatch(detector.value.encode("latin-1"), value) or run_checks(detector.checks, value):
                wrong.append(detector.id)
    assert wrong == []


def test_same_seed_draws_the_same_value():
    assert sample_value(TOKEN, random.Random(4)) == sample_value(TOKEN, random.Random(4))
    assert sample_value(TOKEN, random.Random(4)) != sample_value(TOKEN, random.Random(5))


@pytest.mark.parametrize(
    ("template", "shape"),
    [
        ("{hex:9}", "[0-9a-f]{9}"), ("{HEX:9}", "[0-9A-F]{9}"), ("{base62:30}", "[A-Za-z0-9]{30}"), ("{alnum:9}", "[a-z0-9]{9}"),
        ("{base64:9}", "[A-Za-z0-9+/]{9}"), ("{base64url:9}", "[A-Za-z0-9_-]{9}"), ("{lower:9}", "[a-z]{9}"),
        ("{upper:9}", "[A-Z]{9}"), ("{digits:9}", "[0-9]{9}"), ("a {value} b", "a exm_[a-z0-9]{20} b"),
        ("{value:short}", "exm_[a-z0-9]{19}"), ("{value:long}", "exm_[a-z0-9]{21}"), ("{value:broken}", "exm_[a-z0-9]{19}[AB]"),
        ("{other} {x:1}", r"\{other\} \{x:1\}"),
    ],
)  # fmt: skip
def test_placeholders_are_filled_with_their_shape(template, shape):
    assert re.fullmatch(shape, fill(template, TOKEN, random.Random(2)))


def test_broken_value_differs_in_its_last_character_alone():
    whole, broken = (fill(text, TOKEN, random.Random(2)) for text in ("{value}", "{value:broken}"))
    assert whole[:-1] == broken[:-1]
    assert whole != broken


def test_uuid_and_bytes_are_real_ones():
    assert uuid.UUID(fill("{uuid}", TOKEN, random.Random(2))).version == 4
    assert len(base64.b64decode(fill("{bytes:20}", TOKEN, random.Random(2)), validate=True)) == 20


def test_unknown_alteration_and_maker_are_refused():
    with pytest.raises(ValueError, match="alteration"):
        fill("{value:other}", TOKEN, random.Random(2))
    with pytest.raises(KeyError):
        fill("{maker:none}", TOKEN, random.Random(2))


def test_expression_without_a_sample_cannot_be_drawn():
    whole = detector_from(
        {"id": "x", "name": "x", "kind": "token", "severity": "high", "expression": "abc(?P<value>[a-z]{9})"},
        provider="x",
        examples_required=False,
    )
    with pytest.raises(ValueError, match="needs a sample"):
        sample_value(whole, random.Random(2))
