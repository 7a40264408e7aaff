"""Which detectors take part in a scan."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection
from fnmatch import fnmatchcase

from stanch.catalog.compiled import Compiled, compiled_catalog
from stanch.core.errors import InputError
from stanch.core.report import DetectorInfo
from stanch.engine.engine import Engine
from stanch.scanning.context import ScanContext


def engine_for(context: ScanContext) -> Engine:
    """Build the engine a scan asks for.

    Raises:
        InputError: a detector id or pattern names nothing.
    """
    catalog = compiled_catalog(context.detectors, folder=context.cache)
    if context.only or context.skip:
        catalog = _selected(catalog, context.only, context.skip)
    return Engine(catalog, decode_depth=context.decode_depth)


def _selected(catalog: Compiled, only: tuple[str, ...], skip: tuple[str, ...]) -> Compiled:
    ids = [d.id for d in catalog.detectors]
    for pattern in (*only, *skip):
        if not any(fnmatchcase(i, pattern) for i in ids):
            raise InputError(f"no detector is called {pattern!r}.", hint="`stanch detectors list` shows them all.")
    chosen = [
        d
        for d in catalog.detectors
        if (not only or any(fnmatchcase(d.id, p) for p in only)) and not any(fnmatchcase(d.id, p) for p in skip)
    ]
    # Its own first pass, not cached: selections are many and small.
    return Compiled(chosen, catalog.key, None)


def detector_facts(context: ScanContext, ids: Collection[str]) -> dict[str, DetectorInfo]:
    """Return what reports say about the detectors that found something."""
    if not ids:
        return {}
    detectors = compiled_catalog(context.detectors, folder=context.cache).detectors
    found = {}
    for number in (bisect_left(detectors, identifier, key=lambda d: d.id) for identifier in sorted(ids)):
        detector = detectors[number]
        found[detector.id] = DetectorInfo(
            id=detector.id,
            name=detector.name,
            provider=detector.provider,
            kind=detector.kind,
            severity=detector.severity,
            notes=detector.notes,
            help_url=detector.help_url,
        )
    return found
