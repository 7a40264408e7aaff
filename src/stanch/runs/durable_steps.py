"""What DBOS kept of a run, as people see it: waiting takes it several rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from dbos import StepInfo

from stanch.runs.errors import StepFailedError, kept
from stanch.runs.port import RunError, RunStatus, StepStatus

_INNER = ("DBOS.recv", "DBOS.sleep")  # of waiting; a job's own sleep is a step called so


def shown(rows: Sequence[StepInfo], run: RunStatus, now: datetime) -> list[StepStatus]:
    """Return the steps that a run did, and the one it is in.

    Args:
        rows: from DBOS.
        run: from the books.
        now: decides whether it still sleeps.
    """
    steps = [_step(number, group, run, now) for number, group in enumerate(_grouped(rows), 1)]
    if run.step_number > len(steps) and run.step:
        state = "stopped" if run.state.is_over else "running"
        steps.append(StepStatus(number=len(steps) + 1, name=run.step, state=state, started_at=run.step_at, ended_at=run.ended_at))
    return steps


def restart_at(rows: Sequence[StepInfo]) -> int:
    """Return the number, in DBOS's count, of the last step that failed; the one after the last when none did."""
    failed = [row["function_id"] for row in rows if row["error"] is not None]
    return failed[-1] if failed else max((row["function_id"] for row in rows), default=0) + 1


def _grouped(rows: Sequence[StepInfo]) -> Iterator[list[StepInfo]]:
    group: list[StepInfo] = []
    for row in rows:
        if row["function_name"] in _INNER and group:
            group.append(row)
            continue
        if group:
            yield group
        group = [row]
    if group:
        yield group


def _step(number: int, group: list[StepInfo], run: RunStatus, now: datetime) -> StepStatus:
    first = group[0]
    ended_at = _moment(max((row["completed_at_epoch_ms"] or 0 for row in group), default=0) or None)
    if first["function_name"] == "sleep" and isinstance(first["output"], float):
        ended_at = datetime.fromtimestamp(first["output"], UTC)
    error = _error(first["error"])
    state = "failed" if error else "succeeded"
    if not error and _goes_on(number, group, run, now):
        state, ended_at = ("stopped", run.ended_at) if run.state.is_over else ("running", None)
    return StepStatus(
        number=number,
        name=first["function_name"],
        state=state,
        started_at=_moment(first["started_at_epoch_ms"]),
        ended_at=ended_at,
        error=error,
    )


def _goes_on(number: int, group: list[StepInfo], run: RunStatus, now: datetime) -> bool:
    """Whether a step that DBOS finished long ago is what the run is at: it only kept until when to sleep or to wait."""
    if number < run.step_number:
        return False
    first = group[0]
    if first["function_name"] == "sleep" and isinstance(first["output"], float):
        return bool(datetime.fromtimestamp(first["output"], UTC) > now)
    return first["function_name"].startswith("wait:") and all(row["function_name"] != "DBOS.recv" for row in group)


def _error(error: Exception | None) -> RunError | None:
    if error is None:
        return None
    return error.error if isinstance(error, StepFailedError) else kept(error)


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
