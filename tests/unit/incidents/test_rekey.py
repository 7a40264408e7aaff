"""The installation key can be replaced: the record opens after a crash at any point, fingerprints stay, sealed values too."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.databases import Clock, Servers
from tests.support.recorded import ANNA, fingerprint, member, rows, scanned, sighting

from stanch.core.errors import ConfigError, ConflictError, InputError
from stanch.core.secret import fingerprint_of
from stanch.db import tables
from stanch.incidents import rekey
from stanch.incidents.desk import Desk
from stanch.incidents.installation import WrappingKey, current, fingerprint_key
from stanch.incidents.rekey import Rotation, reseal, rewrap, rotate
from stanch.incidents.sealing import SealError
from stanch.incidents.values import context_of_value


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"XDG_DATA_HOME": str(tmp_path)}


@pytest.fixture
def url(servers: Servers, kind: str) -> str:
    return servers.migrated(kind)


@pytest.fixture
def held(url: str, env: dict[str, str], clock: Clock) -> Iterator[Desk]:
    """A record under a key in a file, with a sealed value in it."""
    desk = Desk.open(url, key=current(env), clock=clock)
    seal_one(desk, "one")
    yield desk
    desk.close()


def seal_one(desk: Desk, name: str) -> None:
    main = desk.workspace()
    with desk.work(main) as work:
        context = context_of_value(main, fingerprint(name))
        sealed = desk.keyring.seal(work.connection, f"value of {name}".encode(), context, work.now)
    scanned(desk, sighting(name, sealed=sealed))


def opened_value(desk: Desk, name: str = "one") -> bytes:
    with desk.look() as connection:
        row = connection.execute(sa.select(tables.secrets).where(tables.secrets.c.fingerprint == fingerprint(name))).one()
        return desk.keyring.open(connection, row.sealed, context_of_value(row.workspace_id, row.fingerprint))


def check(url: str, env: dict[str, str], clock: Clock) -> None:
    """Whoever starts now, with what lies in the folder, opens everything and can write."""
    desk = Desk.open(url, key=current(env), clock=clock)
    try:
        assert opened_value(desk) == b"value of one"
        with desk.work(desk.workspace(), ANNA) as work:
            work.note("test.after")
        with desk.look() as connection:
            assert desk.audit.verify(connection).intact
    finally:
        desk.close()


def test_a_new_key_opens_everything_and_the_old_one_nothing(
    held: Desk, url: str, env: dict[str, str], clock: Clock, tmp_path: Path
) -> None:
    before = current(env)
    done = rotate(held, env=env, actor=ANNA)
    after = current(env)
    assert (done.old, done.new, done.keys) == (before.id, after.id, 3) and before.secret != after.secret and after.others == ()
    check(url, env, clock)
    with pytest.raises(ConfigError, match="does not open the keyring"):
        Desk.open(url, key=before, clock=clock)
    assert sorted(p.name for p in (tmp_path / "stanch").iterdir()) == [
        "fingerprint.key",
        "installation.key",
        "installation.key.lock",
    ]
    assert all(stat.S_IMODE(p.stat().st_mode) == 0o600 for p in (tmp_path / "stanch").glob("*.key"))


def test_the_same_secret_is_the_same_incident_after_any_number_of_rotations(held: Desk, env: dict[str, str]) -> None:
    first = fingerprint_key(env)
    print_ = fingerprint_of(b"value", first)
    scanned(held, replace(sighting("x"), fingerprint=print_))
    for _ in range(3):
        rotate(held, env=env)
        assert fingerprint_key(env) == first
        assert scanned(held, replace(sighting("x"), fingerprint=fingerprint_of(b"value", fingerprint_key(env)))).total.opened == 0


def test_who_works_meanwhile_goes_on(held: Desk, env: dict[str, str]) -> None:
    rotate(held, env=env)
    seal_one(held, "two")
    assert opened_value(held, "two") == b"value of two"
    rotate(held, env=env)
    reseal(held)
    assert opened_value(held, "two") == b"value of two"


@pytest.mark.parametrize("done", range(6))
def test_a_crash_between_any_two_steps_leaves_a_record_that_opens_and_a_rotation_that_ends(
    held: Desk, url: str, env: dict[str, str], clock: Clock, done: int
) -> None:
    first = fingerprint_key(env)
    for step in Rotation(held, env=env).steps[:done]:
        step()
    check(url, env, clock)
    again = Desk.open(url, key=current(env), clock=clock)
    rotate(again, env=env)
    again.close()
    check(url, env, clock)
    assert fingerprint_key(env) == first and current(env).others == ()


@pytest.mark.parametrize("call", range(16))
def test_a_crash_at_any_file_operation_does_so_too(
    held: Desk, url: str, env: dict[str, str], clock: Clock, call: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class CrashError(BaseException):
        pass

    calls = 0

    def counted(plain):  # type: ignore[no-untyped-def]
        def act(*args, **options):  # type: ignore[no-untyped-def]
            nonlocal calls
            calls += 1
            if calls == call + 1:
                raise CrashError
            return plain(*args, **options)

        return act

    rotation = Rotation(held, env=env)
    with monkeypatch.context() as patch:
        for name in ("open", "replace", "fsync", "fdopen"):
            patch.setattr(rekey.os, name, counted(getattr(rekey.os, name)))
        try:
            for step in rotation.steps:
                step()
        except CrashError:
            pass
    check(url, env, clock)
    again = Desk.open(url, key=current(env), clock=clock)
    rotate(again, env=env)
    again.close()
    check(url, env, clock)


def test_a_unit_of_work_that_fails_wraps_nothing(
    held: Desk, url: str, env: dict[str, str], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = current(env)
    monkeypatch.setattr(held.audit, "write", lambda *args, **values: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        rewrap(held, before, WrappingKey(b"\x09" * 32))
    assert {row.wrapped_by for row in rows(held, tables.keyring)} == {before.id}
    check(url, env, clock)


def test_a_key_from_the_environment_is_wrapped_and_left_to_people(url: str, clock: Clock) -> None:
    old, new = WrappingKey(b"\x01" * 32), WrappingKey(b"\x02" * 32)
    desk = Desk.open(url, key=old, clock=clock)
    with pytest.raises(InputError) as error:
        rotate(desk, env={"STANCH_KEY": "01" * 32})
    assert error.value.code == "key_given"
    assert rewrap(desk, old, new) == 3 and rewrap(desk, old, new) == 0
    with pytest.raises(ConfigError, match="another installation key"):
        rewrap(desk, WrappingKey(b"\x03" * 32), WrappingKey(b"\x04" * 32))
    desk.close()
    Desk.open(url, key=new, clock=clock).close()
    env = {"STANCH_KEY": "02" * 32, "STANCH_FINGERPRINT_KEY": "01" * 32}
    assert fingerprint_key(env) == b"\x01" * 32 and current(env) == new


def test_two_rotations_at_once_are_refused(held: Desk, env: dict[str, str]) -> None:
    with Rotation(held, env=env)._alone(), pytest.raises(ConflictError, match="being replaced already"):
        rotate(held, env=env)


def test_without_a_key_file_there_is_nothing_to_replace(held: Desk, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no installation key"):
        rotate(held, env={"XDG_DATA_HOME": str(tmp_path / "other")})


def test_every_rotation_is_on_the_audit_trail(held: Desk, env: dict[str, str]) -> None:
    done = rotate(held, env=env, actor=ANNA)
    entry = rows(held, tables.audit)[-1]
    assert (entry.action, entry.actor_name) == ("installation.rekey", "Anna")
    assert entry.data == {"keys": 3, "from": done.old, "to": done.new}


def test_every_sealed_value_is_sealed_anew_and_old_keys_are_retired(
    held: Desk, url: str, env: dict[str, str], clock: Clock
) -> None:
    from stanch.people.totp import _context

    for n in range(3):
        seal_one(held, f"more{n}")
    main = held.workspace()
    member(held, main, "anna", clock())
    with held.work(main) as work:
        sealed = held.keyring.seal(work.connection, b"totp", _context("usr_anna"), work.now)
        work.connection.execute(sa.update(tables.users).values(totp_sealed=sealed))
        channel = {"id": "chn_1", "workspace_id": main, "name": "c", "kind": "slack", "created_at": work.now}
        sealed = held.keyring.seal(work.connection, b"channel", "channels.sealed chn_1", work.now)
        work.connection.execute(sa.insert(tables.channels).values(**channel, sealed=sealed))
    old = [row.id for row in rows(held, tables.keyring) if row.purpose == "data"]
    done = reseal(held, actor=ANNA)
    assert done.values == {"secrets": 4, "users": 1, "channels": 1} and done.retired == 1 and done.key not in old
    assert {held.keyring.key_of(row.sealed) for row in rows(held, tables.secrets)} == {done.key}
    check(url, env, clock)
    with held.look() as connection:
        assert held.keyring.open(connection, rows(held, tables.users)[0].totp_sealed, _context("usr_anna")) == b"totp"
    assert [row.retired_at is not None for row in rows(held, tables.keyring) if row.purpose == "data"] == [True, False]


def test_a_value_that_does_not_open_retires_no_key(held: Desk) -> None:
    with held.work(held.workspace()) as work:
        work.connection.execute(sa.update(tables.secrets).values(sealed=rows(held, tables.secrets)[0].sealed + b"x"))
    with pytest.raises(SealError):
        reseal(held)
    assert all(row.retired_at is None for row in rows(held, tables.keyring))
