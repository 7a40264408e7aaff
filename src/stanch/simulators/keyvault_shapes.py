"""The vault's JSON: attributes, items, bundles and pages, and what requests say.

Source: https://learn.microsoft.com/rest/api/keyvault/ and what the official clients send and read.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from stanch.simulators.keyvault_issuing import secret_value
from stanch.simulators.keyvault_policy import bad
from stanch.simulators.keyvault_store import Entry, Kind, Version
from stanch.simulators.wire import Request, Response, json_response

PAGE: Final = 25  # most items of a page
MOST_TAGS: Final = 15  # learn.microsoft.com/azure/key-vault/secrets/about-secrets, as are the two lengths
LONGEST_TAG: Final = 512
LONGEST_TAG_VALUE: Final = 256


def body_of(request: Request) -> dict[str, Any]:
    """Return a request's JSON.

    Raises:
        RefusedError: it is none, or no object.
    """
    try:
        found = json.loads(request.body)
    except (ValueError, RecursionError):
        raise bad("The request body is not valid JSON.") from None
    if not isinstance(found, dict):
        raise bad("The request body is not a JSON object.")
    return found


def changed(version: Version, body: Mapping[str, Any], now: datetime, *, times: bool = True) -> Version:
    """Return a version with the attributes, tags and content type a request has for it.

    Args:
        version: as it was.
        body: of the request.
        now: when.
        times: whether validity can be set: not for certificates, which have their own.

    Raises:
        RefusedError: something is of the wrong kind.
    """
    attributes = _mapping(body, "attributes")
    changes: dict[str, Any] = {"updated": now}
    if attributes.get("enabled") is not None:
        changes["enabled"] = attributes["enabled"]
        if not isinstance(changes["enabled"], bool):
            raise bad("Property attributes.enabled has invalid value")
    for name, own in (("nbf", "not_before"), ("exp", "expires")) if times else ():
        seconds = attributes.get(name)
        if seconds is not None:
            if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 <= seconds < 253_402_300_800:
                raise bad(f"Property attributes.{name} has invalid value")
            changes[own] = seconds
    if body.get("tags") is not None:
        changes["tags"] = _tags(_mapping(body, "tags"))
    if body.get("contentType") is not None:
        changes["content_type"] = str(body["contentType"])[:255]
    return replace(version, **changes)


def secret_item(request: Request, name: str, version: Version, *, versioned: bool, days: int) -> dict[str, Any]:
    """Return what lists say of a secret."""
    shown: dict[str, Any] = _common(request, "secrets", name, version, versioned=versioned, days=days)
    content = version.policy["secret_props"]["contentType"] if version.certificate else version.content_type
    if content is not None:
        shown["contentType"] = content
    if version.certificate is not None:
        shown |= {"managed": True, "kid": f"https://{request.host}/keys/{name}/{version.id}"}
    return shown


def secret_bundle(request: Request, name: str, version: Version, *, days: int) -> dict[str, Any]:
    """Return a secret with its value."""
    return {"value": value_of(version), **secret_item(request, name, version, versioned=True, days=days)}


def value_of(version: Version) -> str:
    """Return the value of a secret; of a certificate's, what may leave."""
    if version.certificate is None:
        return version.value
    exportable = version.policy["key_props"]["exportable"]
    return secret_value(version.certificate, version.policy["secret_props"]["contentType"], exportable=exportable)


def certificate_item(request: Request, name: str, version: Version, *, versioned: bool, days: int) -> dict[str, Any]:
    """Return what lists say of a certificate."""
    assert version.certificate is not None
    shown = _common(request, "certificates", name, version, versioned=versioned, days=days)
    return shown | {"x5t": version.certificate.x5t, "subject": version.certificate.subject}


def certificate_bundle(request: Request, name: str, entry: Entry, version: Version, *, days: int) -> dict[str, Any]:
    """Return all of a certificate but its private key."""
    assert version.certificate is not None
    base = f"https://{request.host}"
    shown = certificate_item(request, name, version, versioned=True, days=days)
    del shown["subject"]
    return shown | {
        "kid": f"{base}/keys/{name}/{version.id}",
        "sid": f"{base}/secrets/{name}/{version.id}",
        "cer": base64.b64encode(version.certificate.der).decode(),
        "contentType": version.policy["secret_props"]["contentType"],
        "policy": policy_json(request, name, entry),
    }


def policy_json(request: Request, name: str, entry: Entry) -> dict[str, Any]:
    """Return a certificate's policy."""
    created = entry.versions[0].created if entry.versions else entry.policy_updated
    attributes: dict[str, Any] = {"enabled": True}
    if created is not None and entry.policy_updated is not None:
        attributes |= {"created": int(created.timestamp()), "updated": int(entry.policy_updated.timestamp())}
    return {"id": f"https://{request.host}/certificates/{name}/policy", **entry.policy, "attributes": attributes}


