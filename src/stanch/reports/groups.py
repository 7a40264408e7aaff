"""Findings grouped by secret, for the formats that people read: one value, all its places."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stanch.core.finding import Companion, Confidence, Finding, Location, Severity
from stanch.core.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One place of a secret, and the finding that told of it."""

    location: Location
    finding: Finding

    @property
    def in_head(self) -> bool | None:
        """Whether HEAD still holds it; ``None`` when it was not found through a history."""
        return None if self.finding.history is None else self.finding.history.in_head


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretGroup:
    """All findings of one detector with one fingerprint, in report order; there is at least one."""

    findings: tuple[Finding, ...]

    @property
    def lead(self) -> Finding:
        """The finding that is shown in full."""
        return self.findings[0]

    @property
    def severity(self) -> Severity:
        """The worst of its findings."""
        return max((finding.severity for finding in self.findings), key=lambda severity: severity.rank)

    @property
    def confidence(self) -> Confidence:
        """The surest of its findings."""
        return max((finding.confidence for finding in self.findings), key=lambda confidence: confidence.rank)

    @property
    def places(self) -> tuple[Place, ...]:
        """Where it stands, each place once."""
        found: dict[tuple[str, int, int, str], Place] = {}
        for finding in self.findings:
            for location in (finding.location, *finding.also_at):
                key = (location.path, location.start, location.end, location.blob)
                found.setdefault(key, Place(location=location, finding=finding))
        return tuple(found.values())

    @property
    def companions(self) -> tuple[Companion, ...]:
        """The other parts of the credential, each once."""
        found: dict[tuple[str, str], Companion] = {}
        for finding in self.findings:
            for companion in finding.companions:
                found.setdefault((companion.name, companion.secret.fingerprint), companion)
        return tuple(found.values())

    @property
    def in_head(self) -> bool | None:
        """Whether any place is still there: in HEAD, or found outside a history. ``None``: no history was read."""
        answers = [finding.history.in_head if finding.history else None for finding in self.findings]
        if all(answer is None for answer in answers):
            return None
        return any(answer is not False for answer in answers)


def group_findings(findings: Iterable[Finding]) -> list[SecretGroup]:
    """Return one group a secret, in the order in which the secrets first appear."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.detector, finding.secret.fingerprint), []).append(finding)
    return [SecretGroup(findings=tuple(members)) for members in groups.values()]


def worst_first(groups: Iterable[SecretGroup]) -> list[SecretGroup]:
    """Return the groups by severity, then confidence, otherwise in their order."""
    return sorted(groups, key=lambda group: (-group.severity.rank, -group.confidence.rank))


def count_by_severity(groups: Sequence[SecretGroup]) -> dict[Severity, int]:
    """Return how many secrets there are of each severity that occurs, worst first."""
    counts = {severity: sum(group.severity is severity for group in groups) for severity in Severity}
    return {severity: count for severity, count in counts.items() if count}
