"""What the door of validity checks keeps to: times, sizes, pace, addresses, proxies, authorities, overrides.

A policy is the user's word alone. Nothing in it may come from what is scanned.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import urlsplit

from stanch.core.errors import ConfigError
from stanch.net.addresses import Network
from stanch.net.proxies import Proxies

_PORTS = {"http": 80, "https": 443}


class Base(NamedTuple):
    """Where an override leads. ``port`` is 0 when it keeps the port that was asked for."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorPolicy:
    """Rules for every request. Times are in seconds, sizes in bytes.

    Attributes:
        step_timeout: longest wait for one step: a lookup, a connection, a handshake, the next bytes.
        deadline: longest time for one request with its retries; waiting for its turn under `rate` is not counted.
        max_body: most of a body that is kept, also after inflation.
        max_headers: most that the status line and the headers may be together.
        allowed: what may be asked although it is not on the Internet: networks (``10.1.0.0/16``), addresses, host names
            (``git.corp.example``), suffixes (``.corp.example``). A name opens private and loopback addresses; link-local ones
            (cloud metadata) open only when written as addresses.
        overrides: well-known host → base URL to use instead (``https://127.0.0.1:8443``). A key ``*.blob.core.windows.net``
            stands for every host below it, and ``{}`` in the path of its URL for what the star stood for. Where an override
            leads is allowed.
        proxies: proxies by scheme. Through a proxy the name is resolved by the proxy, so only the name itself is checked here.
        ca_bundle: PEM file with the authorities to trust instead of the system's; empty for the system's.
        rate: requests per second to one host; 0 for no limit.
        burst: how many of them may come at once after a pause.
        attempts: most times one request is sent; only those that may be repeated are.
        backoff: mean wait before the second attempt, doubled for each later one.
        longest_wait: most that a wait between attempts may be; an issuer that asks for more is given up on.

    Raises:
        ConfigError: a value that makes no sense.
    """

    step_timeout: float = 10.0
    deadline: float = 30.0
    max_body: int = 1 << 20
    max_headers: int = 1 << 16
    allowed: tuple[str, ...] = ()
    overrides: Mapping[str, str] = field(default_factory=dict)
    proxies: Proxies = field(default_factory=Proxies)
    ca_bundle: str = ""
    rate: float = 5.0
    burst: int = 5
    attempts: int = 3
    backoff: float = 0.5
    longest_wait: float = 15.0

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if not least <= value < 1e12:  # also refuses NaN
                raise ConfigError(f"{name} of outgoing requests must be at least {least:g}.")
        for entry in self.allowed:
            if not _network(entry) and not _is_name(entry):
                raise ConfigError(
                    "An allowed network or host is neither.", hint="Write 10.0.0.0/8, git.corp.example or .corp.example."
                )
        overrides = {name.lower().strip(): url.rstrip("/") for name, url in self.overrides.items()}
        for url in overrides.values():
            _base(url)
        object.__setattr__(self, "overrides", MappingProxyType(overrides))

    @property
    def networks(self) -> tuple[Network, ...]:
        """The allowed networks."""
        return tuple(network for entry in self.allowed if (network := _network(entry)))

    def names(self, host: str, port: int) -> bool:
        """Say whether the user named this host: among the allowed ones, or as the place an override leads to."""
        for entry in self.allowed:
            name = entry.lower()
            if host == name or (name.startswith(".") and host.endswith(name)):
                return True
        return any(_leads_to(url, host, port) for url in self.overrides.values())

    def base(self, name: str) -> str:
        """Return the base URL for a well-known host or base URL: its override, or the thing itself."""
        bare = (urlsplit(name).netloc if "://" in name else name).lower().rstrip("/")
        url = self.override(bare)
        if url:
            return url
        return name.rstrip("/") if "://" in name else f"https://{name}"

    def override(self, host: str) -> str:
        """Return the base URL that replaces ``host`` or ``host:port``; empty when nothing does."""
        bare, _, port = host.rpartition(":")
        for name in (host, bare) if port.isdecimal() and bare else (host,):
            if name in self.overrides:
                return self.overrides[name]
            label, dot, suffix = name.partition(".")
            while dot:
                if f"*.{suffix}" in self.overrides:
                    return self.overrides[f"*.{suffix}"].replace("{}", label)
                more, dot, suffix = suffix.partition(".")
                label = f"{label}.{more}"
        return ""

    def destination(self, host: str, port: int) -> Base:
        """Return where a connection for *host* and *port* goes, for protocols other than HTTP."""
        url = self.override(f"{host}:{port}".lower())
        base = _base(url) if url else Base(host, port)
        return Base(base.host, base.port or port)

    def hosts_digest(self) -> str:
        """Return a digest of everything that decides who answers. Answers under another one are not the same answers."""
        text = "\n".join(f"{name} {url}" for name, url in sorted(self.overrides.items()))
        return hashlib.sha256(text.encode()).hexdigest()[:32]


_LEAST: Mapping[str, float] = {
    "step_timeout": 0.001,
    "deadline": 0.001,
    "max_body": 1,
    "max_headers": 1024,
    "rate": 0,
    "burst": 1,
    "attempts": 1,
    "backoff": 0,
    "longest_wait": 0,
}


def _network(entry: str) -> Network | None:
    try:
        return ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return None


def _is_name(entry: str) -> bool:
    labels = entry.removeprefix(".").split(".")
    return entry.isascii() and all(label and label.replace("-", "").replace("_", "").isalnum() for label in labels)


def _base(url: str) -> Base:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if (
        not host or "{" in host or parts.scheme not in ("http", "https", "tcp")
        or parts.username is not None or parts.query or parts.fragment
    ):  # fmt: skip
        raise ConfigError(
            "An override of a host is not a base address.", hint="Write https://127.0.0.1:8443, with http, https or tcp."
        )
    return Base(host, port or _PORTS.get(parts.scheme, 0))


def _leads_to(url: str, host: str, port: int) -> bool:
    base = _base(url)
    return base.host == host and (base.port or port) == port
