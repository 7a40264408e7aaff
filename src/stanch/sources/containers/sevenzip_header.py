"""The table of contents of a 7z archive: which files lie in which compressed stream, and how that was made.

Every count is held against the bytes that state it and against the limit on members before anything is allocated.
Format: 7zFormat.txt of the LZMA SDK, https://www.7-zip.org/sdk.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field

from stanch.core.records import dataclass
from stanch.sources.containers.budget import Context
from stanch.sources.containers.problems import BrokenError

_END, _HEADER, _PROPERTIES, _ADDITIONAL, _MAIN, _FILES = 0, 1, 2, 3, 4, 5
_PACK, _UNPACK, _SUBSTREAMS, _SIZE, _CRC, _FOLDER, _CODER_SIZES, _STREAM_COUNTS = 6, 7, 8, 9, 10, 11, 12, 13
_EMPTY_STREAM, _NAMES, _ENCODED = 14, 17, 23
_CODERS = 32  # in one folder
_LARGEST = 1 << 62


@dataclass(slots=True)
class Coder:
    """One step of compression; the properties are those of its method."""

    method: bytes
    simple: bool
    properties: bytes
    size: int = 0


@dataclass(slots=True)
class Folder:
    """A compressed stream and what it holds.

    Attributes:
        coders: in the order in which they are listed.
        bonds: (coder whose input it is, coder whose output it is).
        first: the coder that reads the packed bytes.
        packed: where those are, from the end of the first header, and how many.
        crc: of all it unpacks to.
        files: how many files it holds.
    """

    coders: list[Coder]
    bonds: dict[int, int]
    first: int
    streams: int
    packed: list[tuple[int, int]] = field(default_factory=list)
    crc: int | None = None
    files: int = 1

    def chain(self) -> list[Coder]:
        """Return the coders in the order in which the bytes pass them."""
        found: list[Coder] = []
        at: int | None = self.first
        by_output = {output: reader for reader, output in self.bonds.items()}
        while at is not None and len(found) <= len(self.coders):
            if at >= len(self.coders):
                raise BrokenError("its table of contents makes no sense")
            found.append(self.coders[at])
            at = by_output.get(at)
        return found

    @property
    def size(self) -> int:
        """Bytes it unpacks to."""
        return self.chain()[-1].size


@dataclass(slots=True)
class Entry:
    """A file: its name, length, and CRC-32 when stated."""

    name: str
    size: int
    crc: int | None


@dataclass(slots=True)
class Table:
    """What an archive holds; `is_header` when it is only the way to the real table."""

    folders: list[Folder]
    sizes: list[int]
    crcs: list[int | None]
    names: list[str] = field(default_factory=list)
    has_stream: list[bool] = field(default_factory=list)
    is_header: bool = False

    @property
    def without_content(self) -> int:
        """How many directories and empty files there are."""
        return self.has_stream.count(False)

    def by_folder(self) -> Iterator[tuple[Folder, list[Entry]]]:
        """Yield each compressed stream with its files."""
        names = iter([name for name, has in zip(self.names, self.has_stream, strict=False) if has])
        at = 0
        for folder in self.folders:
            stop = at + folder.files
            files = [Entry(next(names, "unnamed"), self.sizes[index], self.crcs[index]) for index in range(at, stop)]
            at = stop
            if files:
                yield folder, files


def read_table(data: bytes, context: Context) -> Table:
    """Read a table of contents, or the description of a compressed one.

    Raises:
        BrokenError: it makes no sense.
        LimitError: it lists more members than allowed.
    """
    cursor = _Cursor(data, context)
    kind = cursor.byte()
    if kind == _ENCODED:
        table = _streams(cursor)
        table.is_header = True
        if not table.folders:
            raise BrokenError("its table of contents makes no sense")
        return table
    if kind != _HEADER:
        raise BrokenError("its table of contents makes no sense")
    table = Table([], [], [])
    while (part := cursor.byte()) != _END:
        if part == _PROPERTIES:
            while cursor.byte() != _END:
                cursor.take(cursor.number())
        elif part == _ADDITIONAL:
            _streams(cursor)
        elif part == _MAIN:
            table = _streams(cursor)
        elif part == _FILES:
            _names(cursor, table)
        else:
            raise BrokenError("its table of contents makes no sense")
    return table


class _Cursor:
    """Reads numbers one after the other, never beyond the end."""

    def __init__(self, data: bytes, context: Context) -> None:
        self._data = data
        self._at = 0
        self._context = context

    def byte(self) -> int:
        return self.take(1)[0]

    def take(self, size: int) -> bytes:
        data = self._data[self._at : self._at + size]
        if len(data) < size:
            raise BrokenError("its table of contents is cut off")
        self._at += size
        return data

    def number(self) -> int:
        """Read a number whose first byte tells by its leading ones how many follow."""
        first = self.byte()
        extra = 8 - (~first & 0xFF).bit_length()
        value = int.from_bytes(self.take(extra), "little")
        if extra < 7:
            value += (first & (0x7F >> extra)) << 8 * extra
        if value > _LARGEST:
            raise BrokenError("its table of contents makes no sense")
        return value

    def count(self) -> int:
        """Read how many there are of something that takes memory."""
        value = self.number()
        budget = self._context.budget
        if value > 2 * budget.limits.members + 1_000:
            raise budget.too_many()
        if value > 8 * len(self._data):
            raise BrokenError("its table of contents makes no sense")
        return value

    def bits(self, count: int) -> list[bool]:
        data = self.take((count + 7) // 8)
        return [bool(data[index >> 3] & 0x80 >> (index & 7)) for index in range(count)]

    def crcs(self, count: int) -> list[int | None]:
        """Read checksums, of which some may be left out."""
        defined = [True] * count if self.byte() else self.bits(count)
        return [int.from_bytes(self.take(4), "little") if has else None for has in defined]


def _streams(cursor: _Cursor) -> Table:
    """Read where packed bytes lie, how folders unpack them, and what files come out."""
    position = 0
    packed: list[int] = []
    folders: list[Folder] = []
    table = Table(folders, [], [])
    done = False
    while (part := cursor.byte()) != _END:
        if part == _PACK:
            position, packed = cursor.number(), _packed_sizes(cursor)
        elif part == _UNPACK:
            folders.extend(_folders(cursor))
        elif part == _SUBSTREAMS:
            _substreams(cursor, table)
            done = True
        else:
            raise BrokenError("its table of contents makes no sense")
    if not done:
        table.sizes = [folder.size for folder in folders]
        table.crcs = [folder.crc for folder in folders]
    sizes = iter(packed)
    for folder in folders:
        for _ in range(folder.streams):
            size = next(sizes, 0)
            folder.packed.append((position, size))
            position += size
    return table


def _packed_sizes(cursor: _Cursor) -> list[int]:
    count = cursor.count()
    sizes: list[int] = []
    while (part := cursor.byte()) != _END:
        if part == _SIZE:
            sizes = [cursor.number() for _ in range(count)]
        elif part == _CRC:
            cursor.crcs(count)
        else:
            raise BrokenError("its table of contents makes no sense")
    return sizes


def _folders(cursor: _Cursor) -> list[Folder]:
    if cursor.byte() != _FOLDER:
        raise BrokenError("its table of contents makes no sense")
    count = cursor.count()
    if cursor.byte():
        raise BrokenError("its table of contents lies elsewhere")
    folders = [_folder(cursor) for _ in range(count)]
    while (part := cursor.byte()) != _END:
        if part == _CODER_SIZES:
            for folder in folders:
                for coder in folder.coders:
                    coder.size = cursor.number()
        elif part == _CRC:
            for folder, crc in zip(folders, cursor.crcs(count), strict=True):
                folder.crc = crc
        else:
            raise BrokenError("its table of contents makes no sense")
    return folders


def _folder(cursor: _Cursor) -> Folder:
    coders = []
    inputs = outputs = 0
    count = cursor.number()
    if not 0 < count <= _CODERS:
        raise BrokenError("its table of contents makes no sense")
    for _ in range(count):
        flags = cursor.byte()
        method = cursor.take(flags & 15) or b"\0"
        taken, given = (cursor.number(), cursor.number()) if flags & 0x10 else (1, 1)
        properties = cursor.take(cursor.number()) if flags & 0x20 else b""
        if not 0 < taken <= _CODERS or given != 1 or flags & 0x80:
            raise BrokenError("its table of contents makes no sense")
        inputs += taken
        outputs += given
        coders.append(Coder(method, taken == 1, properties))
    bonds = {}
    for _ in range(outputs - 1):
        reader = cursor.number()
        bonds[reader] = cursor.number()
    streams = inputs - (outputs - 1)
    first = next((index for index in range(inputs) if index not in bonds), 0)
    if streams > 1:
        readers = [cursor.number() for _ in range(streams)]
        first = readers[0]
    return Folder(coders, bonds, min(first, count - 1), streams)


def _substreams(cursor: _Cursor, table: Table) -> None:
    folders = table.folders
    part = cursor.byte()
    if part == _STREAM_COUNTS:
        for folder in folders:
            folder.files = cursor.count()
        part = cursor.byte()
    for folder in folders:  # the size of the last file of a folder is what is left
        left = folder.size
        for _ in range(folder.files - 1):
            size = cursor.number() if part == _SIZE else 0
            table.sizes.append(size)
            left -= size
        if folder.files:
            table.sizes.append(left)
        if left < 0:
            raise BrokenError("its table of contents makes no sense")
    if part == _SIZE:
        part = cursor.byte()
    known = [folder.files == 1 and folder.crc is not None for folder in folders]
    missing = sum(folder.files for folder, has in zip(folders, known, strict=True) if not has)
    stated: Iterator[int | None] = iter(())
    while part != _END:
        if part != _CRC:
            raise BrokenError("its table of contents makes no sense")
        stated = iter(cursor.crcs(missing))
        part = cursor.byte()
    for folder, has in zip(folders, known, strict=True):
        table.crcs.extend([folder.crc] if has else [next(stated, None) for _ in range(folder.files)])


def _names(cursor: _Cursor, table: Table) -> None:
    count = cursor.count()
    names: list[str] = []
    empty: list[bool] = []
    while (part := cursor.byte()) != _END:
        data = cursor.take(cursor.number())
        if part == _EMPTY_STREAM:
            inner = _Cursor(data, cursor._context)
            empty = inner.bits(count)
        elif part == _NAMES and data[:1] == b"\0":
            names = data[1:].decode("utf-16-le", "surrogatepass").split("\0", count)[:count]
    names.extend(["unnamed"] * (count - len(names)))
    table.names = names
    table.has_stream = [not has for has in empty] or [True] * count
