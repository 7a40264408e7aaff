"""Where runs and workers are told: the same in memory and in the record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from tests.support.databases import Clock, Servers

from stanch.core.errors import InputError
from stanch.core.incident import Actor
from stanch.core.run import RunError, RunState, RunStatus, WorkerStatus
from stanch.db.database import Database
from stanch.db.runs import RunBooks, add_run, find_run
from stanch.incidents.workspaces import create_workspace
from stanch.runs.memory import MemoryBooks


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def books(request: pytest.FixtureRequest, servers: Servers, clock: Clock) -> Iterator[Any]:
    if request.param == "memory":
        yield MemoryBooks(clock)
        return
    database = Database(servers.migrated(request.param), pool=2)
    yield RunBooks(database, clock)
    database.close()


def asked(books: Any, run: str = "run_1", **more: Any) -> RunStatus:
    return RunStatus(id=run, job="scan", created_at=books.now(), **more)


def worker(books: Any, name: str = "one") -> WorkerStatus:
    now = books.now()
    return WorkerStatus(id=name, name=name, host="h", pid=1, version="1", queues=("scans",), started_at=now, beat_at=now)


def test_a_run_is_written_down_once_and_whole(books: Any) -> None:
    run = asked(
        books,
        subject="src_1",
        title="Scan",
        arguments={"source": "src_1"},
        actor=Actor(kind="user", id="u", name="Ada"),
        priority=3,
    )
    assert books.add(run)
    assert not books.add(run)
    assert books.get("run_1") == run
    assert books.get("run_2") is None


def test_whoever_begins_a_run_last_may_go_on_and_nobody_else(books: Any) -> None:
    books.add(asked(books))
    first = books.begin("run_1", "one")
    assert (first.state, first.worker, first.attempts, first.started_at) == (RunState.RUNNING, "one", 1, books.now())
    assert books.enter("run_1", 1, step="clone", number=1)
    second = books.begin("run_1", "two")
    assert (second.worker, second.attempts, second.started_at) == ("two", 2, first.started_at)
    assert not books.enter("run_1", 1, step="scan", number=2)
    books.say("run_1", 1, "half")
    assert not books.end("run_1", RunState.FAILED, attempt=1, error=RunError(code="late", message="late"))
    assert books.enter("run_1", 2, step="scan", number=2, state=RunState.WAITING)
    status = books.get("run_1")
    assert (status.state, status.step, status.step_number, status.progress) == (RunState.WAITING, "scan", 2, "")
    assert books.end("run_1", RunState.SUCCEEDED, attempt=2, result={"found": [1]})
    status = books.get("run_1")
    assert (status.state, status.result, status.ended_at) == (RunState.SUCCEEDED, {"found": [1]}, books.now())


def test_what_is_over_stays_over(books: Any) -> None:
    books.add(asked(books))
    assert books.end("run_1", RunState.CANCELLED)
    assert books.begin("run_1", "one") is None
    assert not books.end("run_1", RunState.SUCCEEDED)
    assert not books.enter("run_1", 0)
    books.reopen("run_1")
    assert books.begin("run_1", "one").attempts == 1


def test_why_it_failed_is_kept(books: Any) -> None:
    books.add(asked(books))
    error = RunError(code="unexpected", message="ValueError", place="a.py:1 in f", step="clone")
    books.begin("run_1", "one")
    books.end("run_1", RunState.FAILED, attempt=1, error=error)
    assert books.get("run_1").error == error


def test_a_silent_worker_is_given_up_by_one_and_its_runs_are_nobodys(books: Any, clock: Clock) -> None:
    books.join(worker(books, "silent"))
    books.join(worker(books, "alive"))
    for number, who in enumerate(("silent", "silent", "alive")):
        books.add(asked(books, f"run_{number}"))
        books.begin(f"run_{number}", who)
    books.end("run_1", RunState.SUCCEEDED, attempt=1)
    clock.pass_(seconds=20)
    assert books.beat("alive")
    clock.pass_(seconds=15)
    assert list(books.declare_lost(30)) == ["silent"]
    assert list(books.declare_lost(30)) == []
    assert not books.beat("silent")
    assert not books.enter("run_0", 1)
    assert [(books.get(f"run_{n}").state.value, books.get(f"run_{n}").worker) for n in range(3)] == [
        ("queued", ""), ("succeeded", "silent"), ("running", "alive"),
    ]  # fmt: skip
    assert list(books.lost()) == ["silent"]
    assert [one.id for one in books.workers()] == ["alive", "silent"]
    books.join(worker(books, "silent"))
    assert books.beat("silent")
    assert list(books.lost()) == []


def test_a_worker_that_leaves_or_comes_back_has_no_runs(books: Any) -> None:
    books.join(worker(books))
    for how in (lambda: books.leave("one"), lambda: books.join(worker(books))):
        run = f"run_{how}"[:60]
        books.add(asked(books, run))
        books.begin(run, "one")
        how()
        assert (books.get(run).state, books.get(run).worker) == (RunState.QUEUED, "")


def test_a_worker_that_ended_in_order_is_not_lost(books: Any, clock: Clock) -> None:
    books.join(worker(books))
    books.leave("one")
    clock.pass_(minutes=9)
    assert list(books.declare_lost(30)) == []
    (known,) = books.workers()
    assert (known.stopped_at, known.lost_at, known.queues) == (clock.time - timedelta(minutes=9), None, ("scans",))


def test_unfinished_runs_are_found_the_oldest_first(books: Any, clock: Clock) -> None:
    for number in range(3):
        books.add(asked(books, f"run_{number}"))
        clock.pass_(seconds=1)
    books.end("run_1", RunState.CANCELLED)
    found = books.unfinished(states=[RunState.QUEUED], before=clock.time - timedelta(seconds=0.5))
    assert [run.id for run in found] == ["run_0", "run_2"]
    assert books.latest("scan").id == "run_2"
    assert books.latest("nonsense") is None


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_run_is_written_down_in_the_unit_of_work_that_wants_it(servers: Servers, kind: str) -> None:
    database = Database(servers.migrated(kind), pool=2)
    books = RunBooks(database)
    with pytest.raises(ZeroDivisionError), database.begin() as connection:
        add_run(connection, asked(books))
        raise ZeroDivisionError
    with database.begin() as connection:
        workspace = create_workspace(connection, slug="one", name="One", now=books.now())
        assert add_run(connection, asked(books, "run_2", workspace=workspace))
        assert not add_run(connection, asked(books, "run_2"))
    with database.read() as connection:
        assert find_run(connection, "run_1") is None
    assert books.page(workspace).items[0].id == "run_2"
    assert books.page("").items == ()
    with pytest.raises(InputError):
        books.page(workspace, cursor="nonsense")
    database.close()


def test_old_runs_are_forgotten(books: Any, clock: Clock) -> None:
    for number in range(4):
        books.add(asked(books, f"run_{number}"))
    books.end("run_0", RunState.CANCELLED)
    clock.pass_(days=10)
    books.end("run_1", RunState.SUCCEEDED)
    clock.pass_(days=1)
    books.end("run_2", RunState.FAILED)
    month, week = clock.time - timedelta(days=30), clock.time - timedelta(days=7)
    assert list(books.forget(month, own_before=month)) == []
    assert list(books.forget(month, own_before=week)) == ["run_0"]
    assert list(books.forget(clock.time, own_before=week, limit=1)) == ["run_1"]
    assert sorted(run.id for run in books.page("").items) == ["run_2", "run_3"]


def test_workers_that_are_long_gone_are_forgotten(servers: Servers, clock: Clock) -> None:
    database = Database(servers.migrated("sqlite"))
    books = RunBooks(database, clock)
    books.join(worker(books, "gone"))
    books.leave("gone")
    clock.pass_(days=8)
    books.join(worker(books, "here"))
    books.forget(clock.time, own_before=clock.time - timedelta(days=7))
    assert [one.id for one in books.workers()] == ["here"]
    database.close()
