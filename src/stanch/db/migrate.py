"""Bring a database to the state this version expects, and say in which state it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from stanch.core.errors import ConfigError
from stanch.db.database import Database

_FOLDER: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 0x57A9C4  # of PostgreSQL: two servers that start at once migrate one after the other


def _scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    return ScriptDirectory.from_config(config)


def head() -> str:
    """Return the revision this version works with."""
    found = _scripts().get_current_head()
    assert found is not None
    return found


def current(database: Database) -> str:
    """Return the revision of a database; empty when it holds nothing.

    Raises:
        ConfigError: it does not answer.
    """
    try:
        with database.read() as connection:  # who only looks does not wait for who writes
            return MigrationContext.configure(connection).get_current_revision() or ""
    except sa.exc.OperationalError as exc:
        raise ConfigError(
            f"the database {database.shown} does not answer.", hint="Is the server running? Is STANCH_DATABASE right?"
        ) from exc


def upgrade(database: Database) -> bool:
    """Bring a database up to this version.

    Returns:
        Whether there was anything to do.

    Raises:
        ConfigError: the database does not answer, or was used by a newer version.
    """
    scripts = _scripts()
    if current(database) == head():
        return False
    with database.begin() as connection:
        lock_setup(connection, database)
        before = MigrationContext.configure(connection).get_current_revision()
        if before is not None and before not in {s.revision for s in scripts.walk_revisions()}:
            raise ConfigError(
                f"the database {database.shown} is of a newer version of Stanch (revision {before}).",
                hint="Install that version, or restore a backup.",
            )
        _run(connection, scripts)
    return True


def lock_setup(connection: Connection, database: Database) -> None:
    """Wait until no other process sets this database up; SQLite has one writer anyway."""
    if not database.is_sqlite:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")


def _run(connection: Connection, scripts: ScriptDirectory) -> None:
    steps: Callable[[Any, MigrationContext], Any] = lambda revision, context: scripts._upgrade_revs("head", revision)  # noqa: E731
    context = MigrationContext.configure(
        connection, opts={"fn": steps, "target_metadata": None, "render_as_batch": True, "transaction_per_migration": False}
    )
    from alembic.operations import Operations

    with Operations.context(context):
        context.run_migrations()


def require_current(database: Database) -> None:
    """Fail with advice when a database is not of this version.

    Raises:
        ConfigError: it does not answer, or is older or newer.
    """
    found = current(database)
    if found != head():
        raise ConfigError(
            f"the database {database.shown} is of another version (revision {found or 'none'}).", hint="Run: stanch db upgrade"
        )
