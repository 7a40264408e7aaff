"""The numbers beside the filters of the list of incidents, kept until somebody writes to the workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from stanch.core.filters import IncidentFilter
from stanch.db.facets import Facet
from stanch.db.facets import facets as counted
from stanch.incidents.desk import Desk
from stanch.incidents.kept import kept


def facets(desk: Desk, workspace: str, wanted: IncidentFilter, *, now: datetime) -> tuple[int, Mapping[str, Sequence[Facet]]]:
    """Return how many incidents fit, and the values of every field of the filter with their numbers, the commonest first.

    Args:
        desk: the record.
        workspace: id of the workspace.
        wanted: the filter; its order does not matter.
        now: the time.
    """
    question = ("facets", replace(wanted, sort="urgency"))
    return kept(desk, workspace, question, lambda connection: counted(connection, workspace, wanted), now=now)
