"""Running text of office documents, in which a secret may be cut into pieces by formatting.

Word, Excel and PowerPoint files (ECMA-376) and OpenDocument are zips of XML. Their members are scanned as they are;
the text made here joins runs, ends paragraphs with a newline and cells with a tab. A document type declaration is
refused, so there are no entities to expand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn

from stanch.sources.containers import problems
from stanch.sources.containers.problems import BrokenError, LimitError, MemberError
from stanch.sources.containers.streams import Forward

Opener = Callable[[str], Forward]
_PIECE = 64 * 1024  # bytes of XML parsed at a time
_TOKEN = 1024 * 1024  # bytes of one tag, which the parser has to hold
_DEPTH = 2_000  # elements inside each other; real documents stay below a hundred
_SHARED = 32 * 1024 * 1024  # bytes, roughly, that the shared texts of a workbook may take
_PER_TEXT = 64
_SHORT = 1024  # characters; a longer shared text is given only for the first cell that has it
_WORD = re.compile(r"word/(?:document\d*|header\d*|footer\d*|footnotes|endnotes|comments)\.xml")
_SLIDE = re.compile(r"ppt/(?:slides/slide\d+|notesSlides/notesSlide\d+|comments/[^/]+)\.xml")
_SHEET = re.compile(r"xl/(?:worksheets/sheet\d+|comments\d*)\.xml")
_SHARED_TEXTS = "xl/sharedStrings.xml"
_NUMBER = re.compile(r"(\d+)")


def document_text(names: Iterable[str], opened: Opener, path: str) -> Iterator[str] | None:
    """Return the text of a document in pieces, or ``None`` when a zip with these members is none.

    Args:
        names: of the members.
        opened: opens one of them.
        path: of the text, for messages.

    Raises:
        MemberError: while iterating, at the end: a part could not be read.
    """
    known = set(names)
    if "[Content_Types].xml" in known:
        if _SHARED_TEXTS in known or "xl/workbook.xml" in known:
            return _Workbook(known, opened, path).text()
        parts = [name for name in known if _WORD.fullmatch(name) or _SLIDE.fullmatch(name)]
        return _Parts(parts, opened, path, _Office).text() if parts else None
    if "content.xml" in known and "mimetype" in known:
        return _Parts([name for name in ("content.xml", "styles.xml") if name in known], opened, path, _OpenDocument).text()
    return None


class _Reader:
    """Collects text from the elements of one part; `pieces` is emptied as it grows."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._depth = 0
        self._cell_break = False

    def parse(self, stream: Forward) -> Iterator[str]:
        """Yield the text of one part.

        Raises:
            BrokenError: it is not well-formed, or declares entities.
        """
        from xml.parsers import expat

        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse
        parser.EntityDeclHandler = _refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self.characters
        fed = 0
        while True:
            data = stream.read(_PIECE)
            fed += len(data)
            error = None
            try:
                parser.Parse(data, not data)
            except expat.ExpatError:
                error = BrokenError("a part of the document is not well-formed XML")
            except BrokenError as exc:
                error = exc
            if self.pieces:
                text = "".join(self.pieces)
                self.pieces.clear()
                yield text
            if error is not None:
                raise error
            if fed - parser.CurrentByteIndex > _TOKEN:
                raise BrokenError("a part of the document has an element without end")
            if not data:
                return

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEPTH:
            raise BrokenError("a part of the document nests its elements too deep")
        self.start(name.rpartition(" ")[2], attributes)

    def _end(self, name: str) -> None:
        self._depth -= 1
        self.end(name.rpartition(" ")[2])

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Meet the start of an element."""

    def end(self, tag: str) -> None:
        """Meet the end of an element."""

    def characters(self, text: str) -> None:
        """Meet text."""

    def add(self, text: str) -> None:
        """Add running text; a paragraph in a table cell that goes on is set apart first."""
        if self._cell_break:
            self._cell_break = False
            self.pieces.append("\n")
        self.pieces.append(text)

    def close_cell(self, closing: str) -> None:
        """End a cell or row; its last paragraph needs no newline of its own."""
        self._cell_break = False
        self.pieces.append(closing)


class _Office(_Reader):
    """Word and PowerPoint: their text elements share names."""

    def __init__(self) -> None:
        super().__init__()
        self._in_text = False
        self._cells = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in ("t", "delText", "instrText", "text"):
            self._in_text = True
        elif tag == "tc":
            self._cells += 1
        elif tag == "tab":
            self.add("\t")
        elif tag in ("br", "cr"):
            self.add("\n")

    def end(self, tag: str) -> None:
        if tag in ("t", "delText", "instrText", "text"):
            self._in_text = False
        elif tag == "p":
            if self._cells:
                self._cell_break = True
            else:
                self.pieces.append("\n")
        elif tag == "tc":
            self._cells -= 1
            self.close_cell("\t")
        elif tag == "tr":
            self.close_cell("\n")

    def characters(self, text: str) -> None:
        if self._in_text:
            self.add(text)


class _OpenDocument(_Reader):
    """OpenDocument text, sheets and slides."""

    def __init__(self) -> None:
        super().__init__()
        self._paragraphs = 0
        self._cells = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in ("p", "h"):
            self._paragraphs += 1
        elif tag == "table-cell":
            self._cells += 1
        elif self._paragraphs:
            if tag == "tab":
                self.add("\t")
            elif tag == "line-break":
                self.add("\n")
            elif tag == "s":
                self.add(" ")

    def end(self, tag: str) -> None:
        if tag in ("p", "h"):
            self._paragraphs -= 1
            if self._cells:
                self._cell_break = True
            else:
                self.pieces.append("\n")
        elif tag == "table-cell":
            self._cells -= 1
            self.close_cell("\t")
        elif tag == "table-row":
            self.close_cell("\n")

    def characters(self, text: str) -> None:
        if self._paragraphs:
            self.add(text)


class _SharedTexts(_Reader):
    """The table of texts that the cells of a workbook point to; yields nothing, keeps them in `texts`."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._parts: list[str] = []
        self._in_text = False
        self._phonetic = False
        self._room = _SHARED

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "t":
            self._in_text = not self._phonetic
        elif tag == "rPh":
            self._phonetic = True

    def end(self, tag: str) -> None:
        if tag == "t":
            self._in_text = False
        elif tag == "rPh":
            self._phonetic = False
        elif tag == "si":
            self._charge(_PER_TEXT)
            self.texts.append("".join(self._parts))
            self._parts.clear()

    def characters(self, text: str) -> None:
        if self._in_text:
            self._charge(len(text))
            self._parts.append(text)

    def _charge(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise BrokenError("its texts are too many to hold")


class _Sheet(_Reader):
    """One sheet of a workbook, or its comments."""

    def __init__(self, texts: list[str]) -> None:
        super().__init__()
        self._texts = texts
        self._shown: set[int] = set()
        self._shared = False
        self._in_value = False
        self._index = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "c":
            self._shared = attributes.get("t") == "s"
        elif tag in ("v", "t"):
            self._in_value = True

    def end(self, tag: str) -> None:
        if tag in ("v", "t"):
            self._in_value = False
            if self._index:
                self.pieces.append(self._shared_text())
        elif tag == "c":
            self._shared = False
            self.pieces.append("\t")
        elif tag in ("row", "comment"):
            self.pieces.append("\n")

    def characters(self, text: str) -> None:
        if self._in_value and not self._shared:
            self.pieces.append(text)
        elif self._in_value:
            self._index = (self._index + text)[:10]

    def _shared_text(self) -> str:
        index = int(self._index) if self._index.isdecimal() else len(self._texts)
        self._index = ""
        if index >= len(self._texts):
            return ""
        text = self._texts[index]
        if len(text) > _SHORT:
            if index in self._shown:
                return ""
            self._shown.add(index)
        return text


class _Parts:
    """Text of several parts after each other; a broken one does not hide the others."""

    def __init__(self, names: list[str], opened: Opener, path: str, reader: Callable[[], _Reader]) -> None:
        self._names = sorted(names, key=_natural)
        self._opened = opened
        self._path = path
        self._reader = reader
        self._error: MemberError | None = None

    def text(self) -> Iterator[str]:
        """Yield the text of all parts."""
        for name in self._names:
            yield from self._part(name, self._reader())
        if self._error is not None:
            raise self._error

    def _part(self, name: str, reader: _Reader) -> Iterator[str]:
        try:
            yield from reader.parse(self._opened(name))
        except LimitError:
            raise
        except MemberError as exc:
            self._error = self._error or exc
        except BrokenError as exc:
            self._error = self._error or MemberError(problems.broken(self._path, exc.what))


class _Workbook(_Parts):
    """Text of the sheets of a workbook, row by row."""

    def __init__(self, known: set[str], opened: Opener, path: str) -> None:
        self._shared = _SharedTexts()
        super().__init__([name for name in known if _SHEET.fullmatch(name)], opened, path, lambda: _Sheet(self._shared.texts))
        self._has_shared = _SHARED_TEXTS in known

    def text(self) -> Iterator[str]:
        if self._has_shared:
            yield from self._part(_SHARED_TEXTS, self._shared)
        if not self._names:
            yield from (text + "\n" for text in self._shared.texts)
        yield from super().text()


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort slide 10 after slide 9."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in _NUMBER.split(name)]


def _refuse(*_: object) -> NoReturn:
    raise BrokenError("a part of the document declares a document type, as no real one does")
