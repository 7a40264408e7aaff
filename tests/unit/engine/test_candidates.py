import base64
import gzip
import random

import pytest
from tests.support.values import TOKEN, password, token

from stanch.catalog.compiled import Compiled
from stanch.catalog.model import detector_from
from stanch.engine.engine import Engine

HEX = random.Random(5).randbytes(16).hex()
BASE = {"kind": "token", "severity": "high", "positive": ["a", "b", "c"], "negative": ["a", "b"]}


def engine_of(*tables: dict) -> Engine:
    made = [detector_from({**BASE, "name": table["id"].title(), **table}, provider="Contoso") for table in tables]
    return Engine(Compiled(sorted(made, key=lambda d: d.id), "test", None))


def found(engine: Engine, text: str) -> list[tuple[str, str]]:
    return [(m.detector.id, m.confidence) for m in engine.scan(text.encode("latin-1"))]


SHAPE = {"id": "shape", "value": "ctso_[a-z0-9]{20}"}
NEAR = {"id": "near", "value": "[0-9a-f]{32}", "near": ["contoso"]}
VALUE = "ctso_" + "".join(random.Random(1).choices("bcdfghjkmnpqrstvwxz23456789", k=20))


def test_value_with_a_shape_is_known_by_it():
    engine = engine_of(SHAPE)
    assert found(engine, f"x {VALUE} y") == [("shape", "high")]
    assert engine.scan(f"x {VALUE} y".encode())[0].reasons == ("has the format of a Shape",)
    for text in (f"x{VALUE}", f"{VALUE}z", f"_{VALUE}", VALUE[:-1], VALUE.upper()):
        assert found(engine, text) == [], text


@pytest.mark.parametrize(
    "text", ["ctso_xxxxxxxxxxxxxxxxxxxx", "ctso_example0example1exam", "ctso_aaaaaaaaaaaaaaaaaaaa", "ctso_yourtokenyourtoken12"]
)
def test_value_written_to_be_replaced_is_none(text):
    assert found(engine_of({**SHAPE, "entropy": 2.5}), f"token = {text}") == []


def test_value_must_pass_its_checks_and_its_entropy():
    dull = "ctso_" + "agmtz" * 4
    assert found(engine_of(SHAPE), dull) == [("shape", "high")]
    assert found(engine_of({**SHAPE, "entropy": 3.0}), dull) == []
    assert found(engine_of({**SHAPE, "checks": ["mixed"]}), "ctso_" + "abcdefghjkmnpqrstvwx"[::-1]) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"contoso_key = {HEX}", [("near", "high")]),
        (f'"contosoApiKey": "{HEX}"', [("near", "high")]),
        (f"# for contoso\napi_key: {HEX}", [("near", "medium")]),
        (f"<add key='Contoso:ApiKey' value='{HEX}' />", [("near", "high")]),
        (f"client('contoso', key='{HEX}')", [("near", "medium")]),
        (f"api_key: {HEX}", []),
        (f"contoso commit {HEX}", []),
        (f"contoso_md5 = {HEX}", []),
        (f"contoso_key = md5-{HEX}", []),
        (f"contoso_user_id = {HEX}", []),
        (f"contoso_key = {HEX}0", []),
        (f"contoso_key = {HEX}-{HEX}", []),
        ("contoso_key = ${CONTOSO_KEY}", []),
        ("contoso_key = os.environ['CONTOSO_KEY']", []),
        (f"contoso {' ' * 300} api_key: {HEX}", []),
    ],
)
def test_anonymous_value_is_known_by_the_words_around_it(text, expected):
    assert found(engine_of(NEAR), text) == expected


def test_word_on_another_line_does_not_count_when_the_line_is_asked_for():
    engine = engine_of({**NEAR, "same_line": True})
    assert found(engine, f"contoso: {{api_key: {HEX}}}") == [("near", "medium")]
    assert found(engine, f"# contoso\napi_key: {HEX}") == []


def test_of_two_words_the_nearer_wins():
    engine = engine_of(NEAR, {**NEAR, "id": "other", "near": ["fabrikam"]})
    assert found(engine, f"contoso_key = x\nfabrikam_key = {HEX}\n") == [("other", "high")]
    assert found(engine, f"fabrikam_key = x\ncontoso_key = {HEX}\n") == [("near", "high")]


def test_short_word_counts_at_the_borders_of_words_only():
    engine = engine_of({**NEAR, "near": ["cts"]})
    assert found(engine, f"cts_key = {HEX}") == [("near", "high")]
    assert found(engine, f"myCtsKey = {HEX}") == [("near", "high")]
    assert found(engine, f"products_key = {HEX}") == []


PAIR = {**SHAPE, "companion": [{"name": "account", "value": "acct[0-9]{8}", "within": 60, "required": True, "secret": False}]}


def test_needed_companion_makes_the_credential():
    engine = engine_of(PAIR)
    (match,) = engine.scan(f"user: acct12345678\npass: {VALUE}\n".encode())
    (account,) = match.companions
    assert (account.name, account.value, account.start, account.end, account.secret) == ("account", b"acct12345678", 6, 18, False)
    assert match.reasons[-1] == "found together with its account"
    assert engine.scan(f"pass: {VALUE}\n".encode()) == []
    assert engine.scan(f"acct12345678{' ' * 80}{VALUE}".encode()) == []


def test_of_two_companions_the_one_on_the_same_line_is_taken():
    data = f"acct11111111 {'-' * 30} {VALUE}\nacct22222222\n".encode()
    assert engine_of(PAIR).scan(data)[0].companions[0].value == b"acct11111111"


def test_value_in_a_string_of_a_string_is_found_with_its_place():
    """The quotes of an expression are escaped in JSON inside JSON, in XML and in a shell."""
    engine = engine_of({"id": "quoted", "expression": 'card_pin.{0,2}: "(?P<value>[a-z0-9]{16})"', "prefilter": ["card_pin"]})
    value = "k7h2m9q4x8z3v6w1"
    for text in (f'{{"card_pin": "{value}"}}', f'"{{\\"card_pin\\": \\"{value}\\"}}"'):
        (match,) = engine.scan(text.encode())
        assert match.value == value.encode()
        assert text.encode()[match.start : match.end] == value.encode()


def test_generic_name_gives_way_to_what_is_known(engine: Engine):
    assert found(engine, f"api_token = '{token().decode()}'") == [(TOKEN, "high")]
    (match,) = engine.scan(b"panel_password = '" + password() + b"'")
    assert match.detector.generic
    assert match.reasons[0] == "assigned to “panel_password”"


def test_encoded_value_is_opened_where_it_is_assigned(engine: Engine):
    inner = b"url=postgresql://shop:" + password() + b"@db.internal/shop"
    for encoded in (base64.b64encode(inner), base64.b64encode(gzip.compress(inner))):
        matches = engine.scan(b"database_secret: " + encoded + b"\n")
        assert any(m.value == password() and m.decoded for m in matches), matches
