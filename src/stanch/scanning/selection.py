"""Which detectors take part in a scan."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Collection
from fnmatch import fnmatchcase
from pathlib import Path

from stanch.catalog.compiled import Compiled, compiled_catalog
from stanch.core.errors import ConfigError, InputError
from stanch.core.report import DetectorInfo
from stanch.engine.engine import Engine
from stanch.scanning.context import ScanContext


def engine_for(context: ScanContext) -> Engine:
    """Build the engine a scan asks for.

    Raises:
        InputError: a detector id or pattern names nothing.
    """
    catalog = compiled_catalog(context.detectors, folder=context.cache)
    if context.detectors:
        _check_own(context.detectors)
    if context.only or context.skip:
        catalog = _selected(catalog, context.only, context.skip)
    return Engine(catalog, decode_depth=context.decode_depth)


def _selected(catalog: Compiled, only: tuple[str, ...], skip: tuple[str, ...]) -> Compiled:
    only, skip = (tuple(part.strip() for item in items for part in item.split(",")) for items in (only, skip))
    ids = [d.id for d in catalog.detectors]
    for pattern in (*only, *skip):
        if not any(fnmatchcase(i, pattern) for i in ids):
            raise InputError(f"no detector is called {pattern!r}.", hint="`stanch detectors list` shows them all.")
    chosen = [
        d
        for d in catalog.detectors
        if (not only or any(fnmatchcase(d.id, p) for p in only)) and not any(fnmatchcase(d.id, p) for p in skip)
    ]
    mark = hashlib.blake2b("\0".join((catalog.key, *only, "", *skip)).encode(), digest_size=12).hexdigest()
    return Compiled(chosen, mark, catalog.folder)


def _check_own(paths: tuple[Path, ...]) -> None:
    """Say what is wrong with the user's detectors before the engine meets it. The shipped ones are tested."""
    from stanch.catalog.load import load_paths
    from stanch.engine.anchors import patterns_for
    from stanch.engine.checks import CHECKS
    from stanch.engine.checks.extents import EXTENTS
    from stanch.engine.database import compile_expressions

    for detector in load_paths(paths):
        for kind, names, known in (("check", detector.checks, CHECKS), ("extent", (detector.extent,), EXTENTS)):
            for name in names:
                if name and name not in known:
                    hint = f"Known are {', '.join(sorted(known))}."
                    raise ConfigError(f"detector {detector.id}: no {kind} is called {name!r}", path=detector.origin, hint=hint)
        try:
            compile_expressions([(p.expression, p.flags) for p in patterns_for([detector])])
        except ValueError as exc:
            raise ConfigError(f"detector {detector.id}: {exc}", path=detector.origin, hint="See docs/detectors.md.") from exc


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
