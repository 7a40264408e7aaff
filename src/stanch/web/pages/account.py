"""One's own account: name, password, authenticator, sessions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import Response

from stanch.core.errors import StanchError
from stanch.db import people as rows
from stanch.incidents.desk import Work
from stanch.people import accounts, sessions, totp
from stanch.people.signin import Refused, SignIn
from stanch.server.auth import Caller, client_address, cookie_name
from stanch.web.agents import browser_of
from stanch.web.pages.common import away, safe_next, shown
from stanch.web.pages.forms import Person, Sent
from stanch.web.pages.sign_in import with_session

router = APIRouter()


@router.get("/account")
def account(request: Request, caller: Person) -> Response:
    """Show the account."""
    return _page(request, caller)


@router.post("/account/profile")
def profile(request: Request, caller: Person, form: Sent) -> Response:
    """Change the name."""
    form.check(request, caller)
    try:
        with caller.desk.work("", caller.actor, request_id=caller.request_id) as work:
            accounts.change_profile(work, caller.principal, name=form.text("name"))
    except StanchError as exc:
        return away(request, "/account", str(exc), kind="error")
    return away(request, "/account", "Saved.")


@router.post("/account/password")
def password(request: Request, caller: Person, form: Sent) -> Response:
    """Change the password; all other sessions end."""
    form.check(request, caller)
    if form.secret("new") != form.secret("again"):
        return away(request, "/account", "The two new passwords differ.", kind="error")
    try:
        found = SignIn(caller.desk).change_password(
            _cookie(request, caller),
            form.secret("current"),
            form.secret("new"),
            address=client_address(request),
            now=caller.desk.now(),
            request_id=caller.request_id,
        )
    except StanchError as exc:
        return away(request, "/account", str(exc), kind="error")
    if isinstance(found, Refused):
        return away(request, "/account", _refused(found), kind="error")
    return with_session(request, away(request, "/account", "The password is changed; all other sessions have ended."), found)


@router.post("/account/confirm")
def confirm(request: Request, caller: Person, form: Sent) -> Response:
    """Give the password again, for acts that ask for it."""
    form.check(request, caller)
    found = SignIn(caller.desk).confirm(
        _cookie(request, caller),
        password=form.secret("password"),
        code=form.text("code"),
        address=client_address(request),
        now=caller.desk.now(),
        request_id=caller.request_id,
    )
    target = safe_next(form.text("next", "/account"))
    if isinstance(found, Refused):
        return away(request, target, _refused(found), kind="error")
    return with_session(request, away(request, target, "Confirmed for a quarter of an hour.", kind="info"), found)


@router.post("/account/authenticator")
def begin(request: Request, caller: Person, form: Sent) -> Response:
    """Show what an authenticator needs."""
    form.check(request, caller)
    try:
        with caller.desk.work("", caller.actor, request_id=caller.request_id) as work:
            enrolment = totp.begin(work, caller.principal)
    except StanchError as exc:
        return away(request, "/account", str(exc), kind="error")
    return _page(request, caller, enrolment=enrolment, picture=Markup(enrolment.svg))  # noqa: S704  made by segno of our own text


@router.post("/account/authenticator/confirm")
def turn_on(request: Request, caller: Person, form: Sent) -> Response:
    """Turn the authenticator on with a first code, and show the recovery codes this once."""
    form.check(request, caller)
    return _codes(request, caller, lambda work: totp.confirm(work, caller.principal, form.text("code")))


@router.post("/account/authenticator/codes")
def renew(request: Request, caller: Person, form: Sent) -> Response:
    """Replace the recovery codes."""
    form.check(request, caller)
    return _codes(request, caller, lambda work: totp.renew_recovery_codes(work, caller.principal))


@router.post("/account/authenticator/off")
def turn_off(request: Request, caller: Person, form: Sent) -> Response:
    """Take the authenticator away."""
    form.check(request, caller)
    try:
        with caller.desk.work("", caller.actor, request_id=caller.request_id) as work:
            totp.disable(work, caller.principal, caller.principal.user_id)
    except StanchError as exc:
        return away(request, "/account", str(exc), kind="error")
    return away(request, "/account", "The authenticator is off.", kind="warning")


@router.post("/account/sessions/{session}/end")
def end(request: Request, caller: Person, session: str, form: Sent) -> Response:
    """End one of one's other sessions."""
    form.check(request, caller)
    try:
        with caller.desk.work("", caller.actor, request_id=caller.request_id) as work:
            accounts.end_session(work, caller.principal, session)
    except StanchError:
        return away(request, "/account", "That session is over already.", kind="info")
    return away(request, "/account", "The session has ended.", kind="info")


def _codes(request: Request, caller: Caller, act: Callable[[Work], Sequence[str]]) -> Response:
    try:
        with caller.desk.work("", caller.actor, request_id=caller.request_id) as work:
            codes = act(work)
    except StanchError as exc:
        return away(request, "/account", str(exc), kind="error")
    return _page(request, caller, codes=codes)


def _page(request: Request, caller: Caller, **more: object) -> Response:
    who = caller.principal
    with caller.desk.look() as connection:
        row = rows.user(connection, who.user_id)
        places = accounts.workspaces_of(connection, who.user_id)
        open_ = sessions.list_sessions(connection, who.user_id, now=caller.desk.now(), current=who.session_hash)
    assert row is not None
    values: dict[str, Any] = {"enrolment": None, "picture": "", "codes": (), **more}
    return shown(
        request,
        caller,
        "account.html",
        user=row,
        places=places,
        sessions=[(one, browser_of(one.agent)) for one in open_],
        confirmed=who.confirmed(caller.desk.now()),
        **values,
    )


def _cookie(request: Request, caller: Caller) -> str:
    return request.cookies.get(cookie_name(caller.context), "")


def _refused(found: Refused) -> str:
    if found.retry_after:
        return f"Too many attempts. Wait {found.retry_after} seconds, then try again."
    return "That password or code is not right."
