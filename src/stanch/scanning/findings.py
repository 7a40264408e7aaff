"""From matches to findings: redact, fingerprint, locate. The only place where plain values turn into `Secret`s."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from stanch.core.finding import Companion, Confidence, Finding, Location, Reference, Severity
from stanch.core.redact import redact
from stanch.core.secret import Secret, fingerprint_of
from stanch.engine.lines import Lines, snippet, surroundings
from stanch.engine.match import CompanionMatch, Match
from stanch.scanning.context import ScanContext

if TYPE_CHECKING:
    from stanch.catalog.model import Detector
    from stanch.scanning.judging import KeyJudge

MOST_PLACES: Final = 1_000  # places of one secret in one blob that are listed
MOST_PARTS: Final = 100  # companions of one certificate over all its places
_JUNK: Final = re.compile(rb"\\r|\\n|[\s\"'+,;\\]")
WAITING_TAG: Final = "allow"  # as in `stanch.config.allow`, which is not loaded for it
BASIS: Final = ("name", "nearby word", "format", "checksum")


def identity(match: Match) -> bytes:
    """Return the bytes a fingerprint is made of."""
    return identity_of(match.value, match.detector.kind)


def identity_of(value: bytes, kind: str) -> bytes:
    """Return the bytes a fingerprint is made of: line breaks and quotes inside a key block do not make another secret."""
    return _JUNK.sub(b"", value) if kind in ("private_key", "certificate") else value


def shown(match: Match) -> str:
    """Return the redacted form of a match."""
    return shown_of(match.value, match.detector)


def shown_of(value: bytes, detector: Detector) -> str:
    """Return the redacted form of a value of a detector."""
    if detector.kind == "private_key":
        return f"private key ({len(value)} characters)"
    return redact(value, prefix=detector.prefix, tail=detector.tail)


def make_findings(
    matches: Sequence[Match],
    data: bytes,
    context: ScanContext,
    *,
    path: str,
    blob: str = "",
    offset: int = 0,
    lines: Lines | None = None,
    masked: Sequence[Match] | None = None,
    judge: KeyJudge | None = None,
) -> list[Finding]:
    """Turn the matches of one blob into findings, one per secret; more places of the same secret go to `also_at`.

    Args:
        matches: ordered by place.
        data: the bytes they lie in.
        context: keys and what to keep.
        path: name of the blob.
        blob: its git object id.
        offset: where *data* begins in the blob.
        lines: counts lines; made when not given.
        masked: all matches of the blob, also those not reported: snippets show none of their values.
        judge: says of keys what they are; without it they are not examined.
    """
    lines = lines or Lines(data)
    masked = matches if masked is None else masked
    hide = (_masks(masked), _values(masked))
    found: dict[tuple[str, str], Finding] = {}
    more: dict[tuple[str, str], list[Location]] = {}
    for match in matches:
        place = _location(match, lines, path, blob, offset)
        mark = fingerprint_of(identity(match), context.key)
        key = (match.detector.id, mark)
        if key in found:
            if match.detector.kind == "certificate":
                found[key] = _joined(found[key], match, context, lines)
            places = more.setdefault(key, [])
            if len(places) < MOST_PLACES:
                places.append(place)
            continue
        finding = _finding(match, data, context, place, mark, hide, lines)
        found[key] = _judged(finding, match, data, masked, judge, context) if judge is not None else finding
    return [replace(finding, also_at=tuple(more[key])) if key in more else finding for key, finding in found.items()]


BESIDE: Final = "certificates in the same file"
"""Name of a companion that carries certificates to where issuers are asked; no report shows it."""


def _judged(
    finding: Finding, match: Match, data: bytes, others: Sequence[Match], judge: KeyJudge, context: ScanContext
) -> Finding:
    """Say what a key is."""
    from stanch.scanning.judging import certificates_beside

    beside = certificates_beside(match, data)
    judged = judge.applied(finding, match, others, beside)
    if not beside or not context.keep_values:
        return judged
    carried = Secret(beside, fingerprint=fingerprint_of(beside, context.key), redacted="certificates")
    return replace(judged, companions=(*judged.companions, Companion(name=BESIDE, secret=carried, line=0)))


def make_references(matches: Sequence[Match], lines: Lines, *, path: str, blob: str = "", offset: int = 0) -> list[Reference]:
    """Turn matches that only mention a certificate into references."""
    return [
        Reference(
            detector=match.detector.id,
            title=match.detector.name,
            thumbprint=thumbprint,
            location=_location(match, lines, path, blob, offset),
        )
        for match in matches
        for thumbprint in _thumbprints(match.value)
    ]


def _thumbprints(value: bytes) -> list[str]:
    """Return the thumbprints of a setting: one, or several between commas."""
    text = value.decode("ascii", "replace").upper().replace(":", "")
    return list(dict.fromkeys(re.findall(r"[0-9A-F]{40}", re.sub(r"[ \u200e]", "", text))))


def _finding(
    match: Match, data: bytes, context: ScanContext, place: Location, mark: str, hide: tuple[Masks, Values], lines: Lines
) -> Finding:
    detector = match.detector
    value = match.value if context.keep_values else None
    digest = ""
    if context.salt:
        from stanch.config.baseline import digest as baseline_digest

        # Without the path: git's history knows it only after the scan, and the entry of a baseline names it anyway.
        digest = baseline_digest(context.salt, detector.id, "", identity(match))
    return Finding(
        detector=detector.id,
        title=detector.name,
        provider=detector.provider,
        kind=detector.kind,
        severity=Severity(detector.severity),
        confidence=Confidence(match.confidence),
        secret=Secret(value, fingerprint=mark, redacted=shown(match)),
        location=place,
        reasons=match.reasons,
        companions=tuple(_companion(c, context, lines) for c in match.companions),
        decoded=match.decoded,
        snippet=snippet(data, (match.start, match.end), *hide),
        baseline_digest=digest,
        tags=_tags(match, context),
        around=_around(match, data, context, place, hide) if context.around else None,
    )


def _around(match: Match, data: bytes, context: ScanContext, place: Location, hide: tuple[Masks, Values]) -> tuple[int, str]:
    before, text = surroundings(data, (match.start, match.end), *hide, context.around)
    return max(1, place.line - before), text


def _joined(finding: Finding, match: Match, context: ScanContext, lines: Lines) -> Finding:
    """Add the parts of the same certificate at another place: a .publishsettings file repeats it for each subscription."""
    known = {(companion.name, companion.secret.fingerprint) for companion in finding.companions}
    others = (_companion(c, context, lines) for c in match.companions)
    new = tuple(c for c in others if (c.name, c.secret.fingerprint) not in known)
    return replace(finding, companions=(*finding.companions, *new)[:MOST_PARTS]) if new else finding


def _tags(match: Match, context: ScanContext) -> dict[str, str]:
    tags = {"basis": BASIS[match.rank]}
    if match.waiting:
        tags[WAITING_TAG] = match.waiting
    if context.sha1:
        tags["sha1"] = hashlib.sha1(match.value, usedforsecurity=False).hexdigest()
    return tags


def _companion(match: CompanionMatch, context: ScanContext, lines: Lines) -> Companion:
    line, _ = lines.locate(match.start)
    if match.secret:
        redacted = redact(match.value, tail=False)  # it may be a password
        value = match.value if context.keep_values else None
        return Companion(
            name=match.name,
            secret=Secret(value, fingerprint=fingerprint_of(match.value, context.key), redacted=redacted),
            line=line,
        )
    text = match.value.decode("utf-8", "replace")[:200]
    return Companion(
        name=match.name,
        secret=Secret(None, fingerprint=fingerprint_of(match.value, context.key), redacted=text),
        line=line,
        shown=text,
    )


def _location(match: Match, lines: Lines, path: str, blob: str, offset: int) -> Location:
    line, column = lines.locate(match.start)
    end_line, end_column = lines.locate(match.end)
    return Location(
        path=path,
        start=offset + match.start,
        end=offset + match.end,
        line=line,
        column=column,
        end_line=end_line,
        end_column=end_column,
        blob=blob,
    )


Masks = list[tuple[int, int, str]]
Values = list[tuple[bytes, str]]
SHORTEST_VALUE: Final = 4  # bytes; shorter ones stand in every other word


def _values(matches: Iterable[Match]) -> Values:
    """Values that snippets must not show wherever they stand again, longest first."""
    found = {m.value: f"‹{shown(m)}›" for m in matches}
    found.update((c.value, f"‹{redact(c.value, tail=False)}›") for m in matches for c in m.companions if c.secret)
    kept = [(value, text) for value, text in found.items() if SHORTEST_VALUE <= len(value) <= 4096]
    return sorted(kept, key=lambda item: (-len(item[0]), item[0]))


def _masks(matches: Iterable[Match]) -> Masks:
    """Spans that snippets must not show, merged where they overlap."""
    spans = [(m.start, m.end, f"‹{shown(m)}›") for m in matches]
    spans += [(c.start, c.end, f"‹{redact(c.value, tail=False)}›") for m in matches for c in m.companions if c.secret]
    merged: Masks = []
    for start, end, text in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]), merged[-1][2])
        else:
            merged.append((start, end, text))
    return merged


# --- the way through a pipe -----------------------------------------------------------------------------------------


def pack(finding: Finding) -> tuple[Any, ...]:
    """Return a finding as plain values that can be pickled: a `Secret` itself refuses."""
    secret = finding.secret
    companions = [(c.name, _packed(c.secret), c.line, c.shown) for c in finding.companions]
    return (replace(finding, secret=_EMPTY, companions=()), _packed(secret), companions)


def unpack(packed: tuple[Any, ...]) -> Finding:
    """Undo `pack`."""
    finding, secret, companions = packed
    made: Finding = replace(
        finding,
        secret=_unpacked(secret),
        companions=tuple(
            Companion(name=name, secret=_unpacked(raw), line=line, shown=text) for name, raw, line, text in companions
        ),
    )
    return made


_EMPTY: Any = None  # stands for the secret while a finding travels without it


def _packed(secret: Secret) -> tuple[bytes | None, str, str]:
    return (secret.reveal() if secret.has_value else None, secret.fingerprint, secret.redacted)


def _unpacked(raw: tuple[bytes | None, str, str]) -> Secret:
    return Secret(raw[0], fingerprint=raw[1], redacted=raw[2])
