"""The parts that charts are drawn from: figures with names and tables, scales, bars, curves."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from stanch.web.filters import short_count, visible

PLOT: Final = 94.0  # percent of the width; what is right of it holds the scale
TOP: Final = 8  # pixels above the highest value
BOTTOM: Final = 22  # for the labels below
MOST_LABELS: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line of a trend.

    Attributes:
        name: for people.
        values: one for each label of the chart.
        kind: class of its colour: ``opened``, ``resolved``, ``accent`` or a severity.
    """

    name: str
    values: Sequence[float]
    kind: str = "accent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One part of a whole, or one bar of a list.

    Attributes:
        name: for people.
        value: its size.
        kind: class of its colour.
        url: where its things are listed; empty for none.
    """

    name: str
    value: float
    kind: str = "accent"
    url: str = ""


def figure(
    title: str,
    said: str,
    svg: Markup,
    heads: Sequence[str],
    rows: Sequence[Sequence[object]],
    legend: Sequence[tuple[str, str, float]] = (),
) -> Markup:
    """Put caption, legend, drawing and the table of its numbers together."""
    keys = Markup("").join(
        Markup('<li><span class="swatch fill-{}" aria-hidden="true"></span>{}<span class="legend-value">{}</span></li>').format(
            kind, name, shown(value)
        )
        for name, kind, value in legend
    )
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(name) for name in heads)
    body = Markup("").join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            row[0], Markup("").join(Markup("<td>{}</td>").format(shown(value)) for value in row[1:])
        )
        for row in rows
    )
    return Markup(
        '<figure class="chart"><figcaption>{}</figcaption>{}{}<details class="chart-data"><summary>Numbers</summary>'
        '<div class="chart-table" tabindex="0" role="group" aria-label="{}">'
        "<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
        "</details></figure>"
    ).format(
        title,
        Markup('<ul class="legend">{}</ul>').format(keys) if keys else "",
        named(svg, title, said),
        f"Numbers of {title}",
        head,
        body,
    )


def svg(body: Markup, height: int, *, box: str = "", width: str = "100%") -> Markup:
    """Return a drawing of a height in pixels. `named` gives it its name."""
    # What holds links is no picture for screen readers, or they could not reach them.
    view = Markup(' viewBox="{}"').format(box) if box else ""
    return Markup('<svg class="chart-svg" width="{}" height="{}"{} role="{}" NAMES>{}</svg>').format(
        width, height, view, "group" if "<a " in body else "img", body
    )


def named(svg: Markup, title: str, said: str) -> Markup:
    """Give a drawing its title and description. The ids come from what is drawn: the same page is the same bytes."""
    number = f"{zlib.crc32((title + said + svg).encode('utf-8', 'replace')):08x}"
    names = Markup('aria-labelledby="chart-{0}-t chart-{0}-d"').format(number)
    head, _, tail = svg.partition("NAMES>")
    words_ = Markup('<title id="chart-{0}-t">{1}</title><desc id="chart-{0}-d">{2}</desc>').format(number, title, said)
    return Markup("").join((head, names, Markup(">"), words_, tail))


def grid(top: float, height: int) -> Markup:
    """Return three lines across and the scale beside them."""
    room = height - TOP - BOTTOM
    out = []
    for part in (0, 0.5, 1):
        at = height - BOTTOM - part * room
        kind = "chart-axis" if part == 0 else "chart-grid"
        out.append(Markup('<line x1="0" x2="{}%" y1="{}" y2="{}" class="{}"/>').format(PLOT, rounded(at), rounded(at), kind))
        out.append(text_at(100, at + 4, short_count(round(top * part)), "end"))
    return Markup("").join(out)


def labels_below(labels: Sequence[str], height: int, *, middle: bool) -> Markup:
    """Write labels below, as many as there is room for."""
    count = len(labels)
    every = max(1, math.ceil(count / MOST_LABELS))
    out = []
    for index in range(0, count, every):
        at = (index + 0.5) * PLOT / count if middle else index * PLOT / max(1, count - 1)
        anchor = "middle" if middle or 0 < index < count - 1 else "start" if index == 0 else "end"
        out.append(text_at(at, height - 5, labels[index], anchor))
    return Markup("").join(out)


def curve(one: Series, top: float, room: int) -> Markup:
    """Return a line and the area below it, in a box of 1000 by *room*."""
    step = 1000 / max(1, len(one.values) - 1)
    points = [(rounded(index * step), rounded(room - value / (top or 1) * room)) for index, value in enumerate(one.values)]
    if len(points) == 1:
        points.append(("1000", points[0][1]))
    path = " ".join(f"{x},{y}" for x, y in points)
    area = f"0,{room} {path} 1000,{room}" if points else ""
    return Markup('<polygon points="{}" class="area fill-{}"/><polyline points="{}" class="plot stroke-{}"/>').format(
        area, one.kind, path, one.kind
    )


def hover_band(index: int, label: str, series: Sequence[Series], count: int, room: int) -> Markup:
    """Return what lies over one moment of a trend and says its numbers."""
    step = PLOT / max(1, count - 1)
    said = ", ".join(f"{visible(one.name).lower()} {shown(one.values[index])}" for one in series)
    low = max(0.0, (index - 0.5) * step)
    wide = min(PLOT, (index + 0.5) * step) - low
    return Markup("<g><title>{}: {}</title>{}</g>").format(label, said, rect(low, TOP, wide, room, "chart-hover"))


def linked(body: Markup, one: Slice) -> Markup:
    """Return a group, or a link when the slice has an address."""
    if not one.url:
        return Markup("<g>{}</g>").format(body)
    return Markup('<a href="{}">{}</a>').format(one.url, body)


def legend_entry(one: Slice, total: float) -> Markup:
    """Return one line of the list beside a ring."""
    name = (
        Markup('<a href="{}">{}</a>').format(one.url, visible(one.name))
        if one.url
        else Markup("<span>{}</span>").format(visible(one.name))
    )
    part = f"{one.value / total * 100:.0f} %" if total else ""
    return Markup(
        '<li><span class="swatch fill-{}" aria-hidden="true"></span>{}<span class="legend-value">{}</span>'
        '<span class="legend-share">{}</span></li>'
    ).format(one.kind, name, shown(one.value), part)


def rect(x: float, y: float, width: float, height: float, kind: str, round_: int = 2) -> Markup:
    """Return a bar; *x* and *width* in percent, the rest in pixels."""
    return Markup('<rect x="{}%" y="{}" width="{}%" height="{}" rx="{}" class="{}"/>').format(
        rounded(x), rounded(y), rounded(max(0.0, width)), rounded(max(0.0, height)), round_, kind
    )


def text_at(x: float, y: float, text: str, anchor: str, kind: str = "chart-label") -> Markup:
    """Return a text; *x* in percent."""
    return Markup('<text x="{}%" y="{}" text-anchor="{}" class="{}">{}</text>').format(rounded(x), rounded(y), anchor, kind, text)


def scale_top(value: float) -> float:
    """Return the next number above that makes a good scale; never 0, and even, so that its half is whole."""
    if value <= 2:
        return 2.0
    size = 10.0 ** math.floor(math.log10(value))
    return next(
        (float(step * size) for step in (1, 2, 3, 4, 5, 6, 8, 10) if step * size >= value and (step * size) % 2 == 0), 10 * size
    )


def total_of(values: Iterable[float]) -> float:
    """Return a sum without the errors of adding floats one by one."""
    return math.fsum(values)


def shown(value: object) -> str:
    """Return a number with its thousands apart; whole where it is whole."""
    if isinstance(value, float) and not value.is_integer():
        return f"{value:,.1f}"
    return f"{int(value):,}" if isinstance(value, (int, float)) else str(value)


def rounded(value: float) -> str:
    """Return a coordinate with two digits at most."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
