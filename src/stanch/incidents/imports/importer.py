"""Put another tool's report into the record: a source for each repository it names, a scan for each source, in parts.

The same file again changes nothing but the times at which things were last seen. A file that is broken half way is taken up to
there, and the error says so; what a report does not name is not gone, unless the caller says that it is complete.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

import sqlalchemy as sa

from stanch.core.errors import InputError, StanchError
from stanch.core.finding import Skipped
from stanch.core.incident import SYSTEM, Actor, Sighting
from stanch.core.secret import fingerprint_of
from stanch.db import tables
from stanch.incidents import record
from stanch.incidents.desk import Desk
from stanch.incidents.imports.detecting import FORMATS, read_findings
from stanch.incidents.imports.model import ForeignFinding, Notes
from stanch.incidents.imports.repositories import known_repositories, spec_of_repository
from stanch.incidents.imports.sightings import TITLES, Maker
from stanch.incidents.installation import fingerprint_key
from stanch.incidents.record import Recorded
from stanch.incidents.sightings import Sealer
from stanch.incidents.values import context_of_value
from stanch.incidents.workspaces import SourceSpec, ensure_source

BATCH: Final = 1_000  # sightings a unit of work
MOST_WAITING: Final = 20_000  # sightings in memory, over all sources
MOST_SOURCES: Final = 5_000  # repositories of one file

Progress = Callable[[int], None]
"""Is told how many findings were read so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import came to.

    Attributes:
        read: findings in the file.
        seen: places that went into the record, those known already included; `new` of them, `opened` and `reopened` incidents.
        format: what the file was read as.
        skipped: elements that were not taken; `codes` says why, `named` names the first hundred.
        scans: ids, one for each source. `sources` are their names.
        gone: places that are not there any more; only when the report was said to be complete.
    """

    read: int
    seen: int
    new: int
    opened: int
    format: str
    skipped: int
    reopened: int = 0
    gone: int = 0
    codes: Mapping[str, int] = field(default_factory=dict)
    named: Sequence[Skipped] = ()
    scans: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def unusable(self) -> int:
        """Elements that should have been taken: not those about something else than secrets."""
        return self.skipped - self.codes.get("no_secret", 0)


def import_findings(
    desk: Desk,
    path: str | Path | BinaryIO,
    *,
    workspace: str,
    format: str = "",
    source: SourceSpec | None = None,
    actor: Actor = SYSTEM,
    progress: Progress | None = None,
    name: str = "",
    complete: bool = False,
    keep_values: bool | None = None,
    fingerprint: Callable[[bytes], str] | None = None,
) -> Imported:
    """Record what another tool found.

    Args:
        desk: the record.
        path: of the report, or a binary stream.
        workspace: id.
        format: of `stanch.incidents.imports.detecting.FORMATS`; found out when not given.
        source: where everything in the file was found; by the repositories it names when not given, else the tool itself.
        actor: who imports.
        progress: is told how far it is.
        name: of the file, when *path* is a stream.
        complete: whether the report names everything that is in its sources, so that the rest is gone.
        keep_values: whether values are sealed and kept; as the workspace's settings say when not given.
        fingerprint: keyed hash of values; this installation's when not given.

    Raises:
        InputError: the file cannot be used, or is broken from some place on; what stood before is on record then.
    """
    notes = Notes(name=name) if name else Notes()
    run = _Import(desk, workspace, actor, source, complete=complete)
    keep = run.keeps_values() if keep_values is None else keep_values
    maker = Maker(
        fingerprint or _fingerprint(),
        seal=_sealer(desk, workspace) if keep else None,
        now=desk.now(),
        read_at=_written_at(path),
        scope=source.target if source else "",
    )
    try:
        for finding in read_findings(path, format, notes):
            if run.take(finding, maker) is None:
                notes.skip("too_many")
            if progress is not None and run.read % BATCH == 0:
                progress(run.read)
        run.finish("incomplete" if notes.count > notes.codes["no_secret"] else "complete", notes)
    except InputError as exc:
        run.finish("incomplete", notes, error=exc.message)
        if not run.read:
            raise
        told = f"{exc.message} The {run.read} finding(s) before it are on record."
        raise InputError(told, hint=exc.hint, code=exc.code) from exc
    except BaseException:
        run.abandon()
        raise
    return run.result(notes)


@dataclass(slots=True)
class _Target:
    """A source that findings go to, and its scan."""

    name: str
    scan: str
    source: str
    waiting: list[Sighting] = field(default_factory=list)
    parts: int = 0
    gone: int = 0


class _Import:
    """One file on its way."""

    def __init__(self, desk: Desk, workspace: str, actor: Actor, spec: SourceSpec | None, *, complete: bool) -> None:
        self._desk = desk
        self._workspace = workspace
        self._actor = actor
        self._spec = spec
        self._complete = complete
        self._targets: dict[str, _Target] = {}
        self._known: dict[str, SourceSpec] | None = None
        self._waiting = 0
        self.total = Recorded()
        self.read = 0

    def keeps_values(self) -> bool:
        """Whether the workspace keeps values."""
        w = tables.workspaces.c
        with self._desk.look() as connection:
            settings = connection.execute(sa.select(w.settings).where(w.id == self._workspace)).scalar_one_or_none()
        return bool((settings or {}).get("keep_values"))

    def take(self, finding: ForeignFinding, maker: Maker) -> Sighting | None:
        """Put a finding to its source; ``None`` when there are too many of those."""
        self.read += 1
        target = self._target(finding)
        if target is None:
            return None
        sighting = maker.sighting(finding)
        target.waiting.append(sighting)
        self._waiting += 1
        if len(target.waiting) >= BATCH:
            self._flush(target)
        elif self._waiting >= MOST_WAITING:
            for other in self._targets.values():
                self._flush(other)
        return sighting

    def _target(self, finding: ForeignFinding) -> _Target | None:
        key = "" if self._spec else finding.repository or f"\0{finding.tool}"
        target = self._targets.get(key)
        if target is None and len(self._targets) < MOST_SOURCES:
            target = self._targets[key] = self._begin(self._spec or self._spec_of(finding), finding.tool)
        return target

    def _spec_of(self, finding: ForeignFinding) -> SourceSpec:
        if not finding.repository:
            return SourceSpec(kind="import", target=finding.tool, name=TITLES.get(finding.tool, finding.tool))
        if self._known is None:
            with self._desk.look() as connection:
                self._known = known_repositories(connection, self._workspace)
        return spec_of_repository(finding.repository, self._known)

    def _begin(self, spec: SourceSpec, tool: str) -> _Target:
        with self._desk.work(self._workspace, self._actor) as work:
            source = ensure_source(work.connection, spec, workspace=self._workspace, now=work.now)
            scan = record.begin_scan(
                work.connection, workspace=self._workspace, source=source, now=work.now, tool=tool, actor=self._actor
            )
        return _Target(name=spec.name, scan=scan, source=source)

    def _flush(self, target: _Target) -> None:
        if not target.waiting:
            return
        with self._desk.work(self._workspace, self._actor) as work:
            self.total += record.record_batch(
                work.connection,
                target.waiting,
                workspace=self._workspace,
                scan=target.scan,
                batch=target.parts,
                now=work.now,
                actor=self._actor,
            )
        self._waiting -= len(target.waiting)
        target.waiting.clear()
        target.parts += 1

    def finish(self, state: str, notes: Notes, *, error: str = "") -> None:
        """Write what waits, and close the scans."""
        skipped = [{"path": s.path, "code": s.code, "reason": s.reason} for s in notes.first]
        for target in self._targets.values():
            self._flush(target)
            with self._desk.work(self._workspace, self._actor) as work:
                row = record.finish_scan(
                    work.connection,
                    workspace=self._workspace,
                    scan=target.scan,
                    now=work.now,
                    state=state,
                    partial=not self._complete,
                    totals={"skipped": notes.count},
                    skipped=skipped,
                    error=error,
                    actor=self._actor,
                )
            target.gone = row["gone"]
        with self._desk.work(self._workspace, self._actor) as work:
            work.note(
                "import.record",
                data={
                    "file": notes.name,
                    "format": notes.format,
                    "read": self.read,
                    "opened": self.total.opened,
                    "skipped": notes.count,
                    "scans": [target.scan for target in list(self._targets.values())[:100]],
                    "error": error,
                },
            )

    def abandon(self) -> None:
        """Close the scans as failed, as far as that still goes."""
        for target in self._targets.values():
            try:
                with self._desk.work(self._workspace, self._actor) as work:
                    record.finish_scan(
                        work.connection,
                        workspace=self._workspace,
                        scan=target.scan,
                        now=work.now,
                        state="failed",
                        actor=self._actor,
                    )
            except (StanchError, sa.exc.SQLAlchemyError):
                return  # the first error is the one to tell

    def result(self, notes: Notes) -> Imported:
        """Return the sum."""
        targets = list(self._targets.values())
        return Imported(
            read=self.read,
            seen=self.total.seen,
            new=self.total.new,
            opened=self.total.opened,
            reopened=self.total.reopened,
            gone=sum(target.gone for target in targets),
            format=notes.format,
            skipped=notes.count,
            codes=dict(notes.codes),
            named=tuple(notes.first),
            scans=tuple(target.scan for target in targets),
            sources=tuple(target.name for target in targets),
        )


def _fingerprint() -> Callable[[bytes], str]:
    key = fingerprint_key()
    return lambda value: fingerprint_of(value, key)


def _sealer(desk: Desk, workspace: str) -> Sealer:
    def seal(value: bytes, fingerprint: str) -> bytes:
        with desk.look() as connection:
            return desk.keyring.seal(connection, value, context_of_value(workspace, fingerprint), desk.now())

    return seal


def _written_at(path: str | Path | BinaryIO) -> datetime | None:
    """Return when a report was written; of a stream nobody knows."""
    if not isinstance(path, (str, Path)):
        return None
    try:
        return datetime.fromtimestamp(Path(path).stat().st_mtime, UTC)
    except OSError:
        return None  # reading it will tell


__all__ = ["FORMATS", "Imported", "import_findings"]
