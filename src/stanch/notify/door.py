"""How webhooks leave this machine: one POST to an address that was checked, without redirects, with every wait and size bounded.

Addresses are written by people of a workspace, so they may point inside: see `stanch.net.guard` for what is refused. What the
other side answers is read to its status and no further than needed, and never shown.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from stanch.core.version import VERSION
from stanch.net.exchange import check_request, exchange
from stanch.net.failures import explain
from stanch.net.guard import Guard, Resolver, Target, system_resolver, target_of
from stanch.net.model import HttpAnswer, NoAnswerError, PlainRequest
from stanch.net.policy import DoorPolicy
from stanch.net.retrying import asked_wait
from stanch.net.route import Route, route
from stanch.net.timed import Deadline
from stanch.net.tls import client_context
from stanch.notify.outcome import Failed, Outcome, outcome_of

POLICY: Final = DoorPolicy(step_timeout=10.0, deadline=20.0, max_body=1 << 16, max_headers=1 << 15)
"""What holds unless the installation says otherwise: nothing but the Internet."""
PERMANENT: Final = frozenset(("host_refused", "address_refused", "unsendable"))


class WebhookDoor:
    """Sends webhooks. Safe to share between threads.

    Args:
        policy: of the installation: times, sizes, and what may be reached although it is not on the Internet.
        resolver: knows addresses of names.

    Raises:
        ConfigError: the file of authorities cannot be used.
    """

    def __init__(self, policy: DoorPolicy = POLICY, resolver: Resolver = system_resolver) -> None:
        self.policy = policy
        self._guard = Guard(policy, resolver)
        self._context = client_context(policy.ca_bundle)

    def post(self, url: str, body: bytes, headers: Mapping[str, str], *, now: Callable[[], datetime]) -> Outcome:
        """Send once and say what became of it."""
        request = PlainRequest(method="POST", url=url, headers=headers, body=body)
        try:
            check_request(request)
            target = target_of(url)
            answer = self._exchange(request, target)
        except NoAnswerError as exc:
            return Failed(code=exc.reason, permanent=exc.reason in PERMANENT)
        return outcome_of(answer.status, asked_wait(answer, now()))

    def check(self, url: str) -> None:
        """Refuse an address that would never be sent to.

        Raises:
            NoAnswerError: ``host_refused``, ``address_refused`` or ``dns``.
        """
        target = target_of(url)
        route(self.policy, self._guard, target.scheme, target.host, target.port, Deadline(5.0, 5.0))

    def _exchange(self, request: PlainRequest, target: Target) -> HttpAnswer:
        deadline = Deadline(self.policy.deadline, self.policy.step_timeout)
        try:
            way = route(self.policy, self._guard, target.scheme, target.host, target.port, deadline)
            return self._send(request, target, way, deadline)
        except (OSError, NoAnswerError) as exc:
            failure = explain(exc, target.host)
        raise failure

    def _send(self, request: PlainRequest, target: Target, way: Route, deadline: Deadline) -> HttpAnswer:
        connection: socket.socket = way.open(target.host, target.port, deadline)
        extra = {"User-Agent": f"stanch/{VERSION}", "Accept": "*/*", "Accept-Encoding": "identity"}
        absolute = way.proxy is not None and not way.tunnel
        if absolute and way.proxy is not None and way.proxy.authorization:
            extra["Proxy-Authorization"] = way.proxy.authorization
        try:
            if target.scheme == "https":
                connection = self._context.wrap_socket(connection, server_hostname=target.host)
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
