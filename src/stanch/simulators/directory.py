"""The directory that the simulated Entra and Graph share: tenants, applications, their keys, and what was done with them.

The values are in `directory_model.py` and frozen; a change makes a new `State`, so each replica (`replicas.py`) sees a
consistent one, possibly an old one.
Logs are not replicated: they say what really happened.

    directory = Directory(faults=faults)
    tenant = directory.add_tenant("contoso.onmicrosoft.com")
    app = directory.add_application(tenant.id, "billing", keys=[directory.key(der)])
    directory.state().application(app.object_id)       # a replica's view
    directory.update_application(app.object_id, key_credentials=())
"""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from stanch.simulators.clock import Clock, utc_now
from stanch.simulators.directory_model import (
    CLOUDS,
    Application,
    Audit,
    KeyCredential,
    PasswordCredential,
    ServicePrincipal,
    SignIn,
    State,
    Tenant,
)
from stanch.simulators.faults import Faults
from stanch.simulators.replicas import Replicated

MOST_RECORDS: Final = 100_000  # of each log; the oldest are forgotten
Holder = TypeVar("Holder", Application, ServicePrincipal)


class Directory:
    """Tenants, applications and logs. Thread-safe.

    Args:
        faults: says how stale `state` may be.
        clock: when things happen.
    """

    def __init__(self, *, faults: Faults | None = None, clock: Clock = utc_now) -> None:
        self.clock = clock
        self._state = Replicated(State(), faults=faults, clock=clock)
        self._lock = threading.Lock()
        self._sign_ins: deque[SignIn] = deque(maxlen=MOST_RECORDS)
        self._audits: deque[Audit] = deque(maxlen=MOST_RECORDS)

    # --- reading ---------------------------------------------------------------------------------------------------

    def state(self, replica: int | None = None) -> State:
        """Return what a replica sees: the next one in the faults' order when none is named."""
        return self._state.read(replica)

    def latest(self) -> State:
        """Return what was written last."""
        return self._state.latest()

    @property
    def sign_ins(self) -> tuple[SignIn, ...]:
        """Every try to sign in, oldest first."""
        with self._lock:
            return tuple(self._sign_ins)

    @property
    def audits(self) -> tuple[Audit, ...]:
        """Every change, oldest first."""
        with self._lock:
            return tuple(self._audits)

    # --- writing ---------------------------------------------------------------------------------------------------

    def add_tenant(
        self, domain: str, *, id: str = "", cloud: str = "global", name: str = "", policies: Mapping[str, Any] | None = None
    ) -> Tenant:
        """Make a tenant.

        Raises:
            ValueError: there is no such cloud.
        """
        if cloud not in CLOUDS:
            raise ValueError(f"cloud must be one of {', '.join(CLOUDS)}")
        tenant = Tenant(
            id=(id or new_id()).lower(),
            domains=(domain.lower(),),
            cloud=cloud,
            display_name=name or domain,
            policies=policies or {},
        )
        self._state.write(lambda state: replace(state, tenants={**state.tenants, tenant.id: tenant}))
        return tenant

    def add_application(
        self,
        tenant_id: str,
        name: str,
        *,
        app_id: str = "",
        keys: Iterable[KeyCredential] = (),
        passwords: Iterable[PasswordCredential] = (),
        roles: Iterable[str] = (),
        owners: Iterable[str] = (),
    ) -> Application:
        """Register an application, and its service principal in the same tenant."""
        client = (app_id or new_id()).lower()
        app = Application(
            object_id=new_id(),
            app_id=client,
            tenant_id=tenant_id,
            display_name=name,
            created=self.clock(),
            key_credentials=tuple(keys),
            password_credentials=tuple(passwords),
            owners=tuple(owners),
        )
        principal = ServicePrincipal(
            object_id=new_id(), app_id=client, tenant_id=tenant_id, display_name=name, roles=tuple(roles)
        )
        self.put(app, principal)
        return app

    def put(self, *things: Application | ServicePrincipal | Tenant) -> None:
        """Add or replace whole objects, all in one write."""

        def change(state: State) -> State:
            tenants, apps, principals = dict(state.tenants), dict(state.applications), dict(state.service_principals)
            for thing in things:
                if isinstance(thing, Application):
                    apps[thing.object_id] = thing
                elif isinstance(thing, ServicePrincipal):
                    principals[thing.object_id] = thing
                else:
                    tenants[thing.id] = thing
            return State(tenants=tenants, applications=apps, service_principals=principals)

        self._state.write(change)

    def update_application(self, object_id: str, **changes: Any) -> Application:
        """Change fields of an application, on its newest state.

        Raises:
            KeyError: there is none.
        """
        return self.change(Application, object_id, lambda app: replace(app, **changes))

    def update_service_principal(self, object_id: str, **changes: Any) -> ServicePrincipal:
        """Change fields of a service principal, on its newest state.

        Raises:
            KeyError: there is none.
        """
        return self.change(ServicePrincipal, object_id, lambda principal: replace(principal, **changes))

    def remove(self, object_id: str) -> None:
        """Delete an application or a service principal; an application takes its service principals along."""

        def change(state: State) -> State:
            app = state.applications.get(object_id)
            apps = {key: a for key, a in state.applications.items() if key != object_id}
            principals = {
                key: s
                for key, s in state.service_principals.items()
                if key != object_id and not (app is not None and s.app_id == app.app_id)
            }
            return replace(state, applications=apps, service_principals=principals)

        self._state.write(change)

    def change(self, kind: type[Holder], object_id: str, function: Callable[[Holder], Holder]) -> Holder:
        """Replace an application or service principal by ``function(it)``, atomically and on its newest state: read-modify-write.

        What *function* raises leaves the directory as it was.

        Raises:
            KeyError: there is none with this id.
        """
        name = "applications" if kind is Application else "service_principals"

        def apply(state: State) -> State:
            held: Mapping[str, Holder] = getattr(state, name)
            changed: dict[str, Any] = {name: {**held, object_id: function(held[object_id])}}
            return replace(state, **changed)

        found: Holder = getattr(self._state.write(apply), name)[object_id]
        return found

    def record(self, entry: SignIn | Audit) -> None:
        """Write to the sign-in or the audit log."""
        with self._lock:
            if isinstance(entry, SignIn):
                self._sign_ins.append(entry)
            else:
                self._audits.append(entry)

    # --- making parts ----------------------------------------------------------------------------------------------

    def key(self, der: bytes, *, start: datetime | None = None, end: datetime | None = None, **more: Any) -> KeyCredential:
        """Return a credential for a certificate, with its own validity period unless another is given."""
        from cryptography import x509

        certificate = x509.load_der_x509_certificate(der)
        made = KeyCredential(
            key_id=more.pop("key_id", "") or new_id(),
            key=der,
            start=start or certificate.not_valid_before_utc,
            end=end or certificate.not_valid_after_utc,
            **more,
        )
        return made if made.custom_key_identifier else replace(made, custom_key_identifier=made.sha1)

    def password(
        self, secret: str, *, start: datetime | None = None, end: datetime | None = None, name: str = ""
    ) -> PasswordCredential:
        """Return a credential for a client secret, valid for half a year unless told otherwise."""
        start = start or self.clock() - timedelta(minutes=5)
        return PasswordCredential(
            key_id=new_id(),
            digest=hashlib.sha256(secret.encode()).digest(),
            start=start,
            end=end or start + timedelta(days=180),
            display_name=name,
            hint=secret[:3],
        )


def new_id() -> str:
    """Return a new GUID in lower case."""
    return str(uuid.uuid4())
