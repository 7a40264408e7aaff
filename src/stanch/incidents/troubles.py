"""Trouble of the installation itself, found by looking: failed runs, lost workers, a broken audit trail.

Whoever runs jobs does not have to know of channels: this looks at what is on record, as often as it likes, and each trouble is
told once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from stanch.db import telling
from stanch.db import workspaces as workspace_rows
from stanch.incidents.announcing import announce_expiring, announce_installation, announce_run
from stanch.incidents.audit import Verdict
from stanch.incidents.desk import Desk
from stanch.notify.message import Fact, NoticeKind

_LATELY: Final = timedelta(days=1)


def announce_trouble(desk: Desk) -> int:
    """Announce runs that failed and workers that were lost within a day; returns how many deliveries are new."""
    since = desk.now() - _LATELY
    with desk.look() as connection:
        workers = telling.lost_workers(connection, since)
        runs: dict[str, list[Mapping[Any, Any]]] = defaultdict(list)
        for row in telling.failed_runs(connection, since):
            runs[row["workspace_id"]].append(row)
    made = 0
    for workspace, failed in runs.items():
        with desk.work(workspace) as work:
            made += sum(
                announce_run(work.connection, workspace, r["id"], title=r["title"] or r["job"], reason=_code(r), now=work.now)
                for r in failed
            )
    if workers:
        with desk.database.begin() as connection:
            made += sum(
                announce_installation(
                    connection,
                    NoticeKind.WORKER_LOST,
                    title=f"Worker {row['name'] or row['id']} is lost",
                    subject=f"{row['id']}:{row['lost_at']:%Y-%m-%dT%H:%M:%S}",
                    facts=[Fact(label="What now", value="Its runs go on elsewhere. Start it again, or see its log.")],
                    now=desk.now(),
                )
                for row in workers
            )
    return made


def announce_all_expiring(desk: Desk) -> int:
    """Announce accepted risks that end within a week, in every workspace; returns how many deliveries are new."""
    with desk.look() as connection:
        workspaces = [row["id"] for row in workspace_rows.all_workspaces(connection)]
    made = 0
    for workspace in workspaces:
        with desk.work(workspace) as work:
            made += announce_expiring(work.connection, workspace, now=work.now)
    return made


def verify_audit(desk: Desk) -> Verdict:
    """Check the audit trail, and tell every workspace when it was changed."""
    with desk.look() as connection:
        verdict = desk.audit.verify(connection)
    if not verdict.intact:
        with desk.database.begin() as connection:
            announce_installation(
                connection,
                NoticeKind.AUDIT_BROKEN,
                title="The audit trail was changed",
                subject=f"{verdict.broken_at}:{verdict.problem}",
                facts=[Fact(label="Found", value=verdict.problem)],
                now=desk.now(),
            )
    return verdict


def _code(row: Mapping[Any, Any]) -> str:
    """Return the code of a run's error: its message may be a library's."""
    error = row["error"]
    return str(error.get("code", "")) if isinstance(error, Mapping) else ""
