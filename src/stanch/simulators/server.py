"""Several simulated services behind TLS on the loopback, each on a port of its own.

    with Simulator({"login.microsoftonline.com": entra, "management.core.windows.net": classic}) as simulator:
        simulator.address("login.microsoftonline.com")    # https://127.0.0.1:40123
        simulator.ca_file                                 # what clients have to trust
        simulator.faults.add(Fault(kind="throttle"))      # or over HTTP: see faults.py

A request goes to the application whose name its Host header has (patterns like ``*.vault.azure.net`` too), else to the one
whose port it came in on.
"""

from __future__ import annotations

import selectors
import shutil
import socket
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from http import HTTPStatus
from pathlib import Path
from typing import Final

from stanch.core.errors import InputError, place_of
from stanch.simulators.authority import Authority
from stanch.simulators.clock import Clock, utc_now
from stanch.simulators.faults import CONTROL, Fault, Faults, failure
from stanch.simulators.http1 import BadRequestError, Head, Reader, read_body, read_head, response_bytes
from stanch.simulators.tls import Channel, server_context
from stanch.simulators.wire import Application, Request, Response, json_response

HOST: Final = "127.0.0.1"
MOST_CONNECTIONS: Final = 256
MOST_REQUESTS: Final = 10_000  # on one connection
PATIENCE: Final = 30.0  # seconds that a client may stay silent
MOST_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One request that was answered. Holds no header, query or body: they are credentials.

    Attributes:
        application: name of the service.
        status: what was answered; 0 when the connection was closed instead.
        request_id: the ``client-request-id`` that came along.
        certificate: whether a client certificate was shown.
    """

    application: str
    method: str
    path: str
    status: int
    at: datetime
    request_id: str = ""
    certificate: bool = False


class Simulator:
    """A TLS server for simulated services. Use it as a context manager.

    Args:
        applications: host name (as the real service has it, or a pattern) → application.
        faults: what goes wrong; shared with the applications' own state where they have some.
        port: of the first application; the next one gets the next port. 0: any free ports.
        names: more DNS names that the server certificate is good for.
        clock: the services' time, before faults skew it.
        patience: seconds that a client may stay silent.
    """

    def __init__(
        self,
        applications: Mapping[str, Application],
        *,
        faults: Faults | None = None,
        port: int = 0,
        names: Iterable[str] = (),
        clock: Clock = utc_now,
        patience: float = PATIENCE,
    ) -> None:
        self.faults = faults or Faults()
        self.authority = Authority()
        self._applications = dict(applications)
        self._clock = clock
        self._patience = patience
        self._context = server_context(self.authority, (*(n for n in self._applications if "." in n), *names))
        self._first_port = port
        self._listeners: dict[socket.socket, str] = {}
        self._ports: dict[str, int] = {}
        self._folder: Path | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._open: dict[threading.Thread, Channel] = {}
        self._served: deque[Served] = deque(maxlen=MOST_REMEMBERED)
        self._errors: list[str] = []
        self._acceptor: threading.Thread | None = None
        self._bell: tuple[socket.socket, socket.socket] | None = None

    # --- for users -------------------------------------------------------------------------------------------------

    def __enter__(self) -> Simulator:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen.

        Raises:
            InputError: a port is taken.
        """
        self._folder = Path(tempfile.mkdtemp(prefix="stanch-simulator-"))
        (self._folder / "ca.pem").write_bytes(self.authority.ca_pem)
        try:
            for number, name in enumerate(self._applications):
                self._listen(name, self._first_port + number if self._first_port else 0)
        except OSError as exc:
            self.stop()
            raise InputError(
                "a port for the simulator is taken.", hint="Choose another with --port, or none for any free one."
            ) from exc
        self._bell = socket.socketpair()
        self._acceptor = threading.Thread(target=self._accept, name="simulator", daemon=True)
        self._acceptor.start()

    def stop(self) -> None:
        """Close everything and wait until it is closed. May be called twice."""
        self._stopping.set()
        if self._bell is not None:
            self._bell[1].close()
        if self._acceptor is not None:
            self._acceptor.join()
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        with self._lock:
            left = list(self._open.items())
        for thread, channel in left:
            channel.wake()
            thread.join(self._patience)
        if self._bell is not None:
            self._bell[0].close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def ca_file(self) -> Path:
        """The certificate to trust, as a PEM file; gone when the simulator stops."""
        assert self._folder is not None, "the simulator is not started"
        return self._folder / "ca.pem"

    def port(self, name: str) -> int:
        """Return the port of an application."""
        return self._ports[name]

    def address(self, name: str) -> str:
        """Return the base address of an application: ``https://127.0.0.1:40123``."""
        return f"https://{HOST}:{self._ports[name]}"

    @property
    def addresses(self) -> dict[str, str]:
        """Name → base address, of every application: what `Door.host` is to answer."""
        return {name: self.address(name) for name in self._ports}

    @property
    def served(self) -> tuple[Served, ...]:
        """What was asked, oldest first."""
        with self._lock:
            return tuple(self._served)

    @property
    def errors(self) -> tuple[str, ...]:
        """Bugs of the simulators: each was answered with 500. Tests want none."""
        with self._lock:
            return tuple(self._errors)

    # --- connections -----------------------------------------------------------------------------------------------

    def _listen(self, name: str, port: int) -> None:
        listener = socket.create_server((HOST, port), backlog=128)
        listener.setblocking(False)
        self._listeners[listener] = name
        self._ports[name] = listener.getsockname()[1]

    def _accept(self) -> None:
        assert self._bell is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._bell[0], selectors.EVENT_READ)
            for listener in self._listeners:
                selector.register(listener, selectors.EVENT_READ)
            while not self._stopping.is_set():
                for key, _ in selector.select():
                    if key.fileobj is not self._bell[0]:
                        assert isinstance(key.fileobj, socket.socket)
                        self._welcome(key.fileobj)

    def _welcome(self, listener: socket.socket) -> None:
        try:
            raw, _ = listener.accept()
        except OSError:
            return  # the client has gone already
        channel = Channel(self._context, raw, self._patience)
        thread = threading.Thread(target=self._serve, args=(channel, self._listeners[listener]), name="simulator", daemon=True)
        with self._lock:
            full = len(self._open) >= MOST_CONNECTIONS
            if not full:
                self._open[thread] = channel
        if full:
            channel.close(abruptly=True)
        else:
            thread.start()

    def _serve(self, channel: Channel, name: str) -> None:
        broken = False
        try:
            channel.handshake()
            certificate = channel.client_certificate()
            reader = Reader(channel.receive)
            for _ in range(MOST_REQUESTS):
                if self._stopping.is_set() or not self._exchange(channel, reader, name, certificate):
                    break
        except ConnectionError:
            broken = True
        finally:
            channel.close(abruptly=broken)
            with self._lock:
                self._open.pop(threading.current_thread(), None)

    # --- requests --------------------------------------------------------------------------------------------------

    def _exchange(self, channel: Channel, reader: Reader, name: str, certificate: bytes | None) -> bool:
        """Answer one request; tell whether there may be another."""
        try:
            head = read_head(reader)
            if head is None:
                return False
            body = read_body(reader, head, lambda: channel.send(b"HTTP/1.1 100 Continue\r\n\r\n"))
        except BadRequestError as exc:
            answer = json_response(exc.status, {"error": {"code": "BadRequest", "message": exc.message}})
            channel.send(response_bytes(answer, now=self._now(), close=True))
            return False
        host = head.headers.get("host", "")
        name = self._application_for(host, name)
        request = Request(
            method=head.method,
            target=head.target,
            now=self._now(),
            headers=head.headers,
            body=body,
            host=host,
            client_certificate=certificate,
        )
        if request.path == CONTROL:
            channel.send(response_bytes(self.faults.control(request), now=self._now(), close=not head.keep))
            return head.keep
        return self._answer(channel, head, name, request)

    def _answer(self, channel: Channel, head: Head, name: str, request: Request) -> bool:
        application = self._applications[name]
        fault = self.faults.strike(name, request)
        kind = fault.kind if fault else ""
        if kind == "drop":
            self._remember(name, request, 0)
            raise ConnectionError("dropped on purpose")
        if fault is not None and kind in ("throttle", "error"):
            answer = self._guarded(lambda _: failure(application, request, fault), request)
        else:
            self._sleep(fault)
            answer = self._guarded(application, request)
        self._remember(name, request, 0 if kind in ("lost", "truncated") else answer.status)
        data = response_bytes(answer, now=self._now(), close=not head.keep, with_body=head.method != "HEAD")
        if kind == "lost":
            raise ConnectionError("lost on purpose")
        if kind == "truncated":
            channel.send(data[: len(data) - max(len(answer.body) // 2, 1)])
            return False
        channel.send(data)
        return head.keep

    def _guarded(self, application: Application, request: Request) -> Response:
        try:
            return application(request)
        except Exception as exc:  # a bug of a simulator is an answer, and on record
            with self._lock:
                self._errors.append(f"{type(exc).__name__} at {place_of(exc)}")
            message = "a bug of the simulator"
            return json_response(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": {"code": "InternalError", "message": message}})

    def _sleep(self, fault: Fault | None) -> None:
        if fault is not None and fault.kind == "slow":
            self._stopping.wait(fault.seconds)

    def _application_for(self, host: str, otherwise: str) -> str:
        wanted = host.rpartition(":")[0].lower() if host.rpartition(":")[2].isdigit() else host.lower()
        if wanted in self._applications:
            return wanted
        return next((name for name in self._applications if fnmatchcase(wanted, name)), otherwise)

    def _now(self) -> datetime:
        return self._clock() + timedelta(seconds=self.faults.skew)

    def _remember(self, name: str, request: Request, status: int) -> None:
        served = Served(
            application=name,
            method=request.method,
            path=request.path,
            status=status,
            at=request.now,
            request_id=request.headers.get("client-request-id", request.headers.get("x-ms-client-request-id", ""))[:100],
            certificate=request.client_certificate is not None,
        )
        with self._lock:
            self._served.append(served)
