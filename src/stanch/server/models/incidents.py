"""Incidents, and all that belongs to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from stanch.incidents.details import Details
from stanch.server.models.base import (
    Environment,
    Exposure,
    Given,
    Moment,
    Named,
    Severity,
    Shown,
    State,
    Validity,
    bounded,
    left_out,
    named,
    one_of,
)

IgnoreReason = Literal["false_positive", "test_credential", "accepted"]
Resolution = Literal["proven_dead", "revoked", "rotated", "expired"]
Id = Annotated[str, bounded(80, least=1)]
Tags = Annotated[list[Annotated[str, named(60)]], Field(max_length=50)]


class IncidentSummary(Shown):
    """An incident as lists show it. An incident is one secret in one workspace."""

    id: str = Field(examples=["inc_01j9zq3v5k8m2n4p6r7s8t9v0w"])
    number: int = Field(examples=[12])
    """People say `#12`; it stands for the id in every address."""
    title: str = Field(examples=["GitHub personal access token"])
    state: State
    severity: Severity
    score: int = Field(ge=0, le=100)
    """Orders incidents of one severity."""
    validity: Validity
    """What its issuer says; `validity_reason` and `checked_at` likewise."""
    validity_reason: str = Field(examples=["token_revoked"])
    checked_at: datetime | None
    exposure: Exposure
    environment: Environment
    privileged: bool | None
    """Whether the credential may do much; `null` when nobody knows."""
    detector: str = Field(examples=["github-personal-access-token"])
    provider: str = Field(examples=["GitHub"])
    kind: str = Field(examples=["token"])
    redacted: str = Field(examples=["ghp_…Zk4f"])
    """What may be shown of the value."""
    path: str = Field(examples=["deploy/settings.py"])
    """Where it was found first."""
    source_names: str
    occurrences: int
    """Places where it was found; of them `gone` no longer hold it. `sources` tells how many sources they are in."""
    gone: int
    sources: int
    assignee: Named | None
    team: Named | None
    ignore_reason: IgnoreReason | None
    ignored_until: datetime | None
    resolution: Resolution | None
    reopened: int
    """How often it was opened again."""
    tags: list[str]
    opened_at: datetime
    first_seen: datetime
    last_seen: datetime
    resolved_at: datetime | None
    updated_at: datetime
    version: int
    """Give it back when you change the incident."""

    @classmethod
    def of(cls, row: Mapping[Any, Any], tags: Sequence[str] = ()) -> IncidentSummary:
        """Return what is shown of a row."""
        return cls.model_validate({**row, **_people(row), "tags": list(tags)})


class SameKey(Shown):
    """Another incident about the same key pair."""

    id: str
    number: int
    title: str
    redacted: str
    state: State


class NextStep(Shown):
    """What brings the incident nearer to its end."""

    act: Literal["check", "start", "resolve", "extend", "keep_values", "none"]
    label: str
    why: str
    command: str
    """The same on the command line; empty when there is none."""


class Incident(IncidentSummary):
    """An incident with all that is known about its secret."""

    why: list[str]
    """What its severity comes from, in sentences."""
    declared: Severity
    """Severity that the detector declares."""
    reasons: list[str]
    """Why it is believed to be a secret."""
    fingerprint: str
    """Keyed hash of the value: equal values have equal ones in this installation."""
    value_known: bool
    has_value: bool
    """Whether the value is kept, sealed: then it can be revealed, and checked without a new scan."""
    companions: dict[str, str]
    """What may be shown of the other parts of the credential."""
    key_facts: dict[str, Any] | None
    """Of keys and certificates."""
    proof: dict[str, Any] | None
    """What shows that the leak is closed."""
    same_key: list[SameKey]
    next: NextStep
    html_url: str = Field(examples=["https://stanch.example/w/main/incidents/12"])
    """Its page."""

    @classmethod
    def with_all(cls, found: Details, html_url: str) -> Incident:
        """Return what is shown of an incident and what belongs to it."""
        a = found.action
        step = NextStep.model_validate({"act": a.act, "label": a.label, "why": a.why, "command": a.command})
        more = {"tags": list(found.tags), "same_key": [dict(r) for r in found.same_key], "next": step, "html_url": html_url}
        return cls.model_validate({**found.row, **_people(found.row), **more})


def _people(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "assignee": {"id": row["assignee_id"], "name": row["assignee_name"] or ""} if row["assignee_id"] else None,
        "team": {"id": row["team_id"], "name": row["team_name"] or ""} if row["team_id"] else None,
    }


class FacetValue(Shown):
    """One value of a field among the incidents that fit."""

    value: str
    count: int


class Facets(Shown):
    """How many incidents fit a filter, and how they divide by each field when the field's own condition is left out."""

    total: int
    fields: dict[str, list[FacetValue]]


