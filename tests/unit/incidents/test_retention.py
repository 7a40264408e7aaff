"""What is older than a workspace wants is taken out and told to the audit trail; what is still of use stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.databases import Clock
from tests.support.recorded import ANNA, member, rows, scanned, sighting, spec, the_incident

from stanch.core.errors import InputError, NotFoundError
from stanch.core.incident import IgnoreReason, IncidentState, Resolution
from stanch.db import retention as retention_rows
from stanch.db import tables
from stanch.db.workspaces import change_workspace
from stanch.incidents.desk import Desk
from stanch.incidents.retention import Policy, Removed, apply_retention, policy_of
from stanch.incidents.triage import Move
from stanch.incidents.workspaces import create_workspace


def add(desk: Desk, table: sa.Table, **values: Any) -> None:
    with desk.work("") as work:
        work.connection.execute(sa.insert(table).values(**values))


def resolve(desk: Desk, *names: str) -> None:
    with desk.work(desk.workspace(), ANNA) as work:
        for name in names:
            work.triage.move(the_incident(desk, name).id, Move(state=IncidentState.RESOLVED, resolution=Resolution.REVOKED))


def test_nothing_old_means_nothing_removed_and_nothing_told(desk: Desk) -> None:
    scanned(desk, sighting("one"))
    before = rows(desk, tables.audit)
    assert apply_retention(desk) == Removed()
    assert rows(desk, tables.audit) == before


def test_request_log_ends_after_its_days(desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention_rows, "MOST", 3)  # several units of work
    main = desk.workspace()
    for n in range(10):
        add(
            desk,
            tables.requests,
            id=f"req_{n}",
            workspace_id=main if n % 2 else None,
            at=clock() - timedelta(days=n * 10),
            method="GET",
            status=200,
        )
    assert apply_retention(desk).requests == 6
    assert [row.id for row in rows(desk, tables.requests)] == ["req_0", "req_1", "req_2", "req_3"]


def test_only_the_newest_answers_about_a_secret_stay(desk: Desk, clock: Clock) -> None:
    for _n in range(6):
        scanned(desk, sighting("one", validity="live", checked_at=clock()), sighting("two", validity="dead", checked_at=clock()))
        clock.pass_(hours=1)
    assert apply_retention(desk, policy=Policy(checks_kept=2)).checks == 8
    kept = rows(desk, tables.validity_checks)
    assert len(kept) == 4 and min(row.checked_at for row in kept) == clock() - timedelta(hours=2)


def test_places_long_gone_are_forgotten_but_for_the_last_in_each_source(desk: Desk, clock: Clock) -> None:
    scanned(desk, sighting("one", "a", "b", "c"), sighting("two", "x", "y"), source=spec("old"))
    scanned(desk, sighting("one", "d", "e"), source=spec("other"))
    clock.pass_(days=1)
    scanned(desk, sighting("two", "x"), source=spec("old"))  # a, b, c and y are gone
    clock.pass_(days=100)
    scanned(desk, sighting("one", "d"), source=spec("other"))  # e is gone, not for long
    clock.pass_(days=100)
    assert apply_retention(desk).places == 3
    assert {row.path for row in rows(desk, tables.occurrences)} & {"x", "d", "e", "y"} == {"x", "d", "e"}
    one = the_incident(desk)
    assert (one.occurrences, one.gone, one.sources) == (3, 2, 2)
    assert {(row.incident_id, row.places) for row in rows(desk, tables.incident_sources)} == {
        (one.id, 0), (one.id, 1), (the_incident(desk, "two").id, 1)
    }  # fmt: skip
    assert rows(desk, tables.audit)[-1].data == {"places": 3}


def test_closed_incidents_stay_unless_a_workspace_wants_them_gone(desk: Desk, clock: Clock) -> None:
    scanned(desk, *(sighting(name) for name in ("gone", "present", "open", "fresh")))
    scanned(desk, sighting("present"))
    resolve(desk, "gone", "present")
    clock.pass_(days=400)
    resolve(desk, "fresh")
    assert apply_retention(desk).incidents == 0
    assert apply_retention(desk, policy=Policy(closed_days=365)).incidents == 1
    assert (
        len(rows(desk, tables.secrets)) == len(rows(desk, tables.incidents)) == 3
    )  # the present one would come back as a new one
    with desk.look() as connection:
        assert desk.audit.verify(connection).intact


def test_timelines_of_open_incidents_stay(desk: Desk, clock: Clock) -> None:
    scanned(desk, sighting("open"), sighting("closed"))
    with desk.work(desk.workspace(), ANNA) as work:
        work.triage.move(the_incident(desk, "closed").id, Move(state=IncidentState.IGNORED, reason=IgnoreReason.FALSE_POSITIVE))
    clock.pass_(days=40)
    assert apply_retention(desk, policy=Policy(events_days=30)).events == 2
    assert {row.incident_id for row in rows(desk, tables.events)} == {the_incident(desk, "open").id}


def test_what_is_over_is_removed_at_once_or_soon(desk: Desk, clock: Clock) -> None:
    now, day = clock(), timedelta(days=1)
    member(desk, desk.workspace(), "anna", now)
    session = {"user_id": "usr_anna", "csrf_hash": "x", "created_at": now, "seen_at": now}
    add(desk, tables.sessions, hash="over", expires_at=now - day, **session)
    add(desk, tables.sessions, hash="valid", expires_at=now + day, **session)
    for name, at in (("over", now - 40 * day), ("recent", now - day), ("valid", now + day)):
        add(desk, tables.links, hash=name, purpose="reset", created_at=now, expires_at=at)
        add(desk, tables.idempotency, actor_id="usr_anna", key=name, digest="d", at=min(at, now))
        add(desk, tables.throttles, bucket=name, since=min(at, now))
    add(desk, tables.throttles, bucket="locked", since=now - 40 * day, until=now + day)
    removed = apply_retention(desk)
    assert removed == Removed(sessions=1, links=1, idempotency=1, throttles=1)
    assert {row.bucket for row in rows(desk, tables.throttles)} == {"recent", "valid", "locked"}


def test_the_audit_trail_stays_verifiable_when_its_beginning_goes(desk: Desk, clock: Clock) -> None:
    for _ in range(5):
        scanned(desk, sighting("one"))
        clock.pass_(days=100)
    before = len(rows(desk, tables.audit))
    assert apply_retention(desk).audit == 0
    removed = apply_retention(desk, policy=Policy(audit_days=250))
    assert 0 < removed.audit < before
    with desk.look() as connection:
        verdict = desk.audit.verify(connection)
    assert verdict.intact and verdict.entries == before - removed.audit + 1
    assert rows(desk, tables.audit)[-1].data == {"audit": removed.audit}
    scanned(desk, sighting("two"))
    with desk.look() as connection:
        assert desk.audit.verify(connection).intact


def test_the_longest_time_of_all_workspaces_keeps_the_audit_trail(desk: Desk, clock: Clock) -> None:
    main = desk.workspace()
    with desk.work(main) as work:
        create_workspace(work.connection, slug="other", name="Other", now=clock())
        change_workspace(work.connection, main, settings={"retention": {"audit_days": 10}})
    scanned(desk, sighting("one"))
    clock.pass_(days=100)
    assert apply_retention(desk).audit == 0  # the other workspace keeps it for ever
    assert apply_retention(desk, main).audit == 0  # a workspace alone cannot


def test_one_workspace_leaves_others_alone(desk: Desk, clock: Clock) -> None:
    with desk.work("") as work:
        other = create_workspace(work.connection, slug="other", name="Other", now=clock())
        main = create_workspace(work.connection, slug="main", name="Main", now=clock())
    for n, workspace in enumerate((main, other)):
        add(
            desk,
            tables.requests,
            id=f"req_{n}",
            workspace_id=workspace,
            at=clock() - timedelta(days=90),
            method="GET",
            status=200,
        )
    assert apply_retention(desk, main).requests == 1
    assert [row.workspace_id for row in rows(desk, tables.requests)] == [other]
    with pytest.raises(NotFoundError):
        apply_retention(desk, "wsp_none")


def test_settings_say_how_long(desk: Desk) -> None:
    assert policy_of({}) == policy_of({"retention": None}) == Policy()
    assert policy_of({"retention": {"gone_days": 0, "closed_days": 90}}) == Policy(gone_days=None, closed_days=90)
    for wrong in ({"gone_days": -1}, {"gone_days": "x"}, {"gone_days": True}, {"gone_dayz": 1}, [1], {"gone_days": 10**9}):
        with pytest.raises(InputError) as error:
            policy_of({"retention": wrong})
        assert error.value.code == "retention"
