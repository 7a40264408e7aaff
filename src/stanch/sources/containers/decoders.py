"""The decoders behind `decode`: the standard library's, isal for deflate, and what has to be known to start them."""

from __future__ import annotations

import lzma
from collections.abc import Callable
from typing import Any, Protocol

from stanch.sources.containers import problems
from stanch.sources.containers.problems import BrokenError, MemberError

try:
    from isal import isal_zlib as zlib
except ImportError:  # a platform without wheels; three times slower, otherwise the same
    import zlib  # type: ignore[no-redef]

_OVERHEAD = 1024 * 1024  # what liblzma needs besides the dictionary, rounded up
crc32 = zlib.crc32


class Decoder(Protocol):
    """What the decompressors of the standard library have in common."""

    @property
    def eof(self) -> bool:
        """Whether the end marker was met."""
        ...

    @property
    def needs_input(self) -> bool:
        """Whether more can only come from more input."""
        ...

    @property
    def unused_data(self) -> bytes:
        """Bytes after the end marker."""
        ...

    def decompress(self, data: bytes, /, max_length: int = -1) -> bytes:
        """Take more input, give at most `max_length` bytes."""
        ...


class Inflate:
    """Bare deflate in the shape of `Decoder`."""

    __slots__ = ("_inner",)

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=-15)

    @property
    def eof(self) -> bool:
        """Whether the last block is done."""
        return bool(self._inner.eof)

    @property
    def needs_input(self) -> bool:
        """Whether all input given was used."""
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        """Bytes after the last block."""
        return bytes(self._inner.unused_data)

    def decompress(self, data: bytes, /, max_length: int = -1) -> bytes:
        """Take more input, give at most `max_length` bytes."""
        tail = self._inner.unconsumed_tail
        return bytes(self._inner.decompress(tail + data if tail else data, max_length))


def bzip2_decoder() -> Decoder:
    """Return a decoder of one bzip2 stream."""
    import bz2

    return bz2.BZ2Decompressor()


def xz_decoder(window: int) -> Callable[[], Decoder]:
    """Return a maker of decoders of one xz or lzma stream whose dictionary fits into `window` bytes."""
    return lambda: lzma.LZMADecompressor(lzma.FORMAT_AUTO, memlimit=window + _OVERHEAD)


def raw_lzma_decoder(filters: list[dict[str, Any]]) -> Callable[[], Decoder]:
    """Return a maker of decoders of one bare LZMA stream; the caller has bounded the dictionary."""
    return lambda: lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)


def lzma_filter(properties: bytes, window: int, path: str) -> dict[str, Any]:
    """Read the five bytes that describe an LZMA stream.

    Raises:
        BrokenError: they make no sense.
        MemberError: its dictionary is larger than `window`.
    """
    if len(properties) < 5 or properties[0] >= 225:
        raise BrokenError("the description of its compression makes no sense")
    rest, lc = divmod(properties[0], 9)
    pb, lp = divmod(rest, 5)
    if lc + lp > 4:
        raise BrokenError("the description of its compression makes no sense")
    size = int.from_bytes(properties[1:5], "little")
    check_window(size, window, path)
    return {"id": lzma.FILTER_LZMA1, "lc": lc, "lp": lp, "pb": pb, "dict_size": max(size, 4096)}


def check_window(size: int, window: int, path: str) -> None:
    """Raise `MemberError` when a dictionary would take more memory than allowed here."""
    if size > window:
        raise MemberError(problems.too_large(path, "its dictionary needs more memory than one member may take"))
