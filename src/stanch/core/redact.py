"""How a value is shown to people without showing it.

The public part of a token (``ghp_``, ``AKIA``) tells what it is, and its last characters let its owner
recognise it in a list. Both are shown only where what stays hidden is still long enough to resist
guessing; anything a person could have chosen is shown as its length alone.
"""

from __future__ import annotations

MIN_HIDDEN = 12
TAIL = 4


def redact(value: bytes, *, prefix: int = 0, tail: bool = True) -> str:
    """Return *value* in a form safe to print.

    Args:
        value: the plain value.
        prefix: how many leading bytes are a fixed, public part of the type.
        tail: whether the last four characters may be shown (not for passwords).
    """
    length = len(value)
    if not _printable(value):
        return f"{length} bytes"
    shown_tail = TAIL if tail and length - prefix - TAIL >= MIN_HIDDEN else 0
    if length - prefix < MIN_HIDDEN:
        prefix = 0
    if prefix == 0 and shown_tail == 0:
        return f"{length} characters"
    head = value[:prefix].decode("ascii")
    end = value[length - shown_tail :].decode("ascii") if shown_tail else ""
    return f"{head}…{end} ({length} characters)"


def _printable(value: bytes) -> bool:
    return value.isascii() and value.decode("ascii").isprintable()
