"""HTTP/1.1 on the server's side, as functions over bytes: https://www.rfc-editor.org/rfc/rfc9112. Knows no socket and no TLS.

Every length is bounded before anything is read; what is ambiguous (two lengths, a length and chunks) is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from stanch.simulators.wire import Response

MOST_HEAD: Final = 64 * 1024  # bytes of request line and headers together
MOST_HEADERS: Final = 200
MOST_BODY: Final = 8 * 1024 * 1024
_TOKEN: Final = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


class BadRequestError(Exception):
    """A request that is not understood; the connection is closed after the answer.

    Args:
        status: to answer with.
        message: why, for a person; holds nothing of the request.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Request line and headers.

    Attributes:
        method: as sent.
        target: path and query; an absolute target is reduced to them.
        headers: names in lower case, repeated ones joined with commas.
        keep: whether the connection stays open afterwards.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    keep: bool


class Reader:
    """Lines and runs of bytes from something that gives them in pieces.

    Args:
        receive: returns some bytes, at most so many as asked for; none at the end.
    """

    def __init__(self, receive: Callable[[int], bytes]) -> None:
        self._receive = receive
        self._buffer = bytearray()

    def line(self, most: int) -> bytes | None:
        """Return a line without its end, ``None`` when the stream ended before it began.

        Raises:
            BadRequestError: it is longer than *most*, or the stream ended within.
        """
        while True:
            end = self._buffer.find(b"\n", 0, most + 2)
            if end >= 0:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                return line.removesuffix(b"\r")
            if len(self._buffer) > most + 1:  # one more, which may be the first half of the line's end
                raise BadRequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "a line is too long")
            data = self._receive(16_384)
            if not data:
                if self._buffer:
                    raise BadRequestError(HTTPStatus.BAD_REQUEST, "the request ended early")
                return None
            self._buffer += data

    def exactly(self, size: int) -> bytes:
        """Return *size* bytes.

        Raises:
            BadRequestError: there are not so many.
        """
        while len(self._buffer) < size:
            data = self._receive(min(size - len(self._buffer), 65_536))
            if not data:
                raise BadRequestError(HTTPStatus.BAD_REQUEST, "the body ended early")
            self._buffer += data
        found = bytes(self._buffer[:size])
        del self._buffer[:size]
        return found


def read_head(reader: Reader) -> Head | None:
    """Return the next request's head, ``None`` when the client has gone.

    Raises:
        BadRequestError: it is none.
    """
    left = MOST_HEAD
    first = reader.line(left)
    if first == b"":  # an empty line before a request is tolerated: RFC 9112 §2.2
        first = reader.line(left)
    if first is None:
        return None
    method, target, version = _request_line(first)
    left -= len(first)
    headers: dict[str, str] = {}
    for _ in range(MOST_HEADERS + 1):
        line = reader.line(left)
        if line is None:
            raise BadRequestError(HTTPStatus.BAD_REQUEST, "the request ended early")
        if not line:
            keep = headers.get("connection", "").lower() != "close" and version == "HTTP/1.1"
            return Head(method=method, target=target, headers=headers, keep=keep)
        left -= len(line)
        _add_header(headers, line)
    raise BadRequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "there are too many headers")


def read_body(reader: Reader, head: Head, proceed: Callable[[], None]) -> bytes:
    """Return the body that belongs to a head.

    Args:
        reader: stands behind the head.
        head: says how long it is.
        proceed: tells a client that waits (``Expect: 100-continue``) to go on.

    Raises:
        BadRequestError: it is too long, or its length is not clear.
    """
    coding, length = head.headers.get("transfer-encoding", "").lower(), head.headers.get("content-length")
    if coding and length is not None:
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "both a length and a transfer coding are given")
    if coding not in ("", "chunked"):
        raise BadRequestError(HTTPStatus.NOT_IMPLEMENTED, "the only transfer coding known here is chunked")
    size = _length(length or "0")
    if size > MOST_BODY:
        raise BadRequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large")
    if (coding or size) and head.headers.get("expect", "").lower() == "100-continue":
        proceed()
    return _chunks(reader) if coding else reader.exactly(size)


def response_bytes(response: Response, *, now: datetime, close: bool, with_body: bool = True) -> bytes:
    """Return a response as it goes over the wire."""
    try:
        phrase = HTTPStatus(response.status).phrase
    except ValueError:
        phrase = "Unknown"
    headers = {"Server": "stanch-simulator", "Date": format_datetime(now, usegmt=True), **response.headers}
    headers["Content-Length"] = str(len(response.body))
    if close:
        headers["Connection"] = "close"
    if response.status in (204, 304):
        del headers["Content-Length"]
    lines = [f"HTTP/1.1 {response.status} {phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a response header holds a line end")
    head = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"
    return head + response.body if with_body and response.status not in (204, 304) else head


def _request_line(line: bytes) -> tuple[str, str, str]:
    parts = line.decode("latin-1").split(" ")
    if len(parts) != 3 or not parts[0] or not set(parts[0]) <= _TOKEN or parts[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "the request line is none of HTTP/1.1")
    method, target, version = parts
    if target.lower().startswith(("http://", "https://")):
        try:
            split = urlsplit(target)
        except ValueError as exc:
            raise BadRequestError(HTTPStatus.BAD_REQUEST, "the request target is no address") from exc
        target = (split.path or "/") + (f"?{split.query}" if split.query else "")
    if not target.startswith("/") and not (method == "OPTIONS" and target == "*"):
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "the request target is no path")
    return method, target, version


def _add_header(headers: dict[str, str], line: bytes) -> None:
    name, colon, value = line.decode("latin-1").partition(":")
    if not colon or not name or not set(name) <= _TOKEN:  # a folded line begins with a space and ends here too
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "a header is malformed")
    name, value = name.lower(), value.strip(" \t")
    if name not in headers:
        headers[name] = value
    elif name in ("host", "content-length", "transfer-encoding", "authorization"):
        raise BadRequestError(HTTPStatus.BAD_REQUEST, f"the header {name} stands twice")
    else:
        headers[name] += f", {value}"


def _length(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "the length of the body is no number")
    return int(text)


def _chunks(reader: Reader) -> bytes:
    """Join a chunked body; extensions and trailers are passed over."""
    body = bytearray()
    while size := _chunk_size(reader):
        if len(body) + size > MOST_BODY:
            raise BadRequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large")
        body += reader.exactly(size)
        if reader.exactly(2) != b"\r\n":
            raise BadRequestError(HTTPStatus.BAD_REQUEST, "a chunk is longer than it says")
    for _ in range(MOST_HEADERS):
        if not reader.line(MOST_HEAD // MOST_HEADERS):
            return bytes(body)
    raise BadRequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "there are too many trailers")


def _chunk_size(reader: Reader) -> int:
    line = (reader.line(1_024) or b"").partition(b";")[0].strip()
    try:
        if not 0 < len(line) <= 8 or not line.isalnum():
            raise ValueError
        return int(line, 16)
    except ValueError as exc:
        raise BadRequestError(HTTPStatus.BAD_REQUEST, "the size of a chunk is no number") from exc
