"""What others need to know about runs: how a job is written and registered, and how an engine is asked.

A job calls what has effects, or what may answer differently next time, through ``context.step``. A step that is done is never
done again; one that was cut off is done again, so look before you write. Between steps a job must take the same way each time.

    registry = Registry()

    @registry.job("scan_source", queue="scans")
    def scan_source(context: RunContext, arguments: Mapping[str, JSON]) -> JSON:
        commit = context.step("fetch", fetch, arguments["source"], retries=Retries(attempts=4))
        return context.step("scan", scan, arguments["source"], commit)

Arguments, results and signals are JSON: ids and references. A `Secret` in one of them is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol, TypeVar, TypeVarTuple

from stanch.core.incident import SYSTEM, Actor
from stanch.core.run import JSON, RunError, RunPage, RunState, RunStatus, WorkerStatus
from stanch.runs.books import Books, Roster

__all__ = [
    "JSON",
    "ONCE",
    "Books",
    "Engine",
    "Job",
    "Queue",
    "Registry",
    "Retries",
    "Roster",
    "RunContext",
    "RunError",
    "RunPage",
    "RunState",
    "RunStatus",
    "Schedule",
    "StepStatus",
    "WorkerStatus",
]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def _may_pass(error: Exception) -> bool:
    """An error of ours passes only when it says so; one of a library or of the system may always be gone next time."""
    from stanch.core.errors import StanchError

    return not isinstance(error, StanchError) or bool(getattr(error, "retryable", False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often a step is tried, and how long apart.

    Attributes:
        attempts: altogether.
        first: seconds before the second one.
        factor: by which each wait is longer than the one before.
        most: seconds that a wait never exceeds.
        when: whether an error may pass.
    """

    attempts: int = 3
    first: float = 1.0
    factor: float = 2.0
    most: float = 60.0
    when: Callable[[Exception], bool] = _may_pass

    def pause(self, failed: int) -> float:
        """Return how many seconds to wait after so many failed attempts."""
        return float(min(self.most, self.first * self.factor ** (failed - 1)))


