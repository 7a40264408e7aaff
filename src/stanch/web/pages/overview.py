"""The first page of a workspace: how it stands, and what needs somebody now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from stanch.core.filters import IncidentFilter
from stanch.db import incidents as rows
from stanch.incidents.catalog_facts import facts_of
from stanch.incidents.overview import Overview, Ranked, overview
from stanch.server.auth import Caller
from stanch.web.charts import Series, Slice
from stanch.web.filters import span, words
from stanch.web.pages.common import shown
from stanch.web.pages.incident_forms import Reader
from stanch.web.pages.incident_list import ACTIVE

router = APIRouter()
_FEW: Final = 5
_SHOWN: Final = 6
# words of the bar, and the ages that lead to the same incidents in the list
_AGES: Final = (
    ("< 1 d", "1d", ""),
    ("1–7 d", "7d", "1d"),
    ("1–4 w", "28d", "7d"),
    ("1–3 mo", "91d", "28d"),
    ("3–12 mo", "365d", "91d"),
    ("> 1 y", "", "365d"),
)


@router.get("/w/{workspace}")
def first_page(request: Request, caller: Reader) -> Response:
    """Show how the workspace stands."""
    now = caller.desk.now()
    found = overview(caller.desk, caller.workspace, now=now)
    if found.is_empty:
        return shown(request, caller, "overview.html", found=found)
    urgent, mine = _now(caller)
    return shown(request, caller, "overview.html", found=found, urgent=urgent, mine=mine, **_charts(found, caller))


def _now(caller: Caller) -> tuple[Sequence[Any], Sequence[Any]]:
    """Return the most urgent incidents, and those that the person looks after."""
    wanted = IncidentFilter(state=ACTIVE)
    own = IncidentFilter(state=ACTIVE, assignee=(caller.principal.user_id,))
    with caller.desk.look() as connection:
        urgent, _ = rows.list_incidents(connection, caller.workspace, wanted, limit=_FEW)
        mine, _ = rows.list_incidents(connection, caller.workspace, own, limit=_FEW)
    return urgent, mine


def _charts(found: Overview, caller: Caller) -> dict[str, Any]:
    at = f"/w/{caller.principal.workspace_slug}/incidents?"

    def active(**more: str) -> str:
        return at + urlencode([*(("state", state) for state in ACTIVE), *((k, v) for k, v in more.items() if v)])

    def ranking(ranked: Sequence[Ranked], field: str) -> list[Slice]:
        named = {one.key: facts_of(one.key).title if field == "detector" else one.name for one in ranked[:_SHOWN]}
        return [Slice(name=named[one.key] or one.key, value=one.count, url=active(**{field: one.key})) for one in ranked[:_SHOWN]]

    weeks = found.weeks
    return {
        "active": active,
        "severities": [Slice(name=words(s), value=n, kind=s, url=active(severity=s)) for s, n in found.severities.items()],
        "validities": [Slice(name=words(v), value=n, kind=v, url=active(validity=v)) for v, n in found.validities.items() if n],
        "weeks": [f"{week.start.day} {week.start:%b}" for week in weeks],
        "trend": [
            Series(name="Opened", values=[week.opened for week in weeks], kind="opened"),
            Series(name="Resolved", values=[week.resolved for week in weeks], kind="resolved"),
        ],
        "opened_now": weeks[-1].opened if weeks else 0,
        "ages": [
            Slice(name=name, value=count, url=active(opened_after=after, opened_before=before))
            for (name, after, before), (_, count) in zip(_AGES, found.ages, strict=True)
        ],
        "sources": ranking(found.sources, "source"),
        "detectors": ranking(found.detectors, "detector"),
        "providers": ranking(found.providers, "provider"),
        "median": span(found.median.total_seconds()) if found.median is not None else "\N{EM DASH}",
        "ninetieth": span(found.ninetieth.total_seconds()) if found.ninetieth is not None else "",
    }
