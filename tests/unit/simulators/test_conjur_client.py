"""The simulated Conjur: CyberArk's client unchanged over TLS, every documented refusal, tokens, faults, and the policy reader."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
import yaml
from conjur_api import Client
from conjur_api.errors.errors import HttpError, HttpStatusError
from conjur_api.models import ConjurConnectionInfo, CredentialsData, Resource, SslVerificationMode
from conjur_api.providers import AuthnAuthenticationStrategy, SimpleCredentialsProvider
from hypothesis import given
from hypothesis import strategies as st

from stanch.simulators.clock import ManualClock
from stanch.simulators.conjur_server import Conjur
from stanch.simulators.conjur_yaml import MOST_NODES, Node, PolicyError, read_yaml
from stanch.simulators.faults import Fault, Faults
from stanch.simulators.server import Simulator
from stanch.simulators.wire import Request, Response

NAME = "conjur.example"
PASSWORD, CERTIFICATE = "acme:variable:billing/db/password", "acme:variable:billing/certificate"
POLICY = """\
# what the billing service may read
- !policy
  id: billing
  body:
    - &variables
      - !variable db/password
      - !variable
        id: certificate
        annotations:
          description: "PFX of the service principal"
    - !host web
    - !host
      id: idle
    - !user ada
    - !layer
    - !group operators
    - !grant
      role: !layer
      member: !host web
    - !permit
      role: !layer
      privileges: [ read, execute ]
      resources: *variables
    - !permit
      role: !group operators
      privilege: update
      resource: !host web
    - !grant
      role: !group operators
      members:
      - !user ada
