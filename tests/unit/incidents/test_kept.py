"""What is counted once is right for everybody until somebody writes; many who ask at once cause one count."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.databases import Clock
from tests.support.recorded import scanned, sighting

from stanch.core.filters import IncidentFilter
from stanch.incidents import kept as module
from stanch.incidents.desk import Desk
from stanch.incidents.kept import kept
from stanch.incidents.numbers import facets


def test_many_who_ask_at_once_cause_one_count(desk: Desk, clock: Clock) -> None:
    main, counted, gate = desk.workspace(), [], threading.Event()

    def count(connection: object) -> int:
        counted.append(1)
        gate.wait(5)
        return 7

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(kept, desk, main, "q", count, now=clock()) for _ in range(4)]
        gate.set()
        assert [a.result() for a in asked] == [7] * 4
    assert len(counted) == 1


def test_a_count_that_fails_is_tried_again(desk: Desk, clock: Clock) -> None:
    main = desk.workspace()
    with pytest.raises(ZeroDivisionError):
        kept(desk, main, "q", lambda _: 1 / 0, now=clock())
    assert kept(desk, main, "q", lambda _: 3, now=clock()) == 3


def test_questions_and_workspaces_are_told_apart(desk: Desk, clock: Clock) -> None:
    main = desk.workspace()
    assert [kept(desk, main, q, lambda _, q=q: q, now=clock()) for q in ("a", "b", "a")] == ["a", "b", "a"]


def test_only_so_many_are_kept(desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 3)
    main = desk.workspace()
    for n in range(10):
        kept(desk, main, n, lambda _, n=n: n, now=clock())
    assert kept(desk, main, 9, lambda _: "new", now=clock()) == 9
    assert kept(desk, main, 0, lambda _: "new", now=clock()) == "new"


def test_numbers_beside_filters_follow_every_write(desk: Desk, clock: Clock) -> None:
    main, wanted = desk.workspace(), IncidentFilter(severity=("high",))
    scanned(desk, sighting("one"))
    total, found = facets(desk, main, wanted, now=clock())
    assert total == 1 and [(f.value, f.count) for f in found["state"]] == [("open", 1)]
    assert facets(desk, main, IncidentFilter(severity=("high",), sort="newest"), now=clock())[1] is found
    scanned(desk, sighting("two"))
    assert facets(desk, main, wanted, now=clock())[0] == 2
