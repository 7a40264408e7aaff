"""How simulated Graph shows and reads credentials and the objects that hold them.

https://learn.microsoft.com/graph/api/resources/keycredential, …/passwordcredential, …/application, …/serviceprincipal.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from stanch.simulators.directory import new_id
from stanch.simulators.directory_model import Application, KeyCredential, PasswordCredential, ServicePrincipal
from stanch.simulators.graph_call import Holder, bad, is_guid

TYPES: Final = {"AsymmetricX509Cert": "Verify", "X509CertAndPassword": "Sign"}  # type → the usage it goes with
LARGEST_KEY: Final = 64 * 1024  # characters of base64
LONGEST_NAME: Final = 120
_DURATION: Final = re.compile(
    r"P(?=.)(?:(\d{1,4})Y)?(?:(\d{1,5})M)?(?:(\d{1,5})W)?(?:(\d{1,6})D)?"
    r"(?:T(?=.)(?:(\d{1,7})H)?(?:(\d{1,7})M)?(?:(\d{1,9})S)?)?",
    re.ASCII,
)
FEDERATED: Final = "federatedIdentityCredentials"  # kept in `more`; shown at a path of its own
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)  # so that adding years to it is no error


def moment(value: datetime) -> str:
    """Return a time as Graph writes it."""
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def holder_fields(holder: Holder, *, whole: bool = False) -> dict[str, Any]:
    """Return an application or service principal.

    Args:
        holder: it.
        whole: with the certificates themselves: only when one object was read with ``$select=keyCredentials``.
    """
    shared = {
        **{name: value for name, value in holder.more.items() if name != FEDERATED and not name.startswith("_")},
        "keyCredentials": [key_fields(key, whole=whole) for key in holder.key_credentials],
        "passwordCredentials": [password_fields(password) for password in holder.password_credentials],
        "id": holder.object_id,
        "appId": holder.app_id,
        "displayName": holder.display_name,
    }
    if isinstance(holder, ServicePrincipal):
        return {
            **shared,
            "accountEnabled": holder.account_enabled,
            "appDisplayName": holder.display_name,
            "appOwnerOrganizationId": holder.tenant_id,
            "servicePrincipalNames": [holder.app_id],
            "servicePrincipalType": "Application",
        }
    return {
        "signInAudience": "AzureADMyOrg",
        **shared,
        "createdDateTime": moment(holder.created),
        "disabledByMicrosoftStatus": "DisabledDueToViolationOfServicesAgreement" if holder.disabled else None,
        "publisherDomain": None,
    }


def segment_of(holder: Holder) -> str:
    """Return the collection an object is in."""
    return "applications" if isinstance(holder, Application) else "servicePrincipals"


def key_fields(key: KeyCredential, *, whole: bool = False) -> dict[str, Any]:
    """Return a certificate's entry; ``key`` is null unless *whole*."""
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
    """Return a client secret's entry; its text was told once, when it was made."""
    return {
        "customKeyIdentifier": None,
        "displayName": password.display_name or None,
        "endDateTime": moment(password.end),
        "hint": password.hint or None,
        "keyId": password.key_id,
        "secretText": None,
        "startDateTime": moment(password.start),
    }


def read_moment(given: Mapping[str, Any], name: str, resource: str, default: datetime) -> datetime:
    """Read a time, or take the default when it is not given.

    Raises:
        GraphError: 400: it is none, or lies outside of what a directory can hold.
    """
    value = given.get(name)
    if value is None:
        return default
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) and len(value) <= 40 else None
    except ValueError:
        found = None
    if found is not None and found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    if found is None or not _EARLIEST <= found <= _LATEST:
        raise invalid(name, resource)
    return found.astimezone(UTC)


def read_text(given: Mapping[str, Any], name: str, resource: str, *, longest: int = LONGEST_NAME) -> str:
    """Read a text that may be left out.

    Raises:
        GraphError: 400: it is none, or too long.
    """
    value = given.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest:
        raise invalid(name, resource)
    return value


def read_key(given: Mapping[str, Any]) -> KeyCredential:
    """Read the entry of a new certificate. Its validity is the certificate's own, or lies within it.

    Raises:
        GraphError: 400: it is none that Graph takes.
    """
    if TYPES.get(str(given.get("type"))) != given.get("usage"):
        raise bad("Key type or usage is not specified, or they do not go together.")
    if given.get("keyId") is not None and not is_guid(given["keyId"]):
        raise invalid("keyId", "KeyCredential")
    der, first, last = _certificate(given.get("key"))
    start = read_moment(given, "startDateTime", "KeyCredential", first)
    end = read_moment(given, "endDateTime", "KeyCredential", last)
    if start < first or start >= end:
        raise bad("Key credential start date is invalid.")
    if end > last:
        raise bad("Key credential end date is invalid.")
    return KeyCredential(
        key_id=str(given.get("keyId") or new_id()).lower(),
        key=der,
        start=start,
        end=end,
        display_name=read_text(given, "displayName", "KeyCredential"),
        type=str(given["type"]),
        usage=str(given["usage"]),
        custom_key_identifier=read_identifier(given.get("customKeyIdentifier")),
    )


def read_identifier(given: object) -> bytes:
    """Read ``customKeyIdentifier``: base64, or a thumbprint in hex, as several clients send it.

    Raises:
        GraphError: 400: it is neither.
    """
    if given is None:
        return b""
    if isinstance(given, str) and re.fullmatch(r"[0-9A-Fa-f]{40}", given):
        return bytes.fromhex(given)
    return read_binary(given, "customKeyIdentifier")


def read_binary(given: object, name: str) -> bytes:
    """Read base64.

    Raises:
        GraphError: 400: it is none, or too long.
    """
    try:
        if isinstance(given, str) and len(given) <= LARGEST_KEY:
            return base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise invalid(name, "KeyCredential")


def invalid(name: str, resource: str) -> Exception:
    """Return the 400 of a property with a wrong value."""
    return bad(f"Invalid value specified for property '{name}' of resource '{resource}'.")


def lifetime(text: object) -> timedelta | None:
    """Read an ISO 8601 duration; a year is 365 days and a month 30. ``None`` when it is none."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=365 * years + 30 * months + 7 * weeks + days, hours=hours, minutes=minutes, seconds=seconds)


def _certificate(given: object) -> tuple[bytes, datetime, datetime]:
    """Return DER and validity of a certificate whose public key can be used; base64 of DER, or of PEM."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding

    raw = read_binary(given, "key")
    try:
        pem = raw.lstrip().startswith(b"-----BEGIN")
        certificate = x509.load_pem_x509_certificate(raw) if pem else x509.load_der_x509_certificate(raw)
        certificate.public_key()
        return certificate.public_bytes(Encoding.DER), certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as exc:
        raise bad("Key credential is not a valid certificate.") from exc
