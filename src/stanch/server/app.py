"""The application: `create_api` makes it, routes and pages are added to it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from stanch import __version__
from stanch.core.errors import StanchError
from stanch.server import routes
from stanch.server.context import Context
from stanch.server.description import describe
from stanch.server.gate import Gate
from stanch.server.idempotency import Idempotency
from stanch.server.limits import Limits
from stanch.server.metrics import Measuring, Metrics
from stanch.server.problems import Problem, answer, problem_of
from stanch.server.request_log import RequestLog

PREFIX: Final = "/api/v1"
_FOR_PROGRAMS: Final = ("/api/", "/healthz", "/readyz", "/metrics")
PageError = Callable[[Request, Exception], Response]


def create_api(context: Context, *, page_error: PageError | None = None) -> FastAPI:
    """Make the application with all routes of the API.

    Args:
        context: what requests have at hand.
        page_error: answers errors outside ``/api`` as pages; without one they are problem+json too.
    """
    log = RequestLog(context.desk)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        log.close()

    app = FastAPI(
        title="Stanch",
        version=__version__,
        description="Incidents of leaked credentials: look, triage, scan, import, follow runs.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        separate_input_output_schemas=False,
    )
    app.state.context = context
    context.extras["request_log"] = log
    metrics = context.extras["metrics"] = Metrics(context)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]  # as FastAPI says
    for module in pkgutil.iter_modules(routes.__path__):
        found = importlib.import_module(f"{routes.__name__}.{module.name}")
        app.include_router(found.router, prefix="" if getattr(found, "AT_ROOT", False) else PREFIX)

    def handle(request: Request, exc: Exception) -> Response:
        if page_error is not None and not request.url.path.startswith(_FOR_PROGRAMS):
            return page_error(request, exc)
        return answer(request, problem_of(exc))

    kinds: tuple[Any, ...] = (Problem, StanchError, RequestValidationError, HTTPException)
    for kind in kinds:
        app.add_exception_handler(kind, handle)
    app.add_middleware(Idempotency, context=context)
    app.add_middleware(Limits, context=context)
    app.add_middleware(Measuring, metrics=metrics)
    app.add_middleware(Gate, context=context, log=log, broken=handle)
    return app


def description() -> dict[str, Any]:
    """Return the API's description without a record or a server: for the documentation, and for programs that make clients."""
    nothing: Any = None
    context = Context(desk=nothing, engine=nothing)
    app = create_api(context)
    context.extras["request_log"].close()
    return describe(app)
