"""Source code around a leak, made fit for a page: lines with numbers, what is masked marked, nothing that could act.

Snippets arrive masked: where a value stood there is ``‹…Zk4f (40 characters)›``; other scanners write ``****`` or ``[REDACTED]``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

from stanch.reports.escape import visible

_MASKED: Final = re.compile(
    r"‹(?P<ours>[^‹›\n]{1,200})›"  # ours: what may be shown, and how long it is
    r"|(?P<theirs>\*{3,}|•{3,}|\[(?:REDACTED|redacted|…|\.\.\.)\]|<(?:redacted|REDACTED)>)"
)
_TAB: Final = "    "
_MOST_LINES: Final = 60
_LONGEST: Final = 400  # characters of one line that are shown


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLine:
    """One line of a snippet.

    Attributes:
        number: in the file; 0 when not known.
        content: escaped, with what is masked in ``<mark>``.
        hit: whether the secret stands here.
    """

    number: int
    content: Markup
    hit: bool


def code_lines(snippet: str, first: int = 0, hit: int = 0, end: int = 0) -> list[CodeLine]:
    """Return the lines of a masked snippet.

    Args:
        snippet: the text; what a value of many lines was, is one mark in it.
        first: number of its first line; 0 when not known.
        hit: line on which the secret begins; 0 takes the first line that has a mark.
        end: line on which it ends; the lines below the hit are counted from there.
    """
    texts = snippet.replace("\r\n", "\n").replace("\t", _TAB).split("\n")[:_MOST_LINES]
    while len(texts) > 1 and not texts[-1].strip():
        texts.pop()
    margin = min((len(text) - len(text.lstrip(" ")) for text in texts if text.strip(" ")), default=0)
    at = hit - first if first and hit else next((i for i, text in enumerate(texts) if _MASKED.search(text)), -1)
    more = max(0, end - hit) if hit and end else 0
    return [
        CodeLine(
            number=first + index + (more if index > at >= 0 else 0) if first else 0,
            content=_marked(text[margin:]),
            hit=index == at,
        )
        for index, text in enumerate(texts)
    ]


def _marked(text: str) -> Markup:
    if len(text) > _LONGEST:
        text = _cut(text)
    out: list[Markup] = []
    at = 0
    for found in _MASKED.finditer(text):
        out += [escape(visible(text[at : found.start()])), _mark(found)]
        at = found.end()
    return Markup("").join([*out, escape(visible(text[at:]))])


def _mark(found: re.Match[str]) -> Markup:
    shown = found["ours"] or "masked"
    return Markup('<mark class="masked" title="The value is masked.">{}</mark>').format(visible(shown))


def _cut(text: str) -> str:
    """Shorten a long line around the first mark, never through one."""
    found = _MASKED.search(text)
    if found is None:
        return text[: _LONGEST - 1] + "…"
    room = max(0, _LONGEST - (found.end() - found.start())) // 2
    low, high = max(0, found.start() - room), min(len(text), found.end() + room)
    for other in _MASKED.finditer(text):
        if other.start() < low < other.end():
            low = other.start()
        if other.start() < high < other.end():
            high = other.end()
    return ("…" if low else "") + text[low:high] + ("…" if high < len(text) else "")
