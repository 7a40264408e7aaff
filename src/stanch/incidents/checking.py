"""Ask the issuer of an incident's credential again, and put what it says on record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from stanch.core.errors import NotFoundError
from stanch.core.finding import Finding
from stanch.core.ids import new_id
from stanch.core.incident import SYSTEM, Actor, IncidentState
from stanch.core.validity import Validity, ValidityCheck
from stanch.db import incidents as incident_rows
from stanch.db import record as rows
from stanch.db.text import clean, clean_json
from stanch.incidents.announcing import announce_events
from stanch.incidents.desk import Desk, Work
from stanch.incidents.refreshing import event_row, refresh, reopened, reopening_cause
from stanch.incidents.values import KeptValue, open_value

Ask = Callable[[Sequence[Finding]], list[Finding]]
"""Adds what issuers say to findings that have their values; see `stanch.scanning.asking`."""


def check_incident(desk: Desk, incident: str, ask: Ask, *, workspace: str, actor: Actor = SYSTEM) -> ValidityCheck:
    """Ask whether the kept value of an incident still works, and record the answer.

    The value is opened here, shown to nobody but its issuer, and forgotten. No transaction is open while the issuer thinks.

    Raises:
        NotFoundError: there is no such incident.
        ConflictError: its value was not kept.
    """
    with desk.look() as connection:
        kept = open_value(connection, desk.keyring, workspace=workspace, incident=incident)
    check = _asked(kept, ask)
    with desk.work(workspace, actor) as work:
        record_check(work, incident, check)
    return check


def _asked(kept: KeptValue, ask: Ask) -> ValidityCheck:
    from stanch.scanning.single import finding_of

    given = {name: value.decode("utf-8", "replace") for name, value in kept.companions.items()}
    finding, _ = finding_of(kept.value, kept.detector, given)
    (asked,) = ask([finding])
    assert asked.validity is not None
    return asked.validity


def record_check(work: Work, incident: str, check: ValidityCheck) -> None:
    """Put an issuer's answer on record: history, timeline, severity; a credential that is seen live opens its incident again.

    Raises:
        NotFoundError: there is no such incident.
    """
    rows.take_numbers(work.connection, work.workspace)
    row = incident_rows.lock_incident(work.connection, work.workspace, incident)
    if row is None:
        raise NotFoundError("there is no such incident.")
    rows.add_check(work.connection, _check_row(work, row["secret_id"], check))
    told: list[dict[str, Any]] = []
    values: dict[str, object] = {"checked_at": check.checked_at}
    decided = check.validity not in (Validity.INCONCLUSIVE, Validity.UNCHECKED)
    if decided or row["validity"] == "unchecked":
        values |= {"validity": check.validity.value, "validity_reason": clean(check.reason, 120)}
    if values.get("validity", row["validity"]) != row["validity"]:
        told.append(
            _tell(
                work, incident, "validity_changed", {"from": row["validity"], "to": check.validity.value, "reason": check.reason}
            )
        )
    if reopening_cause(row["state"], row["ignore_reason"], new_place=False, live=check.validity is Validity.LIVE):
        values |= reopened(row["reopened"])
        told.append(_tell(work, incident, "reopened", {"cause": "seen_live"}))
    refresh(work.connection, [incident], {incident: values}, work.now)
    announce_events(work.connection, work.workspace, told, now=work.now)
    work.note("incident.check", subject=incident, data={"validity": check.validity.value, "reason": check.reason})


def reopen_overdue(work: Work, incidents: Sequence[str]) -> None:
    """Open incidents again whose risk was accepted until a date that has passed."""
    for incident in incidents:
        row = incident_rows.lock_incident(work.connection, work.workspace, incident)
        due = row is not None and row["state"] == IncidentState.IGNORED.value and row["ignored_until"] is not None
        if row is None or not due or row["ignored_until"] > work.now:
            continue
        event = _tell(work, incident, "reopened", {"cause": "acceptance_over"})
        refresh(work.connection, [incident], {incident: reopened(row["reopened"])}, work.now)
        announce_events(work.connection, work.workspace, [event], now=work.now)
        work.note("incident.reopened", subject=incident, data={"cause": "acceptance_over"})


def _tell(work: Work, incident: str, kind: str, data: Mapping[str, object]) -> dict[str, Any]:
    event = event_row(work.workspace, incident, kind, data, actor=work.actor, now=work.now)
    rows.add_event(work.connection, event)
    return event


def _check_row(work: Work, secret: str, check: ValidityCheck) -> dict[str, object]:
    return {
        "id": new_id("chk"),
        "workspace_id": work.workspace,
        "secret_id": secret,
        "validity": check.validity.value,
        "reason": clean(check.reason, 120),
        "message": clean(check.message, 1000),
        "evidence": clean_json(dict(check.evidence)),
        "probes": clean_json([asdict(p) | {"at": p.at.isoformat()} for p in check.probes]),
        "checked_at": check.checked_at,
        "actor_name": clean(work.actor.name, 200),
    }
