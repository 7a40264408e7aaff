"""Recording may be repeated and cut off anywhere: nothing is lost and nothing doubled; what is gone is known to be gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.databases import Clock
from tests.support.recorded import ANNA, SPEC, events, rows, scanned, sighting, spec, the_incident

from stanch.core.errors import InputError, NotFoundError
from stanch.core.finding import Skipped
from stanch.core.incident import IgnoreReason, IncidentState, Place, Resolution, Sighting
from stanch.core.severity import Facts, judge
from stanch.db import tables
from stanch.db.text import clean, clean_json
from stanch.incidents import record, recording
from stanch.incidents.desk import Desk
from stanch.incidents.merging import place_key
from stanch.incidents.record import Recorded
from stanch.incidents.triage import Move
from stanch.incidents.workspaces import create_workspace, ensure_source


def begun(desk: Desk, scan: str = "", workspace: str = "") -> tuple[str, str]:
    """A scan that runs: workspace and scan."""
    workspace = workspace or desk.workspace()
    with desk.work(workspace) as work:
        source = ensure_source(work.connection, SPEC, workspace=workspace, now=work.now)
        return workspace, record.begin_scan(work.connection, workspace=workspace, source=source, now=work.now, scan=scan)


def batch(desk: Desk, workspace: str, scan: str, number: int, *sightings: Sighting) -> Recorded:
    with desk.work(workspace) as work:
        return record.record_batch(work.connection, sightings, workspace=workspace, scan=scan, batch=number, now=work.now)


def everything(desk: Desk) -> dict[str, Any]:
    """All that recording writes."""
    made = (tables.secrets, tables.incidents, tables.occurrences, tables.incident_sources, tables.events, tables.scan_batches)
    return {table.name: [tuple(row) for row in rows(desk, table)] for table in made}


# ── idempotent ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_batch_twice_changes_nothing_and_answers_the_same(desk: Desk, clock: Clock) -> None:
    workspace, scan = begun(desk)
    found = (sighting("one", "a", "b"), sighting("two", "a"))
    first = batch(desk, workspace, scan, 0, *found)
    before = everything(desk)
    clock.pass_(hours=1)
    assert batch(desk, workspace, scan, 0, *found) == first == Recorded(seen=3, new=3, opened=2, reopened=0)
    assert everything(desk) == before


def test_a_batch_that_was_cut_off_is_not_there_at_all(desk: Desk) -> None:
    workspace, scan = begun(desk)
    batch(desk, workspace, scan, 0, sighting("one"))
    before = everything(desk)
    with pytest.raises(RuntimeError), desk.work(workspace) as work:
        record.record_batch(work.connection, [sighting("two")], workspace=workspace, scan=scan, batch=1, now=work.now)
        raise RuntimeError
    assert everything(desk) == before
    assert batch(desk, workspace, scan, 1, sighting("two")).opened == 1


@pytest.mark.parametrize("crash", range(5))
def test_a_scan_cut_off_between_batches_ends_when_it_is_repeated(desk: Desk, crash: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "BATCH", 2)
    found = [sighting(f"s{n}", "a", "b") for n in range(7)]  # four batches and the end
    plain_batch, plain_end, calls = record.record_batch, record.finish_scan, []

    def counted(plain: Any) -> Any:
        def act(*args: Any, **values: Any) -> Any:
            calls.append(1)
            if len(calls) == crash + 1:
                raise KeyboardInterrupt
            return plain(*args, **values)

        return act

    with monkeypatch.context() as patch:
        patch.setattr(record, "record_batch", counted(plain_batch))
        patch.setattr(record, "finish_scan", counted(plain_end))
        with pytest.raises(KeyboardInterrupt):
            scanned(desk, *found, scan="scn_x")
    done = scanned(desk, *found, scan="scn_x")
    assert done.total == Recorded(seen=14, new=14, opened=7) and done.gone == 0
    assert len(rows(desk, tables.occurrences)) == 14 and len(rows(desk, tables.incidents)) == 7
    (scan,) = rows(desk, tables.scans)
    assert (scan.state, scan.found, scan.opened) == ("complete", 14, 7)
    assert sorted(row.number for row in rows(desk, tables.incidents)) == list(range(1, 8))


def test_a_scan_is_begun_and_ended_once(desk: Desk) -> None:
    workspace, scan = begun(desk, "scn_x")
    assert begun(desk, "scn_x") == (workspace, scan)
    batch(desk, workspace, scan, 0, sighting())
    for state in ("complete", "failed"):
        with desk.work(workspace) as work:
            assert (
                record.finish_scan(work.connection, workspace=workspace, scan=scan, now=work.now, state=state)["state"]
                == "complete"
            )
    with pytest.raises(InputError) as error:
        batch(desk, workspace, scan, 1, sighting("two"))
    assert error.value.code == "scan_over"
    assert batch(desk, workspace, scan, 0, sighting()).opened == 1  # a repetition is still answered


def test_the_same_number_with_other_content_is_refused(desk: Desk) -> None:
    workspace, scan = begun(desk)
    batch(desk, workspace, scan, 0, sighting("one"))
    for other in (sighting("two"), sighting("one", "elsewhere"), sighting("one", validity="live")):
        with pytest.raises(InputError) as error:
            batch(desk, workspace, scan, 0, other)
        assert error.value.code == "batch_differs"


def test_scans_and_sources_of_other_workspaces_are_not_there(desk: Desk, clock: Clock) -> None:
    _, scan = begun(desk)
    with desk.work("") as work:
        other = create_workspace(work.connection, slug="other", name="Other", now=clock())
    with pytest.raises(NotFoundError):
        batch(desk, other, scan, 0, sighting())
    with pytest.raises(NotFoundError), desk.work(other) as work:
        record.finish_scan(work.connection, workspace=other, scan=scan, now=work.now)
    source = rows(desk, tables.sources)[0].id
    with pytest.raises(NotFoundError), desk.work(other) as work:
        record.begin_scan(work.connection, workspace=other, source=source, now=work.now)
    assert rows(desk, tables.incidents) == []


# ── merging ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_secret_is_one_incident_wherever_and_as_whatever_it_is_found(desk: Desk) -> None:
    scanned(desk, sighting("one", "a"), sighting("one", "b", detector="generic"), source=spec("x"))
    scanned(desk, sighting("one", "a"), source=spec("y"))
    (incident,) = rows(desk, tables.incidents)
    assert (incident.number, incident.occurrences, incident.sources, incident.source_names) == (1, 3, 2, "x and 1 more")
    assert (incident.detector, incident.path, incident.state) == ("github-pat", "a", "open")
    assert {row.places for row in rows(desk, tables.incident_sources)} == {1, 2}


def test_several_of_one_secret_in_one_file_are_several_places(desk: Desk) -> None:
    places = tuple(Place(path="a", ordinal=n, line=n) for n in range(3))
    scanned(desk, sighting("one", places=places))
    scanned(desk, sighting("one", places=tuple(replace(p, line=p.line + 10) for p in places)))  # lines moved
    assert [row.line for row in sorted(rows(desk, tables.occurrences), key=lambda r: r.line)] == [10, 11, 12]


def test_places_are_told_apart_by_path_and_order_alone() -> None:
    assert place_key(Place(path="a", line=1)) == place_key(Place(path="a", line=2, commit="x"))
    assert len({place_key(Place(path=p, ordinal=n)) for p in ("a", "a\0", "ab", "a0") for n in range(3)}) == 12


def test_what_changes_in_a_place_is_brought_up_to_date(desk: Desk, clock: Clock) -> None:
    scanned(desk, sighting("one", places=(Place(path="a", line=1, snippet="old"),)))
    first = clock()
    clock.pass_(days=1)
    scanned(desk, sighting("one", places=(Place(path="a", line=9, snippet="new"),)))
    (place,) = rows(desk, tables.occurrences)
    assert (place.line, place.snippet, place.first_seen, place.last_seen, place.gone_at) == (9, "new", first, clock(), None)
    assert place.first_scan != place.last_scan


def test_a_value_asked_for_later_is_kept_later_and_not_replaced(desk: Desk) -> None:
    scanned(desk, sighting("one"))
    assert rows(desk, tables.secrets)[0].sealed is None
    scanned(desk, sighting("one", sealed=b"first"))
    scanned(desk, sighting("one", sealed=b"second"))
    scanned(desk, sighting("one"))
    assert rows(desk, tables.secrets)[0].sealed == b"first"


def test_numbers_count_up_without_gaps_in_each_workspace(desk: Desk, clock: Clock) -> None:
    with desk.work("") as work:
        one = create_workspace(work.connection, slug="main", name="Main", now=clock())
        two = create_workspace(work.connection, slug="two", name="Two", now=clock())
    for workspace in (one, two, one):
        scanned(desk, *(sighting(f"{n}-{clock()}") for n in range(3)), workspace=workspace)
        clock.pass_(hours=1)
    numbers = {w: sorted(row.number for row in rows(desk, tables.incidents) if row.workspace_id == w) for w in (one, two)}
    assert numbers == {one: [1, 2, 3, 4, 5, 6], two: [1, 2, 3]}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("resolved", ("resolved", None, "revoked")), ("false_positive", ("ignored", "false_positive", None)),
        ("test_credential", ("ignored", "test_credential", None)), ("accepted", ("ignored", "accepted", None)), ("open", ("open", None, None)),
    ],
)  # fmt: skip
def test_what_another_tool_decided_is_taken_over(desk: Desk, clock: Clock, state: str, expected: tuple[Any, ...]) -> None:
    scanned(desk, sighting("one", state=state, created_at=clock() - timedelta(days=9)))
    row = the_incident(desk)
    assert (row.state, row.ignore_reason, row.resolution) == expected
    assert row.opened_at == row.first_seen == clock() - timedelta(days=9)


def test_text_that_a_database_refuses_is_made_fit(desk: Desk) -> None:
    odd = "a\0b\ud800c\u202e‹é› 🔑"
    place = Place(path=odd, snippet=odd, author=odd, email=odd, url=odd)
    scanned(
        desk,
        sighting("one", places=(place,), title=odd, redacted=odd, reasons=(odd,), companions={odd: odd}, key_facts={"x": [odd]}),
    )
    assert the_incident(desk).title == "a\ufffdb?c\u202e‹é› 🔑"
    assert rows(desk, tables.secrets)[0].key_facts == {"x": ["a\ufffdb?c\u202e‹é› 🔑"]}


def test_text_is_cut_and_json_kept_shallow() -> None:
    assert clean("x" * 10, 4) == "xxx…" and clean("xxxx", 4) == "xxxx"
    deep: Any = "end"
    for _ in range(20):
        deep = [deep]
    assert "end" not in repr(clean_json(deep)) and clean_json({1: {2}, "b": b"x", "f": 0.5}) == {"1": [2], "b": "bytes", "f": 0.5}


# ── gone ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_a_complete_scan_does_not_see_is_gone_and_comes_back(desk: Desk, clock: Clock) -> None:
    scanned(desk, sighting("one", "a", "b"), sighting("two", "c"))
    clock.pass_(days=1)
    assert scanned(desk, sighting("one", "b")).gone == 2
    one, two = the_incident(desk), the_incident(desk, "two")
    assert (one.occurrences, one.gone, two.occurrences, two.gone) == (2, 1, 1, 1)
    assert {row.path: row.gone_at for row in rows(desk, tables.occurrences)} == {"a": clock(), "b": None, "c": clock()}
    assert events(desk, two.id) == ["opened", "places_gone"] and two.state == "open"  # a value that went is still out
    assert any("gone from every place" in reason for reason in two.why)
    clock.pass_(days=1)
    assert scanned(desk, sighting("one", "a", "b"), sighting("two", "c")).total.new == 0
    assert {row.gone_at for row in rows(desk, tables.occurrences)} == {None} and the_incident(desk, "two").gone == 0


@pytest.mark.parametrize("options", [{"partial": True}, {"state": "incomplete"}, {"state": "failed"}, {"state": "cancelled"}])
def test_nothing_is_gone_after_a_scan_that_did_not_see_everything(desk: Desk, options: dict[str, Any]) -> None:
    scanned(desk, sighting("one"), sighting("two"))
    assert scanned(desk, sighting("one"), **options).gone == 0
    assert the_incident(desk, "two").gone == 0


def test_other_sources_are_left_alone(desk: Desk) -> None:
    scanned(desk, sighting("one", "a"), source=spec("x"))
    scanned(desk, sighting("one", "a"), source=spec("y"))
    assert scanned(desk, source=spec("x")).gone == 1
    assert (the_incident(desk).occurrences, the_incident(desk).gone) == (2, 1)
    assert {row.places for row in rows(desk, tables.incident_sources)} == {0, 1}


def test_a_scan_tells_what_was_not_read(desk: Desk) -> None:
    skipped = [Skipped(path="a\udcffb", code="unreadable", reason="it could not be read")]
    done = scanned(desk, sighting("one"), state="incomplete", skipped=skipped, totals={"blobs": 7})
    (scan,) = rows(desk, tables.scans)
    assert scan.skipped[0]["code"] == "unreadable" and "\udcff" not in scan.skipped[0]["path"]
    assert (scan.id, scan.totals, scan.actor_name, scan.state) == (done.scan, {"blobs": 7}, "Anna", "incomplete")


# ── opening again ───────────────────────────────────────────────────────────────────────────────────────────────────────

RESOLVED = Move(state=IncidentState.RESOLVED, resolution=Resolution.REVOKED)
FALSE = Move(state=IncidentState.IGNORED, reason=IgnoreReason.FALSE_POSITIVE)
TEST = Move(state=IncidentState.IGNORED, reason=IgnoreReason.TEST_CREDENTIAL)


def closed(desk: Desk, clock: Clock, move: Move) -> None:
    scanned(desk, sighting("one", "a"))
    if move.reason is IgnoreReason.ACCEPTED:
        move = replace(move, until=clock() + timedelta(days=30))
    with desk.work(desk.workspace(), ANNA) as work:
        work.triage.move(the_incident(desk).id, move)
    clock.pass_(days=1)


ACCEPTED = Move(state=IncidentState.IGNORED, reason=IgnoreReason.ACCEPTED)


@pytest.mark.parametrize(
    ("move", "again", "opens"),
    [
        (RESOLVED, "new_place", True), (RESOLVED, "same", False), (RESOLVED, "live", True), (RESOLVED, "dead", False),
        (FALSE, "new_place", False), (FALSE, "same", False), (FALSE, "live", True),
        (TEST, "new_place", False), (TEST, "live", True), (ACCEPTED, "new_place", True), (ACCEPTED, "same", False), (ACCEPTED, "live", True),
    ],
)  # fmt: skip
def test_a_closed_incident_opens_again_when_it_matters_again(
    desk: Desk, clock: Clock, move: Move, again: str, opens: bool
) -> None:
    closed(desk, clock, move)
    found = {
        "new_place": sighting("one", "a", "b"), "same": sighting("one", "a"),
        "live": sighting("one", "a", validity="live", checked_at=clock()), "dead": sighting("one", "a", validity="dead", checked_at=clock()),
    }[again]  # fmt: skip
    done = scanned(desk, found)
    row = the_incident(desk)
    assert (row.state == "open", row.reopened, done.total.reopened) == (opens, int(opens), int(opens))
    if opens:
        assert (row.resolution, row.resolved_at, row.ignore_reason, row.ignored_until, row.proof) == (None,) * 5
        assert "reopened" in events(desk, row.id)


def test_a_place_that_was_gone_and_came_back_is_no_new_place(desk: Desk, clock: Clock) -> None:
    closed(desk, clock, RESOLVED)
    scanned(desk)
    scanned(desk, sighting("one", "a"))
    assert the_incident(desk).state == "resolved"


def test_what_an_issuer_says_changes_severity_and_is_remembered(desk: Desk, clock: Clock) -> None:
    scanned(desk, sighting("one"))
    before = the_incident(desk)
    scanned(
        desk, sighting("one", validity="live", validity_reason="accepted", validity_evidence={"user": "bot"}, checked_at=clock())
    )
    live = the_incident(desk)
    clock.pass_(hours=1)
    scanned(desk, sighting("one", validity="dead", validity_reason="token_revoked", checked_at=clock()))
    dead = the_incident(desk)
    assert live.score > before.score > dead.score and dead.severity == "low"
    assert [row.validity for row in sorted(rows(desk, tables.validity_checks), key=lambda r: r.checked_at)] == ["live", "dead"]
    assert events(desk, dead.id) == ["opened", "validity_changed", "validity_changed"]


# ── severity ────────────────────────────────────────────────────────────────────────────────────────────────────────────

facts = st.builds(
    Facts,
    declared=st.sampled_from(["critical", "high", "medium", "low", "info"]),
    validity=st.sampled_from(["live", "dead", "expired", "dormant", "inconclusive", "unchecked"]),
    exposure=st.sampled_from(["public", "internal", "private", "unknown"]),
    environment=st.sampled_from(["production", "staging", "development", "unknown"]),
    privileged=st.sampled_from([True, False, None]),
    first_seen=st.integers(0, 1000).map(lambda days: Clock().time - timedelta(days=days)),
    places=st.integers(0, 3),
)  # fmt: skip


@given(facts)
@settings(max_examples=400)
def test_severity_explains_itself(known: Facts) -> None:
    now = Clock().time
    judgement = judge(known, now)
    said = [int(r.rpartition("(")[2].rstrip(")")) for r in judgement.reasons if r.endswith(")")]
    plain = max(0, min(100, sum(said)))
    assert judgement.score == plain or any("at most low" in r or "at least high" in r for r in judgement.reasons)
    assert judgement.reasons[0].startswith(f"this type of credential is declared {known.declared}")
    if known.validity == "dead":
        assert judgement.severity in ("low", "info")
    if known.validity == "live" and known.declared in ("critical", "high"):
        assert judgement.severity in ("critical", "high")
    worse = judge(replace(known, exposure="public"), now)
    assert worse.score >= judgement.score


def test_severity_on_record_is_what_judging_gives_and_the_row_says_why(desk: Desk, clock: Clock) -> None:
    scanned(desk, sighting("one", severity="critical", created_at=clock() - timedelta(days=100)))
    row = the_incident(desk)
    known = Facts(
        declared="critical",
        validity="unchecked",
        exposure="unknown",
        environment="unknown",
        privileged=None,
        first_seen=row.first_seen,
    )
    judgement = judge(known, clock())
    assert (row.severity, row.score, tuple(row.why)) == (judgement.severity, judgement.score, judgement.reasons)
    assert row.why == [
        "this type of credential is declared critical (+78)",
        "it has been open to see for more than three months (+4)",
    ]


def test_the_widest_audience_counts(desk: Desk, clock: Clock) -> None:
    for name, exposure in (("x", "private"), ("y", "public"), ("z", "internal")):
        scanned(desk, source=spec(name))
        with desk.work("") as work:
            work.connection.execute(sa.update(tables.sources).where(tables.sources.c.name == name).values(exposure=exposure))
        scanned(desk, sighting("one"), source=spec(name))
    assert the_incident(desk).exposure == "public"