"""


def secret(id: str, version: str = "") -> str:
    return f"/secrets/acme/variable/{quote(id.split(':', 2)[2], safe='')}" + (f"?version={version}" if version else "")


class World:
    """A server without a socket, with the policy loaded, and somebody who asks it."""

    def __init__(self, faults: Faults | None = None) -> None:
        self.clock = ManualClock(datetime(2026, 6, 1, 12, tzinfo=UTC))
        self.conjur = Conjur("acme", faults=faults, clock=self.clock)
        self.admin = self.token("admin", self.conjur.admin_api_key)
        self.keys = {id: made["api_key"] for id, made in json.loads(self.load(POLICY).body)["created_roles"].items()}
        self.web = self.token("host/billing/web", self.keys["acme:host:billing/web"])
        self.ada = self.token("ada@billing", self.keys["acme:user:ada@billing"])

    def ask(self, method: str, target: str, body: bytes = b"", *, token: str = "", **headers: str) -> Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent |= {"authorization": f'Token token="{token}"'} if token else {}
        return self.conjur(Request(method=method, target=target, body=body, headers=sent, now=self.clock()))

    def token(self, login: str, key: str) -> str:
        path = f"/authn/acme/{quote(login, safe='')}/authenticate"
        answer = self.ask("POST", path, key.encode(), accept_encoding="base64")
        return answer.body.decode() if answer.status == 200 else ""

    def load(self, text: str, *, method: str = "POST", policy: str = "root", token: str = "") -> Response:
        return self.ask(method, f"/policies/acme/policy/{quote(policy, safe='')}", text.encode(), token=token or self.admin)

    def ids(self, query: str = "", token: str = "") -> list[str]:
        return [one["id"] for one in json.loads(self.ask("GET", f"/resources/acme{query}", token=token or self.admin).body)]


@pytest.fixture
def world() -> World:
    return World()


def code(answer: Response) -> tuple[int, str]:
    return answer.status, json.loads(answer.body)["error"]["code"] if answer.body else ""


def basic(login: str, key: str) -> str:
    return "Basic " + base64.b64encode(f"{login}:{key}".encode()).decode()


# conjur-api 0.2 still uses aiohttp's old way to send Basic authorization
THEIRS = pytest.mark.filterwarnings(r"ignore:(BasicAuth|The 'auth' parameter) is deprecated:DeprecationWarning")


# --- CyberArk's own client, unchanged -------------------------------------------------------------------------------


@pytest.fixture
def running() -> Iterator[tuple[Conjur, Simulator]]:
    conjur = Conjur("acme")
    with Simulator({NAME: conjur}, faults=conjur.faults) as simulator:
        yield conjur, simulator
        assert simulator.errors == ()


def client(simulator: Simulator, login: str, *, key: str = "", password: str = "") -> Client:
    address = simulator.address(NAME)
    provider = SimpleCredentialsProvider()
    provider.save(CredentialsData(machine=address, username=login, api_key=key or None, password=password or None))
    return Client(
        ConjurConnectionInfo(conjur_url=address, account="acme", cert_file=str(simulator.ca_file)),
        authn_strategy=AuthnAuthenticationStrategy(provider),
        ssl_verification_mode=SslVerificationMode.CA_BUNDLE,
    )


@THEIRS
def test_official_client_logs_in_loads_a_policy_and_sets_and_gets(running, tmp_path):
    conjur, simulator = running
    (tmp_path / "root.yml").write_text(POLICY)

    async def act() -> None:
        admin = client(simulator, "admin", password=conjur.admin_api_key)
        assert await admin.login() == conjur.admin_api_key
        loaded = await admin.load_policy_file("root", str(tmp_path / "root.yml"))
        assert loaded["version"] == 1
        key = loaded["created_roles"]["acme:host:billing/web"]["api_key"]
        await admin.set("billing/db/password", "first, äöü €")
        await admin.set("billing/db/password", "second")
        web = client(simulator, "host/billing/web", key=key)
        assert await web.get("billing/db/password") == b"second"
        assert (await web.get("billing/db/password", "1")).decode() == "first, äöü €"
        await admin.set("billing/certificate", "PEM")
        assert await web.get_many("billing/db/password", "billing/certificate") == {
            "billing/db/password": "second", "billing/certificate": "PEM",
        }  # fmt: skip
        assert sorted(await web.list({"kind": "variable"})) == [CERTIFICATE, PASSWORD]
        assert (await web.whoami())["username"] == "host/billing/web"
        assert await web.check_privilege("variable", "billing/certificate", "execute")
        assert not await web.check_privilege("variable", "billing/certificate", "update")
        assert not await web.resource_exists("variable", "billing/none")
        assert await web.server_version() == "1.21.1"
        with pytest.raises(HttpStatusError) as refused:
            await web.set("billing/db/password", "mine")
        assert refused.value.status == 403

    asyncio.run(act())


@THEIRS
def test_official_client_rotates_keys_and_the_old_ones_are_refused(running, tmp_path):
    conjur, simulator = running
    (tmp_path / "root.yml").write_text(POLICY)

    async def act() -> None:
        first = conjur.admin_api_key
        admin = client(simulator, "admin", key=first)
        made = (await admin.load_policy_file("root", str(tmp_path / "root.yml")))["created_roles"]
        old = made["acme:host:billing/web"]["api_key"]
        new = await admin.rotate_other_api_key(Resource("host", "billing/web"))
        with pytest.raises(HttpStatusError) as refused:
            await client(simulator, "host/billing/web", key=old).whoami()
        assert refused.value.status == 401
        assert (await client(simulator, "host/billing/web", key=new).whoami())["account"] == "acme"
        second = await admin.rotate_personal_api_key("admin", first)
        assert second == conjur.admin_api_key != first
        with pytest.raises(HttpStatusError):
            await client(simulator, "admin", key=first).whoami()

    asyncio.run(act())


@pytest.mark.parametrize("kind", ["lost", "drop", "truncated", "error"])
def test_official_client_cannot_tell_whether_a_set_that_failed_was_done(running, tmp_path, kind):
    """The reason why whoever stores a secret has to read it back."""
    conjur, simulator = running
    (tmp_path / "root.yml").write_text(POLICY)

    async def act() -> list[bytes]:
        admin = client(simulator, "admin", key=conjur.admin_api_key)
        await admin.load_policy_file("root", str(tmp_path / "root.yml"))
        await admin.set("billing/db/password", "before")
        conjur.faults.add(Fault(kind=kind, method="GET" if kind == "truncated" else "POST", path="/secrets/*"))
        with pytest.raises((HttpError, HttpStatusError)):
            if kind == "truncated":
                await admin.get("billing/db/password")
            else:
                await admin.set("billing/db/password", "after")
        return [await admin.get("billing/db/password")]

    assert asyncio.run(act()) == [b"after" if kind == "lost" else b"before"]


# --- who asks -------------------------------------------------------------------------------------------------------


def test_token_is_given_raw_and_in_base64_and_each_opens_the_door(world):
    path, key = "/authn/acme/host%2Fbilling%2Fweb/authenticate", world.keys["acme:host:billing/web"].encode()
    raw, encoded = world.ask("POST", path, key), world.ask("POST", path, key, accept_encoding="gzip, base64")
    assert set(json.loads(raw.body)) == set(json.loads(base64.b64decode(encoded.body))) == {"protected", "payload", "signature"}
    assert encoded.headers["Content-Encoding"] == "base64" and "Content-Encoding" not in raw.headers
    for token in (base64.b64encode(raw.body), encoded.body):
        assert json.loads(world.ask("GET", "/whoami", token=token.decode()).body)["username"] == "host/billing/web"


def test_token_lives_for_eight_minutes(world):
    world.clock.advance(479)
    assert world.ask("GET", "/whoami", token=world.admin).status == 200
    world.clock.advance(1)
    refused = world.ask("GET", "/whoami", token=world.admin)
    assert (refused.status, refused.body) == (401, b"Unauthorized: Token expired")


def changed(token: str, **fields: object) -> str:
    return base64.b64encode(json.dumps({**json.loads(base64.b64decode(token)), **fields}).encode()).decode()


FOREVER = base64.urlsafe_b64encode(b'{"sub": "admin", "exp": 99999999999, "iat": 0}').decode()


@pytest.mark.parametrize("header", ["", "Basic YTpi", "Bearer x", 'Token token=""', 'Token token="e30="', 'Token token="bnVsbA=="',
                                    'Token token="W10="', 'Token token="!"', "Token x", f'Token token="{"W1tb" * 2000}"'])  # fmt: skip
def test_what_is_no_token_is_refused(world, header):
    assert world.ask("GET", "/whoami", authorization=header).status == 401


@pytest.mark.parametrize(
    "fields", [{"payload": FOREVER}, {"signature": ""}, {"signature": None}, {"protected": "\ud800"}, {"signature": "\ud800"}]
)
def test_forged_token_is_refused(world, fields):
    assert world.ask("GET", "/whoami", token=changed(world.web, **fields)).status == 401


def test_token_of_another_server_is_refused(world):
    assert world.ask("GET", "/whoami", token=World().admin).status == 401


def test_wrong_key_name_account_and_header_are_refused_without_a_word(world):
    key = world.conjur.admin_api_key
    answers = [
        world.ask("POST", "/authn/acme/admin/authenticate", b"wrong"),
        world.ask("POST", "/authn/acme/admin/authenticate", b""),
        world.ask("POST", "/authn/acme/nobody/authenticate", b""),
        world.ask("POST", "/authn/other/admin/authenticate", key.encode()),
        world.ask("GET", "/authn/acme/login"),
        world.ask("GET", "/authn/acme/login", authorization=basic("admin", "wrong")),
        world.ask("GET", "/authn/acme/login", authorization=basic("admin", key).replace("Basic", "Digest")),
        world.ask("GET", "/authn/acme/login", authorization="Basic ä"),
    ]
    assert {(answer.status, answer.body) for answer in answers} == {(401, b"")}
    assert world.ask("GET", "/authn/acme/login", authorization=basic("admin", key)).body.decode() == key


def test_login_is_one_encoded_segment(world):
    key = world.keys["acme:host:billing/web"].encode()
    assert world.ask("POST", "/authn/acme/host/billing/web/authenticate", key).status == 404


def test_nobody_rotates_their_own_key_with_a_token(world):
    assert world.ask("PUT", "/authn/acme/api_key", token=world.web).status == 401
    assert world.ask("PUT", "/authn/acme/api_key?role=host:billing%2Fweb", token=world.web).status == 401
    assert world.token("host/billing/web", world.keys["acme:host:billing/web"])


def test_somebody_elses_key_is_rotated_by_who_may_update_the_role_and_a_token_outlives_its_key(world):
    role = "/authn/acme/api_key?role=host:billing%2Fweb"
    idle = world.token("host/billing/idle", world.keys["acme:host:billing/idle"])
    assert world.ask("PUT", role, token=idle).status == 404
    new = world.ask("PUT", role, token=world.ada)
    assert (new.status, world.token("host/billing/web", world.keys["acme:host:billing/web"])) == (200, "")
    assert world.token("host/billing/web", new.body.decode())
    assert world.ask("GET", "/whoami", token=world.web).status == 200
    assert world.ask("PUT", "/authn/acme/api_key?role=host:none", token=world.admin).status == 404
    assert world.ask("PUT", "/authn/acme/api_key?role=layer:billing", token=world.admin).status == 401
    assert world.ask("PUT", role, authorization=basic("admin", world.conjur.admin_api_key)).status == 401


def test_a_deleted_role_is_out_at_once(world):
    assert world.load("- !delete\n  record: !host web", policy="billing", method="PATCH").status == 201
    assert world.ask("GET", "/whoami", token=world.web).status == 401
    assert world.token("host/billing/web", world.keys["acme:host:billing/web"]) == ""


# --- variables ------------------------------------------------------------------------------------------------------


def test_variable_is_declared_then_set_then_read(world):
    assert code(world.ask("POST", secret("acme:variable:none"), b"x", token=world.admin)) == (404, "not_found")
    empty = world.ask("GET", secret(PASSWORD), token=world.web)
    assert (code(empty), b"CONJ00076E" in empty.body) == ((404, "not_found"), True)
    assert code(world.ask("POST", secret(PASSWORD), b" \n", token=world.admin)) == (422, "argument_error")
    assert code(world.ask("POST", secret(PASSWORD), b"\xff\x00pfx", token=world.admin)) == (201, "")
    assert world.ask("GET", secret(PASSWORD), token=world.web).body == b"\xff\x00pfx"
    assert world.ask("GET", "/secrets/acme/variable/billing/db/password", token=world.web).body == b"\xff\x00pfx"


def test_twenty_versions_are_kept_and_numbers_go_on(world):
    for number in range(1, 26):
        assert world.ask("POST", secret(PASSWORD), b"v%d" % number, token=world.admin).status == 201
    answers = {
        version: world.ask("GET", secret(PASSWORD, version), token=world.web)
        for version in ("25", "6", "5", "26", "0", "x", "-1")
    }
    assert {version: answer.body for version, answer in answers.items() if answer.status == 200} == {"25": b"v25", "6": b"v6"}
    assert {version: answer.status for version, answer in answers.items() if answer.status != 200} == {
        "5": 404, "26": 404, "0": 404, "x": 422, "-1": 422,
    }  # fmt: skip


def test_who_sees_but_may_not_is_told_403_and_who_does_not_see_404(world):
    assert code(world.ask("POST", secret(PASSWORD), b"x", token=world.web)) == (403, "")
    assert code(world.ask("GET", secret(PASSWORD), token=world.ada)) == (404, "not_found")
    assert world.ask("GET", secret(PASSWORD)).status == 401
    assert code(world.load("- !variable mine", token=world.web)) == (404, "not_found")
    assert world.load("- !permit\n  role: !user /ada@billing\n  privilege: read\n  resource: !policy billing").status == 201
    assert code(world.load("- !variable mine", policy="billing", token=world.ada)) == (403, "")


def test_batch_is_all_or_nothing_and_binary_values_want_base64(world):
    target = f"/secrets?variable_ids={quote(PASSWORD)},{quote(CERTIFICATE)}"
    world.ask("POST", secret(PASSWORD), b"text", token=world.admin)
    assert code(world.ask("GET", target, token=world.web)) == (404, "not_found")
    world.ask("POST", secret(CERTIFICATE), b"\x30\x82\xff", token=world.admin)
    assert code(world.ask("GET", target, token=world.web)) == (406, "not_acceptable")
    encoded = world.ask("GET", target, token=world.web, accept_encoding="base64")
    assert encoded.headers["Content-Encoding"] == "base64"
    assert {id: base64.b64decode(v) for id, v in json.loads(encoded.body).items()} == {
        PASSWORD: b"text",
        CERTIFICATE: b"\x30\x82\xff",
    }
    assert json.loads(world.ask("GET", f"/secrets?variable_ids={PASSWORD}", token=world.web).body) == {PASSWORD: "text"}
    assert code(world.ask("GET", target, token=world.ada)) == (404, "not_found")
    assert code(world.ask("GET", "/secrets", token=world.web)) == (422, "argument_error")
    assert world.ask("GET", target).status == 401


def test_late_replica_gives_the_old_value_and_takes_the_old_key(world):
    faults = Faults()
    world = World(faults)
    world.ask("POST", secret(PASSWORD), b"old", token=world.admin)
    world.clock.advance(60)
    faults.replicate([0, 10], [0, 1])
    key, path = world.keys["acme:host:billing/web"], "/authn/acme/api_key?role=host:billing%2Fweb"
    assert world.ask("POST", secret(PASSWORD), b"new", token=world.admin).status == 201
    assert {world.ask("GET", secret(PASSWORD), token=world.web).body for _ in range(4)} == {b"old", b"new"}
    assert world.ask("PUT", path, token=world.admin).status == 200
    assert {bool(world.token("host/billing/web", key)) for _ in range(4)} == {True, False}
    world.clock.advance(11)
    assert {world.ask("GET", secret(PASSWORD), token=world.web).body for _ in range(4)} == {b"new"}
    assert {world.token("host/billing/web", key) for _ in range(4)} == {""}


# --- policies and resources -----------------------------------------------------------------------------------------


def test_loading_again_makes_no_new_keys_and_counts_up(world):
    assert json.loads(world.load(POLICY).body) == {"created_roles": {}, "version": 2}
    assert world.token("host/billing/web", world.keys["acme:host:billing/web"])


def test_post_adds_patch_removes_and_put_replaces_but_keeps_values(world):
    world.ask("POST", secret(PASSWORD), b"kept", token=world.admin)
    remove = "- !delete\n  record: !variable certificate"
    assert code(world.load(remove, policy="billing")) == (422, "policy_invalid")
    assert world.load(remove, policy="billing", method="PATCH").status == 201
    assert CERTIFICATE not in world.ids()
    assert world.load("- !variable extra", policy="billing").status == 201
    assert world.load("- !variable only", policy="billing", method="PUT").status == 201
    assert world.ids("?kind=variable") == [PASSWORD, "acme:variable:billing/only"]  # the first was declared by the root policy
    assert world.load("- !policy\n  id: billing\n  body:\n  - !variable db/password", method="PUT").status == 201
    assert world.ids("?kind=host") == []
    assert world.ask("GET", secret(PASSWORD), token=world.admin).body == b"kept"
    assert world.load("- !user eve", method="PUT").status == 201
    assert world.ids("?kind=variable") == []


@pytest.mark.parametrize("text", [
    "- !revoke\n  role: !layer\n  member: !host web",
    "- !deny\n  role: !layer\n  privileges: [execute, read]\n  resource: !variable db/password",
])  # fmt: skip
def test_what_was_given_can_be_taken(world, text):
    world.ask("POST", secret(PASSWORD), b"x", token=world.admin)
    assert world.ask("GET", secret(PASSWORD), token=world.web).status == 200
    assert world.load(text, policy="billing", method="PATCH").status == 201
    assert world.ask("GET", secret(PASSWORD), token=world.web).status == 404


def test_adding_takes_one_privilege_and_changing_another(world):
    grant = "- !permit\n  role: !user /ada@billing\n  privilege: {}\n  resource: !policy billing"

    def allowed() -> list[int]:
        return [
            world.load("- !host h", method=method, policy="billing", token=world.ada).status
            for method in ("POST", "PATCH", "PUT")
        ]

    assert world.load(grant.format("create")).status == 201
    assert allowed() == [201, 403, 403]
    assert (
        world.load(grant.format("create").replace("permit", "deny") + "\n" + grant.format("update"), method="PATCH").status == 201
    )
    assert allowed() == [403, 201, 201]


def test_owner_may_everything(world):
    text = "- !host boss\n- !variable\n  id: its\n  owner: !host boss\n  kind: password"
    boss = world.token("host/boss", json.loads(world.load(text).body)["created_roles"]["acme:host:boss"]["api_key"])
    assert world.ask("POST", secret("acme:variable:its"), b"x", token=boss).status == 201
    (shown,) = json.loads(world.ask("GET", "/resources/acme?kind=variable", token=boss).body)
    assert (shown["owner"], shown["annotations"][0]["name"], shown["secrets"]) == (
        "acme:host:boss",
        "conjur/kind",
        [{"version": 1}],
    )


def test_resources_are_listed_by_kind_words_and_pages(world):
    assert world.ids("?kind=variable", world.web) == [CERTIFICATE, PASSWORD] == world.ids(token=world.web)
    assert world.ids("?search=principal") == [CERTIFICATE] and world.ids("?search=pass%20db") == [PASSWORD]
    assert world.ids("?kind=variable&limit=1&offset=1") == [PASSWORD]
    assert json.loads(world.ask("GET", "/resources/acme?kind=variable&count=true", token=world.web).body) == {"count": 2}
    assert world.ids("?acting_as=acme:layer:billing") == [CERTIFICATE, PASSWORD]
    assert code(world.ask("GET", "/resources/acme?acting_as=acme:user:admin", token=world.web)) == (403, "")
    assert code(world.ask("GET", "/resources/acme?limit=0", token=world.web)) == (422, "argument_error")
    assert world.ids("", world.admin) and world.ask("GET", "/resources/other", token=world.admin).body == b"[]"
    assert world.ask("GET", "/resources/acme").status == 401


@pytest.mark.parametrize(("text", "line"), [
    ("- variable x", 1), ("\n- !nonsense x", 2), ("- !variable", 1), ("- !user a\n\t- !variable x", 2), ("- !variable 'x", 1), ("a: b", 1),
    ("- !variable x\n   - !host y", 2), ("- !host\n  id: a\n  restricted_to: 10.0.0.0/8", 3), ("- !host a\n- !host a", 2), ("- !host\n  id: [a]", 1),
    ("- !permit\n  role: !user admin\n  resource: !policy root", 1), ("- !grant\n  role: !policy x\n  member: !variable y\n- !policy x", 3),
    ("- !grant\n  role: !group g\n  member: !group g\n- !group g", 1), ("- !variable\n  id: a\n  id: b", 3), ("- !layer", 1),
    ("- !variable a: b", 1), ("- !variable *x", 1), ("- !host\n  id: a\n  owner: admin", 3), ("- !host\n  id: a\n  annotations: x", 3),
    ("- !host a\n---\n- !host b", 2),
])  # fmt: skip
def test_wrong_policy_is_refused_with_its_line_and_changes_nothing(world, text, line):
    before = world.ids()
    answer = world.load(text)
    assert code(answer) == (422, "policy_invalid")
    assert json.loads(answer.body)["error"]["innererror"]["line"] == line
    assert world.ids() == before


def test_policy_that_names_what_is_not_there_changes_nothing(world):
    before = world.ids()
    assert code(world.load("- !host new\n- !grant\n  role: !layer none\n  member: !host new")) == (404, "not_found")
    assert code(world.load("- !host new", policy="none")) == (404, "not_found")
    assert code(world.ask("POST", "/policies/acme/policy/root?dryRun=true", b"- !host new", token=world.admin)) == (
        422,
        "argument_error",
    )
    assert code(world.ask("POST", "/policies/acme/policy/root", b"\xff", token=world.admin)) == (422, "policy_invalid")
    assert code(world.load("- !delete\n  record: !user admin", method="PATCH")) == (422, "policy_invalid")
    assert world.ids() == before and world.ask("POST", "/policies/acme/policy/root", b"- !host new").status == 401


def test_what_is_deleted_and_declared_in_one_policy_is_made_anew(world):
    text = "- !delete\n  record: !host web\n- !host web"
    made = json.loads(world.load(text, policy="billing", method="PATCH").body)["created_roles"]
    assert made["acme:host:billing/web"]["api_key"] != world.keys["acme:host:billing/web"]


def test_paths_that_lead_nowhere_are_refused(world):
    answers = [world.ask(*each, token=world.admin).status for each in (("GET", "/x"), ("DELETE", "/whoami"), ("GET", "/secrets/%ff/a/b"), ("GET", "/secrets/a/b/%00"))]  # fmt: skip
    assert answers == [404, 404, 400, 400]
    assert b"Version 1.21.1" in world.ask("GET", "/").body


def test_keys_are_not_in_a_representation(world):
    assert world.conjur.admin_api_key not in repr(world.conjur._state.latest())


def test_failures_have_the_words_of_the_service(world):
    request = Request(method="GET", target="/whoami", now=world.clock())
    assert [code(world.conjur.failure(request, status)) for status in (429, 500, 503)] == [
        (429, "too_many_requests"), (500, "internal_error"), (503, "service_unavailable"),
    ]  # fmt: skip


# --- the reader of policies -----------------------------------------------------------------------------------------


class Texts(yaml.BaseLoader):
    """PyYAML with texts only; tags are kept beside their values."""


def _tagged(loader: Texts, tag: str, node: yaml.Node) -> tuple[str, object]:
    return tag, _plain(loader, node)


def _plain(loader: Texts, node: yaml.Node) -> object:
    if isinstance(node, yaml.ScalarNode):
        return node.value
    return (
        loader.construct_sequence(node, deep=True)
        if isinstance(node, yaml.SequenceNode)
        else loader.construct_mapping(node, deep=True)
    )


Texts.add_multi_constructor("!", _tagged)


def simple(node: Node) -> object:
    value: object = node.value
    if value is None:
        value = ""
    elif isinstance(value, tuple):
        value = [simple(each) for each in value]
    elif not isinstance(value, str):
        value = {name: simple(each) for name, each in node.fields.items()}
    return (node.tag, value) if node.tag else value


def agree(text: str) -> None:
    """What our reader accepts means the same to PyYAML."""
    try:
        ours = read_yaml(text)
    except PolicyError as exc:
        assert 1 <= exc.line <= text.count("\n") + 1
        return
    theirs = yaml.load(text, Loader=Texts)  # makes texts, lists and mappings only
    assert simple(ours) == ("" if theirs is None else theirs)


PIECES = ["- ", "-", "  ", "\n", "\n  ", "\n    ", "!host", "!variable ", " ", "id: ", "body:", "a", "b/c", "'", '"', "[", "]", ", ", ",", "#", " # c",
          "&x ", "*x", ":", "\\n", "---", "...", "?", "~", "{", "}", "|", ">", "%", "@", "é", "\u2028", "\t", "\r\n", "!", "1"]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=24).map("".join))
def test_what_is_read_means_the_same_to_a_full_reader_of_yaml(text):
    agree(text)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_its_line(text):
    agree(text)


scalars = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], include_characters=" "), min_size=1, max_size=12)
names = st.from_regex(r"[a-z][a-z0-9_-]{0,6}", fullmatch=True)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(names, inner, min_size=1, max_size=3),
    max_leaves=12,
)


def written(value: object, indent: str = "") -> str:
    if isinstance(value, list):
        return "".join(f"{indent}-{_behind(each, indent)}" for each in value)
    assert isinstance(value, dict)
    return "".join(f"{indent}{name}:{_behind(each, indent)}" for name, each in value.items())


def _behind(value: object, indent: str) -> str:
    if isinstance(value, str):
        return " '" + value.replace("'", "''") + "'\n"
    return "\n" + written(value, indent + "  ")


@given(trees.filter(lambda tree: not isinstance(tree, str)))
def test_what_is_written_is_read_back(tree):
    text = written(tree)
    assert simple(read_yaml(text)) == tree
    agree(text)


def test_example_policy_means_the_same_to_a_full_reader_of_yaml():
    assert simple(read_yaml(POLICY)) == yaml.load(POLICY, Loader=Texts)  # as above


def test_few_lines_of_aliases_cannot_stand_for_billions():
    lines = ["- &a0 [x, x, x, x, x, x, x, x, x, x]"] + [f"- &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    with pytest.raises(PolicyError, match=str(MOST_NODES)):
        read_yaml("\n".join(lines))


@pytest.mark.parametrize("text", ["- " * 5_000 + "x", "".join(" " * n + "a:\n" for n in range(1_000)), "[" * 100_000, "&a " * 50_000, "x" * (1 << 20) + "y", "-\n" * 60_000,
                                  "- !variable " + "a " * 200_000 + ": ", "'" * 99_999, '"' + "\\" * 99_999])  # fmt: skip
def test_hostile_policies_are_refused_soon(text):
    with pytest.raises(PolicyError):
        read_yaml(text)
