"""Runs: work that goes on by itself."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from stanch.core.run import RunStatus
from stanch.runs.port import StepStatus
from stanch.server.models.base import Given, Shown, bounded

RunState = Literal["queued", "running", "waiting", "succeeded", "failed", "cancelled"]


class RunError(Shown):
    """Why a run or a step failed."""

    code: str = Field(examples=["unexpected"])
    message: str
    step: str


class Run(Shown):
    """One execution of a job."""

    id: str = Field(examples=["run_01j9zq3v5k8m2n4p6r7s8t9v0w"])
    job: str = Field(examples=["scan_source"])
    title: str
    subject: str
    """Id of what it is about: a source, an incident."""
    state: RunState
    actor_name: str
    progress: str
    """What it last said about itself."""
    step: str
    """The step it is in, or was in when it stopped."""
    worker: str
    attempts: int
    retry_of: str
    """Id of the run that it tries again; empty for none."""
    result: Any
    error: RunError | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, status: RunStatus) -> Run:
        """Return what is shown of a run."""
        values = {name: getattr(status, name) for name in cls.model_fields if hasattr(status, name)}
        return cls.model_validate(
            {**values, "actor_name": status.actor.name, "state": status.state.value, "error": _error(status.error)}
        )


class Step(Shown):
    """One thing that a run did."""

    number: int
    name: str
    state: str = Field(examples=["succeeded"])
    started_at: datetime | None
    ended_at: datetime | None
    error: RunError | None

    @classmethod
    def of(cls, step: StepStatus) -> Step:
        """Return what is shown of a step."""
        values = {name: getattr(step, name) for name in cls.model_fields if name != "error"}
        return cls.model_validate({**values, "error": _error(step.error)})


def _error(error: Any) -> dict[str, Any] | None:
    return None if error is None else {k: v for k, v in asdict(error).items() if k != "place"}


class RunWithSteps(Run):
    """A run and what it did so far."""

    steps: list[Step]


class SignalGiven(Given):
    """What a waiting run is told."""

    topic: Annotated[str, bounded(60, least=1)] = Field(examples=["approval"])
    value: bool | int | Annotated[str, bounded(1000)] | None = Field(default=None, examples=[True])


class RetryGiven(Given):
    """How a run is tried again."""

    from_start: bool = False
    """All of it, instead of from the step that failed."""
