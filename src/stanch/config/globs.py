"""Path patterns as ``.gitignore`` writes them, in one place for every option that takes one.

What a newcomer gets wrong: a pattern without a slash (but for one at its end) matches a name at any depth, one with a
slash is tied to the top; the last pattern that matches decides, ``!`` turns it round; and nothing below an
excluded folder comes back. A property test holds this against ``git check-ignore``. Two differences are meant:
``?`` and brackets stand for one character where git counts bytes, and upper and lower case always differ.

Source: https://git-scm.com/docs/gitignore#_pattern_format
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_CACHED: Final = 50_000  # folders whose verdict is remembered
_PLAIN_STOP: Final = re.compile(r"[*?\[\\]")
_POSIX: Final = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t-\r ",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


class Glob:
    """One pattern, taken apart.

    Attributes:
        text: as written.
        negated: whether it started with ``!``.
        folder_only: whether it ended with ``/``.
        by_name: whether it looks at the last part of a path only.
        expression: a regular expression for a full match; empty when the pattern can never match.
    """

    __slots__ = ("by_name", "expression", "folder_only", "negated", "text")

    def __init__(self, text: str, *, negated: bool, folder_only: bool, by_name: bool, expression: str) -> None:
        self.text = text
        self.negated = negated
        self.folder_only = folder_only
        self.by_name = by_name
        self.expression = expression


def parse(line: str) -> Glob | None:
    """Read one line of a ``.gitignore``; ``None`` for a comment or an empty line."""
    body = _without_trailing_spaces(line)
    if not body or body.startswith("#"):
        return None
    negated = body.startswith("!")
    if negated:
        body = body[1:]
    folder_only = body.endswith("/")
    if folder_only:
        body = body[:-1]
    by_name = "/" not in body
    expression = translate(body, by_name=by_name) if body else None
    return Glob(line, negated=negated, folder_only=folder_only, by_name=by_name, expression=expression or "")


def problem(pattern: str) -> str | None:
    """Say why a pattern could never match anything, or ``None``."""
    glob = parse(pattern)
    if glob is None:
        return "is empty or a comment, so it matches nothing"
    if not glob.expression:
        return "can match nothing: a bracket is not closed, or a backslash stands at its end"
    return None


class GlobSet:
    """An ordered list of patterns; the last one that matches decides."""

    def __init__(self, patterns: Iterable[str]) -> None:
        globs = [parse(pattern) for pattern in patterns]
        self.globs: tuple[Glob, ...] = tuple(glob for glob in globs if glob is not None)
        self._for_files = _Matcher([glob for glob in self.globs if not glob.folder_only])
        self._for_folders = _Matcher(list(self.globs)) if any(g.folder_only for g in self.globs) else self._for_files
        self._folders: dict[str, Glob | None] = {}

    def __bool__(self) -> bool:
        return bool(self.globs)

    def match(self, path: str, *, is_dir: bool = False) -> Glob | None:
        """Return the pattern that decides about this very path, a negated one too; its folders are not looked at."""
        return (self._for_folders if is_dir else self._for_files).last(path)

    def excluded(self, path: str, *, is_dir: bool = False) -> Glob | None:
        """Return the pattern that excludes a path or one of the folders it lies in, ``None`` when nothing does.

        Args:
            path: with ``/`` between its parts, none at either end.
            is_dir: whether it is a folder.
        """
        folder = path.rpartition("/")[0]
        if folder and (hit := self._folder(folder)) is not None:
            return hit
        own = self.match(path, is_dir=is_dir)
        return None if own is None or own.negated else own

    def _folder(self, folder: str) -> Glob | None:
        known = self._folders
        if folder in known:
            return known[folder]
        if len(known) > _CACHED:
            known.clear()
        verdict: Glob | None = None
        end = folder.find("/")
        while verdict is None:
            part = folder if end < 0 else folder[:end]
            if part in known:
                verdict = known[part]
            else:
                own = self._for_folders.last(part)
                verdict = known[part] = None if own is None or own.negated else own
            if end < 0:
                break
            end = folder.find("/", end + 1)
        known[folder] = verdict
        return verdict


class _Matcher:
    """Patterns joined into two expressions, compiled at the first use: one over names, one over whole paths.

    The alternatives stand in reverse, each in a group of its own, so the group that matched is the last pattern.
    """

    __slots__ = ("_globs", "_name", "_path")

    def __init__(self, globs: list[Glob]) -> None:
        self._globs = [glob for glob in reversed(globs) if glob.expression]
        self._name: tuple[re.Pattern[str], list[int]] | None = None
        self._path: tuple[re.Pattern[str], list[int]] | None = None

    def last(self, path: str) -> Glob | None:
        if not self._globs:
            return None
        if self._name is None or self._path is None:
            self._name, self._path = self._join(by_name=True), self._join(by_name=False)
        found = len(self._globs)
        expression, order = self._name
        if order and (hit := expression.fullmatch(path, path.rfind("/") + 1)):
            found = order[(hit.lastindex or 1) - 1]
        expression, order = self._path
        if order and (hit := expression.fullmatch(path)):
            found = min(found, order[(hit.lastindex or 1) - 1])
        return self._globs[found] if found < len(self._globs) else None

    def _join(self, *, by_name: bool) -> tuple[re.Pattern[str], list[int]]:
        order = [number for number, glob in enumerate(self._globs) if glob.by_name is by_name]
        return re.compile("|".join(f"({self._globs[number].expression})" for number in order), re.DOTALL), order


def _without_trailing_spaces(line: str) -> str:
    """Cut spaces at the end, but not one that a backslash protects."""
    end = position = 0
    while position < len(line):
        if line[position] == "\\":
            position += 2
            end = min(position, len(line))
        else:
            position += 1
            if line[position - 1] != " ":
                end = position
    return line[:end]


def translate(body: str, *, by_name: bool = False) -> str | None:
    """Turn a pattern without ``!`` and end slash into a regular expression for a full match, ``None`` if it never matches.

    A wildcard followed by fixed text takes the first place where that text stands and never tries another (atomic
    groups): with another wildcard behind it nothing is lost, and hostile patterns cannot take exponential time.
    """
    if not by_name:
        body = body.removeprefix("/")
    stop = _PLAIN_STOP.search(body)
    plain = body[: stop.start()] if stop else body
    # git compares the text before the first wildcard by itself, so `**` directly behind it counts as standing at the start
    tokens = _tokens(body[len(plain) :], by_name=by_name)
    return None if tokens is None else re.escape(plain) + _assemble(tokens)


_STAR: Final = "*"
_ANY: Final = "**"
_FOLDERS: Final = "**/"


def _tokens(text: str, *, by_name: bool) -> list[str] | None:
    """Split into wildcards (`_STAR`, `_ANY`, `_FOLDERS`) and one-character expressions, the latter marked by a leading space."""
    tokens: list[str] = []
    position = 0
    while position < len(text):
        char = text[position]
        if char == "*":
            start = position
            while position < len(text) and text[position] == "*":
                position += 1
            rest = text[position:]
            alone = start == 0 or text[start - 1] == "/"
            if by_name or position - start == 1 or not alone or not (rest == "" or rest.startswith(("/", "\\/"))):
                tokens.append(_STAR)
            elif rest.startswith("/"):
                tokens.append(_FOLDERS)
                position += 1
            else:
                tokens.append(_ANY)
            continue
        if char == "?":
            tokens.append(" [^/]")
        elif char == "[":
            parsed = _bracket(text, position)
            if parsed is None:
                return None
            expression, position = parsed
            tokens.append(" " + expression)
        elif char == "\\":
            position += 1
            if position == len(text):
                return None
            tokens.append(" " + re.escape(text[position]))
        else:
            tokens.append(" " + re.escape(char))
        position += 1
    return tokens


def _assemble(tokens: list[str]) -> str:
    out: list[str] = []
    position = 0
    while position < len(tokens):
        token = tokens[position]
        position += 1
        if token.startswith(" "):
            out.append(token[1:])
            continue
        end = position
        limit = (_STAR, _ANY, _FOLDERS) if token == _STAR else (_ANY, _FOLDERS)
        while end < len(tokens) and tokens[end] not in limit:
            end += 1
        behind = _assemble(tokens[position:end])
        position = end
        final = end == len(tokens)
        if token == _STAR:
            out.append(f"[^/]*{behind}" if final else f"(?>[^/]*?{behind})")
        elif token == _ANY:
            out.append(f".*{behind}" if final else f"(?>.*?{behind})")
        else:
            out.append(f"(?:.*/)?{behind}" if final else f"(?>(?:[^/]*/)*?{behind})")
    return "".join(out)


def _bracket(text: str, start: int) -> tuple[str, int] | None:
    """Translate a bracket expression; returns it and the position of its last character, ``None`` when it is broken."""
    position = start + 1
    negated = text[position : position + 1] in ("!", "^")
    position += negated
    items: list[str] = []
    low = ""
    first = True
    while first or text[position : position + 1] != "]":
        first = False
        char = text[position : position + 1]
        if not char:
            return None
        following = text[position + 1 : position + 2]
        if char == "-" and low and following and following != "]":
            position += 1
            high = following
            if high == "\\":
                position += 1
                high = text[position : position + 1]
                if not high:
                    return None
            if low <= high:
                items.append(f"{re.escape(low)}-{re.escape(high)}")
            low = ""
        elif char == "[" and following == ":":
            close = text.find("]", position + 2)
            if close < 0:
                return None
            name = text[position + 2 : close - 1]
            if close - 1 < position + 2 or text[close - 1] != ":":
                items.append(r"\[")
                low = "["
            elif name in _POSIX:
                items.append(_POSIX[name])
                position = close
                low = ""
            else:
                return None
        else:
            if char == "\\":
                position += 1
                char = text[position : position + 1]
                if not char:
                    return None
            items.append(re.escape(char))
            low = char
        position += 1
    if not items:
        return ("[^/]" if negated else "(?!)"), position
    return f"(?!/)[{'^' if negated else ''}{''.join(items)}]", position
