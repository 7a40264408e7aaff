"""Whether the server lives, whether it can work, and its numbers: for whoever runs it."""

from __future__ import annotations

import hmac
import ipaddress
from contextlib import suppress
from typing import Final

from fastapi import Request, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import JSONResponse

from stanch.db import metrics as rows
from stanch.db import migrate
from stanch.server.context import Context, context_of
from stanch.server.metrics import Metrics
from stanch.server.models.system import Alive, Ready
from stanch.server.problems import Problem
from stanch.server.routing import api_router

AT_ROOT: Final = True
router = api_router("health")


@router.get("/healthz")
def check_alive() -> Alive:
    """Say that the server answers."""
    return Alive(status="ok")


@router.get("/readyz", response_model=Ready, responses={503: {"model": Ready, "description": "Something is missing."}})
def check_ready(request: Request) -> Response:
    """Say whether the server can do its work: the database answers, is of this version, and the engine of runs works."""
    context = context_of(request)
    checks = {
        "database": "ok" if _database(context) else "does not answer",
        "migrations": "ok" if _migrated(context) else "of another version",
        "engine": "ok" if _engine(context) else "not running",
    }
    ready = all(state == "ok" for state in checks.values())
    found = Ready(status="ready" if ready else "not_ready", checks=checks)
    return JSONResponse(found.model_dump(), status_code=200 if ready else 503)


def _database(context: Context) -> bool:
    with suppress(Exception), context.desk.look() as connection:
        return rows.answers(connection)
    return False


def _migrated(context: Context) -> bool:
    with suppress(Exception):
        migrate.require_current(context.desk.database)
        return True
    return False


def _engine(context: Context) -> bool:
    """Whether runs can be looked up; an engine of another process has no other sign of life."""
    with suppress(Exception):
        context.engine.list("", limit=1)
        return True
    return False


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}})
def get_metrics(request: Request) -> Response:
    """Show the server's numbers in the format of Prometheus: with the bearer token of the settings, or to this machine alone."""
    context = context_of(request)
    if not _may_scrape(request, context.settings.metrics_token):
        raise Problem(
            401,
            "unauthenticated",
            "Send the metrics token as bearer token; without one only this machine may read the metrics.",
            headers={"WWW-Authenticate": 'Bearer realm="stanch metrics"'},
        )
    metrics: Metrics = context.extras["metrics"]
    return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _may_scrape(request: Request, token: str) -> bool:
    if token:
        given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        return hmac.compare_digest(given.encode(), token.encode())
    if "x-forwarded-for" in request.headers or "forwarded" in request.headers:
        return False  # a proxy on this machine asks for somebody else
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
