"""Text of Jupyter notebooks: the lines of cells and their outputs, freed from JSON strings.

Reads the strings one by one instead of parsing the whole, so a notebook that is cut off or nests without end still
gives its text. Format: https://nbformat.readthedocs.io/en/latest/format_description.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from stanch.sources.containers.streams import Readable

LARGEST = 64 * 1024 * 1024  # bytes; larger ones are pictures, and are still scanned as they are
# A string is taken as a whole; everything else that matters is one character. The end of a string is optional, so
# that the last one of a file that was cut off is read, and read once.
_TOKEN = re.compile(rb'"((?:[^"\\]++|\\.)*+)"?|[\[\]{}:,]', re.DOTALL)
_TEXTS = frozenset({b"source", b"text", b"text/plain", b"text/markdown", b"text/html", b"traceback", b"evalue", b"input"})


def notebook_text(data: bytes) -> Iterator[str]:
    """Yield the text of each cell and output, in the order of the file, each ending with a newline."""
    key = last = b""
    wanted = listed = False
    parts: list[str] = []
    for token in _TOKEN.finditer(data):
        raw = token[1]
        if raw is not None:
            last = raw
            if wanted:
                parts.append(_string(raw))
            continue
        mark = token[0]
        if mark == b":":
            if not listed:
                key = last
                parts.clear()
                wanted = key in _TEXTS
        elif mark == b"[":
            listed = wanted and not parts
        elif mark == b"{":
            wanted = listed = False
            parts.clear()
        elif wanted and (mark in b"]}" or not listed):
            if parts:
                text = "".join(parts)
                yield text if text.endswith("\n") else text + "\n"
            parts.clear()
            wanted = listed = False
    if parts and wanted:
        yield "".join(parts)


def _string(raw: bytes) -> str:
    if b"\\" not in raw:
        return raw.decode("utf-8", "replace")
    try:
        text = json.loads(b'"' + raw + b'"', strict=False)
    except ValueError:
        return raw.decode("utf-8", "replace")
    # Half of a surrogate pair cannot be written as UTF-8 and stands in no secret.
    return str(text).encode("utf-8", "replace").decode()


def read_whole(source: Readable) -> bytes | None:
    """Return the bytes of a notebook, or ``None`` when it is too large."""
    data = source.read(LARGEST + 1)
    return data if len(data) <= LARGEST else None
