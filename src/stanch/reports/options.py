"""How a report is to look; what it says is in the `stanch.core.report.ScanReport`."""

from __future__ import annotations

from stanch.core.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """The reader's side of a report.

    Attributes:
        color: whether ANSI colours are welcome (text).
        width: columns to wrap at and to crop snippets to; 0 (a pipe, a file) breaks and crops no line (text).
        hyperlinks: whether the terminal knows OSC 8 links (text).
        next_steps: whether to say what to do about each secret (text, Markdown, HTML).
        quiet: one line a place and no summary of what was read (text).
        started_at: ISO 8601 time, for formats whose schema demands one; empty keeps the report reproducible (GitLab).
        ended_at: likewise.
    """

    color: bool = False
    width: int = 0
    hyperlinks: bool = False
    next_steps: bool = True
    quiet: bool = False
    started_at: str = ""
    ended_at: str = ""
