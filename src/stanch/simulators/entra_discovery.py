"""What Entra says about itself before anybody signs in: OpenID configuration (v1 and v2), keys, cloud instances."""

from __future__ import annotations

from typing import Any, Final

from stanch.simulators.directory_model import State
from stanch.simulators.entra_errors import RefusedError, correlation_of, error_response
from stanch.simulators.tokens import Tokens
from stanch.simulators.wire import Request, Response, json_response

ANY_TENANT: Final = ("common", "organizations", "consumers")
_WELL_KNOWN: Final = [".well-known", "openid-configuration"]
_REGIONS: Final = {"global": "EU", "usgov": "USGov", "china": "AS"}


def discovery(request: Request, parts: list[str], state: State, cloud: str, tokens: Tokens) -> Response | None:
    """Answer a discovery request; ``None`` when it is none.

    Args:
        request: a GET.
        parts: of its path.
        state: who is registered.
        cloud: whose login host this is.
        tokens: holds the signing key.
    """
    if parts[1:] == ["discovery", "instance"]:
        return _instances(request)
    if parts[1:] in (["discovery", "v2.0", "keys"], ["discovery", "keys"]):
        return json_response(200, tokens.key_set())
    if parts[1:] not in (_WELL_KNOWN, ["v2.0", *_WELL_KNOWN]):
        return None
    name = parts[0].lower()
    tenant = state.tenant(name)
    if name in ANY_TENANT:
        return json_response(200, _configuration(request, name, "{tenantid}", cloud, new=len(parts) == 4))
    if tenant is None or tenant.cloud != cloud:
        return error_response(request, RefusedError(90002, tenant=parts[0]), correlation_of(request))
    return json_response(200, _configuration(request, tenant.id, tenant.id, cloud, new=len(parts) == 4))


def _configuration(request: Request, name: str, id: str, cloud: str, *, new: bool) -> dict[str, Any]:
    base, version = f"https://{request.host}", "/v2.0" if new else ""
    return {
        "token_endpoint": f"{base}/{name}/oauth2{version}/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": f"{base}/{name}/discovery{version}/keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": f"{base}/{id}/v2.0" if new else f"https://sts.windows.net/{id}/",
        "request_uri_parameter_supported": False,
        "authorization_endpoint": f"{base}/{name}/oauth2{version}/authorize",
        "device_authorization_endpoint": f"{base}/{name}/oauth2{version}/devicecode",
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "nonce", "tid", "ver"],
        "tenant_region_scope": _REGIONS[cloud],
        "cloud_instance_name": request.host,
    }


def _instances(request: Request) -> Response:
    """Say where a tenant's configuration is, and that this host stands for itself alone."""
    asked = request.query.get("authorization_endpoint", "")
    name = next(iter(asked.removeprefix("https://").split("/")[1:2]), "") or "common"
    body = {
        "tenant_discovery_endpoint": f"https://{request.host}/{name}/v2.0/.well-known/openid-configuration",
        "api-version": request.query.get("api-version", "1.1"),
        "metadata": [{"preferred_network": request.host, "preferred_cache": request.host, "aliases": [request.host]}],
    }
    return json_response(200, body)
