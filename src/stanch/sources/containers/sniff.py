"""Which container, if any, begins with these bytes. Runs for every file of a scan, so it looks at the first byte first."""

from __future__ import annotations

import re
from enum import Enum

HEAD = 560  # bytes that decide: a tar header and a little more


class Kind(str, Enum):
    """The containers that can be opened."""

    ZIP = "zip"
    TAR = "tar"
    GZIP = "gzip"
    BZIP2 = "bzip2"
    XZ = "xz"
    LZMA = "lzma"
    ZSTD = "zstd"
    SEVEN_ZIP = "7z"
    AR = "ar"
    RPM = "rpm"
    CPIO = "cpio"
    NOTEBOOK = "notebook"

    @property
    def compressed(self) -> bool:
        """Whether it holds a single stream."""
        return self in _COMPRESSED


_COMPRESSED = frozenset({Kind.GZIP, Kind.BZIP2, Kind.XZ, Kind.LZMA, Kind.ZSTD})
# First bytes worth a second look. 0x50–0x5F: zstd frames to pass over, and P of PK; spaces and 0xEF: JSON.
_FIRST = frozenset(b"PB7!0{#\x1f\xfd\x5d\x28\xed\xef \t\r\n") | frozenset(range(0x50, 0x60))
_BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17\x72\x45\x38\x50\x90)", re.DOTALL)
_CPIO = re.compile(rb"07070[12][0-9A-Fa-f]{104}")
_NOTEBOOK = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{")


def is_container(head: bytes) -> bool:
    """Whether `expand` would find something in a file that begins with `head`.

    Args:
        head: the first 560 bytes, or all when there are fewer.
    """
    return kind_of(head) is not None


def looks_like_document(head: bytes) -> bool:
    """Whether this is a text file that is worth reading as a document as well: a notebook, so far."""
    return b'"cells"' in head and _NOTEBOOK.match(head) is not None


def kind_of(head: bytes) -> Kind | None:
    """Return the kind of container that begins with `head`."""
    if len(head) >= 512 and _is_tar(head):
        return Kind.TAR
    if not head or head[0] not in _FIRST:
        return None
    first = head[0]
    if first in b"{\xef \t\r\n":
        return Kind.NOTEBOOK if looks_like_document(head) else None
    return _by_magic(head)


def _is_tar(head: bytes) -> bool:
    if head[257:262] == b"ustar":
        return is_tar_header(head[:512])
    # Version 7 had no magic: a name padded with zeros, then octal numbers, and a matching checksum.
    return head[99] == 0 and head[0] != 0 and head[155] in b"\0 " and head[107] in b"\0 " and is_tar_header(head[:512])


def is_tar_header(block: bytes) -> bool:
    """Whether a block of 512 bytes has the checksum of a tar header."""
    try:
        stated = int(block[148:156].strip(b"\0 ") or b"x", 8)
    except ValueError:
        return False
    rest = block[:148] + block[156:]
    plain = sum(rest) + 8 * 0x20
    # Some old writers summed signed bytes.
    return stated == plain or stated == plain - 256 * sum(byte > 127 for byte in rest)


def _by_magic(head: bytes) -> Kind | None:
    four = head[:4]
    if four in (b"PK\x03\x04", b"PK\x05\x06") or head[:8] in (b"PK\x07\x08PK\x03\x04", b"PK00PK\x03\x04"):
        return Kind.ZIP
    if four[:3] == b"\x1f\x8b\x08" and len(head) > 3 and not head[3] & 0xE0:
        return Kind.GZIP
    if head[:6] == b"\xfd7zXZ\0":
        return Kind.XZ
    if four == b"\x28\xb5\x2f\xfd" or (four[1:] == b"\x2a\x4d\x18" and 0x50 <= head[0] <= 0x5F):
        return Kind.ZSTD
    if _BZIP2.match(head):
        return Kind.BZIP2
    if head[:6] == b"7z\xbc\xaf\x27\x1c":
        return Kind.SEVEN_ZIP
    if head[:8] == b"!<arch>\n":
        return Kind.AR
    if four == b"\xed\xab\xee\xdb":
        return Kind.RPM
    if _CPIO.match(head):
        return Kind.CPIO
    if _is_lzma(head):
        return Kind.LZMA
    # A Python zip application: a line that names the interpreter, then the archive.
    if head[:2] == b"#!" and b"\nPK\x03\x04" in head:
        return Kind.ZIP
    return None


def _is_lzma(head: bytes) -> bool:
    """The old lzma format has no magic: common properties, a dictionary size that writers use, and a plausible length."""
    if len(head) < 14 or head[0] != 0x5D or head[13] != 0:
        return False
    size = int.from_bytes(head[1:5], "little")
    if size < 4096 or (size & (size - 1) and size.bit_count() != 2 and size != 0xFFFFFFFF):
        return False
    length = int.from_bytes(head[5:13], "little")
    return length == 0xFFFFFFFFFFFFFFFF or length < 1 << 38
