"""Books that are gone with the process: for tests, and for trying things out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from stanch.core.errors import InputError
from stanch.core.run import JSON, RunError, RunPage, RunState, RunStatus, WorkerStatus


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


class MemoryBooks:
    """See `stanch.runs.port.Books` and `stanch.runs.port.Roster`.

    Args:
        now: gives the time.
    """

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self._lock = threading.RLock()
        self._runs: dict[str, RunStatus] = {}
        self._workers: dict[str, WorkerStatus] = {}

    def now(self) -> datetime:
        """Return the time."""
        return self._now()

    def add(self, run: RunStatus) -> bool:
        """Write down a run; False when one of that id is there."""
        with self._lock:
            if run.id in self._runs:
                return False
            self._runs[run.id] = run
            return True

    def get(self, run: str) -> RunStatus | None:
        """Return a run."""
        return self._runs.get(run)

    def page(
        self, workspace: str, *, states: Sequence[RunState] = (), job: str = "", subject: str = "",
        limit: int = 50, cursor: str = "",
    ) -> RunPage:  # fmt: skip
        """Return runs of a workspace, the newest first."""
        with self._lock:
            found = sorted(
                (
                    run
                    for run in self._runs.values()
                    if run.workspace == workspace
                    and (not states or run.state in states)
                    and job in ("", run.job)
                    and subject in ("", run.subject)
                ),
                key=lambda run: (run.created_at, run.id),
                reverse=True,
            )
        if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10):
            raise InputError("the cursor is not one of this list.", hint="Begin again without one.", code="cursor")
        first = int(cursor or 0)
        rest = found[first : first + limit]
        return RunPage(items=tuple(rest), next_cursor=str(first + limit) if len(found) > first + limit else "")

    def begin(self, run: str, worker: str) -> RunStatus | None:
        """A worker takes a run: its ``attempts`` are the right to go on. Nothing when it is over already."""
        with self._lock:
            known = self._runs.get(run)
            if known is None or known.state.is_over:
                return None
            started_at = known.started_at or self.now()
            begun = replace(known, state=RunState.RUNNING, worker=worker, attempts=known.attempts + 1, started_at=started_at)
            self._runs[run] = begun
            return begun

    def enter(self, run: str, attempt: int, *, step: str = "", number: int = 0, state: RunState = RunState.RUNNING) -> bool:
        """Whether an attempt may go on, and if so what it does now."""
        return self._update(run, attempt, step=step, step_number=number, step_at=self.now(), state=state)

    def say(self, run: str, attempt: int, progress: str) -> None:
        """Write down how far a run is."""
        self._update(run, attempt, progress=progress)

    def end(self, run: str, state: RunState, *, attempt: int = 0, result: JSON = None, error: RunError | None = None) -> bool:
        """A run is over."""
        return self._update(run, attempt, state=state, result=result, error=error, ended_at=self.now())

    def reopen(self, run: str) -> None:
        """A run that was over waits again."""
        with self._lock:
            self._runs[run] = replace(
                self._runs[run], state=RunState.QUEUED, ended_at=None, started_at=None, error=None, worker=""
            )

    def unfinished(self, *, states: Sequence[RunState], before: datetime, limit: int = 100) -> Sequence[RunStatus]:
        """Return runs in such states that were made before, the oldest first."""
        with self._lock:
            found = [run for run in self._runs.values() if run.state in states and run.created_at < before]
        return sorted(found, key=lambda run: (run.created_at, run.id))[:limit]

    def latest(self, job: str) -> RunStatus | None:
        """Return the newest run of a job that the installation started itself."""
        with self._lock:
            return max(
                (r for r in self._runs.values() if r.job == job and not r.workspace), key=lambda r: r.created_at, default=None
            )

    def forget(self, before: datetime, *, own_before: datetime, limit: int = 500) -> Sequence[str]:
        """Remove runs that were over before, the installation's own after another time."""
        with self._lock:
            ended = [run for run in self._runs.values() if run.ended_at is not None]
            old = [
                run.id for run in ended if run.ended_at and run.ended_at < (before if run.workspace else max(before, own_before))
            ]
            for run in old[:limit]:
                del self._runs[run]
        return old[:limit]

    def join(self, worker: WorkerStatus) -> None:
        """A worker begins."""
        with self._lock:
            self._workers[worker.id] = worker
            self._release([worker.id])

    def beat(self, worker: str) -> bool:
        """A worker lives; False when the others gave it up."""
        with self._lock:
            known = self._workers.get(worker)
            if known is None or known.lost_at is not None:
                return False
            self._workers[worker] = replace(known, beat_at=self.now())
            return True

    def leave(self, worker: str) -> None:
        """A worker ends in order."""
        with self._lock:
            if worker in self._workers:
                self._workers[worker] = replace(self._workers[worker], stopped_at=self.now())
                self._release([worker])

    def declare_lost(self, silent_for: float) -> Sequence[str]:
        """Give up workers that were silent for so many seconds."""
        with self._lock:
            now = self.now()
            found = [w for w in self._workers.values() if w.stopped_at is None and w.lost_at is None]
            found = [w for w in found if now - w.beat_at > timedelta(seconds=silent_for)]
            self._workers |= {w.id: replace(w, lost_at=now) for w in found}
            self._release([w.id for w in found])
            return [w.id for w in found]

    def lost(self) -> Sequence[str]:
        """Return workers that were given up or ended."""
        with self._lock:
            return [w.id for w in self._workers.values() if w.lost_at is not None or w.stopped_at is not None]

    def workers(self) -> Sequence[WorkerStatus]:
        """Return all workers, those that live first."""
        with self._lock:
            return sorted(self._workers.values(), key=lambda w: (w.stopped_at is not None or w.lost_at is not None, w.id))

    def _release(self, workers: Sequence[str]) -> None:
        for run in [r for r in self._runs.values() if r.worker in workers and not r.state.is_over]:
            self._runs[run.id] = replace(run, worker="", state=RunState.QUEUED)

    def _update(self, run: str, attempt: int, **changed: object) -> bool:
        with self._lock:
            known = self._runs.get(run)
            if known is None or known.state.is_over or (attempt and (known.attempts != attempt or not known.worker)):
                return False
            self._runs[run] = replace(known, **changed)  # type: ignore[arg-type]  # named as the fields are
            return True
