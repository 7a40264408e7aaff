"""Text of Jupyter notebooks: the lines of cells and their outputs, freed from JSON strings.

Looks for the keys that hold text instead of parsing the whole, so a notebook that is cut off or nests without end
still gives its text, and pictures cost nothing. No string can hold such a key, because its quotes would be escaped.
Format: https://nbformat.readthedocs.io/en/latest/format_description.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from stanch.sources.containers.streams import Readable

LARGEST = 64 * 1024 * 1024  # bytes; larger ones are pictures, and are still scanned as they are
_JSON = json.JSONDecoder(strict=False)
_STRINGS = 10_000  # of one cell, joined at a time
_KEY = re.compile(rb'"(?:source|text|text/plain|text/markdown|text/html|traceback|evalue|input)"\s*+:\s*+(\[?+)\s*+(?=")')
# The end of a string is optional, so that the last one of a file that was cut off is read, and read once.
_STRING = re.compile(rb'"((?:[^"\\]++|\\.)*+)"?', re.DOTALL)
_NEXT = re.compile(rb'\s*+,\s*+(?=")')


def notebook_text(data: bytes) -> Iterator[str]:
    """Yield the text of cells and outputs in the order of the file; each ends with a newline."""
    at = 0
    while key := _KEY.search(data, at):
        at = key.end()
        parts: list[str] = []
        while string := _STRING.match(data, at):
            parts.append(_decoded(string[1]))
            at = string.end()
            following = _NEXT.match(data, at) if key[1] else None
            if following is None:
                break
            at = following.end()
            if len(parts) == _STRINGS:
                yield "".join(parts)
                parts = []
        text = "".join(parts)
        yield text if text.endswith("\n") else text + "\n"


def _decoded(raw: bytes) -> str:
    if b"\\" not in raw:
        return raw.decode("utf-8", "replace")
    try:
        text = _JSON.decode(f'"{raw.decode()}"')
    except ValueError:  # not UTF-8 either
        return raw.decode("utf-8", "replace")
    # Half of a surrogate pair cannot be written as UTF-8 and stands in no secret.
    return str(text).encode("utf-8", "replace").decode()


def read_whole(source: Readable) -> bytes | None:
    """Return the bytes of a notebook, or ``None`` when it is too large."""
    data = source.read(LARGEST + 1)
    return data if len(data) <= LARGEST else None
