"""HTML: one file to mail around, that people can filter, sort, unfold and print. It asks the network for nothing.

Everything from scanned content is escaped text. Beyond that, a content security policy lets only the one style sheet
and the one script run that were written here, known by their hashes, so a mistake in escaping runs nothing. The page
works as a plain list without the script.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final, TextIO

from stanch.core.finding import Severity
from stanch.core.report import ScanReport
from stanch.reports import advice, html_chart
from stanch.reports.escape import visible, visible_lines
from stanch.reports.fields import shown_value
from stanch.reports.groups import Place, SecretGroup, count_by_severity, group_findings, worst_first
from stanch.reports.options import ReportOptions
from stanch.reports.wording import (
    NOT_IN_HEAD,
    companion_text,
    decoded_text,
    headline,
    history_text,
    incomplete,
    judged_lines,
    path_of,
    plural,
    point,
    skipped_rows,
    what_was_hidden,
    what_was_read,
)

ASSETS: Final = Path(__file__).parent / "assets"


def write(report: ScanReport, out: TextIO, options: ReportOptions) -> None:
    """Write the page, secret by secret, the worst first."""
    groups = worst_first(group_findings(report.findings))
    for part in _page(report, groups, options):
        out.write(part.encode("ascii", "xmlcharrefreplace").decode("ascii"))


def _page(report: ScanReport, groups: Sequence[SecretGroup], options: ReportOptions) -> Iterator[str]:
    style = (ASSETS / "report.css").read_text("ascii")
    script = (ASSETS / "report.js").read_text("ascii")
    yield _opening(style, script, headline(groups))
    yield from _overview(report, groups)
    if groups:
        yield _filters(groups)
        yield '<ol class="secrets" id="secrets">\n'
        for number, group in enumerate(groups, 1):
            yield _secret(number, group, report, options)
        yield '</ol>\n<p id="nothing" class="panel" hidden>No secret matches these filters.</p>\n'
    yield from _unread(report)
    if groups and options.next_steps:
        yield _accepting()
    yield f"</main>\n<footer><p>Stanch {_text(report.version)}. Scanned: {_targets(report)}</p></footer>\n"
    yield '<script type="application/json" id="facts">['
    for number, group in enumerate(groups):
        yield (",\n" if number else "\n") + _embedded(_facts(group))
    yield f"]</script>\n<script>{script}</script>\n</body>\n</html>\n"


def _opening(style: str, script: str, title: str) -> str:
    policy = f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="robots" content="noindex">\n'
        f"<title>Stanch: {_text(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#main">To the report</a>\n'
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("ascii")).digest()).decode("ascii")


def _overview(report: ScanReport, groups: Sequence[SecretGroup]) -> Iterator[str]:
    title = headline(groups).split(": ")[0]
    said = "".join(f"<p>{_text(line)}</p>" for line in (what_was_read(report), what_was_hidden(report)) if line)
    yield f'<header class="top">\n<h1>{_text(title)}</h1>\n<p class="muted">Stanch scan report</p>\n</header>\n<main id="main">\n'
    yield f'<div class="overview"><div class="panel">{said}'
    if groups:
        yield (
            "<p>Values are shown in full. Treat this file as a secret.</p>"
            if report.show_secrets
            else "<p>Values are redacted.</p>"
        )
        yield "<p>Revoke a secret where it was issued first, then remove it: removing it alone leaves it working.</p>"
    yield "</div>"
    if groups:
        yield f'<div class="panel">{html_chart.bars(count_by_severity(groups))}</div>'
    yield "</div>\n"
    if report.skipped:
        yield f'<p class="panel warning"><strong>{_text(incomplete(report))}</strong> <a href="#unread">See what</a></p>\n'


def _filters(groups: Sequence[SecretGroup]) -> str:
    boxes = "".join(
        f'<label><input type="checkbox" name="severity" value="{severity.value}" checked> {severity.value} ({count:,})</label>'
        for severity, count in count_by_severity(groups).items()
    )
    detectors = sorted({group.lead.detector for group in groups})
    kinds = [("", "all"), *((detector, visible(detector)) for detector in detectors)]
    return (
        '<form class="panel scripted" id="filters" role="search" aria-label="Filter the secrets" hidden>\n'
        f"<fieldset><legend>Severity</legend>{boxes}</fieldset>\n"
        '<div><label for="search">Search (press /)</label><input type="search" id="search" autocomplete="off"></div>\n'
        '<div><label for="path">Path contains</label><input type="search" id="path" autocomplete="off"></div>\n'
        + _select("detector", "Detector", kinds)
        + _select("confidence", "Confidence", [("0", "any"), ("1", "medium or high"), ("2", "high")])
        + _select(
            "head", "Still there", [("", "any"), ("present", "yes, in HEAD or in the files"), ("gone", "no, only in history")]
        )
        + _select(
            "sort",
            "Order",
            [
                ("severity", "worst first"),
                ("path", "path"),
                ("detector", "detector"),
                ("places", "most places first"),
                ("newest", "newest first"),
                ("oldest", "oldest first"),
            ],
        )
        + "</form>\n"
        '<div class="bar"><h2 id="list">Secrets</h2><span id="count" role="status" class="muted"></span>'
        '<span class="scripted" hidden><button type="reset" form="filters">Clear filters</button> '
        '<button type="button" id="open-all">Unfold all</button> '
        '<button type="button" id="close-all">Fold all</button></span></div>\n'
    )


def _select(name: str, label: str, choices: Sequence[tuple[str, str]]) -> str:
    options = "".join(f'<option value="{_text(value)}">{_text(shown)}</option>' for value, shown in choices)
    return f'<div><label for="{name}">{label}</label><select id="{name}">{options}</select></div>\n'


def _secret(number: int, group: SecretGroup, report: ScanReport, options: ReportOptions) -> str:
    lead, places = group.lead, group.places
    head = {True: "in HEAD", False: NOT_IN_HEAD, None: ""}[group.in_head]
    side = ", ".join(part for part in (plural(len(places), "place"), head) if part)
    return (
        f'<li><details id="secret-{number}"><summary>{_badge(group.severity)}<span class="what">'
        f'<span class="title">{_text(lead.title)}</span><span class="value">{_text(shown_value(lead.secret, report))}</span><br>'
        f'<span class="path muted">{_text(point(places[0].location))}</span></span><span class="side">{side}</span></summary>\n'
        f'<div class="body">{_snippet(group)}<dl>{"".join(_rows(group, report))}</dl>'
        f"{_next(group, report) if options.next_steps else ''}</div></details></li>\n"
    )


def _badge(severity: Severity) -> str:
    return f'<span class="badge {severity.value}">{severity.value}</span>'


def _snippet(group: SecretGroup) -> str:
    lines = visible_lines(group.lead.snippet)
    if not lines:
        return ""
    redacted = _text(group.lead.secret.redacted)
    text = _text("\n".join(lines), one_line=False)
    return f'<pre tabindex="0">{text.replace(redacted, f"<mark>{redacted}</mark>") if redacted else text}</pre>'


def _rows(group: SecretGroup, report: ScanReport) -> Iterator[str]:
    lead = group.lead
    yield _row("Places", _items([_place(place) for place in group.places]))
    yield _row("Why", _items([_text(reason) for reason in lead.reasons]))
    yield _row("Inside", _text(decoded_text(lead)))
    yield _row("With", _items([_text(companion_text(companion, report)) for companion in group.companions]))
    yield _row("History", _text(history_text(lead)))
    judged = [f"{_text(label)}{': ' if label else ''}{_text(text)}" for label, text in judged_lines(group, report.findings)]
    yield _row("Known", _items(judged))
    if lead.history and lead.history.introduced:
        yield _row("Commit", f"<code>{_text(lead.history.introduced.id)}</code> {_text(lead.history.introduced.subject)}")
    yield _row("Detector", f"<code>{_text(lead.detector)}</code>, {group.confidence.value} confidence")
    yield _row("Fingerprint", f"<code>{_text(lead.secret.fingerprint)}</code>")


def _row(label: str, content: str) -> str:
    return f"<dt>{label}</dt><dd>{content}</dd>" if content else ""


def _items(items: Sequence[str]) -> str:
    if len(items) < 2:
        return items[0] if items else ""
    return f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"


def _place(place: Place) -> str:
    gone = f' <span class="muted">({NOT_IN_HEAD})</span>' if place.in_head is False else ""
    return f'<span class="path">{_text(point(place.location))}</span>{gone}'


def _next(group: SecretGroup, report: ScanReport) -> str:
    url = advice.help_url(group, report.detectors)
    link = f'<p><a href="{_text(url)}" rel="noopener noreferrer">{_text(url)}</a></p>' if url else ""
    notes = advice.notes(group, report.detectors)
    how = _text(advice.command(group, report.detectors))
    return (
        f'<div class="next"><p><strong>Next:</strong> {_text(advice.next_step(group))}</p>'
        f"{f'<p>{_text(notes)}</p>' if notes else ''}{link}<p><code>{how}</code></p></div>"
    )


def _unread(report: ScanReport) -> Iterator[str]:
    if not report.skipped:
        return
    yield '<h2 id="unread">Not read</h2>\n<div class="panel scroll" role="region" aria-label="Not read" tabindex="0"><table>\n'
    yield '<thead><tr><th scope="col">What</th><th scope="col">Why</th></tr></thead><tbody>\n'
    for row in skipped_rows(report.skipped):
        why = f'{_text(row.reason)} <span class="muted">({_text(row.code)})</span>'
        yield f'<tr><td class="path">{_text(row.what)}</td><td>{why}</td></tr>\n'
    yield "</tbody></table></div>\n"


def _accepting() -> str:
    ways = "".join(f"<li><strong>{_text(when)}</strong> {_text(how)}.</li>" for when, how in advice.accepting())
    return f'<h2>Not to be reported again</h2>\n<ul class="ways">{ways}</ul>\n'


def _targets(report: ScanReport) -> str:
    return ", ".join(f'<span class="path">{_text(target)}</span>' for target in report.targets) or "nothing"


def _facts(group: SecretGroup) -> dict[str, Any]:
    """Return what the script needs to filter and sort one secret. Never the value."""
    lead, places = group.lead, group.places
    paths = list(dict.fromkeys(path_of(place.location) for place in places))
    introduced = lead.history.introduced if lead.history else None
    texts = (lead.title, lead.provider, lead.detector, lead.secret.redacted, lead.secret.fingerprint, *paths, *lead.reasons)
    commit = (introduced.id, introduced.author, introduced.email, introduced.subject) if introduced else ()
    return {
        "severity": group.severity.value,
        "confidence": group.confidence.rank,
        "detector": visible(lead.detector),
        "head": "gone" if group.in_head is False else "present",
        "places": len(places),
        "paths": paths,
        "date": visible(introduced.date) if introduced else "",
        "text": "\n".join(visible(text) for text in (*texts, *commit)),
    }


def _embedded(value: Any) -> str:
    """Return JSON that cannot end the script element it stands in, nor begin a comment in it."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _text(text: str, *, one_line: bool = True) -> str:
    return escape(visible(text) if one_line else text, quote=True)
