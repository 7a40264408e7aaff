"""What goes on by itself: the list of runs, one run step by step, and cancel, resume, retry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from stanch.core.errors import NotFoundError
from stanch.core.run import RunState, RunStatus
from stanch.runs.port import StepStatus
from stanch.server.auth import Caller
from stanch.web.filters import sentence, words
from stanch.web.pages.common import done, shown
from stanch.web.pages.forms import Reader, Scanner, Sent

router = APIRouter()
JOBS: Final = {
    "scan_source": "Scan of a source",
    "check_incident": "Question to an issuer",
    "recheck_validity": "Issuers asked again",
    "scan_due_sources": "Scheduled scans",
    "reopen_overdue": "Overdue acceptances",
    "retention": "Retention",
    "weekly_digest": "Weekly digest",
}
_LIMIT: Final = 50


@router.get("/w/{workspace}/runs")
def runs(request: Request, caller: Reader, state: str = "", cursor: str = "") -> Response:
    """List runs, the newest first, and who works on them."""
    states = [s for s in RunState if s.value == state]
    page = caller.context.engine.list(caller.workspace, states=states, limit=_LIMIT, cursor=cursor)
    return shown(
        request,
        caller,
        "runs.html",
        runs=page.items,
        more=page.next_cursor,
        state=state if states else "",
        states=[s.value for s in RunState],
        jobs=JOBS,
        workers=caller.context.engine.workers(),
        outcomes={run.id: _outcome(run) for run in page.items},
        moving=any(not run.state.is_over for run in page.items),
    )


@router.get("/w/{workspace}/runs/{run}")
def run(request: Request, caller: Reader, run: str) -> Response:
    """Show one run, step by step."""
    found = _own(caller, run)
    steps = [_step(found, step) for step in caller.context.engine.steps(run)]
    about, where = _subject(found)
    return shown(
        request, caller, "run.html", run=found, steps=steps, jobs=JOBS, about=about, where=where, is_over=found.state.is_over,
        result=_result(found),
    )  # fmt: skip


@router.post("/w/{workspace}/runs/{run}/cancel")
def cancel(request: Request, caller: Scanner, run: str, form: Sent) -> Response:
    """Stop a run before its next step."""
    form.check(request, caller)
    _own(caller, run)
    caller.context.engine.cancel(run)
    _note(caller, run, "cancel")
    return done(request, caller, f"/runs/{run}", "It stops before its next step.", kind="info")


@router.post("/w/{workspace}/runs/{run}/resume")
def resume(request: Request, caller: Scanner, run: str, form: Sent) -> Response:
    """Let a cancelled run go on."""
    form.check(request, caller)
    _own(caller, run)
    caller.context.engine.resume(run)
    _note(caller, run, "resume")
    return done(request, caller, f"/runs/{run}", "It goes on where it was.")


@router.post("/w/{workspace}/runs/{run}/retry")
def retry(request: Request, caller: Scanner, run: str, form: Sent) -> Response:
    """Try a run again."""
    form.check(request, caller)
    _own(caller, run)
    new = caller.context.engine.retry(run, from_start=form.flag("from_start"))
    _note(caller, new, "retry", of=run)
    return done(request, caller, f"/runs/{new}", "Tried again, as a new run.")


def _own(caller: Caller, run: str) -> RunStatus:
    status = caller.context.engine.status(run)
    if status.workspace != caller.workspace:
        raise NotFoundError("there is no run of that id.")
    return status


def _note(caller: Caller, run: str, act: str, **data: object) -> None:
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        work.note(f"run.{act}", subject=run, data=dict(data))


def _subject(run: RunStatus) -> tuple[str, str]:
    """Return what a run is about, and the page of it."""
    for prefix, name, page in (("src_", "the source", "sources"), ("inc_", "the incident", "incidents")):
        if run.subject.startswith(prefix):
            return name, f"/{page}/{run.subject}"
    return "", ""


def _result(run: RunStatus) -> list[tuple[str, str]]:
    """Return what a run's job returned, for people."""
    found = run.result if isinstance(run.result, Mapping) else {}
    return [(words(name), words(value) if isinstance(value, str) else str(value)) for name, value in found.items()]


def _outcome(run: RunStatus) -> str:
    """Return in a line where a run is, or what came of it."""
    if run.error is not None:
        return sentence(run.error.message)
    if not run.state.is_over:
        return run.progress or run.step
    return sentence(", ".join(f"{name.lower()} {value}" for name, value in _result(run)))


def _step(run: RunStatus, step: StepStatus) -> dict[str, Any]:
    """Return a step as the list of steps shows it; of the one that goes on, with what it last said."""
    text = ""
    if step.error is not None:
        text = sentence(step.error.message)
    elif step.state == "running":
        text = run.progress
    seconds = (step.ended_at - step.started_at).total_seconds() if step.started_at and step.ended_at else None
    state = "cancelled" if step.state == "running" and run.state.is_over else step.state
    title = sentence(step.name.replace("_", " "))
    return {"title": title, "state": state, "text": text, "at": step.started_at, "seconds": seconds}
