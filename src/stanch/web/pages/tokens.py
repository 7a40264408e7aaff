"""API tokens: the list, making one (shown once), revoking."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from stanch.core.errors import StanchError
from stanch.core.people import Permission
from stanch.people import tokens
from stanch.server.auth import Caller
from stanch.web.pages.common import done, shown
from stanch.web.pages.forms import Reader, Sent, tried
from stanch.web.pages.settings import manages, sections

router = APIRouter()
SCOPES: Final = (
    ("read", "read", "look at everything in the workspace"),
    ("triage", "triage", "move, assign, tag and comment incidents"),
    ("scan", "scan", "record scans, import, ask issuers, start and stop runs"),
    ("accept", "accept", "accept a risk until a date"),
    ("reveal", "reveal", "see a plain value"),
    ("approve", "approve", "let a run go on that waits for a person"),
    ("manage", "manage", "sources, people, tokens, channels, settings"),
)
LASTS: Final = (("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("", "until it is revoked"))


@router.get("/w/{workspace}/settings/tokens")
def token_list(request: Request, caller: Reader) -> Response:
    """List tokens: everybody's for administrators, one's own for others."""
    return _page(request, caller)


@router.post("/w/{workspace}/settings/tokens")
def create(request: Request, caller: Reader, form: Sent) -> Response:
    """Make a token; its value is in this answer and nowhere else."""
    form.check(request, caller)
    days = form.text("days", "90")
    try:
        with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
            made = tokens.create_token(
                work.connection,
                caller.principal,
                name=form.text("name"),
                scopes=[Permission(scope) for scope in form.texts("scopes")],
                expires_at=work.now + timedelta(days=int(days)) if days in ("30", "90", "365") else None,
                now=work.now,
                audit=caller.desk.audit,
                request_id=caller.request_id,
            )
    except (StanchError, ValueError) as exc:
        text = str(exc) if isinstance(exc, StanchError) else "The form has a value that cannot be used."
        return done(request, caller, "/settings/tokens", text, kind="error")
    return _page(request, caller, value=made.token.reveal().decode())


@router.post("/w/{workspace}/settings/tokens/{token}/revoke")
def revoke(request: Request, caller: Reader, token: str, form: Sent) -> Response:
    """Make a token worthless."""
    form.check(request, caller)
    return tried(
        request,
        caller,
        "/settings/tokens",
        "The token is worthless now.",
        lambda work: tokens.revoke_token(
            work.connection, caller.principal, token, now=work.now, audit=caller.desk.audit, request_id=caller.request_id
        ),
    )


def _page(request: Request, caller: Caller, value: str = "") -> Response:
    owner = "" if manages(caller) else caller.principal.user_id
    with caller.desk.look() as connection:
        found = tokens.list_tokens(connection, caller.workspace, user_id=owner)
    mine = [scope for scope in SCOPES if caller.principal.may(Permission(scope[0]))]
    return shown(
        request,
        caller,
        "settings_tokens.html",
        tabs=sections(caller, "/tokens"),
        tokens=found,
        scopes=mine,
        lasts=LASTS,
        value=value,
        base_url=caller.context.settings.base_url,
    )
