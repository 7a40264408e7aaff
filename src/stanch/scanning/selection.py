"""Which detectors take part in a scan."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection
from fnmatch import fnmatchcase
from pathlib import Path

from stanch.catalog.compiled import compiled_catalog
from stanch.catalog.model import Detector
from stanch.core.errors import ConfigError, InputError
from stanch.core.report import DetectorInfo
from stanch.engine.engine import Engine
from stanch.scanning.context import ScanContext


def engine_for(context: ScanContext) -> Engine:
    """Build the engine of a scan. It always has the whole catalog: what is not reported must still be masked in snippets.

    Raises:
        ConfigError: one of the user's detectors is wrong.
    """
    catalog = compiled_catalog(context.detectors, folder=context.cache, key=context.catalog_key)
    if context.detectors:
        _check_own(context.detectors)
    return Engine(catalog, decode_depth=context.decode_depth)


def selected(context: ScanContext, engine: Engine) -> frozenset[str] | None:
    """Return the ids of the detectors that are reported, ``None`` for all.

    Raises:
        InputError: an id or pattern names nothing.
    """
    if not context.only and not context.skip:
        return None
    only, skip = (tuple(part.strip() for item in items for part in item.split(",")) for items in (context.only, context.skip))
    ids = [d.id for d in engine.catalog.detectors]
    for pattern in (*only, *skip):
        if not any(fnmatchcase(i, pattern) for i in ids):
            raise InputError(f"no detector is called {pattern!r}.", hint="`stanch detectors list` shows them all.")
    return frozenset(
        i for i in ids if (not only or any(fnmatchcase(i, p) for p in only)) and not any(fnmatchcase(i, p) for p in skip)
    )


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
    detectors = compiled_catalog(context.detectors, folder=context.cache, key=context.catalog_key).detectors
    found = {}
    for number in (bisect_left(detectors, identifier, key=lambda d: d.id) for identifier in sorted(ids)):
        detector = detectors[number]
        found[detector.id] = info_of(detector)
    return found


def info_of(detector: Detector) -> DetectorInfo:
    """Return what reports say about a detector."""
    from stanch.issuers.coded import CODED  # a table of names; only a scan that finds something needs it

    return DetectorInfo(
        id=detector.id,
        name=detector.name,
        provider=detector.provider,
        kind=detector.kind,
        severity=detector.severity,
        notes=detector.notes,
        help_url=detector.help_url,
        checkable=detector.checkable or detector.id in CODED,
    )
