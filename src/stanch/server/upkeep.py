"""What keeps an installation in order by itself: retention, digests, overdue acceptances, the audit chain, lost workers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa

from stanch.core.errors import StanchError
from stanch.db import tables
from stanch.db import workspaces as workspace_rows
from stanch.incidents.announcing import announce_expiring, announce_installation
from stanch.incidents.checking import reopen_overdue
from stanch.incidents.desk import Desk
from stanch.incidents.digesting import weekly_digest
from stanch.incidents.retention import apply_retention
from stanch.incidents.troubles import announce_failed_runs
from stanch.notify.message import NoticeKind
from stanch.runs.port import JSON, Registry, RunContext

_MANY: Final = 500
_LOST_SINCE: Final = timedelta(days=1)


def register_upkeep(registry: Registry, desk: Desk) -> None:
    """Register what goes on by schedule. Each step may be done twice: what is done already is left alone."""

    @registry.job("reopen_overdue")
    def reopen(context: RunContext, arguments: Mapping[str, Any]) -> JSON:
        done = context.step("reopen", _reopen_overdue, desk)
        context.step("announce", _announce_expiring, desk)
        return done

    @registry.job("retention", timeout=3600)
    def retention(context: RunContext, arguments: Mapping[str, Any]) -> JSON:
        return context.step("remove", lambda: dict(apply_retention(desk).counts))

    @registry.job("weekly_digest")
    def digest(context: RunContext, arguments: Mapping[str, Any]) -> JSON:
        return context.step("announce", _digest, desk)

    @registry.job("verify_audit", timeout=3600)
    def verify(context: RunContext, arguments: Mapping[str, Any]) -> JSON:
        return context.step("verify", _verify, desk)

    @registry.job("look_for_trouble")
    def trouble(context: RunContext, arguments: Mapping[str, Any]) -> JSON:
        lost = context.step("lost workers", _announce_lost, desk)
        failed = context.step("failed runs", announce_failed_runs, desk)
        return {"lost": lost, "failed": failed}

    registry.schedule("reopen_overdue", cron="7 * * * *")
    registry.schedule("retention", cron="41 2 * * *")
    registry.schedule("weekly_digest", cron="0 7 * * 1")
    registry.schedule("verify_audit", cron="23 4 * * *")
    registry.schedule("look_for_trouble", cron="*/5 * * * *")


def _workspaces(desk: Desk) -> list[str]:
    with desk.look() as connection:
        return [row["id"] for row in workspace_rows.all_workspaces(connection)]


def _reopen_overdue(desk: Desk) -> dict[str, Any]:
    i, count = tables.incidents.c, 0
    for workspace in _workspaces(desk):
        query = sa.select(i.id).where(i.workspace_id == workspace, i.state == "ignored", i.ignored_until <= desk.now())
        with desk.work(workspace) as work:
            overdue = work.connection.execute(query.limit(_MANY)).scalars().all()
            reopen_overdue(work, overdue)
            count += len(overdue)
    return {"reopened": count}


def _announce_expiring(desk: Desk) -> dict[str, Any]:
    count = 0
    for workspace in _workspaces(desk):
        with desk.work(workspace) as work:
            count += announce_expiring(work.connection, workspace, now=work.now)
    return {"announced": count}


def _digest(desk: Desk) -> dict[str, Any]:
    return {"channels": sum(weekly_digest(desk, workspace) for workspace in _workspaces(desk))}


def _verify(desk: Desk) -> dict[str, Any]:
    with desk.look() as connection:
        verdict = desk.audit.verify(connection)
    if not verdict.intact:
        title = f"The audit trail is broken at entry {verdict.broken_at}"
        with desk.database.begin() as connection:
            kind = NoticeKind.AUDIT_BROKEN
            announce_installation(connection, kind, title=title, subject=str(verdict.broken_at), now=desk.now())
        raise StanchError(f"{title}: {verdict.problem}.", hint="Compare with the last backup.", code="audit_broken")
    return {"entries": verdict.entries}


def _announce_lost(desk: Desk) -> int:
    w, count = tables.workers.c, 0
    query = sa.select(w.id, w.name, w.host, w.lost_at).where(w.lost_at > desk.now() - _LOST_SINCE)
    with desk.database.begin() as connection:
        for row in connection.execute(query).all():
            title = f"Worker {row.name or row.id} on {row.host} fell silent; its runs go on elsewhere"
            subject = f"{row.id} {row.lost_at.isoformat()}"
            count += announce_installation(connection, NoticeKind.WORKER_LOST, title=title, subject=subject, now=desk.now())
    return count
