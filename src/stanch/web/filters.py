"""How values read on a page: times, numbers and words, in one voice everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from markupsafe import Markup, escape

from stanch.reports.escape import visible as _visible

_WORDS: Final = {
    "in_remediation": "In remediation",
    "false_positive": "False positive",
    "test_credential": "Test credential",
    "accepted": "Risk accepted",
    "proven_dead": "Proven dead",
    "id": "ID",
    "api": "API",
    "url": "URL",
    "api_key": "API key",
    "oauth_client_secret": "OAuth client secret",
    "webhook_url": "Webhook URL",
    "connection_string": "Connection string",
}
_STEPS: Final = (
    (timedelta(minutes=1), "", 0),
    (timedelta(hours=1), "min", 60),
    (timedelta(days=1), "h", 3_600),
    (timedelta(days=14), "d", 86_400),
    (timedelta(days=70), "w", 604_800),
    (timedelta(days=730), "mo", 2_629_800),
)
_YEAR: Final = 31_557_600
_NO_BREAK: Final = "\N{NO-BREAK SPACE}"


def span(seconds: float) -> str:
    """Return a length of time in its two largest units that matter: ``45 s``, ``3 h``, ``5 d``, ``2 mo``."""
    seconds = abs(seconds)
    if seconds < 60:
        return f"{int(seconds)}{_NO_BREAK}s"
    for limit, unit, size in _STEPS[1:]:
        if seconds < limit.total_seconds():
            return f"{int(seconds // size)}{_NO_BREAK}{unit}"
    return f"{int(seconds // _YEAR)}{_NO_BREAK}y"


def duration(seconds: float | timedelta | None) -> str:
    """Return how long something took: ``320 ms``, ``1.4 s``, ``2 min 5 s``, ``3 h 20 min``."""
    if seconds is None:
        return "\N{EM DASH}"
    value = seconds.total_seconds() if isinstance(seconds, timedelta) else float(seconds)
    if value < 1:
        return f"{round(value * 1000)}{_NO_BREAK}ms"
    if value < 60:
        return f"{value:.1f}{_NO_BREAK}s"
    whole = int(value)
    if whole < 3_600:
        return f"{whole // 60}{_NO_BREAK}min {whole % 60}{_NO_BREAK}s"
    if whole < 172_800:
        return f"{whole // 3600}{_NO_BREAK}h {whole % 3600 // 60}{_NO_BREAK}min"
    return f"{whole // 86_400}{_NO_BREAK}d {whole % 86_400 // 3600}{_NO_BREAK}h"


def relative(moment: datetime, now: datetime) -> str:
    """Return how far a time is: ``just now``, ``3 h ago``, ``in 5 d``."""
    seconds = (now - moment).total_seconds()
    if abs(seconds) < 45:
        return "just now"
    return f"{span(seconds)} ago" if seconds > 0 else f"in {span(seconds)}"


def full_moment(moment: datetime) -> str:
    """Return a time to the minute, in UTC: ``25 Nov 2026, 09:51 UTC``."""
    moment = moment.astimezone(UTC)
    return f"{moment.day} {moment:%b %Y, %H:%M} UTC"


def moment(value: datetime | None) -> Markup | str:
    """Return a ``<time>`` that shows date and time; the script shows it in the reader's own zone as a title."""
    if value is None:
        return _dash("never")
    return Markup('<time datetime="{}">{}</time>').format(_machine(value), full_moment(value))


def day(value: datetime | None) -> Markup | str:
    """Return a ``<time>`` that shows the date alone: ``25 Nov 2026``."""
    if value is None:
        return _dash("no date")
    at = value.astimezone(UTC)
    text = f"{at.day} {at:%b %Y}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(_machine(value), full_moment(value), text)


