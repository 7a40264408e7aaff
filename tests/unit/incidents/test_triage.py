"""What people do to incidents: allowed moves and no others, nobody overwrites somebody unseen, and every act is told twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.support.databases import Clock, Servers, opened
from tests.support.recorded import ANNA, events, member, rows, scanned, sighting, team, the_incident

from stanch.core.errors import ConflictError, InputError, NotFoundError
from stanch.core.incident import MOVES, IgnoreReason, IncidentState, Resolution
from stanch.db import tables
from stanch.incidents.desk import Desk
from stanch.incidents.triage import MOST_AT_ONCE, Move
from stanch.incidents.workspaces import create_workspace

OPEN, WORK, DONE, IGNORED = (
    IncidentState.OPEN,
    IncidentState.IN_REMEDIATION,
    IncidentState.RESOLVED,
    IncidentState.IGNORED,
)


def move_to(state: IncidentState, clock: Clock) -> Move:
    return Move(
        state=state,
        reason=IgnoreReason.ACCEPTED if state is IGNORED else None,
        until=clock() + timedelta(days=30) if state is IGNORED else None,
        resolution=Resolution.PROVEN_DEAD if state is DONE else None,
        proof={"status": 401} if state is DONE else None,
        note="because",
    )


def act(desk: Desk, name: str, *args: Any, **values: Any) -> Any:
    with desk.work(desk.workspace(), ANNA, request_id="req_1") as work:
        return getattr(work.triage, name)(*args, **values)


@pytest.fixture
def incident(desk: Desk) -> str:
    scanned(desk, sighting("one"))
    return str(the_incident(desk).id)


def bring(desk: Desk, incident: str, state: IncidentState, clock: Clock) -> None:
    if state is not OPEN:
        act(desk, "move", incident, move_to(state, clock))


@pytest.mark.parametrize(("before", "after"), list(product(IncidentState, IncidentState)))
def test_moves_are_those_of_the_table_and_no_others(
    desk: Desk, incident: str, clock: Clock, before: IncidentState, after: IncidentState
) -> None:
    bring(desk, incident, before, clock)
    row, told = the_incident(desk), events(desk, incident)
    audited = len(rows(desk, tables.audit))
    if before is after and after.is_active:  # already there: nothing to do, nothing to tell
        act(desk, "move", incident, move_to(after, clock))
        assert the_incident(desk) == row and events(desk, incident) == told
    elif after in MOVES[before]:
        act(desk, "move", incident, move_to(after, clock))
        now = the_incident(desk)
        assert now.state == after.value and now.version == row.version + 1
        assert events(desk, incident) == [*told, "state_changed"] and len(rows(desk, tables.audit)) == audited + 1
        assert (now.resolution, now.ignore_reason) == {DONE: ("proven_dead", None), IGNORED: (None, "accepted")}.get(
            after, (None, None)
        )
        assert now.reopened == int(not before.is_active)
    else:
        with pytest.raises(ConflictError) as error:
            act(desk, "move", incident, move_to(after, clock))
        assert error.value.code == "state" and the_incident(desk) == row


def test_a_move_tells_who_what_and_why_without_the_note_in_the_audit_trail(desk: Desk, incident: str, clock: Clock) -> None:
    act(desk, "move", incident, move_to(IGNORED, clock))
    (event,) = (row for row in rows(desk, tables.events) if row.kind == "state_changed")
    until = (clock() + timedelta(days=30)).isoformat()
    assert event.data == {"from": "open", "to": "ignored", "note": "because", "reason": "accepted", "until": until}
    entry = rows(desk, tables.audit)[-1]
    assert (entry.action, entry.subject, entry.actor_name, entry.request_id) == (
        "incident.state_changed",
        incident,
        "Anna",
        "req_1",
    )
    assert entry.data == {"from": "open", "to": "ignored", "reason": "accepted", "until": until}


@pytest.mark.parametrize(
    ("move", "code"),
    [
        (Move(state=DONE), "resolution_needed"),
        (Move(state=IGNORED), "reason_needed"),
        (Move(state=IGNORED, reason=IgnoreReason.ACCEPTED), "until_needed"),
        (Move(state=IGNORED, reason=IgnoreReason.ACCEPTED, until=Clock().time), "until_range"),
        (Move(state=IGNORED, reason=IgnoreReason.ACCEPTED, until=Clock().time + timedelta(days=367)), "until_range"),
    ],
)
def test_what_a_state_needs_must_be_said(desk: Desk, incident: str, move: Move, code: str) -> None:
    with pytest.raises(InputError) as error:
        act(desk, "move", incident, move)
    assert error.value.code == code and the_incident(desk).state == "open"


def test_only_an_acceptance_ends(desk: Desk, incident: str, clock: Clock) -> None:
    act(desk, "move", incident, Move(state=IGNORED, reason=IgnoreReason.FALSE_POSITIVE, until=clock() + timedelta(days=1)))
    assert the_incident(desk).ignored_until is None


def test_who_looked_at_an_older_version_is_told_and_changes_nothing(desk: Desk, incident: str, clock: Clock) -> None:
    version = the_incident(desk).version
    act(desk, "move", incident, move_to(WORK, clock), version=version)
    for name, values in (("move", {"move": move_to(DONE, clock)}), ("assign", {"user": None, "team": None})):
        with pytest.raises(ConflictError) as error:
            act(desk, name, incident, version=version, **values)
        assert error.value.code == "changed"
    assert the_incident(desk).state == "in_remediation"
    act(desk, "move", incident, move_to(DONE, clock), version=version + 1)


def test_two_at_once_with_the_same_version_one_wins(desk: Desk, incident: str, clock: Clock) -> None:
    from concurrent.futures import ThreadPoolExecutor

    main, version = desk.workspace(), the_incident(desk).version

    def go(state: IncidentState) -> str:
        try:
            with desk.work(main, ANNA) as work:
                work.triage.move(incident, move_to(state, clock), version=version)
        except ConflictError as exc:
            return exc.code
        return "done"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(go, [WORK, DONE, IGNORED, WORK])) == ["changed", "changed", "changed", "done"]
    assert len(events(desk, incident)) == 2


def test_an_incident_belongs_to_members_and_teams_of_its_workspace(desk: Desk, incident: str, clock: Clock) -> None:
    main = desk.workspace()
    with desk.work("") as work:
        other = create_workspace(work.connection, slug="other", name="Other", now=clock())
    anna, eve = member(desk, main, "anna", clock()), member(desk, other, "eve", clock())
    ours, theirs = team(desk, main, "ours", clock()), team(desk, other, "theirs", clock())
    act(desk, "assign", incident, user=anna.id, team=ours)
    row = the_incident(desk)
    assert (row.assignee_id, row.team_id) == (anna.id, ours) and events(desk, incident)[-1] == "assigned"
    for user, group in ((eve.id, None), (None, theirs), ("usr_none", None), (None, "tem_none")):
        with pytest.raises(NotFoundError):
            act(desk, "assign", incident, user=user, team=group)
    act(desk, "assign", incident, user=anna.id, team=ours)  # nothing new, nothing told
    assert the_incident(desk) == row
    act(desk, "assign", incident, user=None, team=None)
    assert the_incident(desk).assignee_id is None


def test_tags_are_words_once_each(desk: Desk, incident: str) -> None:
    act(desk, "tag", incident, add=["  Payment  Team ", "payment team", "später"], remove=["none"])
    assert {row.tag for row in rows(desk, tables.tags)} == {"payment team", "später"}
    version = the_incident(desk).version
    act(desk, "tag", incident, add=["SPÄTER"], remove=["none"])
    assert the_incident(desk).version == version
    act(desk, "tag", incident, add=["später"], remove=["später", "payment team"])
    assert {row.tag for row in rows(desk, tables.tags)} == {"später"}
    for wrong in ("", "  ", "a,b", "x" * 61):
        with pytest.raises(InputError):
            act(desk, "tag", incident, add=[wrong])


def test_comments_have_a_length(desk: Desk, incident: str) -> None:
    id_ = act(desk, "comment", incident, "  looked at it\0 \n")
    (row,) = rows(desk, tables.comments)
    assert (row.id, row.body, row.author_name) == (id_, "looked at it\ufffd", "Anna")
    for wrong in ("", " \n", "x" * 20_001):
        with pytest.raises(InputError):
            act(desk, "comment", incident, wrong)


def test_what_a_credential_may_do_changes_how_urgent_it_is(desk: Desk, incident: str) -> None:
    scores = [the_incident(desk).score]
    for privileged in (True, False, None):
        act(desk, "judge", incident, privileged=privileged)
        scores.append(the_incident(desk).score)
    assert scores[1] > scores[0] > scores[2] and scores[3] == scores[0]


def test_many_at_once_each_for_itself(desk: Desk, clock: Clock) -> None:
    scanned(desk, *(sighting(f"s{n}") for n in range(5)))
    ids = [row.id for row in rows(desk, tables.incidents)]
    act(desk, "move", ids[0], move_to(DONE, clock))
    failed = act(desk, "bulk", [*ids, ids[1], "inc_none"], "move", move=move_to(WORK, clock))
    assert failed == [(ids[0], "state"), ("inc_none", "not_found")]
    assert [row.state for row in rows(desk, tables.incidents)] == ["resolved"] + ["in_remediation"] * 4
    assert all(len(events(desk, id_)) == 2 for id_ in ids)
    with pytest.raises(InputError) as error:
        act(desk, "bulk", ["x"] * (MOST_AT_ONCE + 1), "tag", add=["x"])
    assert error.value.code == "too_many"
    with desk.look() as connection:
        assert desk.audit.verify(connection).intact


def test_a_wrong_value_for_many_changes_none(desk: Desk, clock: Clock) -> None:
    scanned(desk, *(sighting(f"s{n}") for n in range(3)))
    with pytest.raises(InputError):
        act(desk, "bulk", [row.id for row in rows(desk, tables.incidents)], "move", move=Move(state=DONE))
    assert {row.state for row in rows(desk, tables.incidents)} == {"open"}


def test_incidents_of_another_workspace_are_not_there(desk: Desk, incident: str, clock: Clock) -> None:
    with desk.work("") as work:
        other = create_workspace(work.connection, slug="other", name="Other", now=clock())
    acts: list[tuple[str, dict[str, Any]]] = [
        ("move", {"move": move_to(WORK, clock)}), ("assign", {"user": None, "team": None}), ("tag", {"add": ["x"]}),
        ("comment", {"body": "x"}), ("judge", {"privileged": True}),
    ]  # fmt: skip
    before = the_incident(desk)
    for name, values in acts:
        with pytest.raises(NotFoundError), desk.work(other, ANNA) as work:
            getattr(work.triage, name)(incident, **values)
    with desk.work(other, ANNA) as work:
        assert work.triage.bulk([incident], "comment", body="x") == [(incident, "not_found")]
    assert the_incident(desk) == before and rows(desk, tables.comments) == []


# ── any story of scans, answers and decisions ───────────────────────────────────────────────────────────────────────────


@dataclass
class Expected:
    """What a newcomer would think an incident's state is."""

    state: str = "open"
    reason: str | None = None
    reopened: int = 0
    places: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)

    def open_again(self) -> None:
        self.state, self.reason, self.reopened = "open", None, self.reopened + 1


