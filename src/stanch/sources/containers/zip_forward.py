"""Zip archives front to back, by the headers before each member.

For zips that lie in a stream and are too large to hold, and for those whose table of contents is missing. Where a
member's length stands only behind it, the compressed data itself must tell where it ends.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from stanch.core.finding import Skipped
from stanch.sources.blob import IN_MEMORY
from stanch.sources.containers import problems, zips
from stanch.sources.containers.budget import Context, Member
from stanch.sources.containers.decode import Checked
from stanch.sources.containers.problems import BrokenError, LimitError, MemberError
from stanch.sources.containers.streams import Forward, Section, cut_off, exactly
from stanch.sources.containers.zips import DESCRIPTOR, LOCAL, Entry

_LOCAL_MAGIC = b"PK\x03\x04"
_AFTER = (b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x08")  # what stands behind the last member
_SELF_DELIMITING = (zips.DEFLATED, zips.BZIP2, zips.LZMA)
_DESCRIPTOR_MAGIC = b"PK\x07\x08"
_PREFIX = 64 * 1024  # bytes that may stand in front


def members(stream: Forward, context: Context) -> Iterator[Member | Skipped]:
    """Yield members until the table of contents begins.

    Raises:
        BrokenError: the archive ends before its table of contents, or goes on with something else.
    """
    start = stream.peek(_PREFIX).find(_LOCAL_MAGIC)
    stream.skip(max(0, start))
    while magic := stream.read(4):
        if magic in _AFTER:
            return
        if magic != _LOCAL_MAGIC:
            if len(magic) < 4:
                cut_off(stream, "a header")
            raise BrokenError("something else stands where a member should begin")
        yield from _member(stream, _entry(stream), context)
    raise BrokenError("its table of contents is missing, so it was cut off")


def _entry(stream: Forward) -> Entry:
    fields = LOCAL.unpack(_LOCAL_MAGIC + exactly(stream, LOCAL.size - 4, "a header"))
    flags, method, crc, packed, size = fields[2], fields[3], fields[6], fields[7], fields[8]
    raw = exactly(stream, fields[9], "a name")
    extra = exactly(stream, fields[10], "a header")
    if 0xFFFFFFFF in (packed, size):
        size, packed, _ = zips.large_sizes(extra, size, packed, 0)
    return Entry(raw, flags, method, crc, packed, size, 0)


def _member(stream: Forward, entry: Entry, context: Context) -> Iterator[Member | Skipped]:
    path = context.join(entry.name)
    open_end = bool(entry.flags & DESCRIPTOR) and not entry.packed
    refusal = zips.refused(entry, path)
    if open_end and (refusal or entry.method not in _SELF_DELIMITING):
        if entry.name.endswith("/") and entry.method == zips.STORED and _descriptor(stream, 0):
            context.budget.passed()
            return
        yield refusal or problems.unsupported(path, "a member whose length stands behind it, in an archive too large to hold,")
        raise BrokenError("where the next member begins cannot be known without its table of contents")
    if open_end:
        yield from _until_its_end(stream, entry, path, context)
    elif refusal:
        yield refusal
        if stream.skip(entry.packed) < entry.packed:
            cut_off(stream, "a member")
    elif zips.is_directory(entry):
        context.budget.passed()
        stream.skip(entry.packed)
    else:
        yield from _of_known_length(stream, entry, path, context)
        if entry.flags & DESCRIPTOR:
            _descriptor(stream, entry.packed)


def _of_known_length(stream: Forward, entry: Entry, path: str, context: Context) -> Iterator[Member | Skipped]:
    if entry.packed <= IN_MEMORY and entry.size <= IN_MEMORY and entry.method in (zips.STORED, zips.DEFLATED):
        data = stream.read(entry.packed)
        member = zips.from_memory(data, entry, path, context)
        if member is not None:
            yield member
            return
        stream.unread(data)
    section = Section(stream, entry.packed, problems.broken(path, "the archive ends in the middle of it"))
    try:
        yield Member(path, stream=zips.unpacked(section, entry, path, context))
    except LimitError:
        raise
    except BrokenError as exc:
        yield problems.broken(path, exc.what)
    except MemberError as exc:
        yield exc.skipped
    section.finish()


def _until_its_end(stream: Forward, entry: Entry, path: str, context: Context) -> Iterator[Member | Skipped]:
    """Yield a member whose compressed data tells where it ends, and read what stands behind it."""
    reader = zips.unpacked(stream, entry, path, context, known=False)
    yield Member(path, stream=reader)
    while reader.skip(IN_MEMORY) == IN_MEMORY:
        pass
    if isinstance(reader, Checked):
        crc = _descriptor(stream, reader.consumed)
        if crc is not None and crc != reader.crc:
            yield problems.broken(path, "its checksum does not match its content")


def _descriptor(stream: Forward, packed: int) -> int | None:
    """Read the data descriptor behind a member, whose signature is optional and whose sizes have 4 or 8 bytes.

    Returns:
        The checksum it states; ``None`` when there is none that fits.
    """
    ahead = stream.peek(24)
    magic = 4 if ahead[:4] == _DESCRIPTOR_MAGIC else 0
    for size, form in ((4, "<LL"), (8, "<LQ")):
        if len(ahead) >= magic + 4 + size and struct.unpack_from(form, ahead, magic)[1] == packed:
            stream.skip(magic + 4 + 2 * size)
            return int(struct.unpack_from("<L", ahead, magic)[0])
    return None
