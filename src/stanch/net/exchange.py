"""One HTTP request over a connection that is there: written strictly, read with every size bounded.

The parsing is `http.client`'s. What it leaves open is closed here: headers are bounded as a whole and not only by line, a body
is read in pieces and inflated in pieces, and its errors, which repeat what they got, never leave this module.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import zlib
from collections.abc import Mapping
from typing import Any, Final

from stanch.net.guard import Target
from stanch.net.model import HttpAnswer, NoAnswerError, PlainRequest

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}\Z")  # RFC 9110 §5.6.2
_VALUE: Final = re.compile(r"[\t\x20-\x7e]*\Z")
_PIECE: Final = 1 << 16
_READ_AHEAD: Final = io.DEFAULT_BUFFER_SIZE
# What the door sets itself: where the message ends and who is meant must not be said twice.
_OURS: Final = frozenset(
    (
        "host", "connection", "content-length", "transfer-encoding", "te", "upgrade", "expect", "trailer", "keep-alive",
        "proxy-authorization", "proxy-connection", "client-request-id",
    )
)  # fmt: skip


def check_request(request: PlainRequest) -> None:
    """Refuse what cannot be sent as it stands. Messages hold nothing of it.

    Raises:
        NoAnswerError: ``unsendable``.
    """
    if not _TOKEN.match(request.method) or request.method == "CONNECT":
        raise NoAnswerError("unsendable", "The request's method is not one. Nothing was sent.")
    for name, value in request.headers.items():
        if not _TOKEN.match(name) or not _VALUE.match(value):
            raise NoAnswerError("unsendable", "The value cannot stand in an HTTP header. Nothing was sent.")


def exchange(
    connection: socket.socket,
    request: PlainRequest,
    target: Target,
    *,
    extra: Mapping[str, str],
    absolute: bool,
    max_headers: int,
    max_body: int,
) -> HttpAnswer:
    """Send a request and read the answer.

    Args:
        connection: connected; keeps its own deadline; is closed by the caller.
        request: checked by `check_request`.
        target: the request's address, read.
        extra: headers of the door's own.
        absolute: name the whole address, as a proxy wants it for plain HTTP.
        max_headers: most bytes of status line and headers.
        max_body: most bytes of body kept.

    Raises:
        OSError: the connection failed, or was too slow.
        NoAnswerError: ``not_http`` or ``too_large``.
    """
    _send(connection, request, target, extra, absolute)
    reader = _Reader(connection, max_headers + _READ_AHEAD)
    response = http.client.HTTPResponse(_Readable(reader), method=request.method)  # type: ignore[arg-type]
    failure: NoAnswerError
    try:
        response.begin()
        # Chunks of one byte are seven bytes long; whoever packs them worse than that is cut off.
        reader.allowance = 8 * max_body + _PIECE
        body, cut = _body(response, max_body)
        return HttpAnswer(status=response.status, headers=_headers(response), body=body, cut=cut)
    except (_AllowanceError, http.client.LineTooLong):
        failure = NoAnswerError("too_large", f"{target.host} answers with more headers than anyone needs.")
    except http.client.RemoteDisconnected:
        raise
    except (http.client.HTTPException, ValueError, zlib.error) as exc:
        if str(exc).startswith("got more than"):
            failure = NoAnswerError("too_large", f"{target.host} answers with more headers than anyone needs.")
        else:
            failure = NoAnswerError("not_http", f"{target.host} does not answer as an HTTP server does.")
    finally:
        response.close()
    raise failure


def _send(connection: socket.socket, request: PlainRequest, target: Target, extra: Mapping[str, str], absolute: bool) -> None:
    writer = http.client.HTTPConnection(target.host, target.port)
    writer.auto_open = 0
    writer.sock = connection
    path = f"{target.scheme}://{target.netloc}{target.path}" if absolute else target.path
    writer.putrequest(request.method, path, skip_host=True, skip_accept_encoding=True)
    given = {name.lower(): (name, value) for name, value in request.headers.items() if name.lower() not in _OURS}
    writer.putheader("Host", target.netloc)
    for name, value in extra.items():
        if name.lower() not in given:
            writer.putheader(name, value)
    for name, value in given.values():
        writer.putheader(name, value)
    if request.body or request.method in ("POST", "PUT", "PATCH"):
        writer.putheader("Content-Length", str(len(request.body)))
    writer.putheader("Connection", "close")
    writer.endheaders(request.body or None)


def _body(response: http.client.HTTPResponse, limit: int) -> tuple[bytes, bool]:
    """Read at most *limit* bytes of body, inflated; say whether there was more, or less than was promised."""
    inflate = _inflater(response.getheader("content-encoding", "") or "")
    body = bytearray()
    taken, broken = 0, False
    while taken <= limit and len(body) <= limit and not broken:
        try:
            piece = response.read(min(_PIECE, limit + 1 - taken))
        except http.client.IncompleteRead as exc:  # chunks that end before the last one
            piece, broken = exc.partial, True
        except _AllowanceError:
            piece, broken = b"", True
        if not piece:
            break
        taken += len(piece)
        body += inflate(piece, limit + 1 - len(body)) if inflate else piece
    # `length` is what is left of the promised one.
    return bytes(body[:limit]), broken or taken > limit or len(body) > limit or bool(response.length)


def _headers(response: http.client.HTTPResponse) -> dict[str, str]:
    """Return the headers by name in lower case; what no longer fits the inflated body is left out."""
    headers: dict[str, str] = {}
    for name, value in response.getheaders():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    if _inflater(headers.get("content-encoding", "")):
        headers.pop("content-encoding")
        headers.pop("content-length", None)
    return headers


def _inflater(encoding: str) -> _Inflater | None:
    """Return what undoes a content coding; ``None`` for none and for those that are not known, whose body stays as it is."""
    return {"gzip": _Inflater(31), "x-gzip": _Inflater(31), "deflate": _Inflater(15)}.get(encoding.strip().lower())


class _Inflater:
    """Inflates piece by piece and never makes more than is asked for."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._inner = zlib.decompressobj(window)
        self._fresh = True

    def __call__(self, piece: bytes, most: int) -> bytes:
        try:
            made = self._inner.decompress(piece, most)
        except zlib.error:
            if not self._fresh or self._window != 15:
                raise
            self._inner = zlib.decompressobj(-15)  # servers disagree whether "deflate" has the zlib frame (RFC 9110 §8.4.1.2)
            made = self._inner.decompress(piece, most)
        self._fresh = False
        # `most` reached: the rest is not wanted. Below it zlib has taken the whole piece.
        return made


class _AllowanceError(Exception):
    """More bytes came than were allowed."""


class _Reader(io.RawIOBase):
    """Reads a connection and counts."""

    def __init__(self, connection: socket.socket, allowance: int) -> None:
        super().__init__()
        self._connection = connection
        self.allowance = allowance

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if self.allowance <= 0:
            raise _AllowanceError
        count = self._connection.recv_into(buffer)
        self.allowance -= count
        return count


class _Readable:
    """What `http.client.HTTPResponse` wants of a socket."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._reader, _READ_AHEAD)
