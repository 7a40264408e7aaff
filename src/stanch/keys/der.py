"""Reads ASN.1 as it is found in the wild: DER strictly by its lengths, BER by turning it into DER first.

`Der` takes elements off the front of some bytes and trusts no length. Indefinite lengths and strings in pieces, which old
Windows and Java tools write, are rewritten by `definite`, so that everything else reads definite lengths only. Nothing here
recurses without a limit, and the number of elements looked at is bounded: what a hostile file costs does not depend on what it
claims. Source: ITU-T X.690, https://www.itu.int/rec/T-REC-X.690.
"""

from __future__ import annotations

from typing import Final

from stanch.keys.encode import tlv
from stanch.keys.model import KeyFormatError

INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x02, 0x03, 0x04, 0x05, 0x06
SEQUENCE, SET = 0x30, 0x31

LARGEST: Final = 64 * 1024 * 1024
"""Octets above which no file is a container of keys."""

_DEEPEST: Final = 32
_MOST_ELEMENTS: Final = 100_000
_LONGEST_OID: Final = 64
_INDEFINITE: Final = 0x80
_CONSTRUCTED: Final = 0x20
_STRINGS: Final = {0x24: OCTET_STRING, 0x23: BIT_STRING, 0x2C: 0x0C}  # in pieces → whole


class Der:
    """Takes DER elements off the front of some bytes; every method raises `KeyFormatError` when they are not there.

    Args:
        data: the bytes.
        start: where to begin in them.
        end: where to stop; by default at their end.
    """

    __slots__ = ("_at", "_data", "_end")

    def __init__(self, data: bytes, start: int = 0, end: int | None = None) -> None:
        self._data = data
        self._at = start
        self._end = len(data) if end is None else end

    @property
    def tag(self) -> int:
        """Tag of the next element; -1 when there is none."""
        return self._data[self._at] if self._at < self._end else -1

    def done(self) -> bool:
        """Whether nothing is left."""
        return self._at >= self._end

    def inside(self, tag: int = -1) -> Der:
        """Step over an element and return a reader of its content.

        Args:
            tag: what it must be; -1 takes any.
        """
        start, end = self._bounds(tag)
        self._at = end
        return Der(self._data, start, end)

    def content(self, tag: int = -1) -> bytes:
        """Step over an element and return its content; arguments as in `inside`."""
        start, end = self._bounds(tag)
        self._at = end
        return self._data[start:end]

    def whole(self, tag: int = -1) -> bytes:
        """Step over an element and return it with its header; arguments as in `inside`."""
        begin = self._at
        _, self._at = self._bounds(tag)
        return self._data[begin : self._at]

    def maybe(self, tag: int) -> Der | None:
        """Return a reader of the next element when it has that tag, else ``None``: for what is OPTIONAL."""
        return self.inside(tag) if self.tag == tag else None

    def rest(self) -> bytes:
        """Return everything that was not taken yet, as it stands."""
        return self._data[self._at : self._end]

    def number(self) -> int:
        """Return an INTEGER."""
        start, end = self._bounds(INTEGER)
        self._at = end
        return int.from_bytes(self._data[start:end], "big", signed=True)

    def oid(self) -> str:
        """Return an OBJECT IDENTIFIER, dotted."""
        return dotted(self.content(OID))

    def bits(self) -> bytes:
        """Return a BIT STRING of whole octets."""
        content = self.content(BIT_STRING)
        if content[:1] != b"\0":
            raise KeyFormatError("a bit string does not end at an octet")
        return content[1:]

    def octets(self, tag: int = OCTET_STRING) -> bytes:
        """Return an OCTET STRING that may be implicitly tagged and, in BER, in pieces.

        Args:
            tag: of the primitive form.
        """
        if self.tag == tag | _CONSTRUCTED:
            pieces = self.inside(tag | _CONSTRUCTED)
            parts = []
            while not pieces.done():
                parts.append(pieces.content(OCTET_STRING))
            return b"".join(parts)
        return self.content(tag)

    def _bounds(self, tag: int) -> tuple[int, int]:
        at, data = self._at, self._data
        if self._end - at < 2 or (data[at] != tag and tag >= 0):
            raise KeyFormatError("the DER does not hold what was expected")
        if data[at] & 0x1F == 0x1F:
            raise KeyFormatError("a tag in the DER is longer than an octet")
        size = data[at + 1]
        at += 2
        if size & 0x80:
            count = size & 0x7F
            if not 1 <= count <= 4 or at + count > self._end:
                raise KeyFormatError("a length in the DER is broken")
            size = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + size > self._end:
            raise KeyFormatError("the DER is cut off")
        return at, at + size


