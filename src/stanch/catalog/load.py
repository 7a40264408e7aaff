"""Read detector files (TOML) and say exactly where a mistake is.

Reading is slow by design; the scan path uses `stanch.catalog.compiled` instead, which calls this only
when the cache is cold.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stanch.catalog.model import Detector, DetectorError, detector_from
from stanch.core.errors import ConfigError

DATA = Path(__file__).parent / "data"


def load_catalog(directory: Path = DATA) -> list[Detector]:
    """Return every detector of a folder, ordered by id.

    Raises:
        ConfigError: a file is wrong, or an id is used twice.
    """
    detectors: dict[str, Detector] = {}
    for path in sorted(directory.glob("*.toml")):
        for detector in load_file(path):
            if detector.id in detectors:
                raise ConfigError(
                    f"detector id {detector.id!r} is also in {detectors[detector.id].origin}",
                    path=str(path),
                    line=_line_of(path.read_text("utf-8"), detector.id),
                    hint="Ids are unique over the whole catalog.",
                )
            detectors[detector.id] = detector
    return [detectors[key] for key in sorted(detectors)]


def load_paths(paths: Iterable[Path]) -> list[Detector]:
    """Return the detectors of files and folders the user named."""
    found: list[Detector] = []
    for path in paths:
        if not path.exists():
            raise ConfigError("there is no such detector file or folder", path=str(path), hint="Check --detectors.")
        if path.is_dir():
            found.extend(load_catalog(path))
        else:
            found.extend(load_file(path))
    return found


def load_file(path: Path) -> list[Detector]:
    """Return the detectors of one file.

    Raises:
        ConfigError: with file and line.
    """
    try:
        text = path.read_text("utf-8")
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(str(exc), path=str(path), hint="Mend the TOML and try again.") from exc
    except (RecursionError, OverflowError) as exc:
        raise ConfigError("not usable TOML: nested too deeply, or a number out of range", path=str(path)) from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"cannot be read ({type(exc).__name__})", path=str(path)) from exc
    provider = document.get("provider", {})
    if not isinstance(provider, dict) or not isinstance(provider.get("name"), str):
        raise ConfigError('a [provider] table with name = "…" is missing', path=str(path), line=1)
    tables = document.get("detector", [])
    if not isinstance(tables, list) or not tables:
        raise ConfigError("no [[detector]] in this file", path=str(path), line=1)
    shared = document.get("companions", {})
    # Detectors that came from another scanner's configuration have no examples; nobody could make them up.
    required = "imported_from" not in provider
    return [
        _build(_with_shared(table, shared, path), index, provider["name"], path, text, required)
        for index, table in enumerate(tables)
    ]


def _with_shared(table: dict[str, Any], shared: Any, path: Path) -> dict[str, Any]:
    """Return a detector's table with the companions that several detectors of the file have in common."""
    names = table.get("companions")
    if names is None:
        return table
    for name in names if isinstance(names, list) else [names]:
        if not isinstance(shared, dict) or not isinstance(shared.get(name), list):
            raise ConfigError(
                f"detector {table.get('id', '')}: there are no [[companions.{name}]] in this file",
                path=str(path),
                hint="See docs/detectors.md.",
            )
    found = [*table.get("companion", []), *(item for name in names for item in shared[name])]
    return {**{key: value for key, value in table.items() if key != "companions"}, "companion": found}


def _build(table: dict[str, Any], index: int, provider: str, path: Path, text: str, examples_required: bool) -> Detector:
    try:
        return detector_from(table, provider=provider, origin=path.name, examples_required=examples_required)
    except DetectorError as exc:
        name = table.get("id", f"number {index + 1}")
        raise ConfigError(
            f"detector {name}: {exc}", path=str(path), line=_line_of_key(text, index, exc.key), hint="See docs/detectors.md."
        ) from exc


def _line_of_key(text: str, index: int, key: str) -> int:
    """1-based line of *key* in the detector table number *index*, or of the table's header."""
    lines = text.splitlines()
    headers = [n for n, line in enumerate(lines) if re.match(r"\s*\[\[\s*detector\s*\]\]", line)]
    start = headers[index]
    stop = headers[index + 1] if index + 1 < len(headers) else len(lines)
    for number in range(start, stop):
        if re.match(rf"\s*(?:\[\[detector\.)?{re.escape(key)}\b", lines[number]):
            return number + 1
    return start + 1


def _line_of(text: str, identifier: str) -> int | None:
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(rf'\s*id\s*=\s*["\']{re.escape(identifier)}["\']', line):
            return number
    return None
