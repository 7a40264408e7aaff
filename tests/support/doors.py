"""A door that leads nowhere: requests are answered by a function, so that a test says what an issuer does."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from stanch.core.validity import Probe
from stanch.issuers.model import HttpRequest
from stanch.net.model import HttpAnswer, NoAnswerError

MOMENT = datetime(2026, 11, 25, 8, 30, tzinfo=UTC)


class FunctionDoor:
    """A `stanch.issuers.model.Door` that asks a function.

    Args:
        issuer: from request to answer; raises `NoAnswerError` for silence.
        overrides: well-known host → base address.
        now: the time.

    Attributes:
        sent: every request, in order.
    """

    def __init__(
        self, issuer: Callable[[HttpRequest], HttpAnswer], *, overrides: Mapping[str, str] | None = None, now: datetime = MOMENT
    ) -> None:
        self.issuer = issuer
        self.overrides = dict(overrides or {})
        self.moment = now
        self.sent: list[HttpRequest] = []

    def send(self, request: HttpRequest, *, probes: list[Probe]) -> HttpAnswer:
        self.sent.append(request)
        host = urlsplit(request.url).netloc
        try:
            answer = self.issuer(request)
        except NoAnswerError:
            probes.append(Probe(host=host, at=self.moment, method=request.method))
            raise
        probes.append(Probe(host=host, at=self.moment, method=request.method, status=answer.status))
        return answer

    def connect(self, host: str, port: int, *, probes: list[Probe], protocol: str) -> socket.socket:
        raise NoAnswerError("connection", f"{host} is not there: this door speaks HTTP only.")

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def host(self, name: str) -> str:
        return self.overrides.get(name, f"https://{name}")

    def now(self) -> datetime:
        return self.moment


def always(status: int, body: bytes = b"", **headers: str) -> Callable[[HttpRequest], HttpAnswer]:
    """Return an issuer that gives everybody the same answer; ``content_type`` stands for ``content-type``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: HttpAnswer(status=status, headers=named, body=body)
