"""Text from scanned content inside GitHub and GitLab Markdown.

A comment is written under the name of a trusted bot, so what a file name says must not become a link, an image, a
mention that notifies people, a closed issue, a table cell or HTML. Code spans switch all of that off; what cannot
stand in one is written with character references, which Markdown never takes for markup
(https://spec.commonmark.org/0.31.2/#entity-and-numeric-character-references).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from stanch.reports.escape import visible

# A pipe ends a table cell even in a code span, and a backslash before it counts differently from parser to parser.
_NOT_IN_SPAN: Final = frozenset("`|\\")
_PUNCTUATION: Final = re.compile(r"[!-/:-@\[-`{-~]")
_HARMLESS: Final = frozenset(",.;:()'%?/-+=")
_FENCE: Final = re.compile(r"`{3,}")
# GitHub and GitLab look for mentions, references and addresses in the finished page, where character references are
# plain text again; a zero-width space keeps apart what they look for.
_CALLS: Final = re.compile(r"[@#!~$^&%](?=\S)|:(?=//)|(?i:www)(?=\.)")
_APART: Final = "\u200b"
_WWW: Final = re.compile(r"(?i)(www)\.")  # an address to GitHub even inside an HTML element


def code(text: str) -> str:
    """Return *text* as inline code, on one line, also fit for a table cell."""
    shown = visible(text)
    # A code span loses the spaces at its ends.
    if shown != shown.strip() or not shown or _NOT_IN_SPAN.intersection(shown):
        return html_code(text)
    return f"`{shown}`"


def html_code(text: str) -> str:
    """Return *text* as a ``code`` element, for places where Markdown is not read, such as a ``summary``."""
    shown = _WWW.sub(r"\1&#46;", _referenced(visible(text)).replace(":", "&#58;"))
    return f"<code>{shown or ' '}</code>"


def prose(text: str) -> str:
    """Return *text* as running words, with nothing left of what could be markup, a mention or an address."""
    return _referenced(_CALLS.sub(lambda found: found[0] + _APART, visible(text)))


def fenced(lines: Sequence[str]) -> str:
    """Return visible lines as a code block that nothing inside can end."""
    longest = max((len(run) for line in lines for run in _FENCE.findall(line)), default=2)
    fence = "`" * max(3, longest + 1)
    return "\n".join((f"{fence}text", *lines, fence))


def _referenced(text: str) -> str:
    return _PUNCTUATION.sub(lambda found: found[0] if found[0] in _HARMLESS else f"&#{ord(found[0])};", text)
