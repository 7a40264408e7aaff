"""How urgent an incident is: one number from what is known, and every part of it in words.

The type of the credential gives the start; whether it works, who could see it, what it may do, what it is for and how long it
has lain open move it. The sum orders incidents, its band is the severity. A dead credential is never more than *low*.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from stanch.core.incident import SeverityJudgement

RANKS: Final = {"critical": 4, "high": 3, "medium": 2, "low": 1, "info": 0}
_START: Final = {"critical": 78, "high": 56, "medium": 36, "low": 18, "info": 5}
_BANDS: Final = ((75, "critical"), (50, "high"), (30, "medium"), (12, "low"), (0, "info"))
_VALIDITY: Final = {
    "live": (20, "its issuer accepts it"),
    "expired": (-30, "it has expired"),
    "dormant": (-8, "its issuer refuses it now, and may accept it again"),
}
_EXPOSURE: Final = {
    "public": (14, "anybody could see it"),
    "internal": (4, "the whole organisation could see it"),
    "private": (-4, "few people could see it"),
}
_ENVIRONMENT: Final = {"production": (10, "it is for production"), "development": (-10, "it is for development")}
_AGES: Final = (
    (timedelta(days=365), 6, "it has been open to see for more than a year"),
    (timedelta(days=90), 4, "it has been open to see for more than three months"),
    (timedelta(days=30), 2, "it has been open to see for more than a month"),
)
_DEAD_MOST: Final = 20
_LIVE_LEAST: Final = 50  # what works and matters is at least high


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known about an incident's urgency.

    Attributes:
        declared: severity of the type of credential.
        validity: see `stanch.core.validity.Validity`.
        exposure: see `stanch.core.incident.Exposure`.
        environment: see `stanch.core.incident.Environment`.
        privileged: whether it may do much; ``None`` when nobody knows.
        first_seen: since when it lies open.
        places: how many places hold it now.
    """

    declared: str
    validity: str
    exposure: str
    environment: str
    privileged: bool | None
    first_seen: datetime
    places: int = 1


def judge(facts: Facts, now: datetime) -> SeverityJudgement:
    """Return severity, score and reasons."""
    parts = [(_START[facts.declared], f"this type of credential is declared {facts.declared}")]
    parts += [table[value] for table, value in _tables(facts) if value in table]
    if facts.privileged is not None:
        parts.append((10, "it has administrative rights") if facts.privileged else (-6, "it has few rights"))
    age = now - facts.first_seen
    if facts.validity not in ("dead", "expired"):
        parts += [(points, text) for least, points, text in _AGES if age >= least][:1]
    if facts.places == 0:
        parts.append((-6, "it is gone from every place where it was found"))
    return _summed(parts, facts)


def _tables(facts: Facts) -> tuple[tuple[dict[str, tuple[int, str]], str], ...]:
    return (_VALIDITY, facts.validity), (_EXPOSURE, facts.exposure), (_ENVIRONMENT, facts.environment)


def _summed(parts: list[tuple[int, str]], facts: Facts) -> SeverityJudgement:
    score = max(0, min(100, sum(points for points, _ in parts)))
    if facts.validity == "dead":
        score = min(score, _DEAD_MOST)
        parts.append((0, "its issuer refuses it: at most low"))
    elif facts.validity == "live" and facts.declared in ("critical", "high") and score < _LIVE_LEAST:
        score = _LIVE_LEAST
        parts.append((0, "it works and its type matters: at least high"))
    severity = next(name for least, name in _BANDS if score >= least)
    ordered = [parts[0], *sorted(parts[1:], key=lambda part: -abs(part[0]))]
    return SeverityJudgement(severity=severity, score=score, reasons=tuple(_said(points, text) for points, text in ordered))


def _said(points: int, text: str) -> str:
    return f"{text} ({points:+d})" if points else text
