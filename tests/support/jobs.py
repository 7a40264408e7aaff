"""Jobs made of bytes at hand, to give to a worker."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from stanch.core.finding import Finding, Skipped
from stanch.scanning.scan import merge
from stanch.scanning.worker import JobResult, Worker
from stanch.sources.blob import Blob


@dataclass(frozen=True)
class Items:
    """Yields what it was given."""

    items: Sequence[Blob | Skipped]
    cost: int = 1

    def blobs(self) -> Iterator[Blob | Skipped]:
        yield from self.items


class Trickle(io.RawIOBase):
    """A reader without random access that gives a few bytes at a time, as pipes do."""

    def __init__(self, data: bytes, step: int) -> None:
        super().__init__()
        self._inner, self._step = io.BytesIO(data), step

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        return self._inner.read(self._step if size < 0 else min(size, self._step))


def streamed(data: bytes, *, path: str = "blob", step: int = 0) -> Blob:
    """A blob that has to be read through its reader."""

    def opener() -> BinaryIO:
        return Trickle(data, step) if step else io.BytesIO(data)  # type: ignore[return-value]

    return Blob(path=path, opener=opener, size=len(data))


def run(worker: Worker, *blobs: Blob) -> JobResult:
    """Do one job."""
    return worker.run(Items(blobs))


def found(worker: Worker, *blobs: Blob) -> list[Finding]:
    """Do one job and return its findings as a report would list them."""
    return merge(run(worker, *blobs).findings)


def places(findings: Sequence[Finding]) -> set[tuple[str, int, int]]:
    """Detector, start and end of every place of findings."""
    return {(f.detector, p.start, p.end) for f in findings for p in (f.location, *f.also_at)}
