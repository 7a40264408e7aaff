"""Requests and responses as the simulators see them: values, so an application is a function, tested without sockets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request.

    Attributes:
        method: upper case.
        target: path and query as sent.
        headers: names in lower case.
        body: whole, already de-chunked.
        host: value of the Host header.
        client_certificate: DER of the TLS client certificate, ``None`` when none was presented.
        now: the simulator's clock (faults may skew it), UTC.
    """

    method: str
    target: str
    now: datetime
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    host: str = ""
    client_certificate: bytes | None = None

    @property
    def path(self) -> str:
        """The path, still percent-encoded."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The first value of each query parameter."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query, keep_blank_values=True).items()}

    @property
    def form(self) -> dict[str, str]:
        """The first value of each field of a form body."""
        return {
            name: values[0] for name, values in parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True).items()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One HTTP response."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def json_response(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Response:
    """Return *value* as a JSON response."""
    return Response(
        status=status,
        headers={"Content-Type": "application/json; charset=utf-8", **(headers or {})},
        body=json.dumps(value).encode(),
    )


class Application(Protocol):
    """A simulated service."""

    def __call__(self, request: Request) -> Response:
        """Answer one request. Called from several threads."""
        ...
