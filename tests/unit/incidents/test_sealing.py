"""Sealed values open with the right key, in the right place, unchanged; and in no other way."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from tests.support.databases import Clock
from tests.support.recorded import rows

from stanch.core.errors import ConfigError
from stanch.db import tables
from stanch.incidents.desk import Desk
from stanch.incidents.installation import WrappingKey
from stanch.incidents.sealing import Keyring, SealError

VALUE = b"a value that is nobody's"


def seal(desk: Desk, value: bytes = VALUE, context: str = "here") -> bytes:
    with desk.database.begin() as connection:
        return desk.keyring.seal(connection, value, context, desk.now())


def opened(desk: Desk, sealed: bytes, context: str = "here", keyring: Keyring | None = None) -> bytes:
    with desk.look() as connection:
        return (keyring or desk.keyring).open(connection, sealed, context)


def test_any_value_comes_back_and_never_shows(desk: Desk) -> None:
    @given(value=st.binary(max_size=200), context=st.text(max_size=30))
    def check(value: bytes, context: str) -> None:
        sealed = seal(desk, value, context)
        assert opened(desk, sealed, context) == value
        assert len(value) < 8 or value not in sealed

    check()


def test_the_same_value_is_sealed_differently_each_time(desk: Desk) -> None:
    assert len({seal(desk) for _ in range(20)}) == 20


def test_another_place_does_not_open_it(desk: Desk) -> None:
    with pytest.raises(SealError, match="belongs to another row"):
        opened(desk, seal(desk), "there")


def test_a_change_of_any_byte_is_found(desk: Desk) -> None:
    sealed = seal(desk)
    for place in range(len(sealed)):
        changed = bytes((*sealed[:place], sealed[place] ^ 1, *sealed[place + 1 :]))
        with pytest.raises(SealError) as error:
            opened(desk, changed)
        assert "nobody" not in str(error.value)


@pytest.mark.parametrize("length", [0, 1, 30, 31, 42, 43, 58])
def test_a_value_cut_off_is_found(desk: Desk, length: int) -> None:
    with pytest.raises(SealError):
        opened(desk, seal(desk)[:length])


def test_another_installation_key_opens_nothing(desk: Desk) -> None:
    sealed = seal(desk)
    for other in (b"\x00" * 32, b"\x5a" * 31 + b"\x5b"):
        with pytest.raises(ConfigError, match="installation key does not open"):
            opened(desk, sealed, keyring=Keyring(WrappingKey(other)))


def test_a_wrapped_key_moved_to_another_purpose_does_not_open(desk: Desk) -> None:
    with desk.database.begin() as connection:
        connection.execute(sa.update(tables.keyring).where(tables.keyring.c.purpose == "audit").values(purpose="data"))
    with pytest.raises(ConfigError):
        opened(desk, seal(desk), keyring=Keyring(WrappingKey(b"\x5a" * 32)))


def test_keys_stand_wrapped_in_the_database_and_in_no_repr(desk: Desk) -> None:
    found = {row.purpose: row for row in rows(desk, tables.keyring)}
    assert set(found) == {"data", "audit", "cookie"}
    with desk.look() as connection:
        for purpose, row in found.items():
            name, key = desk.keyring.key(connection, purpose, desk.now())
            assert name == row.id and len(key) == 32 and key not in bytes(row.wrapped) and row.wrapped_by.startswith("kek_")
            assert key.hex() not in repr(desk.keyring)
    assert "5a5a" not in repr(WrappingKey(b"\x5a" * 32)) and repr(desk.keyring).startswith("Keyring(kek_")


def test_a_key_made_in_a_unit_of_work_that_failed_seals_nothing_later(desk: Desk, clock: Clock) -> None:
    with pytest.raises(RuntimeError), desk.database.begin() as connection:
        lost, _ = desk.keyring.key(connection, "other", clock())
        renewed = desk.keyring.renew(connection, "data", clock())
        raise RuntimeError
    sealed = seal(desk)
    assert desk.keyring.key_of(sealed) != renewed
    assert opened(desk, sealed, keyring=Keyring(WrappingKey(b"\x5a" * 32))) == VALUE
    with desk.database.begin() as connection:
        assert desk.keyring.key(connection, "other", clock())[0] != lost


def test_both_keys_open_while_one_replaces_the_other() -> None:
    old, new = WrappingKey(b"\x01" * 32), WrappingKey(b"\x02" * 32)
    both = WrappingKey(old.secret, others=(new,))
    for key in (old, new):
        assert both.unwrap(key.wrap(b"data key", "context"), "context") == b"data key"
    with pytest.raises(ConfigError):
        both.unwrap(old.wrap(b"data key", "context"), "other")
    with pytest.raises(ConfigError):
        both.unwrap(b"", "context")
