"""What only an engine with a database promises."""

from __future__ import annotations

import json
import logging
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.databases import Servers
from tests.unit.runs.bench import Gate, until
from tests.unit.runs.conftest import FAST

from stanch.core.errors import ConfigError
from stanch.core.run import RunState, RunStatus, WorkerStatus
from stanch.core.secret import Secret
from stanch.db.database import Database
from stanch.db.runs import RunBooks
from stanch.runs.dbos_setup import JsonSerializer, sqlite_file
from stanch.runs.durable import DurableEngine
from stanch.runs.errors import NotJsonError, StepFailedError
from stanch.runs.port import Registry, RunContext, RunError

Job = Callable[[RunContext, Mapping[str, Any]], Any]


class Record:
    """A record on SQLite, and engines that come and go on it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.database = Database(url)
        self.books = RunBooks(self.database)

    @contextmanager
    def engine(self, *jobs: Job, registry: Registry | None = None, **settings: Any) -> Iterator[DurableEngine]:
        made = registry or Registry()
        for job in jobs:
            made.job(job.__name__)(job)
        engine = DurableEngine(self.url, made, books=self.books, worker=replace(FAST, **settings))
        engine.launch()
        try:
            yield engine
        finally:
            engine.close()


@pytest.fixture
def record(servers: Servers, tmp_path: Path) -> Iterator[Record]:
    url = f"sqlite:///{tmp_path}/stanch.db"
    Path(tmp_path / "stanch.db").write_bytes(Path(servers.migrated("sqlite").removeprefix("sqlite:///")).read_bytes())
    made = Record(url)
    yield made
    made.database.close()


def quick(context: RunContext, arguments: Mapping[str, Any]) -> Any:
    return context.step("answer", lambda: 42)


def test_a_run_goes_on_where_it_was_when_its_worker_ended(record: Record) -> None:
    done: list[str] = []
    gate = Gate()

    def job(context: RunContext, arguments: Mapping[str, Any]) -> Any:
        context.step("first", done.append, "first")
        context.sleep(0.1)
        return context.wait("go", 60)

    with record.engine(job) as engine:
        run = engine.start("job", {}, workspace="")
        until(lambda: engine.status(run).state is RunState.WAITING)
        who = engine.worker_id
    assert (record.books.get(run).state, record.books.get(run).worker) == (RunState.QUEUED, "")  # type: ignore[union-attr]
    gate.open()
    with record.engine(job) as engine:
        engine.signal(run, "go", "went")
        status = engine.wait_for(run, seconds=10)
        assert (status.result, status.attempts, done, engine.worker_id) == ("went", 2, ["first"], who)
        assert [step.name for step in engine.steps(run)] == ["first", "sleep", "wait:go"]


def test_closing_waits_neither_for_runs_that_wait_nor_for_those_that_sleep(record: Record) -> None:
    def waits(context: RunContext, arguments: Mapping[str, Any]) -> Any:
        return context.wait("go")

    def sleeps(context: RunContext, arguments: Mapping[str, Any]) -> None:
        context.sleep(600)

    with record.engine(waits, sleeps) as engine:
        runs = [engine.start(name, {}, workspace="") for name in ("waits", "sleeps")]
        until(lambda: all(engine.steps(run) for run in runs))
        begun = time.monotonic()
    assert time.monotonic() - begun < 2
    assert list(engine.still_working) == []
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith(("dbos", "queue", "stanch runs"))]


def test_a_run_that_was_only_written_down_gets_into_its_queue(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stanch.runs.watching._FRESH", timedelta(0))
    with record.engine(quick) as engine:
        record.books.add(RunStatus(id="run_written", job="quick", created_at=record.books.now()))
        assert engine.wait_for("run_written", seconds=10).result == 42


def test_a_run_whose_job_is_gone_fails(record: Record) -> None:
    record.books.add(RunStatus(id="run_old", job="gone", created_at=record.books.now()))
    with record.engine(quick) as engine:
        engine.ensure(engine.status("run_old"))
        status = engine.wait_for("run_old", seconds=10)
    assert status.error is not None
    assert (status.state, status.error.code) == (RunState.FAILED, "unknown_job")


def test_a_worker_that_was_given_up_stops_and_begins_again(record: Record) -> None:
    """On one machine, with the clock of the record set by hand; `tests/faults` does it with frozen processes."""
    stopped, begun = threading.Event(), []

    def long(context: RunContext, arguments: Mapping[str, Any]) -> str:
        def loop() -> str:
            begun.append(1)
            if len(begun) > 1:
                return "the second time"
            try:
                while True:
                    context.check()
                    time.sleep(0.01)
            finally:
                stopped.set()

        return context.step("loop", loop)

    with record.engine(long) as engine:
        run = engine.start("long", {}, workspace="")
        until(lambda: bool(begun))
        assert list(record.books.declare_lost(-60)) == [engine.worker_id]
        assert stopped.wait(5)
        assert engine.wait_for(run, seconds=10).result == "the second time"
        (me,) = engine.workers()
        assert (me.id, me.lost_at) == (engine.worker_id, None)


def test_the_runs_of_a_silent_worker_are_taken_over(record: Record) -> None:
    now = record.books.now()
    with record.engine(quick, queues=()) as engine:
        run = engine.start("quick", {}, workspace="")
        assert engine.wait_for(run, seconds=0.5).state is RunState.QUEUED, "it takes from no queue"
        record.books.join(
            WorkerStatus(id="silent", name="s", host="h", pid=1, version="1", queues=(), started_at=now, beat_at=now)
        )
    with sqlite3.connect(str(sqlite_file(record.url))) as connection:  # as if that one had begun it
        connection.execute("UPDATE workflow_status SET status = 'PENDING', executor_id = 'silent', owner_xid = 'x'")
    connection.close()
    record.books.begin(run, "silent")
    with record.engine(quick, silence=1.0) as engine:
        status = engine.wait_for(run, seconds=10)
        assert (status.state, status.worker, status.attempts) == (RunState.SUCCEEDED, engine.worker_id, 2)


def test_a_schedule_starts_one_run_whenever_it_is_due(record: Record) -> None:
    registry = Registry()
    registry.job("quick")(quick)
    registry.schedule("quick", cron="* * * * * */2", name="often")
    begun = time.time()
    with record.engine(registry=registry) as engine:
        until(lambda: len(engine.list("").items) >= 2)
        engine._watcher.watch()  # another worker's look changes nothing
        runs = engine.list("").items
        assert len(runs) <= (time.time() - begun) / 2 + 1
        assert {(run.title, run.workspace) for run in runs} == {("often", "")}
    count = len(runs)
    time.sleep(2.1)
    with record.engine(registry=registry) as engine:
        until(lambda: len(engine.list("").items) > count, 1.5)  # what was missed meanwhile is made up for, once


def test_a_schedule_that_never_ran_waits_for_its_time(record: Record) -> None:
    registry = Registry()
    registry.job("quick")(quick)
    registry.schedule("quick", cron="0 3 1 1 *")
    with record.engine(registry=registry) as engine:
        time.sleep(0.5)
        assert engine.list("").items == ()


def test_what_was_over_long_ago_is_removed_from_both_files(record: Record) -> None:
    with record.engine(quick, keep_own_days=0) as engine:
        runs = [engine.start("quick", {}, workspace="") for _ in range(3)]
        for run in runs:
            engine.wait_for(run, seconds=10)
        until(lambda: set(engine.states(runs).values()) == {"SUCCESS"})
        assert engine.forget() == 3
        assert engine.list("").items == ()
        assert engine.states(runs) == {}


def test_there_is_one_engine_in_a_process(record: Record) -> None:
    with record.engine(quick), pytest.raises(ConfigError):
        DurableEngine(record.url, Registry(), books=record.books, worker=FAST).launch()
    with record.engine(quick) as engine:
        assert engine.wait_for(engine.start("quick", {}, workspace=""), seconds=10).result == 42


def test_nothing_but_json_is_in_its_file_and_nobody_else_may_read_it(record: Record) -> None:
    value = b"correct horse battery staple"

    def leaky(context: RunContext, arguments: Mapping[str, Any]) -> Any:
        context.step("fine", lambda: {"a": [1]})
        return context.step("leak", lambda: Secret(value, fingerprint="0" * 64, redacted="…"))

    def rude(context: RunContext, arguments: Mapping[str, Any]) -> None:
        context.step("fail", rudely)

    def rudely() -> None:
        raise ValueError(value.decode())

    with record.engine(leaky, rude) as engine:
        for name in ("leaky", "rude"):
            assert engine.wait_for(engine.start(name, {}, workspace=""), seconds=10).state is RunState.FAILED
    file = sqlite_file(record.url)
    assert file is not None
    for path in [*file.parent.glob("stanch-runs*"), *file.parent.glob("worker*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert not [path for path in file.parent.iterdir() if b"horse" in path.read_bytes()]
    connection = sqlite3.connect(file)
    outputs = connection.execute("SELECT output, error, serialization FROM operation_outputs").fetchall()
    inputs = connection.execute("SELECT inputs FROM workflow_input").fetchall()
    connection.close()
    assert len(outputs) == 3
    for output, error, how in outputs:
        assert how == "stanch_json"
        json.loads(output or error)
    assert set(inputs) == {('{"call":[[],{}]}',)}


def test_it_neither_prints_nor_warns_nor_listens(record: Record, tmp_path: Path) -> None:
    program = """
