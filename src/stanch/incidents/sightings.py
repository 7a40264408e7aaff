"""From findings of our own scans to what goes into the record."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from stanch.core.finding import Finding, Location
from stanch.core.incident import Place, Sighting
from stanch.incidents.values import packed
from stanch.reports.escape import well_formed
from stanch.reports.key_text import key_fields

Sealer = Callable[[bytes, str], bytes]
"""Seals what `stanch.incidents.values.packed` made, for the secret with this fingerprint."""


def sightings_of(findings: Iterable[Finding], seal: Sealer | None = None, *, base: str = "") -> Iterator[Sighting]:
    """Yield a sighting for each finding, places of one secret in one path numbered.

    Args:
        findings: of one source.
        seal: seals values, when they are to be kept and the findings have them.
        base: what was typed to scan: places count from there, so that they are the same whoever scans from wherever.
    """
    met: dict[tuple[str, str], int] = {}
    for finding in findings:
        yield _sighting(finding, met, seal, base)


def from_base(path: str, base: str) -> str:
    """Return a path as it is inside of what was scanned: a folder's members without it, a file by its name alone."""
    folder = base.rstrip("/")
    if path.startswith(f"{folder}/"):
        return path[len(folder) + 1 :]
    parent = folder.rpartition("/")[0]
    if parent and (path == folder or path.startswith(f"{folder}!")):
        return path[len(parent) + 1 :]
    return path


def _sighting(finding: Finding, met: dict[tuple[str, str], int], seal: Sealer | None, base: str) -> Sighting:
    check = finding.validity
    secret = finding.secret
    return Sighting(
        fingerprint=secret.fingerprint,
        detector=finding.detector,
        title=well_formed(finding.title),
        provider=well_formed(finding.provider),
        kind=finding.kind,
        severity=finding.severity.value,
        redacted=well_formed(secret.redacted),
        places=tuple(_places(finding, met, base)),
        sealed=seal(packed(finding), secret.fingerprint) if seal is not None and secret.has_value else None,
        companions={c.name: well_formed(c.shown or c.secret.redacted) for c in finding.companions if c.line},
        key_facts=_key_facts(finding),
        spki=finding.key.spki_sha256 if finding.key is not None else "",
        validity=check.validity.value if check is not None else "unchecked",
        validity_reason=check.reason if check is not None else "",
        validity_message=check.message if check is not None else "",
        validity_evidence=check.evidence if check is not None else {},
        checked_at=check.checked_at if check is not None else None,
        reasons=tuple(well_formed(r) for r in finding.reasons),
    )


def _key_facts(finding: Finding) -> Mapping[str, Any] | None:
    facts = key_fields(finding.key, ())
    return None if facts is None else json.loads(json.dumps(facts))


def _places(finding: Finding, met: dict[tuple[str, str], int], base: str) -> Iterator[Place]:
    for place in (finding.location, *finding.also_at):
        path = well_formed(from_base(place.path, base))
        key = (finding.secret.fingerprint, path)
        ordinal = met.get(key, 0)
        met[key] = ordinal + 1
        yield _place(finding, place, path, ordinal)


def _place(finding: Finding, place: Location, path: str, ordinal: int) -> Place:
    history = finding.history
    commit = history.introduced if history is not None else None
    own = place is finding.location
    around = finding.around if own and finding.around is not None else (place.line, finding.snippet if own else "")
    return Place(
        path=path,
        ordinal=ordinal,
        line=place.line,
        column=place.column,
        end_line=place.end_line,
        end_column=place.end_column,
        snippet=well_formed(around[1]),
        snippet_line=around[0],
        commit=commit.id if commit is not None else "",
        author=well_formed(commit.author) if commit is not None else "",
        email=well_formed(commit.email) if commit is not None else "",
        date=commit.date if commit is not None else "",
        in_head=history.in_head if history is not None else None,
        blob=place.blob,
        confidence=finding.confidence.value,
    )
