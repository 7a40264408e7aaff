"""Follow ``.gitignore`` files while a folder is walked.

Nested files count from their own folder down and the deepest one that says something decides; ``.git/info/exclude`` comes
last. The user's global excludes are not read, so a scan says the same on every machine. A folder with a ``.git`` of its
own starts afresh, as in git. What the user names explicitly is looked at even when a rule above it says otherwise.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from stanch.config.globs import GlobSet
from stanch.config.smallfile import MIB, UnreadableError, read_small

_LIMIT: Final = MIB
_CACHED: Final = 100_000
_Rules = tuple[tuple[int, GlobSet], ...]


class GitIgnore:
    """Says which paths below a folder git would ignore.

    Args:
        root: the folder that is scanned; the repository around it is found by itself.

    Attributes:
        unreadable: ignore files that could not be read, with the reason.
    """

    def __init__(self, root: Path) -> None:
        self.unreadable: list[tuple[str, str]] = []
        folder = Path(os.path.normpath(root.absolute()))
        top = next((at for at in (folder, *folder.parents) if os.path.lexists(at / ".git")), folder)
        self._top = str(top)
        inside = os.path.relpath(folder, top)
        self._prefix = "" if inside == "." else inside + "/"
        rules = self._own(top, 0, self._excludes(top))
        part = ""
        for name in self._prefix.split("/")[:-1]:
            part = f"{part}{name}/"
            rules = self._own(top / part, len(part), rules)
        self._start = self._prefix.removesuffix("/")
        self._levels: dict[str, _Rules | None] = {self._start: rules}

    def ignored(self, path: str, *, is_dir: bool = False) -> bool:
        """Say whether git would ignore a path, or a folder between it and the root.

        Args:
            path: relative to the root, with ``/`` between its parts.
            is_dir: whether it is a folder; a link to one is none, as in git.
        """
        full = self._prefix + path
        cut = full.rfind("/")
        folder = full[:cut] if cut >= 0 else ""
        rules = self._levels[folder] if folder in self._levels else self._level(folder)
        return rules is None or _says(rules, full, is_dir=is_dir)

    def _level(self, folder: str) -> _Rules | None:
        """Return the rules that hold inside a folder, ``None`` when the folder itself is ignored."""
        levels = self._levels
        if len(levels) > _CACHED:
            kept = levels[self._start]
            levels.clear()
            levels[self._start] = kept
        rules = levels[self._start]
        end = len(self._prefix) - 1
        while end < len(folder) and rules is not None:
            end = folder.find("/", end + 1)
            if end < 0:
                end = len(folder)
            part = folder[:end]
            rules = levels[part] if part in levels else self._enter(part, rules)
            levels[part] = rules
        levels[folder] = rules
        return rules

    def _enter(self, folder: str, rules: _Rules) -> _Rules | None:
        if _says(rules, folder, is_dir=True):
            return None
        place = Path(self._top, folder)
        if os.path.lexists(place / ".git"):
            rules = tuple((len(folder) + 1, globs) for _, globs in self._excludes(place))
        return self._own(place, len(folder) + 1, rules)

    def _own(self, folder: Path, base: int, rules: _Rules) -> _Rules:
        """Put a folder's own ``.gitignore`` before the rules from above."""
        globs = self._read(f"{folder}/.gitignore", follow=False)
        return ((base, globs), *rules) if globs else rules

    def _excludes(self, folder: Path) -> _Rules:
        """Return ``info/exclude`` of the repository at *folder*; a worktree or submodule names its place in a ``.git`` file."""
        place = folder / ".git"
        if not place.is_dir():
            place = self._pointer(place, b"gitdir:", folder) or place
        place = self._pointer(place / "commondir", b"", place) or place
        globs = self._read(str(place / "info" / "exclude"), follow=True)
        return ((0, globs),) if globs else ()

    @staticmethod
    def _pointer(file: Path, mark: bytes, base: Path) -> Path | None:
        try:
            data = read_small(file, 4096)
        except UnreadableError:
            return None
        if data is None or not data.startswith(mark):
            return None
        return base / os.fsdecode(data.removeprefix(mark).strip())

    def _read(self, path: str, *, follow: bool) -> GlobSet:
        try:
            data = read_small(path, _LIMIT, follow=follow)
        except UnreadableError as exc:
            self.unreadable.append((path, str(exc)))
            return GlobSet(())
        return GlobSet(ignore_lines(data)) if data else GlobSet(())


def ignore_lines(data: bytes) -> list[str]:
    """Split an ignore file as git does: a byte order mark and a carriage return before a line feed do not count."""
    text = os.fsdecode(data.removeprefix(b"\xef\xbb\xbf"))
    return [line.removesuffix("\r") for line in text.split("\n")]


def _says(rules: _Rules, full: str, *, is_dir: bool) -> bool:
    for base, globs in rules:
        glob = globs.match(full[base:] if base else full, is_dir=is_dir)
        if glob is not None:
            return not glob.negated
    return False
