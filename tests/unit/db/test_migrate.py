"""Migrations give the tables that the code expects, from nothing, once, whoever is first; and a newer database is left alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from stanch.core.errors import ConfigError
from stanch.db import migrate
from stanch.db.database import Database
from stanch.db.tables import metadata


def test_upgrading_from_nothing_gives_the_tables_of_the_code(empty_url: str) -> None:
    database = Database(empty_url)
    assert migrate.current(database) == ""
    assert migrate.upgrade(database)
    with database.engine.connect() as connection:
        # SQLite gives defaults back in another spelling than it got them
        options = {"compare_type": True, "compare_server_default": not database.is_sqlite}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
    assert migrate.current(database) == migrate.head()
    database.close()


def test_every_index_and_key_is_there_too(empty_url: str) -> None:
    database = Database(empty_url)
    migrate.upgrade(database)
    found = sa.inspect(database.engine)
    for table in metadata.sorted_tables:
        assert {i["name"]: i["column_names"] for i in found.get_indexes(table.name) if not i.get("duplicates_constraint")} == {
            str(i.name): [c.name for c in i.columns] for i in table.indexes
        }
        assert set(found.get_pk_constraint(table.name)["constrained_columns"]) == {c.name for c in table.primary_key.columns}
        keys = {
            (k["constrained_columns"][0], k["referred_table"], k["options"].get("ondelete"))
            for k in found.get_foreign_keys(table.name)
        }
        assert keys == {(k.parent.name, k.column.table.name, k.ondelete) for k in table.foreign_keys}
    database.close()


def test_a_database_of_this_version_is_left_alone(database: Database) -> None:
    migrate.require_current(database)
    assert not migrate.upgrade(database)


def test_a_database_of_a_newer_version_is_refused(database: Database) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'r9999'")
    with pytest.raises(ConfigError, match="newer version of Stanch"):
        migrate.upgrade(database)
    with pytest.raises(ConfigError, match="another version"):
        migrate.require_current(database)


def test_an_empty_database_is_not_current(empty_url: str) -> None:
    database = Database(empty_url)
    with pytest.raises(ConfigError, match="revision none"):
        migrate.require_current(database)
    database.close()


def test_two_that_start_at_once_set_it_up_once(empty_url: str) -> None:
    databases = [Database(empty_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(migrate.upgrade, databases))
    assert any(done) and {migrate.current(d) for d in databases} == {migrate.head()}
    for database in databases:
        database.close()
