"""How a workspace stands, and what can be found at all."""

from __future__ import annotations

import functools
from typing import Annotated

from fastapi import Query

from stanch.incidents.catalog_facts import all_facts
from stanch.incidents.overview import overview
from stanch.server.models.base import Page
from stanch.server.models.scanning import Detector
from stanch.server.models.system import Overview
from stanch.server.routing import Key, Paged, Reader, api_router, found, sliced

router = api_router("overview and detectors")


@router.get("/overview")
def get_overview(caller: Reader) -> Overview:
    """Show how the workspace stands, in numbers."""
    return Overview.of(overview(caller.desk, caller.workspace, now=caller.desk.now()))


@router.get("/detectors")
def list_detectors(
    caller: Reader,
    paged: Paged,
    q: Annotated[
        str, Query(description="Words that all stand in id, name, provider or kind.", max_length=200, pattern=r"^[^\x00]*$")
    ] = "",
) -> Page[Detector]:
    """List the types of secret that can be found, by id."""
    words = q.lower().split()
    wanted = [d for d in _detectors().values() if all(w in f"{d.id} {d.name} {d.provider} {d.kind}".lower() for w in words)]
    part, cursor = sliced(wanted, lambda detector: detector.id, "detectors", paged)
    return Page[Detector].of(part, cursor)


@router.get("/detectors/{detector}")
def get_detector(caller: Reader, detector: Key) -> Detector:
    """Show one type of secret."""
    shown: Detector = found(_detectors().get(detector), "detector")
    return shown


@functools.cache
def _detectors() -> dict[str, Detector]:
    return {
        facts.id: Detector.model_validate(
            {
                "id": facts.id, "name": facts.title, "provider": facts.provider, "kind": facts.kind, "severity": facts.severity,
                "checkable": facts.checkable, "notes": facts.notes, "revoke": facts.revoke, "revoke_url": facts.revoke_url,
            }
        )
        for facts in all_facts().values()
    }  # fmt: skip
