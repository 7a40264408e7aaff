"""A backup is whole or is refused; what is restored or copied, to the same database or the other kind, is equal to what was there."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.databases import KEY, Clock, Servers, opened
from tests.support.recorded import ANNA, member, scanned, sighting, the_incident

from stanch.core.errors import ConfigError, ConflictError, InputError
from stanch.core.incident import IncidentState
from stanch.db import dump, migrate, tables
from stanch.db.database import Database
from stanch.incidents.backup import backup, copy, made_at, restore
from stanch.incidents.desk import Desk
from stanch.incidents.installation import WrappingKey
from stanch.incidents.triage import Move


@pytest.fixture
def full(desk: Desk, clock: Clock) -> Desk:
    """A record with something in most tables, unusual characters and a sealed value."""
    main = desk.workspace()
    member(desk, main, "anna", clock())
    with desk.look() as connection:
        sealed = desk.keyring.seal(connection, b"hunter2", "here", clock())
    facts = {"key_facts": {"bits": 2048, "ratio": 0.5, "none": None, "list": [True, "ü\t\\"]}, "companions": {"tenant": "‹x›"}}
    scanned(
        desk,
        sighting("one", "a.py", "b\nc\\.py", sealed=sealed, validity="live", **facts),
        sighting("two", title="Schlüssel 🔑 \u2028"),
    )
    clock.pass_(hours=1)
    scanned(desk, sighting("two"))
    with desk.work(main, ANNA) as work:
        work.triage.comment(the_incident(desk).id, "looked\tat\\n it\r\n")
        work.triage.tag(the_incident(desk).id, add=["später"])
        work.triage.move(the_incident(desk).id, Move(state=IncidentState.IN_REMEDIATION))
    return desk


def content(url: str) -> dict[str, list[bytes]]:
    database = Database(url)
    with database.read() as connection:
        found = {table.name: [dump.line_of(row) for row in dump.rows_of(connection, table)] for table in dump.TABLES}
    database.close()
    return found


def address(desk: Desk) -> str:
    return desk.database.url.render_as_string(hide_password=False)


@pytest.mark.parametrize("into", ["sqlite", "postgresql"])
def test_what_is_restored_is_equal(full: Desk, servers: Servers, tmp_path: Path, into: str) -> None:
    done = backup(full, tmp_path / "x.stanch-backup")
    url = servers.empty(into)
    back = restore(tmp_path / "x.stanch-backup", url, key=KEY)
    assert (
        back.rows == done.rows
        and back.digest == done.digest
        and back.rows["occurrences"] == 3
        and back.audit == back.rows["audit"] > 3
    )
    assert content(url) == content(address(full))
    with opened(url) as desk, desk.look() as connection:
        sealed = connection.execute(sa.select(tables.secrets.c.sealed).where(tables.secrets.c.sealed.is_not(None))).scalar_one()
        assert desk.keyring.open(connection, sealed, "here") == b"hunter2"


def test_from_one_kind_to_the_other_and_back_is_equal(full: Desk, servers: Servers, kind: str) -> None:
    other = servers.empty("postgresql" if kind == "sqlite" else "sqlite")
    again = servers.empty(kind)
    there = copy(address(full), other, key=KEY)
    back = copy(other, again, key=KEY)
    assert there.rows == back.rows and there.audit == back.audit > 0
    assert content(again) == content(other) == content(address(full))


def test_work_goes_on_after_a_restore(full: Desk, servers: Servers, kind: str, tmp_path: Path, clock: Clock) -> None:
    backup(full, tmp_path / "x")
    url = servers.empty(kind)
    restore(tmp_path / "x", url, key=KEY)
    with opened(url, clock) as desk:
        assert scanned(desk, sighting("two"), sighting("three")).total.opened == 1
        with desk.look() as connection:
            assert desk.audit.verify(connection).intact


def test_the_file_is_for_its_owner_alone_and_is_not_written_over(full: Desk, tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "x"
    backup(full, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and made_at(path) == clock()
    with pytest.raises(InputError) as error:
        backup(full, path)
    assert error.value.code == "file_exists"
    with pytest.raises(InputError, match="cannot be written"):
        backup(full, tmp_path / "none" / "x")
    assert [p.name for p in tmp_path.iterdir() if "partial" in p.name] == []


def test_no_plain_value_is_in_it(full: Desk, tmp_path: Path) -> None:
    backup(full, tmp_path / "x")
    with zipfile.ZipFile(tmp_path / "x") as archive:
        assert not any(b"hunter2" in archive.read(name) for name in archive.namelist())


def test_a_database_that_is_not_empty_is_left_alone(full: Desk, tmp_path: Path) -> None:
    backup(full, tmp_path / "x")
    before = content(address(full))
    for act in (lambda: restore(tmp_path / "x", address(full), key=KEY), lambda: copy(address(full), address(full), key=KEY)):
        with pytest.raises(ConflictError) as error:
            act()
        assert error.value.code == "not_empty"
    assert content(address(full)) == before


def test_another_installation_key_restores_nothing(full: Desk, servers: Servers, kind: str, tmp_path: Path) -> None:
    backup(full, tmp_path / "x")
    url = servers.empty(kind)
    with pytest.raises(ConfigError, match="does not open the keyring"):
        restore(tmp_path / "x", url, key=WrappingKey(b"\x01" * 32))
    assert not any(content(url).values())


def _changed(source: Path, target: Path, name: str, change: object) -> None:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.namelist():
            data = old.read(item)
            if item == name:
                if change is None:
                    continue
                data = change(data)  # type: ignore[operator]
            new.writestr(item, data)


@pytest.mark.parametrize(
    ("member_name", "change"),
    [
        ("tables/audit.jsonl", lambda data: data.replace(b"Anna", b"Ella")),
        ("tables/incidents.jsonl", lambda data: data[: len(data) // 2]),
        ("tables/incidents.jsonl", lambda data: b""),
        ("tables/comments.jsonl", None),
        ("manifest.json", None),
        ("manifest.json", lambda data: b"[]"),
        ("manifest.json", lambda data: data.replace(b'"audit"', b'"odit"')),
    ],
)
def test_a_changed_backup_is_refused_and_nothing_is_written(
    full: Desk, servers: Servers, tmp_path: Path, member_name: str, change: object
) -> None:
    backup(full, tmp_path / "x")
    _changed(tmp_path / "x", tmp_path / "y", member_name, change)
    url = servers.empty("sqlite")
    with pytest.raises(InputError) as error:
        restore(tmp_path / "y", url, key=KEY)
    assert error.value.code == "backup"
    assert migrate.current(Database(url)) == ""


def test_who_changes_the_digests_too_still_meets_the_audit_chain(full: Desk, servers: Servers, tmp_path: Path, kind: str) -> None:
    import hashlib

    backup(full, tmp_path / "x")
    with zipfile.ZipFile(tmp_path / "x") as archive:
        data = archive.read("tables/audit.jsonl").replace(b"Anna", b"Ella")
        manifest = json.loads(archive.read("manifest.json"))
    manifest["tables"]["audit"]["sha256"] = hashlib.sha256(data).hexdigest()
    _changed(tmp_path / "x", tmp_path / "y", "tables/audit.jsonl", lambda _: data)
    _changed(tmp_path / "y", tmp_path / "z", "manifest.json", lambda _: json.dumps(manifest).encode())
    url = servers.empty(kind)
    with pytest.raises(InputError, match="audit trail was changed"):
        restore(tmp_path / "z", url, key=KEY)
    assert not any(content(url).values())


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip at all" * 100])
def test_a_file_that_is_no_backup_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(InputError):
        restore(tmp_path / "x", f"sqlite:///{tmp_path}/x.db", key=KEY)
    with pytest.raises(InputError):
        restore(tmp_path / "none", f"sqlite:///{tmp_path}/x.db", key=KEY)


def test_a_backup_of_another_version_says_so(full: Desk, tmp_path: Path) -> None:
    backup(full, tmp_path / "x")
    _changed(tmp_path / "x", tmp_path / "y", "manifest.json", lambda data: data.replace(b'"revision": "', b'"revision": "9'))
    with pytest.raises(ConfigError, match="another version"):
        restore(tmp_path / "y", f"sqlite:///{tmp_path}/x.db", key=KEY)
