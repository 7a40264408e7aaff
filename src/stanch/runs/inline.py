"""An engine without a database: an honest double of the durable one, for tests and for trying things out.

It keeps steps in memory and replays them, so that a job that only works the first time fails here too.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING

from stanch.core.incident import SYSTEM, Actor
from stanch.runs import plain
from stanch.runs.asking import Request, again, asked
from stanch.runs.errors import RunStoppedError, StepFailedError, no_such_run, timed_out, wrong_state
from stanch.runs.inline_context import InlineContext, Kept, KeptStep
from stanch.runs.memory import MemoryBooks
from stanch.runs.port import JSON, Books, Engine, Queue, Registry, RunPage, RunState, RunStatus, StepStatus, WorkerStatus
from stanch.runs.working import perform

_WORKER = "inline"


class InlineEngine:
    """See `stanch.runs.port.Engine`.

    Args:
        registry: the jobs.
        books: where runs are told; in memory when not given.
        now: gives the time of the engine's own books.
    """

    def __init__(self, registry: Registry, books: Books | None = None, *, now: Callable[[], datetime] | None = None) -> None:
        own = MemoryBooks(now) if now else MemoryBooks()
        self.registry = registry
        self.books = books or own
        self._now = own.now
        self._works: dict[str, Kept] = {}
        self._lock = threading.RLock()
        self._waiting: dict[str, list[tuple[int, int, str]]] = {name: [] for name in registry.queues}
        self._going: dict[str, int] = dict.fromkeys(registry.queues, 0)
        self._begun: dict[str, deque[float]] = {name: deque() for name in registry.queues}
        self._order = count()
        self._threads: set[threading.Thread] = set()
        self._launched = False

    def launch(self) -> None:
        """Begin to work."""
        self._launched = True
        for queue in self.registry.queues.values():
            self._pump(queue)

    def close(self) -> None:
        """Stop working."""
        with self._lock:
            self._launched = False
            works, threads = list(self._works.values()), list(self._threads)
        for work in works:
            _stop(work)
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(5)

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
        if self.status(run).state.is_over:
            raise wrong_state("told anything", self.status(run).state.value)
        work = self._work(run)
        with work.changed:
            work.signals.setdefault(topic, deque()).append(plain.signal(value))
            work.changed.notify_all()

    def status(self, run: str) -> RunStatus:
        """Return where a run stands."""
        found = self.books.get(run)
        if found is None:
            raise no_such_run()
        return found

    def steps(self, run: str) -> list[StepStatus]:
        """Return what a run did so far."""
        is_over = self.status(run).state.is_over
        return [_shown(number, step, is_over) for number, step in enumerate(self._work(run).steps, 1)]

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
        _stop(self._work(run))

    def resume(self, run: str) -> None:
        """Let a cancelled run go on where it was."""
        status = self.status(run)
        if status.state is not RunState.CANCELLED:
            raise wrong_state("resumed", status.state.value)
        self.books.reopen(run)
        self._enqueue(status)

    def retry(self, run: str, *, from_start: bool = False) -> str:
        """Try a run again that is over, as a new run."""
        old = self.status(run)
        if not old.state.is_over:
            raise wrong_state("tried again", old.state.value)
        new = again(old, self._now())
        if not from_start:
            self._work(new.id).steps.extend(_until_failure(self._work(run).steps))
        self.books.add(new)
        self._enqueue(new)
        return new.id

    def fire(self, schedule: str) -> str:
        """Start what a schedule starts, now."""
        found = self.registry.schedules[schedule]
        return self.start(found.job, found.arguments, workspace="")

    def workers(self) -> Sequence[WorkerStatus]:
        """Return who works: nobody but this process."""
        return ()

    def wait_for(self, run: str, *, seconds: float = 60.0) -> RunStatus:
        """Return the status of a run when it is over, or after so many seconds."""
        end = time.monotonic() + seconds
        while not (status := self.status(run)).state.is_over and time.monotonic() < end:
            time.sleep(0.005)
        return status

    # ── the queues ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _start(self, request: Request) -> str:
        run = asked(self.registry, request, self._now)
        if self.books.add(run):
            self._enqueue(run)
        return run.id

    def _work(self, run: str) -> Kept:
        with self._lock:
            return self._works.setdefault(run, Kept())

    def _enqueue(self, run: RunStatus) -> None:
        work = self._work(run.id)
        with work.changed:
            work.stopped = False
            work.generation += 1
        with self._lock:
            heapq.heappush(self._waiting[run.queue], (run.priority, next(self._order), run.id))
        self._pump(self.registry.queues[run.queue])

    def _pump(self, queue: Queue) -> None:
        """Begin as many runs of a queue as may be begun now."""
        limits = [limit for limit in (queue.per_worker, queue.everywhere) if limit]
        with self._lock:
            while self._launched and self._waiting[queue.name] and self._going[queue.name] < min(limits, default=1 << 30):
                if (pause := self._too_soon(queue)) > 0:
                    timer = threading.Timer(pause, self._pump, (queue,))
                    timer.daemon = True
                    timer.start()
                    return
                run = heapq.heappop(self._waiting[queue.name])[2]
                self._begun[queue.name].append(time.monotonic())
                self._going[queue.name] += 1
                thread = threading.Thread(target=self._do, args=(run, queue), name=f"run {run}", daemon=True)
                self._threads.add(thread)
                thread.start()

    def _too_soon(self, queue: Queue) -> float:
        begun, now = self._begun[queue.name], time.monotonic()
        while begun and now - begun[0] >= queue.seconds:
            begun.popleft()
        return begun[0] + queue.seconds - now if queue.starts and len(begun) >= queue.starts else 0.0

    def _do(self, run_id: str, queue: Queue) -> None:
        try:
            self._perform(run_id)
        finally:
            with self._lock:
                self._going[queue.name] -= 1
                self._threads.discard(threading.current_thread())
            self._pump(queue)

    def _perform(self, run_id: str) -> None:
        run, work = self.books.begin(run_id, _WORKER), self._work(run_id)
        if run is None:
            return
        job = self.registry.jobs[run.job]
        context = InlineContext(run, self.books, self._start, work, self._now, job.timeout)
        try:
            perform(job, context, run, self.books)
        except RunStoppedError:
            if context.is_late:
                self.books.end(run.id, RunState.FAILED, attempt=run.attempts, error=timed_out())


def _until_failure(steps: Sequence[KeptStep]) -> list[KeptStep]:
    """Return the steps before the last one that failed or was cut off: a job may have gone on after one that failed."""
    last = max((i for i, s in enumerate(steps) if s.ended_at is None or not isinstance(s.kept, str)), default=len(steps))
    return list(steps[:last])


def _stop(work: Kept) -> None:
    with work.changed:
        work.stopped = True
        work.changed.notify_all()


def _shown(number: int, step: KeptStep, is_over: bool) -> StepStatus:
    error = step.kept.error if isinstance(step.kept, StepFailedError) else None
    state = "failed" if error else "succeeded"
    if step.ended_at is None:
        state = "stopped" if is_over else "running"
    return StepStatus(number=number, name=step.name, state=state, started_at=step.started_at, ended_at=step.ended_at, error=error)


if TYPE_CHECKING:
    _engine: type[Engine] = InlineEngine
