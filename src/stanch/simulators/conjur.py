"""CyberArk Conjur: authenticate, policies, secrets with versions, permissions, rotation of API keys.

Verified is what Conjur verifies: the API key, the token's signature and its eight minutes, that a variable is declared, that the
role may do what it asks. Source: https://github.com/cyberark/conjur-openapi-spec and the REST reference at docs.cyberark.com.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from urllib.parse import unquote

from stanch.simulators import conjur_policy
from stanch.simulators.clock import Clock, utc_now
from stanch.simulators.conjur_policy import KINDS, Node, PolicyError
from stanch.simulators.faults import Faults
from stanch.simulators.wire import Request, Response, json_response

TOKEN_LIFE: Final = timedelta(minutes=8)
VERSIONS: Final = 20
LARGEST: Final = 65_535  # octets of a value
ROLES: Final = frozenset(("policy", "host", "user", "group", "layer"))


@dataclass(slots=True, kw_only=True)
class Resource:
    """A declared thing.

    Attributes:
        owner: full id of the role that may do everything with it.
        policy: full id of the policy that declared it.
        permissions: role → privileges.
        annotations: free texts.
    """

    owner: str
    policy: str
    permissions: dict[str, set[str]] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


class _RefusedError(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.response = json_response(status, {"error": {"code": code, "message": message}}) if code else Response(status=status)


class Conjur:
    """One Conjur server with one account.

    Args:
        account: its name.
        clock: its time.
        faults: unused by itself; the server strikes with them.

    Attributes:
        admin_api_key: of the user ``admin``; made anew for each simulator.
    """

    def __init__(self, account: str = "stanch", *, faults: Faults | None = None, clock: Clock = utc_now) -> None:
        self.account = account
        self.faults = faults or Faults()
        self._clock = clock
        self._lock = threading.RLock()
        self._signing = secrets.token_bytes(32)
        self._keys: dict[str, bytes] = {}
        self._passwords: dict[str, bytes] = {}
        self._members: dict[str, set[str]] = {}  # role → roles it is a member of
        self._resources: dict[str, Resource] = {}
        self._values: dict[str, list[tuple[int, bytes]]] = {}
        self._versions: dict[str, int] = {}
        self.admin_api_key = self._add_role(f"{account}:user:admin")
        root = f"{account}:policy:root"
        self._add_role(root)
        admin = f"{account}:user:admin"
        self._resources |= {root: Resource(owner=admin, policy=root), admin: Resource(owner=admin, policy=root)}

    def __call__(self, request: Request) -> Response:
        """Answer one request."""
        with self._lock:
            try:
                return self._answer(request)
            except _RefusedError as refused:
                return refused.response

    def failure(self, request: Request, status: int) -> Response:
        """Say in Conjur's words that something is wrong with it."""
        return json_response(status, {"error": {"code": "unavailable", "message": "The server cannot answer now."}})

    # --- routes -----------------------------------------------------------------------------------------------------

    def _answer(self, request: Request) -> Response:
        parts = [unquote(part) for part in request.path.strip("/").split("/")]
        match (request.method, *parts):
            case ("GET", "") | ("GET", "info"):
                return json_response(
                    200, {"release": "simulated", "version": "1.21.0", "services": {"possum": {"version": "1.21.0"}}}
                )
            case ("GET", "authn", account, "login"):
                return self._login(request, account)
            case ("POST", "authn", account, login, "authenticate"):
                return self._authenticate(request, account, login)
            case ("PUT", "authn", account, "api_key"):
                return self._rotate(request, account)
            case ("GET", "whoami"):
                role = self._role(request)
                _, kind, name = role.split(":", 2)
                username = name if kind == "user" else f"{kind}/{name}"
                return json_response(200, {"client_ip": "127.0.0.1", "user_agent": request.headers.get("user-agent", ""),
                                           "account": self.account, "username": username,
                                           "token_issued_at": f"{request.now:%Y-%m-%dT%H:%M:%S.000+00:00}"})  # fmt: skip
            case ("GET", "secrets"):
                return self._batch(request)
            case ("GET" | "POST", "secrets", account, kind, name):
                return self._secret(request, self._id(account, kind, name))
            case ("POST" | "PATCH" | "PUT", "policies", account, "policy", name):
                return self._policy(request, self._id(account, "policy", name))
            case ("GET", "resources", account):
                return self._list(request, account)
            case ("GET", "resources", account, kind, name):
                return self._resource(request, self._id(account, kind, name))
        raise _RefusedError(404, "not_found", "The path is not known.")

    def _id(self, account: str, kind: str, name: str) -> str:
        return f"{account}:{kind}:{name}"

    # --- who ------------------------------------------------------------------------------------------------------------

    def _login(self, request: Request, account: str) -> Response:
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            name, _, word = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:
            raise _RefusedError(401, "", "") from None
        role = self._role_of_login(account, name)
        known = (self._passwords.get(role, b""), self._keys.get(role, b""))
        if scheme.lower() != "basic" or not any(kept and hmac.compare_digest(kept, _kept(word.encode())) for kept in known):
            raise _RefusedError(401, "", "")
        key = self._new_key(role) if role != f"{self.account}:user:admin" else self.admin_api_key
        return Response(status=200, headers={"Content-Type": "text/plain"}, body=key.encode())

    def _authenticate(self, request: Request, account: str, login: str) -> Response:
        role = self._role_of_login(account, login)
        kept = self._keys.get(role, b"")
        if not kept or not hmac.compare_digest(kept, _kept(request.body)):
            raise _RefusedError(401, "", "")
        token = self._token(login)
        if "base64" in request.headers.get("accept-encoding", ""):
            encoded = base64.b64encode(token)
            return Response(status=200, headers={"Content-Type": "text/plain", "Content-Encoding": "base64"}, body=encoded)
        return Response(status=200, headers={"Content-Type": "application/json"}, body=token)

    def _token(self, login: str) -> bytes:
        now = self._clock()
        claims = {"sub": login, "iat": int(now.timestamp()), "exp": int((now + TOKEN_LIFE).timestamp())}
        payload = _url64(json.dumps(claims).encode())
        protected = _url64(json.dumps({"alg": "conjur.org/slosilo/v2", "kid": "simulated"}).encode())
        signature = _url64(hmac.digest(self._signing, f"{protected}.{payload}".encode(), hashlib.sha256))
        return json.dumps({"protected": protected, "payload": payload, "signature": signature}).encode()

    def _role(self, request: Request) -> str:
        """Return who a token belongs to."""
        text = request.headers.get("authorization", "")
        if not text.startswith('Token token="') or not text.endswith('"'):
            raise _RefusedError(401, "unauthorized", "Authorization missing")
        try:
            token = json.loads(base64.b64decode(text[13:-1], validate=True))
            signed = f"{token['protected']}.{token['payload']}".encode()
            good = hmac.compare_digest(_url64(hmac.digest(self._signing, signed, hashlib.sha256)), str(token["signature"]))
            claims = json.loads(_from_url64(token["payload"]))
            end, login = float(claims["exp"]), str(claims["sub"])
        except (ValueError, KeyError, TypeError):
            raise _RefusedError(401, "unauthorized", "The token cannot be read") from None
        role = self._role_of_login(self.account, login)
        if not good or request.now.timestamp() >= end or role not in self._keys:
            raise _RefusedError(401, "unauthorized", "The token is not valid or has expired")
        return role

    def _role_of_login(self, account: str, login: str) -> str:
        if account != self.account:
            raise _RefusedError(401, "", "")
        return f"{account}:host:{login[5:]}" if login.startswith("host/") else f"{account}:user:{login}"

    def _rotate(self, request: Request, account: str) -> Response:
        wanted = request.query.get("role", "")
        authorization = request.headers.get("authorization", "")
        if authorization.startswith("Token"):
            role = self._role(request)
            target = role
            if wanted:
                target = wanted if wanted.count(":") >= 2 else f"{account}:{wanted}"
                if target not in self._keys:
                    raise _RefusedError(404, "not_found", f"Role '{target}' not found")
                if target != role and not self._may(role, "update", target):
                    raise _RefusedError(403, "", "")
        else:
            self._login(request, account)
            _, _, encoded = authorization.partition(" ")
            target = self._role_of_login(account, base64.b64decode(encoded).decode().partition(":")[0])
        return Response(status=200, headers={"Content-Type": "text/plain"}, body=self._new_key(target).encode())

    def _add_role(self, role: str) -> str:
        self._members.setdefault(role, set())
        return self._new_key(role) if role.split(":")[1] in ("user", "host") else ""

    def _new_key(self, role: str) -> str:
        key = secrets.token_hex(26)
        self._keys[role] = _kept(key.encode())
        if role == f"{self.account}:user:admin":
            self.admin_api_key = key
        return key

    def _all_roles(self, role: str) -> set[str]:
        found, waiting = {role}, [role]
        while waiting:
            for above in self._members.get(waiting.pop(), ()):
                if above not in found:
                    found.add(above)
                    waiting.append(above)
        return found

    def _may(self, role: str, privilege: str, resource: str) -> bool:
        known = self._resources.get(resource)
        if known is None:
            return False
        roles = self._all_roles(role)
        return known.owner in roles or any(privilege in known.permissions.get(each, ()) for each in roles)

    # --- secrets ----------------------------------------------------------------------------------------------------

    def _secret(self, request: Request, resource: str) -> Response:
        role = self._role(request)
        if resource not in self._resources or not self._sees(role, resource):
            raise _RefusedError(404, "not_found", f"Variable '{resource.split(':', 2)[2]}' not found in account '{self.account}'")
        if request.method == "POST":
            if not self._may(role, "update", resource):
                raise _RefusedError(403, "", "")
            if not request.body:
                raise _RefusedError(422, "validation_failed", "value cannot be empty")
            if len(request.body) > LARGEST:
                raise _RefusedError(413, "too_large", "The value is too large")
            versions = self._values.setdefault(resource, [])
            number = versions[-1][0] + 1 if versions else 1
            versions.append((number, request.body))
            del versions[:-VERSIONS]
            return Response(status=201)
        if not self._may(role, "execute", resource):
            raise _RefusedError(403, "", "")
        value = self._value(resource, request.query.get("version", ""))
        if value is None:
            raise _RefusedError(404, "not_found", "CONJ00076E Variable " + resource + " is empty or not found.")
        return Response(status=200, headers={"Content-Type": "application/octet-stream"}, body=value)

    def _value(self, resource: str, version: str) -> bytes | None:
        versions = self._values.get(resource, [])
        if not version:
            return versions[-1][1] if versions else None
        if not version.isdecimal():
            raise _RefusedError(422, "validation_failed", "invalid type for parameter 'version'")
        return dict(versions).get(int(version))

    def _batch(self, request: Request) -> Response:
        role = self._role(request)
        ids = [i for i in request.query.get("variable_ids", "").split(",") if i]
        if not ids:
            raise _RefusedError(422, "validation_failed", "variable_ids is missing")
        encoded = "base64" in request.headers.get("accept-encoding", "")
        found: dict[str, str] = {}
        for resource in ids:
            if resource not in self._resources or not self._sees(role, resource):
                raise _RefusedError(404, "not_found", f"Variable '{resource}' not found")
            if not self._may(role, "execute", resource):
                raise _RefusedError(403, "", "")
            value = self._value(resource, "")
            if value is None:
                raise _RefusedError(404, "not_found", f"CONJ00076E Variable {resource} is empty or not found.")
            try:
                found[resource] = base64.b64encode(value).decode() if encoded else value.decode()
            except UnicodeDecodeError:
                raise _RefusedError(406, "not_acceptable", f"CONJ00073E Issue encoding secret into JSON format, try including "
                               f"'Accept-Encoding: base64' header: {resource}") from None  # fmt: skip
        return json_response(200, found, {"Content-Encoding": "base64"} if encoded else None)

    def _sees(self, role: str, resource: str) -> bool:
        known = self._resources[resource]
        roles = self._all_roles(role)
        return known.owner in roles or any(known.permissions.get(each) for each in roles)

    # --- resources ----------------------------------------------------------------------------------------------------

    def _list(self, request: Request, account: str) -> Response:
        role = self._role(request)
        query = request.query
        visible = [i for i in sorted(self._resources) if i.startswith(f"{account}:") and self._sees(role, i)]
        visible = [i for i in visible if not query.get("kind") or i.split(":")[1] == query["kind"]]
        visible = [i for i in visible if query.get("search", "").lower() in i.lower()]
        if query.get("count") == "true":
            return json_response(200, {"count": len(visible)})
        start = int(query["offset"]) if query.get("offset", "").isdecimal() else 0
        limit = int(query["limit"]) if query.get("limit", "").isdecimal() else len(visible)
        return json_response(200, [self._shown(i) for i in visible[start : start + limit]])

    def _resource(self, request: Request, resource: str) -> Response:
        role = self._role(request)
        if resource not in self._resources or not self._sees(role, resource):
            raise _RefusedError(404, "not_found", f"{resource} not found")
        if request.query.get("check") == "true":
            asked = request.query.get("role") or role
            good = self._may(asked, request.query.get("privilege", ""), resource)
            return Response(status=204 if good else 404)
        return json_response(200, self._shown(resource))

    def _shown(self, resource: str) -> dict[str, Any]:
        known = self._resources[resource]
        return {
            "id": resource,
            "owner": known.owner,
            "policy": known.policy,
            "permissions": [
                {"privilege": privilege, "role": role, "policy": known.policy}
                for role, privileges in sorted(known.permissions.items())
                for privilege in sorted(privileges)
            ],
            "annotations": [{"name": name, "value": value} for name, value in sorted(known.annotations.items())],
        }

    # --- policies -----------------------------------------------------------------------------------------------------

    def _policy(self, request: Request, policy: str) -> Response:
        role = self._role(request)
        if policy not in self._resources:
            raise _RefusedError(404, "not_found", f"{policy} not found")
        privilege = "create" if request.method == "POST" else "update"
        if not self._may(role, privilege, policy):
            raise _RefusedError(403, "", "")
        try:
            statements = conjur_policy.read(request.body.decode("utf-8"))
            loader = _Loader(self, policy, additions_only=request.method == "POST")
            kept = (dict(self._resources), {k: set(v) for k, v in self._members.items()}, dict(self._keys))
            try:
                loader.load(statements)
                if request.method == "PUT":
                    loader.remove_others()
            except PolicyError:
                self._resources, self._members, self._keys = kept
                raise
        except UnicodeDecodeError:
            raise _RefusedError(422, "policy_invalid", "The policy is not UTF-8") from None
        except PolicyError as exc:
            detail = {"code": "policy_invalid", "message": f"{exc.message} (line {exc.line})"}
            return json_response(422, {"error": detail})
        self._versions[policy] = self._versions.get(policy, 0) + 1
        return json_response(201, {"created_roles": loader.created, "version": self._versions[policy]})


