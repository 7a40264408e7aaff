"""CyberArk Conjur: authentication, policies, variables with versions, permissions, rotation of API keys.

Sources: https://github.com/cyberark/conjur-openapi-spec and the REST reference at docs.cyberark.com. What surprises, and is
so here too: a variable has to be declared by a policy before it can be set; what a role has no privilege on is not there (404,
not 403); nobody rotates their own key with a token, only with the key; a token outlives the key it was made with.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from typing import Final
from urllib.parse import unquote

from stanch.simulators.clock import Clock, utc_now
from stanch.simulators.conjur_answers import VERSION, error, info, not_found, plain, policy_invalid, shown
from stanch.simulators.conjur_loading import MODES, UnknownReferenceError, load
from stanch.simulators.conjur_state import State, first_state, kind_of, new_api_key
from stanch.simulators.conjur_tokens import ConjurTokens, Identity, TokenError
from stanch.simulators.conjur_yaml import PolicyError
from stanch.simulators.faults import Faults
from stanch.simulators.replicas import Replicated
from stanch.simulators.wire import Request, Response, json_response

MOST_IDS: Final = 1_000  # in one batch
_ACCOUNT: Final = re.compile(r"[A-Za-z0-9_-]{1,60}")
_NUMBER: Final = re.compile(r"[0-9]{1,9}")


class _RefusedError(Exception):
    def __init__(self, response: Response) -> None:
        super().__init__(str(response.status))
        self.response = response


class Conjur:
    """A server with one account. Thread-safe.

    Reads are answered by replicas, as by followers behind a load balancer; writes see the newest state.

    Args:
        account: its name.
        faults: says how late a change is seen.
        clock: by which replicas lag.

    Attributes:
        account: its name.
        faults: as given, or none so far.

    Raises:
        ValueError: this cannot be the name of an account.
    """

    def __init__(self, account: str = "stanch", *, faults: Faults | None = None, clock: Clock = utc_now) -> None:
        if not _ACCOUNT.fullmatch(account):
            raise ValueError("an account is called by letters, digits, - and _")
        self.account = account
        self.faults = faults or Faults()
        self._tokens = ConjurTokens()
        self._state = Replicated(first_state(account), faults=self.faults, clock=clock)

    @property
    def admin_api_key(self) -> str:
        """The API key of the user ``admin``, made anew for each server."""
        return self._state.latest().keys[f"{self.account}:user:admin"]

    def __call__(self, request: Request) -> Response:
        """Answer one request."""
        try:
            return self._answer(request)
        except _RefusedError as exc:
            return exc.response

    def failure(self, request: Request, status: int) -> Response:
        """Return the service's own words for a 429 or 5xx."""
        del request
        if status == 429:
            return error(status, "too_many_requests", "Too many requests")
        return error(status, "service_unavailable" if status == 503 else "internal_error", "The server cannot answer now.")

    def _answer(self, request: Request) -> Response:
        try:
            parts = [unquote(part, errors="strict") for part in request.path.removeprefix("/").split("/")]
        except UnicodeDecodeError as exc:
            raise _RefusedError(error(400, "bad_request", "The path is not UTF-8")) from exc
        if any("\0" in part for part in parts):
            raise _RefusedError(error(400, "bad_request", "The path contains a null byte"))
        method = "GET" if request.method == "HEAD" else request.method
        match (method, *parts):
            case ("GET", ""):
                body = f"<html><body><h1>Status</h1><p>Your Conjur server is running!</p><p>Version {VERSION}</p></body></html>"
                return Response(status=200, headers={"Content-Type": "text/html; charset=utf-8"}, body=body.encode())
            case ("GET", "info"):
                return json_response(200, info(self.account))
            case ("GET", "authn", account, "login"):
                role, _ = self._basic(request, account)
                return plain(200, self._key(role))
            case ("POST", "authn", account, login, "authenticate"):
                return self._authenticate(request, account, login)
            case ("PUT", "authn", account, "api_key"):
                return self._rotate(request, account)
            case ("GET", "whoami"):
                return self._whoami(request)
            case ("GET", "secrets"):
                return self._batch(request)
            case ("GET", "secrets", account, kind, *name):
                return self._fetch(request, f"{account}:{kind}:{'/'.join(name)}")
            case ("POST", "secrets", account, kind, *name):
                return self._set(request, f"{account}:{kind}:{'/'.join(name)}")
            case ("POST" | "PATCH" | "PUT", "policies", account, "policy", *name):
                return self._load(request, f"{account}:policy:{'/'.join(name)}")
            case ("GET", "resources", account):
                return self._list(request, account)
            case ("GET", "resources", account, kind, *name):
                return self._show(request, f"{account}:{kind}:{'/'.join(name)}")
        return error(404, "not_found", "There is nothing at this address")

    # --- who it is -------------------------------------------------------------------------------------------------

    def _authenticate(self, request: Request, account: str, login: str) -> Response:
        role, state = self._role(account, login), self._state.read()
        if not _same(state.keys.get(role, ""), request.body):
            raise _RefusedError(Response(status=401))
        token = self._tokens.issue(login, request.now)
        if _wants_base64(request):
            headers = {"Content-Type": "text/plain; charset=utf-8", "Content-Encoding": "base64"}
            return Response(status=200, headers=headers, body=base64.b64encode(token))
        return Response(status=200, headers={"Content-Type": "application/json; charset=utf-8"}, body=token)

    def _basic(self, request: Request, account: str) -> tuple[str, State]:
        """Return who shows a name and an API key as Basic authorization, and the state that was believed."""
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        state = self._state.read()
        try:
            login, _, key = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        except (binascii.Error, ValueError) as exc:
            raise _RefusedError(Response(status=401)) from exc
        role = self._role(account, login)
        if scheme.lower() != "basic" or not _same(state.keys.get(role, ""), key.encode()):
            raise _RefusedError(Response(status=401))
        return role, state

    def _bearer(self, request: Request) -> tuple[str, Identity, State]:
        """Return who shows a token, what is in it, and the state that was believed."""
        try:
            identity = self._tokens.read(request.headers.get("authorization", ""), request.now)
        except TokenError as exc:
            raise _RefusedError(plain(401, str(exc))) from exc
        role, state = self._role(self.account, identity.login), self._state.read()
        if role not in state.keys:
            raise _RefusedError(Response(status=401))
        return role, identity, state

    def _role(self, account: str, login: str) -> str:
        return f"{account}:host:{login[5:]}" if login.startswith("host/") else f"{account}:user:{login}"

    def _key(self, role: str) -> str:
        key = self._state.latest().keys.get(role)
        if key is None:
            raise _RefusedError(Response(status=401))
        return key

    def _whoami(self, request: Request) -> Response:
        _, identity, _ = self._bearer(request)
        answer = {
            "client_ip": "127.0.0.1",
            "user_agent": request.headers.get("user-agent", ""),
            "account": self.account,
            "username": identity.login,
            "token_issued_at": identity.issued.strftime("%Y-%m-%dT%H:%M:%S.000+00:00"),
        }
        return json_response(200, answer)

    def _rotate(self, request: Request, account: str) -> Response:
        wanted = request.query.get("role", "")
        target = wanted if wanted.count(":") >= 2 else f"{account}:{wanted}" if wanted else ""
        if request.headers.get("authorization", "").lower().startswith("basic "):
            role, _ = self._basic(request, account)
            if target not in ("", role):  # somebody else's is rotated with a token only
                raise _RefusedError(Response(status=401))
            return plain(200, self._new_key(role, role))
        role, _, state = self._bearer(request)
        if target in ("", role):  # a stolen token must not be turned into a key
            raise _RefusedError(Response(status=401))
        if not state.sees(state.roles_of(role), target):
            raise _RefusedError(not_found(target))
        return plain(200, self._new_key(target, role))

    def _new_key(self, target: str, by: str) -> str:
        new = new_api_key()

        def change(state: State) -> State:
            if target != by and not state.may(state.roles_of(by), "update", target):
                raise _RefusedError(Response(status=403))
            if target not in state.keys:
                raise _RefusedError(error(401, "unauthorized", "This role has no API key"))
            return state.with_key(target, new)

        self._state.write(change)
        return new

    # --- variables -------------------------------------------------------------------------------------------------

    def _fetch(self, request: Request, id: str) -> Response:
        role, _, state = self._bearer(request)
        version = request.query.get("version")
        if version is not None and not _NUMBER.fullmatch(version):
            raise _RefusedError(error(422, "argument_error", "invalid type for parameter 'version'"))
        value = _value(state, role, id, version)
        return Response(status=200, headers={"Content-Type": "application/octet-stream"}, body=value)

    def _set(self, request: Request, id: str) -> Response:
        role, _, _ = self._bearer(request)

        def change(state: State) -> State:
            _demand(state, role, "update", id)
            if not request.body.strip():
                raise _RefusedError(error(422, "argument_error", "'value' may not be empty"))
            return state.with_value(id, request.body)

        self._state.write(change)
        return Response(status=201)

    def _batch(self, request: Request) -> Response:
        role, _, state = self._bearer(request)
        ids = [id for id in request.query.get("variable_ids", "").split(",") if id]
        if not 1 <= len(ids) <= MOST_IDS:
            raise _RefusedError(error(422, "argument_error", "variable_ids"))
        values = {id: _value(state, role, id, None) for id in ids}
        if _wants_base64(request):
            encoded = {id: base64.b64encode(value).decode() for id, value in values.items()}
            return json_response(200, encoded, {"Content-Encoding": "base64"})
        try:
            return json_response(200, {id: value.decode() for id, value in values.items()})
        except UnicodeDecodeError as exc:
            message = "CONJ00073E Issue encoding secret into JSON format, try including 'Accept-Encoding: base64' header"
            raise _RefusedError(error(406, "not_acceptable", message)) from exc

    # --- policies and resources ------------------------------------------------------------------------------------

    def _load(self, request: Request, policy: str) -> Response:
        role, _, _ = self._bearer(request)
        if request.query.get("dryRun", "false").lower() != "false":  # to load it instead would be worse than to refuse
            raise _RefusedError(error(422, "argument_error", "A dry run is not simulated"))
        mode, made = MODES[request.method], dict[str, str]()

        def change(state: State) -> State:
            _demand(state, role, "create" if mode == "append" else "update", policy)
            try:
                new, keys = load(state, policy, request.body.decode(), mode)
            except UnicodeDecodeError as exc:
                raise _RefusedError(error(422, "policy_invalid", "The policy is not UTF-8")) from exc
            except PolicyError as exc:
                raise _RefusedError(policy_invalid(exc)) from exc
            except UnknownReferenceError as exc:
                raise _RefusedError(not_found(exc.id)) from exc
            made.update(keys)
            return new

        version = self._state.write(change).loads[policy]
        return json_response(201, {"created_roles": {id: {"id": id, "api_key": made[id]} for id in made}, "version": version})

    def _list(self, request: Request, account: str) -> Response:
        role, _, state = self._bearer(request)
        query, roles = request.query, state.roles_of(role)
        if acting := query.get("acting_as") or query.get("role"):
            if acting not in roles:
                raise _RefusedError(Response(status=403))
            roles = state.roles_of(acting)
        for name in ("limit", "offset"):
            if name in query and (not _NUMBER.fullmatch(query[name]) or (name == "limit" and not int(query[name]))):
                raise _RefusedError(error(422, "argument_error", f"'{name}' contains an invalid value"))
        found = sorted(id for id in state.resources if id.startswith(f"{account}:") and state.sees(roles, id))
        found = [
            id for id in found if query.get("kind", kind_of(id)) == kind_of(id) and state.matches(id, query.get("search", ""))
        ]
        if query.get("count") == "true":
            return json_response(200, {"count": len(found)})
        start = int(query.get("offset", "0"))
        return json_response(200, [shown(state, id) for id in found[start:][: int(query.get("limit", len(found)))]])

    def _show(self, request: Request, id: str) -> Response:
        role, _, state = self._bearer(request)
        roles = state.roles_of(role)
        if not state.sees(roles, id):
            raise _RefusedError(not_found(id))
        if request.query.get("check") != "true":
            return json_response(200, shown(state, id))
        asked = request.query.get("role", "")
        asked = f"{self.account}:{asked}" if asked.count(":") == 1 else asked
        may = state.may(state.roles_of(asked) if asked else roles, request.query.get("privilege", ""), id)
        return Response(status=204 if may else 404)


def _value(state: State, role: str, id: str, version: str | None) -> bytes:
    """Return a version of a variable, the newest by default."""
    _demand(state, role, "execute", id)
    versions = {one.number: one.value for one in state.values.get(id, ())}
    number = max(versions, default=0) if version is None else int(version)
    if number not in versions:
        raise _RefusedError(not_found(id, f"CONJ00076E Variable {id} is empty or not found."))
    return versions[number]


def _demand(state: State, role: str, privilege: str, id: str) -> None:
    roles = state.roles_of(role)
    if not state.sees(roles, id):
        raise _RefusedError(not_found(id))
    if not state.may(roles, privilege, id):
        raise _RefusedError(Response(status=403))


def _same(known: str, shown: bytes) -> bool:
    return bool(known) and hmac.compare_digest(known.encode(), shown)


def _wants_base64(request: Request) -> bool:
    return "base64" in (each.strip().lower() for each in request.headers.get("accept-encoding", "").split(","))
