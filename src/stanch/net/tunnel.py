"""Ask an HTTP proxy for a connection to somebody (RFC 9110 §9.3.6)."""

from __future__ import annotations

import re
import socket
from typing import Final

from stanch.net.guard import bracketed
from stanch.net.model import NoAnswerError
from stanch.net.proxies import Proxy

_MAX_ANSWER: Final = 1 << 14
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?:[ \r]|\Z)")


def open_tunnel(connection: socket.socket, proxy: Proxy, host: str, port: int) -> None:
    """Make *connection*, which leads to the proxy, lead to *host*. Only the name goes to the proxy, no part of the request.

    Raises:
        NoAnswerError: ``proxy``.
        OSError: the connection failed.
    """
    where = f"{bracketed(host)}:{port}"
    lines = [f"CONNECT {where} HTTP/1.1", f"Host: {where}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("ascii"))
    status = _status(connection)
    if status == 407:
        raise NoAnswerError("proxy", f"The proxy {proxy.host} wants another user name or password.")
    if not 200 <= status < 300:
        said = f"answers {status}" if status else "does not answer as a proxy does"
        raise NoAnswerError("proxy", f"The proxy {proxy.host} {said} when asked for {where}.")


def _status(connection: socket.socket) -> int:
    """Return the status of the proxy's answer, 0 when it is none. Reads not a byte more: the next ones are the host's."""
    answer = bytearray()
    while not answer.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        answer += byte
        if not byte or len(answer) > _MAX_ANSWER:
            return 0
    status = _STATUS.match(bytes(answer))
    return int(status[1]) if status else 0
