"""Graph's rules about the keys of applications: collections are replaced, proofs verified, policies kept, logs written."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.identity import CertificateCredential
from tests.support.simulated import Pair

from stanch.simulators.azure import AzureSimulation
from stanch.simulators.clock import ManualClock
from stanch.simulators.directory_model import Application
from stanch.simulators.faults import Fault
from stanch.simulators.graph import CREDENTIALS_CHANGED, PROOF_AUDIENCE
from stanch.simulators.jws import signed
from stanch.simulators.wire import Request, Response

GRAPH = "https://graph.microsoft.com"


class World:
    """A tenant with an application that has one key, and callers with different roles."""

    def __init__(self) -> None:
        self.clock = ManualClock(datetime.now(UTC))
        self.azure = AzureSimulation(clock=self.clock)
        self.tenant = self.azure.directory.add_tenant("graph.example")
        self.pair = Pair("graph")
        directory = self.azure.directory
        self.app = directory.add_application(self.tenant.id, "billing", keys=[directory.key(self.pair.der)])

    def token(self, *roles: str, appid: str = "11111111-1111-4111-8111-111111111111", oid: str = "robot") -> str:
        claims = {"aud": GRAPH, "tid": self.tenant.id, "roles": list(roles), "appid": appid, "oid": oid}
        return self.azure.tokens.issue(claims, self.clock())

    def ask(self, method: str, target: str, body: Any = None, *, token: str | None = None) -> Response:
        token = self.token("Application.ReadWrite.All", "AuditLog.Read.All") if token is None else token
        return self.azure.graph(
            Request(
                method=method,
                target=target,
                body=b"" if body is None else json.dumps(body).encode(),
                host="graph.microsoft.com",
                headers={"authorization": f"Bearer {token}"} if token else {},
                now=self.clock(),
            )
        )

    def get(self, target: str, **options: Any) -> Any:
        return json.loads(self.ask("GET", target, **options).body)

    @property
    def path(self) -> str:
        return f"/v1.0/applications/{self.app.object_id}"

    @property
    def current(self) -> Application:
        found = self.azure.directory.latest().application(self.app.object_id)
        assert found is not None
        return found

    def proof(self, pair: Pair | None = None, **changes: Any) -> str:
        now = int(self.clock().timestamp())
        claims = {"aud": PROOF_AUDIENCE, "iss": self.app.object_id, "nbf": now, "exp": now + 600, **changes}
        return signed({"typ": "JWT"}, claims, (pair or self.pair).key)


@pytest.fixture
def world() -> World:
    return World()


def new_key(pair: Pair, **more: Any) -> dict[str, Any]:
    return {"type": "AsymmetricX509Cert", "usage": "Verify", "key": base64.b64encode(pair.der).decode(), **more}


def error(response: Response) -> tuple[int, str]:
    found = json.loads(response.body)["error"]
    assert set(found["innerError"]) == {"date", "request-id", "client-request-id"}
    return response.status, found["code"]


def test_applications_are_found_by_filter_and_by_client_id(world):
    (found,) = world.get(f"/v1.0/applications?$filter=appId eq '{world.app.app_id}'")["value"]
    assert (found["id"], found["displayName"]) == (world.app.object_id, "billing")
    assert world.get(f"/v1.0/applications(appId='{world.app.app_id}')")["id"] == world.app.object_id
    assert world.get("/v1.0/applications?$filter=displayName eq 'none'")["value"] == []
    assert error(world.ask("GET", "/v1.0/applications?$filter=contains(x)")) == (400, "Request_UnsupportedQuery")


def test_the_certificate_is_told_only_to_who_asks_one_object_for_it(world):
    assert world.get(world.path)["keyCredentials"][0]["key"] is None
    (listed,) = world.get("/v1.0/applications?$select=keyCredentials")["value"]
    assert listed["keyCredentials"][0]["key"] is None
    shown = world.get(f"{world.path}?$select=keyCredentials")["keyCredentials"][0]
    assert base64.b64decode(shown["key"]) == world.pair.der
    assert base64.b64decode(shown["customKeyIdentifier"]).hex().upper() == world.pair.thumbprint


def test_a_patch_replaces_the_whole_collection(world):
    old = world.current.key_credentials[0].key_id
    other = Pair("other")
    kept = {"keyId": old, "key": None, "type": "AsymmetricX509Cert", "usage": "Verify"}
    assert world.ask("PATCH", world.path, {"keyCredentials": [kept, new_key(other)]}).status == 204
    assert [k.key for k in world.current.key_credentials] == [world.pair.der, other.der]
    assert world.ask("PATCH", world.path, {"keyCredentials": [new_key(other)]}).status == 204
    assert [k.key for k in world.current.key_credentials] == [other.der]


def test_an_existing_key_may_not_be_altered(world):
    old = world.current.key_credentials[0].key_id
    answer = world.ask("PATCH", world.path, {"keyCredentials": [new_key(Pair("other"), keyId=old)]})
    assert error(answer) == (400, "Request_BadRequest")
    assert "Update to existing credential with KeyId" in answer.body.decode()
    assert world.current.key_credentials[0].key == world.pair.der


def test_add_and_remove_key_want_a_proof_and_no_permission(world):
    own = world.token(appid=world.app.app_id)
    other = Pair("other")
    body = {"keyCredential": new_key(other), "passwordCredential": None, "proof": world.proof()}
    added = world.ask("POST", f"{world.path}/addKey", body, token=own)
    assert added.status == 200
    key_id = world.current.key_credentials[0].key_id
    removed = world.ask("POST", f"{world.path}/removeKey", {"keyId": key_id, "proof": world.proof(other)}, token=own)
    assert removed.status == 204
    assert [k.key for k in world.current.key_credentials] == [other.der]
    again = world.ask("POST", f"{world.path}/removeKey", {"keyId": key_id, "proof": world.proof(other)}, token=own)
    assert error(again) == (404, "Request_ResourceNotFound")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"aud": "00000003-0000-0000-c000-000000000000"}, 401), ({"iss": "somebody"}, 401), ({"exp": 1}, 401), ({"nbf": None}, 401),
        ({"exp": 99_999_999_999 // 10}, 401),
    ],
)  # fmt: skip
def test_a_wrong_proof_is_refused(world, changes, status):
    body = {"keyCredential": new_key(Pair("other")), "proof": world.proof(**changes)}
    assert error(world.ask("POST", f"{world.path}/addKey", body)) == (status, "Authentication_Unauthorized")


def test_a_proof_with_padding_or_by_a_stranger_is_refused(world):
    for proof, expected in (
        (world.proof() + "=", (400, "Authentication_MissingOrMalformed")),
        ("", (400, "Authentication_MissingOrMalformed")),
        (world.proof(Pair("stranger")), (401, "Authentication_Unauthorized")),
    ):
        body = {"keyCredential": new_key(Pair("other")), "proof": proof}
        assert error(world.ask("POST", f"{world.path}/addKey", body)) == expected
    assert len(world.current.key_credentials) == 1


def test_an_expired_key_proves_nothing(world):
    world.clock.advance(500 * 86_400)
    body = {"keyCredential": new_key(Pair("other")), "proof": world.proof()}
    assert error(world.ask("POST", f"{world.path}/addKey", body)) == (401, "Authentication_Unauthorized")


def test_only_owners_write_with_owned_by(world):
    mine = world.token("Application.ReadWrite.OwnedBy", oid="owner")
    assert error(world.ask("PATCH", world.path, {"displayName": "x"}, token=mine)) == (403, "Authorization_RequestDenied")
    world.azure.directory.update_application(world.app.object_id, owners=("owner",))
    assert world.ask("PATCH", world.path, {"displayName": "x"}, token=mine).status == 204
    assert error(world.ask("GET", "/v1.0/auditLogs/directoryAudits", token=mine)) == (403, "Authorization_RequestDenied")
    assert error(world.ask("GET", world.path, token="")) == (401, "InvalidAuthenticationToken")


def test_a_tenant_refuses_long_lifetimes(world):
    rule = {"restrictionType": "asymmetricKeyLifetime", "maxLifetime": "P90D"}
    policy = {"isEnabled": True, "applicationRestrictions": {"passwordCredentials": [], "keyCredentials": [rule]}}
    from dataclasses import replace

    world.azure.directory.put(replace(world.tenant, policies={"defaultAppManagementPolicy": policy}))
    assert world.get("/v1.0/policies/defaultAppManagementPolicy")["applicationRestrictions"]["keyCredentials"] == [rule]
    kept = {"keyId": world.current.key_credentials[0].key_id, "key": None}
    long = world.ask("PATCH", world.path, {"keyCredentials": [kept, new_key(Pair("other"))]})
    assert error(long) == (400, "KeyCredentialLifetimeExceeded")
    start = world.clock()
    short = new_key(
        Pair("other"), startDateTime=f"{start:%Y-%m-%dT%H:%M:%SZ}", endDateTime=f"{start + timedelta(days=80):%Y-%m-%dT%H:%M:%SZ}"
    )
    assert world.ask("PATCH", world.path, {"keyCredentials": [kept, short]}).status == 204


def test_changes_are_in_the_audit_log(world):
    world.ask("PATCH", world.path, {"keyCredentials": [new_key(Pair("other"), displayName="intruder")]})
    (entry,) = world.get(f"/v1.0/auditLogs/directoryAudits?$filter=activityDisplayName eq '{CREDENTIALS_CHANGED}'")["value"]
    (change,) = entry["targetResources"][0]["modifiedProperties"]
    assert "intruder" in change["newValue"]
    assert "intruder" not in change["oldValue"]
    assert entry["targetResources"][0]["id"] == world.app.object_id


def test_secrets_are_shown_once(world):
    made = json.loads(world.ask("POST", f"{world.path}/addPassword", {"passwordCredential": {"displayName": "ci"}}).body)
    assert made["secretText"]
    (shown,) = world.get(world.path)["passwordCredentials"]
    assert (shown["secretText"], shown["hint"]) == (None, made["secretText"][:3])
    assert world.ask("POST", f"{world.path}/removePassword", {"keyId": made["keyId"]}).status == 204
    assert error(world.ask("POST", f"{world.path}/removePassword", {"keyId": made["keyId"]}))[0] == 404


def test_federated_credentials_and_switching_off(world):
    body = {
        "name": "ci",
        "issuer": "https://token.actions.githubusercontent.com",
        "subject": "repo:acme/shop:ref:refs/heads/main",
    }
    made = json.loads(world.ask("POST", f"{world.path}/federatedIdentityCredentials", body).body)
    assert world.get(f"{world.path}/federatedIdentityCredentials")["value"] == [made]
    assert world.ask("DELETE", f"{world.path}/federatedIdentityCredentials/{made['id']}").status == 204
    principal = f"/v1.0/servicePrincipals(appId='{world.app.app_id}')"
    assert world.ask("PATCH", principal, {"accountEnabled": False}).status == 204
    assert world.get(principal)["accountEnabled"] is False


def test_lists_come_in_pages(world):
    for number in range(7):
        world.azure.directory.add_application(world.tenant.id, f"app-{number}")
    first = world.get("/v1.0/applications?$top=5")
    second = world.get(first["@odata.nextLink"].removeprefix("https://graph.microsoft.com"))
    assert (len(first["value"]), len(second["value"])) == (5, 3)
    assert "@odata.nextLink" not in second


def test_other_tenants_are_not_seen(world):
    stranger = world.azure.directory.add_tenant("stranger.example")
    other = world.azure.directory.add_application(stranger.id, "theirs")
    assert error(world.ask("GET", f"/v1.0/applications/{other.object_id}")) == (404, "Request_ResourceNotFound")


def test_stale_replicas_tell_of_a_key_late(world):
    world.clock.advance(60)
    world.azure.faults.replicate([0.0, 10.0], order=[0, 1])
    world.ask("PATCH", world.path, {"keyCredentials": [new_key(Pair("other"))]})
    seen = {world.get(f"{world.path}?$select=keyCredentials")["keyCredentials"][0]["key"] for _ in range(4)}
    assert len(seen) == 2
    world.clock.advance(11)
    seen = {world.get(f"{world.path}?$select=keyCredentials")["keyCredentials"][0]["key"] for _ in range(4)}
    assert len(seen) == 1


# --- over the wire, with the official client ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[AzureSimulation, Any]]:
    azure = AzureSimulation()
    with azure.simulator() as simulator:
        yield azure, simulator


def test_the_last_use_of_each_key_is_reported(running, tmp_path):
    import http.client
    import ssl

    azure, simulator = running
    tenant = azure.directory.add_tenant("used.example")
    pair = Pair("used")
    roles = ("AuditLog.Read.All", "Application.Read.All")
    app = azure.directory.add_application(
        tenant.id, "used", keys=[azure.directory.key(pair.der), azure.directory.key(Pair("idle").der)], roles=roles
    )
    options = {
        "authority": simulator.address("login.microsoftonline.com"), "disable_instance_discovery": True,
        "connection_verify": str(simulator.ca_file),
    }  # fmt: skip
    with CertificateCredential(tenant.id, app.app_id, str(pair.pem(tmp_path)), **options) as credential:
        token = credential.get_token(f"{GRAPH}/.default").token

    def get(target: str) -> tuple[int, Any]:
        address = simulator.address("graph.microsoft.com").removeprefix("https://")
        connection = http.client.HTTPSConnection(address, context=ssl.create_default_context(cafile=str(simulator.ca_file)))
        connection.request("GET", target, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        body = json.loads(answer.read() or b"{}")
        connection.close()
        return answer.status, body

    status, found = get("/beta/reports/appCredentialSignInActivities")
    assert status == 200
    assert {bool(item["signInActivity"]) for item in found["value"]} == {True, False}
    _, nothing = get("/beta/auditLogs/signIns")
    assert nothing["value"] == []
    wanted = f"signInEventTypes/any(t:%20t%20eq%20'servicePrincipal')%20and%20appId%20eq%20'{app.app_id}'"
    _, signed_in = get(f"/beta/auditLogs/signIns?$filter={wanted}")
    assert [entry["servicePrincipalCredentialThumbprint"].upper() for entry in signed_in["value"]] == [pair.thumbprint]
    azure.faults.add(Fault(kind="throttle", path="/v1.0/applications*", retry_after=7))
    assert get("/v1.0/applications")[0] == 429
