"""The overview's numbers are what counting by hand gives, are kept until somebody writes, and end at the workspace's border."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from tests.support.databases import Clock
from tests.support.recorded import ANNA, scanned, sighting, spec, the_incident

from stanch.core.incident import IncidentState, Resolution
from stanch.incidents import overview as module
from stanch.incidents.desk import Desk
from stanch.incidents.overview import overview
from stanch.incidents.triage import Move
from stanch.incidents.workspaces import create_workspace


def test_an_empty_workspace_has_an_empty_overview(desk: Desk, clock: Clock) -> None:
    found = overview(desk, desk.workspace(), now=clock())
    assert found.is_empty and found.active == 0 and found.median is None and found.remediated == 0
    assert len(found.weeks) == 26 and found.weeks[-1].start == date(2026, 11, 23)
    assert found.weeks[0].start == date(2026, 11, 23) - timedelta(weeks=25)
    assert found.sources == found.detectors == found.providers == ()


def test_numbers_are_those_of_the_record(desk: Desk, clock: Clock) -> None:
    main = desk.workspace()
    scanned(desk, *(sighting(f"s{n}") for n in range(10)), source=spec("old"))
    clock.pass_(days=10)
    scanned(
        desk,
        sighting("live", validity="live"),
        sighting("s0"),
        sighting("db", provider="postgres", detector="pg"),
        source=spec("new"),
    )
    clock.pass_(hours=1)
    with desk.work(main, ANNA) as work:
        for n in range(1, 5):
            work.triage.move(the_incident(desk, f"s{n}").id, Move(state=IncidentState.RESOLVED, resolution=Resolution.REVOKED))
    found = overview(desk, main, now=clock())
    assert found.active == 8
    assert found.states == {"open": 8, "in_remediation": 0, "resolved": 4, "ignored": 0}
    assert sum(found.severities.values()) == 8 and list(found.severities) == ["critical", "high", "medium", "low", "info"]
    assert found.live == found.validities["live"] == 1
    assert found.unassigned == 8
    assert dict(found.ages)["less than a day"] == 2 and dict(found.ages)["1 to 4 weeks"] == 6
    assert found.remediated == 4 and found.median == found.ninetieth == timedelta(days=10, hours=1)
    assert [(s.name, s.count) for s in found.sources] == [("old", 6), ("new", 3)]
    assert [(s.key, s.count) for s in found.providers] == [("github", 7), ("postgres", 1)]
    assert [(s.key, s.count) for s in found.detectors] == [("github-pat", 7), ("pg", 1)]
    assert sum(w.opened for w in found.weeks) == 12 and found.weeks[-1].opened == 2
    assert found.weeks[-1].resolved == 4


@pytest.mark.parametrize(("took", "median", "ninetieth"), [([5], 5, 5), ([1, 9], 1, 9), ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 5, 9)])
def test_time_to_remediate_is_by_nearest_rank(desk: Desk, clock: Clock, took: list[int], median: int, ninetieth: int) -> None:
    scanned(desk, *(sighting(f"s{hours}") for hours in took))
    begun = clock()
    for hours in took:
        clock.time = begun + timedelta(hours=hours)
        with desk.work(desk.workspace(), ANNA) as work:
            work.triage.move(
                the_incident(desk, f"s{hours}").id, Move(state=IncidentState.RESOLVED, resolution=Resolution.REVOKED)
            )
    found = overview(desk, desk.workspace(), now=clock())
    assert (found.median, found.ninetieth) == (timedelta(hours=median), timedelta(hours=ninetieth))


def test_it_is_counted_once_until_somebody_writes(desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    main = desk.workspace()
    scanned(desk, sighting("one"))
    counted: list[int] = []
    plain = module.count
    monkeypatch.setattr(module, "count", lambda *args: counted.append(1) or plain(*args))
    assert overview(desk, main, now=clock()) is overview(desk, main, now=clock())
    assert len(counted) == 1
    scanned(desk, sighting("two"))
    assert overview(desk, main, now=clock()).active == 2 and len(counted) == 2
    clock.pass_(minutes=2)
    overview(desk, main, now=clock())
    assert len(counted) == 3


def test_a_workspace_sees_its_own(desk: Desk, clock: Clock) -> None:
    main = desk.workspace()
    with desk.work(main) as work:
        other = create_workspace(work.connection, slug="other", name="Other", now=clock())
    scanned(desk, sighting("one"), workspace=other)
    assert overview(desk, main, now=clock()).is_empty
    assert overview(desk, other, now=clock()).active == 1
