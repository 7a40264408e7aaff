"""The first to see a request and the last to see its answer: names, sizes, request ids, headers of safety, the request log.

It is plain ASGI, because Starlette's own middleware class would read streams it has no business with.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stanch.core.errors import place_of
from stanch.core.ids import new_id
from stanch.server.problems import Problem, answer

if TYPE_CHECKING:
    from stanch.server.context import Context
    from stanch.server.request_log import RequestLog

Broken = Callable[[Request, Exception], Response]
log = logging.getLogger("stanch.server")
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; "
    "manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_SAFETY: Final = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "content-security-policy": POLICY,
}
_OWN_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]", "testserver"})


class Gate:
    """Wraps the whole application.

    Args:
        app: what answers.
        context: of the server.
        log: where API requests are written down.
        broken: answers what nobody expected. Starlette's own way would let the exception go on to the server's log, with its
            message, which may quote a credential.
    """

    def __init__(self, app: ASGIApp, *, context: Context, log: RequestLog, broken: Broken) -> None:
        self._app = app
        self._broken = broken
        self._context = context
        self._log = log
        settings = context.settings
        self._names = _OWN_NAMES | {settings.host, *settings.hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["stanch.request_id"] = new_id("req")
        began = time.perf_counter()
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._dress(scope, message)
            await send(message)

        refused = self._refusal(scope)
        try:
            if refused is not None:
                scope.setdefault("app", None)
                await self._refuse(refused, scope, receive, sending)
            else:
                await self._app(scope, _Limited(receive, self._largest(scope)), sending)
        except Exception as exc:
            log.error("unexpected %s at %s in request %s", type(exc).__name__, place_of(exc), scope["stanch.request_id"])
            if status:
                raise ConnectionAbortedError("the answer was cut short") from None
            await self._broken(Request({**scope, "app": _App(self._context)}, receive), exc)(scope, receive, sending)
        finally:
            self._log.note(scope, status, (time.perf_counter() - began) * 1000)

    def _refusal(self, scope: Scope) -> Problem | None:
        headers = Headers(scope=scope)
        if _name(headers.get("host", "")) not in self._names:
            return Problem(
                421, "wrong_host", "This server does not answer to that name. Set the base URL, or add the name to the hosts."
            )
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > self._largest(scope):
            return Problem(413, "body_too_large", f"A request to this address has at most {self._largest(scope):,} bytes.")
        return None

    def _largest(self, scope: Scope) -> int:
        settings = self._context.settings
        return settings.largest_import if scope["path"].endswith("/imports") else settings.largest_body

    async def _refuse(self, problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request({**scope, "app": _App(self._context)}, receive)
        await answer(request, problem)(scope, receive, send)
        scope["stanch.problem"] = problem

    def _dress(self, scope: Scope, message: Message) -> None:
        headers = MutableHeaders(scope=message)
        headers["x-request-id"] = scope["stanch.request_id"]
        for name, value in _SAFETY.items():
            headers.setdefault(name, value)
        if "cache-control" not in headers:
            headers["cache-control"] = "no-store"
        if self._context.settings.is_https:
            headers.setdefault("strict-transport-security", "max-age=31536000")


class _Limited:
    """A body that ends the request when it grows beyond the bound: for those that came without a length."""

    def __init__(self, receive: Receive, largest: int) -> None:
        self._receive = receive
        self._left = largest

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise Problem(413, "body_too_large", "The request is larger than this address takes.")
        return message


class _App:
    """What `answer` looks for in a request that never reached the application."""

    def __init__(self, context: Context) -> None:
        self.state: Any = type("State", (), {"context": context})


def _name(host: str) -> str:
    """Return a Host header's name without its port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].lower()
