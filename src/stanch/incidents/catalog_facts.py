"""What the catalog knows about a type of secret, for the people who look after an incident."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stanch.catalog.load import load_catalog
from stanch.catalog.model import Detector
from stanch.issuers.coded import CODED


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeFacts:
    """Facts of one type; empty where nobody knows.

    Attributes:
        id: of the detector.
        title, provider, kind, severity: as the catalog says.
        notes: what it is and what it opens.
        checkable: whether its issuer can be asked.
        revoke: how to make it useless.
        revoke_url: where.
        guide: further advice by heading.
        known: whether the catalog has it at all: imports bring types that it has not.
    """

    id: str
    title: str = ""
    provider: str = ""
    kind: str = ""
    severity: str = ""
    notes: str = ""
    checkable: bool = False
    revoke: str = ""
    revoke_url: str = ""
    guide: tuple[tuple[str, str], ...] = ()
    known: bool = True


def facts_of(detector: str) -> TypeFacts:
    """Return what is known about a type."""
    return all_facts().get(detector) or TypeFacts(id=detector, title=detector, known=False)


@functools.cache
def all_facts() -> Mapping[str, TypeFacts]:
    """Return the facts of every type in the catalog; reading them takes half a second, once."""
    return {detector.id: _facts(detector) for detector in load_catalog()}


def _facts(detector: Detector) -> TypeFacts:
    revocation = _table(detector, "revocation")
    return TypeFacts(
        id=detector.id,
        title=detector.name,
        provider=detector.provider,
        kind=detector.kind,
        severity=detector.severity,
        notes=detector.notes,
        checkable=detector.checkable or detector.id in CODED,
        revoke=str(revocation.get("how", "")),
        revoke_url=detector.help_url,
        guide=tuple((name.replace("_", " "), str(text)) for name, text in _table(detector, "guide").items()),
    )


def _table(detector: Detector, name: str) -> Mapping[str, Any]:
    found = detector.facts.get(name)
    return found if isinstance(found, Mapping) else {}
