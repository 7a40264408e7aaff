"""Runs survive: workers are killed and frozen while they work, and still each run ends and each effect happens once.

``STANCH_KILLS`` says how often a worker is killed (10).
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import ROOT
from tests.support.databases import Servers, kind, servers  # noqa: F401
from tests.support.run_worker import STEPS, prepare, rows

from stanch.db.database import Database
from stanch.db.runs import RunBooks
from stanch.runs.port import RunState, RunStatus

KILLS = int(os.environ.get("STANCH_KILLS", "10"))
pytestmark = [pytest.mark.slow, pytest.mark.timeout(60 + 20 * KILLS)]


@dataclass
class Place:
    """A record, and processes that work on its runs."""

    url: str
    folder: Path
    books: RunBooks
    stack: ExitStack
    logs: list[Path] = field(default_factory=list)

    def worker(self, *options: str, name: str = "worker") -> subprocess.Popen[str]:
        log = self.folder / f"log-{len(self.logs)}"
        self.logs.append(log)
        command = [sys.executable, "-m", "tests.support.run_worker", self.url, str(self.folder), "--name", name, *options]
        with log.open("wb") as out:
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=out, text=True)
        self.stack.callback(kill, process)
        return process

    def runs(self) -> list[RunStatus]:
        found, cursor = [], ""
        while True:
            page = self.books.page("", limit=200, cursor=cursor)
            found += page.items
            cursor = page.next_cursor
            if not cursor:
                return found

    def until_over(self, seconds: float) -> float:
        begun = time.monotonic()
        while not all(run.state.is_over for run in self.runs()):
            assert time.monotonic() - begun < seconds, (Counter(run.state.value for run in self.runs()), self.said())
            time.sleep(0.05)
        return time.monotonic() - begun

    def said(self) -> str:
        return "\n".join(log.read_text()[-1500:] for log in self.logs[-3:])

    def effects(self) -> Counter[tuple[str, int]]:
        return Counter((run, step) for run, step, _ in rows(self.folder / "effects.db", "effects"))

    def calls(self) -> Counter[tuple[str, int]]:
        return Counter((run, step) for run, step, _ in rows(self.folder / "effects.db", "calls"))

    def everything_happened_once(self, runs: int) -> None:
        found = self.runs()
        assert len(found) == runs
        assert {run.state for run in found} == {RunState.SUCCEEDED}, self.said()
        assert {tuple(run.result) for run in found} == {tuple(range(STEPS))}  # type: ignore[arg-type]
        assert self.effects() == Counter({(run.id, step): 1 for run in found for step in range(STEPS)})


@pytest.fixture
def place(servers: Servers, kind: str, tmp_path: Path) -> Iterator[Place]:  # noqa: F811
    with placed(servers.migrated(kind), tmp_path) as made:
        yield made


@contextmanager
def placed(url: str, folder: Path) -> Iterator[Place]:
    prepare(folder / "effects.db")
    database = Database(url, pool=1)
    with ExitStack() as stack:
        stack.callback(database.close)
        yield Place(url, folder, RunBooks(database), stack)


def kill(process: subprocess.Popen[Any], how: int = signal.SIGKILL) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(how)
    process.wait(20)
    if process.stdout:
        process.stdout.close()


def heard(process: subprocess.Popen[str], word: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(word):
            return line.removeprefix(word).strip()
    raise AssertionError(f"it ended before it said {word}")


def test_runs_end_and_nothing_is_done_twice_however_often_the_worker_is_killed(place: Place) -> None:
    rng = random.Random(os.environ.get("STANCH_SEED", "kills"))
    ids, struck = set(), 0
    for number in range(KILLS):
        worker = place.worker("--start", *(f"{number}-{n}" for n in range(3)))
        ids.add(heard(worker, "ready"))
        time.sleep(rng.uniform(0.0, 0.8))
        struck += worker.poll() is None
        kill(worker)
    last = place.worker("--start", *(f"{number}-{n}" for number in range(KILLS) for n in range(3)), "--until-done")
    heard(last, "done")
    assert last.wait(20) == 0
    place.everything_happened_once(3 * KILLS)
    calls = place.calls()
    again = calls.total() - len(calls)
    print(f"\n{struck} kills, {3 * KILLS} runs, {len(calls)} steps, {again} begun again")
    assert again <= 4 * KILLS, "steps that were done are done again"
    assert len(ids) == 1, "a killed worker comes back as itself"
    assert struck == KILLS


def test_a_worker_that_ends_in_order_leaves_nothing_behind(place: Place) -> None:
    first = place.worker("--start", *"abcdef", "--pause", "0.2")
    heard(first, "started")
    time.sleep(0.5)
    first.terminate()
    assert first.wait(20) == 0
    assert {run.worker for run in place.runs() if not run.state.is_over} == {""}
    assert RunState.RUNNING not in {run.state for run in place.runs()}
    heard(place.worker("--until-done", name="second"), "done")
    place.everything_happened_once(6)


def test_the_runs_of_a_worker_that_is_gone_for_good_end_on_another(servers: Servers, tmp_path: Path) -> None:  # noqa: F811
    with placed(servers.migrated("postgresql"), tmp_path) as place:
        other = place.worker("--pause", "0.1", name="other")
        heard(other, "ready")
        lost = place.worker("--start", *"abcdefgh", "--pause", "1.0", name="lost")
        heard(lost, "started")
        while not any(worker == "lost" for _, _, worker in rows(place.folder / "effects.db", "calls")):
            time.sleep(0.02)
        kill(lost)
        took = place.until_over(60)
        print(f"\ntaken over and ended after {took:.1f} s, of which 3 s were silence")
        place.everything_happened_once(8)
        workers = {worker.name: worker for worker in place.books.workers()}
        assert workers["lost"].lost_at is not None
        assert workers["other"].lost_at is None
        assert {run.worker for run in place.runs()} == {workers["other"].id}


def test_a_worker_that_was_only_slow_notices_that_it_was_given_up(servers: Servers, tmp_path: Path) -> None:  # noqa: F811
    """On SQLite a process that is frozen while it holds the lock of the file holds up everybody, so there is nothing to take over."""
    with placed(servers.migrated("postgresql"), tmp_path) as place:
        _freeze(place)


def frozen(worker: subprocess.Popen[str], effects: Path) -> None:
    """Stop a worker, but not while it holds the lock of the file that all of this test's jobs write to: that would stop everybody."""
    while True:
        worker.send_signal(signal.SIGSTOP)
        time.sleep(0.05)  # until it really stands still
        try:
            with closing(sqlite3.connect(effects, timeout=0.2, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
            return
        except sqlite3.OperationalError:
            worker.send_signal(signal.SIGCONT)
            time.sleep(0.05)


def _freeze(place: Place) -> None:
    other = place.worker("--pause", "0.1", "--silence", "1.5", name="other")
    heard(other, "ready")
    slow = place.worker("--start", *"abcdefgh", "--pause", "0.6", "--silence", "1.5", name="slow")
    heard(slow, "started")
    while not any(worker == "slow" for _, _, worker in rows(place.folder / "effects.db", "calls")):
        time.sleep(0.02)
    frozen(slow, place.folder / "effects.db")
    place.until_over(60)
    assert {worker.name: worker.lost_at is None for worker in place.books.workers()} == {"slow": False, "other": True}
    slow.send_signal(signal.SIGCONT)
    end = time.monotonic() + 10
    while any(worker.lost_at for worker in place.books.workers()):
        assert time.monotonic() < end, "it does not notice"
        time.sleep(0.05)
    time.sleep(1)
    place.everything_happened_once(8)
    assert "was given up; it begins again" in place.logs[1].read_text()
    kill(other)
    heard(place.worker("--start", "i", "--until-done", name="third"), "done")
    place.everything_happened_once(9)
