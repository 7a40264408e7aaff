"""Issuers as their documentation has them, one row a type: where the credential has to be, and what is answered to whom.

The rows are written from the vendors' pages and not from the catalog: what the catalog declares has to meet them. The same
rows answer in memory and on one loopback server, where the first step of the path is the host that was meant.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from stanch.issuers.model import HttpRequest
from stanch.net.model import HttpAnswer

Reply = tuple[int, Any] | tuple[int, Any, Mapping[str, str]]
"""Status, body (JSON, or text), headers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One type at its issuer.

    Attributes:
        detector: id.
        request: method, host and path, and query; ``{v}`` is the credential where it belongs into them.
        place: where the credential is looked for: ``header:NAME``, ``basic:password``, ``basic:user``, ``path``, ``query:NAME``,
            ``form:NAME``, ``json:NAME``.
        text: how it stands there.
        pair: the other half of an HTTP Basic pair.
        needs: headers without which the issuer answers 400.
        companions: what stands beside it.
        regions: further hosts that may be asked.
        live, dead, expired, dormant: the replies; those that the issuer does not give are ``None``.
    """

    detector: str
    request: str
    live: Reply
    dead: Reply | None
    place: str = "header:authorization"
    text: str = "Bearer {v}"
    pair: str = ""
    needs: tuple[str, ...] = ()
    companions: Mapping[str, str] = field(default_factory=dict)
    regions: tuple[str, ...] = ()
    expired: Reply | None = None
    dormant: Reply | None = None

    @property
    def method(self) -> str:
        return self.request.partition(" ")[0]

    @property
    def host(self) -> str:
        return self.request.partition(" ")[2].partition("/")[0]


class Issuer:
    """Knows which credential works at one row's issuer, and answers accordingly.

    Args:
        row: the issuer.
        known: credential → ``live``, ``expired`` or ``dormant``; everything else is refused.
    """

    def __init__(self, row: Row, known: Mapping[str, str]) -> None:
        self.row = row
        self.known = known

    def __call__(self, request: HttpRequest) -> HttpAnswer:
        """Answer a request as it was sent to the real host."""
        parts = urlsplit(request.url)
        return self.answer(request.method, parts.netloc, parts.path, parts.query, request.headers, request.body)

    def answer(self, method: str, host: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """Answer one request; what the documentation does not have is 404 or 400."""
        row = self.row
        named = {name.lower(): value for name, value in headers.items()}
        wanted = row.request.partition(" ")[2].removeprefix(row.host)
        path_wanted, _, query_wanted = wanted.partition("?")
        given, path_fits = _from_path(path_wanted, path)
        if method != row.method or host not in (row.host, *row.regions) or not path_fits:
            return HttpAnswer(status=404, headers={"content-type": "text/plain"}, body=f"nothing at {host}".encode())
        wanted_fields = {name: values for name, values in parse_qs(query_wanted).items() if "{v}" not in values[0]}
        if any(parse_qs(query).get(name) != values for name, values in wanted_fields.items()):
            return HttpAnswer(status=400, headers={"content-type": "text/plain"}, body=b"the query is wrong")
        if any(name not in named for name in row.needs):
            return HttpAnswer(status=400, headers={"content-type": "text/plain"}, body=b"a header is missing")
        if row.place != "path":
            given = _value(row, named, query, body)
        return _reply(getattr(row, self.known.get(given, "dead")) if given else (400, "no credential where it belongs"))


def _from_path(pattern: str, path: str) -> tuple[str, bool]:
    """Return the credential in a path, and whether the path fits."""
    before, hole, after = pattern.partition("{v}")
    if not hole:
        return "", path == pattern
    fits = path.startswith(before) and path.endswith(after) and "/" not in path[len(before) : len(path) - len(after)]
    return unquote(path[len(before) : len(path) - len(after)]), fits


def _value(row: Row, headers: Mapping[str, str], query: str, body: bytes) -> str:
    """Return the credential that a request carries, empty when it is not where it belongs."""
    kind, _, name = row.place.partition(":")
    if kind == "header":
        before, _, after = row.text.partition("{v}")
        text = headers.get(name, "")
        fits = text.startswith(before) and text.endswith(after)
        return text[len(before) : len(text) - len(after)] if fits else ""
    if kind == "basic":
        scheme, _, encoded = headers.get("authorization", "").partition(" ")
        user, _, password = base64.b64decode(encoded).decode().partition(":")
        mine, other = (password, user) if name == "password" else (user, password)
        return mine if scheme == "Basic" and other == row.pair else ""
    if kind == "query":
        return parse_qs(query).get(name, [""])[0]
    if kind == "form":
        typed = headers.get("content-type") == "application/x-www-form-urlencoded"
        return parse_qs(body.decode()).get(name, [""])[0] if typed else ""
    return str(json.loads(body).get(name, "")) if headers.get("content-type") == "application/json" else ""


def _reply(reply: Reply) -> HttpAnswer:
    status, body = reply[0], reply[1]
    text = body if isinstance(body, str) else json.dumps(body)
    kind = "text/plain" if isinstance(body, str) else "application/json"
    headers = {"content-type": kind, **(reply[2] if len(reply) > 2 else {})}
    return HttpAnswer(status=status, headers=headers, body=text.encode())


@contextmanager
def loopback(issuer: Issuer) -> Iterator[str]:
    """Run an issuer on loopback; yield ``http://127.0.0.1:PORT``, below which each host has a folder."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            parts = urlsplit(self.path)
            host, _, path = parts.path.removeprefix("/").partition("/")
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            found = issuer.answer(self.command, host, f"/{path}", parts.query, dict(self.headers.items()), body)
            self.send_response(found.status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(found.body)))
            self.end_headers()
            self.wfile.write(found.body)

        do_GET = do_POST = handle_one  # noqa: N815  # the names that http.server calls

        def log_message(self, *_: object) -> None:
            """Stay silent: a request line may hold a credential."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
