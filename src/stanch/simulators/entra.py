"""Microsoft Entra ID, as far as applications sign in with a certificate or a secret: discovery, keys, token endpoint.

Everything an assertion claims is verified: signature, thumbprint, audience, issuer, times, the key's and the certificate's
validity, revocation, a disabled application. Source: https://learn.microsoft.com/entra/identity-platform/certificate-credentials.
Each cloud is an `Entra` of its own over the same directory; a tenant of another cloud is refused as there.
"""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

from stanch.simulators.directory import Directory
from stanch.simulators.directory_model import Application, ServicePrincipal, SignIn, State, Tenant
from stanch.simulators.entra_credentials import ASSERTION_TYPE, Accepted, accept_assertion, accept_secret
from stanch.simulators.entra_discovery import discovery
from stanch.simulators.entra_errors import RefusedError, correlation_of, error_response, message_of, service_headers
from stanch.simulators.tokens import LIFETIME, Tokens
from stanch.simulators.wire import Request, Response, json_response


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """One of Microsoft's clouds.

    Attributes:
        login: host that signs in.
        graph: host of Microsoft Graph.
        label: what error messages call it.
        resources: what tokens are issued for, besides Graph.
    """

    login: str
    graph: str
    label: str
    resources: tuple[str, ...]


# https://learn.microsoft.com/graph/deployments (login, Graph), …/azure/azure-government/compare-azure-government-global-azure
CLOUDS: Final[Mapping[str, Cloud]] = {
    "global": Cloud(
        login="login.microsoftonline.com",
        graph="graph.microsoft.com",
        label="MicrosoftOnline.COM",
        resources=(
            "https://management.azure.com",
            "https://management.core.windows.net",
            "https://vault.azure.net",
            "https://storage.azure.com",
        ),
    ),
    "usgov": Cloud(
        login="login.microsoftonline.us",
        graph="graph.microsoft.us",
        label="MicrosoftOnline.US",
        resources=("https://management.usgovcloudapi.net", "https://vault.usgovcloudapi.net", "https://dod-graph.microsoft.us"),
    ),
    "china": Cloud(
        login="login.partner.microsoftonline.cn",
        graph="microsoftgraph.chinacloudapi.cn",
        label="PartnerMicrosoftOnline.CN",
        resources=("https://management.chinacloudapi.cn", "https://vault.azure.cn"),
    ),
}
GRAPH_ID: Final = "00000003-0000-0000-c000-000000000000"
MOST_REPLAYS: Final = 10_000


@dataclass(slots=True, kw_only=True)
class Behaviour:
    """Where the real service has more than one way, or a way that no state of the directory leads to.

    Attributes:
        expired: code for a key past its end: 700027, 50012 or 1000502.
        revoked: code for a key on a revocation list: 7000277, 7000214 or 7000274.
        blocked: code for a Conditional Access block: 53003 or 530032.
        cross_cloud: code for a tenant of another cloud: 90038, 900382 or 900432.
        refuse_replays: accept each ``jti`` once. Off, because MSAL sends one assertion for ten minutes and Entra lets it.
        force: refuse whatever would be granted with this code; 0 for no.
    """

    expired: int = 700027
    revoked: int = 7000277
    blocked: int = 53003
    cross_cloud: int = 90038
    refuse_replays: bool = False
    force: int = 0


