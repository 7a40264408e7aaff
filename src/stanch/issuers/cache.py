"""Answers remembered between runs, so that the same credential is not asked about again and again.

A SQLite file with mode 0600 in the data folder. It holds fingerprints and verdicts, no values. It is only a memory: when it
cannot be read, it starts anew; when it cannot be written, nothing is remembered; it never stops a check.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from stanch.core.validity import Validity, ValidityCheck
from stanch.issuers.answers import dumped, loaded

LIFETIMES: Final[Mapping[Validity, timedelta]] = {
    Validity.LIVE: timedelta(hours=1),  # may be revoked any minute, which is what everybody hopes for
    Validity.DEAD: timedelta(days=30),  # issuers do not raise the dead, but an identity provider's replicas may lag
    Validity.EXPIRED: timedelta(days=1),
    Validity.DORMANT: timedelta(days=1),
}
"""How long an answer holds. What is not here is not remembered."""

_SKEW: Final = timedelta(minutes=5)
_BUSY: Final = 5.0  # seconds to wait for another process
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS answers_1 (
    question TEXT NOT NULL, detector TEXT NOT NULL, hosts TEXT NOT NULL, expires REAL NOT NULL, answer TEXT NOT NULL,
    PRIMARY KEY (question, detector, hosts)
) WITHOUT ROWID
"""
_T = TypeVar("_T")


class AnswerCache:
    """Remembers verdicts. Safe between threads and between processes.

    Args:
        path: the file; made when missing.
        hosts: `DoorPolicy.hosts_digest`: what a simulator answered is not what the issuer would answer.
        lifetimes: how long each verdict holds.
    """

    def __init__(self, path: Path, *, hosts: str = "", lifetimes: Mapping[Validity, timedelta] = LIFETIMES) -> None:
        self._path = path
        self._hosts = hosts
        self._lifetimes = lifetimes
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._given_up = False

    def get(self, question: str, detector: str, now: datetime) -> ValidityCheck | None:
        """Return what was answered and still holds at *now*.

        Args:
            question: identity of what is asked: `stanch.issuers.checker.question_of`.
            detector: id of the type.
            now: the time, UTC.
        """
        sql = "SELECT answer FROM answers_1 WHERE question = ? AND detector = ? AND hosts = ? AND expires > ?"
        row = self._run(lambda db: db.execute(sql, (question, detector, self._hosts, now.timestamp())).fetchone())
        if row is None:
            return None
        try:
            check = loaded(row[0])
        except ValueError:
            return None
        # The time it was asked counts, not the one it was to expire: lifetimes may have become shorter, clocks may have jumped.
        lifetime = self._lifetimes.get(check.validity)
        return check if lifetime and now - lifetime < check.checked_at < now + _SKEW else None

    def put(self, question: str, detector: str, check: ValidityCheck) -> None:
        """Remember a verdict, if it is of a kind that is remembered."""
        lifetime = self._lifetimes.get(check.validity)
        if lifetime is None or check.cached:
            return
        row = (question, detector, self._hosts, (check.checked_at + lifetime).timestamp(), dumped(check))
        self._run(lambda db: db.execute("INSERT OR REPLACE INTO answers_1 VALUES (?, ?, ?, ?, ?)", row))

    def forget_expired(self, now: datetime) -> None:
        """Throw away what no longer holds."""
        self._run(lambda db: db.execute("DELETE FROM answers_1 WHERE expires <= ?", (now.timestamp(),)))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._close()
            self._given_up = True

    def _run(self, work: Callable[[sqlite3.Connection], _T]) -> _T | None:
        """Do *work*; a broken file is replaced once, everything else means that nothing is remembered."""
        with self._lock:
            for again in (True, False):
                if self._given_up:
                    return None
                try:
                    if self._database is None:
                        self._database = self._open()
                    return work(self._database)
                except sqlite3.OperationalError:  # locked, full, read-only: may pass
                    return None
                except (sqlite3.DatabaseError, UnicodeDecodeError):  # not a database, malformed
                    self._close()
                    self._given_up = not (again and self._remove())
                except OSError:
                    self._given_up = True
            return None

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # SQLite gives its side files the mode of the main one, so that one has to be right from the start.
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(handle, 0o600)
        finally:
            os.close(handle)
        database = sqlite3.connect(self._path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute("PRAGMA cache_size = -256")  # KiB; the default of 2 MB buys nothing for single rows
            database.execute(_SCHEMA)
        except BaseException:
            database.close()
            raise
        return database

    def _close(self) -> None:
        if self._database is not None:
            with suppress(sqlite3.Error):
                self._database.close()
            self._database = None

    def _remove(self) -> bool:
        try:
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        except OSError:
            return False
        return True
