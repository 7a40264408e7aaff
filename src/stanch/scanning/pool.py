"""Share jobs out over worker processes.

Small scans stay in this process: starting workers would take longer than the work. A worker that dies takes only its job
with it: that is said in the report, another is started, and what was found is kept.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from stanch.core.finding import Skipped
from stanch.scanning.context import ScanContext
from stanch.scanning.findings import pack, unpack
from stanch.scanning.worker import JobResult, Worker, job_name
from stanch.sources.blob import Job
from stanch.sources.files import StdinJob

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

ALONE: Final = 3 * 1024 * 1024  # bytes up to which no worker is started
AHEAD: Final = 1  # jobs a worker holds: with more, both sides could block sending to each other


def run_jobs(jobs: Iterable[Job | Skipped], context: ScanContext, workers: int) -> Iterator[tuple[int, JobResult]]:
    """Do all jobs and yield (number of the job, result) as they get done, in no fixed order.

    Args:
        jobs: listed lazily; a `Skipped` among them becomes a result of its own.
        context: the scan's settings.
        workers: how many processes; 1 stays in this one.
    """
    source = enumerate(jobs)
    first: list[tuple[int, Job]] = []
    weight = 0
    for number, job in source:
        if isinstance(job, Skipped):
            yield number, JobResult(skipped=[job])
            continue
        first.append((number, job))
        weight += job.cost
        if weight > ALONE and workers > 1 and len(first) > 1:
            break
    else:
        worker = Worker(context)
        for number, job in first:
            yield number, worker.run(job)
        return
    yield from _Pool(context, workers).run(first, source)


class _Pool:
    def __init__(self, context: ScanContext, workers: int) -> None:
        import multiprocessing

        method = "fork" if sys.platform.startswith("linux") else "spawn"
        self._mp: Any = multiprocessing.get_context(method)
        self._context = context
        # Built before the fork, so that the workers share its memory and its start-up cost.
        self._worker = Worker(context) if method == "fork" else None
        self._count = workers
        self._members: dict[Connection, _Member] = {}

    def run(self, first: list[tuple[int, Job]], rest: Iterator[tuple[int, Job | Skipped]]) -> Iterator[tuple[int, JobResult]]:
        from multiprocessing.connection import wait

        queue = list(reversed(first))
        exhausted = False
        try:
            for _ in range(self._count):
                self._start()
            while True:
                for member in self._members.values():
                    while len(member.jobs) < AHEAD and not (exhausted and not queue):
                        if not queue:
                            item = next(rest, None)
                            if item is None:
                                exhausted = True
                                break
                            if isinstance(item[1], Skipped):
                                yield item[0], JobResult(skipped=[item[1]])
                                continue
                            queue.append((item[0], item[1]))
                        number, job = queue.pop()
                        if isinstance(job, StdinJob):  # only this process has the user's standard input
                            yield number, Worker(self._context).run(job)
                            continue
                        member.send(number, job)
                busy = [m.pipe for m in self._members.values() if m.jobs]
                if not busy and exhausted and not queue:
                    return
                for pipe in wait(busy):
                    yield from self._receive(pipe)  # type: ignore[arg-type]
        finally:
            self._end()

    def _receive(self, pipe: Connection) -> Iterator[tuple[int, JobResult]]:
        member = self._members[pipe]
        try:
            number, packed, result = pipe.recv()
        except (EOFError, OSError):
            yield from self._buried(member)
            return
        del member.jobs[number]
        result.findings = [unpack(item) for item in packed]
        yield number, result

    def _buried(self, member: _Member) -> Iterator[tuple[int, JobResult]]:
        """A worker died: blame the job it was at, give the others to a new one."""
        del self._members[member.pipe]
        member.process.join(1)
        jobs = list(member.jobs.items())
        replacement = self._start()
        for index, (number, job) in enumerate(jobs):
            if index == 0:
                reason = f"the process reading it ended ({_death(member.process.exitcode)}); scan it alone to see why"
                yield number, JobResult(skipped=[Skipped(path=job_name(job), code="worker_died", reason=reason)])
            else:
                replacement.send(number, job)

    def _start(self) -> _Member:
        mine, theirs = self._mp.Pipe()
        others = [m.pipe for m in self._members.values()] + [mine]
        process = self._mp.Process(
            target=_work, args=(theirs, self._context, self._worker, others if self._worker else []), daemon=True
        )
        process.start()
        theirs.close()
        member = _Member(process, mine)
        self._members[mine] = member
        return member

    def _end(self) -> None:
        for member in self._members.values():
            try:
                member.pipe.send(None)
                member.pipe.close()
            except OSError:
                pass
        for member in self._members.values():
            if member.jobs:
                member.process.terminate()
            member.process.join(2)
            if member.process.is_alive():
                member.process.kill()
                member.process.join()


class _Member:
    __slots__ = ("jobs", "pipe", "process")

    def __init__(self, process: BaseProcess, pipe: Connection) -> None:
        self.process = process
        self.pipe = pipe
        self.jobs: dict[int, Job] = {}

    def send(self, number: int, job: Job) -> None:
        self.jobs[number] = job
        with contextlib.suppress(OSError):  # it died; the end of its pipe is noticed when it is read
            self.pipe.send((number, job))


def _work(pipe: Connection, context: ScanContext, worker: Worker | None, close: list[Connection]) -> None:
    """The life of a worker process."""
    import signal

    # Ctrl-C goes to the whole group; the main process decides what happens then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for other in close:  # inherited ends of other workers' pipes would keep them from ever reading an end
        other.close()
    worker = worker or Worker(context)
    while True:
        try:
            item = pipe.recv()
        except (EOFError, OSError):
            break
        if item is None:
            break
        number, job = item
        result = worker.run(job)
        packed = [pack(finding) for finding in result.findings]
        result.findings = []
        try:
            pipe.send((number, packed, result))
        except OSError:
            break
    os._exit(0)


def _death(code: int | None) -> str:
    import signal

    if code is not None and code < 0:
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"
    return f"status {code}"
