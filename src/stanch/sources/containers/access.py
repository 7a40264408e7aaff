"""Random access for the formats that need it, within the memory that one outermost file may take."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

from stanch.sources.containers.budget import Context
from stanch.sources.containers.streams import PIECE, Forward, Joined, Readable, Seekable


@contextmanager
def random_access(source: Readable, context: Context) -> Iterator[tuple[Seekable | None, Forward]]:
    """Give access at random to a container: directly when it is a file, else by holding it while it is open.

    Args:
        source: the container.
        context: of it; its budget says how much may be held.

    Yields:
        The container with random access, or ``None`` when it is too large to hold; and a reader from its start, for
        that case.
    """
    if not isinstance(source, Forward):
        yield _seekable(source), Joined(b"", source)
        return
    room = context.budget.buffers
    held = io.BytesIO()
    complete = False
    if context.size is None or context.size <= room:
        while held.tell() <= room:
            piece = source.read(PIECE)
            if not piece:
                complete = True
                break
            held.write(piece)
    size = held.seek(0, 2)
    held.seek(0)
    context.budget.buffers -= min(size, room)
    try:
        yield (held if complete else None), Joined(b"", held, source)
    finally:
        context.budget.buffers += min(size, room)


def _seekable(source: Readable) -> Seekable | None:
    if isinstance(source, io.BytesIO | io.BufferedReader) and source.seekable():
        return source
    return None
