"""The whole site: the API, the pages, and what both stand on."""

from __future__ import annotations

import importlib
import pkgutil

from fastapi import FastAPI, Request
from starlette.responses import RedirectResponse, Response

from stanch.server.app import create_api
from stanch.server.auth import Caller, SignInNeeded
from stanch.server.context import Context
from stanch.server.problems import problem_of
from stanch.web import pages, preferences
from stanch.web.assets import shipped_assets
from stanch.web.pages.common import shown
from stanch.web.templating import Templates


def create_site(context: Context) -> FastAPI:
    """Make the application that `stanch serve` runs."""
    assets = shipped_assets()
    context.extras["templates"] = Templates(assets=assets)
    app = create_api(context, page_error=page_error)
    app.add_exception_handler(SignInNeeded, _to_sign_in)
    app.mount("/static", assets)
    app.include_router(preferences.router)
    for module in pkgutil.iter_modules(pages.__path__):
        found = importlib.import_module(f"{pages.__name__}.{module.name}")
        if hasattr(found, "router"):
            app.include_router(found.router, include_in_schema=False)
    return app


def page_error(request: Request, exc: Exception) -> Response:
    """Answer an error as a page, with what to do next."""
    problem = problem_of(exc)
    request.scope["stanch.problem"] = problem
    caller = request.scope.get("stanch.caller")
    response = shown(
        request,
        caller if isinstance(caller, Caller) else None,
        "error.html",
        status=problem.status,
        problem=problem,
        request_id=request.scope.get("stanch.request_id", ""),
    )
    response.headers.update(problem.headers)
    return response


def _to_sign_in(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, SignInNeeded)
    if request.headers.get("hx-request") == "true":
        return Response(status_code=401, headers={"hx-redirect": exc.location})
    return RedirectResponse(exc.location, status_code=303)
