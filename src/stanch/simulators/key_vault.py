"""Azure Key Vault's data plane: the challenge, secrets and certificates with versions, soft delete, recovery and purge.

Verified is what the real one verifies: the bearer token (signature, audience, time), the api-version, names, sizes, and whether a
version is enabled. Sources: https://learn.microsoft.com/rest/api/keyvault/ and the bodies the official clients send and read.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote

from stanch.simulators.clock import Clock, utc_now
from stanch.simulators.key_vault_certificates import Made, imported, made, read_policy
from stanch.simulators.tokens import TokenError, Tokens
from stanch.simulators.wire import Request, Response, json_response

NAME: Final = "*.vault.azure.net"
AUDIENCES: Final = ("https://vault.azure.net", "cfa8b339-82a2-471a-a3c9-0fc0be7a4093")
LARGEST_SECRET: Final = 25 * 1024
RETENTION: Final = timedelta(days=90)
PAGE: Final = 25
_NAME: Final = re.compile(r"[0-9A-Za-z-]{1,127}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a secret or certificate.

    Attributes:
        id: 32 hex digits.
        created: when.
        updated: when its attributes were last changed.
        enabled: whether it may be read.
        not_before: seconds since 1970, ``None`` for no bound.
        expires: likewise.
        tags: texts.
        content_type: of a secret.
        value: of a secret; never shown.
        certificate: of a certificate.
        managed: whether the secret belongs to a certificate.
    """

    id: str
    created: datetime
    updated: datetime
    enabled: bool = True
    not_before: int | None = None
    expires: int | None = None
    tags: dict[str, str] = field(default_factory=dict)
    content_type: str | None = None
    value: str = field(default="", repr=False)
    certificate: Made | None = None
    managed: bool = False


@dataclass(slots=True, kw_only=True)
class _Object:
    versions: list[Version] = field(default_factory=list)
    policy: dict[str, Any] = field(default_factory=dict)
    pending: dict[str, Any] | None = None
    deleted: datetime | None = None


class _RefusedError(Exception):
    def __init__(self, status: int, code: str, message: str, inner: str = "") -> None:
        super().__init__(message)
        error: dict[str, Any] = {"code": code, "message": message}
        if inner:
            error["innererror"] = {"code": inner}
        self.response = json_response(status, {"error": error})


