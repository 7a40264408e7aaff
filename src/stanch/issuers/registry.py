"""Which adapter asks about which type. Adapters are imported when the first credential of their type is asked about.

What is coded here comes first; the other types are asked as the catalog declares it (`stanch.issuers.declared`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path

from stanch.issuers.coded import CODED
from stanch.issuers.model import Validator
from stanch.issuers.rendering import Allowed


class Validators(Mapping[str, Validator]):
    """What asks about each type, found when it is first looked up.

    Args:
        extra: the user's detector files and folders.
        allowed: tells whether the user named a host and port (`DoorPolicy.names`): software that people run themselves is asked
            only there.

    Raises:
        ConfigError: on a lookup, when a detector file is wrong.
    """

    def __init__(self, extra: Sequence[Path] = (), allowed: Allowed | None = None) -> None:
        self._extra = tuple(extra)
        self._allowed = allowed
        self._found: dict[str, Validator | None] = {}

    def __getitem__(self, detector: str) -> Validator:
        if detector not in self._found:
            self._found[detector] = validator_for(detector, allowed=self._allowed, extra=self._extra)
        validator = self._found[detector]
        if validator is None:
            raise KeyError(detector)
        return validator

    def __iter__(self) -> Iterator[str]:
        from stanch.catalog.load import load_catalog, load_paths
        from stanch.catalog.validity import validity_specs

        ids = {detector.id for detectors in (load_catalog(), load_paths(self._extra)) for detector in detectors}
        specs = validity_specs(ids, self._extra)
        return (detector for detector in sorted(ids) if detector in CODED or (detector in specs and specs[detector].runs))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def validator_for(detector: str, *, allowed: Allowed | None = None, extra: Sequence[Path] = ()) -> Validator | None:
    """Return what asks about a type: the adapter written for it, or what the catalog declares; ``None`` when nobody can be asked.

    Args:
        detector: id.
        allowed: as for `Validators`.
        extra: the user's detector files and folders.

    Raises:
        ConfigError: a detector file is wrong.
    """
    place = CODED.get(detector)
    if place is not None:
        module, _, name = place.partition(":")
        written: Validator = getattr(import_module(module), name)
        return written
    from stanch.catalog.validity import validity_specs
    from stanch.issuers.declared import declared, nobody

    spec = validity_specs((detector,), extra).get(detector)
    return declared(spec, allowed=allowed or nobody) if spec is not None and spec.runs else None
