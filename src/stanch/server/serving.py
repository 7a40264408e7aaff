"""Put a server or a worker together: record, engine of runs, jobs, courier of notices; and take it apart again in order."""

from __future__ import annotations

import logging
import os
import resource
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from stanch import __version__
from stanch.core.errors import place_of
from stanch.db.idempotency import free_unfinished
from stanch.db.runs import RunBooks
from stanch.incidents.delivering import deliver_due
from stanch.incidents.desk import Desk
from stanch.incidents.reachable import Reach
from stanch.net.policy import DoorPolicy
from stanch.notify.channels import Sender
from stanch.people.oidc import Oidc
from stanch.people.oidc_settings import settings_from
from stanch.runs.durable import DurableEngine
from stanch.runs.identity import WorkerSettings
from stanch.runs.port import Registry
from stanch.server.context import Context, ServerSettings
from stanch.server.jobs import register_jobs

COURIER_SECONDS: Final = 5.0
log = logging.getLogger("stanch.server")


class Courier:
    """Sends the notices that wait, every few seconds, in a thread of its own. Several processes may do that at once.

    Args:
        deliver: sends what is due.
        seconds: between two rounds.
    """

    def __init__(self, deliver: Callable[[], object], seconds: float = COURIER_SECONDS) -> None:
        self._deliver = deliver
        self._seconds = seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="stanch-courier", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the notice that is on its way."""
        self._ended.set()
        with suppress(RuntimeError):  # it never began
            self._thread.join(timeout=15)

    def _work(self) -> None:
        while not self._ended.wait(self._seconds):
            try:
                self._deliver()
            except Exception as exc:  # one bad round must not end the others
                log.warning("notices wait: %s at %s", type(exc).__name__, place_of(exc))


@dataclass(frozen=True, slots=True)
class Parts:
    """What runs in one process.

    Attributes:
        context: for requests.
        courier: sends notices; ``None`` where other processes do.
    """

    context: Context
    courier: Courier | None = None

    def start(self) -> None:
        """Begin to work."""
        self.context.engine.launch()
        if self.courier is not None:
            self.courier.start()

    def stop(self) -> None:
        """End in order: what is going on is taken up by another worker, or at the next start."""
        if self.courier is not None:
            self.courier.stop()
        self.context.engine.close()
        self.context.desk.close()


def open_parts(
    settings: ServerSettings, reach: Reach, *, database: str = "", works: bool = True, worker: WorkerSettings | None = None
) -> Parts:
    """Open the record and return the parts of a server or a worker, not started yet.

    Args:
        settings: of the server.
        reach: what scans may read and fetch.
        database: where the record lives; this user's when empty.
        works: whether this process works on runs and sends notices; else it only asks for them.
        worker: how it works.

    Raises:
        ConfigError: the record cannot be opened.
    """
    forbid_core_dumps()
    desk = Desk.open(database)
    if desk.database.is_sqlite:  # this is the one server: what is unfinished was cut off with the last one
        with desk.database.begin() as connection:
            free_unfinished(connection)
    registry = register_jobs(Registry(), desk, reach)
    how = worker or WorkerSettings()
    if not works:
        how = WorkerSettings(folder=how.folder, id=how.id, name=how.name, queues=())
    engine = DurableEngine(desk.database.url, registry, books=RunBooks(desk.database, desk.now), worker=how, version=__version__)
    context = Context(desk=desk, engine=engine, settings=settings)
    sender = Sender(base_url=settings.base_url, policy=DoorPolicy(allowed=reach.networks))
    context.extras["sender"] = sender
    single = settings_from(os.environ, redirect_uri=f"{settings.base_url}/sign-in/oidc/back")
    if single is not None:
        context.extras.update(oidc=Oidc(desk, single), oidc_name=single.name)
    return Parts(context, Courier(lambda: deliver_due(desk, sender)) if works else None)


def forbid_core_dumps() -> None:
    """Keep the memory of this process, where a value may be open for a moment, from being written to disk when it crashes."""
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
