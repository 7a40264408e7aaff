"""Runs that failed, found by looking: whoever runs jobs does not have to know of channels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from stanch.db import telling
from stanch.incidents.announcing import announce_run
from stanch.incidents.desk import Desk

_LATELY: Final = timedelta(days=1)


def announce_failed_runs(desk: Desk) -> int:
    """Announce the runs that failed within a day, each once; returns how many deliveries are new. To be called every minute."""
    runs: dict[str, list[Mapping[Any, Any]]] = defaultdict(list)
    with desk.look() as connection:
        for found in telling.failed_runs(connection, desk.now() - _LATELY):
            runs[found["workspace_id"]].append(found)
    made = 0
    for workspace, failed in runs.items():
        with desk.work(workspace) as work:
            for row in failed:
                title = row["title"] or row["job"]
                made += announce_run(work.connection, workspace, row["id"], title=title, reason=_code(row), now=work.now)
    return made


def _code(row: Mapping[Any, Any]) -> str:
    """Return the code of a run's error: its message may be a library's."""
    error = row["error"]
    return str(error.get("code", "")) if isinstance(error, Mapping) else ""
