"""Charts as SVG made on the server: they need no script, follow the theme and grow with the page.

Every chart has a title and a sentence for screen readers, and its numbers as a table that anybody can unfold. Colours come from
classes of the style sheet. Positions are percentages and heights pixels, so text keeps its size at every width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from stanch.web.drawing import (
    BOTTOM,
    PLOT,
    TOP,
    Series,
    Slice,
    curve,
    figure,
    grid,
    hover_band,
    labels_below,
    legend_entry,
    linked,
    named,
    rect,
    rounded,
    scale_top,
    shown,
    svg,
    text_at,
    total_of,
)
from stanch.web.filters import short_count, visible, words

__all__ = [
    "SEVERITIES",
    "Series",
    "Slice",
    "bars",
    "donut",
    "histogram",
    "meter",
    "share_bar",
    "sparkline",
    "stacked_bars",
    "trend",
]
SEVERITIES: Final = ("critical", "high", "medium", "low", "info")


def stacked_bars(
    title: str, labels: Sequence[str], stacks: Sequence[dict[str, float]], *, height: int = 180, kinds: Sequence[str] = SEVERITIES
) -> Markup:
    """Return upright bars of stacked parts, such as new incidents a week by severity.

    Args:
        title: of the chart.
        labels: one a bar.
        stacks: kind → number, one a bar.
        height: in pixels.
        kinds: the parts, from the top of a bar to its foot.
    """
    labels = [visible(label) for label in labels]
    top = scale_top(max((sum(stack.values()) for stack in stacks), default=0))
    room = height - TOP - BOTTOM
    bars: list[Markup] = []
    step = PLOT / max(1, len(labels))
    for index, (label, stack) in enumerate(zip(labels, stacks, strict=True)):
        parts = [(kind, stack.get(kind, 0)) for kind in reversed(kinds) if stack.get(kind, 0) > 0]
        said = ", ".join(f"{shown(value)} {words(kind).lower()}" for kind, value in reversed(parts)) or "none"
        at = float(height - BOTTOM)
        shapes: list[Markup] = []
        for kind, value in parts:
            tall = value / top * room
            at -= tall
            shapes.append(rect(index * step + step * 0.16, at, step * 0.68, max(1.0, tall - 1), f"fill-{kind}"))
        hover = rect(index * step, TOP, step, room, "chart-hover")
        bars.append(Markup("<g><title>{}: {}</title>{}{}</g>").format(label, said, hover, Markup("").join(shapes)))
    total = sum(sum(stack.values()) for stack in stacks)
    body = grid(top, height) + Markup("").join(bars) + labels_below(labels, height, middle=True)
    rows = [(label, *(stack.get(kind, 0) for kind in kinds)) for label, stack in zip(labels, stacks, strict=True)]
    legend = [(words(kind), kind, total_of(stack.get(kind, 0) for stack in stacks)) for kind in kinds]
    return figure(title, f"{shown(total)} in {len(labels)} bars.", svg(body, height), ("", *map(words, kinds)), rows, legend)


def trend(title: str, labels: Sequence[str], series: Sequence[Series], *, height: int = 180) -> Markup:
    """Return lines over time, such as opened and resolved incidents."""
    labels = [visible(label) for label in labels]
    top = scale_top(max((value for one in series for value in one.values), default=0))
    room = height - TOP - BOTTOM
    count = len(labels)
    lines = Markup("").join(curve(one, top, room) for one in series)
    plot = Markup('<svg x="0" y="{}" width="{}%" height="{}" viewBox="0 0 1000 {}" preserveAspectRatio="none">{}</svg>').format(
        TOP, PLOT, room, room, lines
    )
    hovers = Markup("").join(hover_band(index, label, series, count, room) for index, label in enumerate(labels))
    body = grid(top, height) + plot + labels_below(labels, height, middle=False) + hovers
    said = "; ".join(f"{visible(one.name)}: {shown(total_of(one.values))}" for one in series) + "."
    rows = [(label, *(one.values[index] for one in series)) for index, label in enumerate(labels)]
    legend = [(visible(one.name), one.kind, total_of(one.values)) for one in series]
    return figure(title, said, svg(body, height), ("", *(visible(one.name) for one in series)), rows, legend)


def histogram(title: str, slices: Sequence[Slice], *, height: int = 180) -> Markup:
    """Return upright bars with their numbers above, such as open incidents by age. Bars with an address are links."""
    top = max((one.value for one in slices), default=0) or 1
    head = TOP + 16
    room = height - head - BOTTOM
    step = 100 / max(1, len(slices))
    bars: list[Markup] = []
    for index, one in enumerate(slices):
        tall = max(1.0, one.value / top * room)
        at = height - BOTTOM - tall
        kind = f"fill-{one.kind}" if one.value else "chart-track"
        shape = rect(index * step, 0, step, height, "chart-hover") + rect(index * step + step * 0.1, at, step * 0.8, tall, kind)
        middle = index * step + step / 2
        number = text_at(middle, at - 6, short_count(round(one.value)), "middle", "chart-value")
        label = text_at(middle, height - 6, visible(one.name), "middle")
        bars.append(
            linked(Markup("<title>{}: {}</title>").format(visible(one.name), shown(one.value)) + shape + number + label, one)
        )
    said = f"{shown(total_of(one.value for one in slices))} in all."
    return figure(title, said, svg(Markup("").join(bars), height), ("", "Number"), [(visible(s.name), s.value) for s in slices])


def bars(title: str, slices: Sequence[Slice], *, unit: str = "") -> Markup:
    """Return a ranking: names, bars and numbers, such as where leaks come from. It is a list, so it needs no table."""
    top = max((one.value for one in slices), default=0) or 1
    rows = []
    for one in slices:
        width = 0 if not one.value else max(0.8, one.value / top * 100)
        bar = rect(0, 0, 100, 6, "chart-track", 3) + (rect(0, 0, width, 6, f"fill-{one.kind}", 3) if width else Markup(""))
        name = (
            Markup('<a href="{}">{}</a>').format(one.url, visible(one.name))
            if one.url
            else Markup("<span>{}</span>").format(visible(one.name))
        )
        rows.append(
            Markup(
                '<li><span class="bar-name">{}</span><span class="bar-value">{}</span>'
                '<svg class="bar" width="100%" height="6" aria-hidden="true" focusable="false">{}</svg></li>'
            ).format(name, f"{shown(one.value)}{unit}", bar)
        )
    return Markup('<figure class="chart bars"><figcaption>{}</figcaption><ol>{}</ol></figure>').format(
        title, Markup("").join(rows)
    )


def donut(title: str, slices: Sequence[Slice], *, centre: str = "", caption: str = "") -> Markup:
    """Return parts of a whole as a ring, with the list of its parts beside it. *centre* is the number in the middle."""
    total = total_of(one.value for one in slices)
    around = 2 * math.pi * 42
    shapes = [Markup('<circle cx="60" cy="60" r="42" class="ring-track"/>')]
    gone = 0.0
    for one in slices:
        if one.value <= 0 or total <= 0:
            continue
        long = one.value / total * around
        gap = 1.5 if 0 < long < around - 3 else 0.0
        shapes.append(
            Markup(
                '<circle cx="60" cy="60" r="42" class="ring stroke-{}" stroke-dasharray="{} {}" stroke-dashoffset="{}" '
                'transform="rotate(-90 60 60)"><title>{}: {}</title></circle>'
            ).format(
                one.kind,
                rounded(max(0.5, long - gap)),
                rounded(around - max(0.5, long - gap)),
                rounded(-gone),
                visible(one.name),
                shown(one.value),
            )
        )
        gone += long
    shapes.append(
        Markup('<text x="60" y="{}" text-anchor="middle" class="ring-value">{}</text>').format(
            66 if not caption else 61, visible(centre)
        )
    )
    if caption:
        shapes.append(Markup('<text x="60" y="77" text-anchor="middle" class="ring-caption">{}</text>').format(visible(caption)))
    said = "; ".join(f"{visible(one.name)}: {shown(one.value)}" for one in slices) + "."
    ring = svg(Markup("").join(shapes), 120, box="0 0 120 120", width="120")
    entries = Markup("").join(legend_entry(one, total) for one in slices)
    return Markup('<figure class="chart donut"><figcaption>{}</figcaption>{}<ul class="legend-list">{}</ul></figure>').format(
        title, named(ring, title, said), entries
    )


def meter(share: float, *, label: str, kind: str = "accent") -> Markup:
    """Return a short bar that shows a share of one."""
    share = min(1.0, max(0.0, share))
    body = rect(0, 0, 100, 6, "chart-track", 3) + (rect(0, 0, share * 100, 6, f"fill-{kind}", 3) if share else Markup(""))
    return Markup('<svg class="meter" width="100%" height="6" role="img" aria-label="{}">{}</svg>').format(visible(label), body)


def sparkline(values: Sequence[float], *, label: str, kind: str = "accent") -> Markup:
    """Return a small line without a scale; *label* says in words what it shows."""
    if len(values) < 2:
        return Markup("")
    body = curve(Series(name=label, values=values, kind=kind), max(values) or 1, 28)
    return Markup(
        '<svg class="spark" width="100%" height="32" viewBox="0 -2 1000 32" preserveAspectRatio="none" role="img" '
        'aria-label="{}">{}</svg>'
    ).format(visible(label), body)


def share_bar(slices: Sequence[Slice], *, label: str) -> Markup:
    """Return one flat bar of parts of a whole, such as severities of a source."""
    total = total_of(one.value for one in slices)
    shapes, at = [rect(0, 0, 100, 8, "chart-track", 4)], 0.0
    for one in slices:
        if one.value <= 0 or total <= 0:
            continue
        wide = one.value / total * 100
        title = Markup("<title>{}: {}</title>").format(visible(one.name), shown(one.value))
        shapes.append(Markup("<g>{}{}</g>").format(title, rect(at, 0, max(0.4, wide - 0.5), 8, f"fill-{one.kind}", 1)))
        at += wide
    return Markup('<svg class="share" width="100%" height="8" role="img" aria-label="{}">{}</svg>').format(
        visible(label), Markup("").join(shapes)
    )
