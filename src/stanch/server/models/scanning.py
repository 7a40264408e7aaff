"""Sources, scans and imports: how findings get into the record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from stanch.core.incident import Place, Sighting
from stanch.server.models.base import (
    Environment,
    Exposure,
    Given,
    Moment,
    Named,
    Severity,
    Shown,
    Validity,
    bounded,
    left_out,
    named,
    one_of,
)
from stanch.server.models.incidents import Id

Fingerprint = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Number = Annotated[int, Field(ge=0, le=2**31 - 1)]
Address = Annotated[str, StringConstraints(max_length=1024, pattern=r"^(https?://[^\x00\s]+)?$")]


class Source(Shown):
    """Something that is scanned, or that findings were imported from."""

    id: str = Field(examples=["src_01j9zq3v5k8m2n4p6r7s8t9v0w"])
    kind: str = Field(examples=["git"])
    name: str = Field(examples=["payments"])
    target: str = Field(examples=["https://git.example/team/payments.git"])
    """A path on the server, or an address without a login."""
    exposure: Exposure
    environment: Environment
    schedule: str = Field(examples=["daily"])
    """How often it is scanned by itself; empty for never."""
    open: int
    """Incidents that are open or in remediation and still lie in it; `places` counts their occurrences."""
    places: int
    created_at: datetime
    scanned_at: datetime | None


class SourceGiven(Given):
    """A new source. The same kind and target is the same source: then the one that is there is shown."""

    kind: Literal["git", "files"]
    target: Annotated[str, named(1024)] = Field(examples=["https://git.example/team/payments.git"])
    name: Annotated[str, bounded(200)] = ""
    exposure: Exposure = "unknown"
    environment: Environment = "unknown"


class SourceChange(Given):
    """A change of a source; what is left out stays as it is."""

    name: Annotated[str, named(200)] | None = None
    exposure: Exposure | None = None
    environment: Environment | None = None
    schedule: Literal["", "hourly", "daily", "weekly"] | None = Field(default=None, examples=["daily"])
    """How often it is scanned by itself; empty for never."""


class Scan(Shown):
    """One look at a source."""

    id: str = Field(examples=["scn_01j9zq3v5k8m2n4p6r7s8t9v0w"])
    source: Named
    state: Literal["running", "complete", "incomplete", "failed", "cancelled"]
    tool: str
    version: str
    found: int
    """Occurrences it saw; `opened` incidents began with it, `gone` occurrences it no longer saw."""
    opened: int
    gone: int
    totals: dict[str, Any]
    skipped: list[Any]
    """What could not be read, each with path, code and reason."""
    error: str
    run_id: str | None
    actor_name: str
    started_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, row: Mapping[Any, Any]) -> Scan:
        """Return what is shown of a row."""
        return cls.model_validate({**row, "source": {"id": row["source_id"], "name": row["source_name"]}})


class ScanGiven(Given):
    """A scan that is about to be recorded: by the id of a source, or by its kind and target."""

    model_config = ConfigDict(json_schema_extra=one_of("source_id", "source"))

    source_id: Id = left_out()
    source: SourceGiven = left_out()
    tool: Annotated[str, named(80)] = "stanch"
    version: Annotated[str, bounded(80)] = ""


class PlaceGiven(Given):
    """One place where a secret was found."""

    path: Annotated[str, bounded(4096, least=1)]
    ordinal: Number = 0
    """Which one of the same secret in the same path, from 0."""
    line: Number = 0
    column: Number = 0
    end_line: Number = 0
    end_column: Number = 0
    snippet: Annotated[str, bounded(4096)] = ""
    """Lines around it. Values have to be masked already."""
    snippet_line: Number = 0
    commit: Annotated[str, bounded(64)] = ""
    author: Annotated[str, bounded(200)] = ""
    email: Annotated[str, bounded(254)] = ""
    date: Annotated[str, bounded(40)] = ""
    in_head: bool | None = None
    blob: Annotated[str, bounded(64)] = ""
    url: Address = ""
    confidence: Literal["high", "medium", "low"] = "high"


class SightingGiven(Given):
    """One secret and where it was found. There is no field for its value, on purpose."""

    fingerprint: Fingerprint
    """HMAC-SHA-256 of the value under the installation's key."""
    detector: Annotated[str, named(120)] = Field(examples=["github-personal-access-token"])
    title: Annotated[str, named(300)] = Field(examples=["GitHub personal access token"])
    provider: Annotated[str, bounded(120)] = ""
    kind: Annotated[str, bounded(60)] = "token"
    severity: Severity
    redacted: Annotated[str, bounded(300)] = Field(default="", examples=["ghp_…Zk4f"])
    """What may be shown of the value."""
    places: Annotated[list[PlaceGiven], Field(min_length=1, max_length=1000)]
    companions: dict[str, Annotated[str, bounded(300)]] = Field(default={}, max_length=20)
    spki: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")] = ""
    validity: Validity = "unchecked"
    validity_reason: Annotated[str, bounded(120)] = ""
    validity_message: Annotated[str, bounded(1000)] = ""
    validity_evidence: dict[str, Annotated[str, bounded(500)]] = Field(default={}, max_length=50)
    checked_at: Moment | None = None
    reasons: Annotated[list[Annotated[str, bounded(500)]], Field(max_length=20)] = Field(default=[])

    def sighting(self) -> Sighting:
        """Return it as the record takes it."""
        values = {name: getattr(self, name) for name in type(self).model_fields if name not in ("places", "reasons")}
        places = tuple(Place(**place.model_dump()) for place in self.places)
        return Sighting(**values, places=places, reasons=tuple(self.reasons))


