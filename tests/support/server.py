"""The real `stanch serve` and `stanch worker` in processes of their own, to be used, killed and started again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stanch.core.people import Permission, Role
from stanch.incidents.desk import Desk
from stanch.people.sessions import principal_of_user
from stanch.people.tokens import create_token
from stanch.people.users import create_user

PASSWORD = "a horse, a battery, a staple"
EMAIL = "ada@acme.test"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Answer:
    """What came back."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class RunningServer:
    """One `stanch serve`.

    Attributes:
        folder: its data folder.
        url: of the record.
        options: more of its command line.
    """

    folder: Path
    url: str
    options: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    token: str = ""
    starts: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "serve.log"

    def environment(self) -> dict[str, str]:
        return os.environ | {"XDG_DATA_HOME": str(self.folder), "STANCH_DATABASE": self.url}

    def start(self) -> None:
        """Start it and wait until it is ready."""
        command = [sys.executable, "-m", "stanch", "serve", "--listen", f"127.0.0.1:{self.port}", *self.options]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=self.environment(), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.starts += 1
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended: {self.log.read_text()[-2000:]}")
            try:
                if self.get("/readyz").status == 200:
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"the server is not ready: {self.log.read_text()[-2000:]}")

    def kill(self, number: int = signal.SIGKILL) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(timeout=30)

    def call(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None, timeout: float = 60
    ) -> Answer:
        """Ask the API; raises `OSError` when nobody answers."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data=data, method=method)
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        if data is not None:
            request.add_header("Content-Type", "application/octet-stream" if isinstance(body, bytes) else "application/json")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return Answer(answer.status, answer.read(), dict(answer.headers))
        except urllib.error.HTTPError as exc:
            with exc:
                return Answer(exc.code, exc.read(), dict(exc.headers))

    def get(self, path: str) -> Answer:
        return self.call("GET", path)

    def person(self) -> str:
        """Make an administrator and a token of theirs in the record; return the id of the workspace."""
        desk = Desk.open(self.url)
        try:
            workspace = desk.workspace()
            with desk.work(workspace) as work:
                user = create_user(work, email=EMAIL, name="Ada", password=PASSWORD, operator=True, role=Role.ADMINISTRATOR)
                owner = principal_of_user(work.connection, user, workspace=workspace)
                assert owner is not None
                made = create_token(
                    work.connection, owner, name="tests", scopes=list(Permission), expires_at=None, now=work.now, audit=desk.audit
                )
            self.token = made.token.reveal().decode()
        finally:
            desk.close()
        return workspace


@contextmanager
def running_server(folder: Path, url: str = "", *options: str) -> Iterator[RunningServer]:
    """A server that runs, with an administrator and their token."""
    folder.mkdir(parents=True, exist_ok=True)
    server = RunningServer(folder, url or f"sqlite:///{folder}/stanch.db", options)
    server.person()
    server.start()
    try:
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill(signal.SIGTERM)
