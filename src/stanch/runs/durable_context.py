"""Steps that DBOS keeps."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from dbos import DBOS, error

from stanch.runs.asking import Request
from stanch.runs.errors import RunStoppedError, changed_way
from stanch.runs.port import JSON, Books, RunState, RunStatus
from stanch.runs.working import JobContext

MAILBOX: Final = "stanch"  # one for all topics, so that a waiting run can be woken to see that it was cancelled
WAKE: Final = {"wake": True}
_YEAR: Final = 365 * 24 * 3600.0
_GLANCE: Final = 1.0  # seconds between two looks whether the run was cancelled elsewhere


class DurableContext(JobContext):
    """See `stanch.runs.port.RunContext`.

    Args:
        run: as it was begun.
        books: where it is told.
        start: starts other runs.
        timeout: seconds from its first beginning.

    Attributes:
        stopping: set when the job has to stop at the next occasion.
        waiting: whether it waits for a signal.
    """

    def __init__(self, run: RunStatus, books: Books, start: Callable[[Request], str], timeout: float | None) -> None:
        super().__init__(run, books, start)
        self.stopping = threading.Event()
        self.waiting = False
        self._deadline = None if timeout is None or run.started_at is None else run.started_at + timedelta(seconds=timeout)
        self._glanced = time.monotonic()
        self._kept: defaultdict[str, deque[JSON]] = defaultdict(deque)

    @property
    def attempt(self) -> int:
        """Its right to go on."""
        return self._run.attempts

    @property
    def is_late(self) -> bool:
        """Whether its time is over."""
        return self._deadline is not None and datetime.now(UTC) >= self._deadline

    def keep(self, name: str, do: Callable[[], Any]) -> Any:
        """Return what is kept of this step, or do it and keep what it returns or why it failed."""
        self.check()
        self._number += 1
        try:
            return DBOS.run_step({"name": name}, do)
        except (error.DBOSWorkflowConflictIDError, error.DBOSWorkflowCancelledError):
            raise RunStoppedError from None
        except error.DBOSUnexpectedStepError as exc:
            raise changed_way("another step", name) from exc

    def check(self) -> None:
        """Stop here when there is no more to do for this worker."""
        if self.stopping.is_set() or self.is_late:
            raise RunStoppedError
        if time.monotonic() - self._glanced >= _GLANCE:
            self._glanced = time.monotonic()
            known = self.told(lambda: self._books.get(self.run_id))
            if known is None or known.state.is_over or known.attempts != self.attempt or not known.worker:
                raise RunStoppedError

    def pause(self, seconds: float) -> None:
        """Wait between two attempts."""
        self._until(time.time() + seconds)

    def sleep(self, seconds: float) -> None:
        """Wait; the time goes on while no worker lives."""

        def wakes() -> float:
            self.enter("sleep")
            return time.time() + seconds

        self._until(self.keep("sleep", wakes))

    def wait(self, topic: str, timeout: float | None = None) -> JSON:
        """Wait for a signal."""

        def until() -> float | None:
            self.enter(f"wait:{topic}", RunState.WAITING)
            return None if timeout is None else time.time() + timeout

        end = self.keep(f"wait:{topic}", until)
        if self._kept[topic]:
            return self._came(topic, self._kept[topic].popleft())
        if self._run.attempts > 1:  # the step above was kept already, and told by another attempt
            self.enter(f"wait:{topic}", RunState.WAITING)
        self.waiting = True
        try:
            return self._came(topic, self._receive(topic, end))
        finally:
            self.waiting = False

    def _receive(self, topic: str, end: float | None) -> JSON:
        while True:
            self.check()
            left = _YEAR if end is None else max(0.0, end - time.time())
            try:
                message = DBOS.recv(MAILBOX, timeout_seconds=left)
            except (error.DBOSWorkflowConflictIDError, error.DBOSWorkflowCancelledError):
                raise RunStoppedError from None
            if message is None:
                if end is not None:
                    return None
            elif message.get("topic") == topic:
                return message["value"]  # type: ignore[no-any-return]  # JSON, as it was sent
            elif "topic" in message:
                self._kept[message["topic"]].append(message["value"])

    def _came(self, topic: str, value: JSON) -> JSON:
        self.enter(f"wait:{topic}")
        return value

    def _until(self, moment: float) -> None:
        while (left := moment - time.time()) > 0:
            self.stopping.wait(min(left, _GLANCE))
            self.check()