class Occurrence(Shown):
    """One place where a secret was found."""

    id: str
    source: Named
    source_kind: str
    source_exposure: Exposure
    path: str = Field(examples=["deploy/settings.py"])
    line: int
    """From 1; 0 when not known. `column` and the ends likewise."""
    column: int
    end_line: int
    end_column: int
    snippet: str
    """Lines around it, values masked; `snippet_line` is the number of the first."""
    snippet_line: int
    commit: str
    author: str
    email: str
    committed: str
    in_head: bool | None
    """Whether the newest state still holds it; `null` when nobody knows."""
    blob: str
    url: str
    confidence: str
    first_seen: datetime
    last_seen: datetime
    gone_at: datetime | None
    """Since when a complete scan no longer saw it."""

    @classmethod
    def of(cls, row: Mapping[Any, Any]) -> Occurrence:
        """Return what is shown of a row."""
        return cls.model_validate({**row, "source": {"id": row["source_id"], "name": row["source_name"]}})


class Event(Shown):
    """One thing that happened to an incident."""

    id: str
    kind: str = Field(examples=["state_changed"])
    at: datetime
    actor_kind: str = Field(examples=["user"])
    actor_id: str
    actor_name: str
    data: dict[str, Any]


class Comment(Shown):
    """What somebody wrote about an incident."""

    id: str
    author_id: str
    author_name: str
    body: str
    """Plain text."""
    created_at: datetime
    edited_at: datetime | None


class ValidityCheck(Shown):
    """What an issuer said about a credential."""

    id: str
    validity: Validity
    reason: str
    message: str
    evidence: dict[str, Any]
    probes: list[Any]
    checked_at: datetime
    actor_name: str


class MoveGiven(Given):
    """Another state for an incident."""

    state: State
    reason: IgnoreReason | None = None
    """Needed for *ignored*."""
    until: Moment | None = None
    """Needed for *accepted*: to which day the risk is accepted, at most a year ahead."""
    resolution: Resolution | None = None
    """Needed for *resolved*: what shows that it is closed."""
    note: Annotated[str, bounded(20_000)] = ""
    """What there is to say about it."""


class IncidentChange(Given):
    """A change of an incident; what is left out stays as it is."""

    version: int = Field(ge=1, le=2**31 - 1, examples=[3])
    """Of the incident as you saw it. Another one now means that somebody was faster: 409 `changed`."""
    move: MoveGiven | None = None
    assignee_id: Id | None = None
    """A member's id; `null` for nobody."""
    team_id: Id | None = None
    """A team's id; `null` for none."""
    privileged: bool | None = None
    """Whether the credential may do much; `null` when nobody knows."""


class CommentGiven(Given):
    """A comment."""

    body: Annotated[str, bounded(20_000, least=1)]
    """Plain text."""


class TagsChange(Given):
    """Tags to add and to remove."""

    add: Tags = Field(default=[], examples=[["payments"]])
    remove: Tags = Field(default=[])


class RevealGiven(Given):
    """Why somebody has to see a value."""

    reason: Annotated[str, bounded(500, least=10)] = Field(examples=["rotating it by hand in the vendor's console"])
    """At least ten characters; goes into the audit trail."""


class Revealed(Shown):
    """A plain value. It is shown, not kept: do not write it down."""

    value: str
    encoding: Literal["utf-8", "base64"]
    """`base64` when the bytes are no UTF-8."""


class MoveMany(MoveGiven):
    """Bring incidents into another state."""

    kind: Literal["move"]


class AssignMany(Given):
    """Say who looks after incidents."""

    kind: Literal["assign"]
    assignee_id: Id | None = None
    team_id: Id | None = None


class TagMany(TagsChange):
    """Add and remove tags."""

    kind: Literal["tag"]


class CommentMany(CommentGiven):
    """Comment on incidents."""

    kind: Literal["comment"]


class JudgeMany(Given):
    """Say what credentials may do."""

    kind: Literal["judge"]
    privileged: bool | None = None


class BulkGiven(Given):
    """One act on many incidents: give either `ids` or `filter`."""

    model_config = ConfigDict(json_schema_extra=one_of("ids", "filter"))

    ids: list[Id] = left_out(max_length=1000)
    filter: Annotated[str, bounded(4000)] = left_out(examples=["state=open&detector=generic-password"])
    """As in the address of the list. An empty one means all incidents."""
    act: Annotated[MoveMany | AssignMany | TagMany | CommentMany | JudgeMany, Field(discriminator="kind")]


class BulkFailure(Shown):
    """An incident that could not be changed."""

    id: str
    code: str = Field(examples=["state"])


class BulkResult(Shown):
    """What a bulk change came to. Those that failed are as they were, the others are changed."""

    changed: int
    failed: list[BulkFailure]