ONCE: Final = Retries(attempts=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStatus:
    """A step of a run.

    Attributes:
        number: 1, 2, … in order.
        name: as the job calls it; ``wait:topic`` and ``sleep`` for those.
        state: ``running``, ``succeeded``, ``failed``, or ``stopped`` when the run ended before it did.
        started_at: when.
        ended_at: when; empty while it goes on.
        error: why it failed.
    """

    number: int
    name: str
    state: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: RunError | None = None


class RunContext(Protocol):
    """What a job has in its hands."""

    @property
    def run_id(self) -> str:
        """Id of this run: a good idempotency key."""

    @property
    def workspace(self) -> str:
        """Id of whose run it is."""

    @property
    def actor(self) -> Actor:
        """Who started it."""

    def step(self, name: str, function: Callable[[*Ts], T], *args: *Ts, retries: Retries = ONCE) -> T:
        """Do something once and for all; return what it returned, now or the first time.

        Raises:
            StepFailedError: it failed for good; again at each replay.
        """

    def sleep(self, seconds: float) -> None:
        """Wait; the time goes on while no worker lives."""

    def wait(self, topic: str, timeout: float | None = None) -> JSON:
        """Wait for a signal; return its value, or ``None`` when none came in so many seconds."""

    def progress(self, text: str) -> None:
        """Tell people how far it is; cheap, may be called often, is not a step."""

    def check(self) -> None:
        """Stop here when the run was cancelled or is another worker's by now; for loops inside of long steps."""

    def start(
        self, job: str, arguments: Mapping[str, JSON], *, key: str, workspace: str = "", subject: str = "", title: str = ""
    ) -> str:
        """Start another run, once; return its id."""


JobFunction = Callable[[RunContext, Mapping[str, Any]], JSON]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A function that runs are made of.

    Attributes:
        name: stable: it is stored.
        function: what is done.
        queue: where its runs wait.
        timeout: seconds from the first beginning until it is given up.
    """

    name: str
    function: JobFunction
    queue: str = "jobs"
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a job runs by itself.

    Attributes:
        name: stable.
        job: by name.
        cron: five fields, or six with seconds at the end.
        timezone: that they are meant in.
        arguments: of the job.
    """

    name: str
    job: str
    cron: str
    timezone: str = "UTC"
    arguments: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """How many runs go on at a time.

    Attributes:
        name: stable.
        per_worker: at a time in one process.
        everywhere: at a time in all processes.
        starts: at most so many are begun in …
        seconds: … so many seconds.
    """

    name: str
    per_worker: int | None = None
    everywhere: int | None = None
    starts: int | None = None
    seconds: float = 60.0


QUEUES: Final = (
    Queue(name="jobs", per_worker=4),
    Queue(name="scans", per_worker=2),
    Queue(name="checks", per_worker=4, starts=120, seconds=60),
)


class Registry:
    """All jobs, queues and schedules of an installation; complete before an engine is launched."""

    def __init__(self, queues: Sequence[Queue] = QUEUES) -> None:
        self.jobs: dict[str, Job] = {}
        self.schedules: dict[str, Schedule] = {}
        self.queues: dict[str, Queue] = {queue.name: queue for queue in queues}

    def job(self, name: str, *, queue: str = "jobs", timeout: float | None = None) -> Callable[[JobFunction], JobFunction]:
        """Register a function as a job.

        Raises:
            ValueError: there is one of that name, or no such queue.
        """
        if name in self.jobs:
            raise ValueError(f"two jobs are called {name}")
        if queue not in self.queues:
            raise ValueError(f"no queue is called {queue}")

        def register(function: JobFunction) -> JobFunction:
            self.jobs[name] = Job(name=name, function=function, queue=queue, timeout=timeout)
            return function

        return register

    def schedule(
        self, job: str, *, cron: str, name: str = "", timezone: str = "UTC", arguments: Mapping[str, JSON] | None = None
    ) -> None:
        """Let a job run by itself, as the installation's own run (its workspace is empty).

        Raises:
            ValueError: there is one of that name, or no such job.
        """
        name = name or job
        if name in self.schedules or job not in self.jobs:
            raise ValueError(f"two schedules are called {name}, or no job is called {job}")
        self.schedules[name] = Schedule(name=name, job=job, cron=cron, timezone=timezone, arguments=arguments or {})

    def queue(self, queue: Queue) -> None:
        """Add a queue, or set another pace for one that is there."""
        self.queues[queue.name] = queue


class Engine(Protocol):
    """Starts runs, watches them, and works on them once it is launched."""

    def launch(self) -> None:
        """Begin to work."""

    def close(self) -> None:
        """Stop working; what is going on is taken up by another worker, or at the next launch."""

    def start(
        self, job: str, arguments: Mapping[str, JSON], *, workspace: str, subject: str = "", title: str = "",
        actor: Actor = SYSTEM, key: str = "", queue: str = "", priority: int = 0,
    ) -> str:  # fmt: skip
        """Start a run and return its id; the same run for the same workspace, job and key.

        Args:
            job: by name.
            arguments: ids and references, never values.
            workspace: whose run it is; empty for the installation's own.
            subject: id of what it is about.
            title: for people.
            actor: who starts it.
            key: makes asking twice harmless.
            queue: another than the job's.
            priority: the larger the later.

        Raises:
            InputError: no job or queue of that name, or the arguments are not JSON.
        """

    def signal(self, run: str, topic: str, value: JSON) -> None:
        """Tell a run something; it may come before the run waits for it.

        Raises:
            NotFoundError: no such run.
            ConflictError: it is over.
        """

    def status(self, run: str) -> RunStatus:
        """Return where a run stands.

        Raises:
            NotFoundError: no such run.
        """

    def steps(self, run: str) -> list[StepStatus]:
        """Return what a run did so far, and what it does now.

        Raises:
            NotFoundError: no such run.
        """

    def list(
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

    def cancel(self, run: str) -> None:
        """Stop a run before its next step.

        Raises:
            ConflictError: it is over.
        """

    def resume(self, run: str) -> None:
        """Let a cancelled run go on where it was.

        Raises:
            ConflictError: it was not cancelled.
        """

    def retry(self, run: str, *, from_start: bool = False) -> str:
        """Try a run again that is over, as a new run: from the step that failed, or all of it.

        Raises:
            ConflictError: it is not over.
        """

    def fire(self, schedule: str) -> str:
        """Start what a schedule starts, now; return the run."""

    def workers(self) -> Sequence[WorkerStatus]:
        """Return who works."""

    def wait_for(self, run: str, *, seconds: float = 60.0) -> RunStatus:
        """Return the status of a run when it is over, or after so many seconds."""
