"""Incidents: lists, one incident, and what people do to it."""

from __future__ import annotations

from stanch.core.errors import NotFoundError
from stanch.core.incident import IgnoreReason, IncidentState, Resolution
from stanch.core.people import Permission
from stanch.db import incidents as rows
from stanch.incidents.desk import Work
from stanch.incidents.details import details
from stanch.incidents.triage import Move
from stanch.server.auth import Caller
from stanch.server.filtering import Filtered
from stanch.server.models.base import Page
from stanch.server.models.incidents import (
    Facets,
    FacetValue,
    Incident,
    IncidentChange,
    IncidentSummary,
    MoveGiven,
    TagsChange,
)
from stanch.server.routing import IncidentKey, Paged, Reader, Triager, api_router, needs

router = api_router("incidents")
_FACETS = ("state", "severity", "validity", "exposure", "environment", "detector", "provider", "kind")


@router.get("/incidents")
def list_incidents(caller: Reader, paged: Paged, wanted: Filtered) -> Page[IncidentSummary]:
    """List incidents that fit a filter, a page at a time."""
    with caller.desk.look() as connection:
        found, cursor = rows.list_incidents(connection, caller.workspace, wanted, cursor=paged.cursor, limit=paged.limit)
        tags = rows.tags_of(connection, [row["id"] for row in found])
    return Page[IncidentSummary].of((IncidentSummary.of(row, tags.get(row["id"], ())) for row in found), cursor)


@router.get("/incidents/facets")
def count_incidents(caller: Reader, wanted: Filtered) -> Facets:
    """Count incidents that fit a filter, and how they divide by each field."""
    with caller.desk.look() as connection:
        total = rows.count_incidents(connection, caller.workspace, wanted)
        fields = {
            name: [
                FacetValue(value=value, count=count) for value, count in rows.facets(connection, caller.workspace, wanted, name)
            ]
            for name in _FACETS
        }
        fields["tag"] = [FacetValue(value=tag, count=count) for tag, count in rows.all_tags(connection, caller.workspace)]
    return Facets(total=total, fields=fields)


@router.get("/incidents/{incident}")
def get_incident(caller: Reader, incident: IncidentKey) -> Incident:
    """Show one incident, by id or number."""
    return shown(caller, incident)


@router.patch("/incidents/{incident}")
def change_incident(caller: Triager, incident: IncidentKey, change: IncidentChange) -> Incident:
    """Change state, assignment or privilege of an incident, all at once or not at all."""
    if change.move is not None:
        check_move(caller, change.move)
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        id_ = locked(work, incident, change.version)
        _apply(work, id_, change)
    return shown(caller, id_)


def _apply(work: Work, incident: str, change: IncidentChange) -> None:
    given = change.model_fields_set
    if given & {"assignee_id", "team_id"}:
        row = rows.lock_incident(work.connection, work.workspace, incident)
        assert row is not None
        user = change.assignee_id if "assignee_id" in given else row["assignee_id"]
        team = change.team_id if "team_id" in given else row["team_id"]
        work.triage.assign(incident, user=user, team=team)
    if "privileged" in given:
        work.triage.judge(incident, privileged=change.privileged)
    if change.move is not None:
        work.triage.move(incident, move_of(change.move))


@router.put("/incidents/{incident}/tags")
def change_tags(caller: Triager, incident: IncidentKey, change: TagsChange) -> Incident:
    """Add and remove tags. The same twice changes nothing."""
    with caller.desk.work(caller.workspace, caller.actor, request_id=caller.request_id) as work:
        id_ = key_of(work, incident)
        work.triage.tag(id_, add=change.add, remove=change.remove)
    return shown(caller, id_)


def shown(caller: Caller, key: str) -> Incident:
    """Return an incident as the API shows it."""
    now = caller.desk.now()
    with caller.desk.look() as connection:
        found = details(connection, caller.workspace, key, now=now, places=1)
    base, slug = caller.context.settings.base_url, caller.principal.workspace_slug
    return Incident.with_all(found, f"{base}/w/{slug}/incidents/{found.row['number']}")


def key_of(work: Work, key: str) -> str:
    """Return the id of an incident by id or number, for an act on it.

    Raises:
        NotFoundError: there is none in this workspace.
    """
    row = rows.incident(work.connection, work.workspace, key)
    if row is None:
        raise NotFoundError("there is no such incident.", hint="It may be in another workspace.")
    return str(row["id"])


def locked(work: Work, key: str, version: int) -> str:
    """Return the id of an incident that nobody else can change until this unit of work ends.

    Raises:
        ConflictError: it is not as the caller saw it.
    """
    id_ = key_of(work, key)
    work.triage.hold(id_, version=version)
    return id_


def move_of(given: MoveGiven) -> Move:
    """Return a move as the use case takes it."""
    return Move(
        state=IncidentState(given.state),
        reason=IgnoreReason(given.reason) if given.reason else None,
        until=given.until,
        resolution=Resolution(given.resolution) if given.resolution else None,
        note=given.note,
    )


def check_move(caller: Caller, given: MoveGiven) -> None:
    """Refuse to accept a risk from who may not do that.

    Raises:
        Problem: they may not.
    """
    if given.reason == "accepted":
        needs(caller, Permission.ACCEPT)
