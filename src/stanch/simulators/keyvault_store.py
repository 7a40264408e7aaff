"""What a simulated vault holds: secrets and certificates with their versions, the deleted ones among them.

Everything is frozen and changes by making a new `State`, so each replica sees a consistent vault, possibly an old one. The secret
behind a certificate is no object of its own: it is read out of the certificate's version, so the two cannot disagree.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from stanch.simulators.clock import Clock, utc_now
from stanch.simulators.faults import Faults
from stanch.simulators.replicas import Replicated

if TYPE_CHECKING:
    from stanch.simulators.keyvault_issuing import Issued, PrivateKey

Kind = Literal["secrets", "certificates", "keys"]
RETENTION: Final = timedelta(days=90)  # learn.microsoft.com/azure/key-vault/general/soft-delete-overview: 7 to 90 days
MOST_VERSIONS: Final = 500  # of one object; a bound of the simulator, the service has none
MOST_OBJECTS: Final = 10_000  # likewise


class RefusedError(Exception):
    """A request the vault refuses.

    Attributes:
        status: HTTP status.
        code: of the error.
        message: its text; never holds a value.
        inner: the finer code, empty for none.
    """

    def __init__(self, status: int, code: str, message: str, inner: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.inner = status, code, message, inner


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a secret or a certificate.

    Attributes:
        id: 32 hex digits.
        created: when.
        updated: when its attributes were last changed.
        enabled: whether the value may be read, or the key used.
        not_before: seconds since 1970, ``None`` for no bound.
        expires: likewise.
        tags: names and values.
        content_type: what a secret is said to be.
        value: of a secret.
        certificate: of a certificate.
        policy: by which the certificate was made: whether its key may leave, and in which form.
    """

    id: str
    created: datetime
    updated: datetime
    enabled: bool = True
    not_before: int | None = None
    expires: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    content_type: str | None = None
    value: str = field(default="", repr=False)
    certificate: Issued | None = None
    policy: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """The latest request for a certificate.

    Attributes:
        id: of the request.
        issuer: ``Self``, or ``Unknown`` when somebody else signs and merges.
        csr: the certificate request, DER.
        key: its private key.
        status: ``inProgress``, ``completed`` or ``cancelled``.
        ready: when a self-signed certificate is there; ``None``: not before it is merged.
        version: what it becomes; `Version.certificate` is ``None`` until it is merged.
        cancelled: whether somebody asked to stop.
    """

    id: str
    issuer: str
    csr: bytes
    key: PrivateKey = field(repr=False)
    status: str = "inProgress"
    ready: datetime | None = None
    version: Version
    cancelled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A secret or a certificate.

    Attributes:
        versions: oldest first; none while the first certificate is being made.
        policy: of a certificate: how the next one is made.
        policy_updated: when the policy was changed.
        pending: of a certificate.
        deleted: when it was deleted; ``None`` while it is there.
    """

    versions: tuple[Version, ...] = ()
    policy: Mapping[str, Any] = field(default_factory=dict)
    policy_updated: datetime | None = None
    pending: Pending | None = None
    deleted: datetime | None = None

    def version(self, id: str) -> Version | None:
        """Return a version, or the newest one for an empty *id*."""
        if not id:
            return self.versions[-1] if self.versions else None
        return next((version for version in self.versions if version.id == id), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All of a vault, by name in lower case.

    Attributes:
        secrets: those that somebody set.
        certificates: each is a secret and a key too.
    """

    secrets: Mapping[str, tuple[str, Entry]] = field(default_factory=dict)
    certificates: Mapping[str, tuple[str, Entry]] = field(default_factory=dict)

    def find(self, kind: Kind, name: str) -> tuple[str, Entry] | None:
        """Return the name as it was first written, and what it names; deleted ones too."""
        found = self.certificates.get(name.lower())
        if kind == "secrets":
            own = self.secrets.get(name.lower())
            return own if own is not None else found if found is not None and found[1].versions else None
        return found

    def each(self, kind: Kind) -> Iterator[tuple[str, Entry]]:
        """Yield names and what they name, in order; deleted ones too."""
        merged = {**self.certificates, **self.secrets} if kind == "secrets" else self.certificates
        for key in sorted(merged):
            yield merged[key]


