"""What people are told: a `Notice`, independent of where it goes. It holds nothing secret, only redacted values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final, Self

from stanch.core.finding import Severity
from stanch.core.ids import new_id
from stanch.notify.text import cleaned, link

MAX_TITLE: Final = 200
MAX_LABEL: Final = 60
MAX_VALUE: Final = 400
MAX_FACTS: Final = 30
MAX_SECTIONS: Final = 8
_PAGE: Final = re.compile(r"(?:/|(?:/[A-Za-z0-9_.~-]+)+)(?:\?[A-Za-z0-9_.~=&%-]*)?")


class NoticeKind(str, Enum):
    """What happened."""

    INCIDENT_OPENED = "incident_opened"
    INCIDENT_LIVE = "incident_live"  # an issuer said that the value works
    INCIDENT_REOPENED = "incident_reopened"
    INCIDENT_RESOLVED = "incident_resolved"
    INCIDENT_ASSIGNED = "incident_assigned"
    INCIDENT_RISK_EXPIRING = "incident_risk_expiring"  # an accepted risk is about to be a risk again
    RUN_WAITING = "run_waiting"  # a run waits for a person
    RUN_FAILED = "run_failed"
    WORKER_LOST = "worker_lost"
    AUDIT_BROKEN = "audit_broken"  # somebody changed the audit trail
    DIGEST = "digest"
    SUMMARY = "summary"  # of several notices that came at once
    TEST = "test"

    @property
    def is_incident(self) -> bool:
        """Whether it is about one incident."""
        return self.value.startswith("incident_")

    @property
    def is_told_once(self) -> bool:
        """Whether the same is told once and never again, however often it is announced."""
        return self in _ONCE


_ONCE: Final = frozenset(
    (
        NoticeKind.INCIDENT_RISK_EXPIRING,
        NoticeKind.RUN_FAILED,
        NoticeKind.RUN_WAITING,
        NoticeKind.WORKER_LOST,
        NoticeKind.AUDIT_BROKEN,
        NoticeKind.DIGEST,
        NoticeKind.SUMMARY,
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing to know.

    Attributes:
        label: ours.
        value: may be foreign; cleaned here, escaped where it is written.
    """

    label: str
    value: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", cleaned(self.label, MAX_LABEL))
        object.__setattr__(self, "value", cleaned(self.value, MAX_VALUE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A titled table of facts."""

    title: str
    facts: tuple[Fact, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", cleaned(self.title, MAX_LABEL))
        object.__setattr__(self, "facts", tuple(self.facts)[:MAX_FACTS])


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that people are told. Texts are cleaned and cut when it is made.

    Attributes:
        kind: what happened.
        workspace: its name.
        title: one line; may hold foreign names.
        severity: of the incident; info for what is none.
        facts: what to know, in order.
        sections: more of them, in tables: the digest has some.
        page: path of the page to open, below the address of the installation; empty when there is none.
        url: the same as a whole address; known when it is sent.
        incident: number of the incident, 0 when it is about none.
        detector: id of the type of secret.
        provider: whose credential it is.
        source: name of the repository, image …
        environment: `stanch.core.incident.Environment` value.
        teams: who looks after the source.
        tags: of the incident.
        live: whether the value works, as an issuer said.
        actor: who did it; empty for the system.
        recipient: mail address of the person it is for, for channels that write to people; nobody else gets to see it.
        occurred_at: when.
        dedupe_key: notices with the same one say the same; made of kind, workspace and incident when it is not given.
        merged: how many more said the same and are not sent.
        id: of the event; the same whenever this notice is sent again.
    """

    kind: NoticeKind
    workspace: str
    title: str
    severity: Severity = Severity.INFO
    facts: tuple[Fact, ...] = ()
    sections: tuple[Section, ...] = ()
    page: str = ""
    url: str = ""
    incident: int = 0
    detector: str = ""
    provider: str = ""
    source: str = ""
    environment: str = ""
    teams: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    live: bool = False
    actor: str = ""
    recipient: str = ""
    occurred_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    dedupe_key: str = ""
    merged: int = 0
    id: str = field(default_factory=lambda: new_id("evt"))

    def __post_init__(self) -> None:
        if self.occurred_at.tzinfo is None:
            raise ValueError("the time of a notice has a zone")
        for name, limit in _LIMITS.items():
            object.__setattr__(self, name, cleaned(getattr(self, name), limit))
        for name in ("teams", "tags"):
            object.__setattr__(self, name, tuple(cleaned(text, MAX_LABEL) for text in getattr(self, name)[:MAX_FACTS]))
        object.__setattr__(self, "facts", tuple(self.facts)[:MAX_FACTS])
        object.__setattr__(self, "sections", tuple(self.sections)[:MAX_SECTIONS])
        object.__setattr__(self, "occurred_at", self.occurred_at.astimezone(UTC))
        object.__setattr__(self, "url", link(self.url))
        object.__setattr__(self, "page", self.page if _PAGE.fullmatch(self.page) else "")
        if not self.dedupe_key:
            subject = f"#{self.incident}" if self.incident else f"{self.source}:{self.title}"
            object.__setattr__(self, "dedupe_key", f"{self.kind.value}:{self.workspace}:{subject}")

    @property
    def thread(self) -> str:
        """What this notice belongs to, for services that keep one alert open: the incident, or the notice itself."""
        return (
            f"stanch:{self.page or self.workspace + ':' + str(self.incident)}" if self.incident else f"stanch:{self.dedupe_key}"
        )

    @property
    def ends_alert(self) -> bool:
        """Whether it closes what an earlier notice of its thread opened."""
        return self.kind is NoticeKind.INCIDENT_RESOLVED

    def under(self, base_url: str) -> Notice:
        """Return the same notice with its page as a whole address below that of the installation."""
        return replace(self, url=f"{base_url.rstrip('/')}{self.page}") if base_url and self.page else self

    def with_merged(self, count: int) -> Notice:
        """Return the same notice, speaking for *count* others."""
        return replace(self, merged=count)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads back, for the column of a waiting delivery."""
        values: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        values |= {
            "kind": self.kind.value,
            "severity": self.severity.value,
            "occurred_at": self.occurred_at.isoformat(),
            "facts": _pairs(self.facts),
            "sections": [{"title": section.title, "facts": _pairs(section.facts)} for section in self.sections],
            "teams": list(self.teams),
            "tags": list(self.tags),
        }
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the notice that `to_json` wrote; fields of a later version are left out."""
        known = {f.name for f in fields(cls)}
        given = {name: value for name, value in values.items() if name in known}
        given |= {
            "kind": NoticeKind(given["kind"]),
            "severity": Severity(given["severity"]),
            "occurred_at": datetime.fromisoformat(given["occurred_at"]),
            "facts": _facts(given.get("facts", ())),
            "sections": tuple(Section(title=part["title"], facts=_facts(part["facts"])) for part in given.get("sections", ())),
            "teams": tuple(given.get("teams", ())),
            "tags": tuple(given.get("tags", ())),
        }
        return cls(**given)


_LIMITS: Final[Mapping[str, int]] = {
    "workspace": MAX_LABEL,
    "title": MAX_TITLE,
    "detector": 100,
    "provider": 100,
    "source": MAX_VALUE,
    "environment": MAX_LABEL,
    "actor": 100,
    "recipient": 254,
    "dedupe_key": MAX_VALUE,
    "id": 64,
}


def _pairs(facts: tuple[Fact, ...]) -> list[list[str]]:
    return [[fact.label, fact.value] for fact in facts]


def _facts(pairs: Any) -> tuple[Fact, ...]:
    return tuple(Fact(label=label, value=value) for label, value in pairs)
