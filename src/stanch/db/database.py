"""One door to the database: `Database.begin` to write, `Database.read` to look.

SQLite runs in WAL mode: readers never wait, and a writer takes the lock at the start of its unit of work (BEGIN IMMEDIATE), so
that two of them queue up instead of failing half way. PostgreSQL runs at READ COMMITTED; where that is too little, queries
lock rows (`FOR UPDATE`), which SQLite does not need.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, make_url

from stanch.core.errors import ConfigError

_BUSY_SECONDS: Final = 30
_HINT: Final = "Write sqlite:////folder/stanch.db or postgresql://user@host/name (password in PGPASSWORD or ~/.pgpass)."


def default_url(env: Mapping[str, str] | None = None) -> str:
    """Return where the record lives: ``STANCH_DATABASE``, or a file of this user."""
    env = os.environ if env is None else env
    if env.get("STANCH_DATABASE"):
        return env["STANCH_DATABASE"]
    base = env.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return f"sqlite:///{base}/stanch/stanch.db"


class Database:
    """A database and its pool of connections.

    Args:
        url: ``sqlite:////path/stanch.db`` or ``postgresql://…``.
        pool: connections kept open on PostgreSQL.

    Raises:
        ConfigError: the address names no database we know, or its folder cannot be made.

    Attributes:
        engine: SQLAlchemy's.
        is_sqlite: whether there is one writer at a time.
    """

    def __init__(self, url: str = "", *, pool: int = 10) -> None:
        self.url = _parsed(url or default_url())
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            _make_private(self.url.database or "")
            self.engine = sa.create_engine(
                self.url, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False}, hide_parameters=True
            )
            _set_up_sqlite(self.engine)
        else:
            self.engine = sa.create_engine(
                self.url, pool_size=pool, max_overflow=pool, pool_pre_ping=True, hide_parameters=True,
                connect_args={"application_name": "stanch", "connect_timeout": 10},
            )  # fmt: skip

    @property
    def shown(self) -> str:
        """The address without its password."""
        return self.url.set(drivername=self.url.get_backend_name()).render_as_string(hide_password=True)

    @property
    def address(self) -> str:
        """The address with its password: for another process of ours, never for people."""
        return self.url.render_as_string(hide_password=False)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Open a unit of work: what was written is kept when the block ends, and undone when it raises."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a connection to look at one consistent state."""
        with self.engine.connect() as plain:
            connection = plain.execution_options(stanch_reads=True) if self.is_sqlite else plain
            with connection.begin():
                if not self.is_sqlite:
                    connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
            return parsed.set(drivername="postgresql+psycopg")
        if parsed.drivername in ("sqlite", "sqlite+pysqlite") and parsed.database:
            return parsed.set(drivername="sqlite+pysqlite")
    except (sa.exc.ArgumentError, ValueError, TypeError) as exc:
        raise ConfigError("the address of the database cannot be read.", hint=_HINT) from exc
    raise ConfigError(f"the address of the database begins with {parsed.drivername!r}.", hint=_HINT)


def _make_private(path: str) -> None:
    """Make the file and its folder readable by this user alone, before SQLite would make it for everybody."""
    if path == ":memory:":
        return
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(target, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as exc:
        reason = exc.strerror or type(exc).__name__
        raise ConfigError(
            f"the database cannot be opened: {reason}", path=path, hint="Name another with STANCH_DATABASE."
        ) from exc


def _set_up_sqlite(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def _connected(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # the driver begins too late by itself
        for pragma in (
            "journal_mode=WAL",
            "foreign_keys=ON",
            "synchronous=FULL",  # what was answered for survives a power cut; a replaced key depends on it
            "secure_delete=ON",
            "cache_size=-65536",
            "temp_store=MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        reads = connection.get_execution_options().get("stanch_reads")
        connection.exec_driver_sql("PRAGMA query_only=ON" if reads else "PRAGMA query_only=OFF")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
