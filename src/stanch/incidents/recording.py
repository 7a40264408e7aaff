"""Record a whole scan: source, scan, batches, end. What `stanch scan --record`, imports and scan jobs share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from stanch.core.finding import Skipped
from stanch.core.incident import SYSTEM, Actor, Sighting
from stanch.incidents import record
from stanch.incidents.desk import Desk
from stanch.incidents.record import Recorded
from stanch.incidents.workspaces import SourceSpec, ensure_source
from stanch.reports.escape import well_formed

BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedScan:
    """A scan that is on record.

    Attributes:
        scan: its id.
        source: id of its source.
        total: what it changed.
        gone: occurrences that were there before and are not now.
    """

    scan: str
    source: str
    total: Recorded
    gone: int = 0


def record_scan(
    desk: Desk,
    sightings: Iterable[Sighting],
    spec: SourceSpec,
    *,
    workspace: str,
    state: str = "complete",
    partial: bool = False,
    tool: str = "stanch",
    version: str = "",
    totals: Mapping[str, int] | None = None,
    skipped: Sequence[Skipped] = (),
    scan: str = "",
    run: str = "",
    actor: Actor = SYSTEM,
) -> RecordedScan:
    """Put a finished scan into the record, a batch at a time, and return what changed.

    It may be called again with the same ``scan`` and the same sightings after a crash: what is recorded stays as it is.
    """
    with desk.work(workspace, actor) as work:
        source = ensure_source(work.connection, spec, workspace=workspace, now=work.now)
        scan = record.begin_scan(
            work.connection,
            workspace=workspace,
            source=source,
            now=work.now,
            scan=scan,
            tool=tool,
            version=version,
            actor=actor,
            run=run,
        )
    total = Recorded()
    for number, batch in enumerate(_batches(sightings)):
        with desk.work(workspace, actor) as work:
            total += record.record_batch(
                work.connection, batch, workspace=workspace, scan=scan, batch=number, now=work.now, actor=actor
            )
    with desk.work(workspace, actor) as work:
        row = record.finish_scan(
            work.connection,
            workspace=workspace,
            scan=scan,
            now=work.now,
            state=state,
            partial=partial,
            totals=totals,
            actor=actor,
            skipped=[_skipped(s) for s in skipped[:1000]],
        )
        work.note(
            "scan.record", subject=scan, data={"source": source, "state": state, "found": row["found"], "opened": row["opened"]}
        )
    return RecordedScan(scan=scan, source=source, total=total, gone=row["gone"])


def _skipped(skipped: Skipped) -> dict[str, str]:
    return {"path": well_formed(skipped.path), "code": skipped.code, "reason": well_formed(skipped.reason)}


def _batches(sightings: Iterable[Sighting]) -> Iterator[list[Sighting]]:
    """Cut into batches of so many secrets; a secret with very many places makes a batch fuller, not longer to name."""
    waiting = iter(sightings)
    while batch := list(islice(waiting, BATCH)):
        yield batch
