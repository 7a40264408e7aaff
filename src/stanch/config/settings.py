"""Everything a scan can be told, as plain values. Where they come from is the matter of `stanch.config.load`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import date

FORMATS: Final = ("text", "json", "jsonl", "sarif", "gitlab", "html", "junit", "csv", "markdown")


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a scan can be told. What each one means to people stands in `stanch.config.options.OPTIONS`.

    Attributes:
        jobs: worker processes; 0 for one per core.
        detectors: files and folders with the user's own detectors.
        only: detector ids or globs; empty for all.
        skip: detector ids or globs that are switched off.
        exclude: path patterns as in ``.gitignore``.
        max_file_size: bytes; 0 for no bound.
        max_depth: how many containers may lie inside each other.
        max_expanded: bytes that one outermost file may yield in all.
        max_members: members that one outermost file may yield.
        decode_depth: how many encodings may lie inside each other.
    """

    format: str = "text"
    output: str | None = None
    exit_zero: bool = False
    show_secrets: bool = False
    baseline: str | None = None
    jobs: int = 0
    quiet: bool = False
    verbose: bool = False
    color: str = "auto"
    detectors: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    min_severity: str = "info"
    min_confidence: str = "medium"
    exclude: tuple[str, ...] = ()
    gitignore: bool = False
    follow_symlinks: bool = False
    max_file_size: int = 0
    max_depth: int = 5
    max_expanded: int = 16 * 1024**3
    max_members: int = 200_000
    decode_depth: int = 2
    history: bool = True
    work_tree: bool = True
    allow_comments: bool = True
    validity: bool = False
    allow: tuple[AllowRule, ...] = ()
