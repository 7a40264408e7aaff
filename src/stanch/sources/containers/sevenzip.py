"""7z archives, streamed: a folder of files is one compressed stream that is read forward, never written anywhere.

py7zr decodes up to 128 MB at a time and more with some methods, so it cannot keep the promise of bounded memory. The
table of contents is read here, and the streams are those of every other format.
Format: 7zFormat.txt and Methods.txt of the LZMA SDK, https://www.7-zip.org/sdk.html
"""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from typing import Any

from stanch.core.finding import Skipped
from stanch.sources.blob import IN_MEMORY
from stanch.sources.containers import problems
from stanch.sources.containers.budget import Context, Member
from stanch.sources.containers.decode import Checked, Streams
from stanch.sources.containers.decoders import (
    Inflate,
    bzip2_decoder,
    check_window,
    crc32,
    lzma_filter,
    raw_lzma_decoder,
)
from stanch.sources.containers.problems import BrokenError, LimitError, MemberError
from stanch.sources.containers.sevenzip_header import Coder, Entry, Folder, Table, read_table
from stanch.sources.containers.streams import Forward, Section, Seekable, Slice, exactly

_START = 32  # bytes of the signature header; positions count from its end
_HEADER = 16 * 1024 * 1024  # bytes of a table of contents
_COPY, _DELTA, _LZMA, _LZMA2 = b"\0", b"\x03", b"\x03\x01\x01", b"\x21"
_BZIP2, _DEFLATE, _ZSTD, _AES = b"\x04\x02\x02", b"\x04\x01\x08", b"\x04\xf7\x11\x01", b"\x06\xf1\x07\x01"
_BRANCH = {  # filters for machine code: liblzma's number, and the class in pybcj
    b"\x03\x03\x01\x03": (lzma.FILTER_X86, "BCJDecoder"),
    b"\x04": (lzma.FILTER_X86, "BCJDecoder"),
    b"\x03\x03\x02\x05": (lzma.FILTER_POWERPC, "PPCDecoder"),
    b"\x05": (lzma.FILTER_POWERPC, "PPCDecoder"),
    b"\x03\x03\x05\x01": (lzma.FILTER_ARM, "ARMDecoder"),
    b"\x07": (lzma.FILTER_ARM, "ARMDecoder"),
    b"\x03\x03\x07\x01": (lzma.FILTER_ARMTHUMB, "ARMTDecoder"),
    b"\x08": (lzma.FILTER_ARMTHUMB, "ARMTDecoder"),
    b"\x03\x03\x08\x05": (lzma.FILTER_SPARC, "SparcDecoder"),
    b"\x09": (lzma.FILTER_SPARC, "SparcDecoder"),
}
_NAMES = {b"\x03\x04\x01": "PPMd", b"\x04\x01\x09": "Deflate64", b"\x03\x03\x01\x1b": "BCJ2", b"\x04\xf7\x11\x02": "Brotli"}


class _EncryptedError(Exception):
    """A coder needs a password."""


class _UnsupportedError(Exception):
    """A coder that we lack; the only argument is its name for people."""


def members(source: Seekable, context: Context) -> Iterator[Member | Skipped]:
    """Yield the files of a 7z archive, in the order of its streams."""
    context.heavy = True
    try:
        table = _table(source, context)
    except _EncryptedError:
        yield problems.encrypted(context.path)
        return
    except _UnsupportedError as exc:
        yield problems.unsupported(context.path, str(exc))
        return
    if table is None:
        return
    for folder, files in table.by_folder():
        yield from _files(source, folder, files, context)
    for _ in range(table.without_content):
        context.budget.passed()


def _table(source: Seekable, context: Context) -> Table | None:
    """Read the table of contents, which usually is compressed itself; ``None`` for an empty archive."""
    source.seek(0)
    start = exactly(source, _START, "its first header")
    offset, size = int.from_bytes(start[12:20], "little"), int.from_bytes(start[20:28], "little")
    if not size:
        return None
    if size > _HEADER or offset >= 1 << 62:
        raise BrokenError("its table of contents makes no sense")
    source.seek(_START + offset)
    data = exactly(source, size, "its table of contents")
    if crc32(data) != int.from_bytes(start[28:32], "little"):
        raise BrokenError("its table of contents is damaged")
    table = read_table(data, context)
    for _ in range(4):  # compressed again and again is possible, and pointless
        if not table.is_header:
            return table
        folder = table.folders[0]
        if folder.size > _HEADER:
            raise BrokenError("its table of contents makes no sense")
        data = exactly(_stream(source, folder, context.path, context), folder.size, "its table of contents")
        if folder.crc is not None and crc32(data) != folder.crc:
            raise BrokenError("its table of contents is damaged")
        table = read_table(data, context)
    raise BrokenError("its table of contents makes no sense")


def _files(source: Seekable, folder: Folder, files: list[Entry], context: Context) -> Iterator[Member | Skipped]:
    """Yield the files that one stream holds; when it breaks, they end but other streams can still be read."""
    try:
        stream = _stream(source, folder, context.path, context)
        for entry in files:
            yield from _file(stream, entry, context)
    except _EncryptedError:
        yield from (problems.encrypted(context.join(entry.name)) for entry in files)
    except _UnsupportedError as exc:
        yield from (problems.unsupported(context.join(entry.name), str(exc)) for entry in files)
    except LimitError:
        raise
    except MemberError as exc:
        if not exc.reported:
            exc.reported = True
            yield exc.skipped
    except BrokenError as exc:
        yield problems.broken(context.path, exc.what)


