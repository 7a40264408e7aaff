"""What a worker does with one job: read its blobs, open containers, look for secrets, make findings.

Small blobs are looked at many at a time, large ones in overlapping chunks, so that memory does not grow with the input.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import field, replace
from typing import TYPE_CHECKING, BinaryIO, Final

from stanch.core.errors import place_of
from stanch.core.finding import Finding, Location, Reference, Skipped
from stanch.core.records import dataclass
from stanch.engine.engine import BATCH, OVERLAP, Engine
from stanch.engine.lines import Lines, line_around, line_before
from stanch.engine.match import Match
from stanch.scanning.context import ScanContext
from stanch.scanning.findings import make_findings, make_references
from stanch.scanning.selection import engine_for, selected
from stanch.scanning.verdicts import Verdicts
from stanch.sources.blob import Blob, Job
from stanch.sources.containers import MemberError, expand, is_container, looks_like_document

if TYPE_CHECKING:
    from stanch.scanning.judging import KeyJudge

KEY_KINDS: Final = frozenset(("private_key", "certificate"))
CHUNK: Final = 8 * 1024 * 1024
BATCH_BLOBS: Final = 512


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Held:
    """A match that was held back, for ``--verbose``: why, where, by which detector. No value, not even redacted."""

    reason: str
    path: str
    line: int
    detector: str


@dataclass(slots=True, eq=False, repr=False)
class JobResult:
    """What one job found.

    Attributes:
        findings: in the order of the blobs.
        skipped: what could not be read.
        blobs: how many blobs were read.
        bytes: and how many bytes.
        hidden: findings held back, by reason.
        held: each of those, when they are wanted.
        references: mentions of certificates.
        piece: for a piece of a large file: (path, start, newlines in it, offset behind its last newline or -1).
    """

    findings: list[Finding] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    blobs: int = 0
    bytes: int = 0
    hidden: dict[str, int] = field(default_factory=dict)
    held: list[Held] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    piece: tuple[str, int, int, int] | None = None

    def hide(self, reason: str, count: int = 1) -> None:
        """Count findings held back."""
        self.hidden[reason] = self.hidden.get(reason, 0) + count


class Worker:
    """Does jobs, one after the other.

    Args:
        context: the scan's settings.
        engine: to use; built from the context when not given.
    """

    def __init__(self, context: ScanContext, engine: Engine | None = None) -> None:
        self.context = context
        self.engine = engine or engine_for(context)
        self.verdicts = Verdicts(context)
        self._selected = selected(context, self.engine)
        self._key_judge: KeyJudge | None = None
        self._batch: list[Blob] = []
        self._batched = 0

    def run(self, job: Job) -> JobResult:
        """Do one job. A bug of ours in it costs what was not read yet, nothing else."""
        result = JobResult()
        try:
            for item in job.blobs():
                if isinstance(item, Skipped):
                    result.skipped.append(item)
                else:
                    self._blob(item, result, nested=False)
            self._flush(result)
        except Exception as exc:
            self._batch, self._batched = [], 0
            # Only the kind and the place: a foreign exception's words may hold what was scanned.
            reason = f"a bug of ours: {type(exc).__name__} at {place_of(exc)}; please report it"
            result.skipped.append(Skipped(path=job_name(job), code="bug", reason=reason))
        result.findings = _without_copies(result.findings)
        return result

    def _blob(self, blob: Blob, result: JobResult, *, nested: bool) -> None:
        data = blob.data
        if data is not None:
            if not nested and is_container(data[:560]):
                whole = self._container(blob, result)
                if whole and not looks_like_document(data[:560]):
                    result.blobs += 1
                    result.bytes += len(data)
                    return
            result.blobs += 1
            result.bytes += len(data)
            self._add(blob, len(data), result)
            return
        try:
            self._stream(blob, result, nested=nested)
        except OSError as exc:
            from stanch.sources.files import unreadable

            result.skipped.append(unreadable(blob.path, exc))
        except MemberError as exc:
            result.skipped.append(exc.skipped)

    def _container(self, blob: Blob, result: JobResult) -> bool:
        """Look into a container; tell whether it could be opened whole. If not, it may only pretend to be one."""
        members, problems = 0, 0
        for member in expand(blob, self.context.limits):
            if isinstance(member, Skipped):
                problems += 1
                result.skipped.append(member)
            else:
                members += 1
                if blob.oid and not member.oid:
                    member.oid = blob.oid
                self._blob(member, result, nested=True)
        return members > 0 and not problems

    def _add(self, blob: Blob, size: int, result: JobResult) -> None:
        if self._batched + size > BATCH or len(self._batch) >= BATCH_BLOBS:
            self._flush(result)
        self._batch.append(blob)
        self._batched += size

    def _flush(self, result: JobResult) -> None:
        if not self._batch:
            return
        batch, self._batch, self._batched = self._batch, [], 0
        contents = [blob.data or b"" for blob in batch]
        for blob, data, matches in zip(batch, contents, self.engine.scan_batch(contents), strict=True):
            if matches:
                self._report(blob, data, matches, result, Lines(data), 0)

    def _report(
        self,
        blob: Blob,
        data: bytes,
        matches: list[Match],
        result: JobResult,
        lines: Lines,
        offset: int,
        span: tuple[int, int] | None = None,
    ) -> None:
        """Make findings of the matches that begin in *span*; the others are only masked in their snippets."""
        mine = matches if span is None else [m for m in matches if span[0] <= m.start < span[1]]
        if self._selected is not None:
            mine = [m for m in mine if m.detector.id in self._selected]
        if blob.added is not None:
            mine = [m for m in mine if _touches(m, lines, blob.added)]
        mentions = [m for m in mine if m.detector.inventory]
        if mentions:
            result.references.extend(make_references(mentions, lines, path=blob.path, blob=blob.oid, offset=offset))
            mine = [m for m in mine if not m.detector.inventory]
        kept = [m for m in mine if self._kept(blob, data, m, result, lines)]
        if not kept:
            return
        judge = self._judge() if any(m.detector.kind in KEY_KINDS for m in kept) else None
        findings = make_findings(
            kept, data, self.context, path=blob.path, blob=blob.oid, offset=offset, lines=lines, masked=matches, judge=judge
        )
        if judge is not None:
            leaks = [f for f in findings if not f.is_public_key]
            if len(leaks) < len(findings):
                result.hide("public_key", len(findings) - len(leaks))
                findings = leaks
        result.findings.extend(findings)

    def _judge(self) -> KeyJudge:
        """Return who says what a key is; made when the first one is met."""
        if self._key_judge is None:
            from stanch.scanning.judging import KeyJudge

            self._key_judge = KeyJudge(self.context.now or time.time())
        return self._key_judge

    def _kept(self, blob: Blob, data: bytes, match: Match, result: JobResult, lines: Lines) -> bool:
        line = line_around(data, match.start, match.end)
        reason = self.verdicts.on_match(match, blob.path, line, line_before(data, match.start))
        if reason:
            result.hide(reason)
            if self.context.verbose:
                result.held.append(Held(reason, blob.path, lines.locate(match.start)[0], match.detector.id))
        elif self.verdicts.allowlist is not None:
            match.waiting = self.verdicts.waiting(match, blob.path, line)
        return not reason

    # --- large blobs --------------------------------------------------------------------------------------------

    def _stream(self, blob: Blob, result: JobResult, *, nested: bool) -> None:
        with blob.open() as reader:
            if blob.start == 0 and not nested:
                head = _exactly(reader, 560)
                if is_container(head):
                    if reader.seekable():
                        whole = self._container(Blob(path=blob.path, opener=blob.opener, size=blob.size, oid=blob.oid), result)
                        if not whole and blob.stop is None:  # it may only pretend to be one
                            reader.seek(0)
                            self._flush(result)
                            self._scan_chunks(blob, _chunks(reader, b"", 0, None), result)
                            return
                    else:
                        self._container(Blob(path=blob.path, opener=lambda: _Replay(head, reader), oid=blob.oid), result)  # type: ignore[arg-type,return-value]
                    result.blobs += 1
                    return
                chunks = _chunks(reader, head, 0, blob.stop)
            else:
                low = max(0, blob.start - OVERLAP)
                if low:
                    reader.seek(low)
                chunks = _chunks(reader, b"", low, blob.stop, first=blob.start)
            self._flush(result)
            self._scan_chunks(blob, chunks, result)

    def _scan_chunks(self, blob: Blob, chunks: Iterator[tuple[bytes, int, int, int]], result: JobResult) -> None:
        newlines, last = 0, -1
        line, line_start = 1, 0
        for data, offset, start, stop in chunks:
            # Lines are counted from the first byte this job answers for; `_settle` adds those of the pieces before.
            matches = self.engine.scan(data)
            if any(start <= m.start < stop for m in matches):
                lead = data.count(b"\n", 0, start)
                lines = Lines(data, line=line - lead, line_start=0 if lead else line_start - offset)
                self._report(blob, data, matches, result, lines, offset, (start, stop))
            count = data.count(b"\n", start, stop)
            if count:
                newlines += count
                line += count
                last = offset + data.rfind(b"\n", start, stop) + 1
                line_start = last
            result.bytes += stop - start
        result.blobs += 1 if blob.start == 0 else 0
        if blob.start or blob.stop is not None:
            result.piece = (blob.path, blob.start, newlines, last)


def _chunks(
    reader: BinaryIO, head: bytes, position: int, stop: int | None, first: int | None = None
) -> Iterator[tuple[bytes, int, int, int]]:
    """Yield (data, its offset, start, stop): the part of *data* to answer for, with a neighbourhood on both sides."""
    first = position if first is None else first
    end = None if stop is None else stop + OVERLAP
    window, offset = head, position
    answered = first
    while True:
        wanted = answered + CHUNK + OVERLAP - (offset + len(window))
        if end is not None:
            wanted = min(wanted, end - (offset + len(window)))
        more = _exactly(reader, wanted) if wanted > 0 else b""
        window += more
        exhausted = len(more) < wanted or (end is not None and offset + len(window) >= end)
        behind = offset + len(window)
        until = behind if exhausted else answered + CHUNK
        if stop is not None:
            until = min(until, stop)
        if until > answered or (answered == first and not exhausted):
            yield window, offset, answered - offset, until - offset
        answered = until
        if exhausted or (stop is not None and answered >= stop):
            return
        drop = max(0, answered - OVERLAP - offset)
        window, offset = window[drop:], offset + drop


def _exactly(reader: BinaryIO, count: int) -> bytes:
    """Read *count* bytes, fewer only at the end."""
    data = reader.read(count) or b""
    if len(data) == count or not data:
        return data
    parts = [data]
    total = len(data)
    while total < count and (part := reader.read(count - total)):
        parts.append(part)
        total += len(part)
    return b"".join(parts)


class _Replay:
    """A stream whose first bytes were read already."""

    def __init__(self, head: bytes, reader: BinaryIO) -> None:
        self._head, self._reader = head, reader

    def read(self, count: int = -1) -> bytes:
        if self._head:
            if 0 <= count < len(self._head):
                data, self._head = self._head[:count], self._head[count:]
                return data
            data, self._head = self._head, b""
            return data if count >= 0 else data + self._reader.read()
        return self._reader.read(count)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        self._head = b""

    def __enter__(self) -> _Replay:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _without_copies(findings: list[Finding]) -> list[Finding]:
    """Drop what was found in the text of a document when its file or another member shows the same secret."""
    if not any(f.location.path.endswith(TEXT) for f in findings):
        return findings

    def mark(finding: Finding, path: str) -> tuple[str, str, str, str]:
        return finding.detector, finding.secret.fingerprint, path, finding.location.blob

    others = [f for f in findings if not f.location.path.endswith(TEXT)]
    known = {mark(f, f.location.path) for f in others} | {mark(f, f.location.path.rpartition("!")[0]) for f in others}
    return [f for f in findings if not f.location.path.endswith(TEXT) or mark(f, f.location.path[: -len(TEXT)]) not in known]


TEXT: Final = "!text"


def job_name(job: Job) -> str:
    """Return what a job reads, for messages."""
    files = getattr(job, "files", None)
    if files:
        return str(files[0][1]) + (f" and {len(files) - 1} more" if len(files) > 1 else "")
    return str(getattr(job, "shown", "") or getattr(job, "path", "") or type(job).__name__)


def _touches(match: Match, lines: Lines, added: tuple[tuple[int, int], ...]) -> bool:
    """Tell whether a match touches a line that a change added."""
    first_line, last_line = lines.locate(match.start)[0], lines.locate(match.end)[0]
    return any(first_line <= last and first <= last_line for first, last in added)


def settle(findings: list[Finding], pieces: dict[str, dict[int, tuple[int, int]]]) -> list[Finding]:
    """Give findings in pieces of a large file their line numbers in the whole, once all its pieces are counted.

    Args:
        findings: of any blobs.
        pieces: by path and start of the piece, (newlines, offset behind the last newline or -1).
    """
    tables = {path: _table(parts) for path, parts in pieces.items()}
    return [_settled(f, tables[f.location.path]) if f.location.path in tables else f for f in findings]


Entry = tuple[int, int, int]
"""Of a piece: where it starts, lines before it, where the line it starts in begins."""


def _table(parts: dict[int, tuple[int, int]]) -> list[Entry]:
    out = []
    lines, begin = 0, 0
    for start, (newlines, last) in sorted(parts.items()):
        out.append((start, lines, begin))
        lines += newlines
        begin = last if last >= 0 else begin
    return out


def _settled(finding: Finding, table: list[Entry]) -> Finding:
    def entry_of(place: Location) -> Entry:
        return table[max(0, bisect_right(table, place.start, key=lambda entry: entry[0]) - 1)]

    def move(place: Location) -> Location:
        start, lines, begin = entry_of(place)
        if not start:
            return place
        column = place.start - begin + 1 if place.line == 1 else place.column
        end_column = place.end - begin + 1 if place.end_line == 1 else place.end_column
        return replace(place, line=place.line + lines, end_line=place.end_line + lines, column=column, end_column=end_column)

    _, before, _ = entry_of(finding.location)
    companions = tuple(replace(c, line=c.line + before) for c in finding.companions) if before else finding.companions
    return replace(
        finding, location=move(finding.location), also_at=tuple(move(p) for p in finding.also_at), companions=companions
    )