def dotted(content: bytes) -> str:
    """Return the text of an object identifier's content octets.

    Raises:
        KeyFormatError: they are none, or longer than any that is in use.
    """
    known = _KNOWN.get(content)
    if known is None:
        if not 0 < len(content) <= _LONGEST_OID or content[-1] & 0x80:
            raise KeyFormatError("an object identifier is broken")
        known = _dotted(content)
        if len(_KNOWN) < _MOST_KNOWN:
            _KNOWN[content] = known
    return known


_KNOWN: Final[dict[bytes, str]] = {}
_MOST_KNOWN: Final = 1_024


def _dotted(content: bytes) -> str:
    arcs, value = [], 0
    for octet in content:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def element(data: bytes) -> bytes:
    """Return the DER element some bytes begin with, without what follows it.

    Raises:
        KeyFormatError: they begin with none.
    """
    return Der(data).whole()


def definite(data: bytes) -> bytes:
    """Return the BER element some bytes begin with, written with definite lengths and strings in one piece.

    Elements that are DER already stay as they are, octet for octet, so signatures over them keep verifying.

    Raises:
        KeyFormatError: it is no BER, nests deeper than anything real, or has too many elements.
    """
    return _Rewriter(data).element(0, len(data), _DEEPEST)[0]


def is_indefinite(data: bytes) -> bool:
    """Whether the outermost element has an indefinite length."""
    return len(data) > 1 and data[1] == _INDEFINITE and data[0] & _CONSTRUCTED != 0


class _Rewriter:
    """One pass over some BER."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._left = _MOST_ELEMENTS

    def element(self, at: int, end: int, depth: int) -> tuple[bytes, int]:
        """Return the element at a place in DER, and where it ends."""
        data = self._data
        if depth == 0 or self._left == 0:
            raise KeyFormatError("the BER nests too deep or has too many elements")
        self._left -= 1
        if end - at < 2 or data[at] & 0x1F == 0x1F:
            raise KeyFormatError("the BER does not hold what was expected")
        tag, begin = data[at], at
        if data[at + 1] != _INDEFINITE:
            at, stop = Der(data, at, end)._bounds(-1)
            if not tag & _CONSTRUCTED or not self._rewrites(at, stop):
                return data[begin:stop], stop
            parts, _ = self._children(at, stop, depth, closed=True)
            if tag not in _STRINGS and b"".join(parts) == data[at:stop]:  # keep lengths that are longer than need be
                return data[begin:stop], stop
            return _joined(tag, parts), stop
        if not tag & _CONSTRUCTED:
            raise KeyFormatError("a primitive element has an indefinite length")
        parts, stop = self._children(at + 2, end, depth, closed=False)
        return _joined(tag, parts), stop

    def _rewrites(self, at: int, stop: int) -> bool:
        """Whether an indefinite length or a string in pieces can be inside at all: the octets that would say so are there."""
        return self._data.find(b"\x80", at, stop) >= 0 or self._data.find(b"\x24", at, stop) >= 0

    def _children(self, at: int, end: int, depth: int, *, closed: bool) -> tuple[list[bytes], int]:
        parts: list[bytes] = []
        while at < end or not closed:
            if not closed and self._data[at : at + 2] == b"\0\0":
                return parts, at + 2
            part, at = self.element(at, end, depth - 1)
            parts.append(part)
        return parts, at


def _joined(tag: int, parts: list[bytes]) -> bytes:
    whole = _STRINGS.get(tag)
    if whole is None:
        return tlv(tag, b"".join(parts))
    contents = [Der(part).content(whole) for part in parts]
    if whole == BIT_STRING:
        contents = [content if n == 0 else content[1:] for n, content in enumerate(contents)]
    return tlv(whole, b"".join(contents))
