"""The engine under test, built from the catalog as it stands, and what a scan with default settings would report of its matches.

A detector file that does not load is left out with a warning: the benchmark has to run while people work on the catalog.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from stanch.catalog.compiled import Compiled
from stanch.catalog.load import DATA, load_file
from stanch.catalog.model import Detector
from stanch.core.errors import ConfigError
from stanch.engine.engine import Engine
from stanch.engine.lines import line_around, line_before
from stanch.engine.match import Match
from stanch.scanning.context import ScanContext
from stanch.scanning.verdicts import Verdicts

CACHE = Path.home() / ".cache" / "stanch-bench" / "accuracy"
KEPT = 4
"""Compiled databases of earlier catalogs that are kept."""


class Lab:
    """The engine and the rules of a scan with default settings.

    Args:
        detectors: the whole catalog.
        key: changes with anything that changes the compiled database.
        cache: folder for compiled databases.

    Attributes:
        detectors: by id.
        context: default settings, without an installation's key.
    """

    def __init__(self, detectors: Sequence[Detector], key: str, cache: Path | None) -> None:
        self.detectors = {d.id: d for d in sorted(detectors, key=lambda d: d.id)}
        self.engine = Engine(Compiled(list(self.detectors.values()), key, cache))
        self.context = ScanContext(key=b"\0" * 32)
        self._verdicts = Verdicts(self.context)

    def scan(self, files: Sequence[tuple[str, bytes]]) -> list[list[Match]]:
        """Return what a scan with default settings would report of each (path, bytes)."""
        found = self.engine.scan_batch([data for _, data in files])
        return [[m for m in matches if self.reported(m, path, data)] for (path, data), matches in zip(files, found, strict=True)]

    def reported(self, match: Match, path: str, data: bytes) -> bool:
        """Tell whether a match becomes a finding: confidence, lock files, tests, comments."""
        line, before = line_around(data, match.start, match.end), line_before(data, match.start)
        return not self._verdicts.on_match(match, path, line, before)


def load_detectors() -> tuple[list[Detector], list[str]]:
    """Return the shipped detectors and a sentence for each file that is left out."""
    found: dict[str, Detector] = {}
    warnings = []
    for path in sorted(DATA.glob("*.toml")):
        try:
            found.update((d.id, d) for d in load_file(path))
        except ConfigError as exc:
            warnings.append(f"left out: {exc}")
    return list(found.values()), warnings


def open_lab(cache: Path | None = CACHE) -> Lab:
    """Build the lab; compiled databases are kept between runs of the same catalog and engine."""
    detectors, warnings = load_detectors()
    for warning in warnings:
        print(warning, file=sys.stderr)
    key = _key()
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
        old = sorted(cache.glob("*.hsdb"), key=lambda p: p.stat().st_mtime)
        for path in old[: -2 * KEPT]:
            path.unlink(missing_ok=True)
            path.with_suffix(".json").unlink(missing_ok=True)
    return Lab(detectors, key, cache)


def _key() -> str:
    """Hash over the catalog and the code that compiles it."""
    package = DATA.parent.parent
    digest = hashlib.blake2b(digest_size=12)
    for path in [*sorted(DATA.glob("*.toml")), *sorted((package / "engine").glob("*.py")), package / "catalog" / "model.py"]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
