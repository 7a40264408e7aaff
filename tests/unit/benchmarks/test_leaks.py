from __future__ import annotations

import random

import pytest

import leaks
import literals
import naming

from .conftest import BLOCK, NEAR, SHAPED, STRING, made


def leak(detector, turn=0):
    return leaks.leak_of(detector, turn, random.Random(turn))


def test_a_name_is_written_as_each_language_likes_it():
    name = naming.Name(("acme", "api", "key"))
    assert (name.upper, name.camel, name.pascal) == ("ACME_API_KEY", "acmeApiKey", "AcmeApiKey")
    assert (name.dotted, name.kebab, name.header) == ("acme.api.key", "acme-api-key", "Acme-Api-Key")


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("ACME_API_KEY", "acme api key"),
        ("acmeApiKey", "acme api key"),
        ("spring.mail.password", "spring mail password"),
        ("APIKey", "api key"),
    ],
)
def test_a_written_name_falls_into_its_words(written, words):
    assert naming.words_of(written) == tuple(words.split())


@pytest.mark.parametrize("turn", range(6))
def test_an_anonymous_value_is_named_after_one_of_its_near_words(turn):
    name = leak(NEAR, turn).name
    assert any(naming.squash(word) in naming.squash(name.snake) for word in NEAR.near)


def test_a_value_with_a_shape_of_its_own_also_leaks_under_a_name_that_tells_nothing():
    names = {leak(SHAPED, turn).name.upper for turn in range(3)}
    assert any("ACME" in name for name in names)
    assert any("ACME" not in name for name in names)


def test_a_connection_string_is_taken_out_of_its_example():
    found = leak(STRING, 0)
    assert found.kind == "string"
    assert found.name.upper == "ACME_URL"
    assert found.text.whole == f"acmedb://svc:{found.text.value}@db-1:99/shop"


def test_a_line_of_code_without_quotes_stays_whole():
    found = leak(STRING, 2)
    assert found.kind == "script"
    assert found.text.before == "go acmedb://svc:"


def test_an_example_that_needs_its_companion_keeps_it():
    spec = {"name": "host", "expression": r"(?P<value>[a-z]+\.acme\.io)", "required": True}
    detector = made(
        companion=[spec],
        positive=["ACMECLOUD_HOST=eu.acme.io\nACMECLOUD_KEY={value}", "{value} eu.acme.io", "eu.acme.io {value}"],
    )
    found = leak(detector, 0)
    assert found.others == ((naming.Name(("acmecloud", "host")), "eu.acme.io"),)


def test_a_drawn_value_passes_the_checks_of_its_type():
    from stanch.engine.checks import run_checks

    for detector in (NEAR, SHAPED, STRING, BLOCK):
        value = leaks.fresh_value(detector, random.Random(1)).encode()
        assert not run_checks(detector.checks, value)


def test_marks_stay_around_the_value_when_a_text_is_escaped():
    text = literals.Text('a"', 'b"c', '"').through(lambda part: part.replace('"', '\\"')).inside("<", ">")
    assert (text.before, text.value, text.after) == ('<a\\"', 'b\\"c', '\\">')
