"""Runs: what goes on by itself, step by step."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from stanch.core.errors import NotFoundError
from stanch.core.run import RunState as State
from stanch.core.run import RunStatus
from stanch.runs.port import Engine
from stanch.server.auth import Caller
from stanch.server.models.base import Page
from stanch.server.models.runs import RetryGiven, Run, RunState, RunWithSteps, SignalGiven, Step
from stanch.server.routing import Approver, Key, Paged, Reader, Scanner, api_router

router = api_router("runs")


def _engine(caller: Caller) -> Engine:
    return caller.context.engine


def _own(caller: Caller, run: str) -> RunStatus:
    """Return a run of this workspace; another one's looks like none."""
    status = _engine(caller).status(run)
    if status.workspace != caller.workspace:
        raise NotFoundError("there is no run of that id.")
    return status


@router.get("/runs")
def list_runs(
    caller: Reader,
    paged: Paged,
    state: Annotated[list[RunState], Query(description="Only in these states.", max_length=6)] = [],  # noqa: B006
    job: Annotated[str, Query(description="Only of this job.", max_length=80, pattern=r"^[^\x00]*$")] = "",
    subject: Annotated[
        str, Query(description="Only about the source or incident with this id.", max_length=80, pattern=r"^[^\x00]*$")
    ] = "",
) -> Page[Run]:
    """List runs, the newest first."""
    states = tuple(State(name) for name in dict.fromkeys(state))
    page = _engine(caller).list(caller.workspace, states=states, job=job, subject=subject, limit=paged.limit, cursor=paged.cursor)
    return Page[Run].of(map(Run.of, page.items), page.next_cursor)


@router.get("/runs/{run}")
def get_run(caller: Reader, run: Key) -> RunWithSteps:
    """Show a run with what it did so far."""
    status = _own(caller, run)
    steps = [Step.of(step) for step in _engine(caller).steps(run)]
    return RunWithSteps(**Run.of(status).model_dump(), steps=steps)


@router.post("/runs/{run}/cancel")
def cancel_run(caller: Scanner, run: Key) -> Run:
    """Stop a run before its next step."""
    _own(caller, run)
    _engine(caller).cancel(run)
    return _noted(caller, run, "cancel")


@router.post("/runs/{run}/resume")
def resume_run(caller: Scanner, run: Key) -> Run:
    """Let a cancelled run go on where it was."""
    _own(caller, run)
    _engine(caller).resume(run)
    return _noted(caller, run, "resume")


@router.post("/runs/{run}/retry", status_code=202)
def retry_run(caller: Scanner, run: Key, given: RetryGiven) -> Run:
    """Try a run again that is over, as a new run: from the step that failed, or all of it."""
    _own(caller, run)
    new = _engine(caller).retry(run, from_start=given.from_start)
    return _noted(caller, new, "retry", of=run)


@router.post("/runs/{run}/signals")
def signal_run(caller: Approver, run: Key, given: SignalGiven) -> Run:
    """Tell a run something that it waits for, or will wait for: most often that it may go on."""
    _own(caller, run)
    _engine(caller).signal(run, given.topic, given.value)
    return _noted(caller, run, "signal", topic=given.topic)


def _noted(caller: Caller, run: str, act: str, **data: str) -> Run:
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        work.note(f"run.{act}", subject=run, data=dict(data))
    return Run.of(_engine(caller).status(run))