class Entra:
    """The login service of one cloud. Thread-safe.

    Args:
        directory: who is registered.
        cloud: a key of `CLOUDS`.
        tokens: signs access tokens; shared between clouds and with what reads them.
        resources: further resources that tokens are issued for.
    """

    def __init__(
        self, directory: Directory, *, cloud: str = "global", tokens: Tokens | None = None, resources: Iterable[str] = ()
    ) -> None:
        self.cloud = cloud
        self.tokens = tokens or Tokens()
        self.behaviour = Behaviour()
        self.resources = {f"https://{CLOUDS[cloud].graph}", GRAPH_ID, *CLOUDS[cloud].resources, *resources}
        self._directory = directory
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, None] = OrderedDict()

    def __call__(self, request: Request) -> Response:
        """Answer one request."""
        parts = [part for part in request.path.split("/") if part]
        if request.method == "POST" and parts[1:] in (["oauth2", "v2.0", "token"], ["oauth2", "token"]):
            return self._token(request, parts[0])
        found = discovery(request, parts, self._directory.state(), self.cloud, self.tokens) if request.method == "GET" else None
        return found or json_response(404, {"error": "not_found", "error_description": "The resource does not exist."})

    def failure(self, request: Request, status: int) -> Response:
        """Return the service's own words for a 429 or 5xx."""
        answer = error_response(request, RefusedError(90055 if status == 429 else 90033), correlation_of(request))
        return Response(status=status, headers=answer.headers, body=answer.body)

    # --- token endpoint --------------------------------------------------------------------------------------------

    def _token(self, request: Request, tenant_name: str) -> Response:
        correlation, form = correlation_of(request), request.form
        state = self._directory.state()
        attempt = _Attempt(client=form.get("client_id", "").lower(), correlation=correlation)
        try:
            self._check_form(form)
            attempt.tenant = self._tenant(state, tenant_name)
            principal, app = _application(state, attempt.client, attempt.tenant)
            attempt.principal = principal
            attempt.accepted = self._authenticate(request, form, attempt, principal, app)
            attempt.resource = self._resource(form, attempt.tenant)
            if principal.blocked:
                raise RefusedError(self.behaviour.blocked)
            if self.behaviour.force:
                raise RefusedError(self.behaviour.force, client=attempt.client, tenant=attempt.tenant.id)
        except RefusedError as exc:
            self._record(request, attempt, exc)
            return error_response(request, exc, correlation, attempt.trace)
        self._record(request, attempt, None)
        return self._granted(request, attempt, attempt.tenant, principal)

    def _check_form(self, form: Mapping[str, str]) -> None:
        for parameter in ("grant_type", "client_id"):
            if not form.get(parameter):
                raise RefusedError(900144, parameter=parameter)
        if form["grant_type"] != "client_credentials":
            raise RefusedError(70003)

    def _tenant(self, state: State, name: str) -> Tenant:
        tenant = state.tenant(name)
        if tenant is None:
            raise RefusedError(90002, tenant=name)
        if tenant.cloud != self.cloud:
            there, here = CLOUDS[tenant.cloud].label, CLOUDS[self.cloud].label
            raise RefusedError(self.behaviour.cross_cloud, tenant=name, cloud=there, here=here)
        return tenant

    def _authenticate(
        self, request: Request, form: Mapping[str, str], attempt: _Attempt, principal: ServicePrincipal, app: Application | None
    ) -> Accepted:
        if form.get("client_assertion"):
            attempt.kind = "certificate"
            if form.get("client_assertion_type") != ASSERTION_TYPE:
                raise RefusedError(50027)
            assert attempt.tenant is not None
            accepted = accept_assertion(form["client_assertion"], request, attempt.tenant, principal, app, self.behaviour)
            self._check_replay(accepted.token_id)
            return accepted
        if form.get("client_secret"):
            attempt.kind = "clientSecret"
            return accept_secret(form["client_secret"], request.now, principal, app)
        raise RefusedError(7000218)

    def _check_replay(self, jti: str) -> None:
        with self._lock:
            if self.behaviour.refuse_replays and jti in self._seen:
                raise RefusedError(50013, reason="[Reason - The assertion was used before.]")
            self._seen[jti] = None
            if len(self._seen) > MOST_REPLAYS:
                self._seen.popitem(last=False)

    def _resource(self, form: Mapping[str, str], tenant: Tenant) -> str:
        scope = form.get("scope", "") or (f"{form['resource']}/.default" if form.get("resource") else "")
        if not scope:
            raise RefusedError(900144, parameter="scope")
        resource, dot, rest = scope.rpartition("/.default")
        if not dot or rest or " " in scope:
            raise RefusedError(70011)
        resource = resource.rstrip("/")
        if resource not in self.resources:
            raise RefusedError(500011, resource=resource, tenant=tenant.id)
        return resource

    def _granted(self, request: Request, attempt: _Attempt, tenant: Tenant, principal: ServicePrincipal) -> Response:
        graph = attempt.resource in (GRAPH_ID, f"https://{CLOUDS[self.cloud].graph}")
        claims: dict[str, Any] = {
            "aud": attempt.resource,
            "iss": f"https://sts.windows.net/{tenant.id}/",
            "app_displayname": principal.display_name,
            "appid": principal.app_id,
            "appidacr": "2" if attempt.kind == "certificate" else "1",
            "idp": f"https://sts.windows.net/{tenant.id}/",
            "idtyp": "app",
            "oid": principal.object_id,
            "sub": principal.object_id,
            "tid": tenant.id,
            "uti": attempt.token_id,
            "ver": "1.0",
        }
        if graph and principal.roles:
            claims["roles"] = list(principal.roles)
        body: dict[str, Any] = {
            "token_type": "Bearer",
            "expires_in": LIFETIME,
            "ext_expires_in": LIFETIME,
            "access_token": self.tokens.issue(claims, request.now),
        }
        if not request.path.endswith("/v2.0/token"):  # the old endpoint writes numbers as text, and more of them
            start = int(request.now.timestamp())
            times = {"expires_in": str(LIFETIME), "expires_on": str(start + LIFETIME), "not_before": str(start)}
            body |= {**times, "ext_expires_in": str(LIFETIME), "resource": attempt.resource}
        return json_response(200, body, service_headers(attempt.correlation, attempt.trace))

    def _record(self, request: Request, attempt: _Attempt, refused: RefusedError | None) -> None:
        """Write the sign-in log, once it is known whose it is."""
        if attempt.tenant is None or attempt.principal is None:
            return
        found = attempt.accepted or (refused.found if refused else None)
        self._directory.record(
            SignIn(
                id=attempt.trace,
                created=request.now,
                tenant_id=attempt.tenant.id,
                app_id=attempt.client,
                error_code=refused.code if refused else 0,
                failure=message_of(refused) if refused else "",
                service_principal_id=attempt.principal.object_id,
                service_principal_name=attempt.principal.display_name,
                credential_type=attempt.kind,
                key_id=found.key_id if found else "",
                thumbprint=found.thumbprint if found else "",
                origin=found.origin if found else "",
                resource=attempt.resource,
                ip=_address(request),
                user_agent=request.headers.get("user-agent", "")[:300],
                correlation_id=attempt.correlation,
                request_id=request.headers.get("client-request-id", "")[:100],
                token_id="" if refused else attempt.token_id,
            )
        )


