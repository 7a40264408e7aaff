"""Replace the installation key, and replace the data keys.

`rotate` makes a new installation key and wraps every data key with it. It goes in small steps, each of which may be repeated; a
crash between any two leaves a record that opens, because until the end both keys lie side by side and either is tried:

    1. the key that fingerprints are made with is kept in ``fingerprint.key``: the same secret stays the same incident
    2. the new key is written to ``installation.key.new``
    3. in one unit of work, all data keys are wrapped with it
    4. the old key is kept as ``installation.key.old``, and the new one takes its place
    5. the record is opened with the new key alone; only then is the old one removed

Where the key comes from ``STANCH_KEY``, nothing here can change it: `rewrap` does step 3, and a person gives the new key to every
process, and the old one as ``STANCH_FINGERPRINT_KEY``. Servers and workers that run meanwhile keep working; restart them soon.

`reseal` makes a new data key and seals every kept value with it anew, for the day when a data key may be known to somebody.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stanch.core.errors import ConfigError, ConflictError, InputError
from stanch.core.incident import SYSTEM, Actor
from stanch.db import keys, sealed
from stanch.incidents.desk import Desk, Work
from stanch.incidents.installation import KEY_FILE, WrappingKey, given_key, key_folder, read_key
from stanch.incidents.sealing import Keyring, rewrap_all
from stanch.incidents.values import context_of_value

_BYTES: Final = 32
_BATCH: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Rekeyed:
    """What a rotation came to.

    Attributes:
        keys: how many data keys were wrapped anew.
        old: id of the installation key before; `new` after.
    """

    keys: int
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resealed:
    """What sealing anew came to.

    Attributes:
        key: id of the new data key.
        values: table → how many values it seals now.
        retired: how many data keys seal nothing any more.
    """

    key: str
    values: Mapping[str, int]
    retired: int


class Rotation:
    """A rotation of the key in ``installation.key``; `steps` in their order, each of which may be repeated.

    Args:
        desk: the record, open.
        env: where the key is found; the environment when not given.
        actor: for the audit trail.

    Raises:
        InputError: the key is given by ``STANCH_KEY``; ``code`` is ``key_given``.
        ConfigError: there is no key file.
    """

    def __init__(self, desk: Desk, *, env: Mapping[str, str] | None = None, actor: Actor = SYSTEM) -> None:
        env = os.environ if env is None else env
        if given_key(env, "STANCH_KEY"):
            raise InputError(
                "the installation key is given by STANCH_KEY, and is changed where that is set.",
                hint="Wrap the keyring with the new key, then set STANCH_KEY to it and STANCH_FINGERPRINT_KEY to the old one.",
                code="key_given",
            )  # fmt: skip
        folder = key_folder(env)
        if folder is None or not read_key(folder / KEY_FILE):
            raise ConfigError(
                "there is no installation key to replace.", path=KEY_FILE if folder is None else str(folder / KEY_FILE)
            )
        self.folder: Path = folder
        self._desk, self._env, self._actor = desk, env, actor
        self._old = WrappingKey(read_key(folder / KEY_FILE))
        self._keys = 0

    @property
    def steps(self) -> tuple[Callable[[], None], ...]:
        """What is done, in this order."""
        return self.keep_fingerprints, self.make, self.wrap, self.put_in_place, self.prove

    def run(self) -> Rekeyed:
        """Do all of it."""
        with self._alone():
            for step in self.steps:
                step()
        return Rekeyed(keys=self._keys, old=self._old.id, new=WrappingKey(read_key(self.folder / KEY_FILE)).id)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the folder; a lock that dies with its process."""
        with open(self.folder / f"{KEY_FILE}.lock", "a", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as exc:
                raise ConflictError("the installation key is being replaced already.", hint="Wait for that to end.") from exc
            for partial in (*self.folder.glob(f"{KEY_FILE}.*.partial"), *self.folder.glob("fingerprint.key.*.partial")):
                partial.unlink(missing_ok=True)  # of a process that died
            yield

    def keep_fingerprints(self) -> None:
        """Write ``fingerprint.key``, unless fingerprints have a key of their own already."""
        kept = self.folder / "fingerprint.key"
        if not given_key(self._env, "STANCH_FINGERPRINT_KEY") and not read_key(kept):
            _write(kept, self._old.secret)

    def make(self) -> None:
        """Write the new key beside the old one; that of a rotation which did not end is used again."""
        if not read_key(self._new_path):
            _write(self._new_path, os.urandom(_BYTES))

    def wrap(self) -> None:
        """Wrap all data keys with the new key."""
        self._keys = rewrap(self._desk, self._old, WrappingKey(read_key(self._new_path)), actor=self._actor)

    def put_in_place(self) -> None:
        """Let the new key take the old one's place."""
        new = WrappingKey(read_key(self._new_path))
        _write(self._old_path, self._old.secret)
        os.replace(self._new_path, self.folder / KEY_FILE)
        _sync(self.folder)
        self._desk.keyring.rewrapped(new)

    def prove(self) -> None:
        """Open everything with the key that is in place now, and nothing else; then remove the old one."""
        with self._desk.look() as connection:
            Keyring(WrappingKey(read_key(self.folder / KEY_FILE))).open_all(connection)
        self._old_path.unlink(missing_ok=True)

    @property
    def _new_path(self) -> Path:
        return self.folder / f"{KEY_FILE}.new"

    @property
    def _old_path(self) -> Path:
        return self.folder / f"{KEY_FILE}.old"


def rotate(desk: Desk, *, env: Mapping[str, str] | None = None, actor: Actor = SYSTEM) -> Rekeyed:
    """Replace the installation key in its file; see `Rotation`."""
    return Rotation(desk, env=env, actor=actor).run()


def rewrap(desk: Desk, old: WrappingKey, new: WrappingKey, *, actor: Actor = SYSTEM) -> int:
    """Wrap all data keys with a new installation key, in one unit of work; returns how many.

    Raises:
        ConfigError: a key is wrapped by neither.
    """
    with desk.database.begin() as connection:
        desk.keyring.key(connection, "audit", desk.now())  # opened with the old key while it still can be
        count = rewrap_all(connection, old, new)
        if count:
            data = {"keys": count, "from": old.id, "to": new.id}
            desk.audit.write(connection, "installation.rekey", actor=actor, now=desk.now(), data=data)
    return count


def reseal(desk: Desk, *, actor: Actor = SYSTEM) -> Resealed:
    """Seal every kept value under a new data key, a few at a time while others work; old data keys are retired.

    After a crash, run it again: it begins anew with another key. Old data keys stay in the keyring, because backups hold values
    that only they open.

    Raises:
        SealError: a value does not open; those before it are sealed anew already, and no key is retired.
    """
    with desk.work("", actor) as work:
        name = desk.keyring.renew(work.connection, "data", work.now)
    values = {column.table.name: _reseal_column(desk, column, name) for column in sealed.COLUMNS}
    with desk.work("", actor) as work:
        retired = keys.retire(work.connection, "data", name, work.now)
        data = {"key": name, "values": values, "retired": retired}
        desk.audit.write(work.connection, "installation.reseal", actor=actor, now=work.now, data=data)
    return Resealed(key=name, values=values, retired=retired)


def _reseal_column(desk: Desk, column: sealed.SealedColumn, name: str) -> int:
    count, after = 0, ""
    while True:
        with desk.work("") as work:
            rows = sealed.page(work.connection, column, after=after, limit=_BATCH)
            for row in rows:
                count += _reseal_row(work, column, row, name)
        if len(rows) < _BATCH:
            return count
        after = rows[-1]["id"]


def _reseal_row(work: Work, column: sealed.SealedColumn, row: Mapping[Any, Any], name: str) -> int:
    value = bytes(row["sealed"])
    keyring = work.desk.keyring
    if keyring.key_of(value) == name:
        return 0
    context = _CONTEXTS[column.table.name](row)
    anew = keyring.seal(work.connection, keyring.open(work.connection, value, context), context, work.now)
    return sealed.replace(work.connection, column, str(row["id"]), old=value, new=anew)


# What sealed values are bound to, as those who seal them say; see `sealed.COLUMNS`.
_CONTEXTS: Final[Mapping[str, Callable[[Mapping[Any, Any]], str]]] = {
    "secrets": lambda row: context_of_value(str(row["workspace_id"]), str(row["fingerprint"])),
    "users": lambda row: f"users totp_sealed {row['id']}",
    "channels": lambda row: f"channels.sealed {row['id']}",
}


def _write(path: Path, secret: bytes) -> None:
    """Put a key in place whole or not at all, for this user alone."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(secret.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """Make sure that a name survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
