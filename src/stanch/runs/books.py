"""Where an engine tells about runs and workers, and asks whether it may go on: `stanch.db.runs.RunBooks`.

An engine and the record do not import each other; this is what they agree about.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from stanch.core.run import JSON, RunError, RunPage, RunState, RunStatus, WorkerStatus


class Books(Protocol):
    """What an engine writes down where people look: `stanch.db.runs.RunBooks`, or `stanch.runs.memory.MemoryBooks`."""

    def now(self) -> datetime:
        """Return the time."""

    def add(self, run: RunStatus) -> bool:
        """Write down a run; False when one of that id is there."""

    def get(self, run: str) -> RunStatus | None:
        """Return a run."""

    def page(
        self,
        workspace: str,
        *,
        states: Sequence[RunState] = (),
        job: str = "",
        subject: str = "",
        limit: int = 50,
        cursor: str = "",
    ) -> RunPage:  # fmt: skip
        """Return runs of a workspace, the newest first."""

    def begin(self, run: str, worker: str) -> RunStatus | None:
        """A worker takes a run: its ``attempts`` are the right to go on. Nothing when it is over already."""

    def enter(self, run: str, attempt: int, *, step: str = "", number: int = 0, state: RunState = RunState.RUNNING) -> bool:
        """Whether an attempt may go on, and if so what it does now."""

    def say(self, run: str, attempt: int, progress: str) -> None:
        """Write down how far a run is, when the attempt may go on."""

    def end(self, run: str, state: RunState, *, attempt: int = 0, result: JSON = None, error: RunError | None = None) -> bool:
        """A run is over; False when it was already, or when an attempt is named that may not go on."""

    def reopen(self, run: str) -> None:
        """A run that was cancelled waits again."""

    def unfinished(self, *, states: Sequence[RunState], before: datetime, limit: int = 100) -> Sequence[RunStatus]:
        """Return runs in such states that were made before, the oldest first."""

    def latest(self, job: str) -> RunStatus | None:
        """Return the newest run of a job that the installation started itself."""

    def forget(self, before: datetime, *, own_before: datetime, limit: int = 500) -> Sequence[str]:
        """Remove runs that were over before, the installation's own after another time, and workers that are long gone."""


class Roster(Protocol):
    """Who works: `stanch.db.runs.RunBooks` too."""

    def join(self, worker: WorkerStatus) -> None:
        """A worker begins, or begins again; what it was at before is nobody's."""

    def beat(self, worker: str) -> bool:
        """A worker lives; False when the others gave it up."""

    def leave(self, worker: str) -> None:
        """A worker ends in order; its runs are nobody's until they are begun again."""

    def declare_lost(self, silent_for: float) -> Sequence[str]:
        """Give up workers that were silent for so many seconds; return those that nobody else gave up first.

        Their runs are nobody's from then on.
        """

    def lost(self) -> Sequence[str]:
        """Return workers that were given up or ended, whose runs somebody has to take over."""

    def workers(self) -> Sequence[WorkerStatus]:
        """Return all workers, those that live first."""
