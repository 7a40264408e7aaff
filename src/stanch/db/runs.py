"""Runs and workers as people see them, and what keeps two workers from doing the same.

Each time a worker begins a run, the run's ``attempts`` grow, and that number is its right to go on: whoever took over since has
a higher one, and a run taken from a lost worker is nobody's until it is begun again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from stanch.core.incident import Actor
from stanch.core.run import JSON, OVER, RunError, RunPage, RunState, RunStatus, WorkerStatus
from stanch.db import cursors
from stanch.db.database import Database
from stanch.db.tables import runs, workers
from stanch.db.types import from_micros, to_micros

_OVER: Final = tuple(state.value for state in OVER)
_GOING: Final = (RunState.RUNNING.value, RunState.WAITING.value)
_LONGEST_PAGE: Final = 200


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def add_run(connection: Connection, run: RunStatus) -> bool:
    """Write down a run in a unit of work; False when one of that id is there."""
    if connection.scalar(sa.select(runs.c.id).where(runs.c.id == run.id)):
        return False
    row = _row(run)
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert

        added = insert(runs).values(row).on_conflict_do_nothing().returning(runs.c.id)
        return connection.scalar(added) is not None
    connection.execute(sa.insert(runs).values(row))
    return True


def find_run(connection: Connection, run: str) -> RunStatus | None:
    """Return a run."""
    row = connection.execute(sa.select(runs).where(runs.c.id == run)).one_or_none()
    return None if row is None else _run(row)


def page_of_runs(
    connection: Connection, workspace: str, *, states: Sequence[RunState] = (), job: str = "", subject: str = "",
    limit: int = 50, cursor: str = "",
) -> RunPage:  # fmt: skip
    """Return runs of a workspace (empty: of the installation), the newest first."""
    limit = max(1, min(limit, _LONGEST_PAGE))
    query = sa.select(runs).where(runs.c.workspace_id == workspace if workspace else runs.c.workspace_id.is_(None))
    if states:
        query = query.where(runs.c.state.in_([state.value for state in states]))
    if job:
        query = query.where(runs.c.job == job)
    if subject:
        query = query.where(runs.c.subject == subject)
    if cursor:
        micros, last = cursors.decode("runs", cursor, 2)
        if not isinstance(micros, int) or not isinstance(last, str):
            cursors.decode("runs", "", 2)  # raises what a wrong cursor raises
        at = from_micros(micros)
        query = query.where(sa.or_(runs.c.created_at < at, sa.and_(runs.c.created_at == at, runs.c.id < last)))
    found = connection.execute(query.order_by(runs.c.created_at.desc(), runs.c.id.desc()).limit(limit + 1)).all()
    items = tuple(_run(row) for row in found[:limit])
    more = len(found) > limit
    return RunPage(
        items=items, next_cursor=cursors.encode("runs", [to_micros(items[-1].created_at), items[-1].id]) if more else ""
    )


class RunBooks:
    """Where an engine writes down what people look at; see `stanch.runs.port.Books` and `stanch.runs.port.Roster`.

    Args:
        database: the record.
        now: gives the time.
        patience: seconds after which PostgreSQL ends a unit of work in which nothing happens: a worker that is frozen in one
            would keep its rows from whoever takes over.
    """

    def __init__(self, database: Database, now: Callable[[], datetime] = utc_now, *, patience: float = 20.0) -> None:
        self._database = database
        self._now = now
        self._patience = f"SET LOCAL idle_in_transaction_session_timeout = {int(patience * 1000)}"

    def now(self) -> datetime:
        """Return the time."""
        return self._now()

    def add(self, run: RunStatus) -> bool:
        """Write down a run; False when one of that id is there."""
        with self._begin() as connection:
            return add_run(connection, run)

    def get(self, run: str) -> RunStatus | None:
        """Return a run."""
        with self._database.read() as connection:
            return find_run(connection, run)

    def page(
        self, workspace: str, *, states: Sequence[RunState] = (), job: str = "", subject: str = "",
        limit: int = 50, cursor: str = "",
    ) -> RunPage:  # fmt: skip
        """Return runs of a workspace, the newest first."""
        with self._database.read() as connection:
            return page_of_runs(connection, workspace, states=states, job=job, subject=subject, limit=limit, cursor=cursor)

    def begin(self, run: str, worker: str) -> RunStatus | None:
        """A worker takes a run: its ``attempts`` are the right to go on. Nothing when it is over already."""
        with self._begin() as connection:
            changed = connection.execute(
                sa.update(runs)
                .where(runs.c.id == run, runs.c.state.not_in(_OVER))
                .values(
                    state=RunState.RUNNING.value, worker_id=worker, attempts=runs.c.attempts + 1,
                    started_at=sa.func.coalesce(runs.c.started_at, sa.literal(self.now(), runs.c.started_at.type)),
                )
            )  # fmt: skip
            return find_run(connection, run) if changed.rowcount else None

    def enter(self, run: str, attempt: int, *, step: str = "", number: int = 0, state: RunState = RunState.RUNNING) -> bool:
        """Whether an attempt may go on, and if so what it does now."""
        return self._change(run, attempt, state=state.value, step=step, step_number=number, step_at=self.now())

    def say(self, run: str, attempt: int, progress: str) -> None:
        """Write down how far a run is."""
        self._change(run, attempt, progress=progress)

    def end(self, run: str, state: RunState, *, attempt: int = 0, result: JSON = None, error: RunError | None = None) -> bool:
        """A run is over; False when it was already, or when an attempt is named that may not go on."""
        kept = None if error is None else asdict(error)
        return self._change(run, attempt, state=state.value, result=result, error=kept, ended_at=self.now())

    def reopen(self, run: str) -> None:
        """A run that was cancelled waits again."""
        with self._begin() as connection:
            connection.execute(
                sa.update(runs)
                .where(runs.c.id == run)
                .values(state=RunState.QUEUED.value, ended_at=None, started_at=None, error=None, worker_id="")
            )

    def unfinished(self, *, states: Sequence[RunState], before: datetime, limit: int = 100) -> Sequence[RunStatus]:
        """Return runs in such states that were made before, the oldest first."""
        query = sa.select(runs).where(runs.c.state.in_([state.value for state in states]), runs.c.created_at < before)
        with self._database.read() as connection:
            return [_run(row) for row in connection.execute(query.order_by(runs.c.created_at, runs.c.id).limit(limit))]

    def latest(self, job: str) -> RunStatus | None:
        """Return the newest run of a job that the installation started itself."""
        query = sa.select(runs).where(runs.c.job == job, runs.c.workspace_id.is_(None)).order_by(runs.c.created_at.desc())
        with self._database.read() as connection:
            row = connection.execute(query.limit(1)).one_or_none()
        return None if row is None else _run(row)

    def join(self, worker: WorkerStatus) -> None:
        """A worker begins, or begins again; what it was at before is nobody's."""
        values = {
            "name": worker.name, "host": worker.host, "pid": worker.pid, "version": worker.version,
            "queues": json.dumps(list(worker.queues)), "started_at": worker.started_at, "beat_at": self.now(),
            "stopped_at": None, "lost_at": None,
        }  # fmt: skip
        with self._begin() as connection:
            if not connection.execute(sa.update(workers).where(workers.c.id == worker.id).values(values)).rowcount:
                connection.execute(sa.insert(workers).values(id=worker.id, **values))
            _release(connection, [worker.id])

    def beat(self, worker: str) -> bool:
        """A worker lives; False when the others gave it up."""
        mine = sa.update(workers).where(workers.c.id == worker, workers.c.lost_at.is_(None))
        with self._begin() as connection:
            return connection.execute(mine.values(beat_at=self.now())).rowcount > 0

    def leave(self, worker: str) -> None:
        """A worker ends in order; its runs are nobody's until they are begun again."""
        with self._begin() as connection:
            connection.execute(sa.update(workers).where(workers.c.id == worker).values(stopped_at=self.now()))
            _release(connection, [worker])

    def declare_lost(self, silent_for: float) -> Sequence[str]:
        """Give up workers that were silent for so many seconds; return those that nobody else gave up first."""
        now = self.now()
        silent = (
            workers.c.stopped_at.is_(None),
            workers.c.lost_at.is_(None),
            workers.c.beat_at < now - timedelta(seconds=silent_for),
        )
        with self._database.read() as connection:
            if not connection.scalar(sa.select(sa.func.count()).select_from(workers).where(*silent)):
                return []
        with self._begin() as connection:
            lost = list(connection.scalars(sa.update(workers).where(*silent).values(lost_at=now).returning(workers.c.id)))
            _release(connection, lost)
        return lost

    def lost(self) -> Sequence[str]:
        """Return workers that were given up or ended."""
        query = sa.select(workers.c.id).where(sa.or_(workers.c.lost_at.is_not(None), workers.c.stopped_at.is_not(None)))
        with self._database.read() as connection:
            return list(connection.scalars(query))

    def workers(self) -> Sequence[WorkerStatus]:
        """Return all workers, those that live first."""
        with self._database.read() as connection:
            found = [_worker(row) for row in connection.execute(sa.select(workers).order_by(workers.c.id))]
        return sorted(found, key=lambda worker: (worker.stopped_at is not None or worker.lost_at is not None, worker.id))

    def forget(self, before: datetime, *, own_before: datetime, limit: int = 500) -> Sequence[str]:
        """Remove runs that were over before, the installation's own after another time, and workers that are long gone."""
        old = sa.or_(runs.c.ended_at < before, sa.and_(runs.c.workspace_id.is_(None), runs.c.ended_at < own_before))
        left = sa.or_(workers.c.lost_at < own_before, workers.c.stopped_at < own_before)
        with self._begin() as connection:
            query = sa.select(runs.c.id).where(runs.c.state.in_(_OVER), old).order_by(runs.c.ended_at).limit(limit)
            gone = list(connection.scalars(query))
            connection.execute(sa.delete(runs).where(runs.c.id.in_(gone)))
            connection.execute(sa.delete(workers).where(left, workers.c.beat_at < own_before))
        return gone

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        with self._database.begin() as connection:
            if not self._database.is_sqlite:
                connection.exec_driver_sql(self._patience)
            yield connection

    def _change(self, run: str, attempt: int, **values: Any) -> bool:
        change = sa.update(runs).where(runs.c.id == run, runs.c.state.not_in(_OVER))
        if attempt:
            change = change.where(runs.c.attempts == attempt, runs.c.worker_id != "")
        with self._begin() as connection:
            return connection.execute(change.values(values)).rowcount > 0


