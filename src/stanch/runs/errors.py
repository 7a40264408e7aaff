"""What can go wrong with runs, and how an error is kept: by code and place, never with a value.

InputError
├── NotJsonError       an argument, a result or a signal is not JSON
│   └── SecretInRunError   it holds a plain credential
StanchError
└── StepFailedError    a step failed for good; the same at each replay
"""

from __future__ import annotations

from stanch.core.errors import ConflictError, InputError, NotFoundError, StanchError, place_of
from stanch.core.run import RunError


class NotJsonError(InputError):
    """An argument, the result of a step or a signal is not JSON, so it could not be kept."""

    code = "not_json"


class SecretInRunError(NotJsonError):
    """A plain credential was to be kept as an argument, a result or a signal."""

    code = "secret_in_run"


class StepFailedError(StanchError):
    """A step of a run failed for good.

    Args:
        error: why.
    """

    code = "step_failed"

    def __init__(self, error: RunError) -> None:
        super().__init__(error.message, code=error.code)
        self.error = error


class RunStoppedError(BaseException):
    """A job stops here: its run was cancelled, timed out, or is another worker's. Not for jobs to catch."""


def kept(error: BaseException, step: str = "") -> RunError:
    """Return what may be kept and shown of an error."""
    if isinstance(error, StepFailedError):
        return error.error
    if isinstance(error, StanchError):
        return RunError(code=error.code, message=str(error), step=step)
    return RunError(code="unexpected", message=type(error).__name__, place=place_of(error), step=step)


def no_such_run() -> NotFoundError:
    """Return the error for an unknown run."""
    return NotFoundError("there is no run of that id.")


def wrong_state(done: str, state: str) -> ConflictError:
    """Return the error for what cannot be done to a run in this state."""
    return ConflictError(f"the run cannot be {done}: it is {state}.", hint="Look at it again.", code="run_state")


def changed_way(was: str, now: str) -> StanchError:
    """Return the error for a job that takes another way than it took the first time."""
    return StanchError(
        f"the job came to the step {now} where it was at {was} before.",
        hint="Start it anew: the program changed.",
        code="run_changed",
    )


def timed_out() -> RunError:
    """Return why a run failed that took too long."""
    return RunError(code="run_timed_out", message="It took longer than this job may.")


def crashed() -> RunError:
    """Return why a run failed that nobody could end in order."""
    return RunError(
        code="run_crashed", message="It ended without saying how: its worker crashed in it too often, or lost its database."
    )


def no_such_job(job: str) -> RunError:
    """Return why a run failed whose job is no more."""
    return RunError(code="unknown_job", message=f"This version has no job {job}.")
