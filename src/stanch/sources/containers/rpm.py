"""RPM packages: a lead, two headers, and a compressed cpio archive.

Format: https://rpm-software-management.github.io/rpm/manual/format_v4.html
"""

from __future__ import annotations

from collections.abc import Iterator

from stanch.core.finding import Skipped
from stanch.sources.blob import IN_MEMORY
from stanch.sources.containers import problems
from stanch.sources.containers.budget import Context, Member
from stanch.sources.containers.compressed import unpacked
from stanch.sources.containers.problems import BrokenError
from stanch.sources.containers.sniff import HEAD, Kind, kind_of
from stanch.sources.containers.streams import Forward, Joined, Readable, exactly, pass_over
from stanch.sources.containers.unix import CPIO_MAGICS, cpio_members

MAGIC = b"\xed\xab\xee\xdb"
_LEAD = 96
_HEADER_MAGIC = b"\x8e\xad\xe8"
_HEADER = 256 * 1024 * 1024  # bytes; rpm's own bound
_INDEX_ENTRY = 16


def members(source: Readable, context: Context) -> Iterator[Member | Skipped]:
    """Yield the header's texts, which hold the install scripts, and the packaged files."""
    stream = source if isinstance(source, Forward) else Joined(b"", source)
    exactly(stream, _LEAD, "its lead")
    for signature in (True, False):
        fixed = exactly(stream, 16, "a header")
        entries, length = int.from_bytes(fixed[8:12], "big"), int.from_bytes(fixed[12:16], "big")
        if fixed[:3] != _HEADER_MAGIC or entries * _INDEX_ENTRY + length > _HEADER:
            raise BrokenError("one of its headers makes no sense")
        pass_over(stream, entries * _INDEX_ENTRY)
        if signature:
            pass_over(stream, length + (-length & 7))
        elif length <= IN_MEMORY:
            yield Member(context.join("header"), exactly(stream, length, "a header"))
        else:
            pass_over(stream, length)
    yield from _payload(stream, context)


def _payload(stream: Forward, context: Context) -> Iterator[Member | Skipped]:
    head = stream.peek(HEAD)
    kind = kind_of(head)
    if kind is Kind.CPIO:
        yield from cpio_members(stream, context)
    elif kind is not None and kind.compressed:
        inner = unpacked(kind, stream, context, packed=None)
        if inner.peek(6) in CPIO_MAGICS:
            yield from cpio_members(inner, context)
        else:
            yield Member(context.join("payload"), stream=inner)
    elif head:
        yield problems.unsupported(context.join("payload"), "the way its files are compressed")
    else:
        raise BrokenError("it ends before its files")
