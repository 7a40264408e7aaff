"""Incidents: the states of a leak that is looked after, and the moves between them.

An incident is one secret in one workspace. It is *open* until somebody works on it (*in remediation*), it is *resolved* with
a proof, or *ignored* for a reason. It opens again by itself when the value turns up in a new place or is seen live.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final


class IncidentState(str, Enum):
    """Where an incident stands."""

    OPEN = "open"
    IN_REMEDIATION = "in_remediation"
    RESOLVED = "resolved"
    IGNORED = "ignored"

    @property
    def is_active(self) -> bool:
        """Whether somebody still has to do something."""
        return self in (IncidentState.OPEN, IncidentState.IN_REMEDIATION)


class IgnoreReason(str, Enum):
    """Why an incident needs no remediation."""

    FALSE_POSITIVE = "false_positive"
    TEST_CREDENTIAL = "test_credential"
    ACCEPTED = "accepted"  # until a date


class Resolution(str, Enum):
    """What shows that a leak is closed."""

    PROVEN_DEAD = "proven_dead"  # its issuer refused it
    REVOKED = "revoked"  # a person says it was revoked; nobody could ask the issuer
    ROTATED = "rotated"  # a rotation run ended with proof
    EXPIRED = "expired"


class Exposure(str, Enum):
    """Who could have seen it; the widest of an incident's places counts."""

    PUBLIC = "public"
    INTERNAL = "internal"
    PRIVATE = "private"
    UNKNOWN = "unknown"

    @property
    def rank(self) -> int:
        """3 for public down to 0 for private; an unknown audience is taken for an internal one."""
        return {"public": 3, "internal": 2, "unknown": 1, "private": 0}[self.value]


class Environment(str, Enum):
    """What the credential is for, as its source or its surroundings say."""

    PRODUCTION = "production"
    STAGING = "staging"
    DEVELOPMENT = "development"
    UNKNOWN = "unknown"


MOVES: Final[Mapping[IncidentState, frozenset[IncidentState]]] = {
    IncidentState.OPEN: frozenset({IncidentState.IN_REMEDIATION, IncidentState.RESOLVED, IncidentState.IGNORED}),
    IncidentState.IN_REMEDIATION: frozenset({IncidentState.OPEN, IncidentState.RESOLVED, IncidentState.IGNORED}),
    IncidentState.RESOLVED: frozenset({IncidentState.OPEN}),
    IncidentState.IGNORED: frozenset({IncidentState.OPEN}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did something.

    Attributes:
        kind: ``user``, ``token``, ``worker`` or ``system``.
        id: of the user or token; empty for the system.
        name: for people.
    """

    kind: str
    id: str = ""
    name: str = ""


SYSTEM: Final = Actor(kind="system", name="Stanch")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityJudgement:
    """How urgent an incident is, and why.

    Attributes:
        severity: `stanch.core.finding.Severity` value.
        score: 0 to 100; orders incidents of one severity.
        reasons: sentences for a person, the weightiest first.
    """

    severity: str
    score: int
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One place where a secret was found, as it goes into the record: an occurrence to be.

    Attributes:
        path: inside the source; members of containers after ``!``.
        ordinal: which one of the same secret in the same path, from 0.
        line: 1-based; 0 when not known. The others are as in `stanch.core.finding.Location`.
        snippet: the line around it, values masked.
        snippet_line: line of the snippet's first line.
        commit: that brought it in; empty when none is known. Its author, address and date (ISO 8601) likewise.
        in_head: whether the tree of HEAD still holds it; ``None`` when nobody knows.
        blob: git object id.
        url: where a person can look at it: http or https.
    """

    path: str
    ordinal: int = 0
    line: int = 0
    column: int = 0
    end_line: int = 0
    end_column: int = 0
    snippet: str = ""
    snippet_line: int = 0
    commit: str = ""
    author: str = ""
    email: str = ""
    date: str = ""
    in_head: bool | None = None
    blob: str = ""
    url: str = ""
    confidence: str = "high"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One secret and where it was found: what goes into the record. Holds no plain value.

    Attributes:
        fingerprint: HMAC of the value, or of a foreign identity when the value is not known (then `value_known` is false).
        detector: id of the detector, or ``imported-…``. `title`, `provider`, `kind`, `severity` are its facts.
        redacted: what may be shown.
        places: where.
        sealed: the value, sealed; ``None`` unless it was asked for.
        companions: name → what may be shown of the other parts.
        key_facts: of keys and certificates, as a JSON object; see `stanch.core.key_facts`.
        spki: links copies of one key pair.
        validity: what an issuer said, with `reason`, `message`, `evidence` and when; see `stanch.core.validity`.
        reasons: why it is believed to be a secret.
        state: what another tool's users decided: ``open``, ``resolved``, ``false_positive``, ``test_credential``, ``accepted``.
        created_at: when another tool first saw it.
    """

    fingerprint: str
    detector: str
    title: str
    provider: str
    kind: str
    severity: str
    redacted: str
    places: tuple[Place, ...]
    value_known: bool = True
    sealed: bytes | None = None
    companions: Mapping[str, str] = field(default_factory=dict)
    key_facts: Mapping[str, object] | None = None
    spki: str = ""
    validity: str = "unchecked"
    validity_reason: str = ""
    validity_message: str = ""
    validity_evidence: Mapping[str, str] = field(default_factory=dict)
    checked_at: datetime | None = None
    reasons: tuple[str, ...] = ()
    state: str = "open"
    created_at: datetime | None = None
