"""The durable engine: runs survive whatever happens to the process that works on them.

DBOS keeps which run is where and what its steps returned; the record keeps what a run is and how it ended (`Books`), so DBOS
stores nothing about a run but its id and the results of its steps. There is one engine in a process.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dbos import DBOS, SetWorkflowID, error
from sqlalchemy.engine import URL

from stanch.core.incident import SYSTEM, Actor
from stanch.runs import dbos_setup, plain
from stanch.runs.asking import Request, again
from stanch.runs.durable_context import MAILBOX
from stanch.runs.durable_steps import restart_at, shown
from stanch.runs.durable_worker import DurableWorker, apart
from stanch.runs.errors import no_such_run, wrong_state
from stanch.runs.port import JSON, RunPage, RunState, RunStatus, StepStatus, WorkerStatus


class DurableEngine(DurableWorker):
    """See `stanch.runs.port.Engine`. Call it from plain functions, not from coroutines.

    Args:
        url: of the record.
        registry: the jobs; complete.
        books: where runs and workers are told: in the same record.
        worker: how this process works.
        version: of Stanch, shown with the worker.

    Attributes:
        worker_id: who it is once it is launched.
    """

    def start(
        self, job: str, arguments: Mapping[str, JSON], *, workspace: str, subject: str = "", title: str = "",
        actor: Actor = SYSTEM, key: str = "", queue: str = "", priority: int = 0,
    ) -> str:  # fmt: skip
        """Start a run and return its id."""
        return self._start(
            Request(
                job=job,
                arguments=arguments,
                workspace=workspace,
                subject=subject,
                title=title,
                actor=actor,
                key=key,
                queue=queue,
                priority=priority,
            )
        )

    def signal(self, run: str, topic: str, value: JSON) -> None:
        """Tell a run something."""
        message = {"topic": topic, "value": plain.loads(plain.signal(value))}
        status = self.status(run)
        if status.state.is_over:
            raise wrong_state("told anything", status.state.value)
        self.ensure(status)
        apart(lambda: DBOS.send(run, message, MAILBOX))

    def status(self, run: str) -> RunStatus:
        """Return where a run stands."""
        found = self.books.get(run)
        if found is None:
            raise no_such_run()
        return found

    def steps(self, run: str) -> list[StepStatus]:
        """Return what a run did so far, and what it does now."""
        status = self.status(run)
        return shown(apart(lambda: DBOS.list_workflow_steps(run)), status, self.books.now())

    def list(
        self, workspace: str, *, states: Sequence[RunState] = (), job: str = "", subject: str = "",
        limit: int = 50, cursor: str = "",
    ) -> RunPage:  # fmt: skip
        """Return runs of a workspace, the newest first."""
        return self.books.page(workspace, states=states, job=job, subject=subject, limit=limit, cursor=cursor)

    def cancel(self, run: str) -> None:
        """Stop a run before its next step."""
        if not self.books.end(run, RunState.CANCELLED):
            raise wrong_state("cancelled", self.status(run).state.value)
        apart(lambda: DBOS.cancel_workflow(run))
        self._stop([run])

    def resume(self, run: str) -> None:
        """Let a cancelled run go on where it was."""
        status = self.status(run)
        if status.state is not RunState.CANCELLED:
            raise wrong_state("resumed", status.state.value)
        self.books.reopen(run)
        self._requeue([status])

    def retry(self, run: str, *, from_start: bool = False) -> str:
        """Try a run again that is over, as a new run."""
        old = self.status(run)
        if not old.state.is_over:
            raise wrong_state("tried again", old.state.value)
        new = again(old, self.books.now())
        self.books.add(new)
        if from_start:
            self.ensure(new)
        else:
            self._fork(old, new)
        return new.id

    def fire(self, schedule: str) -> str:
        """Start what a schedule starts, now."""
        found = self.registry.schedules[schedule]
        return self.start(found.job, found.arguments, workspace="")

    def workers(self) -> Sequence[WorkerStatus]:
        """Return who works."""
        return self.books.workers()

    def wait_for(self, run: str, *, seconds: float = 60.0) -> RunStatus:
        """Return the status of a run when it is over, or after so many seconds."""
        end = time.monotonic() + seconds
        while not (status := self.status(run)).state.is_over and time.monotonic() < end:
            time.sleep(0.05)
        return status

    def _fork(self, old: RunStatus, new: RunStatus) -> None:
        step = restart_at(apart(lambda: DBOS.list_workflow_steps(old.id)))

        def fork() -> None:
            with SetWorkflowID(new.id):
                DBOS.fork_workflow(old.id, step, application_version=dbos_setup.VERSION, queue_name=new.queue)

        try:
            apart(fork)
        except error.DBOSNonExistentWorkflowError:
            self.ensure(new)


def files(url: str | URL) -> Sequence[Path]:
    """Return the files that hold the engine's tables, for backups; none on PostgreSQL."""
    file = dbos_setup.sqlite_file(url)
    return [] if file is None else [file]


if TYPE_CHECKING:
    from stanch.runs.port import Engine

    _engine: type[Engine] = DurableEngine
