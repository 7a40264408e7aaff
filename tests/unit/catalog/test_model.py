import random
import re

import pytest

from stanch.catalog.model import DetectorError, detector_from, leading_literal, with_borders
from stanch.catalog.sampler import draw

TABLE = {
    "id": "example-token",
    "name": "Example token",
    "kind": "token",
    "severity": "high",
    "value": "exm_[a-z0-9]{20}",
    "positive": ["a={value}", "b={value}", "c={value}"],
    "negative": ["a={value:short}", "b={value:long}"],
}


def made(**changes):
    table = {key: value for key, value in {**TABLE, **changes}.items() if value is not None}
    return detector_from(table, provider="Example", origin="example.toml")


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"colour": "red"}, "colour"),
        ({"id": None}, "id"),
        ({"name": None}, "name"),
        ({"kind": None}, "kind"),
        ({"severity": None}, "severity"),
        ({"positive": None}, "positive"),
        ({"negative": None}, "negative"),
        ({"id": "Example_Token"}, "id"),
        ({"id": "example--token"}, "id"),
        ({"kind": "cookie"}, "kind"),
        ({"severity": "grave"}, "severity"),
        ({"confidence": "total"}, "confidence"),
        ({"name": 5}, "name"),
        ({"near": "word"}, "near"),
        ({"near": ["w"]}, "near"),
        ({"checks": [1]}, "checks"),
        ({"entropy": "much"}, "entropy"),
        ({"positive": ["{value}"]}, "positive"),
        ({"negative": ["{value:short}"]}, "negative"),
        ({"value": None}, "value"),
        ({"expression": "(?P<value>abc)"}, "value"),
        ({"value": None, "expression": "abc(?P<value>x)", "near": ["word"]}, "near"),
        ({"value": "exm_[a-z"}, "value"),
        ({"value": "exm_\u20ac{3}"}, "value"),
        ({"value": "(?:exm_)?"}, "value"),
        ({"value": "[a-z]{30}"}, "value"),
        ({"value": "ab[0-9]{30}"}, "value"),
        ({"prefilter": ["ab"]}, "prefilter"),
        ({"inventory": "yes", "severity": "info"}, "inventory"),
        ({"inventory": True, "severity": "low"}, "inventory"),
        ({"companion": [{"name": "part"}]}, "companion"),
        ({"companion": [{"name": "part", "value": "a", "expression": "b"}]}, "companion"),
        ({"companion": [{"name": "part", "value": "a", "colour": "red"}]}, "companion"),
    ],
)
def test_each_mistake_names_the_key_it_is_in(changes, key):
    with pytest.raises(DetectorError) as caught:
        made(**changes)
    assert caught.value.key == key


def test_expression_without_the_value_group_is_refused():
    with pytest.raises(DetectorError, match="value") as caught:
        made(value=None, expression="exm_(?P<token>[a-z]{20})")
    assert caught.value.key == "expression"


def test_examples_may_be_missing_in_what_is_imported():
    table = {key: TABLE[key] for key in ("id", "name", "kind", "severity", "value")}
    assert detector_from(table, provider="Example", examples_required=False).positive == ()


def test_what_is_only_listed_says_so():
    assert made(inventory=True, severity="info").inventory
    assert not made().inventory


def test_facts_follow_from_the_value():
    detector = made()
    assert (detector.literals, detector.prefix, detector.weight, detector.width) == (("exm_",), 4, 4, 24)
    assert (detector.provider, detector.origin, detector.tail) == ("Example", "example.toml", True)


def test_passwords_show_no_tail_unless_it_is_said():
    assert not made(kind="password").tail
    assert made(kind="password", tail=True).tail


def test_words_that_may_be_written_in_capitals_are_no_public_prefix():
    assert made(value="(?i:exm)_[a-z0-9]{20}").prefix == 0


@pytest.mark.parametrize(
    ("expression", "lead"),
    [("exm_[a-z]", ("exm_", True)), ("(?:exm_)x", ("exm_x", True)), ("(?i:exm)_", ("exm", False)), ("[a-z]exm", ("", True)),
     (r"\bexm", ("exm", True)), ("(?:exm|own)", ("", True)), ("(?:exm|exn)", ("ex", True))],
)  # fmt: skip
def test_fixed_text_at_the_beginning(expression, lead):
    assert leading_literal(expression) == lead


@pytest.mark.parametrize("url", ["http://example.org", "javascript:alert(1)", 5, None])
def test_page_that_is_not_https_is_not_linked(url):
    assert made(revocation={"url": url}).help_url == ""


def test_page_of_the_vendor_is_linked():
    assert made(revocation={"url": "https://example.org/keys"}).help_url == "https://example.org/keys"


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [(b"", b"", True), (b'"', b'"', True), (b"=", b",", True), (b"\\n", b"\\n", True), (b"x", b"", False), (b"_", b"", False),
     (b"", b"x", False), (b"", b"9", False), (b"\\", b"", True), (b"-", b"-", True)],
)  # fmt: skip
def test_value_counts_only_within_its_borders(before, after, found):
    value = draw(TABLE["value"], random.Random(3)).encode()
    match = re.search(with_borders(TABLE["value"]).encode(), before + value + after)
    assert (match is not None) is found
    assert match is None or match["value"] == value


def test_far_border_refuses_what_the_last_characters_could_be():
    pattern = re.compile(with_borders("exm[a-z-]{4}").encode())
    assert pattern.search(b"exmabcd ")
    assert not pattern.search(b"exmabcd-")