class _Loader:
    """Carries out the statements of one policy."""

    def __init__(self, conjur: Conjur, policy: str, *, additions_only: bool) -> None:
        self._conjur = conjur
        self._policy = policy
        self._additions_only = additions_only
        self._declared: set[str] = set()
        self.created: dict[str, Any] = {}

    def load(self, statements: Sequence[Node]) -> None:
        """Declare everything first, then grant: a grant may stand above what it names."""
        for later, node, policy in [*self._walk(statements, self._policy)]:
            if not later:
                self._declare(node, policy)
        for later, node, policy in [*self._walk(statements, self._policy)]:
            if later:
                self._carry_out(node, policy)

    def remove_others(self) -> None:
        """Remove what this policy had declared before and does not any more."""
        for resource, known in list(self._conjur._resources.items()):
            if known.policy == self._policy and resource not in self._declared and resource != self._policy:
                self._delete(resource)

    def _walk(self, statements: Sequence[Node], policy: str) -> Iterator[tuple[bool, Node, str]]:
        for node in statements:
            yield node.tag not in KINDS, node, policy
            if node.tag == "policy" and "body" in node.fields:
                yield from self._walk(list(conjur_policy.flat(node.fields["body"])), self._full("policy", node.name(), policy))

    def _full(self, kind: str, name: str, policy: str) -> str:
        account = self._conjur.account
        if name.startswith("/"):
            return f"{account}:{kind}:{name[1:]}"
        base = policy.split(":", 2)[2]
        if kind == "user" and base != "root":
            return f"{account}:user:{name}@{base.replace('/', '-')}"
        return (
            f"{account}:{kind}:{name}"
            if base == "root"
            else f"{account}:{kind}:{base}/{name}"
            if name
            else policy.replace(":policy:", f":{kind}:")
        )

    def _declare(self, node: Node, policy: str) -> None:
        full = self._full(node.tag, node.name(), policy)
        owner = self._reference(node.fields["owner"], policy) if "owner" in node.fields else policy
        self._declared.add(full)
        resources = self._conjur._resources
        if full not in resources:
            resources[full] = Resource(owner=owner, policy=policy)
            if node.tag in ROLES:
                key = self._conjur._add_role(full)
                if key:
                    self.created[full] = {"id": full, "api_key": key}
                if node.tag == "policy":
                    self._conjur._members.setdefault(owner, set()).add(full)
        for name, value in node.fields["annotations"].fields.items() if "annotations" in node.fields else ():
            resources[full].annotations[name] = value.text

    def _reference(self, node: Node, policy: str) -> str:
        if node.tag not in KINDS:
            raise PolicyError("a role or resource is expected, such as !host web", node.line)
        full = self._full(node.tag, node.name(), policy)
        if full not in self._conjur._resources:
            raise PolicyError(
                f"{node.tag.capitalize()} '{full.split(':', 2)[2]}' not found in account '{self._conjur.account}'", node.line
            )
        return full

    def _carry_out(self, node: Node, policy: str) -> None:
        acts: Mapping[str, Callable[[Node, str], None]] = {
            "grant": self._grant, "permit": self._permit, "deny": self._deny, "revoke": self._revoke, "delete": self._remove,
        }  # fmt: skip
        if self._additions_only and node.tag in ("deny", "revoke", "delete"):
            raise PolicyError(f"!{node.tag} needs PATCH or PUT", node.line)
        acts[node.tag](node, policy)

    def _several(self, node: Node, names: tuple[str, ...], policy: str) -> list[str]:
        found = [self._reference(each, policy) for name in names if name in node.fields for each in node.fields[name].each()]
        if not found:
            raise PolicyError(f"!{node.tag} has no {names[0]}", node.line)
        return found

    def _grant(self, node: Node, policy: str) -> None:
        for role in self._several(node, ("role", "roles"), policy):
            for member in self._several(node, ("member", "members"), policy):
                if member in self._conjur._all_roles(role):
                    raise PolicyError("a role cannot be a member of itself", node.line)
                self._conjur._members.setdefault(member, set()).add(role)

    def _revoke(self, node: Node, policy: str) -> None:
        for role in self._several(node, ("role", "roles"), policy):
            for member in self._several(node, ("member", "members"), policy):
                self._conjur._members.get(member, set()).discard(role)

    def _privileges(self, node: Node) -> set[str]:
        found = {each.text for name in ("privilege", "privileges") if name in node.fields for each in node.fields[name].each()}
        if not found:
            raise PolicyError(f"!{node.tag} has no privileges", node.line)
        return found

    def _permit(self, node: Node, policy: str) -> None:
        privileges = self._privileges(node)
        for role in self._several(node, ("role", "roles"), policy):
            for resource in self._several(node, ("resource", "resources"), policy):
                self._conjur._resources[resource].permissions.setdefault(role, set()).update(privileges)

    def _deny(self, node: Node, policy: str) -> None:
        privileges = self._privileges(node)
        for role in self._several(node, ("role", "roles"), policy):
            for resource in self._several(node, ("resource", "resources"), policy):
                self._conjur._resources[resource].permissions.get(role, set()).difference_update(privileges)

    def _remove(self, node: Node, policy: str) -> None:
        for full in self._several(node, ("record",), policy):
            self._delete(full)

    def _delete(self, full: str) -> None:
        self._conjur._resources.pop(full, None)
        self._conjur._values.pop(full, None)
        self._conjur._keys.pop(full, None)
        self._conjur._members.pop(full, None)
        for above in self._conjur._members.values():
            above.discard(full)


def _kept(key: bytes) -> bytes:
    """Keys are kept as digests, as Conjur keeps them."""
    return hashlib.sha256(key).digest()


def _url64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _from_url64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
