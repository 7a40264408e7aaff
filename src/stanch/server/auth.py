"""Who asks, and whether they may: dependencies of routes.

An API call shows ``Authorization: Bearer stn_…``, or the cookie of a session; a session's writes show the page's token against
forged requests too, as ``X-CSRF-Token`` or as the form field ``csrf``.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from fastapi import Depends, Request

from stanch.core.incident import Actor
from stanch.core.people import Permission
from stanch.incidents.desk import Desk
from stanch.people import access, sessions
from stanch.people.principal import Principal
from stanch.server.context import Context, context_of
from stanch.server.problems import Problem

COOKIE: Final = "stanch_session"
SECURE_COOKIE: Final = "__Host-stanch_session"
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks.

    Attributes:
        principal: whom and what they may do.
        request_id: of this request.
        context: what the server has at hand.
        csrf: what forms of this session's pages carry; empty for tokens.
    """

    principal: Principal
    request_id: str
    context: Context
    csrf: str = ""

    @property
    def desk(self) -> Desk:
        """The record."""
        return self.context.desk

    @property
    def workspace(self) -> str:
        """Id of the workspace that the request is about."""
        return self.principal.workspace_id

    @property
    def actor(self) -> Actor:
        """For timelines and the audit trail."""
        return self.principal.actor


class SignInNeeded(Exception):  # noqa: N818  not an error: a way to the sign-in page
    """A page was asked for by nobody; the answer leads to the sign-in page.

    Args:
        target: where to go afterwards.
    """

    def __init__(self, target: str) -> None:
        super().__init__("sign in first")
        self.location = f"/sign-in?next={quote(target, safe='')}"


def cookie_name(context: Context) -> str:
    """Return what the session's cookie is called: with TLS a name that browsers protect."""
    return SECURE_COOKIE if context.settings.is_https else COOKIE


def requires(permission: Permission) -> Any:
    """Return the dependency of an API route: a `Caller` who may do that.

    Raises:
        Problem: nobody asks (401), or somebody who may not (403).
    """

    def caller(request: Request) -> Caller:
        found = _api_caller(request)
        if not found.principal.workspace_id:
            raise Problem(400, "workspace_needed", "Say which workspace is meant: send X-Stanch-Workspace, its id or short name.")
        _allow(found, permission)
        return found

    caller.permission = permission  # type: ignore[attr-defined]  # for the API's description
    return Depends(caller, scope="function")


def signed_in(request: Request) -> Caller:
    """Return whoever asks the API, whatever they may."""
    return _api_caller(request)


def page(permission: Permission) -> Any:
    """Return the dependency of a page under ``/w/{workspace}``: a `Caller` who may see it, or be led to the sign-in page."""

    def caller(request: Request) -> Caller:
        found = _page_caller(request, request.path_params.get("workspace"))
        if not found.principal.workspace_id:
            raise Problem(404, "not_found", "There is no such workspace, or you are not a member.")
        _allow(found, permission)
        return found

    return Depends(caller, scope="function")


def page_of_person(request: Request) -> Caller:
    """Return whoever looks at a page that belongs to no workspace; nobody is led to the sign-in page."""
    return _page_caller(request, None)


def check_form(request: Request, caller: Caller, given: str) -> None:
    """Refuse a form that did not come from one of this session's pages.

    Raises:
        Problem: its token is missing or another one.
    """
    if not given or not hmac.compare_digest(given.encode(), caller.csrf.encode()):
        raise Problem(403, "csrf", "The form is not from a page of this session. Load the page again.")


def client_address(request: Request) -> str:
    """Return the address that asks; behind a trusted proxy the one that it names."""
    peer = request.client.host if request.client is not None else ""
    trusted = context_of(request).settings.trusted_proxies
    if peer in trusted:
        for hop in reversed(request.headers.get("x-forwarded-for", "").split(",")):
            if hop.strip() and hop.strip() not in trusted:
                return hop.strip()[:45]
    return peer


def _api_caller(request: Request) -> Caller:
    context = context_of(request)
    header = request.headers.get("authorization", "")
    workspace = request.headers.get("x-stanch-workspace")
    if header:
        scheme, _, value = header.partition(" ")
        principal = access.of_token(context.desk, value.strip()) if scheme.lower() == "bearer" else None
        if principal is None:
            raise _unknown("The token is unknown, expired or revoked.")
        if workspace is not None and workspace not in (principal.workspace_id, principal.workspace_slug):
            raise Problem(404, "not_found", "There is no such workspace, or this token is for another one.")
        return _noted(request, Caller(principal=principal, request_id=_id(request), context=context))
    cookie = request.cookies.get(cookie_name(context), "")
    principal = access.of_cookie(context.desk, cookie, workspace) if cookie else None
    if principal is None:
        raise _unknown("Send a token: Authorization: Bearer stn_…")
    found = _noted(request, Caller(principal=principal, request_id=_id(request), context=context, csrf=sessions.csrf_of(cookie)))
    if request.method not in _READING:
        check_form(request, found, request.headers.get("x-csrf-token", ""))
    if not principal.workspace_id and workspace is not None:
        raise Problem(404, "not_found", "There is no such workspace, or you are not a member.")
    return found


def _page_caller(request: Request, workspace: str | None) -> Caller:
    context = context_of(request)
    cookie = request.cookies.get(cookie_name(context), "")
    principal = access.of_cookie(context.desk, cookie, workspace) if cookie else None
    if principal is None:
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        raise SignInNeeded(target if request.method in _READING else "/")
    return _noted(request, Caller(principal=principal, request_id=_id(request), context=context, csrf=sessions.csrf_of(cookie)))


def _allow(caller: Caller, permission: Permission) -> None:
    if not caller.principal.may(permission):
        raise Problem(
            403,
            "not_permitted",
            f"This needs the permission {permission.value!r}, which your role or token does not have in this workspace.",
        )


def _noted(request: Request, caller: Caller) -> Caller:
    request.scope["stanch.caller"] = caller  # for the request log, limits and idempotency
    return caller


def _unknown(detail: str) -> Problem:
    return Problem(401, "unauthenticated", detail, headers={"WWW-Authenticate": 'Bearer realm="stanch"'})


def _id(request: Request) -> str:
    return str(request.scope.get("stanch.request_id", ""))
