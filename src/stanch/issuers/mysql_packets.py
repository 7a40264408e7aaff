"""MySQL's packets, as far as signing in needs them.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html and
https://mariadb.com/docs/server/reference/clientserver-protocol/1-connecting/connection.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Final

from stanch.issuers.stream import Stream

MOST_PACKET: Final = 1 << 16

# Capabilities: https://dev.mysql.com/doc/dev/mysql-server/latest/group__group__cs__capabilities__flags.html
LONG_PASSWORD: Final = 1
CONNECT_WITH_DB: Final = 1 << 3
PROTOCOL_41: Final = 1 << 9
SSL: Final = 1 << 11
SECURE_CONNECTION: Final = 1 << 15
PLUGIN_AUTH: Final = 1 << 19
PLUGIN_AUTH_LENENC: Final = 1 << 21
_CHARSET: Final = 45  # utf8mb4_general_ci, the same number at all
_MAX_PACKET: Final = 1 << 24


class Packets:
    """Packets over a stream: a length of three bytes and a number that both sides count.

    Args:
        stream: the connection.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._number = 0

    def read(self) -> bytes:
        """Return the next packet's payload.

        Raises:
            NoAnswerError: none came, or something else.
        """
        head = self.stream.read(4)
        length = int.from_bytes(head[:3], "little")
        if not 0 < length <= MOST_PACKET:
            raise self.stream.foreign()
        self._number = head[3] + 1 & 0xFF
        return self.stream.read(length)

    def send(self, payload: bytes) -> None:
        """Send a packet in answer to the last one."""
        self.stream.send(len(payload).to_bytes(3, "little") + bytes((self._number,)) + payload)
        self._number = self._number + 1 & 0xFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """The server's first packet.

    Attributes:
        version: of the server.
        capabilities: what it can.
        nonce: 20 bytes to hash the password with.
        plugin: how it would like us to sign in.
    """

    version: str
    capabilities: int
    nonce: bytes
    plugin: str


_GREETING: Final = re.compile(
    rb"\x0a(?P<version>[^\0]{1,200})\0.{4}(?P<first>.{8})\0(?P<low>.{2})(?:.{3}(?P<high>.{2})(?P<length>.).{10}(?P<rest>.*))?",
    re.DOTALL,
)


def greeting_of(packet: bytes) -> Greeting | None:
    """Read protocol 10's greeting, ``None`` when it is none."""
    found = _GREETING.match(packet)
    if found is None:
        return None
    high, rest = found["high"] or b"\0\0", found["rest"] or b""
    second = max(13, (found["length"] or b"\0")[0] - 8)  # the length counts both halves and the null
    plugin = rest[second:].split(b"\0")[0] if rest else b""
    return Greeting(
        version=found["version"].decode("utf-8", "replace"),
        capabilities=int.from_bytes(found["low"] + high, "little"),
        nonce=found["first"] + rest[:12],
        plugin=plugin.decode("ascii", "replace"),
    )


def ssl_request(capabilities: int) -> bytes:
    """Return the request to begin TLS: the head of `handshake_response`."""
    return struct.pack("<IIB23x", capabilities | SSL, _MAX_PACKET, _CHARSET)


def handshake_response(capabilities: int, *, user: bytes, answer: bytes, database: bytes, plugin: str) -> bytes:
    """Return who we are, and our answer to the nonce. The capabilities are those of `ssl_request`, when there was one."""
    head = struct.pack("<IIB23x", capabilities, _MAX_PACKET, _CHARSET)
    parts = [head, user, b"\0", bytes((len(answer),)), answer]
    parts += [database, b"\0"] if database else []
    return b"".join((*parts, plugin.encode(), b"\0"))


def error_code(packet: bytes) -> int:
    """Return the number of an error packet; its words are foreign and stay where they are."""
    return int.from_bytes(packet[1:3], "little") if len(packet) >= 3 else 0


def switch_of(packet: bytes) -> tuple[str, bytes]:
    """Return the plugin and the nonce of a request to sign in another way; the plugin is empty for the oldest one."""
    plugin, _, nonce = packet[1:].partition(b"\0")
    return plugin.decode("ascii", "replace"), nonce.removesuffix(b"\0")
