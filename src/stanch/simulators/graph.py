"""Microsoft Graph, as far as the keys of applications go: who has which, adding, removing, and what was done with them.

What makes key rotation hard is here: a PATCH replaces the whole collection, the key material is not listed, replicas are stale, a
proof is demanded and verified, tenants refuse long lifetimes. Sources: https://learn.microsoft.com/graph/api/resources/keycredential,
application-addkey, application-removekey, application-rollkey-prooftoken, and the how-to on app management policies.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from stanch.simulators.directory import Directory, new_id
from stanch.simulators.directory_model import Application, Audit, KeyCredential, ServicePrincipal
from stanch.simulators.graph_shapes import (
    ShapeError,
    application_fields,
    audit_fields,
    key_fields,
    lifetime,
    moment,
    password_fields,
    principal_fields,
    read_key,
    read_moment,
    replaced_keys,
    sign_in_fields,
)
from stanch.simulators.jws import JwsError, parse, verified
from stanch.simulators.tokens import TokenError, Tokens
from stanch.simulators.wire import Request, Response, json_response

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

NAME: Final = "graph.microsoft.com"
AUDIENCES: Final = ("https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000")
PROOF_AUDIENCE: Final = "00000002-0000-0000-c000-000000000000"
LONGEST_PROOF: Final = timedelta(minutes=10)
CREDENTIALS_CHANGED: Final = "Update application – Certificates and secrets management"
PAGE: Final = 100
_KINDS: Final = {"applications": Application, "servicePrincipals": ServicePrincipal}
Holder = Application | ServicePrincipal


class _RefusedError(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Graph:
    """Graph for every tenant of a directory.

    Args:
        directory: shared with the simulated Entra.
        tokens: those of the simulated Entra.
    """

    def __init__(self, directory: Directory, *, tokens: Tokens) -> None:
        self._directory = directory
        self._tokens = tokens

    def __call__(self, request: Request) -> Response:
        """Answer one request."""
        try:
            return self._answer(request)
        except _RefusedError as refused:
            return _error(request, refused.status, refused.code, refused.message)
        except ShapeError as exc:
            return _error(request, 400, "Request_BadRequest", str(exc))

    def failure(self, request: Request, status: int) -> Response:
        """Say in Graph's words that something is wrong with it."""
        code = "TooManyRequests" if status == 429 else "ServiceNotAvailable"
        return _error(request, status, code, "Too many requests." if status == 429 else "The service is not available now.")

    # --- routes -----------------------------------------------------------------------------------------------------

    def _answer(self, request: Request) -> Response:
        caller = self._caller(request)
        path = unquote(request.path).strip("/")
        path = re.sub(r"\(appId='([^']*)'\)", r"/(\1)", path)
        version, *parts = path.split("/")
        if version not in ("v1.0", "beta"):
            raise _RefusedError(400, "BadRequest", f"Invalid version: {version}")
        if parts and parts[0] in _KINDS:
            return self._holders(request, caller, parts[0], parts[1:])
        match (request.method, version, *parts):
            case ("GET", _, "policies", "defaultAppManagementPolicy"):
                self._need(caller, "Policy.Read.All", "Policy.Read.ApplicationConfiguration", "Application.ReadWrite.All")
                return json_response(200, self._policy(caller))
            case ("GET", _, "auditLogs", "directoryAudits"):
                self._need(caller, "AuditLog.Read.All")
                found = [audit_fields(a) for a in self._directory.audits if a.tenant_id == caller["tid"]]
                return self._page(request, _filtered(found, request.query.get("$filter", "")))
            case ("GET", "beta", "auditLogs", "signIns"):
                self._need(caller, "AuditLog.Read.All")
                return self._sign_ins(request, caller)
            case ("GET", "beta", "reports", "appCredentialSignInActivities"):
                self._need(caller, "AuditLog.Read.All")
                return self._page(request, _filtered(self._activities(caller), request.query.get("$filter", "")))
        raise _RefusedError(404, "Request_ResourceNotFound", f"Resource not found for the segment '{parts[0] if parts else ''}'.")

    def _caller(self, request: Request) -> Mapping[str, Any]:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _RefusedError(401, "InvalidAuthenticationToken", "Access token is empty.")
        try:
            return self._tokens.read(token.strip(), audiences=AUDIENCES, now=request.now)
        except TokenError as exc:
            raise _RefusedError(401, "InvalidAuthenticationToken", f"{exc}.") from None

    def _need(self, caller: Mapping[str, Any], *roles: str) -> None:
        if not set(roles) & set(caller.get("roles") or ()):
            raise _RefusedError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")

    def _may_write(self, caller: Mapping[str, Any], holder: Holder) -> None:
        roles = set(caller.get("roles") or ())
        owned = isinstance(holder, Application) and caller.get("oid") in holder.owners
        if "Application.ReadWrite.All" in roles or ("Application.ReadWrite.OwnedBy" in roles and owned):
            return
        raise _RefusedError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")

    # --- applications and service principals -----------------------------------------------------------------------------

    def _holders(self, request: Request, caller: Mapping[str, Any], kind: str, rest: list[str]) -> Response:
        if not rest:
            return self._create(request, caller, kind) if request.method == "POST" else self._list(request, caller, kind)
        holder = self._holder(kind, rest[0], caller)
        match (request.method, *rest[1:]):
            case ("GET",):
                self._may_read(caller, holder)
                return self._shown(request, holder)
            case ("PATCH",):
                return self._patch(request, caller, holder)
            case ("DELETE",):
                self._may_write(caller, holder)
                self._directory.remove(holder.object_id)
                self._log(caller, f"Delete {_word(holder)}", holder, {})
                return Response(status=204)
            case ("POST", "addKey"):
                return self._add_key(request, caller, holder)
            case ("POST", "removeKey"):
                return self._remove_key(request, caller, holder)
            case ("POST", "addPassword"):
                return self._add_password(request, caller, holder)
            case ("POST", "removePassword"):
                return self._remove_password(request, caller, holder)
            case (_, "federatedIdentityCredentials", *more) if isinstance(holder, Application):
                return self._federated(request, caller, holder, more)
        raise _RefusedError(404, "Request_ResourceNotFound", "The path is not known.")

    def _holder(self, kind: str, key: str, caller: Mapping[str, Any], *, newest: bool = False) -> Holder:
        state = self._directory.latest() if newest else self._directory.state()
        tenant = str(caller["tid"])
        found: Holder | None
        if key.startswith("("):
            found = state.application_of(key[1:-1]) if kind == "applications" else state.service_principal_of(key[1:-1], tenant)
        else:
            found = state.application(key) if kind == "applications" else state.service_principal(key)
        if found is None or found.tenant_id != tenant:
            raise _RefusedError(
                404, "Request_ResourceNotFound",
                f"Resource '{key.strip('()')}' does not exist or one of its queried reference-property objects are not present.",
            )  # fmt: skip
        return found

    def _may_read(self, caller: Mapping[str, Any], holder: Holder) -> None:
        own = holder.app_id == caller.get("appid")
        if not own:
            self._need(
                caller, "Application.Read.All", "Application.ReadWrite.All", "Application.ReadWrite.OwnedBy", "Directory.Read.All"
            )

    def _shown(self, request: Request, holder: Holder) -> Response:
        names = [name for name in request.query.get("$select", "").split(",") if name]
        # The certificate itself is only told to who asks one object for exactly that.
        fields = _fields(holder, whole="keyCredentials" in names)
        context = f"https://{NAME}/v1.0/$metadata#{_segment(holder)}/$entity"
        shown = {name: fields[name] for name in ("id", *names) if name in fields} if names else fields
        return json_response(200, {"@odata.context": context, **shown})

    def _list(self, request: Request, caller: Mapping[str, Any], kind: str) -> Response:
        self._need(
            caller, "Application.Read.All", "Application.ReadWrite.All", "Application.ReadWrite.OwnedBy", "Directory.Read.All"
        )
        state = self._directory.state()
        held: Sequence[Holder] = list((state.applications if kind == "applications" else state.service_principals).values())
        found = [_fields(holder, whole=False) for holder in held if holder.tenant_id == caller["tid"]]
        found = _filtered(found, request.query.get("$filter", ""))
        names = [name for name in request.query.get("$select", "").split(",") if name]
        if names:
            found = [{name: item[name] for name in ("id", *names) if name in item} for item in found]
        return self._page(request, found)

    def _page(self, request: Request, items: Sequence[Mapping[str, Any]]) -> Response:
        query = request.query
        top = query.get("$top", "")
        size = int(top) if top.isdecimal() else PAGE
        if not 1 <= size <= 1_000:
            raise _RefusedError(400, "Request_BadRequest", "Invalid page size specified. Must be between 1 and 1000 inclusive.")
        start = int(query["$skiptoken"]) if query.get("$skiptoken", "").isdecimal() else 0
        body: dict[str, Any] = {"value": list(items[start : start + size])}
        if start + size < len(items):
            kept = "&".join(f"{name}={value}" for name, value in query.items() if name not in ("$skiptoken",))
            body["@odata.nextLink"] = f"https://{request.host}{request.path}?{kept}{'&' if kept else ''}$skiptoken={start + size}"
        return json_response(200, body)

    def _create(self, request: Request, caller: Mapping[str, Any], kind: str) -> Response:
        self._need(caller, "Application.ReadWrite.All", "Application.ReadWrite.OwnedBy")
        body = _body(request)
        tenant = str(caller["tid"])
        made: Holder
        if kind == "applications":
            if not body.get("displayName"):
                raise _RefusedError(
                    400, "Request_BadRequest", "A value is required for property 'displayName' of resource 'Application'."
                )
            made = Application(
                object_id=new_id(), app_id=new_id(), tenant_id=tenant, display_name=str(body["displayName"]), created=request.now,
                owners=(str(caller["oid"]),),
            )  # fmt: skip
        else:
            app = self._directory.latest().application_of(str(body.get("appId") or ""))
            if app is None:
                raise _RefusedError(
                    400, "Request_BadRequest", "The appId of the service principal does not reference a valid application object."
                )
            if self._directory.latest().service_principal_of(app.app_id, tenant):
                raise _RefusedError(
                    409, "Request_MultipleObjectsWithSameKeyValue", "The service principal cannot be created: it exists."
                )
            made = ServicePrincipal(object_id=new_id(), app_id=app.app_id, tenant_id=tenant, display_name=app.display_name)
        if body.get("keyCredentials"):
            made = replace(
                made, key_credentials=_allowed(self._policy(caller), (), replaced_keys((), body["keyCredentials"], new_id))
            )
        self._directory.put(made)
        self._log(caller, f"Add {_word(made)}", made, {})
        return json_response(201, _fields(made, whole=False))

    def _patch(self, request: Request, caller: Mapping[str, Any], holder: Holder) -> Response:
        self._may_write(caller, holder)
        body = _body(request)
        before: list[Holder] = []
        policy = self._policy(caller)  # read before the change: nothing is read while the directory is locked

        def change(current: Any) -> Any:
            before.append(current)
            changed = current
            if "keyCredentials" in body:
                keys = replaced_keys(current.key_credentials, body["keyCredentials"], new_id)
                changed = replace(changed, key_credentials=_allowed(policy, current.key_credentials, keys))
            if "displayName" in body:
                changed = replace(changed, display_name=str(body["displayName"]))
            if "accountEnabled" in body and isinstance(changed, ServicePrincipal):
                changed = replace(changed, account_enabled=bool(body["accountEnabled"]))
            return changed

        after = self._change(holder, change)
        if "keyCredentials" in body:
            self._log_keys(caller, before[-1], after)
        else:
            self._log(caller, f"Update {_word(holder)}", holder, {})
        return Response(status=204)

    def _change(self, holder: Holder, function: Callable[[Any], Any]) -> Holder:
        try:
            if isinstance(holder, Application):
                return self._directory.change(Application, holder.object_id, function)
            return self._directory.change(ServicePrincipal, holder.object_id, function)
        except KeyError:
            raise _RefusedError(404, "Request_ResourceNotFound", "The object was deleted meanwhile.") from None

    # --- keys -----------------------------------------------------------------------------------------------------------

    def _add_key(self, request: Request, caller: Mapping[str, Any], holder: Holder) -> Response:
        body = _body(request)
        if holder.app_id != caller.get("appid"):
            self._may_write(caller, holder)
        added: list[KeyCredential] = []
        policy = self._policy(caller)

        def change(current: Any) -> Any:
            self._prove(str(body.get("proof") or ""), current, request.now)
            given = body.get("keyCredential")
            if not isinstance(given, dict):
                raise ShapeError("A value is required for property 'keyCredential'.")
            added.append(read_key(given, new_id()))
            keys = (*current.key_credentials, added[-1])
            return replace(current, key_credentials=_allowed(policy, current.key_credentials, keys))

        after = self._change(holder, change)
        self._log_keys(caller, holder, after)
        return json_response(200, key_fields(added[-1], whole=True))

    def _remove_key(self, request: Request, caller: Mapping[str, Any], holder: Holder) -> Response:
        body = _body(request)
        if holder.app_id != caller.get("appid"):
            self._may_write(caller, holder)
        key_id = str(body.get("keyId") or "").lower()

        def change(current: Any) -> Any:
            self._prove(str(body.get("proof") or ""), current, request.now)
            kept = tuple(key for key in current.key_credentials if key.key_id != key_id)
            if len(kept) == len(current.key_credentials):
                raise _RefusedError(404, "Request_ResourceNotFound", f"No credentials found to be removed with keyId '{key_id}'.")
            return replace(current, key_credentials=kept)

        after = self._change(holder, change)
        self._log_keys(caller, holder, after)
        return Response(status=204)

    def _prove(self, proof: str, holder: Holder, now: datetime) -> None:
        """Verify that the caller has a key of the object that is valid now."""
        refused = _RefusedError(401, "Authentication_Unauthorized", "The proof of possession token is not valid.")
        if not proof or "=" in proof:
            raise _RefusedError(400, "Authentication_MissingOrMalformed", "Access Token missing or malformed.")
        try:
            jws = parse(proof)
            start, end = jws.seconds("nbf"), jws.seconds("exp")
        except JwsError:
            raise _RefusedError(400, "Authentication_MissingOrMalformed", "Access Token missing or malformed.") from None
        if jws.text("aud") != PROOF_AUDIENCE or jws.text("iss") != holder.object_id or start is None or end is None:
            raise refused
        seconds = now.timestamp()
        if end - start > LONGEST_PROOF.total_seconds() or not start - 300 <= seconds < end:
            raise refused
        valid = [key for key in holder.key_credentials if key.start <= now < key.end and not key.revoked]
        if not any(verified(jws, public) for key in valid if (public := _public(key)) is not None):
            raise refused

    def _policy(self, caller: Mapping[str, Any]) -> dict[str, Any]:
        tenant = self._directory.state().tenant(str(caller["tid"]))
        given = dict(tenant.policies.get("defaultAppManagementPolicy", {})) if tenant else {}
        empty: dict[str, Any] = {"passwordCredentials": [], "keyCredentials": []}
        return {
            "id": "00000000-0000-0000-0000-000000000000",
            "displayName": "Default app management tenant policy", "isEnabled": False,
            "applicationRestrictions": empty, "servicePrincipalRestrictions": empty, **given,
        }  # fmt: skip

    # --- secrets and federation -----------------------------------------------------------------------------------------

    def _add_password(self, request: Request, caller: Mapping[str, Any], holder: Holder) -> Response:
        self._may_write(caller, holder)
        given = _body(request).get("passwordCredential") or {}
        text = secrets.token_urlsafe(30)
        text = f"{text[:3]}8Q~{text[6:40]}"
        start = read_moment(given["startDateTime"], "startDateTime") if given.get("startDateTime") else request.now
        end = read_moment(given["endDateTime"], "endDateTime") if given.get("endDateTime") else start + timedelta(days=730)
        made = self._directory.password(text, start=start, end=end, name=str(given.get("displayName") or ""))
        after = self._change(holder, lambda c: replace(c, password_credentials=(*c.password_credentials, made)))
        self._log_keys(caller, holder, after)
        return json_response(200, {**password_fields(made), "secretText": text})

    def _remove_password(self, request: Request, caller: Mapping[str, Any], holder: Holder) -> Response:
        self._may_write(caller, holder)
        key_id = str(_body(request).get("keyId") or "").lower()

        def change(current: Any) -> Any:
            kept = tuple(p for p in current.password_credentials if p.key_id != key_id)
            if len(kept) == len(current.password_credentials):
                raise _RefusedError(404, "Request_ResourceNotFound", f"No password credential found with keyId '{key_id}'.")
            return replace(current, password_credentials=kept)

        self._log_keys(caller, holder, self._change(holder, change))
        return Response(status=204)

    def _federated(self, request: Request, caller: Mapping[str, Any], app: Application, rest: list[str]) -> Response:
        held: list[dict[str, Any]] = list(app.more.get("_federated", ()))
        match (request.method, *rest):
            case ("GET",):
                self._may_read(caller, app)
                return self._page(request, held)
            case ("POST",):
                self._may_write(caller, app)
                body = _body(request)
                if not all(body.get(name) for name in ("name", "issuer", "subject")):
                    raise ShapeError("name, issuer and subject are required.")
                made = {"id": new_id(), "audiences": ["api://AzureADTokenExchange"], **body}
                self._change(app, lambda c: replace(c, more={**c.more, "_federated": [*c.more.get("_federated", ()), made]}))
                self._log(
                    caller, "Update application", app, {"FederatedIdentityCredentials": ("[]", json.dumps([made["subject"]]))}
                )
                return json_response(201, made)
            case ("DELETE", key):
                self._may_write(caller, app)
                if not any(item["id"] == key or item.get("name") == key for item in held):
                    raise _RefusedError(404, "Request_ResourceNotFound", f"Resource '{key}' does not exist.")
                left = [item for item in held if item["id"] != key and item.get("name") != key]
                self._change(app, lambda c: replace(c, more={**c.more, "_federated": left}))
                return Response(status=204)
        raise _RefusedError(404, "Request_ResourceNotFound", "The path is not known.")

    # --- logs -------------------------------------------------------------------------------------------------------------

    def _log(self, caller: Mapping[str, Any], activity: str, holder: Holder, modified: Mapping[str, tuple[str, str]]) -> None:
        kind = "Application" if isinstance(holder, Application) else "ServicePrincipal"
        self._directory.record(
            Audit(
                id=f"Directory_{new_id()}",
                created=self._directory.clock(),
                tenant_id=holder.tenant_id,
                activity=activity,
                actor=str(caller.get("appid") or ""),
                target=holder.object_id,
                target_type=kind,
                target_name=holder.display_name,
                modified=modified,
            )
        )

    def _log_keys(self, caller: Mapping[str, Any], before: Holder, after: Holder) -> None:
        if isinstance(after, Application):
            activity = CREDENTIALS_CHANGED
        else:
            grown = len(after.key_credentials) + len(after.password_credentials) >= len(before.key_credentials) + len(
                before.password_credentials
            )
            activity = "Add service principal credentials" if grown else "Remove service principal credentials"
        self._log(caller, activity, after, {"KeyDescription": (_described(before), _described(after))})

    def _sign_ins(self, request: Request, caller: Mapping[str, Any]) -> Response:
        wanted = request.query.get("$filter", "")
        if "servicePrincipal" not in wanted:  # as the real one: only interactive sign-ins are told unless others are asked for
            return self._page(request, [])
        rest = re.sub(r"signInEventTypes/any\(t:\s*t eq 'servicePrincipal'\)\s*(?:and\s*)?", "", wanted).strip()
        found = [sign_in_fields(entry) for entry in reversed(self._directory.sign_ins) if entry.tenant_id == caller["tid"]]
        return self._page(request, _filtered(found, rest))

    def _activities(self, caller: Mapping[str, Any]) -> list[dict[str, Any]]:
        state = self._directory.state()
        last = {entry.key_id: entry for entry in self._directory.sign_ins if entry.key_id and not entry.error_code}
        found = []
        for origin, held in (("application", state.applications), ("servicePrincipal", state.service_principals)):
            for holder in held.values():
                if holder.tenant_id != caller["tid"]:
                    continue
                for kind, credentials in (("certificate", holder.key_credentials), ("clientSecret", holder.password_credentials)):
                    for credential in credentials:
                        entry = last.get(credential.key_id)
                        used = {"lastSignInDateTime": moment(entry.created), "lastSignInRequestId": entry.id} if entry else None
                        found.append({
                            "id": credential.key_id, "keyId": credential.key_id, "keyType": kind, "keyUsage": "verify",
                            "appId": holder.app_id, "appObjectId": holder.object_id, "credentialOrigin": origin,
                            "expirationDateTime": moment(credential.end), "resourceId": entry.resource if entry else None,
                            "signInActivity": used,
                        })  # fmt: skip
        return found


