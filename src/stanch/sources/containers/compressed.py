"""Compressed files: one stream, which is a file, or an archive that is opened as if the compression were not there."""

from __future__ import annotations

from collections.abc import Iterator

from stanch.core.finding import Skipped
from stanch.sources.containers import tar, unix
from stanch.sources.containers.budget import Context, Member, decoded_name
from stanch.sources.containers.decode import Decoded, Gzip, Streams
from stanch.sources.containers.decoders import bzip2_decoder, xz_decoder
from stanch.sources.containers.sniff import HEAD, Kind, kind_of
from stanch.sources.containers.streams import Forward, Readable

_SUFFIXES = {
    ".gz": "", ".bz2": "", ".xz": "", ".lzma": "", ".zst": "",
    ".tgz": ".tar", ".tbz": ".tar", ".tbz2": ".tar", ".txz": ".tar", ".tlz": ".tar", ".tzst": ".tar",
    ".svgz": ".svg", ".emz": ".emf", ".wmz": ".wmf",
}  # fmt: skip


def unpacked(kind: Kind, source: Readable, context: Context, *, packed: int | None) -> Forward:
    """Return a reader of what a compressed stream holds."""
    path = context.path
    if kind is Kind.GZIP:
        return Gzip(source, context, path=path, packed=packed)
    if kind is Kind.BZIP2:
        return Streams(source, bzip2_decoder, context, magic=b"BZh", path=path, packed=packed)
    make = xz_decoder(context.window)
    context.heavy = True
    if kind is Kind.ZSTD:
        from stanch.sources.containers.zstd import Zstd

        return Zstd(source, context, path=path, packed=packed)
    if kind is Kind.XZ:
        return Streams(source, make, context, magic=b"\xfd7zXZ\0", path=path, packed=packed)
    return Decoded(source, make, context, path=path, packed=packed)


def members(kind: Kind, source: Readable, context: Context) -> Iterator[Member | Skipped]:
    """Yield the files of a compressed archive, or the one compressed file."""
    stream = unpacked(kind, source, context, packed=context.size)
    inner = kind_of(stream.peek(HEAD))
    if inner is Kind.TAR:
        yield from tar.members(stream, context)
    elif inner is Kind.CPIO:
        yield from unix.cpio_members(stream, context)
    else:
        name = decoded_name(stream.name) if isinstance(stream, Gzip) else ""
        yield Member(context.join(_name(context.path, name)), stream=stream)


def _name(path: str, stored: str) -> str:
    """Name the content after the compressed file, or after what the stream itself says."""
    last = path.rpartition("!")[2].rpartition("/")[2]
    stem, dot, suffix = last.rpartition(".")
    ending = _SUFFIXES.get(dot + suffix.lower())
    if ending is not None and stem:
        return stem + ending
    return stored.rpartition("/")[2] or "content"
