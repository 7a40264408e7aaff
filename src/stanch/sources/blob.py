"""The seam between sources and the engine: a source yields blobs, and says what it skipped.

A blob small enough to hold is given whole (`Blob.data`); a larger one is read through `Blob.open`, once, in
order, and never copied to disk: a temporary file with a secret in it would be a leak of our own.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

IN_MEMORY = 8 * 1024 * 1024  # bytes; up to this size a member of a container is handed over whole


@dataclass(slots=True, kw_only=True)
class Blob:
    """A run of bytes with a name.

    Attributes:
        path: what people see; members of containers are joined with ``!``.
        data: the bytes, when they are at hand.
        opener: opens a forward reader otherwise; the reader is valid until the source is asked for its next item.
        size: length in bytes, when known beforehand.
        oid: git object id, when it has one.
    """

    path: str
    data: bytes | None = None
    opener: Callable[[], BinaryIO] | None = None
    size: int | None = None
    oid: str = ""

    def open(self) -> BinaryIO:
        """Return a reader at the first byte."""
        if self.data is not None:
            return io.BytesIO(self.data)
        if self.opener is None:
            raise ValueError("a blob has data or an opener")
        return self.opener()