class Store:
    """The vault's memory. Thread-safe.

    Args:
        faults: says how stale `read` may be.
        clock: when things happen.

    Attributes:
        retention: how long deleted things can be recovered.
    """

    def __init__(self, *, faults: Faults | None = None, clock: Clock = utc_now) -> None:
        self.clock = clock
        self.retention = RETENTION
        self._state = Replicated(State(), faults=faults, clock=clock)

    def read(self) -> State:
        """Return what the next replica sees, without what is past its retention."""
        return self._tidied(self._state.read())

    def latest(self) -> State:
        """Return what was written last."""
        return self._tidied(self._state.latest())

    def living(self, kind: Kind, name: str, state: State | None = None) -> tuple[str, Entry]:
        """Return something that is there.

        Raises:
            RefusedError: it is not, or it is deleted.
        """
        found = (state or self.read()).find(kind, name)
        if found is None or found[1].deleted is not None:
            raise not_found(kind, name)
        return found

    def version(self, kind: Kind, name: str, id: str, state: State | None = None) -> tuple[str, Version]:
        """Return the name and a version of something that is there; the newest for an empty *id*.

        Raises:
            RefusedError: there is none.
        """
        shown, entry = self.living(kind, name, state)
        version = entry.version(id)
        if version is None:
            raise not_found(kind, f"{name}/{id}" if id else name)
        return shown, version

    def change(self, kind: Kind, name: str, function: Callable[[Entry], Entry]) -> tuple[str, Entry]:
        """Replace something by ``function(it)``, atomically and on its newest state.

        What is not there begins as an empty `Entry`.

        Raises:
            RefusedError: the name is taken by something deleted or of another kind, the vault is full, or *function* says so.
        """

        def apply(state: State) -> State:
            state = self._tidied(state)
            held = state.certificates if kind != "secrets" else state.secrets
            other = state.secrets if kind != "secrets" else state.certificates
            if name.lower() in other:
                message = f"There is already another object with the name {name}, which this one would need too."
                raise RefusedError(409, "Conflict", message)
            shown, entry = held.get(name.lower(), (name, Entry()))
            if entry.deleted is not None:
                raise _recoverable(kind, name)
            changed = function(entry)
            if len(changed.versions) > MOST_VERSIONS or (name.lower() not in held and len(held) >= MOST_OBJECTS):
                raise RefusedError(403, "Forbidden", "The simulated vault is full.")
            return _with(state, kind, name, (shown, changed))

        found = self._state.write(apply).find(kind, name)
        assert found is not None
        return found

    def update(self, kind: Kind, name: str, id: str, function: Callable[[Version], Version]) -> tuple[str, Version]:
        """Replace a version by ``function(it)``; the newest for an empty *id*.

        Raises:
            RefusedError: there is none.
        """
        chosen = ""

        def apply(entry: Entry) -> Entry:
            nonlocal chosen
            version = entry.version(id)
            if version is None:
                raise not_found(kind, f"{name}/{id}" if id else name)
            chosen = version.id
            return replace(entry, versions=tuple(function(v) if v is version else v for v in entry.versions))

        shown, changed = self.change(kind, name, apply)
        found = changed.version(chosen)
        assert found is not None
        return shown, found

    def delete(self, kind: Kind, name: str) -> tuple[str, Entry]:
        """Delete something; it can be recovered.

        Raises:
            RefusedError: it is not there.
        """

        def apply(entry: Entry) -> Entry:
            if not entry.versions:
                raise not_found(kind, name)
            pending = replace(entry.pending, status="cancelled") if _running(entry) and entry.pending else entry.pending
            return replace(entry, deleted=self.clock(), pending=pending)

        return self.change(kind, name, apply)

    def recover(self, kind: Kind, name: str) -> tuple[str, Entry]:
        """Bring something deleted back.

        Raises:
            RefusedError: it is not deleted.
        """
        return self._undelete(kind, name, keep=True)

    def purge(self, kind: Kind, name: str) -> None:
        """Forget something deleted for good.

        Raises:
            RefusedError: it is not deleted.
        """
        self._undelete(kind, name, keep=False)

    def _undelete(self, kind: Kind, name: str, *, keep: bool) -> tuple[str, Entry]:
        gone: list[tuple[str, Entry]] = []

        def apply(state: State) -> State:
            state = self._tidied(state)
            held = state.certificates if kind != "secrets" else state.secrets
            found = held.get(name.lower())
            if found is None or found[1].deleted is None:
                raise not_found(kind, name, deleted=True)
            gone[:] = [(found[0], replace(found[1], deleted=None))]
            return _with(state, kind, name, gone[0] if keep else None)

        self._state.write(apply)
        return gone[0]

    def _tidied(self, state: State) -> State:
        """Finish what is ready by now and drop what is past its retention: a function of time, the same for every replica."""
        now = self.clock()
        held = {key: (name, _settled(entry, now)) for key, (name, entry) in state.certificates.items() if self._kept(entry, now)}
        return State(secrets={key: value for key, value in state.secrets.items() if self._kept(value[1], now)}, certificates=held)

    def _kept(self, entry: Entry, now: datetime) -> bool:
        return entry.deleted is None or now < entry.deleted + self.retention


def new_id() -> str:
    """Return an id for a version or a request."""
    return secrets.token_hex(16)


def not_found(kind: Kind, name: str, *, deleted: bool = False) -> RefusedError:
    """Return the refusal for something that is not there."""
    thing = kind[:-1]
    if deleted:
        return RefusedError(404, f"{thing.capitalize()}NotFound", f"Deleted {thing.capitalize()} not found: {name}")
    message = (
        f"A {thing} with (name/id) {name} was not found in this key vault. If you recently deleted this {thing} "
        "you may be able to recover it using the correct recovery command."
    )
    return RefusedError(404, f"{thing.capitalize()}NotFound", message)


def _recoverable(kind: Kind, name: str) -> RefusedError:
    thing = kind[:-1].capitalize()
    message = f"{thing} {name} is currently in a deleted but recoverable state, and its name cannot be reused."
    return RefusedError(409, "Conflict", message, "ObjectIsDeletedButRecoverable")


def _running(entry: Entry) -> bool:
    return entry.pending is not None and entry.pending.status == "inProgress"


def _settled(entry: Entry, now: datetime) -> Entry:
    """Return an entry with its certificate, once it is ready."""
    pending = entry.pending
    if pending is None or pending.status != "inProgress" or pending.ready is None or now < pending.ready:
        return entry
    if pending.cancelled:
        return replace(entry, pending=replace(pending, status="cancelled"))
    return replace(entry, pending=replace(pending, status="completed"), versions=(*entry.versions, pending.version))


def _with(state: State, kind: Kind, name: str, value: tuple[str, Entry] | None) -> State:
    """Return a state in which something is replaced, or gone."""
    held = dict(state.secrets if kind == "secrets" else state.certificates)
    held.pop(name.lower(), None)
    if value is not None:
        held[name.lower()] = value
    return replace(state, secrets=held) if kind == "secrets" else replace(state, certificates=held)
