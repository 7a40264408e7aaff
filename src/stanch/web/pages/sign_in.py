"""Coming in and going out: sign-in with password and code, one-time links, sign-out."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from stanch.core.errors import InputError, NotFoundError
from stanch.people import joining, sessions
from stanch.people.sessions import Opened
from stanch.people.signin import NeedsCode, Refused, SignedIn, SignIn
from stanch.server.auth import Caller, SignInNeeded, client_address, cookie_name, page_of_person
from stanch.server.context import context_of
from stanch.web.pages.common import Form, away, read_form, safe_next, same_site, shown, workspaces_of

router = APIRouter()
_WRONG: Final = "That address and password do not belong together."
Sent = Annotated[Form, Depends(read_form)]
Person = Annotated[Caller, Depends(page_of_person)]


@router.get("/")
def home(request: Request, caller: Person) -> Response:
    """Lead to the person's first workspace."""
    links = workspaces_of(caller.context, caller)
    if not links:
        return shown(request, caller, "no_workspace.html")
    return RedirectResponse(links[0].url, status_code=303)


@router.get("/sign-in")
def sign_in_page(request: Request, next: str = "/") -> Response:
    """Show the form; who is signed in already goes on."""
    try:
        page_of_person(request)
    except SignInNeeded:
        return shown(request, None, "sign_in.html", next=safe_next(next), email="", error="", **_providers(request))
    return RedirectResponse(safe_next(next), status_code=303)


@router.post("/sign-in")
def sign_in(request: Request, form: Sent) -> Response:
    """Let somebody in by password."""
    same_site(request)
    context = context_of(request)
    target, email = safe_next(form.text("next", "/")), form.text("email")
    found = SignIn(context.desk).password(
        email,
        form.secret("password"),
        None,
        address=client_address(request),
        agent=_agent(request),
        now=context.desk.now(),
        cookie=request.cookies.get(cookie_name(context), ""),
        request_id=_id(request),
    )
    if isinstance(found, NeedsCode):
        return shown(request, None, "sign_in_code.html", next=target, ticket=found.ticket, error="")
    if isinstance(found, Refused):
        error = _waiting(found, _WRONG)
        return _retry(
            shown(
                request, None, "sign_in.html", status=_status(found), next=target, email=email, error=error, **_providers(request)
            ),
            found,
        )
    return _enter(request, found, target)


@router.post("/sign-in/code")
def sign_in_code(request: Request, form: Sent) -> Response:
    """Let somebody in by the code that comes after the password."""
    same_site(request)
    context = context_of(request)
    target, ticket = safe_next(form.text("next", "/")), form.text("ticket")
    found = SignIn(context.desk).code(
        ticket,
        form.text("code"),
        address=client_address(request),
        agent=_agent(request),
        now=context.desk.now(),
        cookie=request.cookies.get(cookie_name(context), ""),
        request_id=_id(request),
    )
    if isinstance(found, SignedIn):
        return _enter(request, found, target)
    error = _waiting(found, "That code is not right, or it took too long.") if isinstance(found, Refused) else ""
    wait = found if isinstance(found, Refused) else Refused()
    return _retry(shown(request, None, "sign_in_code.html", status=_status(wait), next=target, ticket=ticket, error=error), wait)


@router.post("/sign-out")
def sign_out(request: Request, caller: Person, form: Sent) -> Response:
    """End the session."""
    form.check(request, caller)
    name = cookie_name(caller.context)
    with caller.desk.database.begin() as connection:
        sessions.close_session(connection, request.cookies.get(name, ""))
    response = away(request, "/sign-in", "You are signed out.", kind="info")
    response.delete_cookie(name, path="/", secure=caller.context.settings.is_https, httponly=True, samesite="lax")
    response.headers["clear-site-data"] = '"cache"'
    return response


@router.get("/welcome/{token}")
def welcome_page(request: Request, token: str) -> Response:
    """Show what a one-time link offers."""
    return _welcome(request, token)


@router.post("/welcome/{token}")
def welcome(request: Request, token: str, form: Sent) -> Response:
    """Use a one-time link."""
    same_site(request)
    context = context_of(request)
    if form.secret("password") != form.secret("again") and form.secret("password"):
        return _welcome(request, token, form, errors=[("again", "The two passwords differ.")])
    try:
        done = joining.redeem(
            context.desk,
            token,
            email=form.text("email"),
            name=form.text("name"),
            password=form.secret("password"),
            address=client_address(request),
            agent=_agent(request),
            cookie=request.cookies.get(cookie_name(context), ""),
            request_id=_id(request),
        )
    except InputError as exc:
        field = "email" if exc.code.startswith("email") else "password"
        return _welcome(request, token, form, errors=[(field, str(exc))])
    if done.opened is None:
        return away(request, "/sign-in", "Done. Sign in now.")
    return with_session(request, away(request, "/", "Welcome to Stanch."), done.opened)


def with_session(request: Request, response: Response, opened: Opened) -> Response:
    """Give a browser the cookie of its session."""
    context = context_of(request)
    age = max(0, int((opened.expires_at - context.desk.now()).total_seconds()))
    response.set_cookie(
        cookie_name(context),
        opened.cookie,
        max_age=age,
        path="/",
        httponly=True,
        samesite="lax",
        secure=context.settings.is_https,
    )
    return response


def _enter(request: Request, found: SignedIn, target: str) -> Response:
    text = ""
    if found.recovery_left is not None:
        text = f"A recovery code was used; {found.recovery_left} are left. Make new ones in your account."
    return with_session(request, away(request, target, text, kind="warning"), found.opened)


def _welcome(request: Request, token: str, form: Form | None = None, errors: list[tuple[str, str]] | None = None) -> Response:
    context = context_of(request)
    with context.desk.look() as connection:
        offer = joining.peek(connection, token, context.desk.now())
    if offer is None:
        raise NotFoundError("this link was used already, or its time is over.", hint="Ask for another one.", code="link")
    typed = {"email": form.text("email") if form else offer.email, "name": form.text("name") if form else ""}
    status = 422 if errors else 200
    return shown(request, None, "welcome.html", status=status, offer=offer, errors=errors or [], typed=typed)


def _providers(request: Request) -> dict[str, Any]:
    return {"provider": context_of(request).extras.get("oidc_name", "")}


def _waiting(found: Refused, otherwise: str) -> str:
    if not found.retry_after:
        return otherwise
    unit, size = ("seconds", 1) if found.retry_after < 120 else ("minutes", 60)
    return f"Too many attempts. Wait {-(-found.retry_after // size)} {unit}, then try again."


def _status(found: Refused) -> int:
    return 429 if found.retry_after else 401


def _retry(response: Response, found: Refused) -> Response:
    if found.retry_after:
        response.headers["retry-after"] = str(found.retry_after)
    return response


def _agent(request: Request) -> str:
    return request.headers.get("user-agent", "")[:300]


def _id(request: Request) -> str:
    return str(request.scope.get("stanch.request_id", ""))
