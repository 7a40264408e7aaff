"""Charts as SVG made on the server: they need no script, follow the theme and grow with the page.

Every chart has a title and a sentence for screen readers, and its numbers as a table that anybody can unfold. Colours come from
classes of the style sheet. Positions are percentages and heights pixels, so text keeps its size at every width.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from stanch.web.filters import short_count, visible, words

SEVERITIES: Final = ("critical", "high", "medium", "low", "info")
_PLOT: Final = 94.0  # percent of the width; what is right of it holds the scale
_TOP: Final = 8  # pixels above the highest value
_BOTTOM: Final = 22  # for the labels below
_MOST_LABELS: Final = 7


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
    top = _nice(max((sum(stack.values()) for stack in stacks), default=0))
    room = height - _TOP - _BOTTOM
    bars: list[Markup] = []
    step = _PLOT / max(1, len(labels))
    for index, (label, stack) in enumerate(zip(labels, stacks, strict=True)):
        parts = [(kind, stack.get(kind, 0)) for kind in reversed(kinds) if stack.get(kind, 0) > 0]
        said = ", ".join(f"{_number(value)} {words(kind).lower()}" for kind, value in reversed(parts)) or "none"
        at = float(height - _BOTTOM)
        shapes: list[Markup] = []
        for kind, value in parts:
            tall = value / top * room
            at -= tall
            shapes.append(_rect(index * step + step * 0.16, at, step * 0.68, max(1.0, tall - 1), f"fill-{kind}"))
        hover = _rect(index * step, _TOP, step, room, "chart-hover")
        bars.append(Markup("<g><title>{}: {}</title>{}{}</g>").format(label, said, hover, Markup("").join(shapes)))
    total = sum(sum(stack.values()) for stack in stacks)
    body = _grid(top, height) + Markup("").join(bars) + _labels(labels, height, middle=True)
    rows = [(label, *(stack.get(kind, 0) for kind in kinds)) for label, stack in zip(labels, stacks, strict=True)]
    legend = [(words(kind), kind, _sum(stack.get(kind, 0) for stack in stacks)) for kind in kinds]
    return _figure(title, f"{_number(total)} in {len(labels)} bars.", _svg(body, height), ("", *map(words, kinds)), rows, legend)


def trend(title: str, labels: Sequence[str], series: Sequence[Series], *, height: int = 180) -> Markup:
    """Return lines over time, such as opened and resolved incidents."""
    labels = [visible(label) for label in labels]
    top = _nice(max((value for one in series for value in one.values), default=0))
    room = height - _TOP - _BOTTOM
    count = len(labels)
    lines = Markup("").join(_line(one, top, room) for one in series)
    plot = Markup('<svg x="0" y="{}" width="{}%" height="{}" viewBox="0 0 1000 {}" preserveAspectRatio="none">{}</svg>').format(
        _TOP, _PLOT, room, room, lines
    )
    hovers = Markup("").join(_hover(index, label, series, count, room) for index, label in enumerate(labels))
    body = _grid(top, height) + plot + _labels(labels, height, middle=False) + hovers
    said = "; ".join(f"{visible(one.name)}: {_number(_sum(one.values))}" for one in series) + "."
    rows = [(label, *(one.values[index] for one in series)) for index, label in enumerate(labels)]
    legend = [(visible(one.name), one.kind, _sum(one.values)) for one in series]
    return _figure(title, said, _svg(body, height), ("", *(visible(one.name) for one in series)), rows, legend)


def histogram(title: str, slices: Sequence[Slice], *, height: int = 180) -> Markup:
    """Return upright bars with their numbers above, such as open incidents by age. Bars with an address are links."""
    top = max((one.value for one in slices), default=0) or 1
    head = _TOP + 16
    room = height - head - _BOTTOM
    step = 100 / max(1, len(slices))
    bars: list[Markup] = []
    for index, one in enumerate(slices):
        tall = max(1.0, one.value / top * room)
        at = height - _BOTTOM - tall
        kind = f"fill-{one.kind}" if one.value else "chart-track"
        shape = _rect(index * step, 0, step, height, "chart-hover") + _rect(index * step + step * 0.1, at, step * 0.8, tall, kind)
        middle = index * step + step / 2
        number = _text(middle, at - 6, short_count(round(one.value)), "middle", "chart-value")
        label = _text(middle, height - 6, visible(one.name), "middle")
        bars.append(
            _linked(Markup("<title>{}: {}</title>").format(visible(one.name), _number(one.value)) + shape + number + label, one)
        )
    said = f"{_number(_sum(one.value for one in slices))} in all."
    return _figure(title, said, _svg(Markup("").join(bars), height), ("", "Number"), [(visible(s.name), s.value) for s in slices])


def bars(title: str, slices: Sequence[Slice], *, unit: str = "") -> Markup:
    """Return a ranking: names, bars and numbers, such as where leaks come from. It is a list, so it needs no table."""
    top = max((one.value for one in slices), default=0) or 1
    rows = []
    for one in slices:
        width = 0 if not one.value else max(0.8, one.value / top * 100)
        bar = _rect(0, 0, 100, 6, "chart-track", 3) + (_rect(0, 0, width, 6, f"fill-{one.kind}", 3) if width else Markup(""))
        name = (
            Markup('<a href="{}">{}</a>').format(one.url, visible(one.name))
            if one.url
            else Markup("<span>{}</span>").format(visible(one.name))
        )
        rows.append(
            Markup(
                '<li><span class="bar-name">{}</span><span class="bar-value">{}</span>'
                '<svg class="bar" width="100%" height="6" aria-hidden="true" focusable="false">{}</svg></li>'
            ).format(name, f"{_number(one.value)}{unit}", bar)
        )
    return Markup('<figure class="chart bars"><figcaption>{}</figcaption><ol>{}</ol></figure>').format(
        title, Markup("").join(rows)
    )


def donut(title: str, slices: Sequence[Slice], *, centre: str = "", caption: str = "") -> Markup:
    """Return parts of a whole as a ring, with the list of its parts beside it. *centre* is the number in the middle."""
    total = _sum(one.value for one in slices)
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
                _round(max(0.5, long - gap)),
                _round(around - max(0.5, long - gap)),
                _round(-gone),
                visible(one.name),
                _number(one.value),
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
    said = "; ".join(f"{visible(one.name)}: {_number(one.value)}" for one in slices) + "."
    ring = _svg(Markup("").join(shapes), 120, box="0 0 120 120", width="120")
    entries = Markup("").join(_entry(one, total) for one in slices)
    return Markup('<figure class="chart donut"><figcaption>{}</figcaption>{}<ul class="legend-list">{}</ul></figure>').format(
        title, _named(ring, title, said), entries
    )


def meter(share: float, *, label: str, kind: str = "accent") -> Markup:
    """Return a short bar that shows a share of one."""
    share = min(1.0, max(0.0, share))
    body = _rect(0, 0, 100, 6, "chart-track", 3) + (_rect(0, 0, share * 100, 6, f"fill-{kind}", 3) if share else Markup(""))
    return Markup('<svg class="meter" width="100%" height="6" role="img" aria-label="{}">{}</svg>').format(visible(label), body)


def sparkline(values: Sequence[float], *, label: str, kind: str = "accent") -> Markup:
    """Return a small line without a scale; *label* says in words what it shows."""
    if len(values) < 2:
        return Markup("")
    body = _line(Series(name=label, values=values, kind=kind), max(values) or 1, 28)
    return Markup(
        '<svg class="spark" width="100%" height="32" viewBox="0 -2 1000 32" preserveAspectRatio="none" role="img" '
        'aria-label="{}">{}</svg>'
    ).format(visible(label), body)


def share_bar(slices: Sequence[Slice], *, label: str) -> Markup:
    """Return one flat bar of parts of a whole, such as severities of a source."""
    total = _sum(one.value for one in slices)
    shapes, at = [_rect(0, 0, 100, 8, "chart-track", 4)], 0.0
    for one in slices:
        if one.value <= 0 or total <= 0:
            continue
        wide = one.value / total * 100
        title = Markup("<title>{}: {}</title>").format(visible(one.name), _number(one.value))
        shapes.append(Markup("<g>{}{}</g>").format(title, _rect(at, 0, max(0.4, wide - 0.5), 8, f"fill-{one.kind}", 1)))
        at += wide
    return Markup('<svg class="share" width="100%" height="8" role="img" aria-label="{}">{}</svg>').format(
        visible(label), Markup("").join(shapes)
    )


# ── parts ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _figure(
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
            kind, name, _number(value)
        )
        for name, kind, value in legend
    )
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(name) for name in heads)
    body = Markup("").join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            row[0], Markup("").join(Markup("<td>{}</td>").format(_number(value)) for value in row[1:])
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
        _named(svg, title, said),
        f"Numbers of {title}",
        head,
        body,
    )


def _svg(body: Markup, height: int, *, box: str = "", width: str = "100%") -> Markup:
    # What holds links is no picture for screen readers, or they could not reach them.
    view = Markup(' viewBox="{}"').format(box) if box else ""
    return Markup('<svg class="chart-svg" width="{}" height="{}"{} role="{}" NAMES>{}</svg>').format(
        width, height, view, "group" if "<a " in body else "img", body
    )


def _named(svg: Markup, title: str, said: str) -> Markup:
    """Give a drawing its title and description. The ids come from what is drawn: the same page is the same bytes."""
    number = f"{zlib.crc32((title + said + svg).encode('utf-8', 'replace')):08x}"
    names = Markup('aria-labelledby="chart-{0}-t chart-{0}-d"').format(number)
    head, _, tail = svg.partition("NAMES>")
    words_ = Markup('<title id="chart-{0}-t">{1}</title><desc id="chart-{0}-d">{2}</desc>').format(number, title, said)
    return Markup("").join((head, names, Markup(">"), words_, tail))


def _grid(top: float, height: int) -> Markup:
    room = height - _TOP - _BOTTOM
    out = []
    for part in (0, 0.5, 1):
        at = height - _BOTTOM - part * room
        kind = "chart-axis" if part == 0 else "chart-grid"
        out.append(Markup('<line x1="0" x2="{}%" y1="{}" y2="{}" class="{}"/>').format(_PLOT, _round(at), _round(at), kind))
        out.append(_text(100, at + 4, short_count(round(top * part)), "end"))
    return Markup("").join(out)


def _labels(labels: Sequence[str], height: int, *, middle: bool) -> Markup:
    """Write labels below, as many as there is room for."""
    count = len(labels)
    every = max(1, math.ceil(count / _MOST_LABELS))
    out = []
    for index in range(0, count, every):
        at = (index + 0.5) * _PLOT / count if middle else index * _PLOT / max(1, count - 1)
        anchor = "middle" if middle or 0 < index < count - 1 else "start" if index == 0 else "end"
        out.append(_text(at, height - 5, labels[index], anchor))
    return Markup("").join(out)


def _line(one: Series, top: float, room: int) -> Markup:
    step = 1000 / max(1, len(one.values) - 1)
    points = [(_round(index * step), _round(room - value / (top or 1) * room)) for index, value in enumerate(one.values)]
    if len(points) == 1:
        points.append(("1000", points[0][1]))
    path = " ".join(f"{x},{y}" for x, y in points)
    area = f"0,{room} {path} 1000,{room}" if points else ""
    return Markup('<polygon points="{}" class="area fill-{}"/><polyline points="{}" class="plot stroke-{}"/>').format(
        area, one.kind, path, one.kind
    )


def _hover(index: int, label: str, series: Sequence[Series], count: int, room: int) -> Markup:
    step = _PLOT / max(1, count - 1)
    said = ", ".join(f"{visible(one.name).lower()} {_number(one.values[index])}" for one in series)
    low = max(0.0, (index - 0.5) * step)
    wide = min(_PLOT, (index + 0.5) * step) - low
    return Markup("<g><title>{}: {}</title>{}</g>").format(label, said, _rect(low, _TOP, wide, room, "chart-hover"))


def _linked(body: Markup, one: Slice) -> Markup:
    if not one.url:
        return Markup("<g>{}</g>").format(body)
    return Markup('<a href="{}">{}</a>').format(one.url, body)


def _entry(one: Slice, total: float) -> Markup:
    name = (
        Markup('<a href="{}">{}</a>').format(one.url, visible(one.name))
        if one.url
        else Markup("<span>{}</span>").format(visible(one.name))
    )
    part = f"{one.value / total * 100:.0f} %" if total else ""
    return Markup(
        '<li><span class="swatch fill-{}" aria-hidden="true"></span>{}<span class="legend-value">{}</span>'
        '<span class="legend-share">{}</span></li>'
    ).format(one.kind, name, _number(one.value), part)


def _rect(x: float, y: float, width: float, height: float, kind: str, round_: int = 2) -> Markup:
    return Markup('<rect x="{}%" y="{}" width="{}%" height="{}" rx="{}" class="{}"/>').format(
        _round(x), _round(y), _round(max(0.0, width)), _round(max(0.0, height)), round_, kind
    )


def _text(x: float, y: float, text: str, anchor: str, kind: str = "chart-label") -> Markup:
    return Markup('<text x="{}%" y="{}" text-anchor="{}" class="{}">{}</text>').format(_round(x), _round(y), anchor, kind, text)


def _nice(value: float) -> float:
    """Return the next number above that makes a good scale; never 0, and even, so that its half is whole."""
    if value <= 2:
        return 2.0
    size = 10.0 ** math.floor(math.log10(value))
    return next(
        (float(step * size) for step in (1, 2, 3, 4, 5, 6, 8, 10) if step * size >= value and (step * size) % 2 == 0), 10 * size
    )


def _sum(values: Iterable[float]) -> float:
    return math.fsum(values)


def _number(value: object) -> str:
    if isinstance(value, float) and not value.is_integer():
        return f"{value:,.1f}"
    return f"{int(value):,}" if isinstance(value, (int, float)) else str(value)


def _round(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
