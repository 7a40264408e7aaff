"""The catalog as the scanner uses it: one cache file, read in a few milliseconds; TOML is parsed only when it is cold.

The cache holds no examples and no guide texts; those are read from TOML by the commands that show them. Its name is a
hash over what went into it, so a changed detector file simply makes another cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import marshal
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import MISSING, asdict, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, overload

from stanch.catalog.model import CompanionSpec, Detector
from stanch.core.errors import ConfigError

DATA: Final = Path(__file__).parent / "data"
_HERE: Final = Path(__file__).parent
_CODE: Final = (
    *(_HERE / name for name in ("model.py", "load.py")),
    *(_HERE.parent / "engine" / name for name in ("anchors.py", "gaps.py", "firstpass.py")),
)
FORMAT: Final = "8"
_DEFAULTS: Final = {field.name: field.default for field in fields(Detector) if field.default is not MISSING}
_LEFT_OUT: Final = ("positive", "negative", "sample", "facts", "covers")


class Compiled:
    """Detectors in the order of their ids, and where caches of this very catalog may lie.

    Attributes:
        detectors: without examples and guide facts.
        key: hash over the sources; the same catalog has the same key.
        folder: where caches go, ``None`` when caching is off.
    """

    __slots__ = ("detectors", "folder", "key")

    def __init__(self, detectors: Sequence[Detector], key: str, folder: Path | None) -> None:
        self.detectors = detectors
        self.key = key
        self.folder = folder


class Thawed(Sequence[Detector]):
    """Detectors of a cache, each made when it is first asked for: a scan meets few of them.

    Args:
        rows: as `_freeze` wrote them, each still in its frozen form.
    """

    __slots__ = ("_made", "_rows")

    def __init__(self, rows: list[bytes]) -> None:
        self._rows = rows
        self._made: list[Detector | None] = [None] * len(rows)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Detector: ...
    @overload
    def __getitem__(self, index: slice) -> list[Detector]: ...
    def __getitem__(self, index: int | slice) -> Detector | list[Detector]:
        """Return one detector, or a list of them."""
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        made = self._made[index]
        if made is None:
            row: dict[str, Any] = marshal.loads(self._rows[index])  # noqa: S302  # see `_thaw`
            companions = tuple(CompanionSpec(**item) for item in row.get("companions", ()))
            made = self._made[index] = Detector(**{**row, "companions": companions})
        return made


def cache_folder() -> Path | None:
    """Return the folder for caches: ``STANCH_CACHE``, else the platform's; ``None`` when set to ``off``."""
    chosen = os.environ.get("STANCH_CACHE")
    if chosen == "off":
        return None
    if chosen:
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "stanch"
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "stanch"


def compiled_catalog(extra: Sequence[Path] = (), *, folder: Path | None = None, data: Path = DATA, key: str = "") -> Compiled:
    """Return the catalog, from the cache when it is warm.

    Args:
        extra: the user's detector files and folders; their detectors replace those with the same id.
        folder: where the cache lies; ``None`` for no cache.
        data: the shipped detectors.
        key: what `catalog_key` said a moment ago; looking at five hundred files again costs more than reading the cache.

    Raises:
        ConfigError: a detector file is wrong.
    """
    key = key or catalog_key(extra, data=data)
    path = folder / f"catalog-{key}.bin" if folder else None
    if path is not None:
        try:
            return Compiled(_thaw(path), key, folder)
        except (OSError, ValueError, TypeError, KeyError, EOFError):
            pass
    detectors = _load([data], list(extra))
    if path is not None:
        _store(path, _freeze(detectors))
    return Compiled(detectors, key, folder)


def catalog_key(extra: Sequence[Path] = (), *, data: Path = DATA) -> str:
    """Return the hash over what a catalog is made of.

    Raises:
        ConfigError: one of the user's files or folders is not there.
    """
    return _signature([data, *extra])


def is_warm(key: str, folder: Path | None) -> bool:
    """Tell whether the caches of a catalog are there, so that a scan starts at once."""
    return folder is not None and (folder / f"anchors-{key}.hsdb").exists()


def _load(shipped: list[Path], extra: list[Path]) -> list[Detector]:
    from stanch.catalog.load import load_paths

    found = {detector.id: detector for detector in load_paths(shipped)}
    found.update((detector.id, detector) for detector in load_paths(extra))
    return [found[key] for key in sorted(found)]


def _signature(paths: list[Path]) -> str:
    """Hash names, sizes and times of the sources: contents would cost as much as the rest of the start."""
    digest = hashlib.blake2b(f"{FORMAT}\0{sys.hexversion}".encode(), digest_size=12)
    for source in _CODE:  # what is made of a detector changes with the code that makes it
        facts = os.stat(source)
        digest.update(f"\0{facts.st_size}\0{facts.st_mtime_ns}".encode())
    for root in paths:
        if not root.exists():
            raise ConfigError("there is no such detector file or folder", path=str(root), hint="Check --detectors.")
        entries = sorted(os.scandir(root), key=lambda e: e.name) if root.is_dir() else [root]
        digest.update(f"\0{root}".encode("utf-8", "surrogateescape"))
        for entry in entries:
            if entry is root or entry.name.endswith(".toml"):
                facts = entry.stat()
                digest.update(f"\0{entry.name}\0{facts.st_size}\0{facts.st_mtime_ns}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _freeze(detectors: Sequence[Detector]) -> bytes:
    rows = []
    for detector in detectors:
        row = {field.name: getattr(detector, field.name) for field in fields(detector)}
        row["companions"] = tuple(asdict(companion) for companion in detector.companions)
        for name in _LEFT_OUT:
            del row[name]
        rows.append(
            marshal.dumps({name: value for name, value in row.items() if name not in _DEFAULTS or value != _DEFAULTS[name]})
        )
    return marshal.dumps(rows)


@lru_cache(maxsize=1)
def _thaw(path: Path) -> Thawed:
    """Read a cache; its name says what is in it, so the engine and the report may share one."""
    rows = marshal.loads(path.read_bytes())  # noqa: S302  # our own file in the user's own folder, as Python's .pyc files are
    if not isinstance(rows, list):
        raise TypeError("not a catalog")
    return Thawed(rows)


def _store(path: Path, raw: bytes) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial.write_bytes(raw)
        partial.replace(path)
    except OSError:  # a cache that cannot be written only costs time
        with contextlib.suppress(OSError):
            partial.unlink()
    _forget_old(path.parent)


def _forget_old(folder: Path, keep: int = 6) -> None:
    """Remove the oldest caches: each edit of a user's detector file leaves one behind."""
    try:
        caches = [e for e in os.scandir(folder) if re.fullmatch(r"catalog-[0-9a-f]{24}\.bin", e.name)]
        for entry in sorted(caches, key=lambda e: e.stat().st_mtime)[:-keep]:
            key = entry.name[8:-4]
            for name in (entry.name, f"anchors-{key}.hsdb", f"anchors-{key}.table", f"near-{key}.hsdb"):
                Path(folder, name).unlink(missing_ok=True)
    except OSError:
        return
