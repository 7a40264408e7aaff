"""Opens containers inside containers, depth first, and turns whatever goes wrong into something a person can read."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from functools import partial
from typing import BinaryIO, cast

from stanch.core.finding import Skipped
from stanch.sources.blob import IN_MEMORY, Blob
from stanch.sources.containers import compressed, notebooks, problems, tar, unix, zip_forward, zips
from stanch.sources.containers.access import random_access
from stanch.sources.containers.budget import Budget, Context, Member
from stanch.sources.containers.problems import BrokenError, LimitError, MemberError
from stanch.sources.containers.sniff import HEAD, Kind, kind_of
from stanch.sources.containers.streams import Forward, Joined, Readable, Seekable, Text
from stanch.sources.limits import Limits

Found = Iterator[Member | Skipped]


def expand(blob: Blob, limits: Limits) -> Iterator[Blob | Skipped]:
    """Yield what a container holds, recursively and depth first; nothing when it is none.

    Members that are containers are opened instead of yielded. A document gives its members and, besides, its running
    text; a notebook only its text, because the blob itself is text already.

    A member of up to `IN_MEMORY` bytes has `data`. A larger one has an `opener`, to be called once; its reader is
    valid until the next item is asked for, and may raise `MemberError` while it is read.

    Args:
        blob: the outermost file.
        limits: how far to go.

    Yields:
        Blobs, and a `Skipped` for everything that could not be read. Nothing is raised for bad content.
    """
    budget = Budget(blob.path, limits)
    try:
        source = blob.open()
    except MemoryError:
        raise
    except Exception:
        yield problems.unreadable(blob.path)
        return
    with contextlib.closing(source):
        try:
            yield from _outermost(source, blob, budget)
        except LimitError as stop:
            if not stop.reported:
                yield stop.skipped
        except OSError:  # before anything was read; later ones belong to a container
            yield problems.unreadable(blob.path)
        yield from budget.unnamed()


def _outermost(opened: BinaryIO, blob: Blob, budget: Budget) -> Iterator[Blob | Skipped]:
    source: Readable
    size: int | None = None
    if isinstance(opened, io.FileIO):
        opened = io.BufferedReader(opened)
    if isinstance(opened, io.BytesIO | io.BufferedReader) and opened.seekable():
        size = opened.seek(0, 2)
        opened.seek(0)
        head = opened.read(HEAD)
        opened.seek(0)
        source = opened
    else:
        stream = Joined(b"", opened)
        head = stream.peek(HEAD)
        source = stream
        size = blob.size
    kind = kind_of(head)
    if kind is None:
        return
    context = Context(budget, blob.path, size=size)
    if kind is not Kind.NOTEBOOK and budget.limits.depth < 1:
        yield problems.too_deep(blob.path, blob.path, budget.limits.depth)
        return
    yield from _container(kind, source, context)


def _container(kind: Kind, source: Readable, context: Context) -> Iterator[Blob | Skipped]:
    """Yield everything in one container, and what is wrong with it."""
    problem: Skipped | None = None
    try:
        for found in _FORMATS[kind](source, context):
            if isinstance(found, Member):
                yield from _member(found, context)
            else:
                yield from context.say(found)
    except (LimitError, MemoryError):
        raise
    except MemberError as exc:
        problem = None if exc.reported else exc.skipped
        exc.reported = True
        context.failed = exc.skipped.code == problems.BROKEN
    except BrokenError as exc:
        problem = problems.broken(context.path, exc.what)
    except OSError:
        problem = problems.unreadable(context.path)
    except Exception:  # a case the parsers did not foresee; their own message could quote the content
        problem = problems.broken(context.path, "its structure makes no sense")
    if problem is not None:
        yield from context.say(problem)


def _member(member: Member, context: Context) -> Iterator[Blob | Skipped]:
    """Yield one member, or what is in it when it is a container."""
    budget = context.budget
    data, stream = member.data, member.stream
    head = data[:HEAD] if data is not None else stream.peek(HEAD) if stream is not None else b""
    kind = None if member.text_of else kind_of(head)
    if kind is not None and kind is not Kind.NOTEBOOK:
        if context.depth >= budget.limits.depth:
            yield from context.say(problems.too_deep(member.path, budget.path, budget.limits.depth))
        else:
            before = budget.members
            inner = context.inner(member.path, member.size if data is None else len(data))
            source = io.BytesIO(data) if data is not None else stream
            if source is not None:
                yield from _container(kind, source, inner)
            if member.problem is not None:
                yield from context.say(member.problem)
            # What only looked like a container, and is at hand, is scanned as what it is.
            if data is None or budget.members > before or not inner.failed:
                return
            member = Member(member.path, data)
    budget.member()
    if data is not None:
        yield from _whole(data, member, kind, context)
    elif stream is not None:
        yield from _streamed(stream, member, kind, context)


def _whole(data: bytes, member: Member, kind: Kind | None, context: Context) -> Iterator[Blob | Skipped]:
    context.budget.delivered(len(data))
    yield Blob(path=member.path, data=data, size=len(data), text_of=member.text_of)
    if member.problem is not None:
        yield from context.say(member.problem)
    if kind is Kind.NOTEBOOK:
        yield from _container(kind, io.BytesIO(data), context.inner(member.path, len(data)))


def _streamed(stream: Forward, member: Member, kind: Kind | None, context: Context) -> Iterator[Blob | Skipped]:
    budget = context.budget
    data, error = stream.take(IN_MEMORY + 1)
    if len(data) <= IN_MEMORY:
        member.problem = _told(error, member.path)
        yield from _whole(data, member, kind, context)
        if isinstance(error, LimitError):
            raise error
        return
    reader = _Handed(data, stream, member.path, budget)
    del data
    yield Blob(path=member.path, opener=reader.hand_over, size=member.size, text_of=member.text_of)
    reader.close()
    if budget.stop is not None:
        raise budget.stop
    if kind is Kind.NOTEBOOK:
        what = "the notebook is too large for its cells to be joined; it was scanned as it is"
        yield from context.say(problems.too_large(member.path, what))


def _told(error: Exception | None, path: str) -> Skipped | None:
    """Return what to say about an error of a reader, if it was not said."""
    if error is None or isinstance(error, LimitError):
        return None
    if isinstance(error, MemberError):
        if error.reported:
            return None
        error.reported = True
        return error.skipped
    return problems.unreadable(path) if isinstance(error, OSError) else problems.broken(path, "its structure makes no sense")


class _Handed(Forward):
    """The reader that a caller gets: counts what is read, and raises nothing but `MemberError`."""

    def __init__(self, head: bytes, stream: Forward, path: str, budget: Budget) -> None:
        super().__init__()
        budget.delivered(len(head))
        self._piece = head
        self._stream = stream
        self._path = path
        self._budget = budget
        self._open = False

    def hand_over(self) -> BinaryIO:
        """Return this reader, once."""
        if self._open:
            raise ValueError("a member that is streamed can be opened once")
        self._open = True
        return cast(BinaryIO, self)  # a buffer around it would lose what was read before an error

    def _more(self) -> bytes:
        try:
            piece = self._stream.read(IN_MEMORY // 32)
            self._budget.delivered(len(piece))
        except MemoryError:
            raise
        except MemberError as exc:
            exc.reported = True
            raise
        except Exception as exc:
            skipped = _told(exc, self._path)
            raise MemberError(skipped or problems.unreadable(self._path)) from exc
        return piece


def _zip(source: Readable, context: Context) -> Found:
    with random_access(source, context) as (seekable, stream):
        if seekable is None:
            yield from zip_forward.members(stream, context)
            return
        try:
            listed = zips.entries(seekable, context.budget.limits.members + 1)
        except BrokenError:
            seekable.seek(0)
            yield from zip_forward.members(stream, context)
            raise
        yield from zips.members(seekable, listed, context)
        yield from _document(seekable, listed, context)


def _document(source: Seekable, listed: list[zips.Entry], context: Context) -> Iterator[Member]:
    """Yield the text of an office document."""
    from stanch.sources.containers.documents import document_text

    by_name = {entry.name: entry for entry in listed}
    path = context.join("text")
    pieces = document_text(by_name, lambda name: zips.opened(source, by_name[name], path, context), path)
    if pieces is not None:
        yield Member(path, stream=Text(pieces), text_of=True)


def _seven_zip(source: Readable, context: Context) -> Found:
    from stanch.sources.containers import sevenzip

    with random_access(source, context) as (seekable, _):
        if seekable is None:
            yield problems.too_large(context.path, "a 7z archive inside another one can only be read when it fits into memory")
            return
        yield from sevenzip.members(seekable, context)


def _rpm(source: Readable, context: Context) -> Found:
    from stanch.sources.containers import rpm

    yield from rpm.members(source, context)


def _notebook(source: Readable, context: Context) -> Found:
    data = notebooks.read_whole(source)
    if data is None:
        what = "the notebook is too large for its cells to be joined; it was scanned as it is"
        yield problems.too_large(context.path, what)
        return
    yield Member(context.join("text"), stream=Text(notebooks.notebook_text(data)), text_of=True)


_FORMATS: dict[Kind, Callable[[Readable, Context], Found]] = {
    Kind.ZIP: _zip,
    Kind.TAR: tar.members,
    Kind.AR: unix.ar_members,
    Kind.CPIO: unix.cpio_members,
    Kind.RPM: _rpm,
    Kind.SEVEN_ZIP: _seven_zip,
    Kind.NOTEBOOK: _notebook,
    **{kind: partial(compressed.members, kind) for kind in Kind if kind.compressed},
}
