from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.incidents import PLAIN, recorded

from stanch.core.incident import IgnoreReason, IncidentState, Resolution
from stanch.core.validity import Validity, ValidityCheck
from stanch.db import incidents as rows
from stanch.incidents.checking import check_incident, reopen_overdue
from stanch.incidents.triage import Move


class Issuer:
    """Answers as it is told, and remembers what it was asked."""

    def __init__(self, desk, validity: Validity) -> None:
        self.desk, self.validity, self.asked = desk, validity, []

    def __call__(self, findings):
        self.asked += findings
        check = ValidityCheck(
            validity=self.validity, reason="said", message="It said so.", checked_at=self.desk.now(), evidence={"account": "ci"}
        )
        return [replace(f, validity=check) for f in findings]


def row_of(desk, workspace, incident):
    with desk.look() as connection:
        return rows.incident(connection, workspace, incident)


def checked(desk, workspace, incident, validity):
    issuer = Issuer(desk, validity)
    check_incident(desk, incident, issuer, workspace=workspace)
    return issuer


def test_the_issuer_gets_the_value_with_its_other_parts(desk):
    workspace, incident = recorded(desk, keep=True)
    (asked,) = checked(desk, workspace, incident, Validity.LIVE).asked
    assert asked.secret.reveal() == PLAIN


def test_the_answer_is_on_record_with_its_evidence(desk):
    workspace, incident = recorded(desk, keep=True)
    checked(desk, workspace, incident, Validity.LIVE)
    row = row_of(desk, workspace, incident)
    assert (row["validity"], row["checked_at"]) == ("live", desk.now())
    with desk.look() as connection:
        (check,) = rows.checks_of(connection, workspace, row["secret_id"])
        events = [event["kind"] for event in rows.events_of(connection, workspace, incident)]
    assert check["evidence"] == {"account": "ci"}
    assert "validity_changed" in events


def test_what_works_is_more_urgent_and_what_is_dead_less(desk):
    workspace, incident = recorded(desk, keep=True)
    before = row_of(desk, workspace, incident)["score"]
    checked(desk, workspace, incident, Validity.LIVE)
    live = row_of(desk, workspace, incident)["score"]
    checked(desk, workspace, incident, Validity.DEAD)
    assert row_of(desk, workspace, incident)["score"] < before < live


def test_no_answer_does_not_wipe_out_what_was_known(desk):
    workspace, incident = recorded(desk, keep=True)
    checked(desk, workspace, incident, Validity.LIVE)
    checked(desk, workspace, incident, Validity.INCONCLUSIVE)
    assert row_of(desk, workspace, incident)["validity"] == "live"


@pytest.mark.parametrize(
    "move",
    [
        Move(state=IncidentState.RESOLVED, resolution=Resolution.REVOKED),
        Move(state=IncidentState.IGNORED, reason=IgnoreReason.FALSE_POSITIVE),
    ],
)
def test_a_closed_incident_opens_again_when_its_credential_works(desk, move):
    workspace, incident = recorded(desk, keep=True)
    with desk.work(workspace) as work:
        work.triage.move(incident, move)
    checked(desk, workspace, incident, Validity.LIVE)
    row = row_of(desk, workspace, incident)
    assert (row["state"], row["reopened"]) == ("open", 1)


def test_a_closed_incident_stays_closed_when_its_credential_is_dead(desk):
    workspace, incident = recorded(desk, keep=True)
    with desk.work(workspace) as work:
        work.triage.move(incident, Move(state=IncidentState.RESOLVED, resolution=Resolution.REVOKED))
    checked(desk, workspace, incident, Validity.DEAD)
    assert row_of(desk, workspace, incident)["state"] == "resolved"


def test_an_accepted_risk_opens_again_on_its_day_and_not_before(desk, clock):
    workspace, incident = recorded(desk, keep=False)
    with desk.work(workspace) as work:
        until = work.now + timedelta(days=2)
        work.triage.move(incident, Move(state=IncidentState.IGNORED, reason=IgnoreReason.ACCEPTED, until=until))
    for days, state in ((1, "ignored"), (2, "open")):
        clock.pass_(days=days)
        with desk.work(workspace) as work:
            reopen_overdue(work, [incident])
        assert row_of(desk, workspace, incident)["state"] == state
