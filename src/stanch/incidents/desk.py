"""A record that is open: its database, its keyring and its audit trail, and units of work on them.

desk = Desk.open()                       # this user's, or STANCH_DATABASE
with desk.work(workspace, actor) as work:
    work.triage.comment(incident, "looked at it")
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from sqlalchemy.engine import Connection

from stanch.core.incident import SYSTEM, Actor
from stanch.db import keys, migrate
from stanch.db.database import Database
from stanch.incidents.audit import Audit
from stanch.incidents.installation import WrappingKey, current
from stanch.incidents.sealing import Keyring, prepare
from stanch.incidents.triage import Triage
from stanch.incidents.workspaces import DEFAULT, require_workspace

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


class Desk:
    """An open record.

    Args:
        database: migrated.
        keyring: its data keys.
        clock: gives the time.
    """

    def __init__(self, database: Database, keyring: Keyring, clock: Clock = utc_now) -> None:
        self.database = database
        self.keyring = keyring
        self.audit = Audit(keyring)
        self.now = clock

    @classmethod
    def open(cls, url: str = "", *, key: WrappingKey | None = None, clock: Clock = utc_now) -> Desk:
        """Open a record, bringing its tables up to this version and making its keys on first use.

        Args:
            url: see `stanch.db.database.Database`.
            key: the installation key; this installation's when not given.
            clock: gives the time.

        Raises:
            ConfigError: the database cannot be opened, or belongs to another installation key.
        """
        database = Database(url)
        try:
            migrate.upgrade(database)
            desk = cls(database, Keyring(key or current()), clock)
            desk._prepare()
        except BaseException:
            database.close()
            raise
        return desk

    def _prepare(self) -> None:
        with self.database.read() as connection:
            if self.audit.has_begun(connection):
                self.keyring.key(connection, "data", self.now())  # tells at once when the installation key is another one
                return
        with self.database.begin() as connection:
            migrate.lock_setup(connection, self.database)
            if not self.audit.has_begun(connection):
                # a keyring without a trail means that somebody took the trail away: the new one says so for ever
                action = "audit.begin_again" if keys.every_key(connection) else "installation.create"
                prepare(connection, self.keyring, self.now())
                self.audit.write(connection, action, actor=SYSTEM, now=self.now())

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def workspace(self, key: str = DEFAULT) -> str:
        """Return the id of a workspace by id or short name; *main* is made when there is none."""
        with self.database.begin() as connection:
            return require_workspace(connection, key, self.now())

    @contextmanager
    def work(self, workspace: str, actor: Actor = SYSTEM, *, request_id: str = "") -> Iterator[Work]:
        """Open a unit of work: all of it is kept, or nothing."""
        with self.database.begin() as connection:
            yield Work(desk=self, connection=connection, workspace=workspace, actor=actor, now=self.now(), request_id=request_id)

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """Open a connection that only reads one consistent state."""
        with self.database.read() as connection:
            yield connection


@dataclass(frozen=True, kw_only=True)  # without slots: a cached property needs a place
class Work:
    """One unit of work.

    Attributes:
        desk: the record.
        connection: to its database.
        workspace: where.
        actor: who.
        now: when; one moment for all of it.
        request_id: of the HTTP request.
    """

    desk: Desk
    connection: Connection
    workspace: str
    actor: Actor
    now: datetime
    request_id: str = ""

    @cached_property
    def triage(self) -> Triage:
        """What people do to incidents."""
        return Triage(
            self.connection, self.desk.audit, workspace=self.workspace, actor=self.actor, now=self.now, request_id=self.request_id
        )

    def note(self, action: str, *, subject: str = "", data: dict[str, object] | None = None) -> None:
        """Write to the audit trail."""
        self.desk.audit.write(
            self.connection,
            action,
            actor=self.actor,
            now=self.now,
            workspace=self.workspace or None,  # what belongs to no workspace belongs to the installation
            subject=subject,
            data=data,
            request_id=self.request_id,
        )
