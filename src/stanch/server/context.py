"""What every request has at hand: the record, the engine of runs, and how this server is set up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from stanch.incidents.desk import Desk

if TYPE_CHECKING:
    from stanch.runs.port import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How a server is set up.

    Attributes:
        base_url: how people reach it, without a slash at the end; in links, redirects and for the check of origins.
        hosts: names it answers to besides the base address's and this machine's own.
        trusted_proxies: addresses whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed.
        requests_per_minute: of one token or session.
        largest_body: bytes of a request; imports may be larger.
        largest_import: bytes of an import.
        metrics_token: what a scraper has to show as bearer token; without one only this machine may read the metrics.
        development: also serves the gallery of components.
    """

    base_url: str = "http://127.0.0.1:8420"
    hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    requests_per_minute: int = 600
    largest_body: int = 2 * 2**20
    largest_import: int = 512 * 2**20
    metrics_token: str = field(default="", repr=False)
    development: bool = False

    @property
    def is_https(self) -> bool:
        """Whether people reach it over TLS: then cookies say so."""
        return self.base_url.startswith("https://")

    @property
    def host(self) -> str:
        """Name in the base address."""
        return urlsplit(self.base_url).hostname or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a request has at hand.

    Attributes:
        desk: the record.
        engine: of runs.
        settings: of this server.
        extras: parts that register themselves (limits, metrics …), by name.
    """

    desk: Desk
    engine: Engine
    settings: ServerSettings = field(default_factory=ServerSettings)
    extras: dict[str, Any] = field(default_factory=dict)


def context_of(connection: HTTPConnection) -> Context:
    """Return the context of the server that answers this request."""
    return cast(Context, connection.app.state.context)
