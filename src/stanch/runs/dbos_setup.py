"""How DBOS is set up: where its tables are, what it may write there, and that it is quiet.

It must neither print, nor listen, nor send, nor pickle. Its tables are in a second SQLite file next to the record, or in
the schema ``dbos`` of the record's PostgreSQL database.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from dbos import DBOSConfig, Serializer
from sqlalchemy.engine import URL, make_url

from stanch.core.errors import place_of
from stanch.runs import plain
from stanch.runs.errors import StepFailedError, kept
from stanch.runs.port import RunError

VERSION: Final = "1"  # of how jobs are kept; DBOS gives a run only to workers of its version, so this hardly ever changes
_FILE_POOL: Final = 12
log = logging.getLogger("stanch.runs")


class JsonSerializer(Serializer):
    """JSON and nothing else; DBOS's own would unpickle what it finds in the database."""

    def name(self) -> str:
        """Return what stands beside each value."""
        return "stanch_json"

    def serialize(self, data: Any) -> str:
        """Return what is stored: a value, an error without values, or the arguments of a workflow."""
        if isinstance(data, BaseException):
            return json.dumps({"error": asdict(kept(data))})
        if type(data) is dict and data.keys() == {"args", "kwargs"} and type(data["args"]) is tuple:
            return f'{{"call":{plain.dumps([list(data["args"]), data["kwargs"]], "an argument")}}}'
        return f'{{"value":{plain.dumps(data, "a value")}}}'

    def deserialize(cls, serialized_data: str) -> Any:  # noqa: N805  # named so by DBOS
        """Return what was stored."""
        found = json.loads(serialized_data)
        if "error" in found:
            return StepFailedError(RunError(**found["error"]))
        if "call" in found:
            args, kwargs = found["call"]
            return {"args": tuple(args), "kwargs": kwargs}
        return found["value"]


class _Discreet(logging.Filter):
    """What a library says about an exception may hold a value: only its type and place are logged."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            record.msg = f"{record.getMessage()} {type(error).__name__} at {place_of(error)}"
            record.args, record.exc_info, record.exc_text = None, None, None
        return True


def quiet() -> None:
    """Let DBOS log where everybody logs, and only what matters."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:  # or it would add one that writes to the terminal
        logger.addHandler(logging.NullHandler())
    if not any(isinstance(f, _Discreet) for f in logger.filters):
        logger.addFilter(_Discreet())


def sqlite_file(url: str | URL) -> Path | None:
    """Return the file of the engine's tables; nothing when they are on PostgreSQL."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    record = Path(parsed.database or "stanch.db")
    return record.with_name(f"{record.stem}-runs{record.suffix or '.db'}")


def config(url: str | URL, worker: str, *, poll: float, silence: float, connections: int) -> tuple[DBOSConfig, sa.Engine | None]:
    """Return how DBOS is set up, and the pool of connections that has to be closed after it.

    Args:
        url: of the record.
        worker: id.
        poll: seconds between two looks for a signal.
        silence: seconds after which a worker is given up, and PostgreSQL ends a transaction in which it does nothing: a worker
            that is frozen in one would keep its rows from the others.
        connections: to PostgreSQL.
    """
    made: DBOSConfig = {
        "name": "stanch",
        "application_version": VERSION,
        "executor_id": worker,
        "serializer": JsonSerializer(),
        "log_level": "WARNING",
        "enable_otlp": False,
        "dbos_system_schema": "dbos",
        "notification_listener_polling_interval_sec": poll,
    }
    if file := sqlite_file(url):
        _make_private(file)
        made["system_database_url"] = f"sqlite:///{file}"
        made["db_engine_kwargs"] = {"hide_parameters": True, "pool_size": _FILE_POOL, "max_overflow": 20}
        return made, None
    engine = sa.create_engine(
        make_url(url).set(drivername="postgresql+psycopg"), pool_size=connections, max_overflow=0, pool_pre_ping=True,
        hide_parameters=True, connect_args={"application_name": "stanch-runs", "connect_timeout": 10, "options": _idle(silence)},
    )  # fmt: skip
    made["system_database_engine"] = engine  # given one, DBOS does not ask the server for other databases
    return made, engine


def _idle(seconds: float) -> str:
    return f"-c idle_in_transaction_session_timeout={max(1000, int(seconds * 1000))}"


def _make_private(file: Path) -> None:
    """Make the file readable by this user alone; readers of a WAL never wait for who writes."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(file, timeout=30)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()
