"""The record for tests: every test that asks for `database` or `desk` runs on SQLite and on a real PostgreSQL.

Use them by import in the conftest of a folder::

    from tests.support.databases import clock, database, desk, empty_url, kind, servers  # noqa: F401

One PostgreSQL server lives as long as the session; each test gets a database of its own, copied from one that is migrated already.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.support.database_servers import Running, postgresql

from stanch.db import migrate
from stanch.db.database import Database
from stanch.incidents.desk import Desk
from stanch.incidents.installation import WrappingKey

KEY = WrappingKey(b"\x5a" * 32)
KINDS = ("sqlite", "postgresql")
_HBA = "host all all 127.0.0.1/32 trust"
_NUMBERS = count(1)


@dataclass
class Clock:
    """The time of a test; it stands still until it is told to go on."""

    time: datetime = datetime(2026, 11, 25, 8, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def pass_(self, **parts: float) -> datetime:
        self.time += timedelta(**parts)
        return self.time


@dataclass
class Servers:
    """Makes databases, of either kind; a PostgreSQL server starts when the first one is asked for."""

    folder: Path
    stack: Any
    running: Running | None = None
    made: dict[str, str] = field(default_factory=dict)

    def empty(self, kind: str) -> str:
        """The address of a database with nothing in it."""
        name = f"t{next(_NUMBERS)}"
        if kind == "sqlite":
            return f"sqlite:///{self.folder}/{name}.db"
        return self._create(name, "template0")

    def migrated(self, kind: str) -> str:
        """The address of a database with empty tables."""
        if kind not in self.made:
            url = self.made[kind] = self.empty(kind)
            first = Database(url)
            migrate.upgrade(first)
            first.close()
        name = f"t{next(_NUMBERS)}"
        if kind == "postgresql":
            return self._create(name, self.made[kind].rpartition("/")[2])
        target = self.folder / f"{name}.db"
        shutil.copyfile(self.made[kind].removeprefix("sqlite:///"), target)
        return f"sqlite:///{target}"

    def _create(self, name: str, template: str) -> str:
        if self.running is None:
            self.running = self.stack.enter_context(postgresql(_HBA))
            _until_ready(self.running)
        self.running.run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy;")
        return f"postgresql://owner@127.0.0.1:{self.running.port}/{name}"


def _until_ready(running: Running) -> None:
    """Wait: on a busy machine the server takes connections a while before it answers on them."""
    for _ in range(300):
        try:
            running.run("SELECT 1")
            return
        except RuntimeError:
            time.sleep(0.1)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield Servers(tmp_path_factory.mktemp("databases"), stack)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Which database this test runs on."""
    return str(request.param)


@pytest.fixture
def empty_url(servers: Servers, kind: str) -> str:
    """The address of a database with nothing in it."""
    return servers.empty(kind)


@pytest.fixture
def database(servers: Servers, kind: str) -> Iterator[Database]:
    """A database with empty tables."""
    opened = Database(servers.migrated(kind), pool=5)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(servers: Servers, kind: str, clock: Clock) -> Iterator[Desk]:
    """An open record with no workspace in it."""
    opened = Desk.open(servers.migrated(kind), key=KEY, clock=clock)
    yield opened
    opened.close()


@contextmanager
def opened(url: str, clock: Callable[[], datetime] | None = None, key: WrappingKey = KEY) -> Iterator[Desk]:
    """A record by its address."""
    desk = Desk.open(url, key=key, clock=clock or Clock())
    try:
        yield desk
    finally:
        desk.close()
