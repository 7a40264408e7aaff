"""Cut a JSON document of any size into the elements that a reader wants, one at a time and with bounded memory.

A reader names places (``("runs", "[]", "results", "[]")``); what lies there is parsed by the standard library's decoder and
yielded, everything else is stepped over. What is hostile stays cheap: an element that is too large, nested too deep or holds a
number of a million digits is stepped over and counted, and no more than one element and one block are in memory at a time.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

MOST: Final = 8 * 1024 * 1024  # characters of one element
BLOCK: Final = 1024 * 1024  # bytes read at a time
ITEMS: Final = "[]"
ANY: Final = "*"

Pattern = tuple[str, ...]
Path = tuple[str | int, ...]

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_OUTSIDE: Final = re.compile(r'["{}\[\]]')
_INSIDE: Final = re.compile(r'["\\]')
_SCALAR_END: Final = re.compile(r"[ \t\r\n,\]}]")
_NUMBER: Final = re.compile(r"[-+.0-9eE]*")
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


class BrokenError(ValueError):
    """The document is no JSON from here on; carries nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """What lies at a place that a reader wants.

    Attributes:
        path: keys and positions that lead to it; empty for a whole document.
        value: parsed.
        number: how many elements came before it.
    """

    path: Path
    value: Any
    number: int


