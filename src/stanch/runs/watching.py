"""Two threads beside the work: one says that this worker lives, the other looks after what nobody else would.

- A worker that was silent is given up by whoever notices first, and its runs go on elsewhere.
- A run that was written down and never got into its queue gets there.
- A run that takes too long is ended.
- What was over long ago is removed.
- A schedule that is due is started; all workers do that, and the key sees to it that there is one run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from croniter import croniter  # type: ignore[import-untyped]  # comes with DBOS, without types

from stanch.core.errors import place_of
from stanch.runs.dbos_setup import log
from stanch.runs.identity import WorkerSettings
from stanch.runs.port import Books, Registry, Roster, RunState, RunStatus, Schedule

_SELDOM: Final = 6  # rounds between two looks at what hardly ever happens
_HOURLY: Final = 720  # at five seconds a round
_FRESH: Final = timedelta(seconds=5)  # younger runs may be on their way into their queue


class WatchedBooks(Books, Roster, Protocol):
    """What is watched."""


class Watched(Protocol):
    """What a watcher needs of an engine."""

    registry: Registry
    settings: WorkerSettings
    worker_id: str

    @property
    def books(self) -> WatchedBooks:
        """Where it tells about runs and workers."""

    def stand_down(self) -> None:
        """Stop all work and begin again."""

    def take_over(self, workers: Sequence[str]) -> int:
        """Let the runs of lost workers go on."""

    def reconcile(self, run: RunStatus, state: str | None) -> None:
        """Make DBOS and the books agree."""

    def states(self, runs: Sequence[str]) -> dict[str, str]:
        """Return what DBOS says of runs."""

    def strays(self) -> set[str]:
        """Return runs that DBOS believes this worker to be at, and it is not."""

    def requeue(self, runs: Sequence[str]) -> None:
        """Let runs wait in their queues again."""

    def forget(self) -> int:
        """Remove what was over long ago."""

    def overdue(self) -> None:
        """Give up runs that take too long."""

    def start_due(self, schedule: Schedule, key: str) -> None:
        """Start what a schedule starts, once for this key."""


class Watcher:
    """The two threads.

    Args:
        engine: that they look after.
    """

    def __init__(self, engine: Watched) -> None:
        self._engine = engine
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._due: dict[str, datetime] = {}
        self._strays: set[str] = set()
        self._round = 0

    def start(self) -> None:
        """Begin."""
        self._stopping = threading.Event()
        self._round, self._strays = 0, set()
        now = self._engine.books.now()
        self._due = {schedule.name: _last_due(schedule, now) for schedule in self._engine.registry.schedules.values()}
        self._threads = [
            threading.Thread(target=self._loop, args=(work,), name=f"stanch runs {name}", daemon=True)
            for name, work in (("beat", self._beat), ("watch", self.watch))
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, waiting for what is going on."""
        self._stopping.set()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(10)

    def _loop(self, work: Callable[[], None]) -> None:
        while not self._stopping.is_set():
            try:
                work()
            except Exception as exc:  # the database may be away for a while; nobody else would try again
                log.error("watching runs failed: %s at %s", type(exc).__name__, place_of(exc))
            self._stopping.wait(self._engine.settings.beat)

    def _beat(self) -> None:
        if not self._engine.books.beat(self._engine.worker_id):
            self._engine.stand_down()

    def watch(self) -> None:
        """Look after everything once."""
        engine, seldom = self._engine, self._round % _SELDOM == 0
        lost = engine.books.declare_lost(engine.settings.silence)
        if lost or seldom:
            others = [worker for worker in {*lost, *(engine.books.lost() if seldom else ())} if worker != engine.worker_id]
            if others:
                engine.take_over(others)
        self._queued() if not seldom else self._all_unfinished()
        engine.overdue()
        self._requeue_strays()
        for schedule in engine.registry.schedules.values():
            self._fire(schedule)
        if self._round % _HOURLY == _HOURLY // 2:
            engine.forget()
        self._round += 1

    def _queued(self) -> None:
        self._reconcile((RunState.QUEUED,))

    def _all_unfinished(self) -> None:
        self._reconcile((RunState.QUEUED, RunState.RUNNING, RunState.WAITING))

    def _reconcile(self, states: Sequence[RunState]) -> None:
        found = self._engine.books.unfinished(states=states, before=self._engine.books.now() - _FRESH)
        known = self._engine.states([run.id for run in found])
        for run in found:
            state = known.get(run.id)
            if state not in ("ENQUEUED", "PENDING", "DELAYED"):
                current = self._engine.books.get(run.id)  # it may have ended since
                if current is not None and not current.state.is_over:
                    self._engine.reconcile(current, state)

    def _requeue_strays(self) -> None:
        """A run is dropped when the record could not be reached; twice seen is surely dropped."""
        now = self._engine.strays()
        self._engine.requeue(sorted(now & self._strays))
        self._strays = now - self._strays

    def _fire(self, schedule: Schedule) -> None:
        now = self._engine.books.now()
        due = _last_due(schedule, now)
        if due <= self._due[schedule.name] and not (self._round == 0 and self._was_missed(schedule, due)):
            return
        self._due[schedule.name] = due
        self._engine.start_due(schedule, f"{schedule.name}@{due.isoformat()}")

    def _was_missed(self, schedule: Schedule, due: datetime) -> bool:
        """Whether nobody was there when it was due; what never ran before waits for its first time."""
        last = self._engine.books.latest(schedule.job)
        return last is not None and last.created_at < due


def _last_due(schedule: Schedule, now: datetime) -> datetime:
    zone = ZoneInfo(schedule.timezone)
    found: datetime = croniter(schedule.cron, now.astimezone(zone) + timedelta(microseconds=1)).get_prev(datetime)
    return found
