"""The words of outgoing HTTP: a request, an answer, and why there was none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PlainRequest:
    """A request. It has no repr because headers and body may hold a credential.

    Attributes:
        method: ``GET``, ``POST`` …
        url: absolute, http or https.
        headers: as sent.
        body: as sent.
        idempotent: a POST that may be sent again: it changes nothing.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    idempotent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HttpAnswer:
    """What came back. Redirects are answers like any other: nothing follows them.

    Attributes:
        status: HTTP status.
        headers: names in lower case.
        body: at most the limit.
        cut: whether there was more.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool = False


class NoAnswerError(Exception):
    """No usable answer came. The message never holds the credential or foreign text.

    Args:
        reason: stable code: ``timeout``, ``address_refused``, ``dns``, ``tls``, ``connection``, ``too_large``, ``not_http``,
            ``rate_limited``, ``proxy``, ``host_refused``.
        message: a sentence, with what to do.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
