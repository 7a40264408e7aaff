"""The tenant's app management policy: what keys and secrets applications may get.

https://learn.microsoft.com/graph/api/resources/tenantappmanagementpolicy; the errors are those that people meet:
https://github.com/Azure/azure-cli/issues/28522, https://github.com/OfficeDev/microsoft-365-agents-toolkit/issues/10998.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from stanch.simulators.directory_model import Application, KeyCredential, PasswordCredential
from stanch.simulators.graph_call import WRITE_ALL, Call, GraphError, Holder, bad, no_method
from stanch.simulators.graph_shown import lifetime
from stanch.simulators.wire import Response

NAME: Final = "defaultAppManagementPolicy"
ID: Final = "00000000-0000-0000-0000-000000000000"
_PARTS: Final = ("applicationRestrictions", "servicePrincipalRestrictions")
_LIFETIMES: Final = ("asymmetricKeyLifetime", "passwordLifetime")
_WRITABLE: Final = ("isEnabled", "displayName", "description", *_PARTS)


def policy_of(call: Call) -> dict[str, Any]:
    """Return the policy as Graph shows it; one that restricts nothing when the tenant has none."""
    tenant = call.this_tenant()
    given = tenant.policies.get(NAME, {}) if tenant else {}
    base: dict[str, Any] = {
        "id": ID,
        "displayName": "Default app management tenant policy",
        "description": "Default tenant policy that enforces app management restrictions on applications and service principals.",
        "isEnabled": False,
        **{part: {"passwordCredentials": [], "keyCredentials": []} for part in _PARTS},
    }
    return {**base, **given}


def answer_policy(call: Call) -> Response:
    """Answer GET and PATCH of the policy.

    Raises:
        GraphError: the caller may not, or what is sent is no policy.
    """
    if call.request.method == "GET":
        call.need(
            "Policy.Read.All", "Policy.Read.ApplicationConfiguration", "Policy.ReadWrite.ApplicationConfiguration", WRITE_ALL
        )
        context = call.context("policies/defaultAppManagementPolicy/$entity")
        return call.answer(200, {"@odata.context": context, **policy_of(call)})
    if call.request.method != "PATCH":
        raise no_method()
    call.need("Policy.ReadWrite.ApplicationConfiguration")
    body, tenant = call.body(), call.this_tenant()
    _check(body)
    if tenant is not None:
        changed = {**tenant.policies, NAME: {**tenant.policies.get(NAME, {}), **body}}
        call.directory.put(replace(tenant, policies=changed))
    return call.done()


def check_keys(policy: Mapping[str, Any], holder: Holder, keys: Sequence[KeyCredential]) -> None:
    """Hold new certificates against the policy. Reads nothing, so it can be done in the midst of a change.

    Raises:
        GraphError: 400: one is valid for longer than allowed, or none may be added.
    """
    _check_credentials(policy, holder, "keyCredentials", "asymmetricKeyLifetime", keys)


def check_password(policy: Mapping[str, Any], holder: Holder, password: PasswordCredential) -> None:
    """Hold a new client secret against the policy.

    Raises:
        GraphError: 400: it is valid for longer than allowed, or none may be added.
    """
    _check_credentials(policy, holder, "passwordCredentials", "passwordLifetime", [password])


def _check_credentials(
    policy: Mapping[str, Any], holder: Holder, part: str, limit: str, credentials: Sequence[KeyCredential | PasswordCredential]
) -> None:
    if not credentials:
        return
    for rule in _rules(policy, holder, part):
        if rule.get("restrictionType") == "passwordAddition":
            message = f"Credential type not allowed as per assigned policy '{ID}'."
            raise GraphError(400, "CredentialTypeNotAllowedAsPerAppPolicy", message)
        longest = lifetime(rule.get("maxLifetime")) if rule.get("restrictionType") == limit else None
        if longest is not None and any(_length(credential) > longest for credential in credentials):
            message = f"Credential lifetime exceeds the max value allowed as per assigned policy '{ID}'."
            detail = {"code": "InvalidKeyEndDate", "message": message, "target": "EndDate"}
            raise GraphError(400, "CredentialInvalidLifetimeAsPerAppPolicy", message, [detail])


def _length(credential: KeyCredential | PasswordCredential) -> timedelta:
    return credential.end - credential.start


def _rules(policy: Mapping[str, Any], holder: Holder, part: str) -> Iterator[Mapping[str, Any]]:
    """Yield the restrictions that hold for an object: switched on, and for things as new as it is."""
    restrictions = policy.get(_PARTS[not isinstance(holder, Application)])
    if not policy.get("isEnabled") or not isinstance(restrictions, Mapping):
        return
    for rule in restrictions.get(part) or ():
        if rule.get("state", "enabled") != "enabled":
            continue
        since = rule.get("restrictForAppsCreatedAfterDateTime")
        if since and isinstance(holder, Application) and holder.created <= datetime.fromisoformat(since):
            continue
        yield rule


def _check(body: Mapping[str, Any]) -> None:
    unknown = next((name for name in body if name not in _WRITABLE), None)
    if unknown is not None:
        raise bad(f"Invalid property '{unknown[:100]}'.")
    if not isinstance(body.get("isEnabled", False), bool):
        raise bad("Invalid value specified for property 'isEnabled' of resource 'TenantAppManagementPolicy'.")
    for part in _PARTS:
        restrictions = body.get(part, {})
        if not isinstance(restrictions, dict) or not all(isinstance(rules, list) for rules in restrictions.values()):
            raise bad(f"Invalid value specified for property '{part}' of resource 'TenantAppManagementPolicy'.")
        for rules in restrictions.values():
            for rule in rules:
                _check_rule(rule)


def _check_rule(rule: object) -> None:
    if not isinstance(rule, dict) or not isinstance(rule.get("restrictionType"), str):
        raise bad("Invalid value specified for property 'restrictionType'.")
    if rule["restrictionType"] in _LIFETIMES and lifetime(rule.get("maxLifetime")) is None:
        raise bad("Invalid value specified for property 'maxLifetime'.")
    since = rule.get("restrictForAppsCreatedAfterDateTime")
    try:
        known = since is None or datetime.fromisoformat(since).tzinfo is not None
    except (TypeError, ValueError):
        known = False
    if not known:
        raise bad("Invalid value specified for property 'restrictForAppsCreatedAfterDateTime'.")
