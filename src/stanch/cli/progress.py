"""How far a scan got, on standard error, for people at a terminal: bytes, rate, time left. Nothing off a terminal."""

from __future__ import annotations

import sys
import time
from typing import Final, TextIO

PATIENCE: Final = 0.8  # seconds before anything is shown
EVERY: Final = 0.1  # seconds between two pictures


class TerminalProgress:
    """One line that is drawn over itself.

    Args:
        out: a terminal.
        color: whether it may have colour.
    """

    def __init__(self, out: TextIO | None = None, *, color: bool = True) -> None:
        self._out = out or sys.stderr
        self._color = color
        self._began = time.monotonic()
        self._last = 0.0
        self._planned = self._done = self._findings = 0
        self._phase = "scanning"
        self._shown = False

    def planned(self, cost: int) -> None:
        """Add to what there is to do."""
        self._planned += cost

    def done(self, cost: int, findings: int) -> None:
        """Add to what is done, and draw."""
        self._done += cost
        self._findings += findings
        self._draw()

    def phase(self, text: str) -> None:
        """Name what goes on now."""
        self._phase = text
        if not self._planned:  # nothing to count yet: getting ready takes seconds on a first run
            self._out.write(f"\r\x1b[2K{text} …")
            self._out.flush()
            self._shown = True
            self._phase = "scanning"
        else:
            self._draw(force=self._shown)

    def close(self) -> None:
        """Take the line away."""
        if self._shown:
            self._out.write("\r\x1b[2K")
            self._out.flush()

    def _draw(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if not force and (now - self._began < PATIENCE or now - self._last < EVERY):
            return
        self._last = now
        elapsed = max(now - self._began, 1e-6)
        rate = self._done / elapsed
        left = (self._planned - self._done) / rate if rate and self._planned > self._done else 0.0
        share = self._done / self._planned if self._planned else 0.0
        bar = "█" * round(20 * share) + "░" * (20 - round(20 * share))
        parts = [
            f"{bar} {share:4.0%}",
            f"{size(self._done)} of {size(self._planned)}",
            f"{size(int(rate))}/s",
            f"{left:.0f} s left",
        ]
        if self._findings:
            parts.append(f"{self._findings} found")
        try:
            self._out.write("\r\x1b[2K" + f"{self._phase}  " + "  ".join(parts))
            self._out.flush()
        except OSError:
            return
        self._shown = True


def size(count: int) -> str:
    """Return a number of bytes for people."""
    number = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
