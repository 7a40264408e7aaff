"""Rows for people and for programs: aligned columns on a terminal, JSON for everything else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

_BITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under headings; control characters in what was scanned become visible."""
    from stanch.reports.escape import visible

    shown = [[visible(str(cell)) for cell in row] for row in rows]
    widths = [max([len(head), *(len(row[at]) for row in shown)]) for at, head in enumerate(headers)]
    for row in ([head.upper() for head in headers], *shown):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def as_json(value: object) -> None:
    """Print as JSON, times in ISO 8601."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def ago(moment: datetime | None, now: datetime) -> str:
    """Return an age in one unit."""
    if moment is None:
        return "never"
    seconds = (now - moment).total_seconds()
    for size, unit in _BITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return "just now"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, bytes):
        raise TypeError("bytes are not shown: they may be sealed")
    return str(value)
