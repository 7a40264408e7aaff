"""Let a person see a plain value: only with a reason, and only after the audit trail has it."""

from __future__ import annotations

from typing import Final

from stanch.core.errors import InputError
from stanch.core.incident import Actor
from stanch.db import record as rows
from stanch.db.text import clean
from stanch.incidents.desk import Desk
from stanch.incidents.refreshing import event_row
from stanch.incidents.values import KeptValue, open_value

SHORTEST_REASON: Final = 10
_LONGEST_REASON: Final = 500


def reveal(desk: Desk, incident: str, *, workspace: str, actor: Actor, reason: str, request_id: str = "") -> KeptValue:
    """Return the kept value of an incident. Whether the actor may see it is for the caller to decide before.

    The entry in the audit trail is written and committed first: a crash between leaves a trace without a view, never a view
    without a trace.

    Raises:
        InputError: there is no real reason.
        NotFoundError: there is no such incident.
        ConflictError: its value was not kept.
    """
    reason = " ".join(reason.split())
    if not SHORTEST_REASON <= len(reason) <= _LONGEST_REASON:
        raise InputError(
            f"a reason of {SHORTEST_REASON} to {_LONGEST_REASON} characters is needed to see a value.",
            hint="It goes on the audit trail: say what you need it for.",
            code="reason_length",
        )
    with desk.look() as connection:
        kept = open_value(connection, desk.keyring, workspace=workspace, incident=incident)
    with desk.work(workspace, actor, request_id=request_id) as work:
        event = event_row(workspace, incident, "revealed", {"reason": clean(reason, _LONGEST_REASON)}, actor=actor, now=work.now)
        rows.add_event(work.connection, event)
        work.note("incident.reveal", subject=incident, data={"reason": clean(reason, _LONGEST_REASON)})
    return kept
