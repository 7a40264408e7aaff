"""A process that works on runs, to be killed by tests: ``python -m tests.support.run_worker URL FOLDER [options]``.

Its job writes to a file beside the record, looking before it writes, and notes each call it makes, so that a test can tell what
was done twice from what was merely tried twice.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sqlite3
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from stanch.db.database import Database
from stanch.db.runs import RunBooks
from stanch.runs.durable import DurableEngine
from stanch.runs.identity import WorkerSettings
from stanch.runs.port import JSON, Queue, Registry, RunContext

STEPS = 4


def prepare(effects: Path) -> None:
    with closing(sqlite3.connect(effects)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE effects (run TEXT, step INTEGER, worker TEXT)")
        connection.execute("CREATE TABLE calls (run TEXT, step INTEGER, worker TEXT)")
        connection.commit()


def rows(effects: Path, table: str) -> list[tuple[str, int, str]]:
    with closing(sqlite3.connect(effects, timeout=30)) as connection:
        return connection.execute(f"SELECT run, step, worker FROM {table}").fetchall()


def registry(effects: Path, worker: str, pause: float) -> Registry:
    made = Registry()
    made.queue(Queue(name="jobs", per_worker=4))

    def write(run: str, step: int) -> int:
        with closing(sqlite3.connect(effects, timeout=30, isolation_level=None)) as connection:
            connection.execute("INSERT INTO calls VALUES (?, ?, ?)", (run, step, worker))
            time.sleep(pause)  # here most of the kills strike
            connection.execute("BEGIN IMMEDIATE")
            if not connection.execute("SELECT 1 FROM effects WHERE run = ? AND step = ?", (run, step)).fetchone():
                connection.execute("INSERT INTO effects VALUES (?, ?, ?)", (run, step, worker))
            connection.execute("COMMIT")
        return step

    @made.job("write")
    def job(context: RunContext, arguments: Mapping[str, Any]) -> JSON:
        done = [context.step(f"write {step}", write, context.run_id, step) for step in range(STEPS - 1)]
        context.sleep(0.02)
        return [*done, context.step("write last", write, context.run_id, STEPS - 1)]

    return made


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", default="worker")
    parser.add_argument("--start", nargs="*", default=[], help="keys of runs to start")
    parser.add_argument("--pause", type=float, default=0.05)
    parser.add_argument("--silence", type=float, default=3)
    parser.add_argument("--until-done", action="store_true")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format=f"%(asctime)s {asked.name} %(name)s %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    effects = asked.folder / "effects.db"
    database = Database(asked.url, pool=1)
    books = RunBooks(database, patience=asked.silence)
    settings = WorkerSettings(
        folder=asked.folder / "places", name=asked.name, beat=0.3, silence=asked.silence, poll=0.05, connections=4, grace=1
    )
    engine = DurableEngine(asked.url, registry(effects, asked.name, asked.pause), books=books, worker=settings)
    engine.launch()
    print("ready", engine.worker_id, flush=True)
    for key in asked.start:
        engine.start("write", {}, workspace="", key=key)
    print("started", flush=True)
    try:
        while not asked.until_done or any(not run.state.is_over for run in engine.list("", limit=200).items):
            time.sleep(0.1)
    finally:
        engine.close()
        database.close()
    print("done", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
