"""The first pass: one Hyperscan database over the whole catalog, compiled once and kept on disk.

A serialised database loads in under a millisecond; compiling takes about a second. It depends on the processor, so
the cache key holds what Hyperscan says of the platform; a file that does not load is compiled again.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hyperscan

Hit = tuple[int, int]
Expression = tuple[str, int]
"""Text in Hyperscan's syntax, latin-1, and its flags."""
CASELESS = hyperscan.HS_FLAG_CASELESS
DOTALL = hyperscan.HS_FLAG_DOTALL


class Database:
    """Finds where patterns end. Not shared between threads: each needs its own `clone`.

    Args:
        raw: the compiled database.
    """

    __slots__ = ("_bytes", "_db")

    def __init__(self, serialised: bytes) -> None:
        self._bytes = serialised
        self._db: Any = hyperscan.loadb(serialised, hyperscan.HS_MODE_BLOCK)
        self._db.scratch = hyperscan.Scratch(self._db)

    def clone(self) -> Database:
        """Return a database with a scratch space of its own, for another thread."""
        return Database(self._bytes)

    def scan(self, data: bytes | memoryview) -> list[Hit]:
        """Return (pattern number, end offset) for every hit, in the order of offsets."""
        hits: list[Hit] = []
        add = hits.append

        def on_match(number: int, _from: int, end: int, _flags: int, _context: object) -> None:
            add((number, end))

        self._db.scan(data, match_event_handler=on_match)
        return hits


def compile_expressions(expressions: Sequence[Expression]) -> bytes:
    """Compile expressions into a serialised database.

    Raises:
        ValueError: Hyperscan does not understand one.
    """
    db = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    _compile(db, expressions)
    return bytes(hyperscan.dumpb(db))


def _compile(db: Any, expressions: Sequence[Expression]) -> None:
    try:
        _compile_unchecked(db, expressions)
    except hyperscan.error as exc:
        # The library names neither the expression nor its place; what it says of the fault itself holds no scanned content.
        raise ValueError(f"an anchor is not understood by Hyperscan ({exc})") from exc


def _compile_unchecked(db: Any, expressions: Sequence[Expression]) -> None:
    db.compile(
        expressions=[text.encode("latin-1") for text, _ in expressions],
        ids=list(range(len(expressions))),
        elements=len(expressions),
        flags=[flags for _, flags in expressions],
    )


def load_or_compile(path: Path | None, expressions: Callable[[], Sequence[Expression]]) -> Database:
    """Return the database cached at *path*, compiling it when there is none or it does not fit this machine."""
    if path is not None:
        try:
            return Database(path.read_bytes())
        except (OSError, hyperscan.error, ValueError):
            pass
    raw = compile_expressions(expressions())
    if path is not None:
        write_quietly(path, raw)
    return Database(raw)


def write_quietly(path: Path, raw: bytes) -> None:
    """Put a cache file in place whole or not at all; a cache that cannot be written only costs time."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial.write_bytes(raw)
        partial.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink()
