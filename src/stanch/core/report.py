"""The result of one scan, as every report format receives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from stanch.core.finding import Finding, Reference, Skipped
from stanch.core.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorInfo:
    """What a report says about a detector, besides its findings.

    Attributes:
        checkable: whether issuers of this type can be asked if a credential still works.
    """

    id: str
    name: str
    provider: str
    kind: str
    severity: str
    notes: str = ""
    help_url: str = ""
    checkable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """How much was read. No times here: the same input gives the same report."""

    blobs: int = 0
    bytes: int = 0
    commits: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanReport:
    """Findings in their fixed order, what was not read, and how much was.

    Attributes:
        targets: what the user asked to scan, as typed.
        findings: in report order.
        skipped: what could not be read; not empty means the scan is incomplete.
        hidden: findings held back, by reason: ``low_confidence``, ``baseline``, ``allowed``.
        detectors: the detectors that the findings name.
        references: mentions of certificates; no leaks, and no part of the exit status.
        show_secrets: whether renderers may print plain values (``--show-secrets``).
    """

    version: str
    targets: tuple[str, ...]
    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...] = ()
    totals: Totals = field(default_factory=Totals)
    hidden: Mapping[str, int] = field(default_factory=dict)
    detectors: Mapping[str, DetectorInfo] = field(default_factory=dict)
    references: tuple[Reference, ...] = ()
    show_secrets: bool = False
