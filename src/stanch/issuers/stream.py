"""A connection to an issuer that speaks something other than HTTP: every read is bounded, every failure is in our words.

It never reads further than it was asked to, so nothing that came before encryption is taken for something that came after
(https://www.postgresql.org/support/security/CVE-2021-23222/ is what happens otherwise).
"""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Final, Self

from stanch.core.validity import Probe
from stanch.issuers.model import Door
from stanch.net.addresses import parse_address
from stanch.net.failures import explain
from stanch.net.guard import host_of
from stanch.net.model import NoAnswerError
from stanch.net.policy import DoorPolicy

MOST: Final = 1 << 20  # bytes of one conversation, received
_PIECE: Final = 1 << 16


class Stream:
    """A conversation with one host. Use it in a ``with`` statement.

    Args:
        door: opens the connection.
        host: as it stands in the credential; certificates are verified against it.
        port: port.
        probes: told of the connection.
        protocol: ``postgresql``, ``mysql``, ``redis``.

    Attributes:
        secured: whether it is encrypted and the other side is who it should be.

    Raises:
        NoAnswerError: no connection.
    """

    def __init__(self, door: Door, host: str, port: int, *, probes: list[Probe], protocol: str) -> None:
        self._door = door
        self._host = host_of(host)
        self._port = port
        self._protocol = protocol
        self._left = MOST
        self.secured = False
        self._connection: socket.socket = door.connect(host, port, probes=probes, protocol=protocol)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._connection.close()

    @property
    def may_show(self) -> bool:
        """Whether a password may be sent as it is: to a verified host over TLS, or to one that the user named."""
        return self.secured or _is_named(self._door, self._host, self._port, self._protocol, self._connection)

    def send(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            NoAnswerError: it failed.
        """
        try:
            self._connection.sendall(data)
            return
        except OSError as exc:
            failure = explain(exc, self._host)
        raise failure

    def read(self, count: int) -> bytes:
        """Return exactly so many bytes.

        Raises:
            NoAnswerError: they did not come, or are more than anyone needs.
        """
        if count > self._left:
            raise NoAnswerError("too_large", f"{self._host} sends more than anyone needs.")
        self._left -= count
        parts: list[bytes] = []
        while count:
            part = self._receive(min(count, _PIECE))
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def line(self, most: int) -> bytes:
        """Return a line without its CR LF.

        Raises:
            NoAnswerError: none came, or one longer than *most*.
        """
        line = bytearray()
        while not line.endswith(b"\r\n"):
            if len(line) > most + 2:
                raise self.foreign()
            line += self.read(1)
        return bytes(line[:-2])

    def secure(self) -> None:
        """Begin TLS, and verify the host's certificate.

        Raises:
            NoAnswerError: it is not who it should be, or no encryption came about.
        """
        try:
            self._connection = self._door.tls().wrap_socket(self._connection, server_hostname=self._host)
            self.secured = True
            return
        except OSError as exc:
            failure = explain(exc, self._host)
        raise failure

    def foreign(self) -> NoAnswerError:
        """Return the error for what is no message of the protocol."""
        return NoAnswerError("not_the_protocol", f"{self._host} does not answer as a {self._protocol} server does.")

    def unshown(self) -> NoAnswerError:
        """Return the error for a password that would have to be sent in the clear."""
        message = (
            f"{self._host} wants the password itself over a connection that is not encrypted, so it was not sent. "
            "If the host is yours, allow it for validity checks."
        )
        return NoAnswerError("cleartext_refused", message)

    def _receive(self, most: int) -> bytes:
        try:
            part = self._connection.recv(most)
            failure = None if part else NoAnswerError("connection", f"{self._host} cut the connection.")
        except OSError as exc:
            failure = explain(exc, self._host)
        if failure is not None:
            raise failure
        return part


def _is_named(door: Door, host: str, port: int, protocol: str, connection: socket.socket) -> bool:
    """Say whether the user named the host, as a name, an override or a network; behind a proxy its address is not known."""
    policy = getattr(door, "policy", None)
    if not isinstance(policy, DoorPolicy):
        return False
    there = policy.destination(host, port)
    if policy.names(there.host, there.port):
        return True
    if policy.proxies.choose(protocol, there.host, there.port) is not None:
        return False
    try:
        address = parse_address(str(connection.getpeername()[0]))
    except OSError:
        return False
    return address is not None and any(address in network for network in policy.networks)