class KeyVault:
    """One vault.

    Args:
        tokens: those of the simulated Entra.
        tenant: whose vault it is; said in the challenge.
        login: base address of the login service, as the challenge names it.
        clock: its time.
    """

    def __init__(
        self, tokens: Tokens, *, tenant: str = "common", login: str = "https://login.microsoftonline.com", clock: Clock = utc_now
    ) -> None:
        self.tenant = tenant
        self.login = login
        self._tokens = tokens
        self._clock = clock
        self._lock = threading.RLock()
        self._objects: dict[str, dict[str, _Object]] = {"secrets": {}, "certificates": {}}
        self._count = 0

    def __call__(self, request: Request) -> Response:
        """Answer one request."""
        try:
            challenge = self._challenge(request)
            if challenge is not None:
                return challenge
            if not request.query.get("api-version"):
                raise _RefusedError(400, "BadParameter", "api-version must be specified")
            with self._lock:
                return self._answer(request)
        except _RefusedError as refused:
            return refused.response

    def failure(self, request: Request, status: int) -> Response:
        """Say in the vault's words that something is wrong with it."""
        code, text = ("Throttled", "Request was not processed because too many requests were received.") if status == 429 else (
            "InternalServerError", "An unexpected error occurred.")  # fmt: skip
        return json_response(status, {"error": {"code": code, "message": text}})

    def _challenge(self, request: Request) -> Response | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        said = f'Bearer authorization="{self.login}/{self.tenant}", resource="https://vault.azure.net"'
        if scheme.lower() != "bearer" or not token:
            body = {"error": {"code": "Unauthorized", "message": "AKV10000: Request is missing a Bearer or PoP token."}}
            return json_response(401, body, {"WWW-Authenticate": said})
        try:
            claims = self._tokens.read(token.strip(), audiences=AUDIENCES, now=request.now)
        except TokenError as exc:
            body = {"error": {"code": "Unauthorized", "message": f"AKV10022: Invalid token: {exc}."}}
            return json_response(401, body, {"WWW-Authenticate": f'{said}, error="invalid_token"'})
        if self.tenant != "common" and claims.get("tid") not in (None, self.tenant):
            body = {"error": {"code": "Unauthorized", "message": "AKV10032: Invalid issuer."}}
            return json_response(401, body, {"WWW-Authenticate": said})
        return None

    # --- routes -----------------------------------------------------------------------------------------------------

    def _answer(self, request: Request) -> Response:
        parts = [unquote(part) for part in request.path.strip("/").split("/")]
        kind = parts[0]
        if kind in ("deletedsecrets", "deletedcertificates"):
            return self._gone(request, kind.removeprefix("deleted"), parts[1:])
        if kind not in self._objects:
            raise _RefusedError(404, "NotFound", "The path is not known.")
        if len(parts) == 1 and request.method == "GET":
            return self._listed(request, [self._item(request, kind, n, o.versions[-1]) for n, o in self._living(kind)])
        name = parts[1] if len(parts) > 1 else ""
        if not _NAME.fullmatch(name):
            raise _RefusedError(400, "BadParameter", f"The request URI contains an invalid name: {name[:127]}")
        return self._one(request, kind, name, parts[2:])

    def _one(self, request: Request, kind: str, name: str, rest: list[str]) -> Response:
        certificates = kind == "certificates"
        match (request.method, *rest):
            case ("GET", "versions"):
                found = self._living_object(kind, name)
                return self._listed(request, [self._item(request, kind, name, v, versioned=True) for v in found.versions])
            case ("PUT",) if not certificates:
                return self._set(request, name)
            case ("POST", "create") if certificates:
                return self._create(request, name)
            case ("POST", "import") if certificates:
                return self._import(request, name)
            case ("GET", "pending") if certificates:
                return self._pending(name)
            case ("GET", "policy") if certificates:
                return json_response(200, self._policy(request, name))
            case ("PATCH", "policy") if certificates:
                found = self._living_object(kind, name)
                found.policy = {**found.policy, **read_policy(_body(request))}
                return json_response(200, self._policy(request, name))
            case ("DELETE",):
                return self._delete(request, kind, name)
            case ("GET", *version) if len(version) < 2:
                return self._read(request, kind, name, version[0] if version else "")
            case ("PATCH", *version) if len(version) < 2:
                return self._update(request, kind, name, version[0] if version else "")
        raise _RefusedError(405, "MethodNotAllowed", "The method is not allowed here.")

    # --- reading --------------------------------------------------------------------------------------------------------

    def _living(self, kind: str) -> Iterator[tuple[str, _Object]]:
        for name, found in sorted(self._objects[kind].items()):
            if found.deleted is None and found.versions:
                yield name, found

    def _living_object(self, kind: str, name: str) -> _Object:
        found = self._objects[kind].get(name)
        if found is None or found.deleted is not None or not (found.versions or found.pending):
            thing = kind[:-1]
            message = (
                f"A {thing} with (name/id) {name} was not found in this key vault. If you recently deleted this {thing} "
                "you may be able to recover it using the correct recovery command. For help resolving this issue, please see "
                "https://go.microsoft.com/fwlink/?linkid=2125182"
            )
            raise _RefusedError(404, f"{thing.capitalize()}NotFound", message)
        return found

    def _version(self, kind: str, name: str, version: str) -> Version:
        found = self._living_object(kind, name)
        chosen = found.versions[-1:] if not version else [v for v in found.versions if v.id == version]
        if not chosen:
            thing = kind[:-1]
            raise _RefusedError(
                404,
                f"{thing.capitalize()}NotFound",
                f"A {thing} with (name/id) {name}/{version} was not found in this key vault.",
            )
        return chosen[0]

    def _read(self, request: Request, kind: str, name: str, version: str) -> Response:
        found = self._version(kind, name, version)
        now = request.now.timestamp()
        if kind == "secrets":
            inner = "" if found.enabled else "SecretDisabled"
            if found.not_before is not None and now < found.not_before:
                inner = "SecretNotYetValid"
            if inner:
                reason = "a disabled secret" if inner == "SecretDisabled" else "a secret that is not yet valid"
                raise _RefusedError(403, "Forbidden", f"Operation get is not allowed on {reason}.", inner)
        return json_response(200, self._bundle(request, kind, name, found))

    def _bundle(self, request: Request, kind: str, name: str, version: Version) -> dict[str, Any]:
        shown = self._item(request, kind, name, version, versioned=True)
        if kind == "secrets":
            shown["value"] = version.value
            return shown
        assert version.certificate is not None
        base = f"https://{request.host}"
        shown |= {
            "kid": f"{base}/keys/{name}/{version.id}",
            "sid": f"{base}/secrets/{name}/{version.id}",
            "cer": version.certificate.cer,
            "contentType": version.certificate.content_type,
            "policy": self._policy(request, name),
        }
        return shown

    def _item(self, request: Request, kind: str, name: str, version: Version, *, versioned: bool = False) -> dict[str, Any]:
        attributes: dict[str, Any] = {
            "enabled": version.enabled,
            "created": int(version.created.timestamp()),
            "updated": int(version.updated.timestamp()),
            "recoveryLevel": "Recoverable+Purgeable",
            "recoverableDays": RETENTION.days,
        }
        if version.not_before is not None:
            attributes["nbf"] = version.not_before
        if version.expires is not None:
            attributes["exp"] = version.expires
        address = f"https://{request.host}/{kind}/{name}" + (f"/{version.id}" if versioned else "")
        shown: dict[str, Any] = {"id": address, "attributes": attributes, "tags": version.tags}
        if kind == "secrets" and version.content_type is not None:
            shown["contentType"] = version.content_type
        if version.managed:
            shown["managed"] = True
            shown["kid"] = f"https://{request.host}/keys/{name}/{version.id}"
        if version.certificate is not None:
            shown["x5t"] = version.certificate.x5t
            shown["subject"] = version.certificate.subject
        return shown

    def _listed(self, request: Request, items: list[dict[str, Any]]) -> Response:
        query = request.query
        size = int(query["maxresults"]) if query.get("maxresults", "").isdecimal() else PAGE
        if not 1 <= size <= PAGE:
            raise _RefusedError(400, "BadParameter", f"maxresults must be between 1 and {PAGE}")
        start = int(query["$skiptoken"]) if query.get("$skiptoken", "").isdecimal() else 0
        following = None
        if start + size < len(items):
            rest = f"api-version={query['api-version']}&$skiptoken={start + size}&maxresults={size}"
            following = f"https://{request.host}{request.path}?{rest}"
        return json_response(200, {"value": items[start : start + size], "nextLink": following})

    # --- writing --------------------------------------------------------------------------------------------------------

    def _next_id(self) -> str:
        import secrets

        return secrets.token_hex(16)

    def _writable(self, kind: str, name: str) -> _Object:
        found = self._objects[kind].get(name)
        if found is not None and found.deleted is not None:
            message = (
                f"{kind[:-1].capitalize()} {name} is currently in a deleted but recoverable state, and its name cannot be "
                f"reused; in this state, the {kind[:-1]} can only be recovered or purged."
            )
            raise _RefusedError(409, "Conflict", message, "ObjectIsDeletedButRecoverable")
        return self._objects[kind].setdefault(name, _Object())

    def _set(self, request: Request, name: str) -> Response:
        body = _body(request)
        value = body.get("value")
        if not isinstance(value, str):
            raise _RefusedError(400, "BadParameter", "Property  has invalid value")
        if len(value.encode()) > LARGEST_SECRET:
            raise _RefusedError(
                400, "BadParameter", "The length of the secret value exceeds the maximum allowed size of 25600 bytes."
            )
        found = self._writable("secrets", name)
        if found.versions and found.versions[-1].managed:
            raise _RefusedError(
                403,
                "Forbidden",
                f'Operation "set" is not allowed on a secret managed by Key Vault: {name}',
                "SecretManagedByKeyVault",
            )
        now = self._clock()
        version = _changed(Version(id=self._next_id(), created=now, updated=now, value=value), body, now)
        found.versions.append(version)
        return json_response(200, self._bundle(request, "secrets", name, version))

    def _update(self, request: Request, kind: str, name: str, version: str) -> Response:
        found = self._version(kind, name, version)
        updated = _changed(found, _body(request), self._clock())
        self._replace(kind, name, found, updated)
        twin = "secrets" if kind == "certificates" else ""
        if twin and name in self._objects[twin]:  # a certificate and its secret are enabled and disabled together
            for other in self._objects[twin][name].versions:
                if other.id == found.id:
                    self._replace(twin, name, other, replace(other, enabled=updated.enabled, updated=updated.updated))
        return json_response(
            200,
            self._bundle(request, kind, name, updated)
            if kind == "certificates"
            else self._item(request, kind, name, updated, versioned=True),
        )

    def _replace(self, kind: str, name: str, old: Version, new: Version) -> None:
        versions = self._objects[kind][name].versions
        versions[versions.index(old)] = new

    def _create(self, request: Request, name: str) -> Response:
        body = _body(request)
        policy = read_policy(body.get("policy") or {})
        found = self._writable("certificates", name)
        issuer = policy["issuer"].get("name", "")
        if issuer not in ("Self", "Unknown"):
            raise _RefusedError(400, "BadParameter", f"Issuer {issuer} is not found.")
        before = found.versions[-1].certificate if found.versions else None
        reuse = before.private_key if before is not None and policy["key_props"].get("reuse_key") else None
        certificate = made(policy, now=self._clock(), reuse=reuse)
        found.policy = policy
        found.pending = {
            "id": f"https://{request.host}/certificates/{name}/pending",
            "issuer": {"name": issuer},
            "csr": certificate.csr,
            "cancellation_requested": False,
            "status": "inProgress",
            "status_details": "Pending certificate created. Certificate request is in progress. This may take some time.",
            "request_id": self._next_id(),
        }
        shown = json_response(202, found.pending)
        if issuer == "Self":
            self._add(request, name, certificate, body)
            found.pending = {**found.pending, "status": "completed", "target": f"https://{request.host}/certificates/{name}"}
            found.pending.pop("status_details")
        return shown

    def _import(self, request: Request, name: str) -> Response:
        body = _body(request)
        try:
            certificate = imported(str(body.get("value", "")), str(body.get("pwd") or ""))
        except ValueError as exc:
            raise _RefusedError(400, "BadParameter", str(exc)) from None
        found = self._writable("certificates", name)
        found.policy = read_policy(body.get("policy") or {"issuer": {"name": "Unknown"}, "key_props": {"exportable": True},
                                                          "secret_props": {"contentType": certificate.content_type}})  # fmt: skip
        version = self._add(request, name, certificate, body)
        return json_response(200, self._bundle(request, "certificates", name, version))

    def _add(self, request: Request, name: str, certificate: Made, body: dict[str, Any]) -> Version:
        found = self._objects["certificates"][name]
        now = self._clock()
        version = Version(
            id=self._next_id(), created=now, updated=now, certificate=certificate, not_before=certificate.not_before,
            expires=certificate.not_after,
        )  # fmt: skip
        attributes = {key: value for key, value in (body.get("attributes") or {}).items() if key == "enabled"}
        version = _changed(version, {"attributes": attributes, "tags": body.get("tags")}, now)
        found.versions.append(version)
        exportable = bool(found.policy["key_props"].get("exportable", True))
        secret = replace(
            version, certificate=None, managed=True, content_type=certificate.content_type,
            value=certificate.secret if exportable else certificate.public_secret,
        )  # fmt: skip
        self._objects["secrets"].setdefault(name, _Object()).versions.append(secret)
        return version

    def _pending(self, name: str) -> Response:
        found = self._living_object("certificates", name)
        if found.pending is None:
            raise _RefusedError(404, "PendingCertificateNotFound", f"Pending certificate not found: {name}")
        return json_response(200, found.pending)

    def _policy(self, request: Request, name: str) -> dict[str, Any]:
        found = self._living_object("certificates", name)
        return {"id": f"https://{request.host}/certificates/{name}/policy", **found.policy, "attributes": {"enabled": True}}

    # --- soft delete ------------------------------------------------------------------------------------------------------

    def _delete(self, request: Request, kind: str, name: str) -> Response:
        found = self._living_object(kind, name)
        if kind == "secrets" and found.versions[-1].managed:
            raise _RefusedError(
                403,
                "Forbidden",
                f'Operation "delete" is not allowed on a secret managed by Key Vault: {name}',
                "SecretManagedByKeyVault",
            )
        now = self._clock()
        shown = self._deleted(request, kind, name, found, now)
        found.deleted = now
        if kind == "certificates" and name in self._objects["secrets"]:
            self._objects["secrets"][name].deleted = now
        return json_response(200, shown)

    def _deleted(self, request: Request, kind: str, name: str, found: _Object, at: datetime) -> dict[str, Any]:
        last = found.versions[-1]
        shown = self._item(request, kind, name, last, versioned=True)
        if kind == "certificates" and last.certificate is not None:
            shown |= {"cer": last.certificate.cer, "policy": {**found.policy, "attributes": {"enabled": True}}}
        return shown | {
            "recoveryId": f"https://{request.host}/deleted{kind}/{name}",
            "deletedDate": int(at.timestamp()),
            "scheduledPurgeDate": int((at + RETENTION).timestamp()),
        }

    def _gone(self, request: Request, kind: str, rest: list[str]) -> Response:
        now = self._clock()
        objects = self._objects[kind]
        for name in [n for n, o in objects.items() if o.deleted is not None and now >= o.deleted + RETENTION]:
            del objects[name]
        gone = {name: found for name, found in sorted(objects.items()) if found.deleted is not None}
        if not rest and request.method == "GET":
            return self._listed(request, [self._deleted(request, kind, n, o, o.deleted or now) for n, o in gone.items()])
        name = rest[0] if rest else ""
        if name not in gone:
            raise _RefusedError(404, f"{kind[:-1].capitalize()}NotFound", f"Deleted {kind[:-1].capitalize()} not found: {name}")
        found = gone[name]
        match (request.method, *rest[1:]):
            case ("GET",):
                return json_response(200, self._deleted(request, kind, name, found, found.deleted or now))
            case ("DELETE",):
                del objects[name]
                if kind == "certificates":
                    self._objects["secrets"].pop(name, None)
                return Response(status=204)
            case ("POST", "recover"):
                found.deleted = None
                if kind == "certificates" and name in self._objects["secrets"]:
                    self._objects["secrets"][name].deleted = None
                shown = self._bundle(request, kind, name, found.versions[-1])
                shown.pop("value", None)
                return json_response(200, shown)
        raise _RefusedError(405, "MethodNotAllowed", "The method is not allowed here.")


def _body(request: Request) -> dict[str, Any]:
    try:
        found = json.loads(request.body or b"{}")
    except ValueError:
        raise _RefusedError(400, "BadParameter", "The request body is not valid JSON.") from None
    if not isinstance(found, dict):
        raise _RefusedError(400, "BadParameter", "The request body is not an object.")
    return found


def _changed(version: Version, body: dict[str, Any], now: datetime) -> Version:
    """Return a version with what a request says of attributes, tags and content type."""
    attributes = body.get("attributes") or {}
    changes: dict[str, Any] = {"updated": now}
    for key, name in (("enabled", "enabled"), ("nbf", "not_before"), ("exp", "expires")):
        if attributes.get(key) is not None:
            changes[name] = attributes[key]
    if body.get("tags") is not None:
        changes["tags"] = dict(body["tags"])
    if body.get("contentType") is not None:
        changes["content_type"] = str(body["contentType"])
    return replace(version, **changes)