class BatchGiven(Given):
    """A part of a scan. The same number with the same content again changes nothing."""

    number: Annotated[int, Field(ge=0, le=2**31 - 1)]
    """From 0."""
    sightings: Annotated[list[SightingGiven], Field(max_length=500)]


class Recorded(Shown):
    """What a part of a scan changed."""

    seen: int
    """Occurrences in it; `new` ones were not known before, `opened` incidents began with it, `reopened` ones began again."""
    new: int
    opened: int
    reopened: int


class SkippedGiven(Given):
    """Something that a scan could not read."""

    path: Annotated[str, bounded(4096)]
    code: Annotated[str, bounded(60)]
    reason: Annotated[str, bounded(500)] = ""


class FinishGiven(Given):
    """The end of a scan."""

    state: Literal["complete", "incomplete", "failed", "cancelled"] = "complete"
    """After a complete scan, what it did not see is gone."""
    partial: bool = False
    """Whether it looked at a part of the source only: then nothing is gone."""
    totals: Annotated[dict[str, Number], Field(max_length=30)] = Field(default={})
    skipped: Annotated[list[SkippedGiven], Field(max_length=1000)] = Field(default=[])
    error: Annotated[str, bounded(1000)] = ""


class Unread(Shown):
    """An entry of a report that could not be used."""

    path: str
    code: str
    reason: str


class Imported(Shown):
    """What an import came to."""

    format: str = Field(examples=["gitleaks"])
    """What the report was read as."""
    read: int
    """Findings in the report."""
    seen: int
    """Places that went into the record; `new` ones were not known before, `opened` incidents began with it, `reopened` again."""
    new: int
    opened: int
    reopened: int
    gone: int
    """Places that are not there any more; only of a complete report."""
    skipped: int
    """Entries that could not be used; `codes` counts them by why, `named` holds the first of them."""
    codes: dict[str, int]
    named: list[Unread]
    scans: list[str]
    """Ids of the scans that hold it, one for each source."""
    sources: list[str]
    """Their names."""


class Detector(Shown):
    """One type of secret that can be found."""

    id: str = Field(examples=["github-personal-access-token"])
    name: str
    provider: str
    kind: str
    severity: Severity
    checkable: bool
    """Whether its issuer can be asked."""
    notes: str
    """What it is, and what it opens."""
    revoke: str
    """How to make one useless; `revoke_url` says where."""
    revoke_url: str
