"""ANSI by hand: sixteen colours, so that every theme keeps its own shades, and OSC 8 links."""

from __future__ import annotations

from typing import Final

from stanch.core.finding import Severity
from stanch.reports.options import ReportOptions

BOLD: Final = "1"
DIM: Final = "2"
RED: Final = "31"
GREEN: Final = "32"
YELLOW: Final = "33"
CYAN: Final = "36"
VALUE: Final = "1;33"

_BADGES: Final = {
    Severity.CRITICAL: "1;97;41",
    Severity.HIGH: "1;30;43",
    Severity.MEDIUM: "1;30;46",
    Severity.LOW: "1;97;44",
    Severity.INFO: "1;97;100",
}
_COUNTS: Final = {
    Severity.CRITICAL: "1;31",
    Severity.HIGH: "33",
    Severity.MEDIUM: "36",
    Severity.LOW: "34",
    Severity.INFO: "2",
}


class Paint:
    """Colours text when the reader wants it; what it is given is already safe to print.

    Args:
        options: whether colours and links are welcome.
    """

    def __init__(self, options: ReportOptions) -> None:
        self._color = options.color
        self._links = options.hyperlinks

    def __call__(self, text: str, style: str) -> str:
        """Return *text* in a style, given as the numbers of an SGR sequence."""
        return f"\x1b[{style}m{text}\x1b[0m" if self._color and text else text

    def badge(self, severity: Severity) -> str:
        """Return the severity in capitals, as a coloured label where there is colour."""
        name = severity.value.upper()
        return self(f" {name} ", _BADGES[severity]) if self._color else name

    def count(self, severity: Severity, text: str) -> str:
        """Return *text* in the colour of a severity."""
        return self(text, _COUNTS[severity])

    def link(self, url: str, text: str) -> str:
        """Return *text* leading to *url*, which is printable ASCII."""
        return f"\x1b]8;;{url}\x1b\\{text}\x1b]8;;\x1b\\" if self._links and url else text
