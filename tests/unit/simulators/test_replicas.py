"""Replicas see a write after their delay, in the order that was set, and each sees a consistent state."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.simulators.clock import ManualClock
from stanch.simulators.faults import Faults
from stanch.simulators.replicas import MOST_VERSIONS, Replicated

START = datetime(2026, 11, 25, tzinfo=UTC)


def replicated(*delays: float, order: tuple[int, ...] = ()) -> tuple[Replicated[int], ManualClock]:
    faults, clock = Faults(), ManualClock(START)
    faults.replicate(delays or (0.0,), order)
    return Replicated(0, faults=faults, clock=clock), clock


def test_without_delays_a_write_is_seen_at_once():
    value, _ = replicated()
    value.write(lambda n: n + 5)
    assert (value.read(), value.latest()) == (5, 5)


def test_each_replica_sees_a_write_after_its_own_delay():
    value, clock = replicated(0, 4, 18)
    value.write(lambda n: 1)
    seen = []
    for seconds in (0, 3.9, 0.1, 13.9, 0.1):
        clock.advance(seconds)
        seen.append([value.read() for _ in range(3)])
    assert seen == [[1, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 0], [1, 1, 1]]


def test_reads_follow_the_order_that_was_set():
    value, _ = replicated(0, 60, order=(1, 1, 0))
    value.write(lambda n: 1)
    assert [value.read() for _ in range(6)] == [0, 0, 1, 0, 0, 1]
    assert value.read(replica=0) == 1


@given(st.lists(st.floats(min_value=0, max_value=30), min_size=1, max_size=20), st.floats(min_value=0, max_value=40))
def test_replica_never_goes_back_and_never_sees_the_future(steps, delay):
    value, clock = replicated(delay)
    written, seen, elapsed = [(float("-inf"), 0)], [], 0.0
    for number, step in enumerate(steps, 1):
        clock.advance(step)
        elapsed += step
        value.write(lambda _, number=number: number)
        written.append((elapsed, number))
        seen.append(value.read())
    assert seen == sorted(seen)
    assert seen[-1] <= max(n for at, n in written if at <= elapsed - delay + 1e-5)


def test_change_that_fails_leaves_everything_as_it_was():
    value, _ = replicated()
    with pytest.raises(ZeroDivisionError):
        value.write(lambda n: n // 0)
    assert value.latest() == 0
    assert value.write(lambda n: n + 1) == 1


def test_writes_of_many_threads_are_all_kept():
    value, _ = replicated()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: value.write(lambda n: n + 1), range(400)))
    assert value.latest() == 400


def test_history_is_bounded():
    value, clock = replicated(1_000)
    for _ in range(MOST_VERSIONS + 50):
        clock.advance(0.001)
        value.write(lambda n: n + 1)
    assert value.read() == 51
    assert value.latest() == MOST_VERSIONS + 50


def test_clock_that_is_set_back_does_not_unsort_the_history():
    value, clock = replicated(10)
    value.write(lambda n: 1)
    clock.advance(-100)
    value.write(lambda n: 2)
    clock.advance(111)
    assert value.read() == 2
