"""What the first pass needs, loaded from the cache in a few milliseconds or built once from the catalog.

Building imports the machinery that derives anchors (`stanch.engine.anchors`); a warm start does not.
"""

from __future__ import annotations

import marshal
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path

from stanch.catalog.compiled import Compiled
from stanch.catalog.model import Detector
from stanch.engine.database import CASELESS, Database, Expression, load_or_compile, write_quietly

Row = tuple[str, int, int, int, int]
"""What a hit of an anchor means: kind, detector, length, align, back; see `stanch.engine.anchors.Pattern`."""
KINDS = ("start", "window", "assign", "base64", "hex", "wide", "percent")


class Rows:
    """Rows as columns of numbers: tens of thousands of tuples would take longer to load than the database.

    Args:
        columns: one string of bytes for each column, as `pack` makes them.
    """

    __slots__ = ("_columns",)

    def __init__(self, columns: Sequence[bytes]) -> None:
        self._columns = [array("i", column) for column in columns]

    def __len__(self) -> int:
        return len(self._columns[0])

    def __getitem__(self, number: int) -> Row:
        kind, detector, length, align, back = self._columns
        return KINDS[kind[number]], detector[number], length[number], align[number], back[number]

    @staticmethod
    def pack(rows: Iterable[Row]) -> list[bytes]:
        """Return the columns of rows."""
        return [array("i", column).tobytes() for column in zip(*((KINDS.index(k), *rest) for k, *rest in rows), strict=True)]


Word = tuple[str, str, tuple[int, ...]]
"""A spelling of a near word, the word, and the (not generic) detectors it speaks for."""


class FirstPass:
    """The first pass over a catalog. Not shared between threads: each needs its own `clone`.

    Args:
        catalog: where it came from.
        rows: by number of the expression.
        words: near words in all spellings, by number in the second database.
        generic: detectors that match by name only.
        database: finds where expressions end.
    """

    __slots__ = ("_near", "catalog", "database", "generic", "rows", "words")

    def __init__(self, catalog: Compiled, rows: Rows, words: Sequence[Word], generic: Sequence[int], database: Database) -> None:
        self.catalog = catalog
        self.rows = rows
        self.words = words
        self.generic = generic
        self.database = database
        self._near: Database | None = None

    def clone(self) -> FirstPass:
        """Return a first pass for another thread."""
        return FirstPass(self.catalog, self.rows, self.words, self.generic, self.database.clone())

    @property
    def near(self) -> Database:
        """The second database: finds near words in the surroundings of a value."""
        if self._near is None:
            self._near = load_or_compile(_cache(self.catalog, "near", "hsdb"), self._near_expressions)
        return self._near

    def _near_expressions(self) -> list[Expression]:
        from stanch.engine.anchors import escape

        texts = [escape(spelling) for spelling, _, _ in self.words] or [r"\x00\x01no detector has words\x01\x00"]
        return [(text, CASELESS) for text in texts]


def first_pass(catalog: Compiled) -> FirstPass:
    """Return the first pass over *catalog*, from the cache when it is warm."""
    table = _cache(catalog, "anchors", "table")
    database = _cache(catalog, "anchors", "hsdb")
    if table is not None:
        try:
            columns, words, generic = marshal.loads(table.read_bytes())  # noqa: S302  # our own file, as .pyc files are
            return FirstPass(catalog, Rows(columns), words, generic, load_or_compile(database, lambda: _expressions(catalog)))
        except (OSError, ValueError, TypeError, EOFError):
            pass
    from stanch.engine.anchors import patterns_for

    patterns = patterns_for(catalog.detectors)
    columns = Rows.pack((p.kind, p.detector, p.length, p.align, p.back) for p in patterns)
    words = _words(catalog.detectors)
    generic = [number for number, detector in enumerate(catalog.detectors) if detector.generic]
    if table is not None:
        write_quietly(table, marshal.dumps((columns, words, generic)))
    loaded = load_or_compile(database, lambda: [(p.expression, p.flags) for p in patterns])
    return FirstPass(catalog, Rows(columns), words, generic, loaded)


def _expressions(catalog: Compiled) -> list[Expression]:
    from stanch.engine.anchors import patterns_for

    return [(p.expression, p.flags) for p in patterns_for(catalog.detectors)]


def _words(detectors: Sequence[Detector]) -> list[Word]:
    from stanch.engine.anchors import spellings

    owners: dict[str, list[int]] = {}
    for number, detector in enumerate(detectors):
        for word in detector.near:
            owners.setdefault(word, []).extend(() if detector.generic else (number,))
    pairs = sorted({(spelling, word) for word in owners for spelling in spellings(word)})
    return [(spelling, word, tuple(owners[word])) for spelling, word in pairs]


def _cache(catalog: Compiled, name: str, suffix: str) -> Path | None:
    return catalog.folder / f"{name}-{catalog.key}.{suffix}" if catalog.folder else None
