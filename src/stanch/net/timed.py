"""Sockets that keep a deadline: each read and each write waits at most one step, and never past the end.

A time-out of a plain socket starts anew with every byte, so a server that sends one byte a second holds it forever. These set
the time-out before each call to what is left. They are real `socket.socket` and `ssl.SSLSocket` objects, so `http.client` and
the drivers of other protocols work on them unchanged.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, Self


class Deadline:
    """A moment by which everything must be done, and the longest wait for one step.

    Args:
        seconds: from now.
        step: longest wait for one step, in seconds.
        clock: seconds, never going back.
    """

    def __init__(self, seconds: float, step: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._step = step
        self._end = clock() + seconds

    def left(self) -> float:
        """Return the seconds left, 0 when it is over."""
        return max(0.0, self._end - self._clock())

    def extend(self, seconds: float) -> None:
        """Move the end, for time that was spent waiting for our own turn."""
        self._end += seconds

    def step(self) -> float:
        """Return how long the next step may wait.

        Raises:
            TimeoutError: the deadline has passed.
        """
        left = self.left()
        if left <= 0:
            raise TimeoutError("deadline")
        return min(self._step, left)


class DeadlineSocket(socket.socket):
    """A TCP socket that keeps a deadline."""

    deadline: Deadline

    @classmethod
    def dial(cls, address: str, port: int, deadline: Deadline) -> Self:
        """Connect to exactly this address; nothing is looked up.

        Raises:
            OSError: no connection, or not in time.
        """
        family = socket.AF_INET if ip_address(address).version == 4 else socket.AF_INET6
        dialled = cls(family, socket.SOCK_STREAM)
        dialled.deadline = deadline
        try:
            dialled.settimeout(deadline.step())
            dialled.connect((address, port))
            dialled.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            dialled.close()
            raise
        return dialled

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Receive within the deadline."""
        self.settimeout(self.deadline.step())
        return super().recv(bufsize, flags)

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Receive within the deadline."""
        self.settimeout(self.deadline.step())
        return super().recv_into(buffer, nbytes, flags)

    def send(self, data: Any, flags: int = 0, /) -> int:
        """Send within the deadline."""
        self.settimeout(self.deadline.step())
        return super().send(data, flags)

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send within the deadline. The time-out of one such call is for all of it."""
        self.settimeout(self.deadline.step())
        return super().sendall(data, flags)


class DeadlineSSLSocket(ssl.SSLSocket):
    """A TLS socket that keeps a deadline. All of its calls end in these two and the handshake, each limited as a whole."""

    deadline: Deadline | None = None

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        """Read within the deadline."""
        self._step()
        return super().read(len, buffer)

    def send(self, data: Any, flags: int = 0) -> int:
        """Send within the deadline; `sendall` is a loop over this."""
        self._step()
        return super().send(data, flags)

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands within the deadline."""
        self._step()
        super().do_handshake(block)

    def _step(self) -> None:
        if self.deadline is not None:
            self.settimeout(self.deadline.step())


class DeadlineContext(ssl.SSLContext):
    """A context whose sockets take over the deadline of the socket they wrap."""

    sslsocket_class = DeadlineSSLSocket

    def wrap_socket(  # noqa: D102
        self,
        sock: socket.socket,
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        suppress_ragged_eofs: bool = True,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        deadline = getattr(sock, "deadline", None)
        wrapped = super().wrap_socket(
            sock,
            server_side=server_side,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=suppress_ragged_eofs,
            server_hostname=server_hostname,
            session=session,
        )
        assert isinstance(wrapped, DeadlineSSLSocket)
        wrapped.deadline = deadline
        if do_handshake_on_connect:
            try:
                wrapped.do_handshake()
            except BaseException:
                wrapped.close()
                raise
        return wrapped
