"""The simulated Entra: what it verifies in an assertion, what its answers look like, and that Microsoft's own client takes it."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CertificateCredential, ClientSecretCredential
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from tests.support.doors import MOMENT
from tests.support.simulated import Pair

from stanch.simulators.azure import AzureSimulation
from stanch.simulators.clock import ManualClock
from stanch.simulators.directory import Directory
from stanch.simulators.entra import CLOUDS, Entra
from stanch.simulators.faults import Fault, Faults
from stanch.simulators.jws import parse, signed, verified
from stanch.simulators.server import Simulator
from stanch.simulators.tokens import TokenError
from stanch.simulators.wire import Request, Response

LOGIN = CLOUDS["global"].login
GRAPH = "https://graph.microsoft.com"
SECRET = "".join(["Kp2", "8Q~", "made" * 8, "up"])
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def b64(data: bytes, *, pad: bool = False) -> str:
    text = base64.urlsafe_b64encode(data).decode()
    return text if pad else text.rstrip("=")


class World:
    def __init__(self) -> None:
        self.clock = ManualClock(MOMENT)
        self.faults = Faults()
        self.directory = Directory(clock=self.clock, faults=self.faults)
        self.entra = Entra(self.directory)
        self.pair = Pair()
        self.tenant = self.directory.add_tenant("contoso.onmicrosoft.com")
        self.app = self.directory.add_application(
            self.tenant.id, "billing", keys=[self.directory.key(self.pair.der)], passwords=[self.directory.password(SECRET)]
        )

    def claims(self, **changes: object) -> dict[str, object]:
        now = MOMENT.timestamp()
        base = {
            "aud": f"https://{LOGIN}/{self.tenant.id}/oauth2/v2.0/token",
            "iss": self.app.app_id,
            "sub": self.app.app_id,
            "jti": str(uuid.uuid4()),
            "nbf": now,
            "exp": now + 300,
        }
        return {name: value for name, value in {**base, **changes}.items() if value is not None}

    def assertion(self, claims: dict[str, object] | None = None, *, pair: Pair | None = None, **header: object) -> str:
        digest = b64(hashlib.sha256(self.pair.der).digest())
        head = {"alg": "RS256", "typ": "JWT", "x5t#S256": digest} | header
        text = f"{b64(json.dumps(head).encode())}.{b64(json.dumps(claims or self.claims()).encode())}"
        key, scheme = (pair or self.pair).key, padding.PKCS1v15()
        if head["alg"] == "PS256":
            scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
        return f"{text}.{b64(key.sign(text.encode(), scheme, hashes.SHA256()))}"

    def post(self, form: dict[str, str], *, path: str = "/oauth2/v2.0/token", **headers: str) -> tuple[int, dict, Response]:
        whole = {"client_id": self.app.app_id, "grant_type": "client_credentials", "scope": f"{GRAPH}/.default"} | form
        body = urlencode({name: value for name, value in whole.items() if value}).encode()
        request = Request(
            method="POST",
            target=f"/{self.tenant.id}{path}",
            now=self.clock(),
            host=LOGIN,
            body=body,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )
        answer = self.entra(request)
        return answer.status, json.loads(answer.body), answer

    def assert_code(self, assertion: str, code: int) -> dict:
        status, body, _ = self.post({"client_assertion": assertion, "client_assertion_type": ASSERTION})
        assert body.get("error_codes", [0]) == [code], body.get("error_description")
        assert (status == 200) is (code == 0)
        return body


@pytest.fixture
def world() -> World:
    return World()


# --- assertions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
@pytest.mark.parametrize("pad", [True, False])
@pytest.mark.parametrize(("name", "digest"), [("x5t", hashlib.sha1), ("x5t#S256", hashlib.sha256)])
def test_every_documented_way_to_name_and_sign_is_accepted(world, algorithm, pad, name, digest):
    header = {"x5t#S256": None, name: b64(digest(world.pair.der).digest(), pad=pad)}
    world.assert_code(world.assertion(alg=algorithm, **header), 0)


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({}, 0),
        ({"aud": "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token"}, 0),
        ({"nbf": None}, 0),
        ({"nbf": None, "iat": MOMENT.timestamp() + 0.5}, 0),
        ({"nbf": MOMENT.timestamp() + 200}, 0),
        ({"aud": "https://evil.example/oauth2/v2.0/token"}, 700023),
        ({"aud": None}, 700023),
        ({"aud": ["https://login.microsoftonline.com"]}, 700023),
        ({"iss": str(uuid.uuid4())}, 700021),
        ({"sub": str(uuid.uuid4())}, 700021),
        ({"sub": None}, 700021),
        ({"exp": MOMENT.timestamp() - 400}, 700024),
        ({"nbf": MOMENT.timestamp() + 400}, 700024),
        ({"exp": None}, 50027),
        ({"exp": "soon"}, 50027),
        ({"exp": True}, 50027),
        ({"exp": 1e300}, 50027),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else str(value),
)
def test_claims_are_verified(world, claims, code):
    world.assert_code(world.assertion(world.claims(**claims)), code)


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "HS256"}, {"alg": "ES256"}, {"x5t#S256": None}, {"x5t#S256": "!"}, {"x5t#S256": "AAAA"}], ids=str)  # fmt: skip
def test_headers_are_verified(world, header):
    world.assert_code(world.assertion(**header), 50027)


@pytest.mark.parametrize("broken", ["=", "a.b", "a.b.c", "a.b.c.d", "é.b.c", "x" * 100_000], ids=lambda text: text[:10])
def test_what_is_no_assertion_is_refused(world, broken):
    world.assert_code(broken, 50027)


def test_assertion_with_padding_is_refused(world):
    head, claims, signature = world.assertion().split(".")
    world.assert_code(f"{head}.{claims}.{signature}==", 50027)


def test_signature_of_another_key_is_refused(world):
    body = world.assert_code(world.assertion(pair=Pair("other")), 700027)
    assert "did not match the expected signature" in body["error_description"]


def test_changed_claims_are_refused(world):
    head, _, signature = world.assertion().split(".")
    claims = b64(json.dumps(world.claims(exp=MOMENT.timestamp() + 900)).encode())
    world.assert_code(f"{head}.{claims}.{signature}", 700027)


def test_unknown_certificate_is_refused_with_its_thumbprint(world):
    other = Pair("other")
    assertion = world.assertion(pair=other, **{"x5t#S256": None, "x5t": b64(hashlib.sha1(other.der).digest())})
    body = world.assert_code(assertion, 700027)
    assert f"The key was not found., Thumbprint of key used by client: '{other.thumbprint}'" in body["error_description"]


def test_key_that_may_only_sign_does_not_open(world):
    (key,) = world.app.key_credentials
    world.directory.update_application(world.app.object_id, key_credentials=(dataclasses.replace(key, usage="Sign"),))
    world.assert_code(world.assertion(), 700027)


def test_key_whose_time_has_not_come_is_refused(world):
    (key,) = world.app.key_credentials
    later = dataclasses.replace(key, start=MOMENT + timedelta(days=1))
    world.directory.update_application(world.app.object_id, key_credentials=(later,))
    world.assert_code(world.assertion(), 1000502)


def test_key_of_the_service_principal_opens_too_and_the_log_says_so(world):
    world.directory.update_application(world.app.object_id, key_credentials=())
    principal = world.directory.latest().service_principal_of(world.app.app_id, world.tenant.id)
    world.directory.update_service_principal(principal.object_id, key_credentials=world.app.key_credentials)
    world.assert_code(world.assertion(), 0)
    assert world.directory.sign_ins[-1].origin == "servicePrincipal"


def test_one_assertion_is_good_for_its_time_as_msal_needs_it_unless_told_otherwise(world):
    assertion = world.assertion()
    world.assert_code(assertion, 0)
    world.assert_code(assertion, 0)
    world.entra.behaviour.refuse_replays = True
    world.assert_code(assertion, 50013)
    world.assert_code(world.assertion(), 0)


def test_new_key_is_known_to_one_replica_and_not_to_another_until_it_has_come_round(world):
    new = Pair("new")
    world.clock.advance(60)
    world.faults.replicate([0, 20])
    world.directory.update_application(world.app.object_id, key_credentials=(world.directory.key(new.der),))
    digest = {"x5t#S256": b64(hashlib.sha256(new.der).digest())}

    def codes() -> list[int]:
        asked = [{"client_assertion": world.assertion(pair=new, **digest), "client_assertion_type": ASSERTION} for _ in range(4)]
        return [world.post(form)[1].get("error_codes", [0])[0] for form in asked]

    assert codes() == [0, 700027, 0, 700027]
    world.clock.advance(20)
    assert codes() == [0, 0, 0, 0]


# --- requests and answers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"client_secret": SECRET}, 0),
        ({"client_secret": SECRET[:-1]}, 7000215),
        ({}, 7000218),
        ({"client_secret": SECRET, "client_id": ""}, 900144),
        ({"client_secret": SECRET, "grant_type": ""}, 900144),
        ({"client_secret": SECRET, "grant_type": "password"}, 70003),
        ({"client_secret": SECRET, "scope": ""}, 900144),
        ({"client_secret": SECRET, "scope": "User.Read"}, 70011),
        ({"client_secret": SECRET, "scope": f"{GRAPH}/.default openid"}, 70011),
        ({"client_secret": SECRET, "scope": "https://nowhere.example/.default"}, 500011),
        ({"client_secret": SECRET, "scope": "https://management.core.windows.net//.default"}, 0),
        ({"client_secret": SECRET, "client_id": str(uuid.uuid4())}, 700016),
        ({"client_assertion": "a.b.c", "client_assertion_type": "other"}, 50027),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else str(value),
)
def test_form_is_verified(world, form, code):
    assert world.post(form)[1].get("error_codes", [0]) == [code]


def test_refusal_has_the_documented_body(world):
    request_id = str(uuid.uuid4())
    status, body, answer = world.post({"client_secret": "wrong"}, client_request_id=request_id)
    assert (status, body["error"], body["error_codes"], body["correlation_id"]) == (401, "invalid_client", [7000215], request_id)
    assert body.keys() == {"error", "error_description", "error_codes", "timestamp", "trace_id", "correlation_id", "error_uri"}
    tail = f" Trace ID: {body['trace_id']} Correlation ID: {request_id} Timestamp: 2026-11-25 08:30:00Z"
    assert re.match(r"AADSTS7000215: Invalid client secret provided\.", body["error_description"])
    assert body["error_description"].endswith(tail)
    assert body["error_uri"] == f"https://{LOGIN}/error?code=7000215"
    assert answer.headers["x-ms-request-id"] == body["trace_id"]


def test_old_endpoint_writes_numbers_as_text(world):
    status, body, _ = world.post({"client_secret": SECRET, "scope": "", "resource": GRAPH}, path="/oauth2/token")
    assert (status, body["expires_in"], body["resource"]) == (200, "3599", GRAPH)


def test_token_is_signed_by_the_published_key_and_says_who_holds_it(world):
    token = world.post({"client_secret": SECRET})[1]["access_token"]
    keys = world.entra(Request(method="GET", target=f"/{world.tenant.id}/discovery/v2.0/keys", now=MOMENT, host=LOGIN))
    (key,) = json.loads(keys.body)["keys"]
    claims = world.entra.tokens.read(token, audiences=(GRAPH,), now=MOMENT)
    assert parse(token).header["kid"] == key["kid"]
    assert (claims["appid"], claims["tid"], claims["appidacr"]) == (world.app.app_id, world.tenant.id, "1")
    assert claims["uti"] == world.directory.sign_ins[-1].token_id


def test_token_is_not_read_by_others_too_late_or_changed(world):
    token = world.post({"client_secret": SECRET})[1]["access_token"]
    read = world.entra.tokens.read
    head, claims, signature = token.split(".")
    for wrong, audience, when in (
        (token, "https://vault.azure.net", MOMENT),
        (token, GRAPH, MOMENT + timedelta(hours=1)),
        (token, GRAPH, MOMENT - timedelta(minutes=6)),
        (f"{head}.{claims}.{signature[::-1]}", GRAPH, MOMENT),
        ("nonsense", GRAPH, MOMENT),
        (signed({}, parse(token).claims, Pair("other").key), GRAPH, MOMENT),
    ):
        with pytest.raises(TokenError):
            read(wrong, audiences=(audience,), now=when)
    assert verified(parse(token), Pair("other").key.public_key()) is False


def test_every_try_is_in_the_sign_in_log_with_its_key(world):
    world.assert_code(world.assertion(), 0)
    (key,) = world.app.key_credentials
    world.directory.update_application(world.app.object_id, key_credentials=(dataclasses.replace(key, end=MOMENT),))
    world.assert_code(world.assertion(), 700027)
    world.post({"client_secret": "wrong"}, x_forwarded_for="203.0.113.9", user_agent="curl/8")
    found = [(s.error_code, s.credential_type, s.key_id, s.thumbprint, s.ip) for s in world.directory.sign_ins]
    assert found == [
        (0, "certificate", key.key_id, world.pair.thumbprint, "127.0.0.1"),
        (700027, "certificate", key.key_id, world.pair.thumbprint, "127.0.0.1"),
        (7000215, "clientSecret", "", "", "203.0.113.9"),
    ]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/{id}/v2.0/.well-known/openid-configuration", 200),
        ("/{id}/.well-known/openid-configuration", 200),
        ("/contoso.onmicrosoft.com/v2.0/.well-known/openid-configuration", 200),
        ("/common/v2.0/.well-known/openid-configuration", 200),
        ("/common/discovery/instance?api-version=1.1&authorization_endpoint=https://login.example/x/oauth2", 200),
        ("/{id}/discovery/v2.0/keys", 200),
        ("/nobody.example/v2.0/.well-known/openid-configuration", 400),
        ("/{id}/oauth2/v2.0/token", 404),
        ("/", 404),
    ],
)
def test_discovery_answers_about_tenants_that_exist(world, path, status):
    answer = world.entra(Request(method="GET", target=path.replace("{id}", world.tenant.id), now=MOMENT, host=LOGIN))
    assert answer.status == status
    if path.endswith("openid-configuration") and status == 200:
        assert json.loads(answer.body)["token_endpoint"].startswith(f"https://{LOGIN}/")


# --- Microsoft's own client, unchanged ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[AzureSimulation, Simulator]]:
    azure = AzureSimulation()
    with azure.simulator() as simulator:
        yield azure, simulator
        assert simulator.errors == ()


def official(running, kind, *rest, **options):
    _, simulator = running
    return kind(
        *rest,
        authority=simulator.address(LOGIN),
        disable_instance_discovery=True,
        connection_verify=str(simulator.ca_file),
        **options,
    )


def test_azure_identity_signs_in_with_a_certificate(running, tmp_path):
    azure, _ = running
    pair = Pair()
    tenant = azure.directory.add_tenant("one.example")
    app = azure.directory.add_application(tenant.id, "one", keys=[azure.directory.key(pair.der)])
    with official(running, CertificateCredential, tenant.id, app.app_id, str(pair.pem(tmp_path))) as credential:
        token = credential.get_token(f"{GRAPH}/.default").token
        assert credential.get_token("https://vault.azure.net/.default").token != token  # the same assertion once more
    assert azure.tokens.read(token, audiences=(GRAPH,), now=azure.directory.clock())["appidacr"] == "2"
    assert azure.directory.sign_ins[-1].user_agent.startswith("azsdk-python-identity/")


def test_azure_identity_is_refused_in_the_words_of_entra(running, tmp_path):
    azure, _ = running
    tenant = azure.directory.add_tenant("two.example")
    app = azure.directory.add_application(tenant.id, "two")
    with official(running, CertificateCredential, tenant.id, app.app_id, str(Pair().pem(tmp_path))) as credential:  # noqa: SIM117
        with pytest.raises(ClientAuthenticationError, match=r"AADSTS700027: .*The key was not found"):
            credential.get_token(f"{GRAPH}/.default")


def test_azure_identity_signs_in_with_a_secret_and_is_refused_with_another(running):
    azure, _ = running
    tenant = azure.directory.add_tenant("three.example")
    app = azure.directory.add_application(tenant.id, "three", passwords=[azure.directory.password(SECRET)])
    with official(running, ClientSecretCredential, tenant.id, app.app_id, SECRET) as credential:
        assert credential.get_token(f"{GRAPH}/.default").token
    with official(running, ClientSecretCredential, tenant.id, app.app_id, SECRET + "x") as credential:  # noqa: SIM117
        with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
            credential.get_token(f"{GRAPH}/.default")


def test_azure_identity_comes_again_after_throttling(running):
    azure, simulator = running
    tenant = azure.directory.add_tenant("four.example")
    app = azure.directory.add_application(tenant.id, "four", passwords=[azure.directory.password(SECRET)])
    azure.faults.add(Fault(kind="throttle", path=f"/{tenant.id}/oauth2/v2.0/token", retry_after=1))
    with official(running, ClientSecretCredential, tenant.id, app.app_id, SECRET) as credential:
        assert credential.get_token(f"{GRAPH}/.default").token
    assert [s.status for s in simulator.served if s.path == f"/{tenant.id}/oauth2/v2.0/token"] == [429, 200]