import logging, os, sys
from pathlib import Path
from stanch.db.database import Database
from stanch.db.runs import RunBooks
from stanch.runs.durable import DurableEngine
from stanch.runs.port import Registry
registry = Registry()
def fails(): raise ValueError("correct horse")
registry.job("fail")(lambda context, arguments: context.step("fail", fails))
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout) if sys.argv[2:] else None
database = Database(sys.argv[1])
engine = DurableEngine(sys.argv[1], registry, books=RunBooks(database))
engine.launch()
print(engine.wait_for(engine.start("fail", {}, workspace=""), seconds=20).state.value)
mine = {os.readlink(entry) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink() and os.path.lexists(entry)}
lines = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
assert not [line for line in lines if line[3] == "0A" and f"socket:[{line[9]}]" in mine], "it listens"
engine.close()
database.close()
"""
    quiet = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, record.url], capture_output=True, text=True, timeout=60, check=False
    )
    assert (quiet.returncode, quiet.stdout, quiet.stderr.splitlines()[1:]) == (0, "failed\n", [])
    assert "run_" in quiet.stderr, "one line of our own, as nobody set up logging"
    loud = subprocess.run(
        [sys.executable, "-c", program, record.url, "loud"], capture_output=True, text=True, timeout=60, check=False
    )
    assert "horse" not in loud.stdout + loud.stderr


def test_what_a_library_says_about_an_error_is_not_logged(caplog: pytest.LogCaptureFixture, record: Record) -> None:
    with record.engine(quick), caplog.at_level(logging.DEBUG):
        try:
            raise ValueError("correct horse")
        except ValueError:
            logging.getLogger("dbos").exception("it failed:")
    assert "horse" not in caplog.text
    assert "ValueError at test_durable.py" in caplog.text


@pytest.mark.parametrize(
    "value", [None, 1, "ä", [1, {"a": None}], {"args": 1}, {"error": "e"}, {"args": [], "kwargs": {}}], ids=repr
)
def test_what_is_kept_comes_back(value: object) -> None:
    serializer = JsonSerializer()
    assert serializer.deserialize(serializer.serialize(value)) == value


def test_arguments_and_errors_come_back_as_such() -> None:
    serializer = JsonSerializer()
    call = {"args": ("a", 1), "kwargs": {"b": None}}
    assert serializer.deserialize(serializer.serialize(call)) == call
    error = RunError(code="gone", message="it is gone.", step="clone")
    found = serializer.deserialize(serializer.serialize(StepFailedError(error)))
    assert isinstance(found, StepFailedError)
    assert (found.error, found.code, str(found)) == (error, "gone", "it is gone.")
    with pytest.raises(NotJsonError):
        serializer.serialize({"args": (b"",), "kwargs": {}})
