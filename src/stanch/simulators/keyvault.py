"""Azure Key Vault's data plane: the challenge, secrets, certificates and the keys behind them, soft delete.

What the real one verifies is verified: the bearer token (signature, audience, time, tenant), the API version, names, sizes,
whether a version is enabled, and whether a name waits in the bin. Source: https://learn.microsoft.com/rest/api/keyvault/
Not here: keys that belong to no certificate, contacts, partner issuers, backup.
`AzureSimulation` has one at `NAME`, open to every tenant until its `tenant` is set.
"""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from typing import Any, Final
from urllib.parse import unquote

from stanch.simulators.clock import Clock, utc_now
from stanch.simulators.faults import Faults
from stanch.simulators.keyvault_certificates import Certificates
from stanch.simulators.keyvault_issuing import signature
from stanch.simulators.keyvault_policy import bad
from stanch.simulators.keyvault_secrets import Secrets
from stanch.simulators.keyvault_shapes import (
    attributes_json,
    body_of,
    certificate_bundle,
    certificate_item,
    deleted_json,
    page,
    secret_item,
)
from stanch.simulators.keyvault_store import Entry, Kind, RefusedError, Store, Version, not_found
from stanch.simulators.tokens import TokenError, Tokens
from stanch.simulators.wire import Request, Response, json_response

NAME: Final = "*.vault.azure.net"
RESOURCE: Final = "https://vault.azure.net"
AUDIENCES: Final = (RESOURCE, "cfa8b339-82a2-471a-a3c9-0fc0be7a4093")  # the second: Key Vault's application id
_NAME: Final = re.compile(r"[0-9A-Za-z-]{1,127}")
_VERSION: Final = re.compile(r"(?:7\.[0-6]|20[0-9]{2}-[01][0-9]-[0-3][0-9])(?:-preview(?:\.[0-9])?)?")
_DELETED: Final[dict[str, Kind]] = {"deletedsecrets": "secrets", "deletedcertificates": "certificates"}
_KINDS: Final[dict[str, Kind]] = {"secrets": "secrets", "certificates": "certificates", "keys": "keys"}


