"""How often one caller may ask: a bucket of tokens each, refilled evenly.

A credential that was good before has a bucket of its own; everything else draws from the bucket of its address, so that made-up
credentials gain nothing. Buckets live in the process: two servers count apart.
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stanch.server.auth import client_address, cookie_name
from stanch.server.problems import Problem, answer

if TYPE_CHECKING:
    from stanch.server.context import Context

_MOST_BUCKETS: Final = 20_000
MINUTE: Final = 60.0


@dataclass(slots=True)
class Bucket:
    """What is left to one caller."""

    left: float
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What taking a token came to.

    Attributes:
        allowed: whether there was one.
        limit: how many there are at most.
        remaining: how many are left.
        reset: seconds until all are there again.
        wait: seconds until the next one is there; 0 when there is one.
    """

    allowed: bool
    limit: int
    remaining: int
    reset: int
    wait: int

    def headers(self) -> dict[str, str]:
        """Return what tells a program how much it may still ask."""
        found = {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset),
        }
        return found if self.allowed else found | {"Retry-After": str(self.wait)}


class Buckets:
    """All buckets of one kind; those that nobody used for longest go first.

    Args:
        limit: how many tokens a full bucket has.
        seconds: in which an empty one fills.
        clock: gives seconds that only go on.
    """

    def __init__(self, limit: int, seconds: float = MINUTE, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._per_second = limit / seconds
        self._clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, name: str) -> bool:
        return name in self._buckets

    def open(self, name: str) -> None:
        """Give somebody a bucket of their own."""
        with self._lock:
            self._bucket(name)

    def take(self, name: str) -> Taken:
        """Take a token from somebody's bucket."""
        with self._lock:
            bucket = self._bucket(name)
            allowed = bucket.left >= 1
            if allowed:
                bucket.left -= 1
            wait = 0 if bucket.left >= 1 else math.ceil((1 - bucket.left) / self._per_second)
            reset = math.ceil((self.limit - bucket.left) / self._per_second)
        return Taken(allowed=allowed, limit=self.limit, remaining=int(bucket.left), reset=reset, wait=max(1, wait))

    def _bucket(self, name: str) -> Bucket:
        now = self._clock()
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = Bucket(left=float(self.limit), at=now)
            while len(self._buckets) > _MOST_BUCKETS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(name)
        bucket.left = min(float(self.limit), bucket.left + (now - bucket.at) * self._per_second)
        bucket.at = now
        return bucket


class Limits:
    """Lets nobody ask the API more often than the settings say.

    Args:
        app: what answers.
        context: of the server.
        clock: gives seconds that only go on.
    """

    def __init__(self, app: ASGIApp, *, context: Context, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._context = context
        self._buckets = Buckets(context.settings.requests_per_minute, clock=clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or say when to ask again."""
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        credential = credential_name(scope, self._context)
        own = bool(credential) and credential in self._buckets
        taken = self._buckets.take(credential if own else f"address {_address(scope)}")

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in taken.headers().items():
                    headers.setdefault(name, value)
                if credential and not own and scope.get("stanch.caller") is not None:
                    self._buckets.open(credential)
            await send(message)

        if taken.allowed:
            await self._app(scope, receive, sending)
            return
        problem = too_many(taken)
        await answer(Request(scope, receive), problem)(scope, receive, sending)


def too_many(taken: Taken, what: str = "requests") -> Problem:
    """Return the answer to who asks too often."""
    return Problem(
        429,
        "rate_limited",
        f"At most {taken.limit} {what} per minute. Ask again in {taken.wait} seconds.",
        headers=taken.headers(),
    )


def credential_name(scope: Scope, context: Context) -> str:
    """Return a name for the credential of a request that says nothing about it; empty when it has none."""
    request = Request(scope)
    shown = Headers(scope=scope).get("authorization") or request.cookies.get(cookie_name(context), "")
    return hashlib.sha256(shown.encode("utf-8", "replace")).hexdigest()[:40] if shown else ""


def _address(scope: Scope) -> str:
    return client_address(Request(scope))


def limited(context: Context, kind: str, who: str, limit: int) -> None:
    """Take from a bucket of its own for an act that is to be rare.

    Raises:
        Problem: that is too often.
    """
    buckets: Buckets = context.extras.setdefault(f"limit {kind}", Buckets(limit))
    taken = buckets.take(who)
    if not taken.allowed:
        raise too_many(taken, kind)
