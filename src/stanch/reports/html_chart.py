"""The severity chart of the HTML report: an SVG that needs no script and tells a screen reader the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stanch.core.finding import Severity

_ROW: Final = 28  # pixels
_LABEL: Final = 70  # pixels
_WIDEST: Final = 66  # per cent of the chart's width for the longest bar


def bars(counts: Mapping[Severity, int]) -> str:
    """Return a bar a severity; lengths are in proportion to the largest count."""
    largest = max(counts.values(), default=0) or 1
    told = ", ".join(f"{counts.get(severity, 0)} {severity.value}" for severity in Severity)
    rows = "".join(_bar(number, severity, counts.get(severity, 0), largest) for number, severity in enumerate(Severity))
    height = _ROW * len(Severity)
    return (
        f'<svg class="chart" role="img" aria-labelledby="chart-title" width="100%" height="{height}" xmlns="http://www.w3.org/2000/svg">'
        f'<title id="chart-title">Secrets by severity: {told}</title>{rows}</svg>'
    )


def _bar(number: int, severity: Severity, count: int, largest: int) -> str:
    top = number * _ROW
    width = round(_WIDEST * count / largest, 2)
    bar = (
        f'<rect class="{severity.value}" x="{_LABEL}" y="{top + 6}" width="{width}%" height="{_ROW - 12}" rx="3"/>'
        if count
        else ""
    )
    return (
        f'<text x="0" y="{top + 19}">{severity.value}</text>'
        f'<rect class="track" x="{_LABEL}" y="{top + 6}" width="{_WIDEST}%" height="{_ROW - 12}" rx="3"/>{bar}'
        f'<text x="100%" y="{top + 19}" text-anchor="end">{count:,}</text>'
    )
