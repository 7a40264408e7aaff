"""Fixed text that every match of an expression holds: what a fast first search looks for."""

from __future__ import annotations

import re
from typing import Any, Final

LEAST: Final = 3  # characters, as in stanch.catalog.model
_MOST: Final = 64  # alternatives that are worth looking for


def longest_literals(pattern: str) -> tuple[str, ...]:
    """Return lower-case texts one of which is in every match, whatever its case; nothing when there are none.

    Of all such sets the one whose shortest text is longest is taken.

    Args:
        pattern: a valid expression for bytes, each character standing for one byte.
    """
    found = _best(_sets(re._parser.parse(pattern.encode("latin-1"))))  # type: ignore[attr-defined]
    return tuple(sorted(found)) if found and min(map(len, found)) >= LEAST else ()


def _best(sets: list[frozenset[str]]) -> frozenset[str]:
    usable = [texts for texts in sets if texts and len(texts) <= _MOST]
    return max(usable, key=lambda texts: (min(map(len, texts)), -len(texts)), default=frozenset())


def _sets(sequence: Any) -> list[frozenset[str]]:
    """Return sets of texts; each match holds at least one text of each set."""
    found: list[frozenset[str]] = []
    run: list[str] = []

    def flush() -> None:
        if run:
            found.append(frozenset(("".join(run),)))
            run.clear()

    def walk(items: Any) -> None:
        for op, argument in items:
            name = str(op)
            fixed = _fixed(name, argument)
            if fixed:
                run.append(fixed)
            elif name == "SUBPATTERN":
                walk(argument[3])
            elif name == "ATOMIC_GROUP":
                walk(argument)
            elif name not in {"AT", "ASSERT", "ASSERT_NOT"}:
                flush()
                found.extend(_inside(name, argument))

    walk(sequence)
    flush()
    return found


def _inside(name: str, argument: Any) -> list[frozenset[str]]:
    if name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"} and argument[0] >= 1:
        return _sets(argument[2])
    if name == "BRANCH":
        each = [_best(_sets(branch)) for branch in argument[1]]
        return [frozenset().union(*each)] if all(each) else []
    return []


def _fixed(name: str, argument: Any) -> str:
    """Return the one printable character an element stands for, in lower case, or an empty text."""
    if name == "LITERAL":
        codes = {argument}
    elif name == "IN" and all(str(op) == "LITERAL" for op, _ in argument):
        codes = {code for _, code in argument}
    else:
        return ""
    if not all(0x20 <= code < 0x7F for code in codes):
        return ""
    letters = {chr(code).lower() for code in codes}
    return letters.pop() if len(letters) == 1 else ""
