"""What a scan yields: findings, and what it could not read.

Offsets are bytes from 0; lines and columns count from 1, columns in bytes of the line. A path inside a
container is joined with ``!``: ``backup.zip!etc/app.env``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import field
from enum import Enum
from typing import TYPE_CHECKING, Any

from stanch.core.records import dataclass
from stanch.core.secret import Secret

if TYPE_CHECKING:  # most scans meet neither a key nor an issuer, and every scan pays for this module
    from stanch.core.key_facts import KeyFacts
    from stanch.core.validity import ValidityCheck


class Severity(str, Enum):
    """How bad it is if the credential works; declared by the detector."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """4 for critical down to 0 for info."""
        return 4 - list(Severity).index(self)


class Confidence(str, Enum):
    """How sure we are that it is a credential at all."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """2 for high down to 0 for low."""
        return 2 - list(Confidence).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A git commit as far as a finding needs it. Dates are ISO 8601 with offset."""

    id: str
    author: str
    email: str
    date: str
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Where a secret stands in a git history.

    Attributes:
        introduced: the oldest commit that brought the secret in at this place; ``None`` when no commit
            reaches it (staged, or an object no ref leads to).
        in_head: whether the tree of HEAD still holds it.
        blobs: how many versions of the content hold it.
        paths: every path those versions had.
    """

    introduced: Commit | None
    in_head: bool
    blobs: int = 1
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """One place in one blob."""

    path: str
    start: int
    end: int
    line: int
    column: int
    end_line: int
    end_column: int
    blob: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    """Another part of the same credential, found near by: an account name, a tenant id, a password."""

    name: str
    secret: Secret
    line: int
    shown: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One secret at one place, and why it is believed to be one.

    Attributes:
        key: for keys and certificates, what the bytes are and how bad that is.
        validity: what its issuer said, when it was asked.
        same_key: ids of other findings with the same key pair, in another container or encoding.
        around: number of the first line, and whole lines around the place with every value masked; only for the record.
    """

    detector: str
    title: str
    provider: str
    kind: str
    severity: Severity
    confidence: Confidence
    secret: Secret
    location: Location
    reasons: tuple[str, ...] = ()
    companions: tuple[Companion, ...] = ()
    decoded: tuple[str, ...] = ()
    snippet: str = ""
    history: History | None = None
    also_at: tuple[Location, ...] = ()
    baseline_digest: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    key: KeyFacts | None = None
    validity: ValidityCheck | None = None
    same_key: tuple[str, ...] = ()
    around: tuple[int, str] | None = None

    @property
    def id(self) -> str:
        """A stable id of this finding that is the same on every machine and carries no trace of the value.

        It joins detector, path and the redacted form, so it survives moved lines and needs no key. Secrets of one file that
        look alike when redacted are told apart by their order (tag ``ordinal``).
        """
        parts = (self.detector, self.location.path, self.secret.redacted, *self.decoded)
        text = "\0".join((*parts, self.tags["ordinal"]) if "ordinal" in self.tags else parts)
        return "fnd_" + hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:20]

    @property
    def is_public_key(self) -> bool:
        """Whether an examination found no private key in it: not a leak."""
        return self.key is not None and self.key.verdict.value == "public"

    def sort_key(self) -> tuple[Any, ...]:
        """Order of findings in every report: by place, then by detector."""
        where = self.location
        return (where.path, where.start, where.end, self.detector, where.blob)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A mention of a certificate that is no leak: a thumbprint in a deployment file, a path into a certificate store.

    It tells who uses a key, for the day on which that key is replaced.

    Attributes:
        detector: what kind of mention it is.
        title: the same for people.
        thumbprint: SHA-1 of the certificate, upper-case hex.
        location: where it stands.
    """

    detector: str
    title: str
    thumbprint: str
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Something that was not read, so nothing can be said about it.

    Attributes:
        path: what was not read.
        code: stable reason: ``unreadable``, ``vanished``, ``broken_archive``, ``too_deep`` …
        reason: a sentence for a person, with what to do.
    """

    path: str
    code: str
    reason: str
