"""What the process for apprise may do: connect to checked addresses, read Python's own folders, and nothing else.

An audit hook sees every connection and every file that Python code opens, whichever plug-in it is. It cannot be taken out again.
It is meant for honest code that is given odd addresses; it is no jail for code that wants out.
"""

from __future__ import annotations

import os
import socket
import ssl
import sys
import sysconfig
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from stanch.net.guard import Guard, check_port, host_of
from stanch.net.model import NoAnswerError
from stanch.net.policy import DoorPolicy

_LOOKUP_SECONDS: Final = 10.0
_FORBIDDEN: Final = (
    "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "pty.", "syslog.", "ctypes.dlopen",
)  # fmt: skip
_UNCONNECTED: Final = ("socket.sendto", "socket.sendmsg", "socket.bind")
_READABLE: Final = (
    "/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/usr/share/zoneinfo", "/usr/share/ca-certificates", "/etc/mime.types",
    "/dev/null",
)  # fmt: skip


class RefusedError(OSError):
    """The guard said no."""


class Failures:
    """What went wrong last, in codes of our own: apprise itself says only that something did."""

    def __init__(self) -> None:
        self.code = "failed"
        self.retry_after: float | None = None
        self.refused = False

    def note(self, code: str, retry_after: float | None = None) -> None:
        """Remember a failure; a refusal of our own is not painted over by what follows from it."""
        if not self.refused:
            self.code, self.retry_after = code, retry_after


class Network:
    """Lets connections through that go to checked addresses.

    Args:
        policy: what is allowed beyond the Internet, and which hosts stand elsewhere.
        failures: told of refusals.
    """

    def __init__(self, policy: DoorPolicy, failures: Failures) -> None:
        self._policy = policy
        self._guard = Guard(policy, _lookup)
        self._failures = failures
        self._approved: set[tuple[str, int]] = set()
        self._proxies = {
            (proxy.host, proxy.port)
            for proxy in (policy.proxies.choose(scheme, "proxied.invalid", 443) for scheme in ("http", "https"))
            if proxy is not None
        }

    def lookup(self, host: Any, port: Any, *arguments: Any, **named: Any) -> Any:
        """Look a name up as `socket.getaddrinfo` does, and approve what was found."""
        name, number = _text(host), int(port or 0)
        try:
            if (name, number) in self._proxies:
                found = tuple(str(address) for address in self._guard.resolve(name, number, seconds=_LOOKUP_SECONDS))
            else:
                base = self._policy.destination(host_of(name), number)
                name, number = host_of(base.host), base.port
                check_port(number, "smtp")
                found = self._guard.addresses(name, number, seconds=_LOOKUP_SECONDS)
        except NoAnswerError as exc:
            raise self._refuse(exc) from None
        self._approved.update((address, number) for address in found)
        return [entry for address in found for entry in _plain_lookup(address, number, *arguments, **named)]

    def check(self, address: Any) -> None:
        """Refuse a connection to what was not approved and is not fine by itself.

        Raises:
            RefusedError: it leads inside.
        """
        if not isinstance(address, tuple) or len(address) < 2:
            self._failures.note("address_refused")
            raise RefusedError("no connection but to the network")
        host, port = str(address[0]), int(address[1])
        if (host, port) in self._approved:
            return
        try:
            self._guard.addresses(host_of(host), port, seconds=_LOOKUP_SECONDS)
        except NoAnswerError as exc:
            raise self._refuse(exc) from None

    def check_url(self, url: str, proxied: bool) -> None:
        """Refuse a name that only means something inside the network of the proxy that would look it up."""
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        if proxied:
            try:
                self._guard.check_name(host_of(parts.hostname or ""), port)
            except NoAnswerError as exc:
                raise self._refuse(exc) from None

    def _refuse(self, exc: NoAnswerError) -> RefusedError:
        self._failures.note(exc.reason)
        self._failures.refused = exc.reason != "dns"
        return RefusedError(exc.reason)


def confine(network: Network) -> None:
    """Let this process do nothing from here on but read Python's folders and connect to checked addresses."""
    roots = tuple(
        os.path.realpath(path) for path in {*sys.path, *sysconfig.get_paths().values(), sys.prefix, *_certificates()} if path
    )
    roots += _READABLE

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            network.check(arguments[1])
        elif event == "open":
            _check_file(arguments, roots)
        elif event in _UNCONNECTED or event.startswith(_FORBIDDEN):
            raise RefusedError(f"{event} is not for notifications")

    socket.getaddrinfo = network.lookup
    sys.addaudithook(hook)


_plain_lookup: Callable[..., Any] = socket.getaddrinfo


def _lookup(host: str, port: int) -> list[str]:
    return [str(info[4][0]) for info in _plain_lookup(host, port, type=socket.SOCK_STREAM)]


def _text(host: Any) -> str:
    return host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "")


def _check_file(arguments: tuple[Any, ...], roots: tuple[str, ...]) -> None:
    path, mode, flags = arguments[0], arguments[1], arguments[2]
    if isinstance(path, int):
        return
    writes = (isinstance(mode, str) and any(letter in mode for letter in "wax+")) or bool(
        isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    )
    real = os.path.realpath(os.fsdecode(path))
    if writes or not any(real == root or real.startswith(root.rstrip("/") + "/") for root in roots):
        raise RefusedError("that file is not for notifications")


def _certificates() -> tuple[str, ...]:
    paths = ssl.get_default_verify_paths()
    return tuple(path for path in (paths.cafile, paths.capath, os.environ.get("REQUESTS_CA_BUNDLE")) if path)
