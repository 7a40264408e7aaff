"""What every engine does with a request to start a run, before it is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from stanch.core.errors import InputError
from stanch.core.ids import encoded, new_id
from stanch.core.incident import SYSTEM, Actor
from stanch.runs import plain
from stanch.runs.port import JSON, Registry, RunStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A run that was asked for; see `stanch.runs.port.Engine.start`."""

    job: str
    arguments: Mapping[str, JSON]
    workspace: str
    subject: str = ""
    title: str = ""
    actor: Actor = SYSTEM
    key: str = ""
    queue: str = ""
    priority: int = 0


def run_id(workspace: str, job: str, key: str) -> str:
    """Return the id of the run that a key names; a fresh one without a key."""
    if not key:
        return new_id("run")
    digest = hashlib.sha256("\0".join((workspace, job, key)).encode()).digest()
    return f"run_{encoded(int.from_bytes(digest[:16]))}"


def asked(registry: Registry, request: Request, now: Callable[[], datetime]) -> RunStatus:
    """Return the run to start.

    Raises:
        InputError: no such job or queue, or arguments that are not JSON.
    """
    job = registry.jobs.get(request.job)
    queue = request.queue or (job.queue if job else "")
    if job is None or queue not in registry.queues:
        raise InputError(f"there is no {'queue' if job else 'job'} of that name.", code="unknown_job")
    return RunStatus(
        id=run_id(request.workspace, request.job, request.key),
        job=request.job,
        workspace=request.workspace,
        subject=request.subject,
        title=request.title or request.job.replace("_", " "),
        arguments=plain.copied(dict(request.arguments), "an argument"),
        actor=request.actor,
        queue=queue,
        priority=max(0, request.priority),
        created_at=now(),
    )


def again(old: RunStatus, now: datetime) -> RunStatus:
    """Return a new run that does what an old one did."""
    return RunStatus(
        id=new_id("run"),
        job=old.job,
        workspace=old.workspace,
        subject=old.subject,
        title=old.title,
        arguments=old.arguments,
        actor=old.actor,
        queue=old.queue,
        priority=old.priority,
        created_at=now,
        retry_of=old.id,
    )
