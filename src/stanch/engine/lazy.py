"""Expressions that are compiled when they are first used: compiling them all would be most of the start-up time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any


class Lazy:
    """A bytes pattern with the methods of `re.Pattern` that are used here.

    Args:
        expression: as for `re.compile`.
        flags: likewise.
    """

    search: Callable[..., re.Match[bytes] | None]
    match: Callable[..., re.Match[bytes] | None]
    fullmatch: Callable[..., re.Match[bytes] | None]
    finditer: Callable[..., Iterator[re.Match[bytes]]]
    findall: Callable[..., list[bytes]]
    split: Callable[..., list[bytes]]
    sub: Callable[..., bytes]

    def __init__(self, expression: bytes, flags: int = 0) -> None:
        self._expression = expression
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        """Compile, and put the compiled pattern's methods in place so that this is not called again."""
        if name.startswith("_"):
            raise AttributeError(name)
        compiled = re.compile(self._expression, self._flags)
        for method in METHODS:
            setattr(self, method, getattr(compiled, method))
        if name not in METHODS:
            raise AttributeError(name)
        return getattr(self, name)


METHODS = ("search", "match", "fullmatch", "finditer", "findall", "split", "sub")
