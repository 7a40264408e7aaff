"""Signing in at an identity provider: to it and back. There when ``context.extras["oidc"]`` holds an `Oidc`."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from stanch.people.oidc import COOKIE_LASTS, Arrived, Oidc
from stanch.people.provider import ProviderError
from stanch.server.auth import client_address, cookie_name
from stanch.server.context import context_of
from stanch.server.problems import Problem
from stanch.web.pages.common import away, safe_next, shown
from stanch.web.pages.sign_in import with_session

router = APIRouter()
COOKIE: Final = "stanch_elsewhere"
BACK: Final = "/sign-in/oidc/back"  # the redirect address that the provider knows, after the base address


@router.get("/sign-in/oidc")
def leave(request: Request, next: str = "/", again: bool = False) -> Response:
    """Lead to the provider; *again* makes it ask for a password though it knows the person."""
    try:
        begun = _oidc(request).begin(next=safe_next(next), again=again)
    except ProviderError as exc:
        return _form(request, str(exc), safe_next(next), status=503)
    response = RedirectResponse(begun.location, status_code=303, headers={"cache-control": "no-store"})
    response.set_cookie(
        COOKIE,
        begun.cookie,
        max_age=int(COOKIE_LASTS.total_seconds()),
        path="/sign-in/oidc",
        httponly=True,
        samesite="lax",  # it comes back with a link from another site
        secure=context_of(request).settings.is_https,
    )
    return response


@router.get(BACK)
def back(request: Request) -> Response:
    """Let in whom the provider sends back."""
    context = context_of(request)
    done = _oidc(request).finish(
        request.cookies.get(COOKIE, ""),
        dict(request.query_params),
        address=client_address(request),
        agent=request.headers.get("user-agent", "")[:300],
        now=context.desk.now(),
        replaces=request.cookies.get(cookie_name(context), ""),
        request_id=str(request.scope.get("stanch.request_id", "")),
    )
    if isinstance(done, Arrived):
        response = with_session(request, away(request, safe_next(done.next), ""), done.opened)
    else:
        response = _form(request, done.message, "/", status=401)
    response.delete_cookie(COOKIE, path="/sign-in/oidc", secure=context.settings.is_https, httponly=True, samesite="lax")
    return response


def _oidc(request: Request) -> Oidc:
    found = context_of(request).extras.get("oidc")
    if not isinstance(found, Oidc):
        raise Problem(404, "not_found", "People sign in here with a password.")
    return found


def _form(request: Request, error: str, next: str, *, status: int) -> Response:
    name = _oidc(request).settings.name
    return shown(request, None, "sign_in.html", status=status, next=next, email="", error=error, provider=name)
