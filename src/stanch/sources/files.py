"""Files and directories, and standard input.

Symbolic links are not followed unless asked for, so a link cannot lead a scan out of its folder or round in circles; what a
user names on the command line is read whatever it is. `.git` folders are left to the git sources.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import field
from typing import BinaryIO, Final, cast

from stanch.core.errors import InputError
from stanch.core.finding import Skipped
from stanch.core.records import dataclass
from stanch.sources.blob import IN_MEMORY, Blob, Job

JOB_BYTES: Final = 4 * 1024 * 1024
JOB_FILES: Final = 256
RANGE: Final = 32 * 1024 * 1024
"""A larger file is shared out in pieces of this size; the pieces do not depend on the number of workers."""
Entry = tuple[str, str, int]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FileJob:
    """Files to read whole.

    Attributes:
        files: (path to open, path to show, size).
        cost: their sizes together.
    """

    files: tuple[Entry, ...]
    cost: int

    def blobs(self) -> Iterator[Blob | Skipped]:
        """Read each file."""
        for path, shown, size in self.files:
            yield read_file(path, shown, size)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RangeJob:
    """A piece of one large file."""

    path: str
    shown: str
    start: int
    stop: int | None
    cost: int

    def blobs(self) -> Iterator[Blob | Skipped]:
        """Give the piece; whoever reads it looks a little beyond both of its ends."""
        yield Blob(path=self.shown, opener=lambda: _opened(self.path), start=self.start, stop=self.stop)


def _opened(path: str) -> BinaryIO:
    return cast(BinaryIO, open(path, "rb", buffering=0))


def read_file(path: str, shown: str, size: int) -> Blob | Skipped:
    """Read one file; what cannot be read is said, not raised."""
    if size >= IN_MEMORY:  # large, or a pipe, which can be opened only once
        return Blob(path=shown, opener=lambda: _opened(path))
    try:
        descriptor = os.open(
            path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )
        try:
            data = os.read(descriptor, size + 1)
            if len(data) > size:  # it grew since it was listed
                return Blob(path=shown, opener=lambda: _opened(path))
            if len(data) < size:
                data = _rest(descriptor, data)
        finally:
            os.close(descriptor)
    except OSError as exc:
        return unreadable(shown, exc)
    return Blob(path=shown, data=data)


def _rest(descriptor: int, data: bytes) -> bytes:
    parts = [data]
    total = len(data)
    while total < IN_MEMORY and (part := os.read(descriptor, IN_MEMORY - total)):
        parts.append(part)
        total += len(part)
    return b"".join(parts)


def unreadable(shown: str, exc: OSError) -> Skipped:
    """Say why a file could not be read and what to do. The system's own words carry no content."""
    if isinstance(exc, FileNotFoundError):
        return Skipped(path=shown, code="vanished", reason="it was gone when it was to be read; scan again if it matters")
    if isinstance(exc, PermissionError):
        return Skipped(path=shown, code="unreadable", reason="permission denied; run as a user who may read it")
    return Skipped(path=shown, code="unreadable", reason=f"could not be read ({exc.strerror or type(exc).__name__})")


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class FileSource:
    """A file or a directory with everything below it.

    Attributes:
        root: as typed.
        excluded: tells whether a shown path is left out, given whether it is a directory.
        ignored: the same for a path relative to the root, from .gitignore files; ``None`` when they do not count.
        follow_symlinks: whether links inside the directory are followed.
        max_size: larger files are skipped and said so; 0 for no limit.
    """

    root: str
    excluded: Callable[[str, bool], bool] = lambda _path, _is_dir: False
    ignored: Callable[[str, bool], bool] | None = None
    follow_symlinks: bool = False
    max_size: int = 0
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def jobs(self) -> Iterator[Job | Skipped]:
        """List what there is to read, in the order of names.

        Raises:
            InputError: the root does not exist.
        """
        try:
            facts = os.stat(self.root)
        except OSError as exc:
            raise InputError(
                f"{self.root!r} cannot be read: {exc.strerror or type(exc).__name__}.", hint="Check the path."
            ) from exc
        if not stat.S_ISDIR(facts.st_mode):
            yield from self._pack(
                iter([(self.root, _tidy(self.root), facts.st_size if stat.S_ISREG(facts.st_mode) else IN_MEMORY)])
            )
            return
        self._seen.add((facts.st_dev, facts.st_ino))
        yield from self._pack(self._walk(self.root))

    def _pack(self, entries: Iterator[Entry | Skipped]) -> Iterator[Job | Skipped]:
        files: list[Entry] = []
        cost = 0
        for entry in entries:
            if isinstance(entry, Skipped):
                yield entry
                continue
            path, shown, size = entry
            if self.max_size and size > self.max_size:
                yield Skipped(
                    path=shown, code="over_limit", reason=f"larger than {self.max_size:,} bytes; raise --max-file-size to read it"
                )
            elif size > RANGE:
                yield from _ranges(path, shown, size)
            else:
                files.append(entry)
                cost += size
                if cost >= JOB_BYTES or len(files) >= JOB_FILES:
                    yield FileJob(tuple(files), cost)
                    files, cost = [], 0
        if files:
            yield FileJob(tuple(files), cost)

    def _walk(self, folder: str) -> Iterator[Entry | Skipped]:
        stack = [folder]
        while stack:
            folder = stack.pop()
            try:
                with os.scandir(folder) as listing:
                    entries = sorted(listing, key=lambda e: e.name)
            except OSError as exc:
                yield unreadable(_tidy(folder), exc)
                continue
            below: list[str] = []
            for entry in entries:
                item = self._entry(entry)
                if isinstance(item, str):
                    below.append(item)
                elif item is not None:
                    yield item
            stack.extend(reversed(below))

    def _entry(self, entry: os.DirEntry[str]) -> Entry | Skipped | str | None:
        """Return a file, a reason, a directory to enter, or nothing."""
        shown = _tidy(entry.path)
        try:
            if entry.is_dir(follow_symlinks=self.follow_symlinks):
                if entry.name == ".git" or self._left_out(shown, entry.path, True):
                    return None
                return entry.path if not self.follow_symlinks or self._first_time(entry) else None
            if not entry.is_file(follow_symlinks=self.follow_symlinks) or self._left_out(shown, entry.path, False):
                return None
            return entry.path, shown, entry.stat(follow_symlinks=self.follow_symlinks).st_size
        except OSError as exc:
            return unreadable(shown, exc)

    def _left_out(self, shown: str, path: str, is_dir: bool) -> bool:
        if self.excluded(shown, is_dir):
            return True
        return self.ignored is not None and self.ignored(os.path.relpath(path, self.root), is_dir)

    def _first_time(self, entry: os.DirEntry[str]) -> bool:
        facts = entry.stat()
        mark = (facts.st_dev, facts.st_ino)
        if mark in self._seen:
            return False
        self._seen.add(mark)
        return True


