"""Read a TOML file and know the line of every value in it, which `tomllib` does not say.

`tomllib` decides what is valid; the line finder runs over text that is known to be valid and only has to tell keys,
strings, tables and arrays apart. `tomllib` is imported when a file exists and not before, because starting fast matters.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from stanch.config.smallfile import MIB, UnreadableError, read_small, shown
from stanch.core.errors import ConfigError

_LIMIT: Final = MIB
# Patterns are compiled at the first use: most scans read no settings file.
_PLACE: Final = r"\(at line (\d+), column (\d+)\)|\(at end of document\)"
_SPACE: Final = r"(?:[ \t\r\n]++|#[^\n]*+)*+"
_BASIC: Final = r'"((?:[^"\\\n]|\\.)*)"'
_LITERAL: Final = r"'([^'\n]*)'"
_KEYS: Final = (r"[A-Za-z0-9_-]+", _LITERAL, _BASIC)
_VALUES: Final = (
    r'(?s)"""(?:[^"\\]|\\.|"(?!""))*"{3,5}',
    r"(?s)'''(?:[^']|'(?!''))*'{3,5}",
    _BASIC,
    _LITERAL,
    r"[^,\]}#\r\n]*",
)

Path_ = tuple[str | int, ...]


class TomlFile:
    """A parsed file.

    Attributes:
        path: as people see it in messages.
        table: its content.
    """

    def __init__(self, path: str, text: str, table: Mapping[str, Any]) -> None:
        self.path = path
        self.table = table
        self._text = text
        self._lines: dict[Path_, int] | None = None

    def line(self, *keys: str | int) -> int | None:
        """Return the 1-based line of a value, or of the nearest table around it that has one."""
        if self._lines is None:
            self._lines = _line_map(self._text)
        at: Path_ = keys
        while at:
            if at in self._lines:
                return self._lines[at]
            at = at[:-1]
        return None

    def mistake(self, message: str, *keys: str | int, hint: str = "") -> ConfigError:
        """Return an error that names this file and the line of a value."""
        return ConfigError(message, path=self.path, line=self.line(*keys), hint=hint)


def read_toml(path: Path, name: str, *, mark: bytes = b"", limit: int = _LIMIT) -> TomlFile | None:
    """Read a file; ``None`` when there is none, or when *mark* does not occur in it.

    Args:
        path: the file.
        name: how messages call it.
        mark: bytes without which the file is not of interest, so it need not be parsed.
        limit: most bytes it may have.

    Raises:
        ConfigError: it cannot be read or is not valid TOML.
    """
    name = shown(name)
    try:
        data = read_small(path, limit)
    except UnreadableError as exc:
        raise ConfigError(f"this file {exc}", path=name) from exc
    if data is None or mark not in data:
        return None
    import tomllib  # 5 ms, spent only when there is something to parse

    try:
        text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
        return TomlFile(name, text, tomllib.loads(text))
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise ConfigError("not UTF-8 text", path=name, line=line, hint="Save the file as UTF-8.") from exc
    except tomllib.TOMLDecodeError as exc:
        raise _not_toml(str(exc), name, data) from exc
    except (RecursionError, ValueError, OverflowError) as exc:
        raise ConfigError("not usable TOML: nested too deeply, or a number or date out of range", path=name) from exc


def _not_toml(message: str, name: str, data: bytes) -> ConfigError:
    """The parser's own words may quote the file, so only its place is taken over."""
    place = re.search(_PLACE, message)
    if place and place[1]:
        return ConfigError(
            f"not valid TOML near column {place[2]}", path=name, line=int(place[1]), hint="Mend the line and try again."
        )
    last = data.count(b"\n") + (not data.endswith(b"\n"))
    return ConfigError("not valid TOML: it ends in the middle of something", path=name, line=last, hint="Close what was opened.")


def _line_map(text: str) -> dict[Path_, int]:
    finder = _Finder(text)
    with suppress(RecursionError, IndexError, ValueError):  # the lines found so far are good; the rest goes without
        finder.run()
    return finder.found


class _Finder:
    """Walks over valid TOML and notes where each key, table and element starts."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Path_, int] = {}
        self._breaks = [hit.start() for hit in re.finditer("\n", text)]
        self._arrays: dict[Path_, int] = {}
        self._spaces = re.compile(_SPACE)
        self._keys = [re.compile(pattern) for pattern in _KEYS]
        self._values = [re.compile(pattern) for pattern in _VALUES]

    def run(self) -> None:
        table: Path_ = ()
        self._space()
        while self.at < len(self.text):
            start = self.at
            if self.text[start] == "[":
                double = self.text.startswith("[[", start)
                self.at += 2 if double else 1
                table = self._table(self._key(), start, double)
                self._note(table, start)
                self.at = self.text.index("]", self.at) + (2 if double else 1)
            else:
                self._pair(table)
            self._space()

    def _space(self) -> None:
        hit = self._spaces.match(self.text, self.at)
        self.at = hit.end() if hit else self.at

    def _note(self, path: Path_, position: int) -> None:
        self.found.setdefault(path, bisect_right(self._breaks, position - 1) + 1)

    def _table(self, keys: list[str], start: int, double: bool) -> Path_:
        path: Path_ = ()
        for number, key in enumerate(keys):
            path = (*path, key)
            self._note(path, start)
            last = number == len(keys) - 1
            if double and last:
                self._arrays[path] = self._arrays.get(path, -1) + 1
            if path in self._arrays:
                path = (*path, self._arrays[path])
        return path

    def _key(self) -> list[str]:
        keys: list[str] = []
        while True:
            self._space()
            hit = next(filter(None, (pattern.match(self.text, self.at) for pattern in self._keys)), None)
            if hit is None:
                raise IndexError
            keys.append(_unescaped(hit[0]) if "\\" in hit[0] and hit[0][0] == '"' else hit[1] if hit.lastindex else hit[0])
            self.at = hit.end()
            self._space()
            if self.text[self.at] != ".":
                return keys
            self.at += 1

    def _pair(self, table: Path_) -> None:
        start = self.at
        path = (*table, *self._key())
        for end in range(len(table) + 1, len(path) + 1):
            self._note(path[:end], start)
        self.at = self.text.index("=", self.at) + 1
        self._space()
        self._value(path)

    def _value(self, path: Path_) -> None:
        self._note(path, self.at)
        opening = self.text[self.at]
        if opening == "[":
            self.at += 1
            number = 0
            while self._more("]"):
                self._value((*path, number))
                number += 1
        elif opening == "{":
            self.at += 1
            while self._more("}"):
                self._pair(path)
        else:
            for pattern in self._values:
                hit = pattern.match(self.text, self.at)
                if hit is not None:
                    self.at = hit.end()
                    break

    def _more(self, closing: str) -> bool:
        """Step over what divides elements; false, and past the closing bracket, when there are no more."""
        self._space()
        while self.text[self.at] == ",":
            self.at += 1
            self._space()
        if self.text[self.at] == closing:
            self.at += 1
            return False
        return True


def _unescaped(text: str) -> str:
    """Return what a quoted key with escapes in it stands for."""
    import tomllib

    return str(tomllib.loads(f"key = {text}")["key"])
