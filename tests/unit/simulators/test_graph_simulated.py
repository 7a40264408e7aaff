"""Simulated Graph behind TLS, with tokens that Microsoft's own client fetched from simulated Entra: every rule that rotation meets."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CertificateCredential, ClientSecretCredential
from hypothesis import given
from hypothesis import strategies as st
from tests.support.simulated import Pair

from stanch.simulators.azure import AzureSimulation
from stanch.simulators.clock import Clock, utc_now
from stanch.simulators.directory_model import Application, KeyCredential
from stanch.simulators.entra import CLOUDS
from stanch.simulators.faults import Fault
from stanch.simulators.graph_api import CREDENTIALS_CHANGED, NAME, PROOF_AUDIENCE, Graph
from stanch.simulators.graph_call import GraphError
from stanch.simulators.graph_query import Listing, filtered
from stanch.simulators.graph_shown import lifetime, moment
from stanch.simulators.jws import signed
from stanch.simulators.server import Simulator
from stanch.simulators.wire import Request

LOGIN = CLOUDS["global"].login
GRAPH = f"https://{NAME}"
ALL, OWNED, AUDIT = "Application.ReadWrite.All", "Application.ReadWrite.OwnedBy", "AuditLog.Read.All"
SECRET = "".join(["Kp2", "8Q~", "made" * 8, "up"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def code(self) -> tuple[int, str]:
        return self.status, self.body["error"]["code"] if self.status >= 400 else ""


class Caller:
    """One application that signs in with the official client and asks Graph over TLS."""

    def __init__(self, running: Running, tenant: str, app_id: str, secret: str) -> None:
        self.app_id = app_id
        self._running = running
        with running.official(ClientSecretCredential, tenant, app_id, secret) as credential:
            self.token = credential.get_token(f"{GRAPH}/.default").token

    def ask(self, method: str, target: str, body: Any = None, *, token: str | None = None, raw: bytes | None = None) -> Answer:
        token = self.token if token is None else token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self._running.ask(
            method, target, raw if raw is not None else json.dumps(body).encode() if body is not None else b"", headers
        )

    def get(self, target: str) -> Any:
        answer = self.ask("GET", target)
        assert answer.status == 200, answer.body
        return answer.body


class Running:
    def __init__(self, azure: AzureSimulation, simulator: Simulator) -> None:
        self.azure, self.simulator = azure, simulator
        self._context = ssl.create_default_context(cafile=str(simulator.ca_file))

    def official(self, kind: Callable[..., Any], *rest: str) -> Any:
        return kind(
            *rest,
            authority=self.simulator.address(LOGIN),
            disable_instance_discovery=True,
            connection_verify=str(self.simulator.ca_file),
        )

    def ask(self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        address = urlsplit(self.simulator.address(NAME))
        connection = http.client.HTTPSConnection(address.hostname or "", address.port, context=self._context, timeout=20)
        try:
            connection.request(method, quote(target, safe="/?&=$%()':,"), body=body, headers=dict(headers or {}))
            answer = connection.getresponse()
            text = answer.read()
            return Answer(status=answer.status, headers=dict(answer.headers), body=json.loads(text) if text else None)
        finally:
            connection.close()


class World:
    """A tenant with an application that has a key, and callers with any permissions."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.azure = running.azure
        self.directory = running.azure.directory
        self.tenant = self.directory.add_tenant(f"{uuid.uuid4().hex}.example")
        self.pair = Pair("leaf")
        self.app = self.directory.add_application(self.tenant.id, "billing", keys=[self.directory.key(self.pair.der)])
        self._callers: dict[tuple[str, ...], Caller] = {}

    def caller(self, *roles: str) -> Caller:
        if roles not in self._callers:
            app = self.directory.add_application(
                self.tenant.id, "robot", passwords=[self.directory.password(SECRET)], roles=roles
            )
            self._callers[roles] = Caller(self.running, self.tenant.id, app.app_id, SECRET)
        return self._callers[roles]

    @property
    def admin(self) -> Caller:
        return self.caller(ALL, AUDIT, "Directory.Read.All", "Policy.ReadWrite.ApplicationConfiguration")

    def own(self) -> Caller:
        """Return the application itself, without any permission."""
        self.directory.update_application(self.app.object_id, password_credentials=(self.directory.password(SECRET),))
        return Caller(self.running, self.tenant.id, self.app.app_id, SECRET)

    @property
    def path(self) -> str:
        return f"/v1.0/applications/{self.app.object_id}"

    @property
    def principal(self) -> str:
        return f"/v1.0/servicePrincipals(appId='{self.app.app_id}')"

    @property
    def current(self) -> Application:
        found = self.directory.latest().application(self.app.object_id)
        assert found is not None
        return found

    @property
    def keys(self) -> list[bytes]:
        return [key.key for key in self.current.key_credentials]

    @property
    def key_id(self) -> str:
        return self.current.key_credentials[0].key_id

    def proof(self, pair: Pair | None = None, **changes: Any) -> str:
        now = int(datetime.now(UTC).timestamp())
        claims = {"aud": PROOF_AUDIENCE, "iss": self.app.object_id, "nbf": now, "exp": now + 600, **changes}
        return signed({}, {name: value for name, value in claims.items() if value is not None}, (pair or self.pair).key)

    def add(self, pair: Pair, proof: str, caller: Caller | None = None, path: str = "") -> Answer:
        body = {"keyCredential": entry(pair), "passwordCredential": None, "proof": proof}
        return (caller or self.admin).ask("POST", f"{path or self.path}/addKey", body)

    def remove(self, key_id: str, proof: str, caller: Caller | None = None) -> Answer:
        return (caller or self.admin).ask("POST", f"{self.path}/removeKey", {"keyId": key_id, "proof": proof})

    def patch(self, body: Any, path: str = "") -> Answer:
        return self.admin.ask("PATCH", path or self.path, body)

    def audits(self, activity: str = CREDENTIALS_CHANGED) -> list[Any]:
        found: list[Any] = self.admin.get(f"/v1.0/auditLogs/directoryAudits?$filter=activityDisplayName eq '{activity}'")["value"]
        return found


