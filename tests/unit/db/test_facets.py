"""The numbers beside filters are what one would see, and neighbours are those of the list."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.recorded import member, scanned, sighting, spec, team, the_incident

from stanch.core.filters import SORTS, IncidentFilter
from stanch.db.facets import facets, names_of
from stanch.db.incidents import count_incidents, list_incidents
from stanch.db.neighbours import neighbours
from stanch.incidents.desk import Desk


@pytest.fixture
def workspace(desk: Desk, clock) -> str:
    found = desk.workspace()
    for number, (severity, detector) in enumerate([("high", "a"), ("high", "b"), ("low", "a"), ("low", "a"), ("medium", "c")]):
        clock.pass_(hours=1)
        one = sighting(f"s{number}", detector=detector, provider=detector.upper(), severity=severity)
        scanned(desk, one, workspace=found, source=spec("even" if number % 2 == 0 else "odd"), partial=True)
    anna, red = member(desk, found, "anna", clock()), team(desk, found, "red", clock())
    with desk.work(found) as work:
        work.triage.assign(the_incident(desk, "s0").id, user=anna.id, team=None)
        work.triage.assign(the_incident(desk, "s1").id, user=None, team=red)
        work.triage.tag(the_incident(desk, "s2").id, add=["x", "y"])
        work.triage.tag(the_incident(desk, "s0").id, add=["x"])
    return found


def test_each_number_is_what_choosing_it_shows(desk: Desk, workspace: str) -> None:
    with desk.look() as connection:
        for wanted in (
            IncidentFilter(),
            IncidentFilter(severity=("high",)),
            IncidentFilter(tag=("x",), severity=("high", "low")),
            IncidentFilter(q="github", team=("tem_red",)),
        ):
            total, found = facets(connection, workspace, wanted)
            assert total == count_incidents(connection, workspace, wanted)
            for name, values in found.items():
                for facet in values:
                    chosen = replace(wanted, **{name: (facet.value,)})
                    assert facet.count == count_incidents(connection, workspace, chosen), (wanted, name, facet)


def test_values_have_names_for_people(desk: Desk, workspace: str) -> None:
    with desk.look() as connection:
        _, found = facets(connection, workspace, IncidentFilter())
    assert {(f.name, f.count) for f in found["assignee"]} == {("Nobody", 4), ("Anna", 1)}
    assert [(f.name, f.count) for f in found["team"]] == [("red", 1)]
    assert [(f.name, f.count) for f in found["source"]] == [("even", 3), ("odd", 2)]


def test_what_is_chosen_can_be_taken_back_although_nothing_has_it(desk: Desk, workspace: str) -> None:
    with desk.look() as connection:
        total, found = facets(connection, workspace, IncidentFilter(validity=("live",), tag=("gone",)))
    assert total == 0
    assert [(f.value, f.count) for f in found["validity"]] == [("live", 0)]
    assert "gone" in [f.value for f in found["tag"]]


@pytest.mark.parametrize("sort", SORTS)
def test_walking_by_neighbours_is_walking_the_list(desk: Desk, workspace: str, sort: str) -> None:
    wanted = IncidentFilter(sort=sort)
    with desk.look() as connection:
        listed, _ = list_incidents(connection, workspace, wanted)
        numbers = [row["number"] for row in listed]
        pairs = [neighbours(connection, workspace, wanted, row) for row in listed]
    assert pairs == list(zip([0, *numbers[:-1]], [*numbers[1:], 0], strict=True))


def test_incident_that_does_not_fit_any_more_keeps_its_place(desk: Desk, workspace: str) -> None:
    with desk.look() as connection:
        listed, _ = list_incidents(connection, workspace, IncidentFilter(sort="number"))
        low = [row for row in listed if row["severity"] == "low"]
        found = neighbours(connection, workspace, IncidentFilter(sort="number", severity=("high", "medium")), low[0])
    assert found == (5, 2)


def test_names_alone_are_those_of_this_workspace(desk: Desk, workspace: str) -> None:
    wanted = IncidentFilter(assignee=("usr_anna", "none", "usr_olga"), team=("tem_red",), source=("src_nowhere",))
    with desk.look() as connection:
        found = names_of(connection, workspace, wanted)
        assert {name: [facet.name for facet in facets] for name, facets in found.items()} == {
            "assignee": ["Anna", "Nobody"],
            "team": ["red"],
            "source": [],
        }
        assert not any(names_of(connection, "wsp_other", IncidentFilter(assignee=("usr_anna",), team=("tem_red",))).values())
