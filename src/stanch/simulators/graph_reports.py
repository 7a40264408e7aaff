"""The logs of simulated Graph: sign-ins of applications, changes of the directory, and when each key was last used.

https://learn.microsoft.com/graph/api/resources/signin (beta), …/directoryaudit, …/appcredentialsigninactivity (beta).
Newest first. Logs are not replicated, and so never stale; the real ones are minutes late.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from stanch.simulators.directory_model import Audit, SignIn, State
from stanch.simulators.graph_call import Call, Holder, not_found
from stanch.simulators.graph_query import Listing, page_of
from stanch.simulators.graph_shown import moment
from stanch.simulators.wire import Response

_SIGN_INS: Final = Listing(
    resource="SignIn",
    filterable=frozenset({
        "id", "createdDateTime", "appId", "appDisplayName", "servicePrincipalId", "servicePrincipalName", "ipAddress", "status",
        "signInEventTypes", "servicePrincipalCredentialKeyId", "servicePrincipalCredentialThumbprint", "uniqueTokenIdentifier",
        "correlationId", "resourceDisplayName", "resourceId", "clientCredentialType", "conditionalAccessStatus", "userAgent",
    }),
    sortable=frozenset({"createdDateTime"}),
    page=1_000,
    largest=1_000,
)  # fmt: skip
_INTERACTIVE: Final = Listing(
    resource="SignIn",
    filterable=_SIGN_INS.filterable - {"signInEventTypes"},
    sortable=_SIGN_INS.sortable,
    page=1_000,
    largest=1_000,
)
_AUDITS: Final = Listing(
    resource="DirectoryAudit",
    filterable=frozenset({
        "id", "activityDateTime", "activityDisplayName", "category", "correlationId", "result", "loggedByService",
        "operationType", "initiatedBy/app", "targetResources",
    }),
    sortable=frozenset({"activityDateTime"}),
    page=1_000,
    largest=1_000,
)  # fmt: skip
_ACTIVITIES: Final = Listing(
    resource="AppCredentialSignInActivity",
    filterable=frozenset({"id", "keyId", "keyType", "appId", "appObjectId", "servicePrincipalObjectId", "credentialOrigin"}),
    page=1_000,
    largest=1_000,
)
_ASKED: Final = re.compile(r"signInEventTypes/any\(\s*[a-z]\s*:", re.IGNORECASE)


def answer_sign_ins(call: Call) -> Response:
    """Answer the sign-in log: only people's sign-ins, of which there are none, unless a filter names another kind (beta).

    Raises:
        GraphError: the caller may not read it, or the query is not understood.
    """
    call.need("AuditLog.Read.All")
    call.need("Directory.Read.All", "Directory.ReadWrite.All")
    asked = call.version == "beta" and _ASKED.search(call.request.query.get("$filter", ""))
    found = [_sign_in(entry) for entry in reversed(call.directory.sign_ins) if entry.tenant_id == call.tenant] if asked else []
    return page_of(call, "auditLogs/signIns", _SIGN_INS if call.version == "beta" else _INTERACTIVE, found)


def answer_audits(call: Call, id: str = "") -> Response:
    """Answer the audit log, or one entry of it.

    Raises:
        GraphError: the caller may not read it, or the query is not understood.
    """
    call.need("AuditLog.Read.All")
    found = [_audit(call, entry) for entry in reversed(call.directory.audits) if entry.tenant_id == call.tenant]
    if not id:
        return page_of(call, "auditLogs/directoryAudits", _AUDITS, found)
    for entry in found:
        if entry["id"] == id:
            return call.answer(200, {"@odata.context": call.context("auditLogs/directoryAudits/$entity"), **entry})
    raise not_found(id)


def answer_activities(call: Call) -> Response:
    """Answer when each credential that is registered now was last used.

    Raises:
        GraphError: the caller may not read it, or the query is not understood.
    """
    call.need("AuditLog.Read.All")
    return page_of(call, "reports/appCredentialSignInActivities", _ACTIVITIES, list(_activities(call)))


def _sign_in(entry: SignIn) -> dict[str, Any]:
    return {
        "id": entry.id,
        "createdDateTime": moment(entry.created),
        "appId": entry.app_id,
        "appDisplayName": entry.service_principal_name,
        "servicePrincipalId": entry.service_principal_id,
        "servicePrincipalName": entry.service_principal_name,
        "servicePrincipalCredentialKeyId": entry.key_id,
        "servicePrincipalCredentialThumbprint": entry.thumbprint,
        "clientCredentialType": "clientAssertion" if entry.credential_type == "certificate" else entry.credential_type or "none",
        "signInEventTypes": ["servicePrincipal"],
        "ipAddress": entry.ip,
        "userAgent": entry.user_agent,
        "resourceDisplayName": "Microsoft Graph" if "graph" in entry.resource else entry.resource,
        "resourceId": entry.resource,
        "resourceTenantId": entry.tenant_id,
        "correlationId": entry.correlation_id,
        "uniqueTokenIdentifier": entry.token_id,
        "conditionalAccessStatus": "failure" if entry.error_code in (53003, 530032) else "notApplied",
        "location": None,
        "autonomousSystemNumber": None,
        "status": {
            "errorCode": entry.error_code,
            "failureReason": entry.failure or ("Other." if entry.error_code == 0 else ""),
            "additionalDetails": None,
        },
    }


def _audit(call: Call, entry: Audit) -> dict[str, Any]:
    principal = call.directory.state().service_principal_of(entry.actor, entry.tenant_id) if entry.actor else None
    return {
        "id": entry.id,
        "activityDateTime": moment(entry.created),
        "activityDisplayName": entry.activity,
        "category": "ApplicationManagement",
        "correlationId": entry.correlation_id,
        "loggedByService": "Core Directory",
        "operationType": entry.activity.split(" ")[0].replace("Remove", "Delete"),
        "result": entry.result,
        "resultReason": "",
        "initiatedBy": {
            "user": None,
            "app": {
                "appId": entry.actor or None,
                "displayName": principal.display_name if principal else None,
                "servicePrincipalId": principal.object_id if principal else None,
                "servicePrincipalName": None,
            },
        },
        "targetResources": [
            {
                "id": entry.target,
                "displayName": entry.target_name,
                "type": entry.target_type,
                "userPrincipalName": None,
                "modifiedProperties": [
                    {"displayName": name, "oldValue": old, "newValue": new} for name, (old, new) in entry.modified.items()
                ],
            }
        ],
        "additionalDetails": [],
    }


def _activities(call: Call) -> Iterator[dict[str, Any]]:
    state = call.directory.state()
    last: dict[str, SignIn] = {}
    for entry in call.directory.sign_ins:
        if entry.key_id and not entry.error_code and entry.tenant_id == call.tenant:
            last[entry.key_id] = entry
    held: list[Holder] = [*state.applications.values(), *state.service_principals.values()]
    for holder in held:
        if holder.tenant_id == call.tenant:
            yield from _activities_of(holder, state, last)


def _activities_of(holder: Holder, state: State, last: dict[str, SignIn]) -> Iterator[dict[str, Any]]:
    is_app = holder.object_id in state.applications
    principal = state.service_principal_of(holder.app_id, holder.tenant_id)
    app = state.application_of(holder.app_id)
    held = [("certificate", key.key_id, key.usage.lower(), key.start, key.end) for key in holder.key_credentials]
    held += [("clientSecret", one.key_id, "verify", one.start, one.end) for one in holder.password_credentials]
    for kind, key_id, usage, start, end in held:
        used = last.get(key_id)
        yield {
            "id": key_id,
            "keyId": key_id,
            "keyType": kind,
            "keyUsage": usage,
            "appId": holder.app_id,
            "appObjectId": app.object_id if app else None,
            "servicePrincipalObjectId": principal.object_id if principal else None,
            "resourceId": used.resource if used else None,
            "credentialOrigin": "application" if is_app else "servicePrincipal",
            "createdDateTime": moment(start),
            "expirationDateTime": moment(end),
            "signInActivity": {"lastSignInDateTime": moment(used.created), "lastSignInRequestId": used.id} if used else None,
        }
