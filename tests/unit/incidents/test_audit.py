"""Whoever changes, takes out, adds or reorders audit entries in the database, at any place, is found out."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from tests.support.databases import Clock
from tests.support.recorded import ANNA, rows

from stanch.core.errors import ConfigError
from stanch.core.incident import Actor
from stanch.db import audit as audit_rows
from stanch.db import tables
from stanch.incidents.audit import Audit, Verdict
from stanch.incidents.desk import Desk
from stanch.incidents.installation import WrappingKey
from stanch.incidents.sealing import Keyring

A, H = tables.audit, tables.audit_head


def verdict(desk: Desk) -> Verdict:
    with desk.look() as connection:
        return desk.audit.verify(connection)


@pytest.fixture
def chain(desk: Desk, clock: Clock) -> Desk:
    """A chain of eight entries."""
    main = desk.workspace()
    for n in range(7):
        clock.pass_(minutes=1)
        with desk.work(main, ANNA, request_id=f"req_{n}") as work:
            work.note("incident.tagged", subject=f"inc_{n}", data={"added": ["ü", n, None, True, 0.5], "deep": {"b": 1, "a": 2}})
    return desk


def change(desk: Desk, *statements: Any) -> None:
    with desk.database.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement) if isinstance(statement, str) else statement)


def test_a_chain_that_nobody_touched_is_intact(chain: Desk) -> None:
    assert verdict(chain) == Verdict(entries=8) and verdict(chain).intact


def test_an_entry_is_undone_with_the_work_it_tells_about(chain: Desk) -> None:
    with pytest.raises(RuntimeError), chain.work(chain.workspace(), ANNA) as work:
        work.note("incident.tagged")
        raise RuntimeError
    assert verdict(chain) == Verdict(entries=8)


CHANGES = {
    "at": A.c.at + 1, "workspace_id": "wsp_other", "actor_kind": "token", "actor_id": "usr_eve", "actor_name": "Eve",
    "action": "incident.resolved", "subject": "inc_x", "data": {"added": []}, "request_id": "req_x", "key_id": "key_x",
    "mac": "0" * 64,
}  # fmt: skip


@pytest.mark.parametrize("seq", [1, 4, 8])
@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_field_is_found(chain: Desk, name: str, seq: int) -> None:
    value = CHANGES[name]
    if name == "at":
        value = rows(chain, A, A.c.seq == seq)[0].at.replace(year=2020)
    change(chain, sa.update(A).where(A.c.seq == seq).values({name: value}))
    assert verdict(chain).broken_at == seq and not verdict(chain).intact


def test_the_fields_above_are_all_there_are() -> None:
    assert set(CHANGES) | {"seq"} == {c.name for c in A.columns}


@pytest.mark.parametrize("seq", range(1, 9))
def test_an_entry_taken_out_is_found(chain: Desk, seq: int) -> None:
    change(chain, sa.delete(A).where(A.c.seq == seq))
    assert not verdict(chain).intact and verdict(chain).broken_at == seq


@pytest.mark.parametrize("seq", range(1, 8))
def test_an_entry_taken_out_and_the_rest_moved_up_is_found(chain: Desk, seq: int) -> None:
    moves = [sa.update(A).where(A.c.seq == n).values(seq=n - 1) for n in range(seq + 1, 9)]
    change(chain, sa.delete(A).where(A.c.seq == seq), *moves, sa.update(H).values(seq=7))
    assert not verdict(chain).intact


@pytest.mark.parametrize("keep", range(8))
def test_cutting_off_the_end_is_found_even_when_the_head_is_moved(chain: Desk, keep: int) -> None:
    last = rows(chain, A, A.c.seq == keep)
    mac = last[0].mac if last else ""
    change(chain, sa.delete(A).where(A.c.seq > keep))
    assert not verdict(chain).intact
    change(chain, sa.update(H).values(seq=keep, mac=mac))
    assert not verdict(chain).intact


@pytest.mark.parametrize("drop", range(1, 8))
def test_cutting_off_the_beginning_is_found_even_when_the_head_is_moved(chain: Desk, drop: int) -> None:
    mac = rows(chain, A, A.c.seq == drop)[0].mac
    change(chain, sa.delete(A).where(A.c.seq <= drop), sa.update(H).values(first_seq=drop + 1, first_mac=mac))
    assert not verdict(chain).intact


@pytest.mark.parametrize(("one", "other"), [(1, 2), (3, 6), (7, 8)])
def test_reordering_is_found(chain: Desk, one: int, other: int) -> None:
    change(chain, *(sa.update(A).where(A.c.seq == a).values(seq=b) for a, b in ((one, 99), (other, one), (99, other))))
    assert verdict(chain).broken_at == one


def test_a_copied_entry_at_the_end_is_found(chain: Desk) -> None:
    row = dict(rows(chain, A)[-1]._mapping)
    change(chain, sa.insert(A).values(**(row | {"seq": 9})))
    assert not verdict(chain).intact


@pytest.mark.parametrize("seal", ["0" * 64, ""])
def test_a_changed_head_is_found(chain: Desk, seal: str) -> None:
    change(chain, sa.update(H).values(seal=seal))
    assert not verdict(chain).intact


def test_a_missing_head_is_found_and_so_is_a_missing_chain(chain: Desk) -> None:
    change(chain, sa.delete(H))
    assert verdict(chain).problem == "the head of the chain is missing"
    change(chain, sa.delete(A))
    assert not verdict(chain).intact


def test_a_chain_that_begins_again_says_so(chain: Desk) -> None:
    change(chain, sa.delete(H), sa.delete(A))
    again = Desk(chain.database, chain.keyring, chain.now)
    again._prepare()
    assert [row.action for row in rows(again, A)] == ["audit.begin_again"]


def test_a_trail_rebuilt_under_another_key_is_found(chain: Desk, clock: Clock) -> None:
    forger = Audit(Keyring(WrappingKey(b"\x66" * 32)))
    with pytest.raises(ConfigError), chain.database.begin() as connection:
        forger.write(connection, "x", actor=ANNA, now=clock())
    assert verdict(chain).intact


def test_entries_are_chained_one_after_the_other_when_many_write_at_once(desk: Desk) -> None:
    from concurrent.futures import ThreadPoolExecutor

    main = desk.workspace()

    def write(n: int) -> None:
        for k in range(10):
            with desk.work(main, ANNA) as work:
                work.note("test", subject=f"{n}-{k}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert verdict(desk) == Verdict(entries=41)


def test_forgetting_keeps_the_rest_verifiable_and_bound(chain: Desk) -> None:
    with chain.database.begin() as connection:
        assert chain.audit.forget(connection, 3) == 3
        assert chain.audit.forget(connection, 3) == 0
    assert verdict(chain) == Verdict(entries=5)
    change(chain, sa.delete(A).where(A.c.seq == 4))
    assert not verdict(chain).intact
    with chain.database.begin() as connection:
        assert chain.audit.forget(connection, 6) == 0  # what is wrong stays to be seen


def test_the_last_entry_is_never_forgotten(chain: Desk) -> None:
    with chain.database.begin() as connection:
        assert chain.audit.forget(connection, 1000) == 7
    assert verdict(chain) == Verdict(entries=1)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=5), v, max_size=3),
    max_leaves=8,
)


def test_whatever_is_told_verifies_after_its_way_through_the_database(desk: Desk) -> None:
    @given(
        name=st.text(max_size=20),
        subject=st.text(max_size=20),
        data=st.dictionaries(st.text(max_size=8), json_values, max_size=4),
    )
    def check(name: str, subject: str, data: dict[str, Any]) -> None:
        with desk.work("", Actor(kind="user", id="usr_x", name=name)) as work:
            work.note("test", subject=subject, data=data)

    check()
    assert verdict(desk).intact
    json.dumps([row.data for row in rows(desk, A)])


def test_pages_are_of_one_workspace_newest_first(chain: Desk) -> None:
    main = chain.workspace()
    with chain.look() as connection:
        page = audit_rows.page(connection, main, before=None, limit=3)
        assert [row["seq"] for row in page] == [8, 7, 6]
        page = audit_rows.page(connection, main, before=6, limit=100)
        assert [row["seq"] for row in page] == [5, 4, 3, 2]
        assert len(audit_rows.page(connection, main, before=None, limit=9, subject="inc_3")) == 1
        assert len(audit_rows.page(connection, main, before=None, limit=9, action="incident.")) == 7
        assert audit_rows.page(connection, main, before=None, limit=9, action="incident_") == []
        assert len(audit_rows.page(connection, main, before=None, limit=9, actor=ANNA.id)) == 7
        assert audit_rows.page(connection, "wsp_other", before=None, limit=9) == []
