"""TLS as the simulators need it: every client certificate is let in, and the application is told which it was.

The standard library cannot do this: with client certificates on, it breaks off the handshake when one is signed by nobody it
knows. The real services let a stranger finish the handshake and answer 403. pyOpenSSL can: that the client *has* the private
key is proven by the handshake either way; only the chain is not looked at.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from stanch.simulators.authority import Authority

if TYPE_CHECKING:
    from collections.abc import Iterable

    from OpenSSL import SSL

T = TypeVar("T")
PIECE: Final = 16_384  # bytes of one TLS record


def server_context(authority: Authority, names: Iterable[str]) -> SSL.Context:
    """Return a context with a new certificate for *names* and the loopback."""
    from OpenSSL import SSL

    certificate, key = authority.issue(names)
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(b"DEFAULT:@SECLEVEL=0")  # management certificates of 2012 have RSA keys of 1024 bits
    context.use_certificate(certificate)
    context.use_privatekey(key)
    context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    # A resumed session would have no certificate to show, so there are none.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET)
    return context


class Channel:
    """One TLS connection, from the server's side, with a limit on every wait.

    Args:
        context: see `server_context`.
        raw: the accepted socket; closed with this.
        patience: seconds that one wait may last.
    """

    def __init__(self, context: SSL.Context, raw: socket.socket, patience: float) -> None:
        from OpenSSL import SSL

        raw.setblocking(False)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._raw = raw
        self._patience = patience
        self._tls = SSL.Connection(context, raw)
        self._tls.set_accept_state()

    def handshake(self) -> None:
        """Shake hands.

        Raises:
            ConnectionError: the client broke off, speaks no TLS, or does not trust us.
        """
        self._patiently(self._tls.do_handshake)

    def client_certificate(self) -> bytes | None:
        """Return the client's certificate as DER, ``None`` when it showed none."""
        from cryptography.hazmat.primitives.serialization import Encoding

        certificate = self._tls.get_peer_certificate(as_cryptography=True)
        return None if certificate is None else certificate.public_bytes(Encoding.DER)

    def receive(self, most: int) -> bytes:
        """Return some bytes; none at the end.

        Raises:
            ConnectionError: the connection broke, or nothing came in time.
        """
        from OpenSSL import SSL

        try:
            return self._patiently(lambda: self._tls.recv(most))
        except SSL.ZeroReturnError:
            return b""

    def send(self, data: bytes) -> None:
        """Send everything.

        Raises:
            ConnectionError: the connection broke, or the client takes nothing.
        """
        at = 0
        while at < len(data):
            piece = data[at : at + PIECE]
            at += self._patiently(lambda piece=piece: self._tls.send(piece))  # type: ignore[misc]  # a default binds it

    def wake(self) -> None:
        """End all waiting, from another thread."""
        with contextlib.suppress(OSError):
            self._raw.shutdown(socket.SHUT_RDWR)

    def close(self, *, abruptly: bool = False) -> None:
        """Close, with TLS's farewell unless *abruptly*: then the client sees a connection that broke."""
        from OpenSSL import SSL

        with contextlib.suppress(OSError):
            if abruptly:
                self._raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                with contextlib.suppress(SSL.Error):  # the client has gone already
                    self._tls.shutdown()
        self._raw.close()

    def _patiently(self, act: Callable[[], T]) -> T:
        from OpenSSL import SSL

        while True:
            try:
                return act()
            except SSL.WantReadError:
                self._wait(select.POLLIN)
            except SSL.WantWriteError:
                self._wait(select.POLLOUT)
            except SSL.ZeroReturnError:
                raise
            except SSL.Error as exc:
                raise ConnectionError(f"TLS broke off: {type(exc).__name__}") from exc

    def _wait(self, event: int) -> None:
        poll = select.poll()
        poll.register(self._raw, event)
        if not poll.poll(self._patience * 1_000):
            raise ConnectionError("the client is too slow")