def _allowed(
    policy: Mapping[str, Any], before: Sequence[KeyCredential], after: tuple[KeyCredential, ...]
) -> tuple[KeyCredential, ...]:
    """Hold new certificates against the tenant's policy."""
    known = {key.key_id for key in before}
    if not policy.get("isEnabled"):
        return after
    for rule in policy.get("applicationRestrictions", {}).get("keyCredentials", []):
        asymmetric = rule.get("restrictionType") == "asymmetricKeyLifetime"
        longest = lifetime(str(rule.get("maxLifetime") or "")) if asymmetric else None
        for key in after:
            if longest is not None and key.key_id not in known and key.end - key.start > longest:
                message = "Credential lifetime exceeds the max value allowed as per assigned policy."
                raise _RefusedError(400, "KeyCredentialLifetimeExceeded", message)
    return after


def _fields(holder: Holder, *, whole: bool) -> dict[str, Any]:
    return application_fields(holder, whole=whole) if isinstance(holder, Application) else principal_fields(holder, whole=whole)


def _segment(holder: Holder) -> str:
    return "applications" if isinstance(holder, Application) else "servicePrincipals"


def _word(holder: Holder) -> str:
    return "application" if isinstance(holder, Application) else "service principal"


def _described(holder: Holder) -> str:
    """Return keys as the audit log describes them."""
    keys = [
        f"[KeyIdentifier={k.key_id},KeyType={k.type},KeyUsage={k.usage},DisplayName={k.display_name}]"
        for k in holder.key_credentials
    ]
    keys += [
        f"[KeyIdentifier={p.key_id},KeyType=Password,KeyUsage=Verify,DisplayName={p.display_name}]"
        for p in holder.password_credentials
    ]
    return json.dumps(keys)


