"""What time it is for a simulator: the real time, or one that a test moves by hand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


class ManualClock:
    """A clock that stands still until it is moved.

    Args:
        start: what it shows at first, UTC.
    """

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        """Return the time it shows."""
        with self._lock:
            return self._now

    def advance(self, seconds: float) -> None:
        """Move it forward, or back with a negative number."""
        with self._lock:
            self._now += timedelta(seconds=seconds)
