"""Who a worker is: the same over restarts, and never two processes at once.

Each data folder has numbered places with an id in each. A process takes the first place that nobody holds; the system lets go of
it when the process ends, however it ends. So a worker that was killed comes back as itself and goes on with its own runs.
"""

from __future__ import annotations

import fcntl
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stanch.core.errors import ConfigError
from stanch.core.ids import encoded

_PLACES: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """How a process works on runs.

    Attributes:
        folder: where it keeps who it is; next to an SQLite record, or the user's data folder, when not given.
        id: who it is, when somebody else sees to it that no two are called alike.
        name: for people.
        queues: to take runs from; all when not given, none when empty.
        beat: seconds between two signs of life.
        silence: seconds after which the others give it up.
        poll: seconds between two looks at a queue.
        keep_days: that runs are kept after they are over.
        keep_own_days: that runs are kept which no person started: those of schedules.
        connections: to PostgreSQL that DBOS may hold; it needs three.
        grace: seconds that a step is given to end when the worker closes.
    """

    folder: Path | None = None
    id: str = ""
    name: str = ""
    queues: tuple[str, ...] | None = None
    beat: float = 5.0
    silence: float = 30.0
    poll: float = 0.25
    keep_days: float = 180
    keep_own_days: float = 3
    connections: int = 10
    grace: float = 5.0


class Place:
    """A place that this process holds until `leave` or its end.

    Args:
        folder: with all places.

    Raises:
        ConfigError: the folder cannot be written.

    Attributes:
        id: of the worker.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._handle, self.id = _first_free(folder)
        except OSError as exc:
            reason = exc.strerror or type(exc).__name__
            raise ConfigError(f"the worker cannot keep who it is: {reason}", path=str(folder)) from exc

    def leave(self) -> None:
        """Let another process have it."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def default_folder(env: Mapping[str, str] | None = None) -> Path:
    """Return the data folder of this user."""
    env = os.environ if env is None else env
    base = env.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return Path(base) / "stanch"


def _first_free(folder: Path) -> tuple[int, str]:
    for number in range(1, _PLACES):
        handle = os.open(folder / f"worker-{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            continue
        return handle, _read_or_make(handle)
    raise ConfigError("too many workers share one data folder.", path=str(folder))


def _read_or_make(handle: int) -> str:
    known = os.read(handle, 100).decode("ascii", "replace").strip()
    if re.fullmatch(r"[a-z0-9-]{1,80}", known):
        return known
    host = re.sub(r"[^a-z0-9-]+", "-", socket.gethostname().lower())[:40]
    made = f"{host}-{encoded(int.from_bytes(os.urandom(16)))[-12:]}"
    os.ftruncate(handle, 0)
    os.pwrite(handle, made.encode(), 0)
    os.fsync(handle)
    return made
