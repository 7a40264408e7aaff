"""Decompression as forward reading: gzip, xz, lzma, bzip2, and the bare streams inside zip and 7z.

Every reader works in bounded pieces whatever the ratio, counts what it puts out against the `Budget`, and gives
what it decoded before it says that the rest is damaged.
"""

from __future__ import annotations

import lzma
from collections.abc import Callable

from stanch.sources.containers import problems
from stanch.sources.containers.budget import Context
from stanch.sources.containers.decoders import Decoder, Inflate, crc32
from stanch.sources.containers.problems import BrokenError, MemberError
from stanch.sources.containers.streams import PIECE, Forward, Readable

CHUNK = 64 * 1024  # compressed bytes given to a decoder at a time


class Decoded(Forward):
    """What a compressed stream unpacks to.

    Args:
        source: of the compressed bytes; what follows the end of a single stream is put back if it is a `Forward`.
        make: makes the decoder.
        context: whose budget and limits count.
        path: of the member, for messages.
        packed: size of the whole stream, when known; the ratio is judged by what was read otherwise.
    """

    def __init__(
        self, source: Readable, make: Callable[[], Decoder], context: Context, *, path: str, packed: int | None = None
    ) -> None:
        super().__init__()
        self._source = source
        self._make = make
        self._budget = context.budget
        self._path = path
        self._packed = packed
        self._decoder: Decoder | None = None
        self._input = b""
        self._fed = 0
        self._fresh = True
        self._later: MemberError | None = None
        self.produced = 0
        self.consumed = 0

    def _begin(self) -> bool:
        """Read what stands before a stream; false when there is none. The plain form has one stream, without header."""
        return self.consumed == 0 and self.produced == 0

    def _finish(self) -> None:
        """Read what follows a stream. Bytes read too far go back to the source."""
        if self._input and isinstance(self._source, Forward):
            self._source.unread(self._input)
        self._input = b""

    def _room(self) -> int:
        """Return how many bytes the decoder may give next; 0 ends the stream."""
        return PIECE

    def _check(self, out: bytes) -> None:
        """Look at the output, for a checksum."""

    def _more(self) -> bytes:
        if self._later is not None:
            raise self._later
        while True:
            try:
                if self._decoder is None:
                    if not self._begin():
                        return b""
                    self._decoder = self._make()
                    self._fresh = True
                out = self._step(self._decoder)
            except BrokenError as exc:
                raise MemberError(problems.broken(self._path, exc.what)) from exc
            if out:
                self._count(out)
            if self._decoder.eof or self._room() <= 0:
                self._end(self._decoder)
            if out:
                return out

    def _end(self, decoder: Decoder) -> None:
        """Close a stream. A wrong checksum is said after the bytes it is about."""
        self._input = decoder.unused_data
        self.consumed = max(self._fed - len(self._input), 1)
        self._decoder = None
        try:
            self._finish()
        except BrokenError as exc:
            self._later = self._later or MemberError(problems.broken(self._path, exc.what))
        except MemberError as exc:
            self._later = self._later or exc

    def _count(self, out: bytes) -> None:
        self.produced += len(out)
        self._check(out)
        try:
            self._budget.produced(len(out))
            self._budget.check_ratio(self._path, self.produced, self._fed if self._packed is None else self._packed)
        except MemberError as exc:
            self._later = exc

    def _step(self, decoder: Decoder) -> bytes:
        data = b""
        ended = False
        if decoder.needs_input:
            data = self._peek(1) and self._input
            self._input = b""
            ended = not data
        fresh, self._fresh = self._fresh, False
        try:
            out = decoder.decompress(data, max_length=self._room())
        except MemoryError:
            raise
        except Exception as exc:
            too_large = isinstance(exc, lzma.LZMAError) and str(exc).startswith("Memory usage limit")
            if too_large:
                what = "its dictionary needs more memory than one member may take"
                raise MemberError(problems.too_large(self._path, what)) from None
            error = MemberError(problems.broken(self._path, "its compressed data makes no sense"))
            if not fresh:
                raise error from None
            self._later = error
            return _salvage(self._make(), data)
        if ended and not out and not decoder.eof:
            raise BrokenError("its compressed data ends too early")
        return out

    def _exactly(self, length: int, what: str) -> bytes:
        """Return the next `length` compressed bytes."""
        data = self._peek(length)
        if len(data) < length:
            raise BrokenError(f"it ends in the middle of {what}")
        self._input = self._input[length:]
        return data

    def _peek(self, length: int) -> bytes:
        """Return up to `length` compressed bytes that come next."""
        while len(self._input) < length:
            more = self._source.read(CHUNK)
            if not more:
                break
            self._fed += len(more)
            self._input += more
        return self._input[:length]