def _release(connection: Connection, lost: Sequence[str]) -> None:
    connection.execute(
        sa.update(runs)
        .where(runs.c.worker_id.in_(lost), runs.c.state.in_(_GOING))
        .values(worker_id="", state=RunState.QUEUED.value)
    )  # fmt: skip


def _row(run: RunStatus) -> dict[str, Any]:
    return {
        "id": run.id, "workspace_id": run.workspace or None, "job": run.job, "subject": run.subject, "title": run.title,
        "arguments": dict(run.arguments), "actor_kind": run.actor.kind, "actor_id": run.actor.id, "actor_name": run.actor.name,
        "created_at": run.created_at, "state": run.state.value, "queue": run.queue, "priority": run.priority,
        "retry_of": run.retry_of,
    }  # fmt: skip


def _run(row: Any) -> RunStatus:
    return RunStatus(
        id=row.id, job=row.job, workspace=row.workspace_id or "", subject=row.subject, title=row.title, arguments=row.arguments,
        actor=Actor(kind=row.actor_kind, id=row.actor_id, name=row.actor_name), queue=row.queue, priority=row.priority,
        state=RunState(row.state), created_at=row.created_at, started_at=row.started_at, ended_at=row.ended_at,
        progress=row.progress, step=row.step, step_number=row.step_number, step_at=row.step_at, worker=row.worker_id,
        attempts=row.attempts, retry_of=row.retry_of, result=row.result,
        error=None if row.error is None else RunError(**row.error),
    )  # fmt: skip


def _worker(row: Any) -> WorkerStatus:
    return WorkerStatus(
        id=row.id, name=row.name, host=row.host, pid=row.pid, version=row.version, queues=tuple(json.loads(row.queues)),
        started_at=row.started_at, beat_at=row.beat_at, stopped_at=row.stopped_at, lost_at=row.lost_at,
    )  # fmt: skip