def _public(key: KeyCredential) -> RSAPublicKey | None:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    public = x509.load_der_x509_certificate(key.key).public_key()
    return public if isinstance(public, RSAPublicKey) else None


_CLAUSE: Final = re.compile(r"\s*([A-Za-z/]+) (eq|ge|le|gt|lt) (?:'((?:[^']|'')*)'|([^\s']+))\s*(and\s+)?")


def _filtered(items: Sequence[dict[str, Any]], wanted: str) -> list[dict[str, Any]]:
    """Return what fits clauses joined by *and*: equality of texts, order of times."""
    found = list(items)
    at = 0
    while at < len(wanted):
        match = _CLAUSE.match(wanted, at)
        if match is None or (match.end() < len(wanted) and not match[5]):
            raise _RefusedError(400, "Request_UnsupportedQuery", f"Unsupported or invalid query filter clause: {wanted[at:]}")
        name, operator, quoted, bare, _ = match.groups()
        value = quoted.replace("''", "'") if quoted is not None else bare
        found = [item for item in found if _fits(_dig(item, name), operator, value)]
        at = match.end()
    return found


def _dig(item: Any, name: str) -> Any:
    for part in name.split("/"):
        item = item.get(part) if isinstance(item, dict) else None
    return item


def _fits(value: Any, operator: str, wanted: str) -> bool:
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    if operator == "eq":
        return text.lower() == wanted.lower()
    return {"ge": text >= wanted, "le": text <= wanted, "gt": text > wanted, "lt": text < wanted}[operator]


def _body(request: Request) -> dict[str, Any]:
    try:
        found = json.loads(request.body or b"{}")
    except ValueError:
        raise _RefusedError(400, "BadRequest", "Unable to read JSON request payload.") from None
    if not isinstance(found, dict):
        raise _RefusedError(400, "BadRequest", "Unable to read JSON request payload.")
    return found


def _error(request: Request, status: int, code: str, message: str) -> Response:
    inner = {
        "date": f"{request.now:%Y-%m-%dT%H:%M:%S}",
        "request-id": new_id(),
        "client-request-id": request.headers.get("client-request-id") or new_id(),
    }
    headers = {"request-id": inner["request-id"], "client-request-id": inner["client-request-id"]}
    return json_response(status, {"error": {"code": code, "message": message, "innerError": inner}}, headers)