def entry(pair: Pair, **more: Any) -> dict[str, Any]:
    return {"type": "AsymmetricX509Cert", "usage": "Verify", "key": base64.b64encode(pair.der).decode(), **more}


@contextmanager
def simulated(clock: Clock = utc_now) -> Iterator[Running]:
    azure = AzureSimulation(clock=clock)
    assert azure.applications[NAME] is azure.graph
    with azure.simulator() as simulator:
        yield Running(azure, simulator)
        assert simulator.errors == ()


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with simulated() as running:
        yield running


@pytest.fixture
def world(running) -> Iterator[World]:
    yield World(running)
    running.azure.faults.clear()


# --- who may ask ----------------------------------------------------------------------------------------------------


def test_nobody_is_answered_without_a_token_for_graph(world, tmp_path):
    admin = world.admin
    with world.running.official(ClientSecretCredential, world.tenant.id, admin.app_id, SECRET) as credential:
        vault = credential.get_token("https://vault.azure.net/.default").token
        by_id = credential.get_token("00000003-0000-0000-c000-000000000000/.default").token
    for token in ("", "nonsense", vault, admin.token[:-5] + "AAAAA"):
        assert admin.ask("GET", "/v1.0/applications", token=token).code == (401, "InvalidAuthenticationToken")
    assert admin.ask("GET", "/v1.0/applications", token=by_id).status == 200


def test_errors_are_in_the_shape_of_graph(world):
    sent = str(uuid.uuid4())
    answer = world.running.ask("GET", "/v1.0/applications", headers={"client-request-id": sent})
    error = answer.body["error"]
    assert set(error) == {"code", "message", "innerError"}
    assert set(error["innerError"]) == {"date", "request-id", "client-request-id"}
    assert (error["innerError"]["client-request-id"], answer.headers["client-request-id"]) == (sent, sent)
    assert error["innerError"]["request-id"] == answer.headers["request-id"] != sent


@pytest.mark.parametrize(
    ("roles", "method", "target", "allowed"),
    [
        ((), "GET", "/v1.0/applications", False),
        (("Application.Read.All",), "GET", "/v1.0/applications", True),
        (("Directory.Read.All",), "GET", "/beta/servicePrincipals", True),
        ((AUDIT,), "GET", "/v1.0/applications", False),
        (("Application.Read.All",), "POST", "/v1.0/applications", False),
        (("Application.Read.All",), "PATCH", "{path}", False),
        (("Application.Read.All",), "DELETE", "{path}", False),
        (("Directory.Read.All",), "POST", "{path}/addPassword", False),
        ((OWNED,), "PATCH", "{path}", False),
        ((OWNED,), "POST", "{path}/federatedIdentityCredentials", False),
        ((OWNED,), "PATCH", "{principal}", False),
        ((ALL,), "PATCH", "{path}", True),
        ((ALL,), "GET", "/v1.0/auditLogs/directoryAudits", False),
        ((AUDIT,), "GET", "/v1.0/auditLogs/directoryAudits", True),
        ((AUDIT,), "GET", "/beta/auditLogs/signIns", False),
        ((AUDIT, "Directory.Read.All"), "GET", "/beta/auditLogs/signIns", True),
        ((ALL,), "GET", "/beta/reports/appCredentialSignInActivities", False),
        ((AUDIT,), "GET", "/beta/reports/appCredentialSignInActivities", True),
        (("Application.Read.All",), "GET", "/v1.0/policies/defaultAppManagementPolicy", False),
        (("Policy.Read.All",), "GET", "/v1.0/policies/defaultAppManagementPolicy", True),
        (("Policy.Read.All", ALL), "PATCH", "/v1.0/policies/defaultAppManagementPolicy", False),
    ],
)
def test_permissions_are_checked(world, roles, method, target, allowed):
    target = target.replace("{path}", world.path).replace("{principal}", world.principal)
    answer = world.caller(*roles).ask(method, target, None if method in ("GET", "DELETE") else {})
    assert (answer.code == (403, "Authorization_RequestDenied")) != allowed
    assert not allowed or answer.status < 300


def test_what_one_makes_one_owns_and_may_change_with_owned_by(world):
    owner = world.caller(OWNED)
    made = owner.ask("POST", "/v1.0/applications", {"displayName": "mine"}).body
    path = f"/v1.0/applications/{made['id']}"
    assert owner.ask("PATCH", path, {"keyCredentials": [entry(Pair("new"))]}).status == 204
    assert owner.ask("POST", "/v1.0/servicePrincipals", {"appId": made["appId"]}).status == 201
    assert owner.ask("PATCH", f"/v1.0/servicePrincipals(appId='{made['appId']}')", {"accountEnabled": False}).status == 204
    assert owner.ask("DELETE", path).status == 204
    assert owner.ask("GET", path).code == (404, "Request_ResourceNotFound")


def test_owner_named_in_the_directory_may_write_what_others_may_not(world):
    owner = world.caller(OWNED)
    principal = world.directory.latest().service_principal_of(owner.app_id, world.tenant.id)
    assert owner.ask("PATCH", world.path, {"displayName": "x"}).code == (403, "Authorization_RequestDenied")
    world.directory.update_application(world.app.object_id, owners=(principal.object_id,))
    assert owner.ask("PATCH", world.path, {"displayName": "x"}).status == 204
    assert owner.ask("GET", "/v1.0/auditLogs/directoryAudits").code == (403, "Authorization_RequestDenied")


