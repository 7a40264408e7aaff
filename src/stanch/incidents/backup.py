"""Copies of the whole record: into a file, from a file, from one database into another.

A ``.stanch-backup`` is a zip of ``manifest.json`` and one ``tables/<name>.jsonl`` for each table: a row is a line, a JSON list in
the order of the manifest's ``columns``; times are microseconds since 1970 (UTC), bytes are base64. The manifest has the number of
rows and the SHA-256 of every table. It is the same for SQLite and PostgreSQL, is taken from one state while others write, and
restores into either. Values in it are as sealed as in the database: without the installation key nobody opens them. The
installation key is not in it: keep that elsewhere. The durable engine's own tables (steps of runs) are not in it either.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from stanch.core.errors import ConfigError, ConflictError, InputError
from stanch.db import dump, keys, migrate
from stanch.db.database import Database
from stanch.incidents.audit import Audit
from stanch.incidents.desk import Desk
from stanch.incidents.installation import WrappingKey, current
from stanch.incidents.sealing import Keyring

FORMAT: Final = "stanch-backup"
VERSION: Final = 1
_MOST_MANIFEST: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What is in a copy.

    Attributes:
        rows: table → number of rows.
        digest: SHA-256 of the manifest, which names those of all tables; empty between two databases.
        audit: entries of the audit trail, all found intact; 0 when it was not looked at.
    """

    rows: Mapping[str, int]
    digest: str = ""
    audit: int = 0


