"""Scan a source of the record by itself: what the job ``scan_source`` does, in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from stanch import __version__
from stanch.core.errors import ConflictError, NotFoundError
from stanch.core.incident import Actor
from stanch.db import record as rows
from stanch.db import tables
from stanch.db import workspaces as workspace_rows
from stanch.incidents.desk import Desk
from stanch.incidents.reachable import Reach, is_remote, mirror
from stanch.incidents.recording import record_scan
from stanch.incidents.sightings import Sealer, sightings_of
from stanch.incidents.values import context_of_value
from stanch.incidents.workspaces import SourceSpec
from stanch.scanning.scan import Progress

AROUND: Final = 3  # lines of context that the record keeps on each side of a place


class TellingProgress(Progress):
    """Turns a scan's progress into sentences.

    Args:
        tell: is given each.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._planned = self._done = self._found = 0

    def planned(self, cost: int) -> None:
        """More work was found."""
        self._planned += cost

    def done(self, cost: int, findings: int) -> None:
        """Work was finished."""
        self._done += cost
        self._found += findings
        self._tell(f"read {self._done / 1e6:,.1f} of {self._planned / 1e6:,.1f} MB, {self._found} found")

    def phase(self, text: str) -> None:
        """Something else goes on."""
        self._tell(text)


def scan_source(
    desk: Desk,
    source: str,
    *,
    workspace: str,
    run: str,
    actor: Actor,
    reach: Reach,
    clones: Path,
    progress: Progress | None = None,
) -> Mapping[str, Any]:
    """Scan a source and record what is found; the same run again records nothing twice.

    Args:
        desk: the record.
        source: id.
        workspace: where.
        run: the run that asks.
        actor: who started it.
        reach: what may be read and fetched.
        clones: folder of the mirrors.
        progress: is told how far it is.

    Raises:
        NotFoundError: there is no such source.
        ConflictError: nobody can scan it from here: it was imported.
    """
    with desk.look() as connection:
        row = workspace_rows.source(connection, workspace, source)
        place = workspace_rows.workspace(connection, workspace)
        before = _scan_of_run(connection, workspace, run)
    if row is None or row["removed_at"] is not None or place is None:
        raise NotFoundError("there is no such source.", hint="It may have been removed.")
    if before is not None and before["state"] != "running":
        return _told(before)
    if before is not None:
        with desk.work(workspace, actor) as work:
            rows.update_scan(work.connection, before["id"], state="failed", ended_at=work.now, error="cut off; scanned again")
    mode, target = _target(row, reach, clones)
    return _scanned(desk, row, place["settings"], mode, target, workspace=workspace, run=run, actor=actor, progress=progress)


def _target(row: Mapping[Any, Any], reach: Reach, clones: Path) -> tuple[str, str]:
    if row["kind"] not in ("git", "files"):
        raise ConflictError("an imported source cannot be scanned from here.", hint="Import it again.", code="not_scannable")
    if row["kind"] == "git" and is_remote(row["target"]):
        local = row["settings"].get("path", "")
        if local and any(Path(local).is_relative_to(folder) for folder in reach.folders) and Path(local).exists():
            return "", reach.local(local)
        return "git", str(mirror(row["target"], clones / row["id"], reach))
    return "", reach.local(row["target"])


def _scanned(
    desk: Desk, row: Mapping[Any, Any], settings: Mapping[str, Any], mode: str, target: str, *, workspace: str, run: str,
    actor: Actor, progress: Progress | None,
) -> Mapping[str, Any]:  # fmt: skip
    from stanch.config.load import load
    from stanch.scanning.asking import asker_for
    from stanch.scanning.run import run_scan

    # a scanned repository's own settings say nothing to a server
    loaded = load({"jobs": int(settings.get("scan_jobs", 1))}, Path("/"), {}, None)
    keep = bool(settings.get("keep_values"))
    ask = asker_for(loaded.settings, progress=progress) if settings.get("ask_issuers") else None
    outcome = run_scan(loaded, mode, [target], progress=progress, ask=ask, keep=keep, around=AROUND)
    findings = sorted((*outcome.report.findings, *outcome.known), key=lambda f: f.sort_key())
    incomplete = outcome.interrupted or any(s.code != "over_limit" for s in outcome.report.skipped)
    recorded = record_scan(
        desk,
        sightings_of(findings, _sealer(desk, workspace) if keep else None, base=target),
        SourceSpec(kind=row["kind"], target=row["target"], name=row["name"]),
        workspace=workspace,
        state="incomplete" if incomplete else "complete",
        partial=mode == "git",  # a mirror has no work tree: what was found uncommitted elsewhere is not gone
        version=__version__,
        totals={"blobs": outcome.report.totals.blobs, "bytes": outcome.report.totals.bytes},
        skipped=outcome.report.skipped,
        run=run,
        actor=actor,
    )
    with desk.look() as connection:
        after = rows.scan_by_id(connection, recorded.scan, workspace)
    assert after is not None
    return _told(after)


def _sealer(desk: Desk, workspace: str) -> Sealer:
    def seal(value: bytes, fingerprint: str) -> bytes:
        with desk.look() as connection:
            return desk.keyring.seal(connection, value, context_of_value(workspace, fingerprint), desk.now())

    return seal


def _scan_of_run(connection: sa.Connection, workspace: str, run: str) -> Mapping[Any, Any] | None:
    s = tables.scans.c
    query = sa.select(tables.scans).where(s.workspace_id == workspace, s.run_id == run).order_by(s.started_at.desc()).limit(1)
    return connection.execute(query).mappings().one_or_none()


def _told(row: Mapping[Any, Any]) -> Mapping[str, Any]:
    return {"scan": row["id"], "state": row["state"], "found": row["found"], "opened": row["opened"], "gone": row["gone"]}