class KeyVault:
    """One vault. Thread-safe.

    Args:
        tokens: those of the simulated Entra.
        tenant: whose vault it is: the challenge says so, and tokens of others are refused; empty for any.
        login: base address of the login service, for the challenge.
        faults: says how late a change is seen.
        clock: when things happen.

    Attributes:
        tenant: as above; may be set later.
        login: as above.
        store: what the vault holds.
        secrets: operations on secrets.
        certificates: operations on certificates.
    """

    def __init__(
        self,
        tokens: Tokens,
        *,
        tenant: str = "",
        login: str = "https://login.microsoftonline.com",
        faults: Faults | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self.tenant = tenant
        self.login = login
        self.store = Store(faults=faults, clock=clock)
        self.secrets = Secrets(self.store)
        self.certificates = Certificates(self.store)
        self._tokens = tokens

    def __call__(self, request: Request) -> Response:
        """Answer one request."""
        try:
            refused = self._refused(request)
            answer = refused or self._answer(request)
        except RefusedError as exc:
            answer = _error(exc.status, exc.code, exc.message, exc.inner)
        headers = {**answer.headers, "x-ms-request-id": str(uuid.uuid4()), "x-ms-keyvault-service-version": "1.9.2500.1"}
        if answer.status == 204:
            headers.pop("Content-Type", None)
        return Response(status=answer.status, headers=headers, body=answer.body)

    def failure(self, request: Request, status: int) -> Response:
        """Return the service's own words for a 429 or 5xx."""
        del request
        if status == 429:
            message = "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached"
            return _error(status, "Throttled", message)
        return _error(status, "InternalServerError", "An unexpected error occurred while processing the request.")

    # --- who asks -----------------------------------------------------------------------------------------------------

    def _refused(self, request: Request) -> Response | None:
        """Return the challenge, unless a token is shown that opens this vault."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return self._challenge("AKV10000: Request is missing a Bearer or PoP token.")
        try:
            claims = self._tokens.read(token.strip(), audiences=AUDIENCES, now=request.now)
        except TokenError as exc:
            return self._challenge(f"AKV10022: {exc}.", invalid=True)
        if self.tenant and claims.get("tid") != self.tenant:
            return self._challenge("AKV10032: Invalid issuer. The token is of another tenant than the vault.", invalid=True)
        return None

    def _challenge(self, message: str, *, invalid: bool = False) -> Response:
        said = f'Bearer authorization="{self.login}/{self.tenant or "common"}", resource="{RESOURCE}"'
        answer = _error(401, "Unauthorized", message)
        error = ', error="invalid_token"' if invalid else ""
        return Response(status=401, headers={**answer.headers, "WWW-Authenticate": said + error}, body=answer.body)

    # --- what is asked ------------------------------------------------------------------------------------------------

    def _answer(self, request: Request) -> Response:
        version = request.query.get("api-version", "")
        if not version:
            raise bad("api-version must be specified")
        if not _VERSION.fullmatch(version):
            raise bad("The specified version is not recognized. Consider using the latest supported version.")
        top, *rest = [unquote(part) for part in request.path.strip("/").split("/")]
        if rest and not _NAME.fullmatch(rest[0]):
            raise bad("The request URI contains an invalid name.")
        if top in _DELETED:
            return self._deleted(request, _DELETED[top], rest)
        if top not in _KINDS or len(rest) > 3:
            raise RefusedError(404, "NotFound", "There is nothing at this address.")
        if not rest and request.method == "GET" and top != "keys":
            return self._list(request, _KINDS[top])
        answer = self._one(request, _KINDS[top], rest[0], rest[1:]) if rest else None
        if answer is None:
            raise RefusedError(405, "MethodNotAllowed", f"The HTTP method {request.method} is not allowed here.")
        return answer

    def _one(self, request: Request, kind: Kind, name: str, rest: list[str]) -> Response | None:
        if kind == "keys":
            return self._key(request, name, rest)
        if request.method == "DELETE" and not rest:
            return self._delete(request, kind, name)
        if request.method == "GET" and rest == ["versions"]:
            return self._versions(request, kind, name)
        if kind == "secrets":
            return self._secret(request, name, rest)
        return self._certificate(request, name, rest)

    def _secret(self, request: Request, name: str, rest: list[str]) -> Response | None:
        match (request.method, *rest):
            case ("PUT",):
                return self.secrets.put(request, name)
            case ("GET", *version) if len(version) < 2:
                return self.secrets.get(request, name, "".join(version))
            case ("PATCH", *version) if len(version) < 2:
                return self.secrets.update(request, name, "".join(version))
        return None

    def _certificate(self, request: Request, name: str, rest: list[str]) -> Response | None:
        known = {
            ("POST", "create"): self.certificates.create,
            ("POST", "import"): self.certificates.load,
            ("GET", "pending"): self.certificates.pending,
            ("PATCH", "pending"): self.certificates.cancel,
            ("DELETE", "pending"): self.certificates.forget,
            ("POST", "pending", "merge"): self.certificates.merge,
            ("GET", "policy"): self.certificates.policy,
            ("PATCH", "policy"): self.certificates.update_policy,
        }
        operation = known.get((request.method, *rest))
        if operation is not None:
            answer: Response = operation(request, name)
            return answer
        if len(rest) < 2 and request.method == "GET":
            return self.certificates.get(request, name, "".join(rest))
        if len(rest) < 2 and request.method == "PATCH":
            return self.certificates.update(request, name, "".join(rest))
        return None

    # --- lists --------------------------------------------------------------------------------------------------------

    def _list(self, request: Request, kind: Kind) -> Response:
        found = [(name, entry) for name, entry in self.store.read().each(kind) if entry.deleted is None and entry.versions]
        return page(request, {name.lower(): self._item(request, kind, name, e.versions[-1]) for name, e in found})

    def _versions(self, request: Request, kind: Kind, name: str) -> Response:
        shown, entry = self.store.living(kind, name)
        return page(request, {v.id: self._item(request, kind, shown, v, versioned=True) for v in entry.versions})

    def _item(self, request: Request, kind: Kind, name: str, version: Version, *, versioned: bool = False) -> dict[str, Any]:
        make = secret_item if kind == "secrets" else certificate_item
        return make(request, name, version, versioned=versioned, days=self.store.retention.days)

    # --- soft delete --------------------------------------------------------------------------------------------------

    def _delete(self, request: Request, kind: Kind, name: str) -> Response:
        if kind == "secrets":
            self.secrets.refuse_managed("delete", name)
        shown, entry = self.store.delete(kind, name)
        return json_response(200, deleted_json(request, kind, shown, entry, self.store.retention, whole=True))

    def _deleted(self, request: Request, kind: Kind, rest: list[str]) -> Response:
        if not rest and request.method == "GET":
            gone = [(name, entry) for name, entry in self.store.read().each(kind) if entry.deleted is not None]
            items = {
                name.lower(): deleted_json(request, kind, name, entry, self.store.retention, whole=False) for name, entry in gone
            }
            return page(request, items)
        match (request.method, *rest):
            case ("GET", name):
                found = self.store.read().find(kind, name)
                if found is None or found[1].deleted is None:
                    raise not_found(kind, name, deleted=True)
                return json_response(200, deleted_json(request, kind, *found, self.store.retention, whole=True))
            case ("DELETE", name):
                self._refuse_managed(kind, "purge", name)
                self.store.purge(kind, name)
                return Response(status=204)
            case ("POST", name, "recover"):
                self._refuse_managed(kind, "recover", name)
                return json_response(200, self._recovered(request, kind, *self.store.recover(kind, name)))
        raise RefusedError(405, "MethodNotAllowed", f"The HTTP method {request.method} is not allowed here.")

    def _refuse_managed(self, kind: Kind, operation: str, name: str) -> None:
        if kind == "secrets":
            self.secrets.refuse_managed(operation, name)

    def _recovered(self, request: Request, kind: Kind, name: str, entry: Entry) -> dict[str, Any]:
        last, days = entry.versions[-1], self.store.retention.days
        if kind == "secrets":
            return secret_item(request, name, last, versioned=True, days=days)
        return certificate_bundle(request, name, entry, last, days=days)

    # --- keys ---------------------------------------------------------------------------------------------------------

    def _key(self, request: Request, name: str, rest: list[str]) -> Response | None:
        """Show the public key of a certificate, or sign with the private one, which never leaves."""
        if request.method == "GET" and len(rest) < 2:
            shown, version = self.store.version("keys", name, "".join(rest))
            if not version.enabled:
                raise RefusedError(403, "Forbidden", "Operation get is not allowed on a disabled key.", "KeyDisabled")
            return json_response(200, self._public(request, shown, version))
        if request.method == "POST" and rest[-1:] == ["sign"] and len(rest) < 3:
            shown, version = self.store.version("keys", name, "".join(rest[:-1]))
            return json_response(200, self._signed(request, shown, version))
        return None

    def _signed(self, request: Request, name: str, version: Version) -> dict[str, Any]:
        assert version.certificate is not None
        now = request.now.timestamp()
        wrong = (
            ("disabled", "KeyDisabled") if not version.enabled
            else ("not yet valid", "KeyNotYetValid") if version.not_before is not None and now < version.not_before
            else ("expired", "KeyExpired") if version.expires is not None and now >= version.expires
            else None
        )  # fmt: skip
        if wrong is not None:
            raise RefusedError(403, "Forbidden", f"Operation sign is not allowed on a key that is {wrong[0]}.", wrong[1])
        body = body_of(request)
        algorithm, digest = body.get("alg"), body.get("value")
        if not isinstance(algorithm, str) or not isinstance(digest, str) or len(digest) > 1_000:
            raise bad("Property value has invalid value")
        try:
            raw = base64.b64decode(digest + "=" * (-len(digest) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            raise bad("Property value has invalid value") from None
        made = signature(version.certificate.key, algorithm, raw)
        return {"kid": f"https://{request.host}/keys/{name}/{version.id}", "value": _base64url(made)}

    def _public(self, request: Request, name: str, version: Version) -> dict[str, Any]:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

        assert version.certificate is not None
        private = version.certificate.key
        key: dict[str, Any] = {"kid": f"https://{request.host}/keys/{name}/{version.id}"}
        if isinstance(private, RSAPrivateKey):
            numbers = private.public_key().public_numbers()
            key |= {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
            key["key_ops"] = ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"]
        else:
            point, size = private.public_key().public_numbers(), (private.key_size + 7) // 8
            key |= {"kty": "EC", "crv": version.policy["key_props"]["crv"], "key_ops": ["sign", "verify"]}
            key |= {"x": _base64url(point.x.to_bytes(size, "big")), "y": _base64url(point.y.to_bytes(size, "big"))}
        attributes = attributes_json(version, days=self.store.retention.days)
        return {"key": key, "attributes": attributes, "tags": dict(version.tags), "managed": True}


def _number(number: int) -> str:
    return _base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _error(status: int, code: str, message: str, inner: str = "") -> Response:
    error: dict[str, Any] = {"code": code, "message": message}
    if inner:
        error["innererror"] = {"code": inner}
    return json_response(status, {"error": error})
