"""One rule about what is never reported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import date

REGEX_PATH: Final = "re:"  # starts a path criterion that is a regular expression


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AllowRule:
    """What is never reported, and why.

    `detectors` says for which detectors the rule holds at all. Everything else is a criterion: the rule takes effect
    when one of them matches (condition ``any``) or when each kind that is given has a match (``all``).

    Attributes:
        reason: why it is accepted, shown in reports.
        paths: patterns as in ``.gitignore``, or ``re:`` and a regular expression looked for in the path.
        detectors: detector ids or globs.
        values: regular expressions looked for in the plain value.
        lines: regular expressions looked for in the line the value stands on.
        stopwords: words that may stand anywhere in the value, upper and lower case alike.
        commits: ids of commits that brought secrets in, or their first seven digits or more.
        findings: finding ids (``fnd_…``).
        fingerprints: fingerprints of secrets, or their first twelve digits or more.
        expires: the last day on which the rule holds.
        condition: ``all`` or ``any``.
    """

    reason: str
    paths: tuple[str, ...] = ()
    detectors: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    stopwords: tuple[str, ...] = ()
    commits: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()
    expires: date | None = None
    condition: str = "all"
