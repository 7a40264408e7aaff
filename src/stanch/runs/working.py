"""How a job is worked on, the same in every engine: steps, retries, what is told, and what ends it."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, TypeVarTuple

from stanch.core.errors import place_of
from stanch.core.incident import Actor
from stanch.runs import plain
from stanch.runs.asking import Request
from stanch.runs.errors import RunStoppedError, StepFailedError, kept
from stanch.runs.port import JSON, ONCE, Books, Job, Retries, RunState, RunStatus

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
_SPARSE: Final = 0.5  # seconds between two words of progress
_log = logging.getLogger("stanch.runs")


class JobContext(ABC):
    """What a job has in its hands; see `stanch.runs.port.RunContext`.

    Args:
        run: what is worked on, as it was begun.
        books: where it is told.
        start: starts other runs.
    """

    def __init__(self, run: RunStatus, books: Books, start: Callable[[Request], str]) -> None:
        self._run, self._books, self._start = run, books, start
        self._number = 0  # of the step it is in
        self._said = 0.0

    @property
    def run_id(self) -> str:
        """Id of this run."""
        return self._run.id

    @property
    def workspace(self) -> str:
        """Id of whose run it is."""
        return self._run.workspace

    @property
    def actor(self) -> Actor:
        """Who started it."""
        return self._run.actor

    def step(self, name: str, function: Callable[[*Ts], T], *args: *Ts, retries: Retries = ONCE) -> T:
        """Do something once and for all."""

        def do() -> Any:
            self.enter(name)
            return attempt(name, lambda: function(*args), retries, self.pause)

        return self.keep(name, do)  # type: ignore[no-any-return]  # it is what the function returned, from the database or not

    def progress(self, text: str) -> None:
        """Tell people how far it is."""
        if time.monotonic() - self._said >= _SPARSE:
            self._said = time.monotonic()
            self.told(lambda: self._books.say(self.run_id, self._run.attempts, text[:500]))

    def start(
        self, job: str, arguments: Mapping[str, JSON], *, key: str, workspace: str = "", subject: str = "", title: str = ""
    ) -> str:
        """Start another run, once."""
        request = Request(
            job=job,
            arguments=arguments,
            workspace=workspace or self.workspace,
            subject=subject,
            title=title,
            actor=self.actor,
            key=key,
        )
        return self.step(f"start:{job}", self._start, request)

    def enter(self, step: str, state: RunState = RunState.RUNNING) -> None:
        """Go on only when the run is still this worker's; tell what comes now."""
        self.check()
        if not self.told(lambda: self._books.enter(self.run_id, self._run.attempts, step=step, number=self._number, state=state)):
            raise RunStoppedError

    def told(self, do: Callable[[], T]) -> T:
        """Return what the books say; when they cannot be reached the job stops here, and is taken up later."""
        return or_stop(do)

    @abstractmethod
    def keep(self, name: str, do: Callable[[], Any]) -> Any:
        """Return what is kept of this step, or do it and keep what it returns or why it failed."""

    @abstractmethod
    def pause(self, seconds: float) -> None:
        """Wait between two attempts."""

    @abstractmethod
    def check(self) -> None:
        """Stop here when there is no more to do for this worker."""

    @abstractmethod
    def sleep(self, seconds: float) -> None:
        """Wait, durably."""

    @abstractmethod
    def wait(self, topic: str, timeout: float | None = None) -> JSON:
        """Wait for a signal."""


def or_stop(do: Callable[[], T]) -> T:
    """Return what the books say, or stop the job: that they cannot be reached is no fault of its step."""
    try:
        return do()
    except Exception as exc:
        _log.error("the record cannot be reached: %s at %s", type(exc).__name__, place_of(exc))
        raise RunStoppedError from None


def attempt(name: str, do: Callable[[], Any], retries: Retries, pause: Callable[[float], None]) -> Any:
    """Return what a step returns, as it will be read back.

    Raises:
        StepFailedError: it failed, and will not be tried again.
    """
    failed = 0
    while True:
        try:
            return plain.copied(do(), f"the result of the step {name}")
        except Exception as exc:
            failed += 1
            if failed >= retries.attempts or not retries.when(exc):
                raise StepFailedError(kept(exc, name)) from exc
            _log.info("step %s failed, attempt %d of %d: %s", name, failed, retries.attempts, kept(exc).code)
        pause(retries.pause(failed))


def perform(job: Job, context: JobContext, run: RunStatus, books: Books) -> None:
    """Do a job from its beginning, or from where it was, and tell how it ended.

    Raises:
        RunStoppedError: it is over, or somebody else's.
    """
    try:
        result = plain.copied(job.function(context, run.arguments), f"the result of the job {job.name}")
    except Exception as exc:
        error = kept(exc)
        _log.warning("run %s (%s) failed: %s %s", run.id, job.name, error.code, error.place)
        or_stop(lambda: books.end(run.id, RunState.FAILED, attempt=run.attempts, error=error))
    else:
        or_stop(lambda: books.end(run.id, RunState.SUCCEEDED, attempt=run.attempts, result=result))
