"""What the simulated directory holds: tenants, applications, service principals, their keys, and log records. Frozen values.

The fields are Microsoft Graph's where it has them: https://learn.microsoft.com/graph/api/resources/application.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

CLOUDS: Final = ("global", "usgov", "china")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCredential:
    """A registered certificate: https://learn.microsoft.com/graph/api/resources/keycredential.

    Attributes:
        key_id: GUID.
        key: the certificate, DER.
        start: from when it is accepted.
        end: until when; Entra enforces it.
        display_name: what people call it.
        type: ``AsymmetricX509Cert`` …
        usage: ``Verify`` or ``Sign``.
        custom_key_identifier: as the writer sent it; the SHA-1 thumbprint otherwise.
        revoked: on its authority's revocation list.
    """

    key_id: str
    key: bytes
    start: datetime
    end: datetime
    display_name: str = ""
    type: str = "AsymmetricX509Cert"
    usage: str = "Verify"
    custom_key_identifier: bytes = b""
    revoked: bool = False

    @property
    def sha1(self) -> bytes:
        """Thumbprint: what ``x5t`` encodes."""
        return hashlib.sha1(self.key, usedforsecurity=False).digest()

    @property
    def sha256(self) -> bytes:
        """What ``x5t#S256`` encodes."""
        return hashlib.sha256(self.key).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordCredential:
    """A client secret, by its digest only: https://learn.microsoft.com/graph/api/resources/passwordcredential."""

    key_id: str
    digest: bytes
    start: datetime
    end: datetime
    display_name: str = ""
    hint: str = ""

    def matches(self, secret: str) -> bool:
        """Whether this is the secret."""
        return hmac.compare_digest(hashlib.sha256(secret.encode()).digest(), self.digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """An app registration: https://learn.microsoft.com/graph/api/resources/application.

    Attributes:
        object_id: its id in Graph; not the client id.
        app_id: client id.
        tenant_id: where it is registered.
        display_name: what people call it.
        created: when.
        disabled: by Microsoft (``disabledByMicrosoftStatus``).
        key_credentials: certificates.
        password_credentials: client secrets.
        owners: object ids of service principals that may change it with ``Application.ReadWrite.OwnedBy``.
        more: other properties, by their names in Graph.
    """

    object_id: str
    app_id: str
    tenant_id: str
    display_name: str
    created: datetime
    disabled: bool = False
    key_credentials: tuple[KeyCredential, ...] = ()
    password_credentials: tuple[PasswordCredential, ...] = ()
    owners: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePrincipal:
    """What an application is in a tenant; it can have keys of its own.

    Attributes:
        object_id: its id in Graph.
        app_id: client id of its application.
        tenant_id: the tenant it signs in to.
        display_name: what people call it.
        account_enabled: switched off, every sign-in is refused (AADSTS7000112).
        blocked: by a Conditional Access policy (AADSTS53003), after its credential was accepted.
        roles: application permissions granted on Microsoft Graph: ``Application.ReadWrite.OwnedBy`` …
        key_credentials: certificates.
        password_credentials: client secrets.
        more: other properties, by their names in Graph.
    """

    object_id: str
    app_id: str
    tenant_id: str
    display_name: str
    account_enabled: bool = True
    blocked: bool = False
    roles: tuple[str, ...] = ()
    key_credentials: tuple[KeyCredential, ...] = ()
    password_credentials: tuple[PasswordCredential, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A tenant.

    Attributes:
        id: GUID.
        domains: verified names; each is as good as the id in an address.
        cloud: one of `CLOUDS`.
        display_name: what people call it.
        policies: policies by name (``defaultAppManagementPolicy``), as Graph shows them.
    """

    id: str
    domains: tuple[str, ...]
    cloud: str = "global"
    display_name: str = ""
    policies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything in the directory at one moment; the maps are by object id, and never changed in place."""

    tenants: Mapping[str, Tenant] = field(default_factory=dict)
    applications: Mapping[str, Application] = field(default_factory=dict)
    service_principals: Mapping[str, ServicePrincipal] = field(default_factory=dict)

    def tenant(self, name: str) -> Tenant | None:
        """Find a tenant by its id or one of its domains."""
        wanted = name.lower()
        return self.tenants.get(wanted) or next((t for t in self.tenants.values() if wanted in t.domains), None)

    def application(self, object_id: str) -> Application | None:
        """Find an application by its object id."""
        return self.applications.get(object_id.lower())

    def application_of(self, app_id: str) -> Application | None:
        """Find an application by its client id."""
        return next((a for a in self.applications.values() if a.app_id == app_id.lower()), None)

    def service_principal(self, object_id: str) -> ServicePrincipal | None:
        """Find a service principal by its object id."""
        return self.service_principals.get(object_id.lower())

    def service_principal_of(self, app_id: str, tenant_id: str) -> ServicePrincipal | None:
        """Find what an application is in a tenant."""
        found = (s for s in self.service_principals.values() if s.app_id == app_id.lower() and s.tenant_id == tenant_id)
        return next(found, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """One try to sign in as an application, with the fields of Graph's beta ``signIn`` that matter for keys.

    Attributes:
        id: what the answer had as trace id, and as ``x-ms-request-id``.
        error_code: AADSTS number; 0 for success.
        origin: where the key is registered: ``application`` or ``servicePrincipal``; empty when none matched.
        credential_type: ``certificate`` or ``clientSecret``.
        token_id: ``uniqueTokenIdentifier``; the token's ``uti``.
        request_id: the client's ``client-request-id``.
    """

    id: str
    created: datetime
    tenant_id: str
    app_id: str
    error_code: int
    failure: str = ""
    service_principal_id: str = ""
    service_principal_name: str = ""
    credential_type: str = ""
    key_id: str = ""
    thumbprint: str = ""
    origin: str = ""
    resource: str = ""
    ip: str = ""
    user_agent: str = ""
    correlation_id: str = ""
    request_id: str = ""
    token_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """One change of the directory, as ``directoryAudit`` tells it.

    Attributes:
        activity: ``Update application – Certificates and secrets management`` (with that dash) …
        actor: client id of the application that did it.
        target: object id of what was changed.
        modified: property → old and new value.
    """

    id: str
    created: datetime
    tenant_id: str
    activity: str
    actor: str
    target: str
    target_type: str = "Application"
    target_name: str = ""
    result: str = "success"
    correlation_id: str = ""
    modified: Mapping[str, tuple[str, str]] = field(default_factory=dict)