class _Attempt:
    """What is known so far of one try to sign in."""

    __slots__ = ("accepted", "client", "correlation", "kind", "principal", "resource", "tenant", "token_id", "trace")

    def __init__(self, *, client: str, correlation: str) -> None:
        self.client = client
        self.correlation = correlation
        self.kind = self.resource = ""
        self.tenant: Tenant | None = None
        self.principal: ServicePrincipal | None = None
        self.accepted: Accepted | None = None
        self.token_id = uuid.uuid4().hex[:22]
        self.trace = str(uuid.uuid4())


def _application(state: State, client: str, tenant: Tenant) -> tuple[ServicePrincipal, Application | None]:
    """Return what a client id is in a tenant. The registration may be in another tenant, or unknown to this replica."""
    principal = state.service_principal_of(client, tenant.id)
    if principal is None:
        raise RefusedError(700016, client=client, tenant=tenant.display_name or tenant.id)
    app = state.application_of(client)
    if not principal.account_enabled or (app is not None and app.disabled):
        raise RefusedError(7000112, client=client, name=principal.display_name)
    return principal, app


def _address(request: Request) -> str:
    """Return where a request says it comes from (``X-Forwarded-For``), so that logs can be filled with more than one place."""
    said = request.headers.get("x-forwarded-for", "").partition(",")[0].strip()
    try:
        return str(ip_address(said))
    except ValueError:
        return "127.0.0.1"
