"""A value that several replicas hold, each of which sees a write only after its own delay.

This is what makes Entra hard to verify against: a credential that was just added is unknown to some servers and known to
others, in turn, for seconds to minutes. A loop that asks once is wrong; with this, tests notice.

    directory = Replicated(State(), faults=faults)
    directory.write(lambda state: replace(state, ...))   # atomic, on the newest state
    directory.read()                                     # what the next replica happens to see
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from stanch.simulators.clock import Clock, utc_now
from stanch.simulators.faults import Faults

T = TypeVar("T")

MOST_VERSIONS = 4_096  # older ones are forgotten: the stalest replica then sees the oldest that is left


class Replicated(Generic[T]):
    """An immutable value with a history. Thread-safe.

    Args:
        first: the value that every replica has from the beginning.
        faults: says how many replicas there are, how late each is, and which answers next; without, there is one and no delay.
        clock: by which delays are measured. Not skewed by faults.
    """

    def __init__(self, first: T, *, faults: Faults | None = None, clock: Clock = utc_now) -> None:
        self._faults = faults or Faults()
        self._clock = clock
        self._lock = threading.Lock()
        self._values: list[T] = [first]
        self._times: list[datetime] = []  # of the second value and those after it

    def latest(self) -> T:
        """Return what was written last: what the primary knows."""
        with self._lock:
            return self._values[-1]

    def read(self, replica: int | None = None) -> T:
        """Return what a replica sees now.

        Args:
            replica: which; the next in the faults' order by default.
        """
        delay = self._faults.replica_delay(replica)
        if not delay:
            return self.latest()
        seen = self._clock() - timedelta(seconds=delay)
        with self._lock:
            return self._values[bisect_right(self._times, seen)]

    def write(self, change: Callable[[T], T]) -> T:
        """Replace the newest value by ``change(value)`` and return it; what *change* raises leaves everything as it was.

        *change* runs under the lock: it is short and neither reads nor writes this object.
        """
        with self._lock:
            value = change(self._values[-1])
            last = self._times[-1] if self._times else None
            now = self._clock()
            self._values.append(value)
            self._times.append(now if last is None else max(now, last))  # a clock set back must not unsort the history
            if len(self._values) > MOST_VERSIONS:
                del self._values[0], self._times[0]
            return value
