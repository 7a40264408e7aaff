"""What each error code means: the pages that ``doc_url`` and ``type`` of a problem open. They are for everybody."""

from __future__ import annotations

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from stanch.server.error_pages import error_page, error_pages
from stanch.server.problems import Problem
from stanch.web.pages.common import shown

router = APIRouter()


@router.get("/docs/errors")
def list_error_pages(request: Request) -> Response:
    """Show all codes."""
    return shown(request, None, "error_docs.html", pages=error_pages().values(), page=None, explained="")


@router.get("/docs/errors/{code}")
def show_error_page(request: Request, code: str) -> Response:
    """Show one code."""
    page = error_page(code)
    if page is None:
        raise Problem(404, "not_found", "There is no error of that code in this version.")
    # made by scripts/docs.py of our own documentation, and of nothing else
    return shown(request, None, "error_docs.html", pages=(), page=page, explained=Markup(page.html))  # noqa: S704


@router.get("/docs/problems/{code}")
def show_problem(request: Request, code: str) -> Response:
    """Lead to the code that stands for a class of failures."""
    if error_page(code) is None:
        raise Problem(404, "not_found", "There is no such class of errors.")
    return RedirectResponse(f"/docs/errors/{code}", status_code=303)
