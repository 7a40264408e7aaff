from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from stanch.incidents.next_action import next_action

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
ROW = {
    "number": 7, "state": "open", "validity": "unchecked", "exposure": "private", "has_value": False, "checked_at": None,
    "ignored_until": None,
}  # fmt: skip


def act(checkable: bool = True, **changes: object) -> str:
    return next_action({**ROW, **changes}, checkable=checkable, now=NOW).act


def test_a_kept_value_nobody_asked_about_is_asked_about_first():
    assert act(has_value=True) == "check"


def test_nobody_is_sent_to_ask_an_issuer_that_cannot_be_asked():
    assert act(has_value=True, checkable=False) == "start"


def test_a_fresh_answer_is_not_asked_for_again_before_somebody_starts():
    assert act(has_value=True, validity="live", checked_at=NOW - timedelta(hours=1)) == "start"


@pytest.mark.parametrize(("validity", "resolution"), [("dead", "proven_dead"), ("expired", "expired")])
@pytest.mark.parametrize("state", ["open", "in_remediation"])
def test_what_its_issuer_refuses_is_closed_with_that_as_proof(validity, resolution, state):
    found = next_action({**ROW, "validity": validity, "state": state}, checkable=True, now=NOW)
    assert (found.act, dict(found.values)) == ("resolve", {"resolution": resolution})
    assert f"--as {resolution}" in found.command


def test_in_remediation_the_issuer_is_asked_until_it_refuses():
    assert act(state="in_remediation", has_value=True, validity="live", checked_at=NOW) == "check"


def test_without_a_value_a_person_vouches_for_the_end():
    assert act(state="in_remediation") == "resolve"


def test_an_accepted_risk_that_ends_soon_wants_a_decision():
    assert act(state="ignored", ignored_until=NOW + timedelta(days=3)) == "extend"
    assert act(state="ignored", ignored_until=NOW + timedelta(days=60)) == "none"


@pytest.mark.parametrize("state", ["resolved", "ignored"])
def test_closed_incidents_ask_for_nothing(state):
    assert act(state=state) == "none"


@pytest.mark.parametrize("state", ["open", "in_remediation", "resolved", "ignored"])
@pytest.mark.parametrize("validity", ["live", "dead", "expired", "dormant", "inconclusive", "unchecked"])
@pytest.mark.parametrize("has_value", [True, False])
def test_every_action_says_why_and_how(state, validity, has_value):
    found = next_action({**ROW, "state": state, "validity": validity, "has_value": has_value}, checkable=True, now=NOW)
    assert found.label and found.why.endswith((".", "!"))
    assert found.act == "none" or found.command.startswith("stanch incidents ")