def test_other_tenants_are_neither_seen_nor_touched(world):
    stranger = world.directory.add_tenant(f"{uuid.uuid4().hex}.example")
    theirs = world.directory.add_application(stranger.id, "theirs")
    for path in (f"/v1.0/applications/{theirs.object_id}", f"/v1.0/applications(appId='{theirs.app_id}')"):
        for method in ("GET", "DELETE"):
            assert world.admin.ask(method, path).code == (404, "Request_ResourceNotFound")
    assert theirs.app_id not in json.dumps(world.admin.get("/v1.0/applications?$top=999"))


# --- finding --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["v1.0", "beta"])
@pytest.mark.parametrize("kind", ["applications", "servicePrincipals"])
def test_objects_are_found_by_client_id_name_and_id(world, version, kind):
    base = f"/{version}/{kind}"
    (found,) = world.admin.get(f"{base}?$filter=appId eq '{world.app.app_id.upper()}'")["value"]
    assert [item["id"] for item in world.admin.get(f"{base}?$filter=displayName eq 'BILLING'")["value"]] == [found["id"]]
    assert world.admin.get(f"{base}(appId='{world.app.app_id}')")["id"] == found["id"]
    assert world.admin.get(f"{base}/{found['id']}?$select=appId") == {
        "@odata.context": f"https://graph.microsoft.com/{version}/$metadata#{kind}/$entity",
        "id": found["id"],
        "appId": world.app.app_id,
    }
    assert world.admin.get(f"{base}?$filter=displayName eq 'it''s none'")["value"] == []


def test_lists_come_in_pages_that_lose_nothing_when_something_is_added(world):
    made = [world.directory.add_application(world.tenant.id, "it's one & more").app_id for _ in range(5)]
    target, found = "/v1.0/applications?$filter=displayName eq 'it''s one %26 more'&$top=2&$select=appId", []
    while target:
        page = world.admin.get(target)
        found += [item["appId"] for item in page["value"]]
        link = page.get("@odata.nextLink", "")
        assert " " not in link
        assert not link or link.startswith("https://127.0.0.1:")
        target = link.partition(link.split("/v1.0/")[0])[2] if link else ""
        world.directory.add_application(world.tenant.id, "another")
    assert found == made


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("$filter=contains(displayName,'x')", "Request_UnsupportedQuery"),
        ("$filter=secret eq 'x'", "Request_UnsupportedQuery"),
        ("$filter=appId eq 'x' or displayName eq 'y'", "BadRequest"),
        ("$filter=appId eq 'x' and ", "BadRequest"),
        ("$filter=appId eq 'x", "BadRequest"),
        ("$filter=createdDateTime ge '2026-01-01'", "BadRequest"),
        ("$filter=createdDateTime ge 2026-13-45", "BadRequest"),
        ("$top=0", "Request_BadRequest"),
        ("$top=1000", "Request_BadRequest"),
        ("$top=" + "9" * 5_000, "Request_BadRequest"),
        ("$top=%D9%A1", "Request_BadRequest"),
        ("$orderby=appId", "Request_UnsupportedQuery"),
        ("$skiptoken=bm90aGluZw", "Directory_ExpiredPageToken"),
        ("$skiptoken=%00", "Directory_ExpiredPageToken"),
        ("$magic=1", "BadRequest"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_queries_that_are_not_understood_are_refused(world, query, code):
    assert world.admin.ask("GET", f"/v1.0/applications?{query}").code == (400, code)


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("GET", "/v2.0/applications", (400, "BadRequest")),
        ("GET", "/v1.0/users", (400, "BadRequest")),
        ("GET", "/v1.0/reports/appCredentialSignInActivities", (400, "BadRequest")),
        ("PUT", "/v1.0/applications", (405, "Request_BadRequest")),
        ("POST", "/beta/auditLogs/signIns", (405, "Request_BadRequest")),
        ("GET", f"/v1.0/applications/{uuid.uuid4()}", (404, "Request_ResourceNotFound")),
        ("POST", "{path}/restart", (400, "BadRequest")),
    ],
)
def test_paths_and_verbs_that_do_not_exist(world, method, target, expected):
    assert world.admin.ask(method, target.replace("{path}", world.path), {}).code == expected


# --- the collection of keys -----------------------------------------------------------------------------------------


def test_certificate_is_told_only_of_one_object_and_only_when_it_is_selected(world):
    assert world.admin.get(world.path)["keyCredentials"][0]["key"] is None
    for item in world.admin.get("/v1.0/applications?$select=keyCredentials,displayName")["value"]:
        assert all(key["key"] is None for key in item["keyCredentials"])
    (shown,) = world.admin.get(f"{world.path}?$select=id,keyCredentials")["keyCredentials"]
    assert base64.b64decode(shown["key"]) == world.pair.der
    assert base64.b64decode(shown["customKeyIdentifier"]).hex().upper() == world.pair.thumbprint
    assert (shown["startDateTime"], shown["type"], shown["usage"]) == (
        moment(world.pair.certificate.not_valid_before_utc), "AsymmetricX509Cert", "Verify",
    )  # fmt: skip


def test_patch_replaces_the_whole_collection(world):
    new = Pair("new")
    assert world.patch({"keyCredentials": [{"keyId": world.key_id, "key": None}, entry(new)]}).status == 204
    assert world.keys == [world.pair.der, new.der]
    assert world.patch({"keyCredentials": [entry(new)]}).status == 204
    assert world.keys == [new.der]
    assert world.patch({"keyCredentials": []}).status == 204
    assert world.keys == []