def _salvage(decoder: Decoder, data: bytes) -> bytes:
    """Decode as much of the first chunk of a damaged stream as goes; decoders forget it when given all at once."""
    out = []
    size = max(16, len(data) // 512)
    total = 0
    try:
        for start in range(0, len(data), size):
            out.append(decoder.decompress(data[start : start + size], max_length=PIECE))
            total += len(out[-1])
            if decoder.eof or total > PIECE:
                break
    except MemoryError:
        raise
    except Exception:  # the damage itself; what came before it is what we are here for
        return b"".join(out)
    return b"".join(out)


class Gzip(Decoded):
    """A gzip file of one or more members (RFC 1952)."""

    def __init__(self, source: Readable, context: Context, *, path: str, packed: int | None = None) -> None:
        super().__init__(source, Inflate, context, path=path, packed=packed)
        self._crc = 0
        self._length = 0
        self._members = 0
        self.name = b""

    def _begin(self) -> bool:
        self._budget.passed()
        start = self._peek(2)
        while self._members and start and not start.strip(b"\0"):  # tapes and dd pad with zeros
            self._input = self._input.lstrip(b"\0")
            start = self._peek(2)
        if not start:
            return False
        if start != b"\x1f\x8b":
            raise BrokenError("bytes follow the compressed data that are not gzip")
        fixed = self._exactly(10, "a gzip header")
        flags = fixed[3]
        if fixed[2] != 8 or flags & 0xE0:
            raise BrokenError("a gzip header makes no sense")
        if flags & 4:
            self._exactly(int.from_bytes(self._exactly(2, "a gzip header"), "little"), "a gzip header")
        if flags & 8:
            name = self._text()
            self.name = self.name or name
        if flags & 16:
            self._text()
        if flags & 2:
            self._exactly(2, "a gzip header")
        self._members += 1
        self._crc = self._length = 0
        return True

    def _text(self) -> bytes:
        """Return a text that ends with a zero byte; the names and remarks of real files are short."""
        end = self._peek(CHUNK).find(b"\0")
        if end < 0:
            raise BrokenError("a gzip header makes no sense")
        return self._exactly(end + 1, "a gzip header")[:-1]

    def _check(self, out: bytes) -> None:
        self._crc = crc32(out, self._crc)
        self._length += len(out)

    def _finish(self) -> None:
        trailer = self._exactly(8, "a gzip checksum")
        wanted = self._crc.to_bytes(4, "little") + (self._length & 0xFFFFFFFF).to_bytes(4, "little")
        if trailer != wanted:
            raise BrokenError("its checksum does not match its content")


class Streams(Decoded):
    """One or more xz or bzip2 streams after each other.

    Args:
        magic: how each of them starts.
    """

    def __init__(
        self,
        source: Readable,
        make: Callable[[], Decoder],
        context: Context,
        *,
        magic: bytes,
        path: str,
        packed: int | None = None,
    ) -> None:
        super().__init__(source, make, context, path=path, packed=packed)
        self._magic = magic

    def _begin(self) -> bool:
        self._budget.passed()
        start = self._peek(len(self._magic))
        while self.consumed and start and not start.strip(b"\0"):
            self._input = self._input.lstrip(b"\0")
            start = self._peek(len(self._magic))
        if not start:
            return False
        if start != self._magic:
            raise BrokenError("bytes follow the compressed data that do not belong to it")
        return True

    def _finish(self) -> None:
        """Keep what was read too far: the next stream may start there."""


class Checked(Decoded):
    """A single stream whose length and checksum are written elsewhere, as in zip and 7z.

    Args:
        size: bytes it must unpack to, when known.
        crc: CRC-32 of them, when known.
        sized: whether only `size` tells where it ends, because there is no end marker.
    """

    def __init__(
        self,
        source: Readable,
        make: Callable[[], Decoder],
        context: Context,
        *,
        path: str,
        packed: int | None = None,
        size: int | None = None,
        crc: int | None = None,
        sized: bool = False,
    ) -> None:
        super().__init__(source, make, context, path=path, packed=packed)
        self._size = size
        self._wanted = crc
        self._sized = sized and size is not None
        self.crc = 0

    def _begin(self) -> bool:
        return super()._begin() and not (self._sized and self._size == 0)

    def _room(self) -> int:
        if self._sized and self._size is not None:
            return min(PIECE, self._size - self.produced)
        return PIECE

    def _check(self, out: bytes) -> None:
        self.crc = crc32(out, self.crc)

    def _finish(self) -> None:
        super()._finish()
        if self._wanted is not None and self.crc != self._wanted:
            raise BrokenError("its checksum does not match its content")
        if self._size is not None and (self.produced ^ self._size) & 0xFFFFFFFF:
            raise BrokenError("its size is not the one that the archive states")
