"""Numbers for Prometheus: what the server answered, and how the installation stands when it is asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stanch import __version__
from stanch.db import metrics as rows

if TYPE_CHECKING:
    from stanch.server.context import Context

_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BEAT: Final = timedelta(minutes=2)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The numbers of one server.

    Args:
        context: of the server.

    Attributes:
        registry: of its own, so that nobody else's numbers get in.
    """

    def __init__(self, context: Context) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter("stanch_requests", "Requests answered.", labels, registry=self.registry)
        self._seconds = Histogram(
            "stanch_request_seconds", "Time to answer.", ("method", "route"), buckets=_BUCKETS, registry=self.registry
        )
        self.registry.register(_Standing(context))

    def note(self, scope: Scope, status: int, seconds: float) -> None:
        """Count one answer, by the route and not by the address, which has no end."""
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = getattr(scope.get("route"), "path", "") or ("/static" if scope["path"].startswith("/static/") else "none")
        if scope["path"].startswith("/api/v1/") and not route.startswith("/api/"):
            route = f"/api/v1{route}"  # a route of an included router does not know where it was put
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)


class _Standing(Collector):
    """How the installation stands, read from the record when somebody asks."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def describe(self) -> Iterator[Metric]:
        """Return nothing: the names are known without asking the record."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Count."""
        desk = self._context.desk
        with desk.look() as connection:
            incidents = rows.incidents_by_state(connection)
            runs = rows.runs_by_state(connection)
            deliveries = rows.deliveries_by_state(connection)
            workers = rows.live_workers(connection, desk.now() - _BEAT)
        yield _family("stanch_incidents", "Incidents.", ("state", "severity"), [((s, v), n) for s, v, n in incidents])
        yield _family("stanch_runs", "Runs.", ("job", "state"), [((j, s), n) for j, s, n in runs])
        yield _family("stanch_notifications", "Notifications.", ("state",), [((s,), n) for s, n in deliveries])
        yield _family("stanch_workers", "Workers that live.", (), [((), workers)])
        yield _family("stanch_build_info", "Version of the server.", ("version",), [((__version__,), 1)])


def _family(name: str, text: str, labels: tuple[str, ...], values: list[tuple[tuple[str, ...], int]]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for names, value in values:
        family.add_metric(names, value)
    return family


class Measuring:
    """Counts every answer.

    Args:
        app: what answers.
        metrics: where to.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            self._metrics.note(scope, status, time.perf_counter() - began)
