"""Make text from scanned content harmless to look at.

File names, snippets, commit subjects and authors are whatever an attacker wants them to be: terminal escapes that
rewrite the screen, bidirectional overrides that show code backwards, line breaks that forge report lines, bytes that
are no UTF-8 (they arrive as surrogates, as `os.fsdecode` makes them). Here they become visible text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Final, TextIO

_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\x1b", "\0": "\\0"}
# What stands in for the marks of our own layout on a stream that cannot carry them (LC_ALL=C).
_PLAIN_MARKS: Final = str.maketrans({"…": "...", "│": "|", "─": "-", "·": "-", "×": "x", "‹": "<", "›": ">", "’": "'", "–": "-"})
_TAB: Final = "    "


def visible(text: str) -> str:
    r"""Return *text* on one line, with everything that a reader could not see spelled out.

    Control characters and bytes that are no UTF-8 become ``\x1b``, other invisible or reordering characters
    (bidirectional controls, zero-width, unusual spaces, line separators) ``\u202e``.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _spelled(char) for char in text)


def visible_lines(text: str) -> list[str]:
    """Return the lines of a snippet, each made `visible`, without the indentation they share; tabs become spaces."""
    lines = [line.replace("\t", _TAB) for line in text.replace("\r\n", "\n").split("\n")]
    while lines and not lines[-1].strip():
        lines.pop()
    margin = min((len(line) - len(line.lstrip(" ")) for line in lines if line.strip(" ")), default=0)
    return [visible(line[margin:]) for line in lines]


def _spelled(char: str) -> str:
    code = ord(char)
    if char in _SHORT:
        return _SHORT[char]
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: a byte 0x80-0xff of its own
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def raw_bytes(text: str) -> bytes:
    """Return the bytes a file name or a text stands for, surrogates turned back into what they were."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that no decoder of ours makes
        return text.encode("utf-8", "surrogatepass")


def well_formed(text: str) -> str:
    r"""Return *text* as valid Unicode: bytes that are no UTF-8 become ``\xff``, all else stays as it is."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return raw_bytes(text).decode("utf-8", "backslashreplace")
    return text


def display_width(text: str) -> int:
    """Return how many terminal columns a `visible` text takes."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def wrap(text: str, width: int) -> list[str]:
    """Break *text* at spaces into lines of at most *width* columns; a longer word stays whole. 0 breaks nothing."""
    if width <= 0:
        return [text]
    lines: list[str] = []
    line, used = "", 0
    for word in text.split(" "):
        length = display_width(word)
        if line and used + 1 + length > width:
            lines.append(line)
            line, used = word, length
        else:
            line, used = (f"{line} {word}", used + 1 + length) if line else (word, length)
    return [*lines, line]


def crop(text: str, width: int, *, around: str = "") -> str:
    """Cut *text* to *width* columns, keeping the part where *around* stands in sight; ``…`` marks each cut.

    Args:
        text: one `visible` line.
        width: columns; 0 cuts nothing.
        around: what must stay in sight, when the line holds it.
    """
    if width <= 0 or display_width(text) <= width:
        return text
    start = 0
    found = text.find(around) if around else 0
    if found > 0 and display_width(text[: found + len(around)]) > width - 1:
        start = found
        spare = (width - display_width(around) - 2) // 2  # two columns are for the marks
        while start and spare >= _columns(text[start - 1]):
            start -= 1
            spare -= _columns(text[start])
    head = "…" if start else ""
    room = width - len(head)
    if display_width(text[start:]) <= room:
        return head + text[start:]
    kept: list[str] = []
    for char in text[start:]:
        room -= _columns(char)
        if room < 1:  # the last column is for the mark
            break
        kept.append(char)
    return head + "".join(kept) + "…"


def middle_cut(text: str, limit: int) -> str:
    """Shorten a long text to *limit* characters by leaving out its middle: both ends of a path tell something."""
    if len(text) <= limit:
        return text
    tail = (limit - 1) * 2 // 3
    return f"{text[: limit - 1 - tail]}…{text[-tail:]}"


def encodable(out: TextIO) -> Callable[[str], str]:
    """Return what makes any text writable to *out*, whose encoding may be as small as ASCII."""
    encoding = (getattr(out, "encoding", None) or "utf-8").lower().replace("_", "-")
    if encoding in {"utf-8", "utf8", "utf-8-sig", "utf-16", "utf-32"}:
        return well_formed

    def fitted(text: str) -> str:
        return text.translate(_PLAIN_MARKS).encode(encoding, "backslashreplace").decode(encoding)

    return fitted
