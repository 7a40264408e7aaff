"""How the workspace and the installation stand: overview, audit trail, requests, settings, health."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field

from stanch.incidents import overview
from stanch.server.models.base import Given, Shown, named

Days = Annotated[int, Field(ge=1, le=36_500)] | None


class Ranked(Shown):
    """One of the most frequent."""

    key: str
    """What a filter takes: a source's id, a detector's id, a provider."""
    name: str
    count: int


class Week(Shown):
    """What happened in a week."""

    start: date
    """Its Monday."""
    opened: int
    resolved: int


class Age(Shown):
    """Active incidents of an age."""

    label: str = Field(examples=["1 to 7 days"])
    count: int


class Overview(Shown):
    """How a workspace stands. *Active* incidents are open or in remediation."""

    at: datetime
    active: int
    states: dict[str, int]
    """All incidents by state."""
    severities: dict[str, int]
    """Active ones by severity; `validities` and `exposures` likewise."""
    validities: dict[str, int]
    exposures: dict[str, int]
    live: int
    """Active incidents whose credential its issuer accepts."""
    unassigned: int
    ages: list[Age]
    remediated: int
    """Incidents resolved in the last 90 days."""
    median_seconds: int | None
    """From opening to resolving: half of these took at most so long; `ninetieth_seconds` likewise for nine of ten."""
    ninetieth_seconds: int | None
    weeks: list[Week]
    sources: list[Ranked]
    """Where most active incidents still lie; `detectors` and `providers` likewise."""
    detectors: list[Ranked]
    providers: list[Ranked]

    @classmethod
    def of(cls, found: overview.Overview) -> Overview:
        """Return what is shown of an overview."""
        ages = [{"label": label, "count": count} for label, count in found.ages]
        times = {"median_seconds": _seconds(found.median), "ninetieth_seconds": _seconds(found.ninetieth)}
        return cls.model_validate({**asdict(found), "ages": ages, **times})


def _seconds(value: timedelta | None) -> int | None:
    return None if value is None else round(value.total_seconds())


class AuditEntry(Shown):
    """A link of the audit trail."""

    seq: int
    """Its place in the chain of the installation."""
    at: datetime
    actor_kind: str
    actor_id: str
    actor_name: str
    action: str = Field(examples=["incident.reveal"])
    subject: str
    data: dict[str, Any]
    request_id: str
    mac: str
    """Keyed hash over this entry and the one before."""


class AuditVerdict(Shown):
    """Whether the audit trail of the installation is as it was written."""

    intact: bool
    entries: int
    broken_at: int | None
    """Number of the first entry that is wrong."""
    problem: str


class RequestEntry(Shown):
    """One request of the API."""

    id: str = Field(examples=["req_01j9zq3v5k8m2n4p6r7s8t9v0w"])
    at: datetime
    method: str
    path: str
    status: int
    code: str
    """Of the error; empty for none. `detail` likewise."""
    detail: str
    milliseconds: int
    actor_kind: str
    actor_id: str
    actor_name: str
    address: str


class Retention(Given):
    """How long things are kept, in days; `null` is for ever. Open incidents and where they are now are always kept."""

    requests_days: Days = 30
    """The log of API requests."""
    deliveries_days: Days = 90
    """Notifications that were sent or given up."""
    checks_kept: Days = 50
    """How many answers of issuers are kept about each secret."""
    gone_days: Days = 180
    """Places that are gone, but for the last one in each source."""
    events_days: Days = None
    """Timelines of closed incidents."""
    closed_days: Days = None
    """Closed incidents that are in no place any more, with their secrets and sealed values."""
    audit_days: Days = None
    """The audit trail: the longest time of all workspaces counts."""


class Settings(Shown):
    """Settings of a workspace."""

    name: str
    slug: str
    keep_values: bool
    """Whether scans on the server keep plain values, sealed: needed to check, reveal and rotate them later."""
    ask_issuers: bool
    """Whether issuers are asked again every day whether kept credentials still work."""
    retention: Retention


class SettingsChange(Given):
    """A change of settings; what is left out stays as it is."""

    name: Annotated[str, named(120)] | None = None
    keep_values: bool | None = None
    ask_issuers: bool | None = None
    retention: Retention | None = None
    """All of it: what is left out is as it is by itself."""


class Ready(Shown):
    """Whether this server can do its work."""

    status: Literal["ready", "not_ready"]
    checks: dict[str, str] = Field(examples=[{"database": "ok", "migrations": "ok", "engine": "ok"}])


class Alive(Shown):
    """That this server answers."""

    status: Literal["ok"]
