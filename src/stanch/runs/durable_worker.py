"""The half of the durable engine that works: a process takes runs, does them, and looks after those of others that are gone."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextvars import Context
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, TypeVar

import sqlalchemy as sa
from dbos import DBOS, SetEnqueueOptions, SetWorkflowID, error
from sqlalchemy.engine import URL

from stanch.core.errors import ConfigError, place_of
from stanch.runs import dbos_setup
from stanch.runs.asking import Request, asked
from stanch.runs.durable_context import MAILBOX, WAKE, DurableContext
from stanch.runs.errors import RunStoppedError, crashed, no_such_job, timed_out
from stanch.runs.identity import Place, WorkerSettings, default_folder
from stanch.runs.port import Books, Registry, Roster, RunState, RunStatus, Schedule, WorkerStatus
from stanch.runs.watching import Watcher
from stanch.runs.working import or_stop, perform

T = TypeVar("T")
_WORKFLOW: Final = "stanch.run"
_LIVE: Final = threading.Lock()  # DBOS is one per process
_log = dbos_setup.log


class DurableBooks(Books, Roster, Protocol):
    """Where the engine tells about runs and workers: `stanch.db.runs.RunBooks`."""


def apart(do: Callable[[], T]) -> T:
    """Ask DBOS outside of the run that may be asking, so that what is asked is no step of it."""
    return Context().run(do)


class DurableWorker:
    """A process that works on runs; see `stanch.runs.durable.DurableEngine`.

    Args:
        url: of the record.
        registry: the jobs; complete.
        books: where runs and workers are told: in the same record.
        worker: how this process works.
        version: of Stanch, shown with the worker.

    Attributes:
        worker_id: who it is once it is launched.
    """

    def __init__(
        self, url: str | URL, registry: Registry, *, books: DurableBooks, worker: WorkerSettings | None = None, version: str = ""
    ) -> None:
        self.registry, self.books, self.settings = registry, books, worker or WorkerSettings()
        self.worker_id = self.settings.id
        self._url, self._version = url, version
        self._place: Place | None = None
        self._pool: sa.Engine | None = None
        self._workflow: Callable[[], None] | None = None
        self._active: dict[str, DurableContext] = {}
        self._lock = threading.Lock()
        self._closing = False
        self._watcher = Watcher(self)

    # ── beginning and ending ────────────────────────────────────────────────────────────────────────────────────────────

    def launch(self) -> None:
        """Begin to work: what this worker was at when it ended goes on first.

        Raises:
            ConfigError: there is an engine in this process already.
        """
        if not _LIVE.acquire(blocking=False):
            raise ConfigError("there is an engine of runs in this process already.")
        try:
            self._begin()
        except BaseException:
            self._end()
            raise

    def _begin(self) -> None:
        dbos_setup.quiet()
        self._closing = False
        if not self.settings.id:
            file = dbos_setup.sqlite_file(self._url)
            self._place = Place(self.settings.folder or (file.parent if file else default_folder()))
            self.worker_id = self._place.id
        self.join()
        given = self.settings
        config, self._pool = dbos_setup.config(
            self._url, self.worker_id, poll=given.poll, silence=given.silence, connections=given.connections
        )
        DBOS(config=config)
        self._workflow = DBOS.workflow(name=_WORKFLOW)(lambda: self._work())  # DBOS writes onto the function
        if self.settings.queues is not None:
            DBOS.listen_queues(list(self.settings.queues))
        DBOS.launch()
        for queue in self.registry.queues.values():
            DBOS.register_queue(
                queue.name,
                worker_concurrency=queue.per_worker,
                global_concurrency=queue.everywhere,
                limiter={"limit": queue.starts, "period": queue.seconds} if queue.starts else None,
                polling_interval_sec=self.settings.poll,
                on_conflict="always_update",
            )
        self._watcher.start()

    def close(self) -> None:
        """Stop working; steps are given a moment to end, and what is left is for the next worker at once."""
        if self._workflow is None:
            return
        self._closing = True
        self._watcher.stop()
        try:
            self._stop(list(self._active))
            end = time.monotonic() + self.settings.grace
            while self._active and time.monotonic() < end:
                time.sleep(0.01)
            self._hand_over([self.worker_id])
            self.books.leave(self.worker_id)
        finally:
            self._end()

    def _end(self) -> None:
        self._workflow = None
        try:
            DBOS.destroy(destroy_registry=True)
            if self._pool is not None:
                self._pool.dispose()
            if self._place is not None:
                self._place.leave()
        finally:
            self._pool = self._place = None
            _LIVE.release()

    @property
    def still_working(self) -> Sequence[str]:
        """Runs whose step did not end yet; after `close`, those that keep the process from ending."""
        return list(self._active)

    # ── for the watcher ─────────────────────────────────────────────────────────────────────────────────────────────────

    def join(self) -> None:
        """Say who works here; what this worker was at before is nobody's."""
        now = datetime.now(UTC)
        self.books.join(
            WorkerStatus(
                id=self.worker_id,
                name=self.settings.name or socket.gethostname(),
                host=socket.gethostname(),
                pid=os.getpid(),
                version=self._version,
                queues=self.settings.queues or (),
                started_at=now,
                beat_at=now,
            )
        )

    def stand_down(self) -> None:
        """The others gave this worker up: stop all it does, and begin again."""
        _log.warning("worker %s was silent for too long and was given up; it begins again", self.worker_id)
        self._stop(list(self._active))
        self.join()

    def take_over(self, workers: Sequence[str]) -> int:
        """Let the runs of lost workers go on; return how many."""
        found = self._hand_over(workers)
        if found:
            _log.warning("%d runs of lost workers go on elsewhere: %s", found, ", ".join(workers))
        return found

    def ensure(self, run: RunStatus) -> None:
        """Let a run wait in its queue, unless it does already."""
        workflow = self._workflow
        if workflow is None:
            return  # the watcher of whoever works next does it

        def enqueue() -> None:
            with SetWorkflowID(run.id), SetEnqueueOptions(priority=run.priority or None, app_version=dbos_setup.VERSION):
                DBOS.enqueue_workflow(run.queue, workflow)

        apart(enqueue)

    def reconcile(self, run: RunStatus, state: str | None) -> None:
        """Make DBOS and the books agree about a run that is not over.

        Args:
            run: as the books say.
            state: as DBOS says; nothing when it knows no such run.
        """
        if state is None:
            self.ensure(run)
        elif state == "CANCELLED":
            self._requeue([run])
        elif state == "MAX_RECOVERY_ATTEMPTS_EXCEEDED" or state in ("SUCCESS", "ERROR"):
            self.books.end(run.id, RunState.FAILED, error=crashed())

    def start_due(self, schedule: Schedule, key: str) -> None:
        """Start what a schedule starts, once for this key."""
        self._start(Request(job=schedule.job, arguments=schedule.arguments, workspace="", title=schedule.name, key=key))

    def forget(self) -> int:
        """Remove what was over long ago; return how many runs."""
        now, kept = self.books.now(), self.settings
        gone = self.books.forget(now - timedelta(days=kept.keep_days), own_before=now - timedelta(days=kept.keep_own_days))
        if gone:
            apart(lambda: DBOS.delete_workflows(list(gone)))
        return len(gone)

    def overdue(self) -> None:
        """Give up runs of this worker that take too long in one step."""
        for run, context in list(self._active.items()):
            if context.is_late and self.books.end(run, RunState.FAILED, attempt=context.attempt, error=timed_out()):
                self._stop([run])

    def strays(self) -> set[str]:
        """Return runs that DBOS believes this worker to be at, and it is not."""
        mine = apart(
            lambda: DBOS.list_workflows(status="PENDING", executor_id=self.worker_id, load_input=False, load_output=False)
        )
        return {found.workflow_id for found in mine} - set(self._active)

    def states(self, runs: Sequence[str]) -> dict[str, str]:
        """Return what DBOS says of runs."""
        if not runs:
            return {}
        found = apart(lambda: DBOS.list_workflows(workflow_ids=list(runs), load_input=False, load_output=False))
        return {one.workflow_id: str(one.status) for one in found}

    def requeue(self, runs: Sequence[str]) -> None:
        """Let runs that nobody works on wait in their queues again."""
        self._requeue([status for run in runs if (status := self.books.get(run)) is not None])

    # ── working ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _work(self) -> None:
        """Do what a run is about; DBOS calls it in a thread of its own."""
        run_id = DBOS.workflow_id
        assert run_id is not None
        if self._closing:
            raise RunStoppedError
        run = or_stop(lambda: self.books.begin(run_id, self.worker_id))
        if run is None:
            known = or_stop(lambda: self.books.get(run_id))
            if known is not None and known.state is RunState.CANCELLED:
                apart(lambda: DBOS.cancel_workflow(run_id))
                raise RunStoppedError
            return
        job = self.registry.jobs.get(run.job)
        if job is None:
            self.books.end(run.id, RunState.FAILED, attempt=run.attempts, error=no_such_job(run.job))
            return
        context = DurableContext(run, self.books, self._start, job.timeout)
        with self._lock:
            self._active[run_id] = context
        if self._closing:
            context.stopping.set()
        try:
            perform(job, context, run, self.books)
        except RunStoppedError:
            if not (context.is_late and self.books.end(run.id, RunState.FAILED, attempt=run.attempts, error=timed_out())):
                raise
        finally:
            with self._lock:
                if self._active.get(run_id) is context:
                    del self._active[run_id]

    def _start(self, request: Request) -> str:
        run = asked(self.registry, request, self.books.now)
        if self.books.add(run):
            self.ensure(run)
        return run.id

    def _stop(self, runs: Sequence[str]) -> None:
        """Tell jobs to stop at the next occasion, and wake those that wait."""
        for run in runs:
            context = self._active.get(run)
            if context is not None:
                context.stopping.set()
            if context is None or context.waiting:
                try:
                    apart(lambda run=run: DBOS.send(run, WAKE, MAILBOX))  # type: ignore[misc]  # bound in the loop
                except error.DBOSNonExistentWorkflowError:
                    pass  # it never got into its queue
                except Exception as exc:
                    _log.warning("run %s could not be woken: %s at %s", run, type(exc).__name__, place_of(exc))

    def _hand_over(self, workers: Sequence[str]) -> int:
        """Let all runs that these workers were at wait in their queues again."""
        pending = apart(
            lambda: DBOS.list_workflows(status="PENDING", executor_id=list(workers), load_input=False, load_output=False)
        )
        by_queue: dict[str | None, list[str]] = {}
        for found in pending:
            by_queue.setdefault(found.queue_name, []).append(found.workflow_id)
        for queue, runs in by_queue.items():
            apart(lambda queue=queue, runs=runs: DBOS.resume_workflows(runs, queue_name=queue))  # type: ignore[misc]
        return len(pending)

    def _requeue(self, runs: Sequence[RunStatus]) -> None:
        for run in runs:
            try:
                apart(lambda run=run: DBOS.resume_workflow(run.id, queue_name=run.queue))  # type: ignore[misc]
            except error.DBOSNonExistentWorkflowError:
                self.ensure(run)
