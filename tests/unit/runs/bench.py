"""Runs on a bench: a test writes a job as a function of its own, whatever engine works on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from stanch.runs.port import Engine, Queue, Registry, RunContext, RunState, RunStatus

Script = Callable[[RunContext, Mapping[str, Any]], Any]
_NUMBERS = count(1)


def registry() -> tuple[Registry, dict[str, Script]]:
    """Jobs that do what a test wrote: ``script`` and the same in other queues or with a time limit."""
    scripts: dict[str, Script] = {}
    made = Registry()
    made.queue(Queue(name="single", per_worker=1))
    made.queue(Queue(name="paced", starts=2, seconds=2))
    for job, queue, timeout in (
        ("script", "jobs", None), ("scan", "scans", None), ("single", "single", None), ("paced", "paced", None), ("brief", "jobs", 0.6),
    ):  # fmt: skip

        @made.job(job, queue=queue, timeout=timeout)
        def script(context: RunContext, arguments: Mapping[str, Any]) -> Any:
            return scripts[str(arguments["script"])](context, arguments)

    made.schedule("script", cron="0 3 * * *", name="nightly", arguments={"script": "nightly"})
    return made, scripts


@dataclass
class Bench:
    """An engine that works, and where its runs belong."""

    engine: Engine
    scripts: dict[str, Script]
    workspace: str
    other: str
    name: str = ""

    def start(
        self, script: Script, *, job: str = "script", workspace: str = "", key: str = "", arguments: Any = None, **more: Any
    ) -> str:
        name = self.name = f"s{next(_NUMBERS)}"
        self.scripts[name] = script
        return self.engine.start(
            job, {"script": name, **(arguments or {})}, workspace=workspace or self.workspace, key=key, **more
        )

    def over(self, run: str, seconds: float = 20) -> RunStatus:
        status = self.engine.wait_for(run, seconds=seconds)
        assert status.state.is_over, status
        return status

    def do(self, script: Script, **more: Any) -> RunStatus:
        return self.over(self.start(script, **more))

    def steps(self, run: str) -> list[tuple[str, str]]:
        return [(step.name, step.state) for step in self.engine.steps(run)]

    def comes_to(self, run: str, *states: RunState) -> None:
        until(lambda: self.engine.status(run).state in states)


def until(happened: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


class Gate:
    """Holds jobs until a test opens it; tells who came."""

    def __init__(self) -> None:
        self.came: list[str] = []
        self._open = threading.Event()

    def pass_(self, who: str = "") -> str:
        self.came.append(who)
        assert self._open.wait(30), "nobody opened the gate"
        return who

    def open(self) -> None:
        self._open.set()

    @contextmanager
    def closed(self) -> Iterator[Gate]:
        try:
            yield self
        finally:
            self.open()
