"""Which proxy a request goes through: given outright, or read from the variables that every HTTP tool reads.

There is no standard for these variables; this follows what curl and Python's own client agree on: lower case wins over upper
case, ``NO_PROXY`` lists names (with their subdomains), addresses and networks, ``*`` means none at all.
Only plain ``http://`` proxies are spoken; the tunnel inside is TLS from us to the issuer. Another kind is an error and not
ignored: going out past a proxy that somebody set is worse than not going out.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Self
from urllib.parse import unquote, urlsplit

from stanch.core.errors import ConfigError
from stanch.net.addresses import parse_address

DEFAULT_PORT = 3128


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy.

    Attributes:
        host: name or address.
        port: port.
        authorization: value of ``Proxy-Authorization``; empty when it wants none.
    """

    host: str
    port: int
    authorization: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """The proxies for requests, as URLs (``http://user:password@proxy.example:3128``). Empty means direct.

    Attributes:
        http: for ``http://`` addresses.
        https: for ``https://`` addresses.
        other: for protocols other than HTTP, which are tunnelled too.
        bypass: what is reached directly: names, ``.suffixes``, addresses, networks, each with an optional ``:port``; or ``*``.

    Raises:
        ConfigError: a proxy that cannot be used.
    """

    http: str = field(default="", repr=False)
    https: str = field(default="", repr=False)
    other: str = field(default="", repr=False)
    bypass: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for url in (self.http, self.https, self.other):
            _parse(url)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``, in lower or upper case.

        ``ALL_PROXY`` is only the fallback for HTTP: databases are not tunnelled because a browser's proxy is set.
        """

        def value(name: str) -> str:
            return (environment.get(name) or environment.get(name.upper()) or "").strip()

        every = value("all_proxy")
        bypass = tuple(entry.strip() for entry in value("no_proxy").split(",") if entry.strip())
        return cls(http=value("http_proxy") or every, https=value("https_proxy") or every, bypass=bypass)

    def choose(self, scheme: str, host: str, port: int) -> Proxy | None:
        """Return the proxy for a request, ``None`` for a direct one.

        Args:
            scheme: ``http``, ``https``, or anything else for other protocols.
            host: name or address, lower case, without brackets.
            port: port.
        """
        url = {"http": self.http, "https": self.https}.get(scheme, self.other)
        if not url or any(_matches(entry.lower(), host, port) for entry in self.bypass):
            return None
        return _parse(url)


def _parse(url: str) -> Proxy | None:
    """Read a proxy URL. Messages do not repeat it: it may hold a password."""
    if not url:
        return None
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port or DEFAULT_PORT
    except ValueError:
        host = None
    if not host or any(c <= " " or c == "\x7f" for c in url):
        raise ConfigError("The proxy is not an address.", hint="Write it as http://proxy.example:3128.")
    if parts.scheme.lower() != "http":
        raise ConfigError(
            "Only http:// proxies are supported.",
            hint="Validity checks cannot go through a SOCKS or TLS proxy; name an HTTP one.",
        )
    authorization = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + b64encode(pair.encode()).decode("ascii")
    return Proxy(host=host, port=port, authorization=authorization)


def _matches(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    if "/" in entry or parse_address(host) is not None:
        return _matches_address(entry, host, port)
    name, colon, wanted = entry.partition(":")
    if colon and wanted != str(port):
        return False
    name = name.removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _matches_address(entry: str, host: str, port: int) -> bool:
    address = parse_address(host)
    if address is None:
        return False
    bare, colon, wanted = entry.rpartition(":")
    if parse_address(entry.strip("[]")) is None and colon and wanted.isdecimal():  # an address with a port
        if wanted != str(port):
            return False
        entry = bare
    try:
        return address in ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return False
