from __future__ import annotations

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from tests.support.incidents import PLAIN, finding, recorded

from stanch.core.errors import ConflictError, InputError, NotFoundError
from stanch.core.incident import Actor
from stanch.db import audit as audit_rows
from stanch.db import tables
from stanch.incidents.revealing import reveal
from stanch.incidents.values import open_value, packed, unpacked

ALICE = Actor(kind="user", id="usr_alice", name="Alice")


@given(st.binary(max_size=200), st.dictionaries(st.text(max_size=10), st.binary(max_size=50), max_size=3))
def test_what_was_packed_comes_out_again(value, companions):
    kept = unpacked(packed(finding(value, companions=companions)))
    assert (kept.value, dict(kept.companions)) == (value, companions)


def test_a_kept_value_opens_with_its_other_parts_and_shows_in_no_repr(desk):
    workspace, incident = recorded(desk, keep=True)
    with desk.look() as connection:
        kept = open_value(connection, desk.keyring, workspace=workspace, incident=incident)
    assert (kept.value, kept.companions["tenant id"]) == (PLAIN, b"contoso")
    assert PLAIN.decode() not in repr(kept)


def test_the_database_holds_no_plain_value(desk):
    recorded(desk, keep=True)
    with desk.look() as connection:
        for table in tables.metadata.sorted_tables:
            for row in connection.execute(sa.select(table)):
                assert PLAIN.decode() not in str(row)


def test_a_value_that_was_not_kept_cannot_be_opened(desk):
    workspace, incident = recorded(desk, keep=False)
    with desk.look() as connection, pytest.raises(ConflictError, match="was not kept"):
        open_value(connection, desk.keyring, workspace=workspace, incident=incident)


def test_another_workspace_cannot_open_it(desk):
    workspace, incident = recorded(desk, keep=True)
    with desk.look() as connection, pytest.raises(NotFoundError):
        open_value(connection, desk.keyring, workspace=f"{workspace}x", incident=incident)


def test_revealing_leaves_a_trace_with_the_reason(desk):
    workspace, incident = recorded(desk, keep=True)
    assert reveal(desk, incident, workspace=workspace, actor=ALICE, reason="compare with the vault").value == PLAIN
    with desk.look() as connection:
        (entry,) = audit_rows.page(connection, workspace, before=None, limit=1)
        assert (entry["action"], entry["actor_name"]) == ("incident.reveal", "Alice")
        assert entry["data"] == {"reason": "compare with the vault"}


@pytest.mark.parametrize("reason", ["", "because", "   a    b   ", "x" * 501])
def test_revealing_needs_a_real_reason(desk, reason):
    workspace, incident = recorded(desk, keep=True)
    with pytest.raises(InputError, match="reason"):
        reveal(desk, incident, workspace=workspace, actor=ALICE, reason=reason)
    with desk.look() as connection:
        assert not audit_rows.page(connection, workspace, before=None, limit=5, action="incident.reveal")
