"""Many incidents at once: bulk changes and exports."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from fastapi import Query
from starlette.responses import StreamingResponse

from stanch.core.errors import InputError
from stanch.core.filters import IncidentFilter
from stanch.db import incidents as rows
from stanch.incidents.desk import Work
from stanch.incidents.triage import MOST_AT_ONCE
from stanch.server.auth import Caller
from stanch.server.filtering import Filtered, filter_of_text
from stanch.server.models.incidents import (
    AssignMany,
    BulkFailure,
    BulkGiven,
    BulkResult,
    CommentMany,
    IncidentSummary,
    JudgeMany,
    MoveMany,
    TagMany,
)
from stanch.server.routes.incidents import check_move, move_of
from stanch.server.routing import Reader, Triager, api_router

# "incidents/export" has to be known before "incidents/{incident}": modules are found in the order of their names
router = api_router("incidents")
Act = MoveMany | AssignMany | TagMany | CommentMany | JudgeMany
_PAGE: Final = 500
_COLUMNS: Final = (
    "number", "id", "state", "severity", "score", "validity", "validity_reason", "checked_at", "exposure", "environment",
    "detector", "title", "provider", "kind", "redacted", "path", "source_names", "occurrences", "gone", "sources", "assignee",
    "team", "tags", "ignore_reason", "ignored_until", "resolution", "opened_at", "first_seen", "last_seen", "resolved_at",
    "updated_at",
)  # fmt: skip
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


@router.post("/incidents/bulk")
def change_incidents(caller: Triager, given: BulkGiven) -> BulkResult:
    """Do the same to up to 1,000 incidents, named by ids or by a filter. Those that cannot be changed stay as they are."""
    if len(given.model_fields_set & {"ids", "filter"}) != 1:
        raise InputError("give either ids or filter.", code="bulk_choice")
    if isinstance(given.act, MoveMany):
        check_move(caller, given.act)
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        chosen = given.ids if "ids" in given.model_fields_set else _ids_of(work, filter_of_text(caller, given.filter))
        ids = list(dict.fromkeys(chosen))
        name, arguments = _act(given.act)
        failed = work.triage.bulk(ids, name, **arguments)
    return BulkResult(changed=len(ids) - len(failed), failed=[BulkFailure(id=id_, code=code) for id_, code in failed])


def _ids_of(work: Work, wanted: IncidentFilter) -> list[str]:
    ids = list(rows.ids_of(work.connection, work.workspace, wanted, MOST_AT_ONCE + 1))
    if len(ids) > MOST_AT_ONCE:
        raise InputError(f"at most {MOST_AT_ONCE} incidents can be changed at once.", hint="Narrow the filter.", code="too_many")
    return ids


def _act(act: Act) -> tuple[str, dict[str, Any]]:
    if isinstance(act, MoveMany):
        return "move", {"move": move_of(act)}
    if isinstance(act, AssignMany):
        return "assign", {"user": act.assignee_id, "team": act.team_id}
    if isinstance(act, TagMany):
        return "tag", {"add": act.add, "remove": act.remove}
    if isinstance(act, CommentMany):
        return "comment", {"body": act.body}
    return "judge", {"privileged": act.privileged}


class _Export(StreamingResponse):
    media_type = None


@router.get(
    "/incidents/export",
    response_class=_Export,
    responses={
        200: {
            "description": "All of them, as they are read.",
            "content": {"text/csv": {"schema": {"type": "string"}}, "application/jsonl": {"schema": {"type": "string"}}},
        }
    },
)
def export_incidents(
    caller: Reader,
    wanted: Filtered,
    format: Annotated[Literal["csv", "jsonl"], Query(description="CSV for spreadsheets, or a JSON object per line.")] = "csv",
) -> StreamingResponse:
    """Export all incidents that fit a filter, without their values."""
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        work.note("incident.export", data={"format": format, "filter": [f"{k}={v}" for k, v in wanted.pairs()][:50]})
    lines = _csv(caller, wanted) if format == "csv" else _jsonl(caller, wanted)
    kind = "text/csv; charset=utf-8; header=present" if format == "csv" else "application/jsonl"
    name = f"incidents-{caller.desk.now():%Y-%m-%d}.{format}"
    return StreamingResponse(lines, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _pages(caller: Caller, wanted: IncidentFilter) -> Iterator[list[IncidentSummary]]:
    """Yield pages, each in a look of its own: nobody holds a transaction open while a slow reader reads."""
    cursor = ""
    while True:
        with caller.desk.look() as connection:
            found, cursor = rows.list_incidents(connection, caller.workspace, wanted, cursor=cursor, limit=_PAGE)
            tags = rows.tags_of(connection, [row["id"] for row in found])
        yield [IncidentSummary.of(row, tags.get(row["id"], ())) for row in found]
        if not cursor:
            return


def _jsonl(caller: Caller, wanted: IncidentFilter) -> Iterator[str]:
    for page in _pages(caller, wanted):
        yield "".join(f"{json.dumps(incident.model_dump(mode='json'), separators=(',', ':'))}\n" for incident in page)


def _csv(caller: Caller, wanted: IncidentFilter) -> Iterator[str]:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    for page in _pages(caller, wanted):
        writer.writerows([cell(incident, column) for column in _COLUMNS] for incident in page)
        yield out.getvalue()
        out.seek(0)
        out.truncate()


def cell(incident: IncidentSummary, column: str) -> str:
    """Return a cell of a spreadsheet: text that no spreadsheet takes for a formula."""
    value = getattr(incident, column)
    if column in ("assignee", "team"):
        value = value.name if value is not None else ""
    elif column == "tags":
        value = ", ".join(value)
    elif hasattr(value, "isoformat"):
        value = value.isoformat()
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
