"""Foreign words in our messages: names are written by whoever can push, so each target gets its escapes.

`cleaned` takes away what is invisible or changes the reading direction. The other functions make a cleaned text harmless for one
target: no mention rings a whole channel, no link is shown that we did not write, no markup changes what is around it.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Final
from urllib.parse import quote

ELLIPSIS: Final = "…"
_BREAK: Final = "\u200b"  # invisible, and ends every pattern that a chat looks for
# Cc controls, Cf invisible and bidirectional marks, Cs halves of characters, Co private, Zl and Zp line ends of Unicode.
_INVISIBLE: Final = frozenset(("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))
# Letters that draw nothing but are no format characters, with which names are made to look alike.
_BLANK: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")
_PLAIN: Final = frozenset(" ,.:;'%+-/()#…‹›")
_MENTION: Final = re.compile(r"@(?=\w)|\](?=\()")
_RUNS: Final = re.compile(r"`+")


def cleaned(text: str, limit: int = 300) -> str:
    """Return one line without controls, invisible and bidirectional characters, cut at *limit* characters."""
    text = text[: 4 * limit]  # what is thrown away below does not have to be read
    kept = "".join(" " if _is_invisible(char) else char for char in text)
    return shortened(" ".join(kept.split()), limit)


def shortened(text: str, limit: int) -> str:
    """Return *text* with at most *limit* characters; what was cut is shown by an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + ELLIPSIS


def calm(text: str) -> str:
    """Return a text for chats and subjects that know no escapes: no mention, no link, no tag is left in it.

    Angle brackets become guillemets (``<!channel>`` and ``<@U1>`` are what Slack, Discord and Google Chat act on), and an
    invisible space goes behind ``@``, into ``://`` and between ``](``.
    """
    text = text.replace("<", "‹").replace(">", "›").replace("://", ":" + _BREAK + "//")
    return _MENTION.sub(lambda found: found[0] + _BREAK, text)


def markdown(text: str) -> str:
    """Return a text for Markdown: as it is where nothing in it means anything, else as code, in which nothing does."""
    return text if not text or _is_plain(text) else _code(text)


def slack(text: str) -> str:
    """Return a text for Slack, as Markdown that apprise translates and escapes.

    Slack knows no escape for a backtick, so one that looks like it stands in: https://docs.slack.dev/messaging/formatting-message-text/.
    """
    return markdown(text.replace("`", "ˋ"))


def markup(text: str) -> str:
    """Return a text for HTML, also inside attributes with quotes."""
    return html.escape(text, quote=True)


def link(url: str) -> str:
    """Return an address of ours in the form that is safe in every target; empty for what is neither http nor https."""
    if not url.lower().startswith(("https://", "http://")) or any(_is_invisible(char) or char.isspace() for char in url):
        return ""
    return quote(url[:2000], safe="/:?&=#%@+,;~!$-._")


def _is_plain(text: str) -> bool:
    """Whether no target can take a character of it for anything but itself."""
    return all(char.isalnum() or char in _PLAIN for char in text) and text[0] not in "#-+" and "//" not in text


def _code(text: str) -> str:
    """Return a code span of CommonMark (https://spec.commonmark.org/0.31.2/#code-spans) that shows *text*."""
    fence = "`" * (max((len(run) for run in _RUNS.findall(text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    # Some chats look for mentions before they look for code.
    broken = re.sub(r"@(?=\w)", "@" + _BREAK, text)
    return f"{fence}{pad}{broken}{pad}{fence}"


def _is_invisible(char: str) -> bool:
    return char in _BLANK or (not char.isascii() and unicodedata.category(char) in _INVISIBLE) or char < " " or char == "\x7f"