def ago(value: datetime | None, now: datetime) -> Markup | str:
    """Return a ``<time>`` that shows how long ago something was; the script keeps it true, its title is the full time."""
    if value is None:
        return _dash("never")
    return Markup('<time datetime="{}" data-ago title="{}">{}</time>').format(
        _machine(value), full_moment(value), relative(value, now)
    )


def count(value: int | None) -> str:
    """Return a number with its thousands apart: ``12,345``."""
    return "\N{EM DASH}" if value is None else f"{value:,}"


def short_count(value: int | None) -> str:
    """Return a number for a narrow place: ``950``, ``12.3k``, ``1.2M``."""
    if value is None:
        return "\N{EM DASH}"
    for limit, unit in ((1_000_000, "M"), (1_000, "k")):
        if abs(value) >= limit:
            scaled = value / limit
            return f"{scaled:.0f}{unit}" if abs(scaled) >= 100 else f"{scaled:.1f}".removesuffix(".0") + unit
    return str(value)


def plural(value: int, one: str, many: str = "") -> str:
    """Return a number with its noun: ``1 place``, ``3 places``."""
    return f"{value:,}{_NO_BREAK}{one if value == 1 else many or one + 's'}"


def file_size(value: float | None) -> str:
    """Return a number of bytes for people: ``512 B``, ``1.5 kB``, ``20 MB``."""
    if value is None:
        return "\N{EM DASH}"
    size = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f}{_NO_BREAK}{unit}" if unit == "B" or size >= 100 else f"{size:.1f}{_NO_BREAK}{unit}"
        size /= 1000
    return f"{size:.1f}{_NO_BREAK}TB"


def percent(value: float | None, digits: int = 0) -> str:
    """Return a share of one as a percentage: ``0.42`` → ``42 %``."""
    return "\N{EM DASH}" if value is None else f"{value * 100:.{digits}f}{_NO_BREAK}%"


def words(value: object) -> str:
    """Return a wire value as people say it: ``in_remediation`` → ``In remediation``."""
    text = str(getattr(value, "value", value))
    return _WORDS.get(text) or text.replace("_", " ").replace("-", " ").capitalize()


def sentence(text: str) -> str:
    """Return a message with a capital at its beginning: those of errors begin small, after ``error:`` in a terminal."""
    return text[:1].upper() + text[1:]


def visible(value: object) -> str:
    """Return text from outside on one line, with control characters and reordering marks spelled out."""
    return _visible(str(value))


def middle(value: object, length: int = 60) -> str:
    """Return text with its middle left out when it is longer; of paths, the end says most."""
    text = _visible(str(value))
    if len(text) <= length:
        return text
    head = (length - 1) // 3
    return text[:head] + "…" + text[-(length - 1 - head) :]


def breakable(value: object) -> Markup:
    """Return a path that breaks after its slashes first."""
    return Markup("/<wbr>").join(escape(part) for part in _visible(str(value)).split("/"))


def initials(name: str) -> str:
    """Return one or two letters that stand for a person: ``Ada Brandt`` → ``AB``, ``ops@example.org`` → ``OP``."""
    parts = [
        part for part in name.split("@")[0].replace(".", " ").replace("_", " ").replace("-", " ").split() if part[0].isalnum()
    ]
    if not parts:
        return "?"
    letters = parts[0][0] + parts[-1][0] if len(parts) > 1 else parts[0][:2]
    return letters.upper()


def tint(name: str, colours: int = 6) -> int:
    """Return which of a few colours belongs to a name: always the same one."""
    return sum(name.encode("utf-8", "replace")) % colours


def listed(values: Iterable[object]) -> str:
    """Return words as a sentence lists them: ``a, b and c``."""
    items = [str(value) for value in values]
    return " and ".join((", ".join(items[:-1]), items[-1])) if len(items) > 1 else "".join(items)


def _machine(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _dash(meaning: str) -> Markup:
    return Markup('<span class="none"><span aria-hidden="true">\N{EM DASH}</span><span class="sr">{}</span></span>').format(
        meaning
    )
