"""Writers of every container, small enough to bend: the tests need archives that no honest tool would make."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable

from stanch.core.finding import Skipped
from stanch.sources.blob import Blob
from stanch.sources.containers import MemberError, expand
from stanch.sources.limits import Limits

Files = list[tuple[str, bytes]]


# ------------------------------------------------------------------------------------------------ reading


def read(blob: Blob) -> tuple[bytes, Skipped | None]:
    """Read a blob as a caller would; the problem is what its reader raised."""
    reader = blob.open()
    parts = []
    try:
        while piece := reader.read(100_000):
            parts.append(piece)
    except MemberError as exc:
        return b"".join(parts), exc.skipped
    return b"".join(parts), None


def opened(data: bytes | Blob, path: str = "outer", limits: Limits | None = None) -> tuple[dict[str, bytes], list[Skipped]]:
    """Expand, and return contents by path and what was skipped."""
    blob = Blob(path=path, data=data) if isinstance(data, bytes) else data
    found: dict[str, bytes] = {}
    skipped: list[Skipped] = []
    for item in expand(blob, limits or Limits()):
        if isinstance(item, Skipped):
            skipped.append(item)
            continue
        content, problem = read(item)
        assert item.path not in found
        found[item.path] = content
        if problem is not None:
            skipped.append(problem)
    return found, skipped


class Pipe(io.RawIOBase):
    """A source without random access that gives only a few bytes at a time."""

    def __init__(self, data: bytes, step: int = 1000) -> None:
        super().__init__()
        self._inner = io.BytesIO(data)
        self._step = step

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        return self._inner.read(self._step if size < 0 else min(size, self._step))


def piped(data: bytes, path: str = "outer") -> Blob:
    return Blob(path=path, opener=lambda: Pipe(data))  # type: ignore[arg-type,return-value]


# ------------------------------------------------------------------------------------------------ zip


def zip_entry(
    name: bytes,
    data: bytes,
    *,
    method: int = 8,
    flags: int = 0,
    crc: int | None = None,
    size: int | None = None,
    packed: bytes | None = None,
    descriptor: bytes | None = None,
) -> tuple[bytes, Callable[[int], bytes]]:
    """Return a local entry, and a function from its offset to its line in the table of contents."""
    if packed is None:
        packed = data
        if method == 8:
            packer = zlib.compressobj(6, zlib.DEFLATED, -15)
            packed = packer.compress(data) + packer.flush()
    crc = zlib.crc32(data) if crc is None else crc
    size = len(data) if size is None else size
    known = (crc, len(packed), size)
    if descriptor is not None:
        flags |= 8
    local = struct.pack(
        "<4s5H3L2H", b"PK\3\4", 20, flags, method, 0, 0, *(known if descriptor is None else (0, 0, 0)), len(name), 0
    )
    behind = b"" if descriptor is None else descriptor + struct.pack("<3L", *known)

    def line(offset: int) -> bytes:
        fixed = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, flags, method, 0, 0, *known, len(name), 0, 0, 0, 0, 0, offset)
        return fixed + name

    return local + name + packed + behind, line


def zip_of_entries(entries: Iterable[tuple[bytes, Callable[[int], bytes]]], *, table: bool = True) -> bytes:
    body = b""
    lines = []
    for local, line in entries:
        lines.append(line(len(body)))
        body += local
    if not table:
        return body
    listing = b"".join(lines)
    return body + listing + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(lines), len(lines), len(listing), len(body), 0)


def zip_of(files: Files, **kind: int) -> bytes:
    return zip_of_entries(zip_entry(name.encode(), data, **kind) for name, data in files)


def zipfile_of(files: Files, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return out.getvalue()


# ------------------------------------------------------------------------------------------------ tar, ar, cpio


def tar_of(files: Files, form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def tar_header(name: bytes, size: int, kind: bytes = b"0", magic: bytes = b"ustar\x0000") -> bytes:
    block = bytearray(512)
    block[: len(name)] = name
    block[100:108] = b"0000644\0"
    block[108:124] = b"0000000\0" * 2
    block[124:136] = b"%011o\0" % size
    block[136:148] = b"00000000000\0"
    block[148:156] = b" " * 8
    block[156:157] = kind
    block[257 : 257 + len(magic)] = magic
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def ar_of(files: Files) -> bytes:
    """GNU style: names of more than 15 bytes go to a table."""
    table = b""
    body = b""
    for name, data in files:
        raw = name.encode()
        if len(raw) > 15 or b"/" in raw:
            shown = b"/%d" % len(table)
            table += raw + b"/\n"
        else:
            shown = raw + b"/"
        body += ar_header(shown, len(data)) + data + b"\n" * (len(data) & 1)
    names = ar_header(b"//", len(table)) + table + b"\n" * (len(table) & 1) if table else b""
    return b"!<arch>\n" + names + body


def ar_header(name: bytes, size: int) -> bytes:
    return name.ljust(16) + b"0".ljust(12) + b"0".ljust(6) * 2 + b"100644".ljust(8) + str(size).encode().ljust(10) + b"`\n"


def cpio_entry(name: bytes, data: bytes, mode: int = 0o100644) -> bytes:
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name + b"\0"
    head += bytes(-len(head) & 3)
    return head + data + bytes(-len(data) & 3)


def cpio_of(files: Files) -> bytes:
    return b"".join(cpio_entry(name.encode(), data) for name, data in files) + cpio_entry(b"TRAILER!!!", b"", 0)


# ------------------------------------------------------------------------------------------------ packages


def deb_of(files: Files, pack: Callable[[bytes], bytes] = gzip.compress, suffix: str = "gz") -> bytes:
    control = pack(tar_of([("./control", b"Package: demo\n"), ("./postinst", b"#!/bin/sh\nexit 0\n")]))
    data = pack(tar_of([("./" + name, content) for name, content in files]))
    return ar_of([("debian-binary", b"2.0\n"), (f"control.tar.{suffix}", control), (f"data.tar.{suffix}", data)])


def rpm_of(files: Files, pack: Callable[[bytes], bytes] = gzip.compress, script: bytes = b"systemctl daemon-reload\n") -> bytes:
    lead = b"\xed\xab\xee\xdb\x03\x00".ljust(96, b"\0")
    signature = rpm_header(b"signature")
    signature += bytes(-len(signature) & 7)
    return lead + signature + rpm_header(script) + pack(cpio_of([("./" + name, data) for name, data in files]))


def rpm_header(store: bytes) -> bytes:
    return (
        b"\x8e\xad\xe8\x01" + bytes(4) + struct.pack(">LL", 1, len(store) + 1) + struct.pack(">4L", 1023, 6, 0, 1) + store + b"\0"
    )


COPY = [{"id": 0x33}]  # py7zr's number for no compression
FAST = [{"id": lzma.FILTER_LZMA2, "preset": 1}]


def sevenzip_of(files: Files, filters: list[dict[str, int]] | None = None, password: str | None = None) -> bytes:
    import py7zr

    out = io.BytesIO()
    with py7zr.SevenZipFile(out, "w", filters=filters or FAST, password=password) as archive:
        for name, data in files:
            archive.writestr(data, name)
    return out.getvalue()


# ------------------------------------------------------------------------------------------------ compression


def zstd_of(data: bytes, **options: bool) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor(**options).compress(data)


def lzma_of(data: bytes) -> bytes:
    return lzma.compress(data, format=lzma.FORMAT_ALONE, preset=1)


def xz_of(data: bytes) -> bytes:
    return lzma.compress(data, preset=1)


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": xz_of,
    "lzma": lzma_of,
    "zst": zstd_of,
}

ARCHIVERS: dict[str, Callable[[Files], bytes]] = {
    "zip": zip_of,
    "tar": tar_of,
    "ar": ar_of,
    "cpio": cpio_of,
    "7z": sevenzip_of,
    "deb": deb_of,
    "rpm": rpm_of,
    **{f"tar.{suffix}": (lambda files, pack=pack: pack(tar_of(files))) for suffix, pack in PACKERS.items()},
}
