r"""Write JSON piece by piece: a report with a million findings never stands in memory as one string.

Output is ASCII (everything else as ``\uXXXX``): it fits every stream's encoding, and a report printed on a terminal
cannot carry escapes or reordering characters out of a file name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

INDENT = "  "


class Rows:
    """A JSON array whose items are made while it is written."""

    def __init__(self, items: Iterable[Any]) -> None:
        self.items = items


def write_json(value: Any, out: TextIO) -> None:
    """Write *value* and a line break. Dicts may hold `Rows` and other dicts at any depth; other values go to `json`."""
    for part in _parts(value, ""):
        out.write(part)
    out.write("\n")


def _parts(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, Rows):
        yield from _array(value.items, indent)
    elif isinstance(value, dict) and _streams(value):
        yield from _object(value, indent)
    elif isinstance(value, list) and any(_streams(item) for item in value):
        yield from _array(value, indent)
    else:
        yield json.dumps(value, indent=2).replace("\n", "\n" + indent)


def _object(value: dict[str, Any], indent: str) -> Iterator[str]:
    inner = indent + INDENT
    opener = "{\n"
    for key, item in value.items():
        yield f"{opener}{inner}{json.dumps(key)}: "
        yield from _parts(item, inner)
        opener = ",\n"
    yield f"\n{indent}}}"


def _array(items: Iterable[Any], indent: str) -> Iterator[str]:
    inner = indent + INDENT
    opener = "[\n"
    for item in items:
        yield opener + inner
        yield from _parts(item, inner)
        opener = ",\n"
    yield "[]" if opener == "[\n" else f"\n{indent}]"


def _streams(value: Any) -> bool:
    if isinstance(value, Rows):
        return True
    if isinstance(value, dict):
        return any(_streams(item) for item in value.values())
    return isinstance(value, list) and any(_streams(item) for item in value)
