"""Which detectors take part in a scan."""

from __future__ import annotations

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


def detector_facts(context: ScanContext) -> dict[str, DetectorInfo]:
    """Return what reports say about each detector."""
    found = {}
    for detector in compiled_catalog(context.detectors, folder=context.cache).detectors:
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
