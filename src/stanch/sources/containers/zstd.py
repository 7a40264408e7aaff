"""Zstandard frames (RFC 8878), fed to the library block by block.

The library's streaming objects give everything a piece of input unpacks to at once, and four bytes can stand for
128 KiB. Blocks are bounded, so walking them bounds the output, and shows where a frame ends or is cut off.
"""

from __future__ import annotations

from typing import Any

from stanch.sources.containers import problems
from stanch.sources.containers.budget import Context
from stanch.sources.containers.decoders import check_window
from stanch.sources.containers.problems import BrokenError, MemberError
from stanch.sources.containers.streams import Forward, Joined, Readable, pass_over

MAGIC = b"\x28\xb5\x2f\xfd"
_BLOCKS = 8  # blocks of at most 128 KiB that are unpacked at a time
_ID_BYTES = (0, 1, 2, 4)
_SIZE_BYTES = (0, 2, 4, 8)


def is_skippable(start: bytes) -> bool:
    """Whether a frame starts here that decoders pass over."""
    return start[1:4] == b"\x2a\x4d\x18" and 0x50 <= start[0] <= 0x5F


class Zstd(Forward):
    """What zstd frames unpack to.

    Args:
        source: of the frames, and nothing else.
        context: whose budget and limits count.
        path: for messages.
        packed: size of all frames, when known.
    """

    def __init__(self, source: Readable, context: Context, *, path: str, packed: int | None = None) -> None:
        super().__init__()
        import zstandard

        self._inner = source if isinstance(source, Forward) else Joined(b"", source)
        self._library = zstandard.ZstdDecompressor()
        self._context = context
        self._path = path
        self._packed = packed
        self._frame: Any = None
        self._checksum = False
        self._fed = 0
        self._frames = 0
        self._later: MemberError | None = None
        self.produced = 0

    def _more(self) -> bytes:
        while self._later is None:
            try:
                if self._frame is None and not self._begin():
                    return b""
                out = self._blocks()
            except BrokenError as exc:
                raise MemberError(problems.broken(self._path, exc.what)) from exc
            if out:
                self._count(len(out))
                return out
        raise self._later

    def _count(self, length: int) -> None:
        self.produced += length
        budget = self._context.budget
        try:
            budget.produced(length)
            budget.check_ratio(self._path, self.produced, self._fed if self._packed is None else self._packed)
        except MemberError as exc:
            self._later = exc

    def _begin(self) -> bool:
        """Read the header of the next frame; false at the end."""
        while True:
            self._context.budget.passed()
            magic = self._inner.read(4)
            self._fed += len(magic)
            if not magic:
                return False
            if magic == MAGIC:
                break
            if len(magic) < 4 or not is_skippable(magic):
                raise BrokenError("bytes follow the compressed data that do not belong to it")
            length = int.from_bytes(self._exactly(4), "little")
            self._fed += length
            if pass_over(self._inner, length) < length:
                raise BrokenError("it ends in the middle of a frame")
        header = self._exactly(1)
        flags = header[0]
        single = bool(flags & 0x20)
        window = b"" if single else self._exactly(1)
        identity = self._exactly(_ID_BYTES[flags & 3])
        size = self._exactly(_SIZE_BYTES[flags >> 6] or single)
        if any(identity):
            raise MemberError(problems.unsupported(self._path, "compression with a separate dictionary"))
        if single:
            needed = int.from_bytes(size, "little") + (256 if len(size) == 2 else 0)
        else:
            base = 1 << (10 + (window[0] >> 3))
            needed = base + (base >> 3) * (window[0] & 7)
        check_window(needed, self._context.window, self._path)
        self._checksum = bool(flags & 4)
        self._frame = self._library.decompressobj()
        self._feed(magic + header + window + identity + size)
        return True

    def _blocks(self) -> bytes:
        """Unpack the next few blocks."""
        data: list[bytes] = []
        last = cut = False
        while len(data) < _BLOCKS and not last:
            head = self._inner.read(3)
            value = int.from_bytes(head, "little")
            last = bool(value & 1)
            length = 1 if value & 6 == 2 else value >> 3
            body = self._inner.read(length) if len(head) == 3 and length <= 0x20000 else b""
            if len(head) < 3 or len(body) < length:
                cut = True
                break
            data.append(head + body)
        block = b"".join(data)
        self._fed += len(block)
        out = self._feed(block)
        if cut:
            self._later = MemberError(problems.broken(self._path, "its compressed data ends too early"))
        elif last:
            self._end()
        return out

    def _end(self) -> None:
        """Check the frame's own checksum, after its content is out."""
        try:
            if self._checksum:
                self._feed(self._exactly(4))
        except BrokenError:
            self._later = MemberError(problems.broken(self._path, "its checksum does not match its content"))
        self._frame = None
        self._frames += 1

    def _feed(self, data: bytes) -> bytes:
        try:
            return bytes(self._frame.decompress(data))
        except MemoryError:
            raise
        except Exception:
            raise BrokenError("its compressed data makes no sense") from None

    def _exactly(self, length: int) -> bytes:
        data = self._inner.read(length)
        if len(data) < length:
            raise BrokenError("it ends in the middle of a header")
        self._fed += length
        return data
