"""The jobs of an installation: what goes on by itself, or takes longer than a request.

Arguments are ids. Each step looks before it writes, because it may be done again after a crash.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa

from stanch.core import errors
from stanch.core.errors import StanchError
from stanch.db import tables
from stanch.db import workspaces as workspace_rows
from stanch.incidents.asking import issuers
from stanch.incidents.checking import check_incident
from stanch.incidents.desk import Desk
from stanch.incidents.reachable import Reach
from stanch.runs.port import JSON, Registry, Retries, RunContext
from stanch.server.upkeep import register_upkeep

_MANY: Final = 500
_RECHECK_AFTER: Final = timedelta(hours=20)


def register_jobs(registry: Registry, desk: Desk, reach: Reach) -> Registry:
    """Register every job and schedule.

    Args:
        registry: of the engine.
        desk: the record.
        reach: what scans may read and fetch.
    """

    @registry.job("scan_source", queue="scans", timeout=6 * 3600)
    def scan_source(context: RunContext, arguments: Mapping[str, Any]) -> JSON:
        return context.step("scan", _scan, context, desk, reach, str(arguments["source"]), retries=Retries(attempts=3, first=5))

    @registry.job("check_incident", queue="checks", timeout=600)
    def check_incident_job(context: RunContext, arguments: Mapping[str, Any]) -> JSON:
        return context.step("ask", _check, context, desk, str(arguments["incident"]))

    @registry.job("recheck_validity")
    def recheck_validity(context: RunContext, arguments: Mapping[str, Any]) -> JSON:
        due = context.step("choose", _due_for_check, desk)
        day = context.step("day", lambda: desk.now().date().isoformat())
        for workspace, incident, number in due:
            context.start(
                "check_incident",
                {"incident": incident},
                key=f"recheck {incident} {day}",
                workspace=workspace,
                subject=incident,
                title=f"Check #{number} again",
            )
        return {"started": len(due)}

    @registry.job("scan_due_sources")
    def scan_due_sources(context: RunContext, arguments: Mapping[str, Any]) -> JSON:
        due = context.step("choose", _due_for_scan, desk)
        for workspace, source, name, slot in due:
            context.start(
                "scan_source",
                {"source": source},
                key=f"scheduled {source} {slot}",
                workspace=workspace,
                subject=source,
                title=f"Scan {name}",
            )
        return {"started": len(due)}

    registry.schedule("recheck_validity", cron="17 3 * * *")
    registry.schedule("scan_due_sources", cron="*/10 * * * *")
    register_upkeep(registry, desk)
    return registry


def _scan(context: RunContext, desk: Desk, reach: Reach, source: str) -> dict[str, Any]:
    """Scan in a process of its own, so that neither its memory nor its end is the server's."""
    actor = context.actor
    command = [sys.executable, "-m", "stanch.server.scan_process", context.workspace, source, context.run_id]
    environment = os.environ | reach.environment() | {"STANCH_DATABASE": desk.database.address}
    process = subprocess.Popen(
        [*command, actor.kind, actor.id, actor.name], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, encoding="utf-8",
    )  # fmt: skip
    watcher = _Watcher(context, process)
    assert process.stdout is not None
    try:
        answer: dict[str, Any] = {}
        for line in process.stdout:
            said = json.loads(line)
            if "progress" in said:
                context.progress(said["progress"])
            else:
                answer = said
        process.wait()
    finally:
        watcher.end()
    context.check()
    if "error" in answer:
        raise _error(answer["error"])
    if "result" not in answer:
        raise RuntimeError("the scan ended without a result")
    return dict(answer["result"])


class _Watcher:
    """Ends a scan's process when its run was cancelled, or is another worker's by now."""

    def __init__(self, context: RunContext, process: subprocess.Popen[str]) -> None:
        self._context, self._process = context, process
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="stanch-scan-watcher", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop watching; the process ends too when it has not."""
        self._over.set()
        self._thread.join(timeout=10)
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _watch(self) -> None:
        while not self._over.wait(1.0):
            try:
                self._context.check()
            except BaseException:
                self._process.kill()
                return


def _error(told: Mapping[str, str]) -> StanchError:
    kind = getattr(errors, told["kind"], StanchError)
    if not (isinstance(kind, type) and issubclass(kind, StanchError)) or kind is errors.ConfigError:
        kind = StanchError
    found: StanchError = kind(told["message"], hint=told["hint"], code=told["code"])
    return found


def _check(context: RunContext, desk: Desk, incident: str) -> dict[str, Any]:
    check = check_incident(desk, incident, issuers(), workspace=context.workspace, actor=context.actor)
    return {"validity": check.validity.value, "reason": check.reason}


def _due_for_check(desk: Desk) -> list[list[Any]]:
    """Choose incidents whose issuer is asked again: in workspaces that want that, with a kept value, not asked today."""
    i, s = tables.incidents.c, tables.secrets.c
    before = desk.now() - _RECHECK_AFTER
    found: list[list[Any]] = []
    with desk.look() as connection:
        for workspace in workspace_rows.all_workspaces(connection):
            if not workspace["settings"].get("ask_issuers"):
                continue
            query = (
                sa.select(i.id, i.number)
                .join(tables.secrets, s.id == i.secret_id)
                .where(i.workspace_id == workspace["id"], s.sealed.is_not(None))
                .where(i.state != "ignored", i.validity.in_(("live", "dormant", "inconclusive", "unchecked", "dead")))
                .where(sa.or_(i.checked_at.is_(None), i.checked_at < before))
                .order_by(i.rank.desc(), i.score.desc())
                .limit(_MANY)
            )
            found += [[workspace["id"], row.id, row.number] for row in connection.execute(query)]
    return found


_EVERY: Final = {"hourly": timedelta(hours=1), "daily": timedelta(days=1), "weekly": timedelta(weeks=1)}


def _due_for_scan(desk: Desk) -> list[list[str]]:
    now = desk.now()
    found: list[list[str]] = []
    with desk.look() as connection:
        for workspace in workspace_rows.all_workspaces(connection):
            for source in workspace_rows.list_sources(connection, workspace["id"]):
                every = _EVERY.get(source["schedule"])
                if every is None or (source["scanned_at"] is not None and now - source["scanned_at"] < every):
                    continue
                slot = int(now.timestamp() // every.total_seconds())
                found.append([workspace["id"], source["id"], source["name"], str(slot)])
    return found
