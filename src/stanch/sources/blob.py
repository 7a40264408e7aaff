"""The seam between sources and the engine: a source yields jobs, a job yields blobs, and both say what they skipped.

A source runs in the main process and only finds out *what* there is to read. Its jobs are small values that can be
sent to a worker, which reads the bytes. A blob small enough to hold is given whole (`Blob.data`); a larger one is
read through `Blob.open`, once, in order, and never copied to disk: a temporary file with a secret in it would be
a leak of our own.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from stanch.core.finding import Skipped
from stanch.core.records import dataclass

IN_MEMORY = 8 * 1024 * 1024  # bytes; up to this size a member of a container is handed over whole


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class Blob:
    """A run of bytes with a name.

    Attributes:
        path: what people see; members of containers are joined with ``!``. Empty when only git's history knows it.
        data: the bytes, when they are at hand.
        opener: opens a forward reader otherwise; the reader is valid until the source is asked for its next item.
        size: length in bytes, when known beforehand.
        oid: git object id, when it has one.
        added: ranges of lines (first, last; from 1) that a change added; findings elsewhere are old. ``None``: all.
        start: first byte this job answers for, when several jobs share one large file.
        stop: the byte after the last one it answers for; ``None``: to the end.
        text_of: whether this is text taken out of a document, so offsets are of that text.
    """

    path: str
    data: bytes | None = None
    opener: Callable[[], BinaryIO] | None = None
    size: int | None = None
    oid: str = ""
    added: tuple[tuple[int, int], ...] | None = None
    start: int = 0
    stop: int | None = None
    text_of: bool = False

    def open(self) -> BinaryIO:
        """Return a reader at the first byte."""
        if self.data is not None:
            return io.BytesIO(self.data)
        if self.opener is None:
            raise ValueError("a blob has data or an opener")
        return self.opener()


class Job(Protocol):
    """A share of the work that one worker does; it can be pickled."""

    @property
    def cost(self) -> int:
        """Roughly how many bytes it will read, for the progress display."""
        ...

    def blobs(self) -> Iterator[Blob | Skipped]:
        """Read. Runs in a worker; never raises for bad content, yields a `Skipped` instead."""
        ...


class Source(Protocol):
    """Somewhere secrets may be."""

    def jobs(self) -> Iterator[Job | Skipped]:
        """Find out what there is to read, in a fixed order. Runs in the main process."""
        ...
