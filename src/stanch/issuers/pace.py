"""A steady pace per host: so many requests a second, a few at once after a pause. Safe to share between threads.

This is a token bucket kept as one number, the time at which the bucket would be empty again (the generic cell rate algorithm).
Every caller reserves its place under the lock and waits outside it, so places are given in the order of asking.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

_MANY: Final = 1024  # hosts after which those that are at rest are forgotten


class Pace:
    """Gives each request its time.

    Args:
        rate: requests per second to one host; 0 for no limit.
        burst: how many may come at once after a pause.
        clock: seconds, never going back.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        rate: float,
        burst: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._step = 1 / rate if rate else 0.0
        self._burst = burst
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}  # host → when its bucket would be full again

    def take(self, host: str) -> float:
        """Wait until *host* may be asked; return the seconds waited."""
        with self._lock:
            now = self._clock()
            full = max(self._next.get(host, now), now)
            wait = max(0.0, full - (self._burst - 1) * self._step - now)
            self._next[host] = full + self._step
            if len(self._next) > _MANY:
                self._next = {name: when for name, when in self._next.items() if when > now}
        if wait > 0:
            self._sleep(wait)
        return wait

    def hold(self, host: str, seconds: float) -> None:
        """Ask *host* nothing for some seconds, because it said so. Requests that have their time already keep it."""
        with self._lock:
            until = self._clock() + seconds + (self._burst - 1) * self._step
            self._next[host] = max(self._next.get(host, 0.0), until)