def _ranges(path: str, shown: str, size: int) -> Iterator[Job]:
    head = b""
    try:
        with open(path, "rb", buffering=0) as file:
            head = file.read(560)
    except OSError:
        pass  # the worker will say so
    from stanch.sources.containers import is_container

    if is_container(head):  # opened from its beginning, so one worker reads it all
        yield RangeJob(path, shown, 0, None, size)
        return
    for start in range(0, size, RANGE):
        stop = start + RANGE if start + RANGE < size else None
        yield RangeJob(path, shown, start, stop, min(RANGE, size - start))


def _tidy(path: str) -> str:
    return path[2:] if path.startswith("./") and len(path) > 2 else path


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StdinJob:
    """Standard input; it can be read once, so it stays in the process that owns it."""

    cost: int = 0

    def blobs(self) -> Iterator[Blob | Skipped]:
        """Give the stream."""
        yield Blob(path="<stdin>", opener=_stdin)


def _stdin() -> BinaryIO:
    return sys.stdin.buffer


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StdinSource:
    """Standard input as one blob."""

    def jobs(self) -> Iterator[Job | Skipped]:
        """One job."""
        yield StdinJob()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BytesJob:
    """Bytes at hand under a name."""

    path: str
    data: bytes

    @property
    def cost(self) -> int:
        """Their length."""
        return len(self.data)

    def blobs(self) -> Iterator[Blob | Skipped]:
        """Give them."""
        yield Blob(path=self.path, data=self.data)
