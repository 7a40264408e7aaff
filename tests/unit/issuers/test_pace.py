import threading
from collections import Counter

import pytest

from stanch.issuers.pace import Pace


class Time:
    """A clock that runs only while somebody sleeps."""

    def __init__(self):
        self.at = 100.0

    def clock(self):
        return self.at

    def sleep(self, seconds):
        self.at += seconds


def paced(rate, burst):
    time = Time()
    return Pace(rate, burst, clock=time.clock, sleep=time.sleep), time


def test_a_burst_comes_at_once_and_then_one_at_a_time():
    pace, _ = paced(2, 3)
    assert [pace.take("h") for _ in range(6)] == [0, 0, 0, pytest.approx(0.5), pytest.approx(0.5), pytest.approx(0.5)]


def test_after_a_pause_the_burst_is_there_again_but_no_more_than_it():
    pace, time = paced(2, 2)
    for _ in range(4):
        pace.take("h")
    time.at += 1000
    assert [pace.take("h") for _ in range(3)] == [0, 0, pytest.approx(0.5)]


def test_hosts_do_not_wait_for_each_other():
    pace, _ = paced(1, 1)
    assert [pace.take(host) for host in ("a", "b", "a")] == [0, 0, pytest.approx(1)]


def test_no_rate_is_no_wait():
    pace, _ = paced(0, 1)
    assert sum(pace.take("h") for _ in range(1000)) == 0


def test_a_host_that_asked_for_a_pause_gets_it():
    pace, _ = paced(10, 5)
    pace.hold("h", 30)
    assert pace.take("h") == pytest.approx(30)
    assert pace.take("other") == 0


def test_a_pause_does_not_shorten_a_longer_one():
    pace, _ = paced(10, 1)
    pace.hold("h", 30)
    pace.hold("h", 1)
    assert pace.take("h") == pytest.approx(30)


def test_threads_together_keep_the_pace():
    waits = []
    lock = threading.Lock()

    def note(seconds):
        with lock:
            waits.append(round(seconds, 6))

    pace = Pace(10, 1, clock=lambda: 0.0, sleep=note)  # time stands still, so each caller's place is its wait
    threads = [threading.Thread(target=lambda: [pace.take("h") for _ in range(25)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == [round(n / 10, 6) for n in range(1, 100)]
    assert max(Counter(waits).values()) == 1


def test_hosts_at_rest_are_forgotten():
    pace, time = paced(10, 1)
    for number in range(5000):
        pace.take(f"host-{number}")
        time.at += 1
    assert len(pace._next) <= 1025
