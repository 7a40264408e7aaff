"""The audit trail: each entry carries a MAC over itself and the entry before it.

Whoever changes, removes or adds an entry in the database breaks the chain, and cannot mend it without the installation key.
The head names the last entry under a MAC of its own, so a cut-off end shows too.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.engine import Connection

from stanch.core.incident import Actor
from stanch.db import audit as rows
from stanch.db import keys
from stanch.db.text import clean, clean_json
from stanch.db.types import to_micros
from stanch.incidents.sealing import Keyring, SealError

_FIELDS: Final = (
    "seq",
    "workspace_id",
    "actor_kind",
    "actor_id",
    "actor_name",
    "action",
    "subject",
    "data",
    "request_id",
    "key_id",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a check of the chain found.

    Attributes:
        entries: how many there are.
        broken_at: number of the first entry that is wrong; ``None`` when all are right.
        problem: what is wrong with it, for a person.
    """

    entries: int
    broken_at: int | None = None
    problem: str = ""

    @property
    def intact(self) -> bool:
        """Whether nothing was changed."""
        return not self.problem


class Audit:
    """Writes and checks the chain.

    Args:
        keyring: holds the key of the MACs.
    """

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def write(
        self,
        connection: Connection,
        action: str,
        *,
        actor: Actor,
        now: datetime,
        workspace: str | None = None,
        subject: str = "",
        data: Mapping[str, Any] | None = None,
        request_id: str = "",
    ) -> int:
        """Add an entry, in the unit of work of what it tells about, and return its number.

        Args:
            connection: the unit of work.
            action: what was done: ``incident.resolve``, ``token.create`` …
            actor: who did it.
            now: when.
            workspace: where; ``None`` for the installation.
            subject: id of what it was done to.
            data: facts; never a plain credential.
            request_id: of the HTTP request.
        """
        head = rows.locked_head(connection)
        key_id, key = self._keyring.key(connection, "audit", now)
        row: dict[str, Any] = {
            "seq": 1 if head is None else head["seq"] + 1,
            "at": now,
            "workspace_id": workspace,
            "actor_kind": actor.kind,
            "actor_id": actor.id,
            "actor_name": clean(actor.name, 200),
            "action": action,
            "subject": clean(subject, 200),
            "data": clean_json(dict(data or {})),
            "request_id": request_id,
            "key_id": key_id,
        }
        row["mac"] = _mac(key, row, "" if head is None else head["mac"])
        first = (1, "") if head is None else (head["first_seq"], head["first_mac"])
        rows.append(connection, row, seal=_seal(key, row["seq"], row["mac"], *first), first=head is None)
        return int(row["seq"])

    def has_begun(self, connection: Connection) -> bool:
        """Whether there is a chain: the mark of a database that is set up."""
        return rows.has_head(connection)

    def verify(self, connection: Connection) -> Verdict:
        """Check every entry and the head."""
        head = rows.head(connection)
        if head is None:
            count = sum(1 for _ in rows.links(connection))
            if count or keys.every_key(connection):
                return Verdict(entries=count, broken_at=1, problem="the head of the chain is missing")
            return Verdict(entries=0)
        expected, mac, key, count = head["first_seq"], head["first_mac"], b"", 0
        for row in rows.links(connection):
            count += 1
            if row["seq"] != expected:
                return Verdict(entries=count, broken_at=expected, problem=f"entry {expected} is missing")
            try:
                key = self._keyring.by_id(connection, "audit", row["key_id"])
            except SealError:
                return Verdict(entries=count, broken_at=expected, problem=f"the key of entry {expected} is not in the keyring")
            if not hmac.compare_digest(_mac(key, row, mac), row["mac"]):
                return Verdict(entries=count, broken_at=expected, problem=f"entry {expected}, or the one before it, was changed")
            expected, mac = expected + 1, row["mac"]
        if (expected - 1, mac) != (head["seq"], head["mac"]):
            return Verdict(entries=count, broken_at=expected, problem="entries at the end are missing")
        if not hmac.compare_digest(_seal_of(key, head), head["seal"]):
            return Verdict(entries=count, broken_at=expected, problem="the head of the chain was changed")
        return Verdict(entries=count)

    def forget(self, connection: Connection, until: int) -> int:
        """Take out entries up to and with number *until*, and let the chain begin after them; returns how many."""
        head = rows.locked_head(connection)
        if head is None or until < head["first_seq"]:
            return 0
        until = min(until, head["seq"] - 1)
        last = rows.link(connection, until)
        if last is None:
            return 0
        if not self.verify(connection).intact:
            return 0  # what is wrong must stay to be seen
        removed = rows.remove_until(connection, until)
        newest = rows.link(connection, head["seq"])
        assert newest is not None  # the chain is intact
        key = self._keyring.by_id(connection, "audit", newest["key_id"])
        seal = _seal(key, head["seq"], head["mac"], until + 1, last["mac"])
        rows.set_head(connection, first_seq=until + 1, first_mac=last["mac"], seal=seal)
        return removed


def _mac(key: bytes, row: Mapping[Any, Any], previous: str) -> str:
    fields = {name: row[name] for name in _FIELDS} | {"at": to_micros(row["at"]), "previous": previous}
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _seal(key: bytes, seq: int, mac: str, first_seq: int, first_mac: str) -> str:
    """Return what binds both ends of the chain: neither end can be cut off by who lacks the key."""
    return hmac.new(key, f"head {seq} {mac} {first_seq} {first_mac}".encode(), hashlib.sha256).hexdigest()


def _seal_of(key: bytes, head: Mapping[Any, Any]) -> str:
    return _seal(key, head["seq"], head["mac"], head["first_seq"], head["first_mac"])
