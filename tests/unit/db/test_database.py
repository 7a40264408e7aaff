"""One door: writes are kept or undone as a whole, looking sees one state and cannot write, and addresses are read with care."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.databases import Clock

from stanch.core.errors import ConfigError
from stanch.db.database import Database, default_url
from stanch.db.tables import throttles, workspaces


def _add(connection: sa.Connection, name: str, clock: Clock) -> None:
    connection.execute(sa.insert(workspaces).values(id=name, slug=name, name=name, settings={}, created_at=clock()))


def _names(connection: sa.Connection) -> list[str]:
    return list(connection.execute(sa.select(workspaces.c.id).order_by(workspaces.c.id)).scalars())


def test_what_raises_is_undone_as_a_whole(database: Database, clock: Clock) -> None:
    with pytest.raises(RuntimeError), database.begin() as connection:
        _add(connection, "one", clock)
        raise RuntimeError
    with database.begin() as connection:
        _add(connection, "two", clock)
    with database.read() as connection:
        assert _names(connection) == ["two"]


def test_looking_sees_one_state_whatever_is_written_meanwhile(database: Database, clock: Clock) -> None:
    with database.read() as looking:
        assert _names(looking) == []
        with database.begin() as connection:
            _add(connection, "one", clock)
        assert _names(looking) == []
    with database.read() as looking:
        assert _names(looking) == ["one"]


def test_looking_cannot_write(database: Database, clock: Clock) -> None:
    with pytest.raises(sa.exc.DBAPIError), database.read() as connection:
        _add(connection, "one", clock)
    with database.begin() as connection:  # and the next one who gets that connection can
        _add(connection, "two", clock)


def test_times_come_back_as_they_were_and_sort(database: Database, clock: Clock) -> None:
    moments = [clock(), clock.pass_(microseconds=1), clock.pass_(days=-40000)]
    with database.begin() as connection:
        for n, moment in enumerate(moments):
            connection.execute(sa.insert(throttles).values(bucket=str(n), since=moment))
        assert list(connection.execute(sa.select(throttles.c.since).order_by(throttles.c.since)).scalars()) == sorted(moments)
    with pytest.raises(sa.exc.StatementError, match="without a zone"), database.begin() as connection:
        connection.execute(sa.insert(throttles).values(bucket="x", since=clock().replace(tzinfo=None)))


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://root:hunter2@127.0.0.1/x", "sqlite://", "sqlite+aiosqlite:///x"])
def test_an_address_that_is_none_is_refused_without_showing_it(url: str) -> None:
    if not url:
        assert default_url({"XDG_DATA_HOME": "/data"}) == "sqlite:////data/stanch/stanch.db"
        assert default_url({"STANCH_DATABASE": "postgresql://x/y"}) == "postgresql://x/y"
        return
    with pytest.raises(ConfigError) as error:
        Database(url)
    assert "hunter2" not in str(error.value)


def test_the_password_of_an_address_is_not_shown() -> None:
    database = Database("postgres://anna:hunter2@127.0.0.1/stanch")
    assert database.shown == "postgresql://anna:***@127.0.0.1/stanch" and not database.is_sqlite
    database.close()


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/new/stanch.db")
    assert stat.S_IMODE((tmp_path / "new" / "stanch.db").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    database.close()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be opened"):
        Database(f"sqlite:///{tmp_path}/file/stanch.db")


def test_values_do_not_stand_in_errors(database: Database, clock: Clock) -> None:
    with database.begin() as connection:
        _add(connection, "one", clock)
    with pytest.raises(sa.exc.IntegrityError) as error, database.begin() as connection:
        connection.execute(
            sa.insert(workspaces).values(id="two", slug="one", name="very-private", settings={}, created_at=clock())
        )
    assert "very-private" not in str(error.value)
