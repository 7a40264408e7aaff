"""What the engine yields: a value of a detector at a span of a blob."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import field

from stanch.catalog.model import Detector
from stanch.core.records import dataclass


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class CompanionMatch:
    """Another part of the same credential."""

    name: str
    value: bytes
    start: int
    end: int
    secret: bool

    def __repr__(self) -> str:
        return f"CompanionMatch({self.name!r}, {self.start}-{self.end})"


RANK_GENERIC, RANK_NEAR, RANK_SHAPE, RANK_CHECKED = range(4)


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class Match:
    """One value at one place. Holds the plain value: it never leaves the process that scanned.

    Attributes:
        detector: what it is a value of.
        start: offset of the value in the blob (of its encoded form, when decoded).
        end: the byte after it.
        value: the plain value.
        rank: how specific: by name only, by name and shape, by shape, by shape and checksum.
        distance: bytes to the word that named it; 0 when the word is in its own name.
        whole: length of the whole expression's match, surroundings included.
        confidence: high, medium or low.
        name: what the value was assigned to, for messages.
        reasons: why it was believed.
        decoded: encodings taken off, outermost first.
        companions: the other parts.
        waiting: allow rules that wait for the place to be known; the scan's business, not the engine's.
    """

    detector: Detector
    start: int
    end: int
    value: bytes
    rank: int
    distance: int = 0
    whole: int = 0
    confidence: str = "high"
    name: str = ""
    reasons: tuple[str, ...] = ()
    decoded: tuple[str, ...] = ()
    companions: list[CompanionMatch] = field(default_factory=list)
    waiting: str = ""

    def __repr__(self) -> str:
        return f"Match({self.detector.id!r}, {self.start}-{self.end})"

    def strength(self) -> tuple[tuple[int, int, bool, int, int], tuple[int, int, int, int, str]]:
        """Order in which overlapping matches win, strongest first when sorted.

        More fixed text says more; a value with a shape of its own says more than the surroundings of any value (a token
        as the password of a connection string), unless those are long; then more parts.
        """
        detector = self.detector
        weight = detector.weight + (OWN_SHAPE if detector.value else 0)
        passwords_last = self.rank == RANK_NEAR and detector.kind == "password"  # any text is a password; a token has a shape
        doubt = ("high", "medium", "low").index(detector.confidence or "high")
        return (
            (-self.rank, len(self.decoded), passwords_last, self.distance, doubt),
            (-weight, -len(self.companions), -self.whole, self.start, detector.id),
        )


OWN_SHAPE = 8  # how many fixed characters a shape of its own counts for


def resolve(matches: list[Match]) -> list[Match]:
    """Keep one match where several overlap: the most specific; and drop what is a part of another's credential."""
    if len(matches) < 2:
        return matches
    kept: list[Match] = []
    taken: list[tuple[int, int]] = []  # spans of what is kept, in order; they do not overlap
    for match in sorted(matches, key=Match.strength):
        at = bisect_left(taken, (match.start, match.end))
        if (at == 0 or taken[at - 1][1] <= match.start) and (at == len(taken) or match.end <= taken[at][0]):
            taken.insert(at, (match.start, match.end))
            kept.append(match)
    parts = sorted(((c.start, c.end, m) for m in kept for c in m.companions), key=lambda part: part[:2])
    if parts:
        longest = max(end - start for start, end, _ in parts)
        kept = [match for match in kept if not _is_part(match, _overlapping(match, parts, longest))]
    kept.sort(key=lambda m: (m.start, m.end, m.detector.id))
    return kept


def _overlapping(match: Match, parts: list[tuple[int, int, Match]], longest: int) -> list[Match]:
    """Return whose companions lie over a match."""
    low = bisect_left(parts, match.start - longest, key=lambda part: part[0])
    high = bisect_left(parts, match.end, key=lambda part: part[0])
    return [owner for start, end, owner in parts[low:high] if end > match.start and owner is not match]


def _is_part(match: Match, owners: list[Match]) -> bool:
    for other in owners:
        graver = _order(match) < _order(other)
        if _holds(other, match, secret=True) and not (graver and _holds(match, other, secret=False)):
            return True
        # The public half of a pair (a key id) is shown with the secret half, not beside it.
        if not graver and _holds(other, match, secret=False) and _holds(match, other, secret=True):
            return True
    return False


def _holds(match: Match, other: Match, *, secret: bool) -> bool:
    """Whether *other*'s value is a part of *match*'s credential; with *secret*, one of its secret parts."""
    return any((c.secret or not secret) and c.start < other.end and other.start < c.end for c in match.companions)


_SEVERITIES = ("critical", "high", "medium", "low", "info")


def _order(match: Match) -> tuple[int, int, str]:
    return (_SEVERITIES.index(match.detector.severity), match.start, match.detector.id)
