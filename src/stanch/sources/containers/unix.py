"""The two plain archives of Unix: ar (static libraries, Debian packages) and cpio newc (RPM packages, initramfs).

Formats: https://man.freebsd.org/cgi/man.cgi?query=ar&sektion=5 and
https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
"""

from __future__ import annotations

from collections.abc import Iterator

from stanch.core.finding import Skipped
from stanch.sources.blob import IN_MEMORY
from stanch.sources.containers import problems
from stanch.sources.containers.budget import Context, Member, decoded_name
from stanch.sources.containers.problems import BrokenError
from stanch.sources.containers.streams import Forward, Joined, Readable, Section, cut_off, exactly, pass_over

AR_MAGIC = b"!<arch>\n"
CPIO_MAGICS = (b"070701", b"070702")
_NAMES = 4 * 1024 * 1024  # bytes of a table of long names that are looked at
_LONG_NAME = 64 * 1024
_FILE_TYPE, _REGULAR = 0o170000, 0o100000


def ar_members(source: Readable, context: Context) -> Iterator[Member | Skipped]:
    """Yield the members of an ar archive, without its symbol table."""
    exactly(source, len(AR_MAGIC), "its first line")
    table = b""
    while header := source.read(60):
        if not header.strip(b"\n\0"):
            continue
        if len(header) < 60:
            cut_off(source, "a header")
        if header[58:] != b"`\n":
            raise BrokenError("one of its headers makes no sense")
        digits = header[48:58].strip()
        if not digits.isdigit():
            raise BrokenError("the size of a member makes no sense")
        size = int(digits)
        odd = size & 1
        name = header[:16].rstrip()
        if name == b"//":
            table = exactly(source, min(size, _NAMES), "its table of names")
            pass_over(source, size - len(table) + odd)
            continue
        if name in (b"/", b"/SYM64/"):
            context.budget.passed()
            pass_over(source, size + odd)
            continue
        name, size = _ar_name(source, name, table, size)
        if not name.startswith(b"__.SYMDEF"):
            yield from content(source, context.join(decoded_name(name)), size)
        else:
            context.budget.passed()
            pass_over(source, size)
        pass_over(source, odd)


def _ar_name(source: Readable, name: bytes, table: bytes, size: int) -> tuple[bytes, int]:
    """Look up a long name, and return it with the size that is left for the content."""
    if name.startswith(b"#1/") and name[3:].isdigit():  # BSD puts it before the content
        length = int(name[3:])
        if length > min(size, _LONG_NAME):
            raise BrokenError("the name of a member makes no sense")
        return exactly(source, length, "a name").rstrip(b"\0"), size - length
    if name.startswith(b"/") and name[1:].isdigit():
        start = int(name[1:])
        end = table.find(b"\n", start)
        name = table[start : end if end >= 0 else None]
    return name.removesuffix(b"/"), size


def cpio_members(source: Readable, context: Context) -> Iterator[Member | Skipped]:
    """Yield the regular files of a cpio archive, and of those appended to it as in an initramfs."""
    stream = source if isinstance(source, Forward) else Joined(b"", source)
    while True:
        header = stream.read(110)
        if len(header) < 110:
            cut_off(stream, "a header")
        if header[:6] not in CPIO_MAGICS:
            raise BrokenError("one of its headers makes no sense")
        try:
            fields = [int(header[at : at + 8], 16) for at in range(6, 110, 8)]
        except ValueError:
            raise BrokenError("one of its headers makes no sense") from None
        mode, size, length = fields[1], fields[6], fields[11]
        if not 0 < length <= _LONG_NAME or size < 0:
            raise BrokenError("the name of a member makes no sense")
        name = exactly(stream, length, "a name").split(b"\0", 1)[0]
        stream.skip(-(110 + length) & 3)
        if name == b"TRAILER!!!" and not size:
            if not _another(stream):
                yield from _rest(stream, context)
                return
            continue
        if mode & _FILE_TYPE == _REGULAR:
            yield from content(stream, context.join(decoded_name(name)), size)
        else:
            context.budget.passed()
            stream.skip(size)
        stream.skip(-size & 3)


def _another(stream: Forward) -> bool:
    """Pass over the zeros after an archive; whether another one follows."""
    while True:
        ahead = stream.peek(512)
        rest = ahead.lstrip(b"\0")
        stream.skip(len(ahead) - len(rest))
        if rest or not ahead:
            return stream.peek(6) in CPIO_MAGICS


def _rest(stream: Forward, context: Context) -> Iterator[Member]:
    """Yield what follows: an initramfs has its compressed part there."""
    if stream.peek(1):
        yield Member(context.join("after-trailer"), stream=stream)


def content(source: Readable, path: str, size: int) -> Iterator[Member]:
    """Yield the next `size` bytes as a member.

    Raises:
        BrokenError: the source ends before; what there was has been yielded.
    """
    if size <= IN_MEMORY:
        data = source.read(size)
        yield Member(path, data)
        if len(data) < size:
            cut_off(source, "a member")
        return
    section = Section(source, size, problems.broken(path, "the archive ends in the middle of it"))
    yield Member(path, stream=section, size=size)
    section.finish()