class Splitter:
    """Steps through JSON text.

    Args:
        stream: binary; UTF-8, or UTF-16 with a byte order mark, as PowerShell writes it.
        skipped: is told why an element was stepped over: ``too_large`` or ``malformed``.
        most: characters of one element.
        block: bytes read at a time.
    """

    def __init__(
        self, stream: BinaryIO, skipped: Callable[[str], None] | None = None, *, most: int = MOST, block: int = BLOCK
    ) -> None:
        self._stream = stream
        self._skipped = skipped or (lambda code: None)
        self._most = most
        self._block = block
        self._buffer = ""
        self._at = 0
        self._ended = False
        self._passed = 0  # line breaks in front of the buffer
        self._count = 0
        self._decode: Callable[..., str] | None = None
        self._parse = json.JSONDecoder(strict=False, parse_constant=lambda name: None).raw_decode

    @property
    def line(self) -> int:
        """The line we are in, from 1."""
        return self._passed + self._buffer.count("\n", 0, self._at) + 1

    def elements(self, patterns: Sequence[Pattern]) -> Iterator[Element]:
        """Yield what lies at the places, in the order of the text. Several documents may follow each other.

        Args:
            patterns: each a tuple of keys, ``*`` for any key and ``[]`` for any position; ``()`` is a whole document.

        Raises:
            BrokenError: the text is no JSON from here on.
        """
        while self._peek():
            yield from self._value(patterns, ())
            if self._peek() == ",":  # elements without their brackets, as some scripts join them
                self._at += 1

    def lines(self) -> Iterator[Element]:
        """Yield a parsed value a line; empty lines are passed, and lines that are no JSON are skipped."""
        for line in self.texts():
            bare = line.strip()
            if not bare:
                continue
            try:
                value, end = self._parse(bare)
            except (ValueError, RecursionError):
                end = -1
            if end == len(bare):
                yield self._element((), value)
            else:
                self._skipped("malformed")

    def texts(self) -> Iterator[str]:
        """Yield the lines themselves, with their ends; those that are too long are skipped."""
        while (line := self._line()) is not None:
            if line is _LONG:
                self._skipped("too_large")
            else:
                yield line

    def _element(self, path: Path, value: Any) -> Element:
        self._count += 1
        return Element(path=path, value=value, number=self._count - 1)

    # --- the walk ---------------------------------------------------------------------------------------------------

    def _value(self, live: Sequence[Pattern], path: Path) -> Iterator[Element]:
        depth, char = len(path), self._peek()
        deeper = [p for p in live if len(p) > depth]
        if char == "[" and (inner := [p for p in deeper if p[depth] == ITEMS]):
            yield from self._array(inner, path)
        elif char == "{" and (inner := [p for p in deeper if p[depth] != ITEMS]):
            yield from self._object(inner, path)
        elif any(len(p) == depth for p in live):
            value = self._read()
            if value is not _NOTHING:
                yield self._element(path, value)
        else:
            self._step_over()

    def _array(self, live: Sequence[Pattern], path: Path) -> Iterator[Element]:
        self._at += 1
        index = 0
        if self._peek() == "]":
            self._at += 1
            return
        while True:
            yield from self._value(live, (*path, index))
            index += 1
            if self._between("]"):
                return

    def _object(self, live: Sequence[Pattern], path: Path) -> Iterator[Element]:
        self._at += 1
        if self._peek() == "}":
            self._at += 1
            return
        while True:
            key = self._read() if self._peek() == '"' else _NOTHING
            if not isinstance(key, str) or self._peek() != ":":
                raise BrokenError
            self._at += 1
            wanted = [p for p in live if p[len(path)] in (key, ANY)]
            if wanted:
                yield from self._value(wanted, (*path, key))
            else:
                self._step_over()
            if self._between("}"):
                return

    def _between(self, closing: str) -> bool:
        """Go behind the comma or the bracket behind a value; tell whether it was the bracket."""
        char = self._peek()
        if char not in (",", closing) or not char:
            raise BrokenError
        self._at += 1
        return char == closing

    # --- values -----------------------------------------------------------------------------------------------------

    def _read(self) -> Any:
        """Parse the next value; `_NOTHING` when it had to be stepped over, which is reported."""
        while True:
            try:
                value, end = self._parse(self._buffer, self._at)
            except (ValueError, RecursionError):
                if len(self._buffer) - self._at <= self._most and self._more():
                    continue
                break
            if isinstance(value, (int, float)) and _NUMBER.fullmatch(self._buffer, end) and self._more():
                continue  # the number may go on
            if end - self._at > self._most:
                break
            self._at = end
            return value
        began = self._passed, len(self._buffer) - self._at
        self._step_through()
        self._skipped("too_large" if began[1] > self._most else "malformed")
        return _NOTHING

    def _step_over(self) -> None:
        """Go behind the next value without keeping it."""
        self._peek()
        try:
            value, self._at = self._parse(self._buffer, self._at)
        except (ValueError, RecursionError):
            self._step_through()
        else:
            if isinstance(value, (int, float)):  # a number may go on in the next block
                self._scalar()

    def _step_through(self) -> None:
        """Go behind the next value whatever its size and depth, counting brackets."""
        char = self._peek()
        if char in ("", ",", "]", "}"):
            raise BrokenError
        if char not in ("{", "[", '"'):
            self._scalar()
            return
        depth, inside = 0, False
        while True:
            found = (_INSIDE if inside else _OUTSIDE).search(self._buffer, self._at)
            if found is None:
                self._at = len(self._buffer)
                self._need()
                continue
            char, self._at = found.group(), found.end()
            if char == "\\":
                if self._at == len(self._buffer):
                    self._need()
                self._at += 1
            elif char == '"':
                inside = not inside
            else:
                depth += 1 if char in "{[" else -1
            if depth <= 0 and not inside:
                return

    def _scalar(self) -> None:
        while (found := _SCALAR_END.search(self._buffer, self._at)) is None:
            self._at = len(self._buffer)
            if not self._more():
                return
        self._at = found.start()

    # --- text -------------------------------------------------------------------------------------------------------

    def _peek(self) -> str:
        """Return the next character that is no space; empty at the end."""
        while True:
            found = _SPACE.match(self._buffer, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._more():
                return ""

    def _line(self) -> str | None:
        long = False
        while (end := self._buffer.find("\n", self._at)) < 0:
            if len(self._buffer) - self._at > self._most:
                long, self._at = True, len(self._buffer)
            if not self._more():
                break
        end = len(self._buffer) if end < 0 else end + 1
        if end == self._at and not long:
            return None
        line = self._buffer[self._at : end]
        self._at = end
        return _LONG if long or len(line) > self._most else line

    def _need(self) -> None:
        if not self._more():
            raise BrokenError

    def _more(self) -> bool:
        """Read another block behind what is not used yet; false at the end."""
        if self._ended:
            return False
        while True:
            raw = self._stream.read(self._block)
            text = self._decoder(raw)(raw, not raw)
            self._ended = not raw
            if text or self._ended:
                break
        self._passed += self._buffer.count("\n", 0, self._at)
        self._buffer = self._buffer[self._at :] + text
        self._at = 0
        return bool(text)

    def _decoder(self, raw: bytes) -> Callable[..., str]:
        if self._decode is None:
            encoding = next((name for mark, name in _MARKS if raw.startswith(mark)), "utf-8")
            # Bytes that are no UTF-8 become surrogates, from which a value gets its very bytes back.
            errors = "surrogateescape" if encoding == "utf-8" else "replace"
            plain = codecs.getincrementaldecoder(encoding)(errors).decode
            self._decode = lambda data, final: plain(data, final)
            return lambda data, final: plain(data, final).removeprefix("\ufeff")
        return self._decode


_NOTHING: Final = object()
_LONG: Final = "\0long"
