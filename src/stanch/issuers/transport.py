"""The door: the only way validity checks leave this machine.

For every request: read the address strictly, wait for its turn, look the host up once, check every address, put the probe on
record, connect to a checked address, verify the certificate against the *name*, send, and read a bounded answer before the
deadline. Nothing follows a redirect, so a credential goes to the host it was meant for and to no other.

Through a proxy the proxy looks the name up, so addresses cannot be checked here: literal addresses and names of local zones
are refused, the rest is the proxy's to guard. The proxy itself may stand anywhere, because the user named it. TLS is between
us and the issuer; a proxy that breaks it open needs its authority in the policy's ``ca_bundle``.

Errors of libraries repeat URLs, header lines and answers, any of which may hold the credential. They are turned into
`NoAnswerError` and not chained to it.
"""

from __future__ import annotations

import random
import socket
import ssl
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from stanch.core.validity import Probe
from stanch.core.version import VERSION
from stanch.issuers.identity import load_identity
from stanch.issuers.model import HttpRequest
from stanch.issuers.pace import Pace
from stanch.issuers.record import Trace
from stanch.issuers.request_ids import answered_id
from stanch.net.exchange import check_request, exchange
from stanch.net.failures import explain, is_reset
from stanch.net.guard import Guard, Resolver, Target, bracketed, check_port, host_of, system_resolver, target_of
from stanch.net.model import HttpAnswer, NoAnswerError
from stanch.net.policy import DoorPolicy
from stanch.net.retrying import asked_wait, asks_to_come_again, backoff, may_repeat
from stanch.net.route import Route, route
from stanch.net.timed import Deadline
from stanch.net.tls import client_context

