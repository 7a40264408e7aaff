"""Conjur as its official client sees it, and what it refuses."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.simulators import conjur_policy
from stanch.simulators.conjur import Conjur
from stanch.simulators.conjur_policy import PolicyError
from stanch.simulators.server import Simulator
from stanch.simulators.wire import Request, Response

POLICY = """
# the billing service and what it may read
- !policy
  id: billing
  owner: !user admin
  body:
    - &secrets
      - !variable db/password
      - !variable
        id: sp/certificate
        annotations:
          description: "PFX of the service principal"
    - !host web
    - !layer
      id: servers
    - !grant
      role: !layer servers
      member: !host web
    - !permit
      role: !layer servers
      privileges: [ read, execute ]
      resources:
        - !variable db/password
        - !variable sp/certificate
- !user ada
"""


class World:
    """A server without a socket, and somebody who asks it."""

    def __init__(self) -> None:
        self.at = datetime(2026, 6, 1, 12, tzinfo=UTC)
        self.conjur = Conjur(clock=lambda: self.at)
        self.admin = self.sign_in("admin", self.conjur.admin_api_key)

    def ask(self, method: str, target: str, body: bytes = b"", *, token: str = "", **headers: str) -> Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["authorization"] = f'Token token="{token}"'
        return self.conjur(Request(method=method, target=target, body=body, headers=sent, now=self.at))

    def sign_in(self, login: str, key: str) -> str:
        path = f"/authn/stanch/{login.replace('/', '%2F')}/authenticate"
        answer = self.ask("POST", path, key.encode(), accept_encoding="base64")
        return answer.body.decode() if answer.status == 200 else ""

    def load(self, text: str, *, method: str = "POST", policy: str = "root", token: str | None = None) -> Response:
        token = self.admin if token is None else token
        return self.ask(method, f"/policies/stanch/policy/{policy}", text.encode(), token=token)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def served() -> Iterator[tuple[Conjur, Simulator]]:
    conjur = Conjur()
    with Simulator({"conjur.example": conjur}, faults=conjur.faults) as simulator:
        yield conjur, simulator


def test_the_official_client_loads_a_policy_sets_gets_and_rotates(served, tmp_path):
    from conjur_api import Client
    from conjur_api.errors.errors import HttpStatusError
    from conjur_api.models import ConjurConnectionInfo, CredentialsData, SslVerificationMode
    from conjur_api.providers import AuthnAuthenticationStrategy, SimpleCredentialsProvider

    conjur, simulator = served
    address = simulator.address("conjur.example")
    (tmp_path / "root.yml").write_text(POLICY)

    def client(name: str, key: str) -> Client:
        provider = SimpleCredentialsProvider()
        provider.save(CredentialsData(machine=address, username=name, api_key=key))
        return Client(
            ConjurConnectionInfo(conjur_url=address, account="stanch", cert_file=str(simulator.ca_file)),
            authn_strategy=AuthnAuthenticationStrategy(provider),
            ssl_verification_mode=SslVerificationMode.CA_BUNDLE,
        )

    async def act() -> None:
        admin = client("admin", conjur.admin_api_key)
        loaded = await admin.load_policy_file("root", str(tmp_path / "root.yml"))
        key = loaded["created_roles"]["stanch:host:billing/web"]["api_key"]
        await admin.set("billing/db/password", "s3cret äöü")
        web = client("host/billing/web", key)
        assert (await web.get("billing/db/password")).decode() == "s3cret äöü"
        await admin.set("billing/db/password", "second")
        assert await web.get("billing/db/password") == b"second"
        assert (await web.get("billing/db/password", "1")).decode() == "s3cret äöü"
        assert sorted(await web.list({"kind": "variable"})) == [
            "stanch:variable:billing/db/password", "stanch:variable:billing/sp/certificate",
        ]  # fmt: skip
        assert (await web.whoami())["username"] == "host/billing/web"
        with pytest.raises(HttpStatusError):
            await web.set("billing/db/password", "mine")
        from conjur_api.models import Resource

        await admin.rotate_other_api_key(Resource("host", "billing/web"))
        with pytest.raises(HttpStatusError):
            await client("host/billing/web", key).get("billing/db/password")

    asyncio.run(act())


def test_a_token_lives_for_eight_minutes(world):
    world.load(POLICY)
    assert world.ask("GET", "/whoami", token=world.admin).status == 200
    world.at += timedelta(minutes=7, seconds=59)
    assert world.ask("GET", "/whoami", token=world.admin).status == 200
    world.at += timedelta(seconds=2)
    assert world.ask("GET", "/whoami", token=world.admin).status == 401


def test_a_changed_token_is_refused(world):
    token = json.loads(base64.b64decode(world.admin))
    token["payload"] = base64.urlsafe_b64encode(b'{"sub": "admin", "exp": 99999999999}').decode()
    assert world.ask("GET", "/whoami", token=base64.b64encode(json.dumps(token).encode()).decode()).status == 401


def test_raw_and_base64_tokens_are_given_as_asked(world):
    raw = world.ask("POST", "/authn/stanch/admin/authenticate", world.conjur.admin_api_key.encode())
    assert set(json.loads(raw.body)) == {"protected", "payload", "signature"}
    assert world.ask("POST", "/authn/stanch/admin/authenticate", b"wrong").status == 401
    assert world.ask("POST", "/authn/other/admin/authenticate", world.conjur.admin_api_key.encode()).status == 401


def test_variables_are_declared_before_they_are_set(world):
    assert world.ask("POST", "/secrets/stanch/variable/none", b"x", token=world.admin).status == 404
    world.load(POLICY)
    path = "/secrets/stanch/variable/billing%2Fdb%2Fpassword"
    assert world.ask("GET", path, token=world.admin).status == 404
    assert world.ask("POST", path, b"", token=world.admin).status == 422
    assert world.ask("POST", path, b"x" * 65_536, token=world.admin).status == 413
    assert world.ask("POST", path, b"x", token=world.admin).status == 201
    assert world.ask("GET", path, token=world.admin).body == b"x"
    assert world.ask("GET", path).status == 401


def test_twenty_versions_are_kept(world):
    world.load(POLICY)
    path = "/secrets/stanch/variable/billing%2Fdb%2Fpassword"
    for number in range(1, 26):
        world.ask("POST", path, b"v%d" % number, token=world.admin)
    assert world.ask("GET", f"{path}?version=25", token=world.admin).body == b"v25"
    assert world.ask("GET", f"{path}?version=6", token=world.admin).body == b"v6"
    assert world.ask("GET", f"{path}?version=5", token=world.admin).status == 404
    assert world.ask("GET", f"{path}?version=x", token=world.admin).status == 422


def test_a_batch_with_binary_values_wants_base64(world):
    world.load(POLICY)
    ids = ["stanch:variable:billing/db/password", "stanch:variable:billing/sp/certificate"]
    for name, value in zip(ids, (b"text", b"\x30\x82\xff"), strict=True):
        world.ask("POST", f"/secrets/stanch/variable/{name.split(':')[2].replace('/', '%2F')}", value, token=world.admin)
    target = f"/secrets?variable_ids={','.join(ids)}"
    assert world.ask("GET", target, token=world.admin).status == 406
    encoded = json.loads(world.ask("GET", target, token=world.admin, accept_encoding="base64").body)
    assert base64.b64decode(encoded[ids[1]]) == b"\x30\x82\xff"
    assert world.ask("GET", "/secrets?variable_ids=stanch:variable:none", token=world.admin).status == 404


def test_what_a_role_may_not_see_is_not_there(world):
    made = json.loads(world.load(POLICY).body)["created_roles"]
    ada = world.sign_in("ada", made["stanch:user:ada"]["api_key"])
    path = "/secrets/stanch/variable/billing%2Fdb%2Fpassword"
    assert world.ask("GET", path, token=ada).status == 404
    web = world.sign_in("host/billing/web", made["stanch:host:billing/web"]["api_key"])
    assert world.ask("POST", path, b"x", token=web).status == 403
    assert world.load("- !variable mine", token=ada).status == 403


def test_an_old_api_key_is_refused_after_rotation(world):
    made = json.loads(world.load(POLICY).body)["created_roles"]
    old = made["stanch:host:billing/web"]["api_key"]
    basic = base64.b64encode(f"host/billing/web:{old}".encode()).decode()
    new = world.ask("PUT", "/authn/stanch/api_key", authorization=f"Basic {basic}").body.decode()
    assert world.sign_in("host/billing/web", old) == ""
    assert world.sign_in("host/billing/web", new) != ""


def test_deletions_need_another_method_and_replacing_removes(world):
    world.load(POLICY)
    text = "- !delete\n  record: !variable db/password\n"
    assert world.load(text, policy="billing").status == 422
    assert world.load(text, policy="billing", method="PATCH").status == 201
    assert world.ask("GET", "/resources/stanch/variable/billing%2Fdb%2Fpassword", token=world.admin).status == 404
    assert world.load("- !variable only", policy="billing", method="PUT").status == 201
    listed = json.loads(world.ask("GET", "/resources/stanch?kind=variable", token=world.admin).body)
    assert [item["id"] for item in listed] == ["stanch:variable:billing/only"]


@pytest.mark.parametrize(
    "text",
    [
        "- !grant\n  role: !layer none\n  member: !host none", "- !permit\n  role: !user admin\n  resource: !variable x", "- variable x",
        "- !nonsense x", "- !variable", "\t- !variable x", "- !variable 'x", "a: {b: c}", "- !variable x\n   - !host y",
    ],
)  # fmt: skip
def test_a_wrong_policy_is_refused_with_its_line_and_changes_nothing(world, text):
    before = world.ask("GET", "/resources/stanch", token=world.admin).body
    answer = world.load(text)
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (422, "policy_invalid")
    assert "line" in json.loads(answer.body)["error"]["message"]
    assert world.ask("GET", "/resources/stanch", token=world.admin).body == before


@given(st.text(alphabet="- !variablehostpolicyid:\n[],'\"#&x", max_size=200))
def test_any_text_is_a_policy_or_a_mistake_with_a_line(text):
    try:
        conjur_policy.read(text)
    except PolicyError as exc:
        assert exc.line >= 1