def _file(stream: Forward, entry: Entry, context: Context) -> Iterator[Member]:
    path = context.join(entry.name)
    if entry.size > IN_MEMORY:
        section = _CheckedSection(stream, entry, path)
        yield Member(path, stream=section, size=entry.size)
        section.finish()
        return
    data, error = stream.take(entry.size)
    if error is not None or len(data) < entry.size:
        yield Member(path, data)
        raise error or BrokenError("it ends in the middle of a member")
    problem = None
    if entry.crc is not None and crc32(data) != entry.crc:
        problem = problems.broken(path, "its checksum does not match its content")
    yield Member(path, data, problem=problem)


class _CheckedSection(Section):
    """A large file, whose checksum is looked at after its content."""

    def __init__(self, source: Forward, entry: Entry, path: str) -> None:
        super().__init__(source, entry.size, problems.broken(path, "the archive ends in the middle of it"))
        self._wanted = entry.crc
        self._crc = 0
        self._path = path

    def _more(self) -> bytes:
        piece = super()._more()
        self._crc = crc32(piece, self._crc)
        if not piece and self._wanted is not None and self._crc != self._wanted:
            raise MemberError(problems.broken(self._path, "its checksum does not match its content"))
        return piece


def _stream(source: Seekable, folder: Folder, path: str, context: Context) -> Forward:
    """Return a reader of all that a folder unpacks to.

    Raises:
        _EncryptedError, _UnsupportedError: one of its coders.
        BrokenError: they do not fit together.
        MemberError: they need too much memory.
    """
    chain = folder.chain()
    if any(coder.method == _AES for coder in chain):
        raise _EncryptedError
    if len(folder.packed) != 1 or any(not coder.simple for coder in chain):
        raise _UnsupportedError(_NAMES.get(chain[0].method, "a combination of several streams"))
    start, size = folder.packed[0]
    stream: Forward = Slice(source, _START + start, size, problems.broken(path, "it ends in the middle of its data"))
    at = 0
    while at < len(chain):
        following = chain[at + 1 :]
        stream, used = _stage(stream, chain[at], following, path, context, size)
        at += used
    return stream


def _stage(
    stream: Forward, coder: Coder, following: list[Coder], path: str, context: Context, packed: int
) -> tuple[Forward, int]:
    """Add the reader of one coder; return it and how many coders it stands for."""
    method = coder.method
    if method == _COPY:
        return stream, 1
    if method in (_LZMA, _LZMA2):
        return _lzma_stage(stream, coder, following, path, context, packed)
    if method == _BZIP2:
        return Streams(stream, bzip2_decoder, context, magic=b"BZh", path=path, packed=packed), 1
    if method == _DEFLATE:
        return Checked(stream, Inflate, context, path=path, packed=packed, size=coder.size), 1
    if method == _ZSTD:
        from stanch.sources.containers.zstd import Zstd

        return Zstd(stream, context, path=path, packed=packed), 1
    if method in _BRANCH:
        return _Branch(stream, _BRANCH[method][1], coder.size), 1
    raise _UnsupportedError(_NAMES.get(method, "its way of compression"))


def _lzma_stage(
    stream: Forward, coder: Coder, following: list[Coder], path: str, context: Context, packed: int
) -> tuple[Forward, int]:
    """LZMA, together with the filters that liblzma can apply in the same go.

    Without an end marker, as in LZMA1, its filters for machine code keep the last bytes to themselves.
    """
    old = coder.method == _LZMA
    filters = [lzma_filter(coder.properties, context.window, path) if old else _lzma2(coder.properties, context.window, path)]
    size = coder.size
    used = 1
    for further in following:
        if further.method == _DELTA:
            filters.insert(0, {"id": lzma.FILTER_DELTA, "dist": (further.properties or b"\0")[0] + 1})
        elif further.method in _BRANCH and not old:
            filters.insert(0, {"id": _BRANCH[further.method][0]})
        else:
            break
        size = further.size
        used += 1
    make = raw_lzma_decoder(filters)
    return Checked(stream, make, context, path=path, packed=packed, size=size, sized=old), used


def _lzma2(properties: bytes, window: int, path: str) -> dict[str, Any]:
    bits = properties[0] if properties else 41
    if bits > 40:
        raise BrokenError("the description of its compression makes no sense")
    size = 0xFFFFFFFF if bits == 40 else (2 | bits & 1) << (bits // 2 + 11)
    check_window(size, window, path)
    return {"id": lzma.FILTER_LZMA2, "dict_size": size}


class _Branch(Forward):
    """Machine code with its jump targets made relative again."""

    def __init__(self, source: Forward, decoder: str, size: int) -> None:
        super().__init__()
        try:
            import bcj
        except ImportError:
            raise _UnsupportedError("a filter for machine code") from None
        self._source = source
        self._decoder = getattr(bcj, decoder)(size)

    def _more(self) -> bytes:
        while piece := self._source.read(IN_MEMORY // 32):
            out = bytes(self._decoder.decode(piece))
            if out:
                return out
        return b""
