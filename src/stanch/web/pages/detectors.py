"""The types of secret that are known: the list, and one type with what it is, how it is checked and how it is revoked."""

from __future__ import annotations

from collections import Counter
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from stanch.core.errors import NotFoundError
from stanch.core.filters import SEVERITIES, IncidentFilter
from stanch.db import incidents as rows
from stanch.incidents.catalog_facts import all_facts, facts_of
from stanch.web.pages.common import shown
from stanch.web.pages.forms import Reader

router = APIRouter()
_LIMIT: Final = 100


@router.get("/w/{workspace}/detectors")
def detectors(request: Request, caller: Reader, q: str = "", severity: str = "", asked: str = "", page: int = 1) -> Response:
    """List types of secret; words of the search must all fit."""
    words = q.lower().split()
    known = sorted(all_facts().values(), key=lambda f: (f.provider.lower(), f.title.lower()))
    found = [
        fact for fact in known
        if all(w in f"{fact.title} {fact.provider} {fact.id} {fact.kind}".lower() for w in words)
        and severity in ("", fact.severity) and (not asked or fact.checkable)
    ]  # fmt: skip
    page = max(1, min(page, -(-len(found) // _LIMIT) or 1))
    with caller.desk.look() as connection:
        wanted = IncidentFilter(state=("open", "in_remediation"))
        open_ = dict(rows.facets(connection, caller.workspace, wanted, "detector", limit=2_000))
    counts = Counter(fact.severity for fact in known)
    return shown(
        request, caller, "detectors.html", found=found[(page - 1) * _LIMIT : page * _LIMIT], total=len(found), all=len(known),
        q=q, severity=severity, asked=asked, severities=[(s, counts[s]) for s in SEVERITIES], open=open_, page=page,
        pages=-(-len(found) // _LIMIT), checkable=sum(f.checkable for f in known),
    )  # fmt: skip


@router.get("/w/{workspace}/detectors/{detector}")
def detector(request: Request, caller: Reader, detector: str) -> Response:
    """Show one type."""
    fact = facts_of(detector)
    if not fact.known:
        raise NotFoundError("there is no such type of secret.", hint="An import may have brought it under another tool's name.")
    with caller.desk.look() as connection:
        wanted = IncidentFilter(state=("open", "in_remediation"), detector=(detector,))
        found, _ = rows.list_incidents(connection, caller.workspace, wanted, limit=10)
        count = rows.count_incidents(connection, caller.workspace, wanted)
    return shown(request, caller, "detector.html", fact=fact, rows=found, count=count)
