"""What every page handler needs: values of the request, answers, forms, messages after something was done.

@router.get("/w/{workspace}/incidents")
def incidents(request: Request, caller: Caller = page(Permission.READ)) -> Response:
    return shown(request, caller, "incidents.html", rows=…)

@router.post("/w/{workspace}/incidents/{key}/comments")
def comment(request: Request, form: Form = Depends(read_form), caller: Caller = page(Permission.TRIAGE)) -> Response:
    form.check(request, caller)
    …
    return done(request, caller, f"/incidents/{key}", "The comment is there.")
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import quote, unquote, urlsplit

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from stanch import __version__
from stanch.db import people as people_rows
from stanch.db import workspaces as workspace_rows
from stanch.server.auth import Caller, check_form
from stanch.server.context import Context, context_of
from stanch.server.problems import Problem
from stanch.web.filters import sentence
from stanch.web.preferences import inside, theme_of
from stanch.web.templating import RequestValues, Templates, Toast, WorkspaceLink

TOAST_COOKIE: Final = "stanch_toast"
_LONGEST_TOAST: Final = 400


@dataclass(frozen=True, slots=True)
class Form:
    """What a form sent. Values are text; files are refused.

    Attributes:
        data: names and values as they came.
    """

    data: FormData

    def check(self, request: Request, caller: Caller) -> None:
        """Refuse it unless it came from a page of this session.

        Raises:
            Problem: it did not.
        """
        check_form(request, caller, self.text("csrf") or request.headers.get("x-csrf-token", ""))

    def text(self, name: str, default: str = "") -> str:
        """Return one value without surrounding spaces."""
        value = self.data.get(name, default)
        return value.strip() if isinstance(value, str) else default

    def secret(self, name: str) -> str:
        """Return one value as it is: a password may begin with a space."""
        value = self.data.get(name, "")
        return value if isinstance(value, str) else ""

    def texts(self, name: str) -> list[str]:
        """Return all values of a name."""
        return [value for value in self.data.getlist(name) if isinstance(value, str)]

    def flag(self, name: str) -> bool:
        """Whether a box is ticked."""
        return self.text(name) not in ("", "0", "false", "off")


async def read_form(request: Request) -> Form:
    """Read the form of a request; a dependency of page handlers."""
    return Form(await request.form(max_files=0, max_fields=2_000))


def templates_of(context: Context) -> Templates:
    """Return the templates of this server."""
    return cast(Templates, context.extras["templates"])


def values_of(request: Request, caller: Caller | None = None, *, toasts: Sequence[Toast] = ()) -> RequestValues:
    """Return what templates know about the request; see `stanch.web.templating.RequestValues`."""
    context = context_of(request)
    told = (*_carried(request), *toasts)
    shared: dict[str, Any] = {
        "path": request.url.path,
        "query": request.url.query,
        "theme": theme_of(request),
        "now": context.desk.now(),
        "htmx": request.headers.get("hx-request") == "true",
        "toasts": told,
        "version": __version__,
    }
    if caller is None:
        return RequestValues(**shared)
    principal = caller.principal
    links = workspaces_of(context, caller)
    # a page of no workspace (the account) still leads back into one
    inside_one = [link for link in links if principal.workspace_id and link.slug == principal.workspace_slug]
    here = next(iter([*inside_one, *links]), None)
    return RequestValues(
        **shared,
        base=here.url if here is not None else "",
        csrf=caller.csrf,
        name=principal.name or principal.email,
        email=principal.email,
        role=principal.role.value if principal.role is not None else "",
        operator=principal.operator,
        workspace=here,
        workspaces=links,
        permissions=frozenset(p.value for p in principal.scopes if principal.may(p)),
    )


def workspaces_of(context: Context, caller: Caller) -> tuple[WorkspaceLink, ...]:
    """Return the workspaces that somebody may enter."""
    with context.desk.look() as connection:
        if caller.principal.operator:
            rows = workspace_rows.all_workspaces(connection)
        else:
            rows = people_rows.memberships_of(connection, caller.principal.user_id)
    return tuple(WorkspaceLink(slug=row["slug"], name=row["name"], url=f"/w/{row['slug']}") for row in rows)


def shown(
    request: Request,
    caller: Caller | None,
    template: str,
    *,
    status: int = 200,
    toasts: Sequence[Toast] = (),
    block: str = "",
    **values: object,
) -> Response:
    """Answer with a page, or with one block of it when htmx asks for that part.

    Args:
        request: which.
        caller: who looks; ``None`` where nobody is signed in.
        template: its name.
        status: of the answer.
        toasts: messages to show.
        block: the part that htmx gets; the whole page when empty.
        values: what the template shows.
    """
    known = values_of(request, caller, toasts=toasts)
    templates = templates_of(context_of(request))
    text = (
        templates.block(template, block, known, **values) if block and known.htmx else templates.render(template, known, **values)
    )
    response = HTMLResponse(text, status_code=status, headers={"vary": "HX-Request"})
    if TOAST_COOKIE in request.cookies:
        response.delete_cookie(TOAST_COOKIE, path="/")
    return response


def done(request: Request, caller: Caller | None, path: str, text: str = "", *, kind: str = "success") -> Response:
    """Answer a form: go to a page of the workspace (a path without ``/w/…``), with a message there.

    Args:
        request: which.
        caller: who sent it.
        path: where to go, in the workspace when the caller is in one.
        text: the message.
        kind: of the message.
    """
    base = f"/w/{caller.principal.workspace_slug}" if caller is not None and caller.principal.workspace_id else ""
    return away(request, base + path, text, kind=kind)


def away(request: Request, address: str, text: str = "", *, kind: str = "success") -> Response:
    """Go to any page of this site, with a message there."""
    response: Response
    if request.headers.get("hx-request") == "true":
        response = Response(status_code=200, headers={"hx-redirect": address})
    else:
        response = RedirectResponse(address, status_code=303)
    if text:
        value = quote(json.dumps({"text": sentence(text)[:_LONGEST_TOAST], "kind": kind}))
        secure = context_of(request).settings.is_https
        response.set_cookie(TOAST_COOKIE, value, max_age=60, path="/", httponly=True, samesite="lax", secure=secure)
    return response


def same_site(request: Request) -> None:
    """Refuse a form of another site, where nobody is signed in yet and so no token of a session can tell.

    Raises:
        Problem: the browser says that it comes from elsewhere.
    """
    origin, fetched = request.headers.get("origin", ""), request.headers.get("sec-fetch-site", "")
    own = request.headers.get("host", "")
    if (
        fetched in ("cross-site", "same-site")
        or (origin and origin != "null" and urlsplit(origin).netloc != own)
        or origin == "null"
    ):
        raise Problem(403, "csrf", "The form is from another site. Open the page here and send it from there.")


def safe_next(target: str) -> str:
    """Return where to go after signing in: a page of this site, never another one."""
    return inside(target)


def _carried(request: Request) -> tuple[Toast, ...]:
    """Return the message that the page before left; anybody can write a cookie, so it is text and nothing more."""
    try:
        found = json.loads(unquote(request.cookies.get(TOAST_COOKIE, "")))
        text, kind = str(found["text"])[:_LONGEST_TOAST], str(found["kind"])
    except (ValueError, KeyError, TypeError):
        return ()
    return (Toast(text=text, kind=kind if kind in ("success", "info", "warning", "error") else "info"),)