AGENT: Final = f"stanch/{VERSION}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the door takes from the world, so that tests can give it another.

    Attributes:
        resolver: addresses of names; may block.
        now: the time, UTC.
        clock: seconds, never going back.
        sleep: waits.
        chance: a number from 0 up to 1.
        new_id: a fresh ``client-request-id``.
    """

    resolver: Resolver = system_resolver
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())


class GuardedDoor:
    """The door (`stanch.issuers.model.Door`). Safe to share between threads.

    Args:
        policy: its rules.
        record: told of each request twice: before it is sent, and with what came of it (same ``sent_id``). When it raises,
            nothing is sent: an investigation must be able to tell our requests from an intruder's.
        world: clock, resolver and the like.

    Raises:
        ConfigError: the file of authorities cannot be used.
    """

    def __init__(
        self, policy: DoorPolicy, *, record: Callable[[Trace], None] | None = None, world: Surroundings | None = None
    ) -> None:
        self.policy = policy
        self._record = record
        self._world = world or Surroundings()
        self._guard = Guard(policy, self._world.resolver)
        self._pace = Pace(policy.rate, policy.burst, clock=self._world.clock, sleep=self._world.sleep)
        self._context = client_context(policy.ca_bundle)

    def send(self, request: HttpRequest, *, probes: list[Probe]) -> HttpAnswer:
        """Send a request, again where that is right, and return the answer.

        A 429 that names a time to come back is raised as ``rate_limited`` when it cannot be waited for. Any other answer is
        returned, also a 429 without a time (an issuer may mean the account, not the pace) and a 503.

        Raises:
            NoAnswerError: nothing usable came back.
        """
        check_request(request)
        target = target_of(request.url)
        context = self._context_for(request, target)
        deadline = self._deadline()
        attempt = 0
        while True:
            attempt += 1
            deadline.extend(self._pace.take(target.host))
            outcome = self._attempt(request, target, context, deadline, probes)
            if isinstance(outcome, HttpAnswer) and not asks_to_come_again(outcome):
                return outcome
            wait = self._wait(outcome, target.host, attempt)
            again = attempt < self.policy.attempts and may_repeat(request) and _is_passing(outcome)
            if not again or wait > self.policy.longest_wait or wait >= deadline.left():
                return self._give_up(outcome, target.host)
            self._world.sleep(wait)

    def connect(self, host: str, port: int, *, probes: list[Probe], protocol: str) -> socket.socket:
        """Open a connection for another protocol. The socket keeps the deadline by itself, also when `tls` wraps it.

        Raises:
            NoAnswerError: no connection.
        """
        base = self.policy.destination(host, port)
        host, port = host_of(base.host), base.port
        check_port(port, protocol)
        deadline = self._deadline()
        deadline.extend(self._pace.take(host))
        try:
            way = self._route(protocol, host, port, deadline)
            self._announce(host, port, protocol, "", probes)
            return way.open(host, port, deadline)
        except (OSError, NoAnswerError) as exc:
            failure = explain(exc, host)
        raise failure

    def tls(self) -> ssl.SSLContext:
        """Return a new context that verifies with the configured authorities."""
        return client_context(self.policy.ca_bundle)

    def host(self, name: str) -> str:
        """Return the base URL of a well-known host, as the user's overrides have it."""
        return self.policy.base(name)

    def now(self) -> datetime:
        """Return the time, UTC."""
        return self._world.now()

    def _deadline(self) -> Deadline:
        return Deadline(self.policy.deadline, self.policy.step_timeout, self._world.clock)

    def _context_for(self, request: HttpRequest, target: Target) -> ssl.SSLContext | None:
        if request.identity is None:
            return self._context if target.scheme == "https" else None
        if target.scheme != "https":
            raise NoAnswerError("tls", "A client certificate can only be presented over https. Nothing was sent.")
        context = self.tls()
        load_identity(context, request.identity)
        return context

    def _attempt(
        self, request: HttpRequest, target: Target, context: ssl.SSLContext | None, deadline: Deadline, probes: list[Probe]
    ) -> HttpAnswer | _Failure:
        """Send once. Whatever happens after the announcement, the probe is in the list and on record."""
        try:
            way = self._route(target.scheme, target.host, target.port, deadline)
            trace = self._announce(target.host, target.port, request.method, self._world.new_id(), probes)
            answer = self._exchange(request, target, way, context, deadline, trace.sent_id)
        except (OSError, NoAnswerError) as exc:
            return _Failure(error=explain(exc, target.host), reset=is_reset(exc))
        trace = replace(trace, status=answer.status, answered_id=answered_id(answer.headers, request))
        probes[-1] = trace.probe()
        if self._record is not None:
            with suppress(OSError):  # that it was sent is on record already
                self._record(trace)
        return answer

    def _route(self, scheme: str, host: str, port: int, deadline: Deadline) -> Route:
        return route(self.policy, self._guard, scheme, host, port, deadline)

    def _announce(self, host: str, port: int, method: str, sent_id: str, probes: list[Probe]) -> Trace:
        """Put a request on record before it is sent."""
        where = f"{bracketed(host)}:{port}"
        trace = Trace(key=sent_id or self._world.new_id(), host=where, at=self.now(), method=method, sent_id=sent_id)
        recorded = True
        if self._record is not None:
            try:
                self._record(trace)
            except OSError:
                recorded = False
        if not recorded:
            raise NoAnswerError("unrecorded", "The record of requests cannot be written, so nothing was sent. Is the disk full?")
        probes.append(trace.probe())
        return trace

    def _exchange(
        self,
        request: HttpRequest,
        target: Target,
        way: Route,
        context: ssl.SSLContext | None,
        deadline: Deadline,
        sent_id: str,
    ) -> HttpAnswer:
        connection: socket.socket = way.open(target.host, target.port, deadline)
        extra = {"User-Agent": AGENT, "Accept": "*/*", "Accept-Encoding": "identity", "client-request-id": sent_id}
        absolute = way.proxy is not None and not way.tunnel
        if absolute and way.proxy is not None and way.proxy.authorization:
            extra["Proxy-Authorization"] = way.proxy.authorization
        try:
            if context is not None:
                connection = context.wrap_socket(connection, server_hostname=target.host)
            return exchange(
                connection,
                request,
                target,
                extra=extra,
                absolute=absolute,
                max_headers=self.policy.max_headers,
                max_body=self.policy.max_body,
            )
        finally:
            connection.close()

    def _wait(self, outcome: HttpAnswer | _Failure, host: str, attempt: int) -> float:
        """Return the seconds before the next attempt; an issuer that asks for a pause gets it from every thread."""
        chance = self._world.chance()
        asked = asked_wait(outcome, self.now()) if isinstance(outcome, HttpAnswer) else None
        if asked is None:
            return backoff(attempt, self.policy.backoff, self.policy.longest_wait, chance)
        self._pace.hold(host, min(asked, self.policy.longest_wait))
        return asked + chance * self.policy.backoff

    def _give_up(self, outcome: HttpAnswer | _Failure, host: str) -> HttpAnswer:
        if isinstance(outcome, _Failure):
            raise outcome.error
        asked = asked_wait(outcome, self.now())
        if outcome.status == 429 and asked is not None:
            raise NoAnswerError("rate_limited", f"{host} takes no more requests for now; ask again in {asked:.0f} seconds.")
        return outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    """No answer, and whether the connection was cut, which another attempt may mend."""

    error: NoAnswerError
    reset: bool


def _is_passing(outcome: HttpAnswer | _Failure) -> bool:
    return isinstance(outcome, HttpAnswer) or outcome.reset