def pending_json(request: Request, name: str, entry: Entry, *, fresh: bool = False) -> dict[str, Any]:
    """Return a certificate operation.

    Args:
        request: names the host.
        name: of the certificate.
        entry: with a pending request.
        fresh: as it was at its start, though it may be done by now.
    """
    pending = entry.pending
    assert pending is not None
    base = f"https://{request.host}/certificates/{name}"
    shown: dict[str, Any] = {
        "id": f"{base}/pending",
        "issuer": {"name": pending.issuer},
        "csr": base64.b64encode(pending.csr).decode(),
        "cancellation_requested": pending.cancelled,
        "status": "inProgress" if fresh else pending.status,
        "request_id": pending.id,
    }
    if shown["status"] == "inProgress":
        shown["status_details"] = "Pending certificate created. Certificate request is in progress. This may take some time."
    elif shown["status"] == "completed":
        shown["target"] = base
    return shown


def deleted_json(request: Request, kind: Kind, name: str, entry: Entry, retention: timedelta, *, whole: bool) -> dict[str, Any]:
    """Return something deleted: an item of a list, or *whole*."""
    assert entry.deleted is not None
    last = entry.versions[-1]
    if kind == "secrets":
        shown = secret_item(request, name, last, versioned=whole, days=retention.days)
    elif whole:
        shown = certificate_bundle(request, name, entry, last, days=retention.days)
    else:
        shown = certificate_item(request, name, last, versioned=False, days=retention.days)
    return shown | {
        "recoveryId": f"https://{request.host}/deleted{kind}/{name}",
        "deletedDate": int(entry.deleted.timestamp()),
        "scheduledPurgeDate": int((entry.deleted + retention).timestamp()),
    }


def page(request: Request, items: Mapping[str, dict[str, Any]]) -> Response:
    """Return one page of a list.

    Args:
        request: says where the page starts and how long it may be.
        items: by what they are sorted by; a page starts after the last of the page before, whatever was added or removed since.

    Raises:
        RefusedError: it asks for too many, or with a token that is none.
    """
    query = request.query
    wanted = query.get("maxresults", str(PAGE))
    if not wanted.isascii() or not wanted.isdecimal() or len(wanted) > 3 or not 1 <= int(wanted) <= PAGE:
        raise bad(f"maxresults has invalid value: it must be from 1 to {PAGE}")
    try:
        after = base64.b64decode(query.get("$skiptoken", ""), altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error):
        raise bad("$skiptoken has invalid value") from None
    rest = [key for key in sorted(items) if not after or key > after]
    shown, following = rest[: int(wanted)], None
    if len(rest) > len(shown):
        token = base64.urlsafe_b64encode(shown[-1].encode()).decode()
        version = quote(query["api-version"], safe="")
        following = (
            f"https://{request.host}{request.path}?api-version={version}&$skiptoken={quote(token, safe='')}&maxresults={wanted}"
        )
    return json_response(200, {"value": [items[key] for key in shown], "nextLink": following})


def _common(request: Request, kind: Kind, name: str, version: Version, *, versioned: bool, days: int) -> dict[str, Any]:
    return {
        "id": f"https://{request.host}/{kind}/{name}" + (f"/{version.id}" if versioned else ""),
        "attributes": attributes_json(version, days=days),
        "tags": dict(version.tags),
    }


def attributes_json(version: Version, *, days: int) -> dict[str, Any]:
    """Return the attributes of a version.

    Args:
        version: of anything.
        days: how long it can be recovered after it is deleted.
    """
    times = {"nbf": version.not_before, "exp": version.expires}
    return {
        "enabled": version.enabled,
        **{name: seconds for name, seconds in times.items() if seconds is not None},
        "created": int(version.created.timestamp()),
        "updated": int(version.updated.timestamp()),
        "recoveryLevel": "Recoverable+Purgeable" if days == 90 else "CustomizedRecoverable+Purgeable",
        "recoverableDays": days,
    }


def _mapping(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = body.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise bad(f"Property {name} has invalid value")
    return found


def _tags(tags: Mapping[str, Any]) -> dict[str, str]:
    if len(tags) > MOST_TAGS or not all(
        isinstance(value, str) and len(value) <= LONGEST_TAG_VALUE and len(name) <= LONGEST_TAG for name, value in tags.items()
    ):
        raise bad("Property tags has invalid value")
    return dict(tags)
