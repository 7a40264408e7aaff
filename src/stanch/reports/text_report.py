"""Text for a terminal or a pipe: each secret once, with its places, why it is believed, and what to do.

Lines are wrapped and snippets cropped only to a width that was given; in a pipe every line is whole. A place stands
on a line of its own as ``path:line:column``, unbroken, because that is what people click on and grep for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TextIO

from stanch.core.report import ScanReport
from stanch.reports import advice
from stanch.reports.escape import crop, display_width, encodable, visible, visible_lines, wrap
from stanch.reports.fields import shown_value
from stanch.reports.groups import Place, SecretGroup, count_by_severity, group_findings
from stanch.reports.options import ReportOptions
from stanch.reports.terminal import BOLD, CYAN, DIM, GREEN, RED, VALUE, YELLOW, Paint
from stanch.reports.wording import (
    NOT_IN_HEAD,
    companion_text,
    decoded_text,
    headline,
    history_text,
    incomplete,
    judged_lines,
    plural,
    point,
    skipped_rows,
    what_is_mentioned,
    what_issuers_said,
    what_was_hidden,
    what_was_read,
)

PLACES: Final = 20  # one secret, one screen at most
SNIPPET_LINES: Final = 12
_MARGIN: Final = "  "
_LABEL: Final = 9  # columns of the label before each fact
_RULE: Final = 72
_READABLE: Final = 100  # prose wider than this is hard to read, however wide the window


def write(report: ScanReport, out: TextIO, options: ReportOptions) -> None:
    """Write the report for a person."""
    fit = encodable(out)
    groups = group_findings(report.findings)
    page = _Page(report, options)
    for line in page.brief(groups) if options.quiet else page.full(groups):
        out.write(fit(line.rstrip()) + "\n")


class _Page:
    """Lays out one report; every method yields finished lines."""

    def __init__(self, report: ScanReport, options: ReportOptions) -> None:
        self.report = report
        self.options = options
        self.paint = Paint(options)
        self.prose = min(options.width, _READABLE) if options.width > 0 else 0

    def full(self, groups: Sequence[SecretGroup]) -> Iterator[str]:
        for group in groups:
            yield from self._secret(group)
            yield ""
        yield from self._summary(groups)

    def brief(self, groups: Sequence[SecretGroup]) -> Iterator[str]:
        for group in groups:
            what = f"{group.severity.value}: {visible(group.lead.title)} {visible(shown_value(group.lead.secret, self.report))}"
            for place in group.places:
                yield f"{point(place.location)}: {what} [{visible(group.lead.detector)}]"
        if not groups:
            yield "No secrets found."
        if self.report.skipped:
            yield incomplete(self.report)

    # One secret

    def _secret(self, group: SecretGroup) -> Iterator[str]:
        lead = group.lead
        yield f"{self.paint.badge(group.severity)} {self.paint(visible(lead.title), BOLD)}"
        value = shown_value(lead.secret, self.report)
        if "\n" not in value:
            sure = f"{group.confidence.value} confidence"
            yield f"{_MARGIN}{self.paint(visible(value), VALUE)} {self.paint(f'· {visible(lead.detector)} · {sure}', DIM)}"
        yield ""
        yield from self._places(group.places)
        yield ""
        yield from self._facts(group, value)

    def _places(self, places: Sequence[Place]) -> Iterator[str]:
        for number, place in enumerate(places[:PLACES]):
            gone = self.paint(f"  ({NOT_IN_HEAD})", DIM) if place.in_head is False else ""
            yield f"{_MARGIN}{self.paint(point(place.location), CYAN)}{gone}"
            if number == 0:
                yield from self._snippet(place)
        if len(places) > PLACES:
            yield self.paint(f"{_MARGIN}… and {plural(len(places) - PLACES, 'more place')}: --format jsonl lists them all", DIM)

    def _snippet(self, place: Place) -> Iterator[str]:
        redacted = visible(place.finding.secret.redacted)
        lines = visible_lines(place.finding.snippet)
        room = self.options.width - len(_MARGIN) - 2 if self.options.width > 0 else 0
        bar = self.paint("│", DIM)
        for line in lines[:SNIPPET_LINES]:
            yield f"{_MARGIN}{bar} {self._marked(crop(line, room, around=redacted), redacted)}"
        if len(lines) > SNIPPET_LINES:
            more = f"… {plural(len(lines) - SNIPPET_LINES, 'more line')}"
            yield f"{_MARGIN}{bar} {self.paint(more, DIM)}"

    def _marked(self, line: str, redacted: str) -> str:
        if not redacted or redacted not in line:
            return line
        return self.paint(redacted, VALUE).join(line.split(redacted))

    def _facts(self, group: SecretGroup, value: str) -> Iterator[str]:
        lead = group.lead
        if "\n" in value:
            yield from self._block("value", visible_lines(value))
        yield from self._fact("why", "; ".join(visible(reason) for reason in lead.reasons))
        yield from self._fact("inside", decoded_text(lead))
        for number, companion in enumerate(group.companions):
            yield from self._fact("" if number else "with", companion_text(companion, self.report))
        yield from self._fact("history", history_text(lead))
        for label, text in judged_lines(group, self.report.findings):
            yield from self._fact(label, text)
        if self.options.next_steps:
            yield from self._next(group)

    def _next(self, group: SecretGroup) -> Iterator[str]:
        yield from self._fact("next", advice.next_step(group), style=GREEN)
        yield from self._fact("", advice.notes(group, self.report.detectors))
        url = advice.help_url(group, self.report.detectors)
        if url:
            yield f"{_MARGIN}{'':{_LABEL}}{self.paint.link(url, self.paint(url, CYAN))}"
        yield f"{_MARGIN}{'':{_LABEL}}{self.paint(advice.command(group, self.report.detectors), BOLD)}"

    def _fact(self, label: str, text: str, style: str = "") -> Iterator[str]:
        if not text:
            return
        room = max(20, self.prose - len(_MARGIN) - _LABEL) if self.prose else 0
        for number, line in enumerate(wrap(text, room)):
            shown = f"{'' if number else label:{_LABEL}}"
            yield f"{_MARGIN}{self.paint(shown, DIM)}{self.paint(line, style) if style else line}"

    def _block(self, label: str, lines: Sequence[str]) -> Iterator[str]:
        for number, line in enumerate(lines):
            shown = f"{'' if number else label:{_LABEL}}"
            yield f"{_MARGIN}{self.paint(shown, DIM)}{self.paint(line, VALUE)}"

    # The end of the report

    def _summary(self, groups: Sequence[SecretGroup]) -> Iterator[str]:
        if groups:
            yield self.paint("─" * (min(self.options.width, _RULE) if self.options.width > 0 else _RULE), DIM)
        yield self._headline(groups)
        yield from self._sentence(what_issuers_said(groups), style=BOLD)
        if self.report.totals.blobs or not groups:
            yield from self._sentence(what_was_read(self.report))
        yield from self._sentence(what_was_hidden(self.report))
        yield from self._sentence(what_is_mentioned(self.report, groups))
        yield from self._skipped()
        if groups and self.options.next_steps and self.report.totals.blobs:
            yield ""
            for when, how in advice.accepting():
                yield from self._sentence(f"{when} {how}.", style=DIM)

    def _headline(self, groups: Sequence[SecretGroup]) -> str:
        text = headline(groups)
        if not groups:
            return self.paint(text, f"{BOLD};{GREEN}") + "."
        start = text.split(": ", 1)[0]
        counts = count_by_severity(groups)
        parts = [self.paint.count(severity, f"{count:,} {severity.value}") for severity, count in counts.items()]
        return f"{self.paint(start, BOLD)}: {', '.join(parts)}."

    def _skipped(self) -> Iterator[str]:
        if not self.report.skipped:
            return
        yield from self._sentence(incomplete(self.report), style=f"{BOLD};{YELLOW}")
        rows = skipped_rows(self.report.skipped)
        for row in rows:
            yield f"{_MARGIN}{self.paint(row.what, RED)}"
            room = self.prose - 2 * len(_MARGIN) if self.prose else 0
            for line in wrap(f"{row.reason} ({row.code})", max(20, room) if room else 0):
                yield f"{_MARGIN * 2}{line}"

    def _sentence(self, text: str, style: str = "") -> Iterator[str]:
        if not text:
            return
        for line in wrap(text, self.prose):
            yield self.paint(line, style) if style and display_width(line) else line