def backup(desk: Desk, path: str | os.PathLike[str]) -> Copied:
    """Write the record into a file that only this user may read, whole or not at all.

    Args:
        desk: the record; others may go on writing.
        path: of a file that is not there yet.

    Raises:
        InputError: there is a file already, or it cannot be written.
    """
    target = Path(path)
    if target.exists():
        raise InputError("there is a file of that name already.", hint="Name another, or remove it.", code="file_exists")
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            done = _written(desk, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
    except OSError as exc:
        raise InputError(f"the backup cannot be written: {exc.strerror or type(exc).__name__}.") from exc
    finally:
        partial.unlink(missing_ok=True)
    return done


def _written(desk: Desk, file: IO[bytes]) -> Copied:
    tables: dict[str, dict[str, Any]] = {}
    with desk.look() as connection, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:
        for table in dump.TABLES:
            digest, count = hashlib.sha256(), 0
            with archive.open(f"tables/{table.name}.jsonl", "w", force_zip64=True) as member:
                for row in dump.rows_of(connection, table):
                    line = dump.line_of(row)
                    digest.update(line)
                    member.write(line)
                    count += 1
            tables[table.name] = {"columns": dump.columns_of(table), "rows": count, "sha256": digest.hexdigest()}
        manifest = json.dumps(
            {
                "format": FORMAT,
                "version": VERSION,
                "revision": migrate.head(),
                "made_at": desk.now().isoformat(),
                "made_from": desk.database.engine.dialect.name,
                "wrapped_by": sorted({row["wrapped_by"] for row in keys.every_key(connection)}),
                "tables": tables,
            },
            indent=1,
        )
        archive.writestr("manifest.json", manifest)
    return Copied(
        rows={name: facts["rows"] for name, facts in tables.items()}, digest=hashlib.sha256(manifest.encode()).hexdigest()
    )


def restore(path: str | os.PathLike[str], url: str, *, key: WrappingKey | None = None) -> Copied:
    """Put a backup into an empty database: all of it, or nothing.

    Args:
        path: of the backup.
        url: see `stanch.db.database.Database`; there must be nothing in it.
        key: the installation key the backup was made under; this installation's when not given.

    Raises:
        InputError: the file is no whole backup; ``code`` is ``backup``.
        ConflictError: the database is not empty; ``code`` is ``not_empty``.
        ConfigError: the backup is of another version, or its keyring does not open with the key.
    """
    with _opened(path) as archive:
        manifest, digest = _manifest(archive)
        for table in dump.TABLES:  # before anything is written
            _check(archive, table, manifest["tables"][table.name])
        with _target(url) as database, database.begin() as connection:
            _require_empty(connection, database)
            done = {table.name: dump.put(connection, table, _lines(archive, table)) for table in dump.TABLES}
            entries = _verified(connection, done, {n: facts["rows"] for n, facts in manifest["tables"].items()}, key)
    return Copied(rows=done, digest=digest, audit=entries)


def copy(source_url: str, target_url: str, *, key: WrappingKey | None = None) -> Copied:
    """Copy a record into an empty database, of the same kind or the other: all of it, or nothing.

    Raises:
        ConflictError: the target is not empty; ``code`` is ``not_empty``.
        ConfigError: the source is of another version, or its keyring does not open with the key.
    """
    source = Database(source_url)
    try:
        migrate.require_current(source)
        with source.read() as reading, _target(target_url) as database, database.begin() as connection:
            _require_empty(connection, database)
            done = {table.name: dump.put(connection, table, dump.rows_of(reading, table)) for table in dump.TABLES}
            entries = _verified(connection, done, {table.name: dump.count_of(reading, table) for table in dump.TABLES}, key)
    finally:
        source.close()
    return Copied(rows=done, audit=entries)


@contextmanager
def _target(url: str) -> Iterator[Database]:
    database = Database(url)
    try:
        migrate.upgrade(database)
        yield database
    finally:
        database.close()


def _require_empty(connection: Connection, database: Database) -> None:
    migrate.lock_setup(connection, database)  # so that no server sets it up meanwhile
    if not dump.is_empty(connection):
        raise ConflictError(
            f"the database {database.shown} is not empty.", hint="Name a new file, or a new database.", code="not_empty"
        )


def _verified(connection: Connection, done: Mapping[str, int], wanted: Mapping[str, int], key: WrappingKey | None) -> int:
    for table in dump.TABLES:
        there = dump.count_of(connection, table)
        if not there == done[table.name] == wanted[table.name]:
            raise _broken(f"table {table.name} has {there} rows instead of {wanted[table.name]}")
    verdict = Audit(Keyring(key or current())).verify(connection)
    if not verdict.intact:
        raise _broken(f"its audit trail was changed: {verdict.problem}")
    return verdict.entries


def _broken(what: str) -> InputError:
    return InputError(f"this is no whole backup: {what}.", hint="Nothing was changed. Take an older backup.", code="backup")


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except OSError as exc:
        raise InputError(f"the backup cannot be read: {exc.strerror or type(exc).__name__}.") from exc
    except (zipfile.BadZipFile, EOFError, NotImplementedError, zlib.error) as exc:
        raise _broken("the archive is damaged") from exc


def _manifest(archive: zipfile.ZipFile) -> tuple[dict[str, Any], str]:
    try:
        with archive.open("manifest.json") as member:
            text = member.read(_MOST_MANIFEST)
        manifest: dict[str, Any] = json.loads(text)
        described = {name: list(facts["columns"]) for name, facts in manifest["tables"].items()}
        form, revision = (manifest["format"], manifest["version"]), manifest["revision"]
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise _broken("it has no manifest that can be read") from exc
    if form != (FORMAT, VERSION) or revision != migrate.head():
        raise ConfigError(
            f"the backup is of another version of Stanch (revision {str(revision)[:20]}).",
            hint="Restore it with that version, then upgrade.",
        )
    if described != {table.name: dump.columns_of(table) for table in dump.TABLES}:
        raise _broken("its tables are not those of this version")
    return manifest, hashlib.sha256(text).hexdigest()


def _member(archive: zipfile.ZipFile, table: sa.Table) -> Iterator[bytes]:
    try:
        member = archive.open(f"tables/{table.name}.jsonl")
    except KeyError as exc:
        raise _broken(f"table {table.name} is missing") from exc
    with member:
        yield from member


def _check(archive: zipfile.ZipFile, table: sa.Table, facts: Mapping[str, Any]) -> None:
    digest = hashlib.sha256()
    for line in _member(archive, table):
        digest.update(line)
    if digest.hexdigest() != facts["sha256"]:
        raise _broken(f"table {table.name} was changed")


def _lines(archive: zipfile.ZipFile, table: sa.Table) -> Iterator[list[Any]]:
    width = len(table.columns)
    for line in _member(archive, table):
        try:
            row = json.loads(line)
        except ValueError as exc:
            raise _broken(f"table {table.name} has a row of another form") from exc
        if not isinstance(row, list) or len(row) != width:
            raise _broken(f"table {table.name} has a row of another form")
        yield row


def made_at(path: str | os.PathLike[str]) -> datetime:
    """Return when a backup was made.

    Raises:
        InputError: it is no backup.
    """
    with _opened(path) as archive:
        return datetime.fromisoformat(_manifest(archive)[0]["made_at"])
