"""Tar in one forward pass: ustar, pax and GNU long names, old headers without magic, archives appended to each other.

The standard library's reader costs four times as much per member, and stops at what GNU tar reads past. Links,
directories and devices have no content and are passed over. Format: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
and https://www.gnu.org/software/tar/manual/html_node/Standard.html
"""

from __future__ import annotations

from collections.abc import Iterator

from stanch.core.finding import Skipped
from stanch.sources.blob import IN_MEMORY
from stanch.sources.containers import problems
from stanch.sources.containers.budget import Context, Member, decoded_name
from stanch.sources.containers.problems import BrokenError
from stanch.sources.containers.sniff import is_tar_header
from stanch.sources.containers.streams import Readable, Section, cut_off, exactly, pass_over

BLOCK = 512
_ZEROS = bytes(BLOCK)
_EXTENDED = 1024 * 1024  # bytes of a pax header or long name that are looked at; real ones have hundreds
_FILES = frozenset(b"\x0007S")  # regular (old, new, contiguous) and GNU sparse, whose holes are left out
_NO_CONTENT = frozenset(b"123456")  # links, devices, directories and pipes


def members(source: Readable, context: Context) -> Iterator[Member | Skipped]:
    """Yield the files of a tar archive."""
    shared: dict[bytes, bytes] = {}  # from the global pax header
    own: dict[bytes, bytes] = {}  # from headers that describe the next member
    first = True
    while True:
        block = source.read(BLOCK)
        if block == _ZEROS:
            continue  # the end, unless another archive was appended
        if not block:
            return
        if len(block) < BLOCK:
            if not first and not block.strip(b"\0"):
                return
            cut_off(source, "a header")
        if not is_tar_header(block):
            raise BrokenError("one of its headers makes no sense")
        first = False
        kind = block[156]
        size = _number(block[124:136])
        if kind in b"xXgLK":  # X: what Solaris wrote before pax was settled
            fields = _extension(source, kind, size)
            (shared if kind == 0x67 else own).update(fields)
            context.budget.passed()
            continue
        name = own.get(b"GNU.sparse.name") or own.get(b"path") or shared.get(b"path") or _name(block)
        size = _pax_size(own, shared, size)
        sparse = kind == 0x53 and block[482]
        own = {}
        while sparse:  # the map of a file with many holes goes on in blocks of its own
            sparse = exactly(source, BLOCK, "the map of a sparse file")[504]
        if kind in _NO_CONTENT or (name.endswith(b"/") and not size):  # whatever size a link states, nothing follows
            context.budget.passed()
        elif kind in _FILES or size:
            yield from _content(source, context, context.join(decoded_name(name)), size)


def _content(source: Readable, context: Context, path: str, size: int) -> Iterator[Member]:
    if size <= IN_MEMORY:
        data = source.read(_padded(size))
        yield Member(path, data if len(data) <= size else data[:size])
        if len(data) < _padded(size):
            cut_off(source, "a member")
        return
    section = Section(source, size, problems.broken(path, "the archive ends in the middle of it"))
    yield Member(path, stream=section, size=size)
    section.finish()
    pass_over(source, _padded(size) - size)


def _padded(size: int) -> int:
    return (size + BLOCK - 1) & -BLOCK


def _number(field: bytes) -> int:
    """Read a size: octal digits, or binary when the first bit is set."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & ~(0x80 << 8 * (len(field) - 1))
        if field[0] != 0x80 or value >= 1 << 63:
            raise BrokenError("the size of a member makes no sense")
        return value
    digits = field.split(b"\0", 1)[0].strip()
    if not digits:
        return 0
    try:
        value = int(digits, 8)
    except ValueError:
        value = -1
    if value < 0:
        raise BrokenError("the size of a member makes no sense")
    return value


def _name(block: bytes) -> bytes:
    name = block[:100].split(b"\0", 1)[0]
    if block[345] and block[257:263] == b"ustar\0":
        prefix = block[345:500].split(b"\0", 1)[0]
        return prefix + b"/" + name
    return name


def _extension(source: Readable, kind: int, size: int) -> dict[bytes, bytes]:
    """Read the header that belongs to the next member (``x``, ``L``, ``K``) or to all that follow (``g``)."""
    data = exactly(source, _padded(min(size, _EXTENDED)), "a header")
    pass_over(source, _padded(size) - len(data))
    data = data[:size]
    if kind == 0x4C:
        return {b"path": data.split(b"\0", 1)[0]}
    return {} if kind == 0x4B else _records(data)


def _records(data: bytes) -> dict[bytes, bytes]:
    """Read pax records, ``length key=value``; what makes no sense ends them."""
    fields = {}
    at = 0
    while at < len(data):
        space = data.find(b" ", at, at + 20)
        digits = data[at:space]
        if space < 0 or not digits.isdigit():
            break
        stop = at + int(digits)
        if stop <= space or stop > len(data):
            break
        key, equals, value = data[space + 1 : stop - 1].partition(b"=")
        if equals and key in (b"path", b"size", b"GNU.sparse.name"):
            fields[key] = value
        at = stop
    return fields


def _pax_size(own: dict[bytes, bytes], shared: dict[bytes, bytes], size: int) -> int:
    stated = own.get(b"size") or shared.get(b"size")
    if stated is None:
        return size
    if not stated.isdigit() or len(stated) > 18:
        raise BrokenError("the size of a member makes no sense")
    return int(stated)
