"""Show the plain value of an incident: to whom may see it, has shown again that it is them, and says what it is for."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from stanch.core.errors import ConflictError, InputError, NotFoundError
from stanch.db import incidents as rows
from stanch.incidents.revealing import reveal as reveal_value
from stanch.incidents.values import KeptValue
from stanch.people.sessions import Opened
from stanch.people.signin import Refused, SignIn
from stanch.server.auth import Caller, client_address, cookie_name
from stanch.server.limits import limited
from stanch.server.routes.incident_parts import REVEALS_PER_MINUTE
from stanch.web.pages.common import Form, shown
from stanch.web.pages.incident_acts import BASE, refused
from stanch.web.pages.incident_forms import Revealer, Sent
from stanch.web.pages.sign_in import with_session

router = APIRouter()
_DIGITS: Final = 6  # of an authenticator's code; a password is longer


@router.post(f"{BASE}/reveal")
def reveal(request: Request, number: int, form: Sent, caller: Revealer) -> Response:
    """Show the plain value: in this answer alone. Loading the page again shows the incident, not the value."""
    form.check(request, caller)
    with caller.desk.look() as connection:
        row = rows.incident(connection, caller.workspace, str(number))
    if row is None:
        raise NotFoundError("there is no such incident.")
    limited(caller.context, "reveals", caller.principal.user_id, REVEALS_PER_MINUTE)
    opened: Opened | None = None
    try:
        opened = _confirmed(request, form, caller)
        if opened is not None:  # the session has another cookie now, and forms of this answer another token
            caller = replace(caller, csrf=opened.csrf, principal=replace(caller.principal, confirmed_at=caller.desk.now()))
        kept = reveal_value(
            caller.desk,
            row["id"],
            workspace=caller.workspace,
            actor=caller.actor,
            reason=form.text("reason"),
            request_id=caller.request_id,
        )
        response = shown(request, caller, "reveal.html", row=row, parts=_parts(kept))
    except (InputError, ConflictError) as exc:
        response = refused(request, caller, number, form, exc)
    response.headers["cache-control"] = "no-store, max-age=0"
    return response if opened is None else with_session(request, response, opened)


def _confirmed(request: Request, form: Form, caller: Caller) -> Opened | None:
    """Let the person show again that it is them, when that was not a short while ago.

    Raises:
        InputError: they did not.
    """
    if caller.principal.confirmed(caller.desk.now()):
        return None
    proof = form.secret("proof")
    is_code = proof.strip().isdigit() and len(proof.strip()) == _DIGITS
    found = SignIn(caller.desk).confirm(
        request.cookies.get(cookie_name(caller.context), ""),
        password="" if is_code else proof,
        code=proof.strip() if is_code else "",
        address=client_address(request),
        now=caller.desk.now(),
        request_id=caller.request_id,
    )
    if isinstance(found, Refused):
        wait = f" Wait {found.retry_after} seconds." if found.retry_after else ""
        raise InputError(
            f"show again that it is you: that password or code is not right.{wait}",
            hint="Or sign out and in again.",
            code="confirm_needed",
        )
    return found


def _parts(kept: KeptValue) -> list[tuple[str, str, bool]]:
    """Return what is shown of a value: name, text, whether the text is Base64 of bytes."""
    named = [("value", kept.value), *sorted(kept.companions.items())]
    return [(name, *_text(value)) for name, value in named]


def _text(value: bytes) -> tuple[str, bool]:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode("ascii"), True
    return (text, False) if "\0" not in text else (base64.b64encode(value).decode("ascii"), True)
