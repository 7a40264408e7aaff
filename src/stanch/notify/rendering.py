"""One notice in the forms that targets want: plain text, calm text for chats, Markdown, Slack, HTML mail, JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from stanch.core.finding import Severity
from stanch.notify.message import Fact, Notice, NoticeKind
from stanch.notify.text import calm, markdown, markup, shortened, slack

SCHEMA: Final = "stanch.notice/1"
MAX_TEXT: Final = 6_000
MAX_CHAT: Final = 1_800  # Discord takes 2,000 characters with the title
_COLOURS: Final = {
    Severity.CRITICAL: "#a4161a",
    Severity.HIGH: "#c2410c",
    Severity.MEDIUM: "#a16207",
    Severity.LOW: "#1d4ed8",
    Severity.INFO: "#475569",
}


def subject(notice: Notice) -> str:
    """Return the title line, for subjects and headings; calm, because nothing that shows it knows escapes."""
    number = f" #{notice.incident}" if notice.incident else ""
    return calm(f"[{_word(notice)}]{number} {notice.title}")


def as_text(notice: Notice) -> str:
    """Return the body as plain text, for targets that show text and nothing else: mail, terminals, files."""
    return _lines(notice, _Form(str, "{}", "{}: {}", limit=MAX_TEXT), url=notice.url)


def as_calm_text(notice: Notice) -> str:
    """Return the body for chats that interpret text without knowing escapes."""
    return _lines(notice, _Form(calm, "{}", "{}: {}"), url=notice.url)


def as_markdown(notice: Notice) -> str:
    """Return the body as Markdown."""
    url = f"[{_open(notice)}]({notice.url})" if notice.url else ""
    return _lines(notice, _Form(markdown, "**{}**", "**{}:** {}  "), url=url)


def as_slack(notice: Notice) -> str:
    """Return the body as the Markdown that apprise turns into Slack's own markup."""
    url = f"[{_open(notice)}](<{notice.url}>)" if notice.url else ""
    return _lines(notice, _Form(slack, "**{}**", "**{}:** {}"), url=url)


def as_html(notice: Notice) -> str:
    """Return an HTML mail: one column, inline styles, nothing loaded from anywhere."""
    colour = _COLOURS[notice.severity]
    parts = [
        '<!doctype html><html lang="en"><body style="margin:0;padding:24px;background:#f8fafc;color:#0f172a;'
        'font:16px/1.5 system-ui,sans-serif"><div style="max-width:640px;margin:auto;background:#ffffff;padding:24px;'
        f'border-top:4px solid {colour}">',
        f'<p style="margin:0;color:{colour};font-weight:600">{markup(_word(notice))}</p>',
        f'<h1 style="margin:4px 0 16px;font-size:20px">{markup(notice.title)}</h1>',
        _table(notice.facts),
    ]
    parts += [
        f'<h2 style="margin:16px 0 4px;font-size:16px">{markup(section.title)}</h2>{_table(section.facts)}'
        for section in notice.sections
    ]
    if notice.merged:
        parts.append(f"<p>{markup(_more(notice))}</p>")
    if notice.url:
        parts.append(f'<p><a href="{markup(notice.url)}" style="color:#1d4ed8">{markup(_open(notice))}</a></p>')
    parts.append(f'<p style="margin:24px 0 0;color:#475569;font-size:13px">{markup(_footer(notice))}</p></div></body></html>')
    return "\n".join(parts)


def payload(notice: Notice) -> dict[str, Any]:
    """Return the body of webhooks. The format only grows; what is taken away or changes its meaning is another schema."""
    return {
        "schema": SCHEMA,
        "id": notice.id,
        "kind": notice.kind.value,
        "occurred_at": notice.occurred_at.isoformat().replace("+00:00", "Z"),
        "workspace": notice.workspace,
        "severity": notice.severity.value,
        "title": notice.title,
        "url": notice.url or None,
        "incident": {"number": notice.incident, "live": notice.live} if notice.incident else None,
        "detector": notice.detector or None,
        "provider": notice.provider or None,
        "source": notice.source or None,
        "environment": notice.environment or None,
        "teams": list(notice.teams),
        "tags": list(notice.tags),
        "actor": notice.actor or None,
        "facts": [{"label": fact.label, "value": fact.value} for fact in notice.facts],
        "sections": [
            {"title": part.title, "facts": [{"label": fact.label, "value": fact.value} for fact in part.facts]}
            for part in notice.sections
        ],
        "dedupe_key": notice.dedupe_key,
        "merged": notice.merged,
    }


def as_json(notice: Notice) -> bytes:
    """Return the payload as bytes; the signature is over exactly these."""
    return json.dumps(payload(notice), ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class _Form:
    """How one target writes: what makes a text harmless, and the patterns of headings and facts."""

    safe: Callable[[str], str]
    heading: str
    fact: str
    limit: int = MAX_CHAT


def _lines(notice: Notice, form: _Form, *, url: str) -> str:
    """Put a body together of whole lines, so that a cut never ends inside an escape. The link and the count are always there."""
    end = [line for line in (_more(notice), url, form.safe(_footer(notice))) if line]
    left = form.limit - sum(len(line) + 1 for line in end) - 2
    lines: list[str] = []
    for line in _body(notice, form):
        left -= len(line) + 1
        if left < 0:
            lines.append("…")
            break
        lines.append(line)
    return "\n".join([*lines, *end])


def _body(notice: Notice, form: _Form) -> Iterator[str]:
    for fact in notice.facts:
        yield form.fact.format(form.safe(fact.label), form.safe(fact.value))
    for section in notice.sections:
        yield ""
        yield form.heading.format(form.safe(section.title))
        for fact in section.facts:
            yield form.fact.format(form.safe(fact.label), form.safe(fact.value))


def _table(facts: tuple[Fact, ...]) -> str:
    if not facts:
        return ""
    rows = "".join(
        f'<tr><th scope="row" style="padding:2px 16px 2px 0;text-align:left;vertical-align:top;font-weight:600">'
        f'{markup(fact.label)}</th><td style="padding:2px 0;overflow-wrap:anywhere">{markup(fact.value)}</td></tr>'
        for fact in facts
    )
    return f'<table style="border-collapse:collapse">{rows}</table>'


def _word(notice: Notice) -> str:
    """Return what stands before the title: the severity for incidents, else what it is."""
    if notice.kind.is_incident and not notice.ends_alert:
        return f"{notice.severity.value}, live" if notice.live else notice.severity.value
    return _WORDS[notice.kind]


_WORDS: Final = {
    NoticeKind.INCIDENT_RESOLVED: "resolved",
    NoticeKind.RUN_WAITING: "waiting for you",
    NoticeKind.RUN_FAILED: "run failed",
    NoticeKind.WORKER_LOST: "worker lost",
    NoticeKind.AUDIT_BROKEN: "audit trail broken",
    NoticeKind.DIGEST: "digest",
    NoticeKind.SUMMARY: "summary",
    NoticeKind.TEST: "test",
}


def _more(notice: Notice) -> str:
    return f"… and {notice.merged} more like this" if notice.merged else ""


def _open(notice: Notice) -> str:
    return f"Open incident #{notice.incident}" if notice.incident else "Open in Stanch"


def _footer(notice: Notice) -> str:
    by = f", by {notice.actor}" if notice.actor else ""
    when = notice.occurred_at.strftime("%Y-%m-%d %H:%M UTC")
    return shortened(f"Stanch, {notice.workspace}, {when}{by}", 200)
