"""Microsoft Graph's JSON of applications, service principals, their credentials and log records, both ways."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from stanch.simulators.directory_model import (
    Application,
    Audit,
    KeyCredential,
    PasswordCredential,
    ServicePrincipal,
    SignIn,
)

_TYPES: Final = ("AsymmetricX509Cert", "X509CertAndPassword", "Symmetric")
_USAGES: Final = ("Verify", "Sign")


class ShapeError(ValueError):
    """A value that Graph does not take; the message is Graph's."""


def moment(value: datetime) -> str:
    """Return a time as Graph writes it."""
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def read_moment(text: object, name: str) -> datetime:
    """Read a time.

    Raises:
        ShapeError: it is none.
    """
    try:
        found = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        raise ShapeError(f"Invalid value specified for property '{name}' of resource 'KeyCredential'.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def key_fields(key: KeyCredential, *, whole: bool) -> dict[str, Any]:
    """Return a certificate; its ``key`` only when a single object was read with ``$select=keyCredentials``."""
    return {
        "customKeyIdentifier": base64.b64encode(key.custom_key_identifier or key.sha1).decode(),
        "displayName": key.display_name or None,
        "endDateTime": moment(key.end),
        "key": base64.b64encode(key.key).decode() if whole else None,
        "keyId": key.key_id,
        "startDateTime": moment(key.start),
        "type": key.type,
        "usage": key.usage,
    }


def password_fields(password: PasswordCredential) -> dict[str, Any]:
    """Return a client secret; its text is never there again."""
    return {
        "customKeyIdentifier": None,
        "displayName": password.display_name or None,
        "endDateTime": moment(password.end),
        "hint": password.hint,
        "keyId": password.key_id,
        "secretText": None,
        "startDateTime": moment(password.start),
    }


def application_fields(app: Application, *, whole: bool = False) -> dict[str, Any]:
    """Return an application."""
    return {
        "id": app.object_id,
        "appId": app.app_id,
        "displayName": app.display_name,
        "createdDateTime": moment(app.created),
        "disabledByMicrosoftStatus": "DisabledDueToViolationOfServicesAgreement" if app.disabled else None,
        "signInAudience": "AzureADMyOrg",
        "keyCredentials": [key_fields(key, whole=whole) for key in app.key_credentials],
        "passwordCredentials": [password_fields(password) for password in app.password_credentials],
        **{name: value for name, value in app.more.items() if not name.startswith("_")},
    }


def principal_fields(principal: ServicePrincipal, *, whole: bool = False) -> dict[str, Any]:
    """Return a service principal."""
    return {
        "id": principal.object_id,
        "appId": principal.app_id,
        "appOwnerOrganizationId": principal.tenant_id,
        "displayName": principal.display_name,
        "accountEnabled": principal.account_enabled,
        "servicePrincipalType": "Application",
        "keyCredentials": [key_fields(key, whole=whole) for key in principal.key_credentials],
        "passwordCredentials": [password_fields(password) for password in principal.password_credentials],
        **{name: value for name, value in principal.more.items() if not name.startswith("_")},
    }


def read_key(given: Mapping[str, Any], key_id: str) -> KeyCredential:
    """Read a new certificate.

    Raises:
        ShapeError: it is none that Graph takes.
    """
    from cryptography import x509

    if given.get("type") not in _TYPES or given.get("usage") not in _USAGES:
        raise ShapeError("Key type or usage is not specified or not supported.")
    try:
        raw = base64.b64decode(str(given.get("key") or ""), validate=True)
        certificate = x509.load_pem_x509_certificate(raw) if raw.startswith(b"-----") else x509.load_der_x509_certificate(raw)
    except (binascii.Error, ValueError):
        raise ShapeError("Key credential is not a valid X.509 certificate.") from None
    from cryptography.hazmat.primitives.serialization import Encoding

    start = (
        read_moment(given["startDateTime"], "startDateTime") if given.get("startDateTime") else certificate.not_valid_before_utc
    )
    end = read_moment(given["endDateTime"], "endDateTime") if given.get("endDateTime") else certificate.not_valid_after_utc
    if end <= start:
        raise ShapeError("Key credential end date is invalid.")
    if end > certificate.not_valid_after_utc:
        raise ShapeError("Key credential end date is invalid: it is later than that of the certificate.")
    return KeyCredential(
        key_id=key_id,
        key=certificate.public_bytes(Encoding.DER),
        start=start,
        end=end,
        display_name=str(given.get("displayName") or ""),
        type=str(given["type"]),
        usage=str(given["usage"]),
        custom_key_identifier=_identifier(given.get("customKeyIdentifier")),
    )


def _identifier(given: object) -> bytes:
    """Read what a writer sent: base64 of the thumbprint, or its forty hex digits."""
    if not given:
        return b""
    text = str(given)
    if re.fullmatch(r"[0-9A-Fa-f]{40}", text):
        return bytes.fromhex(text)
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ShapeError("Invalid value specified for property 'customKeyIdentifier' of resource 'KeyCredential'.") from None


def replaced_keys(current: Sequence[KeyCredential], given: object, new_id: Any) -> tuple[KeyCredential, ...]:
    """Return the collection that a PATCH asks for: what is not named is gone, what is named by its id stays as it is.

    Raises:
        ShapeError: an entry is changed, or is none.
    """
    if not isinstance(given, list):
        raise ShapeError("A collection is expected for 'keyCredentials'.")
    known = {key.key_id: key for key in current}
    found: list[KeyCredential] = []
    for entry in given:
        if not isinstance(entry, dict):
            raise ShapeError("An object is expected in 'keyCredentials'.")
        kept = known.get(str(entry.get("keyId") or "").lower())
        if kept is None:
            found.append(read_key(entry, str(entry.get("keyId") or new_id()).lower()))
            continue
        sent = entry.get("key")
        same = not sent or base64.b64decode(str(sent)) == kept.key
        for name, value in (
            ("type", kept.type),
            ("usage", kept.usage),
            ("endDateTime", moment(kept.end)),
            ("startDateTime", moment(kept.start)),
        ):
            same = same and (entry.get(name) is None or str(entry[name]) == value)
        if not same:
            raise ShapeError(f"Update to existing credential with KeyId '{kept.key_id}' is not allowed.")
        found.append(kept)
    if len({key.key_id for key in found}) < len(found):
        raise ShapeError("Duplicate key credentials are not allowed.")
    return tuple(found)


def lifetime(text: str) -> timedelta | None:
    """Read an ISO 8601 duration of days and smaller, or years and months by their usual lengths."""
    found = re.fullmatch(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", text)
    if found is None or not any(found.groups()):
        return None
    years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=365 * years + 30 * months + 7 * weeks + days, hours=hours, minutes=minutes, seconds=seconds)


def sign_in_fields(entry: SignIn) -> dict[str, Any]:
    """Return a sign-in as the beta version tells it."""
    return {
        "id": entry.id,
        "createdDateTime": moment(entry.created),
        "appId": entry.app_id,
        "servicePrincipalId": entry.service_principal_id,
        "servicePrincipalName": entry.service_principal_name,
        "servicePrincipalCredentialKeyId": entry.key_id,
        "servicePrincipalCredentialThumbprint": entry.thumbprint,
        "clientCredentialType": {"certificate": "clientAssertion"}.get(entry.credential_type, entry.credential_type),
        "signInEventTypes": ["servicePrincipal"],
        "ipAddress": entry.ip,
        "userAgent": entry.user_agent,
        "resourceDisplayName": entry.resource,
        "correlationId": entry.correlation_id,
        "uniqueTokenIdentifier": entry.token_id,
        "conditionalAccessStatus": "failure" if entry.error_code in (53003, 530032) else "notApplied",
        "status": {"errorCode": entry.error_code, "failureReason": entry.failure or "Other.", "additionalDetails": None},
    }


def audit_fields(entry: Audit) -> dict[str, Any]:
    """Return a change as the audit log tells it."""
    return {
        "id": entry.id,
        "activityDateTime": moment(entry.created),
        "activityDisplayName": entry.activity,
        "category": "ApplicationManagement",
        "result": "success",
        "initiatedBy": {"app": {"appId": entry.actor, "displayName": None, "servicePrincipalId": None}, "user": None},
        "targetResources": [
            {
                "id": entry.target,
                "displayName": entry.target_name,
                "type": entry.target_type,
                "modifiedProperties": [
                    {"displayName": name, "oldValue": old, "newValue": new} for name, (old, new) in entry.modified.items()
                ],
            }
        ],
    }
