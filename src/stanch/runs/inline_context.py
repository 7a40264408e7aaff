"""Steps that are kept in memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from stanch.runs import plain
from stanch.runs.asking import Request
from stanch.runs.errors import RunStoppedError, StepFailedError, changed_way
from stanch.runs.port import JSON, Books, RunState, RunStatus
from stanch.runs.working import JobContext

_WORKER = "inline"


@dataclass
class KeptStep:
    """A step that began; *kept* is what `plain.dumps` made of it, or why it failed, once it ended."""

    name: str
    started_at: datetime
    until: datetime | None = None  # of sleeping and waiting
    ended_at: datetime | None = None
    kept: str | StepFailedError = ""


@dataclass
class Kept:
    """What the engine knows about a run besides the books."""

    steps: list[KeptStep] = field(default_factory=list)
    signals: dict[str, deque[str]] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)
    stopped: bool = False
    generation: int = 0


class InlineContext(JobContext):
    """Steps in memory."""

    def __init__(
        self,
        run: RunStatus,
        books: Books,
        start: Callable[[Request], str],
        work: Kept,
        now: Callable[[], datetime],
        timeout: float | None,
    ) -> None:
        super().__init__(run, books, start)
        self._work, self._now = work, now
        self._deadline = None if timeout is None else (run.started_at or now()) + timedelta(seconds=timeout)
        self._generation = work.generation

    @property
    def is_late(self) -> bool:
        """Whether its time is over."""
        return self._deadline is not None and self._now() >= self._deadline

    def keep(self, name: str, do: Callable[[], Any]) -> Any:
        """Return what is kept of this step, or do it and keep what it returns or why it failed."""
        step = self._step(name)
        if step.ended_at is None:
            try:
                step.kept = plain.dumps(do(), name)
            except StepFailedError as exc:
                step.kept = exc
            step.ended_at = self._now()
        if isinstance(step.kept, StepFailedError):
            raise StepFailedError(step.kept.error) from step.kept.__cause__
        return plain.loads(step.kept)

    def check(self) -> None:
        """Stop here when there is no more to do."""
        if self._work.stopped or self._work.generation != self._generation or self.is_late:
            raise RunStoppedError

    def pause(self, seconds: float) -> None:
        """Wait between two attempts."""
        self._until(self._now() + timedelta(seconds=seconds), lambda: False)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        step = self._step("sleep", seconds)
        if step.ended_at is None and step.until is not None:
            self.enter("sleep")
            self._until(step.until, lambda: False)
            step.ended_at = self._now()

    def wait(self, topic: str, timeout: float | None = None) -> JSON:
        """Wait for a signal."""
        step = self._step(f"wait:{topic}", timeout)
        if step.ended_at is None:
            self.enter(step.name, RunState.WAITING)
            came = self._work.signals.setdefault(topic, deque())
            self._until(step.until, lambda: bool(came))
            step.kept = came.popleft() if came else "null"
            step.ended_at = self._now()
            self.enter(step.name)
        assert isinstance(step.kept, str)
        return plain.loads(step.kept)  # type: ignore[no-any-return]

    def _step(self, name: str, seconds: float | None = None) -> KeptStep:
        """Return the next step, beginning it when it is new."""
        self.check()
        self._number += 1
        if self._number > len(self._work.steps):
            now = self._now()
            until = None if seconds is None else now + timedelta(seconds=seconds)
            self._work.steps.append(KeptStep(name, now, until))
        step = self._work.steps[self._number - 1]
        if step.name != name:
            raise changed_way(step.name, name)
        return step

    def _until(self, moment: datetime | None, happened: Callable[[], bool]) -> None:
        with self._work.changed:
            while not happened() and (moment is None or self._now() < moment):
                self.check()
                ends = [m for m in (moment, self._deadline) if m is not None]
                left = (min(ends) - self._now()).total_seconds() if ends else 1.0
                self._work.changed.wait(min(1.0, max(0.001, left)))
            self.check()
