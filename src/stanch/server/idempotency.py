"""The same POST twice does its work once: what ``Idempotency-Key`` means.

The first request with a key takes it, does its work, and leaves its answer; the next one with the same key and the same content
gets that answer. A key belongs to one credential. What is shown once only is never left lying in the database: a repetition is
told so. After a crash in the middle the key is free again a minute later.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.engine import RowMapping
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stanch.core.errors import StanchError
from stanch.db import idempotency as rows
from stanch.server.auth import signed_in
from stanch.server.limits import credential_name
from stanch.server.problems import Problem, answer

if TYPE_CHECKING:
    from stanch.server.context import Context

KEPT: Final = timedelta(hours=24)
ABANDONED: Final = timedelta(seconds=60)
_SWEEP: Final = timedelta(minutes=10)
_KEY: Final = re.compile(r"[\x21-\x7e]{1,120}")
_UNKEPT: Final = frozenset({401, 403, 429})
_HEADERS: Final = ("content-type", "location", "etag")
SHOWN_ONCE: Final = "stanch.shown_once"
"""Set in the scope of a request whose answer is not to be kept."""


def shown_once(request: Request) -> None:
    """Say that the answer to this request is never to be kept."""
    request.scope[SHOWN_ONCE] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    actor: str
    key: str
    digest: str
    at: datetime


class Idempotency:
    """Answers repeated POST requests from memory.

    Args:
        app: what answers.
        context: of the server.
    """

    def __init__(self, app: ASGIApp, *, context: Context) -> None:
        self._app = app
        self._context = context
        self._swept: datetime | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        key = self._key(scope)
        if key is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            if not _KEY.fullmatch(key):
                raise Problem(
                    422, "idempotency_key", "An idempotency key has 1 to 120 visible ASCII characters.", param="Idempotency-Key"
                )
            place = await run_in_threadpool(self._place, request)
        except Problem as problem:
            await answer(request, problem)(scope, receive, send)
            return
        if place is None:  # whoever is not let in is told so by the route
            await self._app(scope, receive, send)
            return
        hashing = hashlib.sha256(place.encode())
        streams = scope["path"].endswith("/imports")
        if not streams:
            receive = await _read(receive, hashing)
        await self._answer(scope, receive, send, key=key, hashing=hashing, streams=streams)

    def _key(self, scope: Scope) -> str | None:
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith("/api/"):
            return None
        return Headers(scope=scope).get("idempotency-key")

    def _place(self, request: Request) -> str | None:
        """Return what a key's content is about besides the body; ``None`` for who is not let in."""
        try:
            caller = signed_in(request)
        except (Problem, StanchError):
            return None
        scope = request.scope
        return "\0".join((scope["method"], scope["path"], scope["query_string"].decode("latin-1"), caller.workspace, ""))

    async def _answer(self, scope: Scope, receive: Receive, send: Send, *, key: str, hashing: Any, streams: bool) -> None:
        actor = credential_name(scope, self._context)
        found = await run_in_threadpool(self._claim, actor, key, "" if streams else hashing.hexdigest())
        if isinstance(found, Problem):
            await answer(Request(scope, receive), found)(scope, receive, send)
            return
        if isinstance(found, _Claim):
            hearing = _hearing(receive, hashing) if streams else receive
            await self._first(scope, hearing, send, found, hashing)
            return
        if streams:
            await _read(receive, hashing, keep=False)
        await _replayed(found, hashing.hexdigest(), Request(scope, receive))(scope, receive, send)

    async def _first(self, scope: Scope, receive: Receive, send: Send, claim: _Claim, hashing: Any) -> None:
        status, headers, body = 0, Headers(), bytearray()

        async def sending(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], Headers(raw=message["headers"])
            elif not scope.get(SHOWN_ONCE):
                body.extend(message.get("body", b""))
            if message["type"] == "http.response.body" and not message.get("more_body"):
                # kept before it is sent: who has the answer in hands may rely on it
                await run_in_threadpool(self._keep, scope, claim, hashing.hexdigest(), status, headers, bytes(body))
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except BaseException:
            await run_in_threadpool(self._release, claim)
            raise

    def _claim(self, actor: str, key: str, digest: str) -> _Claim | RowMapping | Problem:
        now = self._context.desk.now()
        claim = _Claim(actor=actor, key=key, digest=digest, at=now)
        with self._context.desk.database.begin() as connection:
            self._sweep(connection, now)
            if rows.claim(connection, actor, key, digest, now):
                return claim
            row = rows.find(connection, actor, key)
            if row is None:
                return _busy(1)
            age = now - row["at"]
            if age >= KEPT or (not row["status"] and age >= ABANDONED):
                return claim if rows.take_over(connection, actor, key, digest, seen_at=row["at"], now=now) else _busy(1)
            if row["digest"] and digest and row["digest"] != digest:
                return _mismatch()
            return row if row["status"] else _busy(int((ABANDONED - age).total_seconds()) + 1)

    def _keep(self, scope: Scope, claim: _Claim, digest: str, status: int, headers: Headers, body: bytes) -> None:
        if status >= 500 or status in _UNKEPT:
            self._release(claim)
            return
        text = None if scope.get(SHOWN_ONCE) else _stored(headers, body)
        with self._context.desk.database.begin() as connection:
            rows.store(connection, claim.actor, claim.key, digest=digest, status=status, body=text, claimed_at=claim.at)

    def _release(self, claim: _Claim) -> None:
        with self._context.desk.database.begin() as connection:
            rows.release(connection, claim.actor, claim.key, claimed_at=claim.at)

    def _sweep(self, connection: Any, now: datetime) -> None:
        if self._swept is None or now - self._swept >= _SWEEP:
            self._swept = now
            rows.forget(connection, now - KEPT)


def _stored(headers: Headers, body: bytes) -> str:
    kept = {name: headers[name] for name in _HEADERS if name in headers}
    return json.dumps({"headers": kept, "body": body.decode("utf-8", "replace")})


def _replayed(row: Mapping[Any, Any], digest: str, request: Request) -> Response:
    if row["digest"] != digest:
        return answer(request, _mismatch())
    if row["body"] is None:
        return answer(
            request,
            Problem(
                409,
                "idempotency_shown_once",
                "The first request with this key did its work; what it answered is shown once. Use another key to do it again.",
            ),
        )
    stored = json.loads(row["body"])
    return Response(stored["body"], status_code=row["status"], headers={**stored["headers"], "Idempotent-Replayed": "true"})


def _mismatch() -> Problem:
    return Problem(
        422,
        "idempotency_mismatch",
        "This idempotency key came with another request before. Use a fresh one.",
        param="Idempotency-Key",
    )


def _busy(seconds: int) -> Problem:
    return Problem(
        409,
        "idempotency_busy",
        "The first request with this idempotency key is still at work. Ask again a little later.",
        headers={"Retry-After": str(min(5, seconds))},
    )


def _hearing(receive: Receive, hashing: Any) -> Receive:
    """Return a body that is hashed on its way."""

    async def hearing() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            hashing.update(message.get("body", b""))
        return message

    return hearing


async def _read(receive: Receive, hashing: Any, *, keep: bool = True) -> Receive:
    """Read a body to its end, and return one that can be read again."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return receive
        hashing.update(message.get("body", b""))
        body += message.get("body", b"") if keep else b""
        more = message.get("more_body", False)
    told = False

    async def again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    return again
