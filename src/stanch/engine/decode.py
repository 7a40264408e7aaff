"""Values in disguise: base64, hex, UTF-16, percent escapes, gzip.

A decoder turns a region of a blob into plain bytes and remembers how to map a span of those back to the blob. Regions are
bounded, so memory and time do not depend on what a file claims to contain.
"""

from __future__ import annotations

import binascii
import zlib
from bisect import bisect_right
from collections.abc import Callable
from typing import Final

from stanch.core.records import dataclass
from stanch.engine.lazy import Lazy

REACH: Final = 48_000  # characters decoded to either side of a hit
MAX_INFLATED: Final = 4 * 1024 * 1024
# What stands between two runs of the alphabet that are one text: line ends, escaped ones too, with indentation; the end of a
# string and the beginning of the next that is joined to it ("…" + ⏎ "…"); the backslash of an escaped slash.
_BREAK: Final = rb"(?:\r?\n|\\n|\\r\\n)[ \t]*"
_JOINT: Final = rb"""(?:\\[nr])?["'][ \t]{0,8}[+.&\\]?[ \t]{0,8}\r?\n[ \t]{0,80}[+.&]?[ \t]{0,8}[b@]?["']"""
_GAP: Final = rb"(?:" + _BREAK + rb"|" + _JOINT + rb"|\\(?=/))"
# Backwards the letter of an escape comes before its backslash, and a run of the alphabet has taken it already.
_BREAK_BACK: Final = rb"(?:[ \t]*\n\r?|(?<=n)\\(?:r\\)?|[ \t]+n\\(?:r\\)?)"
_JOINT_BACK: Final = rb"""["'][b@]?[ \t]{0,8}[+.&]?[ \t]{0,80}\n\r?[ \t]{0,8}[+.&\\]?[ \t]{0,8}["'](?:[nr]\\)?"""
_GAP_BACK: Final = rb"(?:" + _BREAK_BACK + rb"|" + _JOINT_BACK + rb"|(?<=/)\\)"
_BACK: Final = Lazy(rb"[A-Za-z0-9+/_-]*(?:" + _GAP_BACK + rb"[A-Za-z0-9+/_-]+)*")
_FORTH: Final = Lazy(rb"[A-Za-z0-9+/_-]*(?:" + _GAP + rb"[A-Za-z0-9+/_-]+)*={0,2}")
_JUNK: Final = Lazy(rb"\\r|\\n|\s|" + _JOINT + rb"|\\(?=/)")
_HEX_BACK: Final = Lazy(rb"[0-9A-Fa-f]*")
_WIDE_BACK: Final = Lazy(rb"(?:\x00[\t\r\n\x20-\x7e])*")
_WIDE_FORTH: Final = Lazy(rb"(?:[\t\r\n\x20-\x7e]\x00)*")
_PERCENT_RUN: Final = Lazy(rb"[^\s\"'<>\\]*")
_URLSAFE: Final = bytes.maketrans(b"-_", b"+/")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Region:
    """Decoded bytes and the place they came from.

    Attributes:
        data: what was decoded.
        start: first byte of the encoded text in the blob.
        end: the byte after its last.
        how: ``base64``, ``hex``, ``utf-16``, ``percent``, ``gzip``.
        rate: encoded characters per decoded byte, as a fraction; (0, 1) when spans cannot be mapped finer than the region.
        junk: line ends and the like between the characters: how many characters stand before each piece, and how many
            bytes of junk up to and including it.
        cut: whether the encoded text goes on behind `end`.
    """

    data: bytes
    start: int
    end: int
    how: str
    rate: tuple[int, int]
    junk: tuple[tuple[int, int], ...] = ()
    cut: bool = False

    def outer(self, start: int, end: int) -> tuple[int, int]:
        """Map a span of `data` to the blob."""
        up, down = self.rate
        if not up:
            return self.start, self.end
        last = -(-end * up // down)
        return self._place(start * up // down), min(self.end, self._place(last - 1) + 1 if last else self.start)

    def _place(self, character: int) -> int:
        index = bisect_right(self.junk, character, key=lambda piece: piece[0])
        return self.start + character + (self.junk[index - 1][1] if index else 0)


def base64_around(data: bytes, hit: int, length: int, align: int, reach: int = REACH) -> Region | None:
    """Decode the base64 text around a fragment.

    Args:
        data: the blob.
        hit: offset behind the fragment.
        length: characters in the fragment.
        align: position of its first plain byte in a group of three.
        reach: how far to look to either side.
    """
    first = hit - length
    low = max(0, first - reach)
    back = _BACK.match(data[low:first][::-1])
    start = first - (back.end() if back else 0)
    high = min(len(data), hit + reach)
    forth = _FORTH.match(data, hit, high)
    end = forth.end() if forth else hit
    # Characters of the fragment's group that stand before it: the fragment starts at character ceil(align * 8 / 6).
    lead = -(-align * 8 // 6)
    before = len(_JUNK.sub(b"", data[start:first]))
    skip = (before - lead) % 4 if before >= lead else before
    while skip:  # the characters of an unfinished group, and the line ends among them
        if not (junk := _JUNK.match(data, start)):
            skip -= 1
        start = junk.end() if junk else start + 1
    text = data[start:end]
    pieces: list[tuple[int, int]] = []
    removed = 0
    for junk in _JUNK.finditer(text):
        pieces.append((junk.start() - removed, removed + junk.end() - junk.start()))
        removed = pieces[-1][1]
    raw = decode_base64(_JUNK.sub(b"", text) if pieces else text)
    if raw is None:
        return None
    return Region(raw, start, end, "base64", (4, 3), tuple(pieces), end == high < len(data))


def decode_base64(text: bytes) -> bytes | None:
    """Decode standard or URL-safe base64 without regard to padding; a single character left over is dropped."""
    body = text.rstrip(b"=")
    if len(body) % 4 == 1:
        body = body[:-1]
    if len(body) < 4:
        return None
    try:
        return binascii.a2b_base64(body.translate(_URLSAFE) + b"=" * (-len(body) % 4))
    except binascii.Error:
        return None


def hex_around(data: bytes, hit: int, length: int, reach: int = REACH) -> Region | None:
    """Decode the hex digits around a fragment, keeping its byte boundary."""
    first = hit - length
    back = _HEX_BACK.match(data[max(0, first - reach) : first][::-1])
    start = first - (back.end() if back else 0) // 2 * 2
    high = min(len(data), hit + reach)
    forth = _HEX_BACK.match(data, hit, high)
    end = hit + (forth.end() - hit if forth else 0) // 2 * 2
    return Region(binascii.a2b_hex(data[start:end]), start, end, "hex", (2, 1), cut=end + 1 >= high < len(data))


def wide_around(data: bytes, hit: int, length: int, reach: int = REACH) -> Region | None:
    """Take every second byte of the UTF-16 (little endian) text around a fragment."""
    first = hit - length
    back = _WIDE_BACK.match(data[max(0, first - reach) : first][::-1])
    start = first - (back.end() if back else 0)
    high = min(len(data), hit + reach)
    forth = _WIDE_FORTH.match(data, hit, high)
    end = forth.end() if forth else hit
    return Region(data[start:end:2], start, end, "utf-16", (2, 1), cut=end + 1 >= high < len(data))


def percent_around(data: bytes, hit: int, length: int, reach: int = 4_000) -> Region | None:
    """Undo percent escapes in the run of non-space bytes around a fragment."""
    first = hit - length
    back = _PERCENT_RUN.match(data[max(0, first - reach) : first][::-1])
    start = first - (back.end() if back else 0)
    forth = _PERCENT_RUN.match(data, hit, min(len(data), hit + reach))
    end = forth.end() if forth else hit
    raw = unquote_to_bytes(data[start:end])
    return Region(raw, start, end, "percent", (0, 1)) if len(raw) != end - start else None


_PERCENT: Final = Lazy(rb"%([0-9A-Fa-f]{2})")


def unquote_to_bytes(text: bytes) -> bytes:
    """Undo percent escapes; urllib's own costs two milliseconds of start-up."""
    return _PERCENT.sub(lambda match: binascii.a2b_hex(match[1]), text)


_PERCENT_VALUE: Final = Lazy(rb"[A-Za-z0-9_.~!*'()/+=,:;$@-]*(?:%[0-9A-Fa-f]{2}[A-Za-z0-9_.~!*'()/+=,:;$@-]*)+")


def percent_value(data: bytes, start: int) -> Region | None:
    """Undo percent escapes in the value that begins at *start* and ends at a space, a quote or an ampersand."""
    match = _PERCENT_VALUE.match(data, start, min(len(data), start + 4_000))
    return Region(unquote_to_bytes(match.group()), start, match.end(), "percent", (0, 1)) if match else None


_ESCAPED_QUOTE: Final = Lazy(rb"""\\+"|\\'|&quot;|&#34;|&apos;|&#39;|&amp;|&lt;|&gt;|\\u0026|\\u003[de]|""|'\\''|\\/""")
_MEANT: Final = {
    b"&apos;": b"'", b"&#39;": b"'", b"&amp;": b"&", b"&lt;": b"<", b"&gt;": b">", b"'\\''": b"'", b"\\'": b"'",
    b"\\u0026": b"&", b"\\u003d": b"=", b"\\u003e": b">", b"\\/": b"/",
}  # fmt: skip


def unescape(data: bytes, low: int, high: int) -> tuple[bytes, Callable[[int], int]] | None:
    """Return a piece of a blob with quotes and entities undone, and the way back to its offsets; ``None`` when it has none."""
    parts: list[bytes] = []
    news, olds = [0], [low]
    at, size = low, 0
    for match in _ESCAPED_QUOTE.finditer(data, low, high):
        meant = _MEANT.get(match.group(), b'"')
        parts += [data[at : match.start()], meant]
        size += match.start() - at + len(meant)
        at = match.end()
        news.append(size)
        olds.append(at)
    if at == low:
        return None
    parts.append(data[at:high])

    def outer(offset: int) -> int:
        index = bisect_right(news, offset) - 1
        return olds[index] + offset - news[index]

    return b"".join(parts), outer


def inflate(raw: bytes) -> bytes | None:
    """Unpack gzip bytes up to `MAX_INFLATED`; ``None`` when they are not gzip."""
    if not raw.startswith(b"\x1f\x8b\x08"):
        return None
    machine = zlib.decompressobj(31)
    try:
        return machine.decompress(raw, MAX_INFLATED)
    except zlib.error:
        return None


def utf16(data: bytes) -> tuple[bytes, int] | None:
    """Return the narrow form of a UTF-16 blob and the offset of its first character, or ``None``.

    Characters outside Latin-1 keep only one of their bytes: enough to find credentials, and offsets stay exact (two
    bytes a character), which a real decoding would not give.
    """
    if data[:2] == b"\xff\xfe":
        return data[2::2], 2
    if data[:2] == b"\xfe\xff":
        return data[3::2], 2
    head = data[:512]
    if head.count(0) * 10 < len(head) * 4:
        return None
    if head[1::2].count(0) * 10 >= len(head[1::2]) * 9 and not head[0::2].count(0):
        return data[0::2], 0
    if head[0::2].count(0) * 10 >= len(head[0::2]) * 9 and not head[1::2].count(0):
        return data[1::2], 0
    return None


def is_text(raw: bytes) -> bool:
    """Tell whether decoded bytes are printable ASCII, give or take line ends."""
    return raw.isascii() and not raw.translate(None, _PRINTABLE)


_PRINTABLE: Final = bytes([9, 10, 13, *range(32, 127)])
