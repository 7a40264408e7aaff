"""From what other tools found to what goes into the record.

A value that is in the report is fingerprinted as our own scans do, so that it is the same incident: first our engine looks at it,
because what a scan of ours would find in it decides which bytes count; only then the tool's own word for it. A value that is not
there leaves a secret that is known by the tool's identity alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import cached_property
from hashlib import blake2b
from typing import Final

from stanch.catalog.compiled import cache_folder, compiled_catalog
from stanch.catalog.model import Detector
from stanch.core.incident import Place, Sighting
from stanch.core.redact import redact
from stanch.core.severity import RANKS
from stanch.engine.engine import Engine
from stanch.incidents.imports.fields import slug
from stanch.incidents.imports.model import ForeignFinding
from stanch.incidents.imports.names import candidates
from stanch.incidents.sightings import Sealer
from stanch.scanning.findings import identity_of, shown_of

Fingerprint = Callable[[bytes], str]

UNKNOWN: Final = "the value is not in the report"
TITLES: Final = {
    "gitleaks": "gitleaks", "betterleaks": "Betterleaks", "trufflehog": "TruffleHog", "kingfisher": "Kingfisher",
    "detect-secrets": "detect-secrets", "gitguardian": "GitGuardian", "github": "GitHub", "gitlab": "GitLab", "stanch": "Stanch",
}  # fmt: skip
_STATES: Final = frozenset({"open", "resolved", "false_positive", "test_credential", "accepted"})
_VALIDITIES: Final = frozenset({"live", "dead", "expired", "dormant", "inconclusive"})
_SAID: Final = {"live": "it works", "dead": "its issuer refuses it", "inconclusive": "it could not tell whether it works"}
_VAGUE: Final = frozenset({"json-web-token", "json-web-token-spaced", "url-credentials", "basic-auth-url", "database-uri"})
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")
_LONGEST_LOOKED_AT: Final = 1024 * 1024
_KINDS: Final = (
    ("private-key", "private_key"), ("certificate", "certificate"), ("password", "password"), ("webhook", "webhook_url"),
    ("connection-string", "connection_string"), ("jwt", "jwt"), ("client-secret", "oauth_client_secret"), ("api-key", "api_key"),
    ("apikey", "api_key"), ("secret", "secret_key"), ("key", "api_key"),
)  # fmt: skip


def to_sightings(
    findings: Iterable[ForeignFinding],
    *,
    fingerprint: Fingerprint,
    seal: Sealer | None = None,
    now: datetime | None = None,
    read_at: datetime | None = None,
    scope: str = "",
) -> Iterator[Sighting]:
    """Yield a sighting for each finding.

    Args:
        findings: of one file, so that equal secrets of one path are numbered.
        fingerprint: keyed hash of the installation.
        seal: seals values, when they are to be kept.
        now: no time of another tool is taken to be later.
        read_at: when the tool ran, for answers of issuers that carry no time.
        scope: the source of findings that name no repository: identities that are places are told apart by it.
    """
    maker = Maker(fingerprint, seal=seal, now=now, read_at=read_at, scope=scope)
    return (maker.sighting(finding) for finding in findings)


class Maker:
    """Makes sightings, numbering places of equal secrets; see `to_sightings` for the arguments."""

    def __init__(
        self,
        fingerprint: Fingerprint,
        *,
        seal: Sealer | None = None,
        now: datetime | None = None,
        read_at: datetime | None = None,
        scope: str = "",
    ) -> None:
        self._fingerprint = fingerprint
        self._seal = seal
        self._now = now
        self._scope = scope
        self._read_at = read_at if read_at is None or now is None else min(read_at, now)
        self._met: dict[bytes, dict[tuple[int, int], int]] = {}
        self._types: dict[tuple[str, ...], Detector | None] = {}

    @cached_property
    def _engine(self) -> Engine:
        return Engine(compiled_catalog(folder=cache_folder()))

    @cached_property
    def _detectors(self) -> dict[str, Detector]:
        return {detector.id: detector for detector in self._engine.catalog.detectors}

    def sighting(self, finding: ForeignFinding) -> Sighting:
        """Return what goes into the record of one finding; its value is forgotten."""
        detector = self._named(finding)
        value = finding.value.take() if finding.value is not None else b""
        detector, value = self._looked_at(finding, detector, value)
        mark, redacted, sealed = self._identified(finding, detector, value)
        known = bool(value) or bool(finding.fingerprint and _FINGERPRINT.fullmatch(finding.fingerprint))
        del value
        title = TITLES.get(finding.tool, finding.tool)
        rule = slug(finding.rule) or "secret"
        validity = finding.validity if finding.validity in _VALIDITIES else "unchecked"
        asked = validity != "unchecked"
        own = finding.tool == "stanch"
        return Sighting(
            fingerprint=mark,
            detector=detector.id if detector else rule if own else f"imported-{slug(finding.tool)}-{rule}"[:120],
            title=detector.name if detector else finding.title or finding.rule,
            provider=detector.provider if detector else finding.provider,
            kind=detector.kind if detector else finding.kind or _kind(rule),
            severity=detector.severity if detector else finding.severity if finding.severity in RANKS else "medium",
            redacted=redacted,
            places=(self._place(finding, mark),),
            value_known=known,
            sealed=sealed,
            companions=finding.companions,
            key_facts=finding.key_facts,
            spki=finding.spki,
            validity=validity,
            validity_reason="imported" if asked else "",
            validity_message=(finding.validity_message or f"{title} says that {_SAID.get(validity, validity)}.") if asked else "",
            validity_evidence={"tool": title} if asked else {},
            checked_at=self._earliest(finding.checked_at or self._read_at) if asked else None,
            reasons=finding.reasons if own else (f"{title} found it by its rule {finding.rule}", *finding.reasons),
            state=finding.state if finding.state in _STATES else "open",
            created_at=self._earliest(finding.created_at),
        )

    def _named(self, finding: ForeignFinding) -> Detector | None:
        """Return our detector for the tool's rule."""
        key = (finding.tool, finding.rule, *finding.names)
        if key not in self._types:
            if len(self._types) > 10_000:
                self._types.clear()
            known = (self._detectors.get(name) for name in candidates(*key))
            self._types[key] = next((detector for detector in known if detector is not None), None)
        return self._types[key]

    def _looked_at(self, finding: ForeignFinding, named: Detector | None, value: bytes) -> tuple[Detector | None, bytes]:
        """Return type and bytes as a scan of ours would have them."""
        if not value or len(value) > _LONGEST_LOOKED_AT:
            return named, b"" if finding.loose else value
        matches = [m for m in self._engine.scan(value) if not m.detector.generic and not m.detector.inventory and not m.decoded]
        whole = [m for m in matches if len(m.value) == len(value)]
        if not matches or (len(matches) > 1 and not whole and not finding.loose):
            loose = finding.loose and not (named is not None and _is_bare(value))
            return named, b"" if loose else value
        best = next((m for m in matches if m.detector is named), (whole or matches)[0])
        keep = named is not None and not named.generic and best.detector.id in _VAGUE
        return named if keep else best.detector, best.value

    def _identified(self, finding: ForeignFinding, detector: Detector | None, value: bytes) -> tuple[str, str, bytes | None]:
        """Return fingerprint, what may be shown, and the sealed value."""
        if value:
            kind = detector.kind if detector else _kind_of_value(value) or finding.kind
            mark = self._fingerprint(identity_of(value, kind))
            shown = shown_of(value, detector) if detector else _redacted(value, kind)
            return mark, shown, self._seal(value, mark) if self._seal is not None else None
        if _FINGERPRINT.fullmatch(finding.fingerprint):
            return finding.fingerprint, finding.redacted or UNKNOWN, None
        within = f"{finding.repository or self._scope}\0" if finding.local else ""
        named = f"foreign\0{finding.tool}\0{within}{finding.identity or finding.path}"
        return self._fingerprint(named.encode("utf-8", "surrogatepass")), finding.redacted or UNKNOWN, None

    def _place(self, finding: ForeignFinding, mark: str) -> Place:
        return Place(
            path=finding.path,
            ordinal=self._ordinal(finding, mark),
            line=finding.line,
            column=finding.column,
            end_line=max(finding.end_line, finding.line),
            end_column=finding.end_column,
            commit=finding.commit,
            author=finding.author,
            email=finding.email,
            date=finding.date,
            in_head=finding.in_head,
            blob=finding.blob,
            url=finding.url,
            confidence=finding.confidence if finding.confidence in ("high", "medium", "low") else "medium",
        )

    def _ordinal(self, finding: ForeignFinding, mark: str) -> int:
        """Return which of several equal secrets in one version of a file it is.

        Versions are told apart by commit: the same secret in the same file of another commit is the same place. What stands at
        the same line and column is the same, also when two rules found it.
        """
        text = "\0".join((mark, finding.repository, finding.path, finding.commit, finding.blob))
        key = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest()
        spots = self._met.setdefault(key, {})
        return spots.setdefault((finding.line, finding.column), len(spots))

    def _earliest(self, moment: datetime | None) -> datetime | None:
        return moment if moment is None or self._now is None else min(moment, self._now)


def _kind(rule: str) -> str:
    return next((kind for word, kind in _KINDS if word in rule), "token")


def _kind_of_value(value: bytes) -> str:
    return "private_key" if b"-----BEGIN" in value and b"PRIVATE KEY" in value else ""


def _redacted(value: bytes, kind: str) -> str:
    """Return what may be shown of a value of no type that we know: its length, because a person may have chosen it."""
    return f"private key ({len(value)} characters)" if kind == "private_key" else redact(value, tail=False)


def _is_bare(value: bytes) -> bool:
    """Tell whether a text around a value is only the value: one word without an assignment in it."""
    return re.search(rb"[\s=:\"'<>]", value) is None
