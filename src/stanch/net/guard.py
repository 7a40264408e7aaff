"""Who may be asked: URLs and host names are read strictly, every address is checked, and the checked one is connected to.

URLs here are put together from scanned files. What two parsers could read differently is refused, not repaired: user
information, control characters, numbers that are addresses in disguise, letters outside ASCII (the IDNA of 2003 and of 2008
disagree about them, and so about who gets the credential).
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final
from urllib.parse import urlsplit

from stanch.net.addresses import Address, parse_address, refusal
from stanch.net.model import NoAnswerError
from stanch.net.policy import DoorPolicy

Resolver = Callable[[str, int], Sequence[str]]
"""Returns every address of a host name as text. Raises OSError when there is none. May block; it is run with a time limit."""

MAX_URL: Final = 16_384
MAX_ADDRESSES: Final = 64
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\Z")
_NETLOC: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::(?P<port>[0-9]{0,5}))?\Z")
_NUMBER: Final = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)\Z")  # what the WHATWG URL standard and inet_aton take for an address
# Zones that mean something only inside a network: RFC 6761, 6762, 8375; ``internal`` by ICANN in 2024; the rest by habit.
_LOCAL: Final = ("localhost", "local", "internal", "localdomain", "home.arpa", "lan", "corp", "home", "intranet", "private")
# Ports of services that could be made to act by an HTTP request or any text: https://fetch.spec.whatwg.org/#port-blocking.
_OTHER_SERVICES: Final = frozenset(
    (
        1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109,
        110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530,
        531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190,
        5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
    )
)  # fmt: skip
_OWN_PORTS: Final = {
    "ftp": (21, 990),
    "ssh": (22,),
    "smtp": (25, 465, 587),
    "imap": (143, 993),
    "pop3": (110, 995),
    "ldap": (389, 636),
}
_LOOKUPS: Final = threading.BoundedSemaphore(64)  # a lookup that hangs keeps its thread; this bounds how many do


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Target:
    """Where a request goes. It has no repr because the path may hold the credential.

    Attributes:
        scheme: ``http`` or ``https``.
        host: name in lower case or address, without brackets.
        port: port.
        path: path and query as sent.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def netloc(self) -> str:
        """Value of the ``Host`` header: without the port where it is the scheme's own."""
        default = {"http": 80, "https": 443}[self.scheme]
        return bracketed(self.host) if self.port == default else f"{bracketed(self.host)}:{self.port}"


def bracketed(host: str) -> str:
    """Return *host* as it stands in URLs."""
    return f"[{host}]" if ":" in host else host


def target_of(url: str) -> Target:
    """Read an address of an issuer.

    Raises:
        NoAnswerError: it is not one; the message holds nothing of it.
    """
    if len(url) > MAX_URL or not url.isascii() or any(c <= " " or c == "\x7f" for c in url) or "\\" in url:
        raise _refused("The address holds characters that do not belong there, or is too long.")
    scheme, netloc, path = _split(url)
    if scheme not in ("http", "https"):
        raise _refused("The address is neither http nor https.")
    if "@" in netloc or "%" in netloc:
        raise _refused("The address names a user or escapes its host: what comes before an @ is not where it goes.")
    read = _NETLOC.match(netloc)
    if read is None:
        raise _refused("The address has no host, or a port that is no number.")
    port = int(read["port"] or (443 if scheme == "https" else 80))
    check_port(port, "http")
    return Target(scheme=scheme, host=host_of(read["host"]), port=port, path=path)


def host_of(text: str) -> str:
    """Return a host name or address in its one form: lower case, no brackets, no dot at the end.

    Raises:
        NoAnswerError: no name that DNS and every parser would read alike.
    """
    if not text.isascii():
        raise _refused("The host name has letters outside ASCII; write it in its xn-- form.")
    host = text.lower()
    address = parse_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host)
    if address is not None:
        return str(address)
    host = host.removesuffix(".")
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.match(label) for label in labels):
        raise _refused("The host name is not one.")
    if _NUMBER.match(labels[-1]):
        raise _refused("The host name is a number that some programs read as an address; write the address plainly.")
    return host


