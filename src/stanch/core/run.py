"""Runs: work that goes on by itself, survives a crash, and can be watched, cancelled and tried again.

A *job* is a function by name; a *run* is one execution of it; its *steps* are what is never lost once it is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TypeAlias

from stanch.core.incident import SYSTEM, Actor

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"
"""What may be an argument, the result of a step, a signal."""


class RunState(str, Enum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"  # for a signal: most often, for a person
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens unless somebody resumes or retries it."""
        return self in (RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED)


OVER = tuple(state for state in RunState if state.is_over)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunError:
    """Why a run or a step failed, without any value it worked on.

    Attributes:
        code: of the `StanchError`; ``unexpected`` for any other exception.
        message: the sentence of a `StanchError`; the type of any other exception.
        place: file, line and function of an unexpected one.
        step: name of the step that failed, when it was one.
    """

    code: str
    message: str
    place: str = ""
    step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """A run as people see it.

    Attributes:
        id: ``run_…``; the same for the same key.
        job: name of the function.
        workspace: whose; empty for the installation's own.
        subject: id of what it is about: a source, an incident.
        title: for people.
        arguments: ids and references, never values.
        actor: who started it.
        queue: where it waited.
        priority: the smaller the sooner; 0 is the soonest.
        state: where it stands.
        created_at: when it was asked for.
        started_at: when it was first begun.
        ended_at: when it was over.
        progress: what it last said about itself.
        step: name of the step it is in, or was in when it stopped.
        step_number: its place, from 1.
        step_at: when it came to it.
        worker: id of who works, or worked, on it.
        attempts: how often it was begun.
        retry_of: id of the run this one tries again.
        result: what the job returned.
        error: why it failed.
    """

    id: str
    job: str
    created_at: datetime
    workspace: str = ""
    subject: str = ""
    title: str = ""
    arguments: Mapping[str, JSON] = field(default_factory=dict)
    actor: Actor = SYSTEM
    queue: str = "jobs"
    priority: int = 0
    state: RunState = RunState.QUEUED
    started_at: datetime | None = None
    ended_at: datetime | None = None
    progress: str = ""
    step: str = ""
    step_number: int = 0
    step_at: datetime | None = None
    worker: str = ""
    attempts: int = 0
    retry_of: str = ""
    result: JSON = None
    error: RunError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """Some runs, the newest first.

    Attributes:
        items: at most as many as were asked for.
        next_cursor: gets the next ones; empty when there are none.
    """

    items: tuple[RunStatus, ...]
    next_cursor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus:
    """A process that works on runs.

    Attributes:
        id: stable over restarts.
        name: for people.
        host: machine.
        pid: process.
        version: of Stanch.
        queues: it takes runs from; empty for all.
        started_at: of this process.
        beat_at: when it last said that it lives.
        stopped_at: when it ended in order.
        lost_at: when the others stopped waiting for it.
    """

    id: str
    name: str
    host: str
    pid: int
    version: str
    queues: tuple[str, ...]
    started_at: datetime
    beat_at: datetime
    stopped_at: datetime | None = None
    lost_at: datetime | None = None
