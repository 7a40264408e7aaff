"""Where a connection goes: straight to a checked address, or to the proxy. What is checked is checked before anything leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from stanch.net.guard import Guard
from stanch.net.policy import DoorPolicy
from stanch.net.proxies import Proxy
from stanch.net.timed import Deadline, DeadlineSocket
from stanch.net.tunnel import open_tunnel

_TRIED: Final = 4  # addresses of one host that are tried


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where to connect to.

    Attributes:
        addresses: checked ones of the host, or those of the proxy.
        port: of them.
        proxy: set when there is one.
        tunnel: whether to ask it for a tunnel.
    """

    addresses: tuple[str, ...]
    port: int
    proxy: Proxy | None = None
    tunnel: bool = False

    def open(self, host: str, port: int, deadline: Deadline) -> DeadlineSocket:
        """Connect, through the proxy's tunnel where that is meant; *host* is who should be at the other end.

        Raises:
            NoAnswerError: the proxy does not let us.
            OSError: no connection.
        """
        connection = _dial(self, deadline)
        try:
            if self.proxy is not None and self.tunnel:
                open_tunnel(connection, self.proxy, host, port)
        except BaseException:
            connection.close()
            raise
        return connection


def route(policy: DoorPolicy, guard: Guard, scheme: str, host: str, port: int, deadline: Deadline) -> Route:
    """Decide where to connect to.

    Raises:
        NoAnswerError: ``address_refused`` or ``dns``.
        TimeoutError: the deadline has passed.
    """
    proxy = policy.proxies.choose(scheme, host, port)
    if proxy is None:
        return Route(addresses=guard.addresses(host, port, seconds=deadline.step()), port=port)
    guard.check_name(host, port)
    addresses = guard.resolve(proxy.host, proxy.port, seconds=deadline.step())
    tunnel = scheme != "http"
    return Route(addresses=tuple(str(address) for address in addresses), port=proxy.port, proxy=proxy, tunnel=tunnel)


def _dial(way: Route, deadline: Deadline) -> DeadlineSocket:
    """Connect to the first address that takes the connection."""
    failure: OSError = ConnectionRefusedError()
    for address in way.addresses[:_TRIED]:
        try:
            return DeadlineSocket.dial(address, way.port, deadline)
        except OSError as exc:
            failure = exc
    raise failure
