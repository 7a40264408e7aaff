"""Loopback servers that behave as issuers do, and as nobody should: they redirect, hang, drip, flood, cut and lie.

A behaviour is a function from a connection to nothing; a `Server` runs it for each connection in a thread and keeps what it
was sent. `Authority` makes certificates, good and bad ones.
"""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
LIMIT = 10.0  # seconds after which a server's thread gives up, so that a test that fails does not hang


@dataclass(eq=False)
class Connection:
    """One connection to a server.

    Attributes:
        socket: it.
        server: whose it is.
        head: request line and headers as received, once read.
        body: what followed.
    """

    socket: socket.socket
    server: Server
    head: bytes = b""
    body: bytes = b""

    def read(self) -> bytes:
        """Read one request; return and keep all of it."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self.socket.recv(65536)
            if not piece:
                return data
            data += piece
        self.head, _, self.body = data.partition(b"\r\n\r\n")
        length = int(self.headers.get("content-length", "0"))
        while len(self.body) < length:
            self.body += self.socket.recv(65536)
        self.server.requests.append(self.head + b"\r\n\r\n" + self.body)
        return self.server.requests[-1]

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def until_left(self) -> None:
        """Wait until the client leaves."""
        with suppress(OSError):
            while self.socket.recv(65536):
                pass


Behaviour = Callable[[Connection], None]


@dataclass(eq=False)
class Server:
    """A server on loopback, for use with ``with``.

    Attributes:
        behave: what it does with each connection.
        context: TLS, when it speaks that.
        address: where it listens.
        requests: what it was sent.
        connections: how many there were.
        failures: errors of handshakes and of behaviours.
    """

    behave: Behaviour
    context: ssl.SSLContext | None = None
    address: str = "127.0.0.1"
    requests: list[bytes] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((self.address, 0))
        self._listener.listen(128)
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.stopped = threading.Event()
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(LIMIT)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(LIMIT)

    def url(self, path: str = "/", *, host: str = "") -> str:
        """An address of it, by another name if need be."""
        scheme = "https" if self.context else "http"
        return f"{scheme}://{host or self.address}:{self.port}{path}"

    def _accept(self) -> None:
        while not self.stopped.is_set():
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(accepted,), daemon=True)
            self._threads = [t for t in self._threads if t.is_alive()] + [thread]
            thread.start()

    def _serve(self, accepted: socket.socket) -> None:
        accepted.settimeout(LIMIT)
        connection = accepted
        with self._lock:
            self._open.add(accepted)
        try:
            if self.context is not None:
                connection = self.context.wrap_socket(accepted, server_side=True)
                with self._lock:
                    self._open.add(connection)
            self.behave(Connection(connection, self))
        except OSError as exc:
            self.failures.append(exc)
        finally:
            with self._lock:
                self._open -= {accepted, connection}
            connection.close()
            accepted.close()


def reply(status: int = 200, body: bytes = b"{}", **headers: str) -> Behaviour:
    """Answer properly; ``_`` stands for ``-`` in names of headers."""
    return lambda connection: answer(connection, status, body, {n.replace("_", "-"): v for n, v in headers.items()})


def answer(connection: Connection, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    """Read a request and answer it."""
    connection.read()
    lines = [f"HTTP/1.1 {status} Reason"]
    lines += [f"{name}: {value}" for name, value in {"Content-Length": str(len(body)), **headers}.items()]
    connection.socket.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """Behave differently each time; the last behaviour stays."""
    turns: Iterator[Behaviour] = iter(behaviours[:-1])
    lock = threading.Lock()

    def behave(connection: Connection) -> None:
        with lock:
            turn = next(turns, behaviours[-1])
        turn(connection)

    return behave


def says(data: bytes) -> Behaviour:
    """Read a request and answer these bytes."""

    def behave(connection: Connection) -> None:
        connection.read()
        connection.socket.sendall(data)

    return behave


def hang(connection: Connection) -> None:
    """Take the connection, and do nothing."""
    connection.until_left()


def hang_after_request(connection: Connection) -> None:
    """Take the request, and say nothing."""
    connection.read()
    connection.until_left()


def drip(head: bytes, byte: bytes = b"x", *, pause: float = 0.03) -> Behaviour:
    """Begin properly, then send one byte at a time, forever."""

    def behave(connection: Connection) -> None:
        connection.read()
        connection.socket.sendall(head)
        while not connection.server.stopped.wait(pause):
            connection.socket.sendall(byte)

    return behave


def flood(head: bytes, piece: bytes, *, most: int = 10 << 30) -> Behaviour:
    """Send ten gigabytes, or as much as the client takes."""

    def behave(connection: Connection) -> None:
        connection.read()
        connection.socket.sendall(head)
        sent = 0
        while sent < most and not connection.server.stopped.is_set():
            connection.socket.sendall(piece)
            sent += len(piece)

    return behave


def reset(connection: Connection) -> None:
    """Read the request and cut the connection hard."""
    connection.read()
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.socket.close()


def proxy(where: Mapping[str, int], *, status: int = 200, password: str = "") -> Behaviour:
    """An HTTP proxy that knows names by itself: ``host:port`` → port on loopback. Plain requests it answers itself."""

    def behave(connection: Connection) -> None:
        head = _head(connection.socket)
        connection.server.requests.append(head)
        method, target = head.split(b" ")[:2]
        if password and password.encode() not in head:
            connection.socket.sendall(b"HTTP/1.1 407 Who are you\r\n\r\n")
        elif method != b"CONNECT":
            connection.socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nvia proxy")
        elif status != 200 or target.decode() not in where:
            connection.socket.sendall(b"HTTP/1.1 %d No\r\n\r\n" % (status if status != 200 else 502))
        else:
            with socket.create_connection(("127.0.0.1", where[target.decode()]), LIMIT) as there:
                connection.socket.sendall(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
                _relay(connection.socket, there)

    return behave


def _head(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionResetError
        data += piece
    return data


def _relay(one: socket.socket, other: socket.socket) -> None:
    def copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(65536):
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)

    back = threading.Thread(target=copy, args=(other, one), daemon=True)
    back.start()
    copy(one, other)
    back.join(LIMIT)


class Authority:
    """A certificate authority that also issues what it should not."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name("Test authority")
        self.certificate = self._builder(self.name, self.key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        ).sign(self.key, hashes.SHA256())  # fmt: skip

    def bundle(self, folder: Path) -> str:
        """Write the file of authorities that trusts this one."""
        path = folder / "authorities.pem"
        path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return str(path)

    def server(self, folder: Path, *names: str, days: int = 30, self_signed: bool = False, client: bytes = b"") -> ssl.SSLContext:
        """A server's context.

        Args:
            folder: where its files go.
            names: names and addresses it is for.
            days: until its end; negative for one that has expired.
            self_signed: signed by itself.
            client: PEM of the client certificate it demands.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(names[0])
        builder = self._builder(subject, key, issuer=subject if self_signed else self.name, days=days)
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        certificate = builder.sign(key if self_signed else self.key, hashes.SHA256())
        path = folder / f"server-{certificate.serial_number}.pem"
        path.write_bytes(pem(certificate, key))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        if client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            context.load_verify_locations(cadata=client.decode("ascii"))
        return context

    def _builder(
        self, subject: x509.Name, key: PrivateKey, *, issuer: x509.Name | None = None, days: int = 30
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder(subject_name=subject, issuer_name=issuer or subject, public_key=key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=60))
            .not_valid_after(now + datetime.timedelta(days=days))
        )


def client_certificate(key: PrivateKey) -> x509.Certificate:
    """A self-signed certificate as management certificates are."""
    now = datetime.datetime.now(datetime.UTC)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return (
        x509.CertificateBuilder(subject_name=_name("client"), issuer_name=_name("client"), public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, algorithm)
    )


def pem(certificate: x509.Certificate, key: PrivateKey) -> bytes:
    """Certificate and key in one file."""
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )  # fmt: skip
    return certificate.public_bytes(serialization.Encoding.PEM) + private


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