def check_port(port: int, protocol: str) -> None:
    """Refuse ports that belong to other services.

    Raises:
        NoAnswerError: such a port.
    """
    if not 0 < port < 65_536 or (port in _OTHER_SERVICES and port not in _OWN_PORTS.get(protocol, ())):
        raise _refused(f"Port {port} belongs to another kind of service.")


def system_resolver(host: str, port: int) -> Sequence[str]:
    """Return what the system's resolver knows."""
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Guard:
    """Decides which addresses may be connected to.

    Args:
        policy: what is allowed beyond the Internet.
        resolver: knows addresses of names.
    """

    def __init__(self, policy: DoorPolicy, resolver: Resolver = system_resolver) -> None:
        self._policy = policy
        self._networks = policy.networks
        self._resolver = resolver

    def addresses(self, host: str, port: int, *, seconds: float) -> tuple[str, ...]:
        """Return the addresses of a host, all of them checked; connect to these and look nothing up again.

        One bad address among good ones refuses the host: a public name that leads inside as well is an attack or a mistake.

        Args:
            host: from `host_of`.
            port: where the connection goes.
            seconds: longest wait for the lookup.

        Raises:
            NoAnswerError: ``address_refused`` or ``dns``.
        """
        found = self.resolve(host, port, seconds=seconds)
        for address in found:
            self._check(address, host, port)
        return tuple(str(address) for address in found)

    def resolve(self, host: str, port: int, *, seconds: float) -> tuple[Address, ...]:
        """Return the addresses of a host, unchecked: for the proxy, which the user named.

        Raises:
            NoAnswerError: ``dns``.
        """
        literal = parse_address(host)
        if literal is not None:
            return (literal,)
        answer = _within(seconds, lambda: tuple(self._resolver(host, port)))
        found = [parse_address(text.partition("%")[0]) for text in answer or ()]
        if not found or len(found) > MAX_ADDRESSES:
            raise NoAnswerError("dns", f"{host} has no address, or its lookup took too long. Check the name and your DNS.")
        checked = tuple(address for address in dict.fromkeys(found) if address is not None)
        if len(checked) < len(set(found)):
            raise NoAnswerError("dns", f"The lookup of {host} gave something that is no address.")
        return checked

    def check_name(self, host: str, port: int) -> None:
        """Check a host whose name the proxy will resolve: only the name, or a literal address, can be judged here.

        Names without a dot and names of local zones are refused, because they mean something only inside the proxy's network.

        Raises:
            NoAnswerError: ``address_refused``.
        """
        address = parse_address(host)
        if address is not None:
            self._check(address, host, port)
        elif not self._policy.names(host, port) and ("." not in host or any(host.endswith(f".{zone}") for zone in _LOCAL)):
            raise NoAnswerError("address_refused", f"{host} is a name inside a network. {_HOW_TO_ALLOW}")

    def _check(self, address: Address, host: str, port: int) -> None:
        word = refusal(address, allowed=self._networks, named=self._policy.names(host, port))
        if word:
            where = f"{host} is" if str(address) == host else f"{host} leads to {address}, which is"
            raise NoAnswerError("address_refused", f"{where} not on the Internet: {word}. {_HOW_TO_ALLOW}")


_HOW_TO_ALLOW: Final = "Nothing was sent. If it is yours, allow it for validity checks."


def _within(seconds: float, look: Callable[[], tuple[str, ...]]) -> tuple[str, ...] | None:
    """Run a lookup in a thread of its own, because `getaddrinfo` knows no time limit."""
    if seconds <= 0 or not _LOOKUPS.acquire(timeout=seconds):
        return None
    box: SimpleQueue[tuple[str, ...] | None] = SimpleQueue()

    def run() -> None:
        try:
            box.put(look())
        except Exception:  # whatever a resolver raises: there is no address
            box.put(None)
        finally:
            _LOOKUPS.release()

    threading.Thread(target=run, name="lookup", daemon=True).start()
    try:
        return box.get(timeout=seconds)
    except Empty:
        return None


def _split(url: str) -> tuple[str, str, str]:
    """Return scheme, host with port, path with query. Errors of the library repeat what they were given, so they end here."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", "", ""
    return parts.scheme, parts.netloc, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _refused(message: str) -> NoAnswerError:
    return NoAnswerError("host_refused", f"{message} Nothing was sent.")
