"""What a person likes and the server need not know: the theme, kept in a cookie."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse

from stanch.web.templating import THEMES

COOKIE: Final = "stanch_theme"
_YEAR: Final = 31_536_000

router = APIRouter(include_in_schema=False)


def theme_of(request: Request) -> str:
    """Return the theme that this browser asked for."""
    asked = request.cookies.get(COOKIE, "auto")
    return asked if asked in THEMES else "auto"


def inside(address: str) -> str:
    """Return an address of this server's own, or the start page: nobody is sent elsewhere by a link that looks like ours."""
    parts = urlsplit(address)
    safe = address.startswith("/") and not address.startswith(("//", "/\\")) and not parts.netloc and address.isprintable()
    return address if safe and "\\" not in address else "/"


@router.post("/preferences/theme")
def choose_theme(
    request: Request, theme: Annotated[str, Form()] = "auto", back: Annotated[str, Form(alias="next")] = "/"
) -> RedirectResponse:
    """Keep the theme and go back. It needs no token against forgery: the worst that could happen is a dark page."""
    answer = RedirectResponse(inside(back), 303)
    chosen = theme if theme in THEMES else "auto"
    context = getattr(request.app.state, "context", None)  # the gallery of components has none
    secure = request.url.scheme == "https" if context is None else context.settings.is_https
    answer.set_cookie(COOKIE, chosen, max_age=_YEAR, samesite="lax", secure=secure, path="/")
    return answer