class Story(RuleBasedStateMachine):
    desk: Desk
    clock: Clock

    @initialize()
    def begin(self) -> None:
        self.name = f"s{len(rows(self.desk, tables.secrets))}-{self.clock()}"
        self.expected = Expected(places={"a"}, known={"a"})
        self.source = self.name
        self.clock.pass_(minutes=1)
        self._scan({"a"}, "unchecked", partial=False)
        self.id = the_incident(self.desk, self.name).id

    def _scan(self, paths: set[str], validity: str, *, partial: bool) -> None:
        from tests.support.recorded import spec

        self.clock.pass_(minutes=1)
        found = [
            sighting(self.name, *sorted(paths), validity=validity, checked_at=self.clock() if validity != "unchecked" else None)
        ]
        scanned(self.desk, *(found if paths else []), source=spec(self.source), partial=partial)

    @rule(
        paths=st.sets(st.sampled_from("abcd"), max_size=3),
        validity=st.sampled_from(["unchecked", "unchecked", "live", "dead"]),
        partial=st.booleans(),
    )
    def scan(self, paths: set[str], validity: str, partial: bool) -> None:
        self._scan(paths, validity, partial=partial)
        e = self.expected
        fresh = paths - e.known
        e.known |= paths
        e.places = e.places | paths if partial else set(paths)
        closed = e.state in ("resolved", "ignored")
        if closed and paths and (validity == "live" or (fresh and e.reason not in ("false_positive", "test_credential"))):
            e.open_again()

    @rule(state=st.sampled_from(IncidentState), reason=st.sampled_from(IgnoreReason))
    def move(self, state: IncidentState, reason: IgnoreReason) -> None:
        e = self.expected
        ignored = state is IncidentState.IGNORED
        wanted = Move(
            state=state, reason=reason if ignored else None, until=self.clock() + timedelta(days=9) if ignored else None,
            resolution=Resolution.REVOKED if state is IncidentState.RESOLVED else None,
        )  # fmt: skip
        allowed = state in MOVES[IncidentState(e.state)] or (state.value == e.state and state.is_active)
        try:
            act(self.desk, "move", self.id, wanted)
        except ConflictError:
            assert not allowed
            return
        assert allowed
        if state is IncidentState.OPEN and e.state in ("resolved", "ignored"):
            e.open_again()
        else:
            e.state, e.reason = state.value, reason.value if ignored else None

    @invariant()
    def agrees(self) -> None:
        row, e = the_incident(self.desk, self.name), self.expected
        assert (row.state, row.ignore_reason, row.reopened) == (e.state, e.reason, e.reopened)
        assert (row.occurrences, row.gone) == (len(e.known), len(e.known - e.places))
        assert (row.resolution is not None) == (row.resolved_at is not None) == (row.state == "resolved")
        assert (row.ignored_until is not None) == (row.ignore_reason == "accepted")


def test_any_story_of_scans_and_decisions_ends_where_it_should(servers: Servers, kind: str) -> None:
    clock = Clock()
    with opened(servers.migrated(kind), clock) as desk:
        Story.desk, Story.clock = desk, clock
        run_state_machine_as_test(Story, settings=settings(max_examples=12, stateful_step_count=12))
        with desk.look() as connection:
            assert desk.audit.verify(connection).intact
