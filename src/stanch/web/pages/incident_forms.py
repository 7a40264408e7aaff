"""What forms about incidents say, as the use cases take it; one incident's page and the list's bar share the names of fields."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import Annotated, Final, TypeVar

from stanch.core.errors import InputError
from stanch.core.incident import IgnoreReason, IncidentState, Resolution
from stanch.core.people import Permission
from stanch.incidents.triage import Move
from stanch.server.auth import Caller, page
from stanch.web.pages.common import Form
from stanch.web.pages.forms import Reader, Scanner, Sent

__all__ = ["Reader", "Scanner", "Sent"]  # so that pages of incidents take all from here
Triager = Annotated[Caller, page(Permission.TRIAGE)]
Revealer = Annotated[Caller, page(Permission.REVEAL)]
E = TypeVar("E", bound=Enum)
STATES: Final = {
    "start": IncidentState.IN_REMEDIATION,
    "resolve": IncidentState.RESOLVED,
    "ignore": IncidentState.IGNORED,
    "reopen": IncidentState.OPEN,
}
DONE: Final = {
    "start": "in remediation",
    "resolve": "resolved",
    "ignore": "ignored",
    "reopen": "open again",
    "assign": "assigned",
    "tag": "tagged",
    "untag": "without the tag",
}
RESOLUTIONS: Final = (
    ("revoked", "Revoked", "Somebody revoked it, and you know how."),
    ("rotated", "Rotated", "It was replaced everywhere, and the old one is revoked."),
    ("proven_dead", "Proven dead", "Its issuer refuses it."),
    ("expired", "Expired", "It is past its end, and nobody renews it."),
)
REASONS: Final[tuple[tuple[str, str, str], ...]] = (
    ("false_positive", "False positive", "It is no credential at all."),
    ("test_credential", "Test credential", "It is one, and opens nothing that matters."),
    ("accepted", "Risk accepted", "It stays until a day. Then the incident opens again."),
)


def move_of(form: Form, caller: Caller, act: str) -> Move:
    """Read a move of an incident.

    Raises:
        InputError: a field has none of its values.
        NotPermittedError: the person may not accept a risk.
    """
    state = STATES[act]
    reason = _one(IgnoreReason, form.text("reason"), "reason") if state is IncidentState.IGNORED else None
    if reason is IgnoreReason.ACCEPTED:
        caller.principal.require(Permission.ACCEPT)
    return Move(
        state=state,
        reason=reason,
        until=day_of(form.text("until")) if reason is IgnoreReason.ACCEPTED else None,
        resolution=_one(Resolution, form.text("resolution"), "resolution") if state is IncidentState.RESOLVED else None,
        note=form.text("note"),
    )


def day_of(text: str) -> datetime | None:
    """Read a day: its end, in UTC.

    Raises:
        InputError: it is none.
    """
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC) + timedelta(days=1)
    except (ValueError, OverflowError) as exc:
        raise InputError("this is no day.", hint="Write it as 2026-11-25.") from exc


def people_of(form: Form) -> dict[str, str | None]:
    """Read who looks after an incident, as `Triage.assign` takes it."""
    return {"user": form.text("assignee") or None, "team": form.text("team") or None}


def tags_of(form: Form, name: str) -> list[str]:
    """Read tags that are written with commas between them."""
    return [tag for text in form.texts(name) for tag in text.split(",") if tag.strip()]


def version_of(form: Form) -> int | None:
    """Read the version of the incident that the person saw."""
    text = form.text("version")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _one(kind: type[E], text: str, name: str) -> E | None:
    if not text:
        return None
    try:
        return kind(text)
    except ValueError as exc:
        raise InputError(f"there is no such {name}.", hint="Choose one of the list.") from exc
