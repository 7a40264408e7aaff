"""The table of Entra's codes: whole, without dead rows, and never more certain than the facts are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.core.validity import Validity
from stanch.issuers.aadsts import UNKNOWN, refusal_of, rule_for, rules

# Codes of the facts sheet, section 2.2.
NAMED = {
    700027, 50012, 1000502, 7000274, 7000214, 7000277, 700024, 7000112, 700016, 90002, 90038, 900382, 900432, 7000215, 7000222,
    7000218, 900144, 500011, 70011, 53003, 530032, 90055,
}  # fmt: skip


def test_every_code_of_the_facts_sheet_has_a_rule():
    assert {rule.code for rule in rules()} >= NAMED


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: f"{rule.code or rule.error} {rule.reason}")
def test_every_rule_can_be_reached(rule):
    body = {"error": rule.error or "invalid_client", "error_description": rule.text[0] if rule.text else ""}
    if rule.code:
        body["error_codes"] = [rule.code]
    refusal = refusal_of(body)
    assert refusal is not None
    assert rule_for(refusal, rule.about or "certificate") is rule
    assert rule.message.endswith(".")


def test_words_about_an_expired_key_win_over_those_about_an_unknown_one():
    text = "not registered on application. [Reason - The key used is expired., …]"
    refusal = refusal_of({"error": "invalid_client", "error_codes": [700027], "error_description": text})
    assert rule_for(refusal, "certificate").validity is Validity.EXPIRED


@given(
    code=st.integers(min_value=-(10**12), max_value=10**12).filter(lambda code: code not in {rule.code for rule in rules()}),
    about=st.sampled_from(["certificate", "secret"]),
    text=st.text(max_size=200),
)
def test_unknown_code_is_inconclusive_whatever_stands_beside_it(code, about, text):
    refusal = refusal_of({"error": "invalid_client", "error_codes": [code], "error_description": text})
    assert rule_for(refusal, about) is UNKNOWN


@given(document=st.dictionaries(
    st.sampled_from(["error", "error_codes", "error_description", "trace_id", "correlation_id"]),
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5),
))  # fmt: skip
def test_any_answer_can_be_taken_apart(document):
    refusal = refusal_of(document)
    if refusal is not None:
        assert rule_for(refusal, "certificate").validity in Validity
        assert len(refusal.codes) <= 10


@pytest.mark.parametrize("about", ["certificate", "secret"])
def test_codes_of_the_other_kind_of_credential_say_nothing(about):
    for rule in rules():
        if rule.about and rule.about != about:
            refusal = refusal_of(
                {"error": "invalid_client", "error_codes": [rule.code], "error_description": " ".join(rule.text)}
            )
            assert rule_for(refusal, about) is UNKNOWN
