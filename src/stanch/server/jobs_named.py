"""Names and arguments of the jobs that the API starts; the jobs themselves are in `stanch.server.jobs`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stanch.server.auth import Caller
from stanch.server.models.runs import Run

SCAN: Final = "scan_source"
CHECK: Final = "check_incident"


def start_scan(caller: Caller, source: Mapping[Any, Any]) -> Run:
    """Start a scan of a source."""
    return _start(caller, SCAN, {"source": source["id"]}, subject=source["id"], title=f"Scan {source['name']}")


def start_check(caller: Caller, incident: Mapping[Any, Any]) -> Run:
    """Ask an incident's issuer again."""
    title = f"Check #{incident['number']} {incident['title']}"
    return _start(caller, CHECK, {"incident": incident["id"]}, subject=incident["id"], title=title)


def _start(caller: Caller, job: str, arguments: Mapping[str, str], *, subject: str, title: str) -> Run:
    engine = caller.context.engine
    run = engine.start(job, arguments, workspace=caller.workspace, subject=subject, title=title[:200], actor=caller.actor)
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        work.note("run.start", subject=run, data={"job": job, "about": subject})
    return Run.of(engine.status(run))
