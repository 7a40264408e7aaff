"""What went wrong on the way, in our words. A library's own message may repeat the request, so it is never passed on."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Final

from stanch.net.model import NoAnswerError

# Numbers of OpenSSL's X509_V_ERR_…: https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/.
_CERTIFICATE: Final[Mapping[int, str]] = {
    9: "its certificate is not valid yet",
    10: "its certificate has expired",
    18: "its certificate is self-signed",
    19: "its certificate comes from an authority that is not trusted here",
    20: "its certificate comes from an authority that is not trusted here",
    21: "its certificate comes from an authority that is not trusted here",
    23: "its certificate is revoked",
    62: "its certificate is for another name",
    64: "its certificate is for another address",
    66: "the key of its certificate is too weak",
    68: "its certificate is signed with a digest that is too weak",
}


def explain(exc: OSError | NoAnswerError, host: str) -> NoAnswerError:
    """Return what a failure means. The result is to be raised outside the ``except`` block, so that it drags nothing along.

    Args:
        exc: from the network or from the door.
        host: checked name of the host.
    """
    if isinstance(exc, NoAnswerError):
        return exc
    reason, message = _explain(exc, host)
    return NoAnswerError(reason, message)


def is_reset(exc: BaseException) -> bool:
    """Say whether the connection was cut by the other side."""
    return isinstance(exc, ConnectionResetError | BrokenPipeError | ConnectionAbortedError | ssl.SSLEOFError)


def _explain(exc: OSError, host: str) -> tuple[str, str]:
    if isinstance(exc, ssl.SSLCertVerificationError):
        why = _CERTIFICATE.get(exc.verify_code, "its certificate does not verify")
        return "tls", f"{host} is not who it should be: {why}. Nothing was sent. Is a file of authorities needed?"
    if isinstance(exc, ssl.SSLError) and not is_reset(exc):
        return "tls", f"No secure connection to {host}: {_known(exc.reason)}."
    if isinstance(exc, TimeoutError):
        return "timeout", f"{host} did not answer in time."
    if is_reset(exc):
        return "connection", f"{host} cut the connection."
    if isinstance(exc, ConnectionRefusedError):
        return "connection", f"{host} takes no connections at that port."
    return "connection", f"{host} cannot be reached from here."


def _known(reason: str | None) -> str:
    """Return OpenSSL's own code for an error, which is one word of a fixed list."""
    text = (reason or "").replace("_", " ").lower()
    return text if text and len(text) < 80 and text.replace(" ", "").isalnum() else "TLS failed"