def test_what_was_read_can_be_sent_back_as_it_is(world):
    start = datetime.now(UTC)  # with a fraction of a second, which Graph does not show
    world.directory.update_application(world.app.object_id, key_credentials=(world.directory.key(world.pair.der, start=start),))
    for target in (world.path, f"{world.path}?$select=keyCredentials"):
        keys = world.admin.get(target)["keyCredentials"]
        assert world.patch({"keyCredentials": [*keys, entry(Pair("new"))]}).status == 204
        assert world.keys[0] == world.pair.der


@pytest.mark.parametrize(
    "change",
    [
        {"key": base64.b64encode(b"other").decode()},
        {"displayName": "renamed"},
        {"usage": "Sign"},
        {"type": "Symmetric"},
        {"endDateTime": "2050-01-01T00:00:00Z"},
        {"startDateTime": "2001-01-01T00:00:00Z"},
        {"customKeyIdentifier": "AAAA"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_existing_credential_may_not_be_altered(world, change):
    before = world.current
    answer = world.patch({"keyCredentials": [{"keyId": world.key_id.upper(), "key": None, **change}]})
    assert answer.code == (400, "Request_BadRequest")
    assert answer.body["error"]["message"] == f"Update to existing credential with KeyId '{world.key_id}' is not allowed."
    assert world.current == before


@pytest.mark.parametrize(
    "keys",
    [
        None,
        {},
        [1],
        [{}],
        [{"keyId": "00000000-0000-4000-8000-000000000000", "key": None}],
        [entry(Pair(), key="!a")],
        [entry(Pair(), key="AAAA")],
        [entry(Pair(), key="ü")],
        [entry(Pair(), key=["x"])],
        [entry(Pair(), type=["x"])],
        [entry(Pair(), usage="Sign")],
        [entry(Pair(), type="Symmetric")],
        [entry(Pair(), keyId="mine")],
        [entry(Pair(), endDateTime="never")],
        [entry(Pair(), endDateTime="9999-12-31T23:59:59-14:00")],
        [entry(Pair(), startDateTime="0001-01-01T00:00:00+14:00")],
        [entry(Pair(), endDateTime="2049-01-01T00:00:00Z")],
        [entry(Pair(), displayName="x" * 10_000)],
        [entry(Pair(), customKeyIdentifier="!")],
        [entry(Pair(), keyId="00000000-0000-4000-8000-000000000000")] * 2,
        [entry(Pair())] * 101,
    ],
    ids=lambda keys: str(keys)[:60],
)
def test_what_is_no_collection_of_certificates_changes_nothing(world, keys):
    before = world.current
    assert world.patch({"keyCredentials": keys}).code == (400, "Request_BadRequest")
    assert world.current == before


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff", b'{"a":' * 100_000, b'{"keyCredentials": ' + b"[" * 100_000])
def test_what_is_no_json_object_is_refused(world, raw):
    assert world.admin.ask("PATCH", world.path, raw=raw).code == (400, "BadRequest")


@pytest.mark.parametrize("body", [{"password": 1}, {"displayName": ""}, {"displayName": 5}, {"tags": "x"}, {"appId": "x"}])
def test_nothing_is_taken_silently(world, body):
    assert world.patch(body).code == (400, "Request_BadRequest")


def test_service_principals_have_keys_of_their_own(world):
    new = Pair("new")
    assert world.patch({"keyCredentials": [entry(new)]}, world.principal).status == 204
    assert base64.b64decode(world.admin.get(f"{world.principal}?$select=keyCredentials")["keyCredentials"][0]["key"]) == new.der
    assert world.keys == [world.pair.der]
    assert [a["targetResources"][0]["type"] for a in world.audits("Add service principal credentials")] == ["ServicePrincipal"]


# --- addKey and removeKey -------------------------------------------------------------------------------------------


def test_application_rolls_its_own_key_without_any_permission(world, tmp_path):
    own, new, old = world.own(), Pair("new"), world.key_id
    added = world.add(new, world.proof(), own)
    assert (added.status, added.body["key"], added.body["keyId"]) == (200, None, world.current.key_credentials[1].key_id)
    assert world.keys == [world.pair.der, new.der]
    with world.running.official(CertificateCredential, world.tenant.id, world.app.app_id, str(new.pem(tmp_path))) as credential:
        assert credential.get_token(f"{GRAPH}/.default").token  # the new key works
    by_client = f"/v1.0/applications(appId='{world.app.app_id}')/removeKey"
    assert own.ask("POST", by_client, {"keyId": old, "proof": world.proof(new)}).status == 204
    assert world.keys == [new.der]
    assert own.ask("PATCH", world.path, {"keyCredentials": []}).code == (403, "Authorization_RequestDenied")


def test_another_application_needs_permission_besides_the_proof(world):
    assert world.add(Pair("new"), world.proof(), world.caller()).code == (403, "Authorization_RequestDenied")
    assert world.remove(world.key_id, world.proof(), world.caller(OWNED)).code == (403, "Authorization_RequestDenied")
    assert world.keys == [world.pair.der]


def test_removing_what_is_not_there_is_told_as_not_found(world):
    answer = world.remove(str(uuid.uuid4()), world.proof())
    assert answer.code == (404, "Request_ResourceNotFound")
    assert answer.body["error"]["message"].startswith("No credentials found to be removed")
    assert world.remove("mine", world.proof()).code == (400, "Request_BadRequest")


@pytest.mark.parametrize(
    "changes",  # times: seconds from now
    [
        {"aud": "00000003-0000-0000-c000-000000000000"},
        {"iss": "00000000-0000-4000-8000-000000000000"},
        {"nbf": None},
        {"exp": None},
        {"exp": 100_000},
        {"nbf": -900, "exp": -400},
        {"nbf": 3_000, "exp": 3_500},
        {"nbf": 300, "exp": 200},
    ],
    ids=str,
)
def test_proof_with_a_wrong_claim_is_refused(world, changes):
    now = int(datetime.now(UTC).timestamp())
    changes = {name: now + value if isinstance(value, int) else value for name, value in changes.items()}
    assert world.add(Pair("new"), world.proof(**changes)).code == (401, "Authentication_Unauthorized")
    assert world.remove(world.key_id, world.proof(**changes)).code == (401, "Authentication_Unauthorized")
    assert world.keys == [world.pair.der]


def test_proof_by_client_id_instead_of_object_id_is_refused(world):
    assert world.add(Pair("new"), world.proof(iss=world.app.app_id)).code == (401, "Authentication_Unauthorized")


def test_only_a_key_of_this_object_that_is_valid_now_proves(world):
    now = datetime.now(UTC)
    key = world.current.key_credentials[0]
    expired = replace(key, end=now - timedelta(seconds=1))
    unusable: tuple[KeyCredential, ...] = (expired, replace(key, start=now + timedelta(days=1)), replace(key, revoked=True))
    assert world.add(Pair("new"), world.proof(Pair("stranger"))).code == (401, "Authentication_Unauthorized")
    for other in unusable:
        world.directory.update_application(world.app.object_id, key_credentials=(other,))
        assert world.add(Pair("new"), world.proof()).code == (401, "Authentication_Unauthorized")
    world.directory.update_application(world.app.object_id, key_credentials=())
    assert world.add(Pair("new"), world.proof()).code == (401, "Authentication_Unauthorized")


@pytest.mark.parametrize("spoil", [
    lambda proof: "", lambda proof: None, lambda proof: 5, lambda proof: "nonsense", lambda proof: proof + "=",
    lambda proof: proof.replace(".", "=.", 1), lambda proof: ".".join(proof.split(".")[:2]), lambda proof: "a.b.c",
])  # fmt: skip
def test_proof_that_is_padded_or_none_is_malformed(world, spoil):
    assert world.add(Pair("new"), spoil(world.proof())).code == (401, "Authentication_MissingOrMalformed")
    assert world.keys == [world.pair.der]


def test_altered_signature_proves_nothing(world):
    head, claims, signature = world.proof().split(".")
    assert world.add(Pair("new"), f"{head}.{claims}.{signature[::-1]}").code == (401, "Authentication_Unauthorized")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    assert world.add(Pair("new"), f"{unsigned}.{claims}.{signature}").code == (401, "Authentication_Unauthorized")


def test_service_principal_is_proven_by_its_own_object_id(world):
    principal = world.directory.latest().service_principal_of(world.app.app_id, world.tenant.id)
    world.directory.update_service_principal(principal.object_id, key_credentials=world.current.key_credentials)
    assert world.add(Pair("new"), world.proof(), path=world.principal).code == (401, "Authentication_Unauthorized")
    assert world.add(Pair("new"), world.proof(iss=principal.object_id), path=world.principal).status == 200


# --- secrets, federation, switching off -----------------------------------------------------------------------------


def test_secret_is_told_once_and_works_until_it_is_removed(world):
    made = world.admin.ask("POST", f"{world.path}/addPassword", {"passwordCredential": {"displayName": "ci"}}).body
    with world.running.official(ClientSecretCredential, world.tenant.id, world.app.app_id, made["secretText"]) as credential:
        assert credential.get_token(f"{GRAPH}/.default").token
    (shown,) = world.admin.get(world.path)["passwordCredentials"]
    assert (shown["secretText"], shown["hint"], shown["displayName"]) == (None, made["secretText"][:3], "ci")
    remove = {"keyId": made["keyId"]}
    assert world.admin.ask("POST", f"{world.path}/removePassword", remove).status == 204
    assert world.admin.ask("POST", f"{world.path}/removePassword", remove).code == (404, "Request_ResourceNotFound")


def test_patch_can_leave_secrets_out_but_makes_none(world):
    made = [world.admin.ask("POST", f"{world.path}/addPassword", {}).body["keyId"] for _ in range(2)]
    assert world.patch({"passwordCredentials": [{"displayName": "new"}]}).code == (400, "Request_BadRequest")
    assert world.patch({"passwordCredentials": [{"keyId": made[1]}]}).status == 204
    assert [password.key_id for password in world.current.password_credentials] == made[1:]


@pytest.mark.parametrize("given", [[1], "x", {"endDateTime": "soon"}, {"startDateTime": "9999-01-01T00:00:00Z"}, {"displayName": 5},
                                   {"endDateTime": "2001-01-01T00:00:00Z"}])  # fmt: skip
def test_secret_with_wrong_wishes_is_not_made(world, given):
    assert world.admin.ask("POST", f"{world.path}/addPassword", {"passwordCredential": given}).code == (400, "Request_BadRequest")


def federated(name: str, /, **more: Any) -> dict[str, Any]:
    issuer = "https://token.actions.githubusercontent.com"
    return {"name": name, "issuer": issuer, "subject": f"repo:acme/{name}", "audiences": ["api://AzureADTokenExchange"], **more}


def test_federated_credentials_are_added_listed_and_removed(world):
    path = f"{world.path}/federatedIdentityCredentials"
    first, second = (world.admin.ask("POST", path, federated(name)).body for name in ("ci", "deploy"))
    assert world.admin.get(path)["value"] == [first, second]
    assert world.admin.get(f"{path}/deploy")["id"] == second["id"]
    assert "federatedIdentityCredentials" not in world.admin.get(world.path)
    assert world.admin.ask("POST", path, federated("ci", subject="x")).code == (409, "Request_MultipleObjectsWithSameKeyValue")
    assert world.admin.ask("POST", path, federated("again", subject="repo:acme/ci")).code == (400, "Request_BadRequest")
    for wrong in ({"audiences": []}, {"issuer": None}, {"name": "a b"}, {"subject": 5}):
        assert world.admin.ask("POST", path, federated("third", **wrong)).code == (400, "Request_BadRequest")
    assert world.admin.ask("DELETE", f"{path}/{first['id']}").status == 204
    assert world.admin.ask("DELETE", f"{path}/{first['id']}").code == (404, "Request_ResourceNotFound")
    assert world.admin.get(path)["value"] == [second]


def test_disabled_service_principal_signs_in_no_more(world, tmp_path):
    assert world.patch({"accountEnabled": "false"}, world.principal).code == (400, "Request_BadRequest")
    assert world.patch({"accountEnabled": False}, world.principal).status == 204
    assert world.admin.get(world.principal)["accountEnabled"] is False
    pem = str(world.pair.pem(tmp_path))
    with (
        world.running.official(CertificateCredential, world.tenant.id, world.app.app_id, pem) as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS7000112"),
    ):
        credential.get_token(f"{GRAPH}/.default")
    assert world.patch({"accountEnabled": False}).code == (400, "Request_BadRequest")  # applications have none


def test_service_principal_is_made_once_for_an_application_that_exists(world):
    app = world.admin.ask("POST", "/v1.0/applications", {"displayName": "new", "keyCredentials": [entry(world.pair)]}).body
    assert app["keyCredentials"][0]["key"] is None
    assert world.admin.ask("POST", "/v1.0/servicePrincipals", {"appId": app["appId"]}).status == 201
    again = world.admin.ask("POST", "/v1.0/servicePrincipals", {"appId": app["appId"]})
    assert again.code == (409, "Request_MultipleObjectsWithSameKeyValue")
    unknown = world.admin.ask("POST", "/v1.0/servicePrincipals", {"appId": str(uuid.uuid4())})
    assert unknown.code == (400, "NoBackingApplicationObject")
    assert world.admin.ask("POST", "/v1.0/applications", {}).code == (400, "Request_BadRequest")


# --- policy ---------------------------------------------------------------------------------------------------------

POLICY = "/v1.0/policies/defaultAppManagementPolicy"


def restrict(
    world: World, *, part: str = "applicationRestrictions", kind: str = "keyCredentials", enabled: bool = True, **rule: Any
) -> None:
    restriction = {"restrictionType": "asymmetricKeyLifetime", "maxLifetime": "P90D", **rule}
    body = {"isEnabled": enabled, part: {"keyCredentials": [], "passwordCredentials": [], kind: [restriction]}}
    assert world.admin.ask("PATCH", POLICY, body).status == 204


def test_tenant_refuses_keys_that_live_too_long_in_each_way_to_add_one(world):
    restrict(world)
    assert world.admin.get(POLICY)["isEnabled"] is True
    long, kept = entry(Pair("new")), {"keyId": world.key_id, "key": None}
    for answer in (
        world.patch({"keyCredentials": [kept, long]}),
        world.add(Pair("new"), world.proof()),
        world.admin.ask("POST", "/v1.0/applications", {"displayName": "x", "keyCredentials": [long]}),
    ):
        assert answer.code == (400, "CredentialInvalidLifetimeAsPerAppPolicy")
        assert answer.body["error"]["details"][0]["code"] == "InvalidKeyEndDate"
    now = datetime.now(UTC).replace(microsecond=0)
    times = {"startDateTime": moment(now), "endDateTime": moment(now + timedelta(days=90))}
    assert (
        world.patch({"keyCredentials": [kept, {**long, **times}]}).status == 204
    )  # the one that was there stays, as old as it is
    assert len(world.keys) == 2


def test_policy_that_a_tenant_was_made_with_holds(world):
    rule = {"restrictionType": "asymmetricKeyLifetime", "maxLifetime": "P90D"}
    given = {"isEnabled": True, "applicationRestrictions": {"passwordCredentials": [], "keyCredentials": [rule]}}
    world.directory.put(replace(world.tenant, policies={"defaultAppManagementPolicy": given}))
    assert world.admin.get(POLICY)["applicationRestrictions"]["keyCredentials"] == [rule]
    assert world.patch({"keyCredentials": [entry(Pair("new"))]}).code == (400, "CredentialInvalidLifetimeAsPerAppPolicy")
    assert world.keys == [world.pair.der]


@pytest.mark.parametrize(
    "rule",
    [
        {"enabled": False},
        {"state": "disabled"},
        {"maxLifetime": "P3Y"},
        {"part": "servicePrincipalRestrictions"},
        {"kind": "passwordCredentials"},
        {"restrictForAppsCreatedAfterDateTime": "2090-01-01T00:00:00Z"},
    ],
    ids=str,
)
def test_restriction_holds_only_for_what_it_is_about(world, rule):
    restrict(world, **rule)
    assert world.add(Pair("new"), world.proof()).status == 200


def test_secrets_can_be_restricted_too(world):
    restrict(world, kind="passwordCredentials", restrictionType="passwordLifetime")
    assert world.admin.ask("POST", f"{world.path}/addPassword", {}).code == (400, "CredentialInvalidLifetimeAsPerAppPolicy")
    restrict(world, kind="passwordCredentials", restrictionType="passwordAddition", maxLifetime=None)
    assert world.admin.ask("POST", f"{world.path}/addPassword", {}).code == (400, "CredentialTypeNotAllowedAsPerAppPolicy")


@pytest.mark.parametrize("body", [{"isEnabled": 1}, {"x": 1}, {"applicationRestrictions": {"keyCredentials": [
    {"restrictionType": "asymmetricKeyLifetime", "maxLifetime": "90 days"}]}}, {"applicationRestrictions": {"keyCredentials": [1]}}])  # fmt: skip
def test_policy_that_is_none_is_refused(world, body):
    assert world.admin.ask("PATCH", POLICY, body).code == (400, "Request_BadRequest")


# --- logs -----------------------------------------------------------------------------------------------------------


def test_sign_ins_are_told_with_their_key_when_service_principals_are_asked_for(world, tmp_path):
    since = moment(datetime.now(UTC) - timedelta(minutes=5))
    with world.running.official(
        CertificateCredential, world.tenant.id, world.app.app_id, str(world.pair.pem(tmp_path))
    ) as credential:
        credential.get_token(f"{GRAPH}/.default")
    about = f"appId eq '{world.app.app_id}' and createdDateTime ge {since}"
    kind = "signInEventTypes/any(t: t eq 'servicePrincipal')"
    logs = "/beta/auditLogs/signIns?$filter="
    (entry_,) = world.admin.get(f"{logs}{kind} and {about}")["value"]
    assert world.admin.get(f"{logs}{about} and {kind}")["value"] == [entry_]
    assert (entry_["servicePrincipalCredentialKeyId"], entry_["servicePrincipalCredentialThumbprint"]) == (
        world.key_id,
        world.pair.thumbprint,
    )
    assert (entry_["clientCredentialType"], entry_["status"]["errorCode"]) == ("clientAssertion", 0)
    assert world.admin.get(f"{logs}{about}")["value"] == []  # only people's sign-ins
    assert (
        world.admin.get(f"{logs}{kind} and appId eq '{world.app.app_id}' and createdDateTime ge 2090-01-01T00:00:00Z")["value"]
        == []
    )
    assert world.admin.get(f"{logs}{kind} and appId eq '{world.app.app_id}' and status/errorCode ne 0")["value"] == []
    assert world.admin.ask("GET", f"/v1.0/auditLogs/signIns?$filter={kind}").code == (400, "Request_UnsupportedQuery")


def test_last_use_is_told_for_each_key(world, tmp_path):
    idle = world.add(Pair("idle"), world.proof()).body["keyId"]
    with world.running.official(
        CertificateCredential, world.tenant.id, world.app.app_id, str(world.pair.pem(tmp_path))
    ) as credential:
        credential.get_token(f"{GRAPH}/.default")
    report = f"/beta/reports/appCredentialSignInActivities?$filter=appId eq '{world.app.app_id}'"
    found = {item["keyId"]: item for item in world.admin.get(report)["value"]}
    used = next(s for s in reversed(world.directory.sign_ins) if s.key_id == world.key_id)
    assert found.keys() == {world.key_id, idle}
    assert found[world.key_id]["signInActivity"] == {"lastSignInDateTime": moment(used.created), "lastSignInRequestId": used.id}
    assert (found[idle]["signInActivity"], found[idle]["keyType"], found[idle]["credentialOrigin"]) == (
        None,
        "certificate",
        "application",
    )
    (by_key,) = world.admin.get(f"/beta/reports/appCredentialSignInActivities?$filter=keyId eq '{idle}'")["value"]
    assert by_key == found[idle]


def test_added_key_leaves_a_trace_in_the_audit_log(world):
    old = f"[KeyIdentifier={world.key_id},KeyType=AsymmetricX509Cert,KeyUsage=Verify,DisplayName=]"
    assert world.patch({"keyCredentials": [{"keyId": world.key_id}, entry(Pair("new"), displayName="intruder")]}).status == 204
    added = world.current.key_credentials[1].key_id
    new = f"[KeyIdentifier={added},KeyType=AsymmetricX509Cert,KeyUsage=Verify,DisplayName=intruder]"
    (found,) = world.audits()
    assert "\N{EN DASH}" in found["activityDisplayName"]
    assert found["initiatedBy"]["app"]["appId"] == world.admin.app_id
    (target,) = found["targetResources"]
    assert (target["id"], target["type"]) == (world.app.object_id, "Application")
    (change,) = target["modifiedProperties"]
    assert change["displayName"] == "KeyDescription"
    assert (json.loads(change["oldValue"]), json.loads(change["newValue"])) == ([old], [old, new])
    assert world.admin.get(f"/v1.0/auditLogs/directoryAudits/{found['id']}")["activityDateTime"] == found["activityDateTime"]


def test_audit_log_is_newest_first_and_refusals_are_not_in_it(world):
    world.add(Pair("new"), world.proof(Pair("stranger")))
    assert world.audits() == []
    world.add(Pair("new"), world.proof())
    world.remove(world.current.key_credentials[1].key_id, world.proof())
    about = f"/v1.0/auditLogs/directoryAudits?$filter=targetResources/any(t: t/id eq '{world.app.object_id}')"
    changes = [item["targetResources"][0]["modifiedProperties"][0] for item in world.admin.get(about)["value"]]
    assert [len(json.loads(change["newValue"])) for change in changes] == [1, 2]
    world.patch({"accountEnabled": False}, world.principal)
    (off,) = world.audits("Update service principal")
    assert off["targetResources"][0]["modifiedProperties"] == [
        {"displayName": "AccountEnabled", "oldValue": '["true"]', "newValue": '["false"]'}
    ]


# --- what goes wrong ------------------------------------------------------------------------------------------------


class Later:
    """The real time, or later: official clients need a time near theirs, replicas need it to pass."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.seconds)

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def apart() -> Iterator[tuple[World, Later]]:
    """Return a world with a clock of its own."""
    clock = Later()
    with simulated(clock) as running:
        yield World(running), clock


def test_stale_replicas_tell_of_a_key_late_and_in_turn(apart):
    world, clock = apart
    admin = world.admin
    clock.advance(60)
    world.azure.faults.replicate([0, 50], order=[0, 1])
    assert world.patch({"keyCredentials": [entry(Pair("new"))]}).status == 204
    seen = [admin.get(f"{world.path}?$select=keyCredentials")["keyCredentials"][0]["key"] for _ in range(4)]
    assert len(set(seen)) == 2
    assert seen[0] != seen[1]
    clock.advance(60)
    assert len({admin.get(f"{world.path}?$select=keyCredentials")["keyCredentials"][0]["key"] for _ in range(4)}) == 1


def test_changes_and_their_audit_are_made_on_the_newest_state_though_a_replica_is_stale(apart):
    world, clock = apart
    admin, path = world.admin, f"{world.path}/federatedIdentityCredentials"
    gone = admin.ask("POST", path, federated("gone")).body
    clock.advance(60)
    admin.ask("POST", path, federated("kept"))
    world.azure.faults.replicate([50])
    assert admin.ask("DELETE", f"{path}/{gone['id']}").status == 204
    assert world.add(Pair("one"), world.proof()).status == 200
    assert world.add(Pair("two"), world.proof()).status == 200
    assert len(admin.get(world.path)["keyCredentials"]) == 1  # this replica knows of neither
    world.azure.faults.replicate([0])
    assert [item["name"] for item in admin.get(path)["value"]] == ["kept"]
    change = world.audits()[0]["targetResources"][0]["modifiedProperties"][0]
    assert (len(json.loads(change["oldValue"])), len(json.loads(change["newValue"]))) == (2, 3)


def test_application_that_was_just_made_is_unknown_to_a_slow_replica(apart):
    world, clock = apart
    admin = world.admin
    clock.advance(60)
    world.azure.faults.replicate([50])
    made = admin.ask("POST", "/v1.0/applications", {"displayName": "new"}).body
    path = f"/v1.0/applications/{made['id']}"
    assert admin.ask("PATCH", path, {"displayName": "x"}).code == (404, "Request_ResourceNotFound")
    clock.advance(60)
    assert admin.ask("PATCH", path, {"displayName": "x"}).status == 204


def test_throttling_says_when_to_come_again_and_does_nothing(world):
    admin = world.admin
    world.azure.faults.add(Fault(kind="throttle", application=NAME, path=f"{world.path}/addKey", retry_after=7))
    answer = world.add(Pair("new"), world.proof())
    assert (answer.code, answer.headers["Retry-After"]) == ((429, "TooManyRequests"), "7")
    assert set(answer.body["error"]["innerError"]) == {"date", "request-id", "client-request-id"}
    assert world.keys == [world.pair.der]
    assert world.add(Pair("new"), world.proof()).status == 200
    world.azure.faults.add(Fault(kind="error", application=NAME, status=503))
    assert admin.ask("GET", world.path).code == (503, "ServiceUnavailable")


def test_lost_answer_means_the_work_is_done(world):
    admin, old = world.admin, world.key_id
    world.azure.faults.add(Fault(kind="lost", application=NAME, path=f"{world.path}/*Key", times=2))
    with pytest.raises((http.client.HTTPException, ConnectionError, ssl.SSLError)):
        world.add(Pair("new"), world.proof())
    assert len(admin.get(world.path)["keyCredentials"]) == 2
    with pytest.raises((http.client.HTTPException, ConnectionError, ssl.SSLError)):
        world.remove(old, world.proof())
    assert world.remove(old, world.proof(Pair("new"))).code == (404, "Request_ResourceNotFound")  # so: done before
    assert world.keys == [world.current.key_credentials[0].key]
    assert len(world.audits()) == 2


# --- whatever comes in ----------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["keyId", "key", "type", "usage", "displayName", "endDateTime", "proof"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["keyCredentials", "passwordCredentials", "keyCredential", "passwordCredential", "proof", "keyId", "displayName"]
)


@given(
    st.sampled_from(["", "/addKey", "/removeKey", "/addPassword", "/removePassword", "/federatedIdentityCredentials"]),
    st.dictionaries(FIELDS, JSON, max_size=4),
)
def test_no_body_makes_it_fail(action, body):
    azure = AzureSimulation()
    graph = Graph(azure.directory, tokens=TOKENS)  # one that needs no new key for each example
    tenant = azure.directory.add_tenant("any.example")
    app = azure.directory.add_application(tenant.id, "any", keys=[azure.directory.key(Pair().der)])
    now = datetime.now(UTC)
    token = TOKENS.issue({"aud": GRAPH, "tid": tenant.id, "roles": [ALL], "appid": "x", "oid": "y"}, now)
    answer = graph(
        Request(
            method="POST" if action else "PATCH",
            target=f"/v1.0/applications/{app.object_id}{action}",
            headers={"authorization": f"Bearer {token}"},
            body=json.dumps(body).encode(),
            host=NAME,
            now=now,
        )
    )
    assert answer.status in (200, 201, 204, 400, 401, 404)


LISTING = Listing(resource="Thing", filterable=frozenset({"name", "at", "number"}))
TOKENS = AzureSimulation().tokens


@given(
    st.text(max_size=60)
    | st.from_regex(r"(name|at|number) (eq|ge|lt) ('[^']*'|[0-9T:Z-]{1,12})( and name eq 'x')?", fullmatch=True)
)
def test_no_filter_makes_it_fail(wanted):
    items = [{"id": "1", "name": "x", "at": "2026-01-01T00:00:00Z", "number": 5}]
    try:
        assert filtered(items, wanted, LISTING) in ([], items)
    except GraphError as error:
        assert error.status == 400


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("P90D", 90),
        ("P1Y", 365),
        ("P2M", 60),
        ("PT24H", 1),
        ("P1W", 7),
        ("P", None),
        ("PT", None),
        ("90D", None),
        (90, None),
        ("P" + "9" * 99 + "D", None),
    ],
)
def test_lifetimes_are_iso_8601(text, days):
    assert lifetime(text) == (None if days is None else timedelta(days=days))
