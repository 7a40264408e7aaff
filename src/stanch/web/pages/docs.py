"""What errors mean: the pages that ``doc_url`` and ``type`` of a problem lead to. Anybody may read them."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import Response

from stanch.core.errors import NotFoundError
from stanch.server.auth import Caller, SignInNeeded, page_of_person
from stanch.server.error_pages import ErrorPage, error_page, error_pages
from stanch.server.problems import TITLES
from stanch.web.pages.common import shown

router = APIRouter()
_STATUSES: Final = {code: (status, title) for status, (code, title) in TITLES.items()}


@router.get("/docs")
@router.get("/docs/errors")
def errors(request: Request) -> Response:
    """List all codes by what they are about."""
    chapters: dict[str, list[ErrorPage]] = {}
    for found in error_pages().values():
        chapters.setdefault(found.chapter, []).append(found)
    return shown(request, _reader(request), "docs_errors.html", chapters=chapters)


@router.get("/docs/errors/{code}")
def error(request: Request, code: str) -> Response:
    """Explain one code."""
    found = error_page(code)
    if found is None:
        raise NotFoundError("no error has that code in this version.", hint="Look through the list of all of them.")
    return _page(request, found, http=_STATUSES.get(code, (0, ""))[0])


@router.get("/docs/problems/{code}")
def problem(request: Request, code: str) -> Response:
    """Explain what all problems of one status have in common."""
    found = error_page(code)
    if code not in _STATUSES or found is None:
        raise NotFoundError("no problem has that name in this version.", hint="Look through the list of all errors.")
    return _page(request, found, http=_STATUSES[code][0])


def _page(request: Request, found: ErrorPage, *, http: int) -> Response:
    body = Markup(found.html)  # noqa: S704  scripts/docs.py made it of our own documentation
    return shown(request, _reader(request), "docs_error.html", page=found, body=body, http=http)


def _reader(request: Request) -> Caller | None:
    """Return who reads, if somebody is signed in: for the navigation around the page."""
    try:
        return page_of_person(request)
    except SignInNeeded:
        return None
