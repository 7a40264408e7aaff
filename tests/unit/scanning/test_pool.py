import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.support.values import leak

import stanch.scanning.pool as pool
from stanch.core.finding import Skipped
from stanch.scanning.pool import run_jobs
from stanch.scanning.worker import Worker
from stanch.sources.blob import Blob
from stanch.sources.files import BytesJob, FileJob


@dataclass(frozen=True)
class Where:
    """Tells in which process it was done."""

    number: int
    cost: int = 1

    def blobs(self) -> Iterator[Blob | Skipped]:
        yield Skipped(path=str(self.number), code="pid", reason=str(os.getpid()))


def pids(worker: Worker, jobs, workers: int) -> dict[int, int]:
    return {number: int(result.skipped[0].reason) for number, result in run_jobs(jobs, worker.context, workers)}


def test_small_scan_stays_in_this_process(worker: Worker):
    assert set(pids(worker, [Where(n) for n in range(20)], 4).values()) == {os.getpid()}


def test_one_worker_stays_in_this_process_however_much_there_is(worker: Worker):
    assert set(pids(worker, [Where(n, cost=pool.ALONE) for n in range(5)], 1).values()) == {os.getpid()}


def test_single_job_stays_in_this_process_however_large(worker: Worker):
    assert set(pids(worker, [Where(1, cost=10 * pool.ALONE)], 4).values()) == {os.getpid()}


def test_large_scan_goes_to_other_processes_and_every_job_is_done_once(worker: Worker):
    done = pids(worker, [Where(n, cost=pool.ALONE) for n in range(30)], 3)
    assert sorted(done) == list(range(30))
    assert os.getpid() not in done.values()
    assert len(set(done.values())) <= 3


def test_jobs_are_listed_no_further_than_needed(worker: Worker):
    """A source may list millions; they must not pile up."""
    listed = 0

    def endless() -> Iterator[Where]:
        nonlocal listed
        while True:
            listed += 1
            yield Where(listed, cost=pool.ALONE)

    running = run_jobs(endless(), worker.context, 2)
    for _ in range(10):
        next(running)
    running.close()
    assert listed <= 10 + 2 * (pool.AHEAD + 1) + 2


def test_what_a_source_could_not_list_is_a_result_with_its_number(worker: Worker):
    gone = Skipped(path="x", code="unreadable", reason="r")
    for cost in (1, pool.ALONE):
        done = dict(run_jobs([gone, Where(1, cost), gone, Where(3, cost), Where(4, cost), gone], worker.context, 2))
        assert sorted(done) == [0, 1, 2, 3, 4, 5]
        assert [done[n].skipped for n in (0, 2, 5)] == [[gone]] * 3


def test_values_come_back_from_workers_only_when_they_are_kept(worker: Worker, monkeypatch: pytest.MonkeyPatch):
    from dataclasses import replace

    monkeypatch.setattr(pool, "ALONE", 0)
    jobs = [BytesJob(str(n), leak(n)) for n in range(4)]
    for keep in (True, False):
        done = dict(run_jobs(jobs, replace(worker.context, keep_values=keep), 2))
        assert [done[n].findings[0].secret.has_value for n in range(4)] == [keep] * 4


def test_processes_end_with_the_scan_also_when_it_is_left_early(worker: Worker, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pool, "ALONE", 0)
    running = run_jobs([Where(n) for n in range(50)], worker.context, 2)
    seen = {int(next(running)[1].skipped[0].reason) for _ in range(6)}
    running.close()
    for pid in seen:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_end_of_a_process_is_named():
    assert pool._death(-signal.SIGKILL) == "SIGKILL"
    assert pool._death(-250) == "signal 250"
    assert pool._death(3) == "status 3"


def test_job_is_named_by_what_it_reads():
    files = (("/a", "a", 1), ("/b", "b", 1), ("/c", "c", 1))
    assert pool.job_name(FileJob(files[:1], 1)) == "a"
    assert pool.job_name(FileJob(files, 1)) == "a and 2 more"
    assert pool.job_name(Where(1)) == "Where"
