"""Forward-only readers: the one shape in which bytes travel through nested containers.

A reader never fails while it still has bytes: an error met half way is kept until they are read, so what comes
before the damage is always scanned. `read` is short only at the end or before an error.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import NoReturn, Protocol

from stanch.core.finding import Skipped
from stanch.sources.containers import problems
from stanch.sources.containers.problems import MemberError

PIECE = 256 * 1024  # bytes a reader holds at a time, roughly


class Readable(Protocol):
    """What formats read from: a file, a `BytesIO` or a `Forward`."""

    def read(self, size: int = -1, /) -> bytes:
        """Return `size` bytes, fewer only at the end."""
        ...


class Seekable(Readable, Protocol):
    """A source with random access."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move to a position and return it."""
        ...


class Forward(io.RawIOBase):
    """Base of the readers; a subclass gives the next piece in `_more`."""

    def __init__(self) -> None:
        super().__init__()
        self._piece = b""
        self._at = 0
        self._error: Exception | None = None

    def _more(self) -> bytes:
        """Return the next bytes; empty at the end."""
        raise NotImplementedError

    def _next(self) -> bytes:
        """Return the next piece, and remember an error so that it is met again by everyone who reads on."""
        if self._error is not None:
            raise self._error
        try:
            return self._more()
        except MemoryError:
            raise
        except Exception as exc:
            self._error = exc
            raise

    def readable(self) -> bool:
        """Return true."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Return `size` bytes, fewer only at the end or before an error; everything for -1."""
        start = self._at
        end = start + size
        if size >= 0 and end <= len(self._piece):
            self._at = end
            return self._piece[start:end]
        data, error = self.take(size)
        if error is not None and not data:
            raise error
        return data

    def take(self, size: int) -> tuple[bytes, Exception | None]:
        """Like `read`, but return the error beside the bytes that came before it."""
        parts = [self._piece[self._at :]]
        have = len(parts[0])
        self._piece, self._at = b"", 0
        error = None
        while size < 0 or have < size:
            try:
                piece = self._next()
            except MemoryError:
                raise
            except Exception as exc:
                error = exc
                break
            if not piece:
                break
            parts.append(piece)
            have += len(piece)
        if 0 <= size < have:
            over = have - size
            last = parts.pop()
            parts.append(last[: len(last) - over])
            self._piece, self._at = last, len(last) - over
        return parts[0] if len(parts) == 1 else b"".join(parts), error

    def peek(self, size: int) -> bytes:
        """Return up to `size` of the next bytes without moving on; never raises for bad content."""
        while len(self._piece) - self._at < size:
            try:
                piece = self._next()
            except MemoryError:
                raise
            except Exception:
                break
            if not piece:
                break
            self._piece = self._piece[self._at :] + piece
            self._at = 0
        return self._piece[self._at : self._at + size]

    def unread(self, data: bytes) -> None:
        """Put bytes back in front."""
        start = self._at - len(data)
        if start >= 0 and self._piece[start : self._at] == data:
            self._at = start
            return
        self._piece = data + self._piece[self._at :]
        self._at = 0

    def skip(self, size: int) -> int:
        """Move on by `size` bytes and return how many there were."""
        left = size - (len(self._piece) - self._at)
        if left <= 0:
            self._at += size
            return size
        self._piece, self._at = b"", 0
        while left > 0:
            piece = self._next()
            if not piece:
                return size - left
            left -= len(piece)
            self._piece, self._at = piece, len(piece)
        self._at += left
        return size

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # the base takes any Buffer
        """Fill `buffer` and return how many bytes that were."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class Joined(Forward):
    """Bytes already read, and then sources one after the other. Also makes any source a `Forward`."""

    def __init__(self, head: bytes, *sources: Readable) -> None:
        super().__init__()
        self._piece = head
        self._sources = list(reversed(sources))

    def _more(self) -> bytes:
        while self._sources:
            piece = self._sources[-1].read(PIECE)
            if piece:
                return piece
            self._sources.pop()
        return b""


class Section(Forward):
    """The next `length` bytes of a source, which must not be used otherwise until `finish`.

    Args:
        source: read from where it stands.
        length: bytes that belong to this member.
        cut: what to raise when the source ends before that.
    """

    def __init__(self, source: Readable, length: int, cut: Skipped) -> None:
        super().__init__()
        self._source = source
        self._left = length
        self._cut = cut

    def _more(self) -> bytes:
        if not self._left:
            return b""
        piece = self._source.read(min(PIECE, self._left))
        if not piece:
            raise MemberError(self._cut)
        self._left -= len(piece)
        return piece

    def finish(self) -> None:
        """Move the source to the end of this section."""
        if self._error is not None:
            raise self._error
        left, self._left = self._left, 0
        if left and pass_over(self._source, left) < left:
            raise MemberError(self._cut)


class Slice(Forward):
    """A run of bytes of a source with random access; several may be read in turn."""

    def __init__(self, source: Seekable, start: int, length: int, cut: Skipped) -> None:
        super().__init__()
        self._source = source
        self._position = start
        self._stop = start + length
        self._cut = cut

    def _more(self) -> bytes:
        if self._position >= self._stop:
            return b""
        self._source.seek(self._position)
        piece = self._source.read(min(PIECE, self._stop - self._position))
        if not piece:
            raise MemberError(self._cut)
        self._position += len(piece)
        return piece


class Text(Forward):
    """Text that is made while it is read."""

    def __init__(self, pieces: Iterator[str]) -> None:
        super().__init__()
        self._pieces = pieces

    def _more(self) -> bytes:
        for piece in self._pieces:
            if piece:
                return piece.encode("utf-8", "surrogatepass")
        return b""


def pass_over(source: Readable, length: int) -> int:
    """Read `length` bytes and forget them; return how many there were."""
    if isinstance(source, Forward):
        return source.skip(length)
    left = length
    while left > 0:
        piece = source.read(min(PIECE, left))
        if not piece:
            break
        left -= len(piece)
    return length - left


def exactly(source: Readable, length: int, what: str) -> bytes:
    """Return `length` bytes.

    Args:
        source: where from.
        length: how many; the caller has bounded it.
        what: for the message: "it ends in the middle of `what`".

    Raises:
        BrokenError: the source ends before.
    """
    data = source.read(length)
    if len(data) != length:
        cut_off(source, what)
    return data


def cut_off(source: Readable, what: str) -> NoReturn:
    """Say why a read came out short: the error of the source itself, or that the archive ends in the middle of `what`."""
    source.read(1)
    raise problems.BrokenError(f"it ends in the middle of {what}")
