"""The words of validity checks: what is asked about, through which door, and what comes back.

An adapter is a function from a `Credential` and a `Door` to a `ValidityCheck`. It opens no socket of its own: the door does,
and enforces what holds for every request (addresses, time, size, rate, record). An adapter never raises for what an issuer
does; `NoAnswerError` from the door is turned into *inconclusive* by `asked`.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from stanch.core.secret import Secret
from stanch.core.validity import Probe, Validity, ValidityCheck
from stanch.keys.model import Item
from stanch.net.model import HttpAnswer, NoAnswerError, PlainRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What is asked about.

    Attributes:
        detector: id of its type.
        secret: the value, revealed only where it is put into a request.
        companions: other parts by the names the catalog gives them (``tenant id``, ``account name``); plain where they are
            no secret.
        key: for certificates and keys, what the examination found, with the private key when it could be had.
    """

    detector: str
    secret: Secret
    companions: Mapping[str, Secret | str] = field(default_factory=dict)
    key: Item | None = None

    def text(self, name: str) -> str:
        """Return a companion as text, empty when it is not there."""
        value = self.companions.get(name, "")
        return value if isinstance(value, str) else value.reveal().decode("utf-8", "replace")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HttpRequest(PlainRequest):
    """A request to an issuer. It has no repr because headers and body hold the credential.

    Attributes:
        identity: client certificate for mutual TLS: the key's item.
    """

    identity: Item | None = None


class Door(Protocol):
    """The only way out. Keeps the rules, paces, retries what may be retried, and records each request."""

    def send(self, request: HttpRequest, *, probes: list[Probe]) -> HttpAnswer:
        """Send one request and append what was sent to *probes*, also when it fails.

        Raises:
            NoAnswerError: nothing usable came back.
        """
        ...

    def connect(self, host: str, port: int, *, probes: list[Probe], protocol: str) -> socket.socket:
        """Open a TCP connection under the same rules, for protocols other than HTTP; time-outs are set.

        Raises:
            NoAnswerError: no connection.
        """
        ...

    def tls(self) -> ssl.SSLContext:
        """Return a context that verifies certificates with the configured authorities."""
        ...

    def host(self, name: str) -> str:
        """Return where a well-known host or base address really is: the user's override, or *name* itself.

        ``login.microsoftonline.com`` → ``https://login.microsoftonline.com``, or ``https://127.0.0.1:8443`` when overridden.
        """
        ...

    def now(self) -> datetime:
        """Return the time, in UTC."""
        ...


Validator = Callable[[Credential, Door, list[Probe]], ValidityCheck]
"""Asks an issuer about one credential: read-only, and as little as decides."""


def verdict(
    door: Door, validity: Validity, reason: str, message: str, probes: list[Probe], evidence: Mapping[str, str] | None = None
) -> ValidityCheck:
    """Return a verdict of this moment."""
    return ValidityCheck(
        validity=validity,
        reason=reason,
        message=message,
        checked_at=door.now(),
        evidence=dict(evidence or {}),
        probes=tuple(probes),
    )


def asked(validator: Validator, credential: Credential, door: Door) -> ValidityCheck:
    """Run an adapter; what the door could not get is inconclusive, and a bug in one adapter stays its own."""
    probes: list[Probe] = []
    try:
        return validator(credential, door, probes)
    except NoAnswerError as exc:
        return verdict(door, Validity.INCONCLUSIVE, exc.reason, exc.message, probes)
    except Exception as exc:
        from stanch.core.errors import place_of

        message = f"A bug of ours: {type(exc).__name__} at {place_of(exc)}. Please report it with this line."
        return verdict(door, Validity.INCONCLUSIVE, "bug", message, probes)
