"""Entra's adapter against the simulated Entra: every row of the facts sheet's table, and what must never happen."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs

import pytest
from tests.support.doors import MOMENT, FunctionDoor, always
from tests.support.simulated import Pair, certificate_credential, issuers, secret_credential

from stanch.core.validity import Validity
from stanch.issuers import entra
from stanch.net.model import HttpAnswer, NoAnswerError
from stanch.simulators.clock import ManualClock
from stanch.simulators.directory import Directory
from stanch.simulators.entra import CLOUDS, Entra
from stanch.simulators.faults import Fault, failure
from stanch.simulators.tokens import Tokens
from stanch.simulators.wire import Request, Response

SECRET = "".join(["Xw9", "8Q~", "sim" * 10, "ulated"])
GLOBAL, USGOV, CHINA = (CLOUDS[name].login for name in ("global", "usgov", "china"))
LIVE, DEAD, EXPIRED, DORMANT, OPEN = (
    Validity.LIVE, Validity.DEAD, Validity.EXPIRED, Validity.DORMANT, Validity.INCONCLUSIVE
)  # fmt: skip


class World:
    """A tenant with one application, the login services of all clouds, and a door to them."""

    def __init__(self, cloud: str = "global") -> None:
        self.clock = ManualClock(MOMENT)
        self.directory = Directory(clock=self.clock)
        self.tenant = self.directory.add_tenant("contoso.onmicrosoft.com", cloud=cloud)
        self.pair = Pair(start=MOMENT - timedelta(days=100), end=MOMENT + timedelta(days=100))
        self.app = self.directory.add_application(
            self.tenant.id,
            "billing",
            keys=[self.directory.key(self.pair.der)],
            passwords=[self.directory.password(SECRET)],
            roles=["Application.ReadWrite.OwnedBy", "Directory.Read.All"],
        )
        tokens = Tokens()
        self.clouds = {CLOUDS[name].login: Entra(self.directory, cloud=name, tokens=tokens) for name in CLOUDS}
        self.entra = self.clouds[GLOBAL]
        self.door = FunctionDoor(issuers(self.clouds, self.clock))

    @property
    def ids(self) -> dict[str, str]:
        return {"tenant_id": self.tenant.id, "client_id": self.app.app_id}

    def key(self, **changes: object) -> None:
        """Change the registered key."""
        (key,) = self.app.key_credentials
        self.directory.update_application(self.app.object_id, key_credentials=(dataclasses.replace(key, **changes),))

    def principal(self, **changes: object) -> None:
        found = self.directory.latest().service_principal_of(self.app.app_id, self.tenant.id)
        assert found is not None
        self.directory.update_service_principal(found.object_id, **changes)

    def fault(self, fault: Fault) -> None:
        """Let the global login service fail like this."""

        def fail(request: Request) -> Response:
            return failure(self.entra, request, fault)

        self.door = FunctionDoor(issuers({GLOBAL: fail}, self.clock))

    def certificate(self, **companions: str):
        return entra.check_certificate(certificate_credential(self.pair, **{**self.ids, **companions}), self.door, [])

    def secret(self, value: str = SECRET, **companions: str):
        return entra.check_secret(secret_credential(value, **{**self.ids, **companions}), self.door, [])


@pytest.fixture
def world() -> World:
    return World()


def expired(world: World, code: int = 700027) -> None:
    world.entra.behaviour.expired = code
    world.key(end=MOMENT - timedelta(days=1))


def revoked(world: World, code: int) -> None:
    world.entra.behaviour.revoked = code
    world.key(revoked=True)


def blocked(world: World, code: int) -> None:
    world.entra.behaviour.blocked = code
    world.principal(blocked=True)


def forced(world: World, code: int) -> None:
    world.entra.behaviour.force = code


def outside(world: World) -> None:
    """Register a certificate whose own time is over, as if its entry had none."""
    world.pair = Pair(start=MOMENT - timedelta(days=900), end=MOMENT - timedelta(days=30))
    added = world.directory.key(world.pair.der, end=MOMENT + timedelta(days=100))
    world.directory.update_application(world.app.object_id, key_credentials=(added,))


def moved(world: World, code: int) -> None:
    """Put the tenant into a cloud that cannot be reached."""
    world.entra.behaviour.cross_cloud = code
    world.directory.put(dataclasses.replace(world.tenant, cloud="usgov"))
    world.door = FunctionDoor(issuers({GLOBAL: world.entra}, world.clock))


Change = Callable[[World], None]
CERTIFICATE_ROWS: list[tuple[str, Change, Validity, str, str]] = [
    ("200", lambda w: None, LIVE, "accepted", ""),
    ("700027 not found", lambda w: w.directory.update_application(w.app.object_id, key_credentials=()), DEAD, "certificate_not_registered", "700027"),
    ("700027 expired", expired, EXPIRED, "certificate_expired", "700027"),
    ("50012 expired", lambda w: expired(w, 50012), EXPIRED, "certificate_expired", "50012"),
    ("1000502 expired", lambda w: expired(w, 1000502), EXPIRED, "certificate_outside_its_time", "1000502"),
    ("1000502 outside its own time", outside, EXPIRED, "certificate_outside_its_time", "1000502"),
    ("7000274", lambda w: revoked(w, 7000274), DEAD, "certificate_not_valid", "7000274"),
    ("7000214", lambda w: revoked(w, 7000214), DEAD, "certificate_revoked", "7000214"),
    ("7000277", lambda w: revoked(w, 7000277), DEAD, "certificate_revoked", "7000277"),
    ("700024", lambda w: w.clock.advance(900), OPEN, "clock_wrong", "700024"),
    ("7000112 principal", lambda w: w.principal(account_enabled=False), DORMANT, "application_disabled", "7000112"),
    ("7000112 application", lambda w: w.directory.update_application(w.app.object_id, disabled=True), DORMANT, "application_disabled", "7000112"),
    ("700016", lambda w: w.directory.remove(w.app.object_id), OPEN, "application_not_found", "700016"),
    ("90002", lambda w: moved_away(w), OPEN, "tenant_not_found", "90002"),
    ("90038", lambda w: moved(w, 90038), OPEN, "another_cloud", "90038"),
    ("900382", lambda w: moved(w, 900382), OPEN, "another_cloud", "900382"),
    ("900432", lambda w: moved(w, 900432), OPEN, "another_cloud", "900432"),
    ("500011", lambda w: w.entra.resources.clear(), OPEN, "resource_not_found", "500011"),
    ("70011", lambda w: forced(w, 70011), OPEN, "scope_refused", "70011"),
    ("7000218", lambda w: forced(w, 7000218), OPEN, "our_request", "7000218"),
    ("900144", lambda w: forced(w, 900144), OPEN, "our_request", "900144"),
    ("53003", lambda w: blocked(w, 53003), LIVE, "blocked_by_policy", "53003"),
    ("530032", lambda w: blocked(w, 530032), LIVE, "blocked_by_policy", "530032"),
    ("90055", lambda w: w.fault(Fault(kind="throttle")), OPEN, "rate_limited", "90055"),
    ("503", lambda w: w.fault(Fault(kind="error")), OPEN, "issuer_error", "90033"),
    ("500", lambda w: w.fault(Fault(kind="error", status=500)), OPEN, "issuer_error", "90033"),
]  # fmt: skip
SECRET_ROWS: list[tuple[str, Change, Validity, str, str]] = [
    ("200", lambda w: None, LIVE, "accepted", ""),
    ("7000215", lambda w: w.directory.update_application(w.app.object_id, password_credentials=()), DEAD, "secret_unknown", "7000215"),
    ("7000222", lambda w: w.clock.advance(300 * 86_400), EXPIRED, "secret_expired", "7000222"),
    ("7000112", lambda w: w.principal(account_enabled=False), DORMANT, "application_disabled", "7000112"),
    ("700016", lambda w: w.directory.remove(w.app.object_id), OPEN, "application_not_found", "700016"),
    ("53003", lambda w: blocked(w, 53003), LIVE, "blocked_by_policy", "53003"),
    ("90055", lambda w: w.fault(Fault(kind="throttle")), OPEN, "rate_limited", "90055"),
]  # fmt: skip


def moved_away(world: World) -> None:
    """Leave nothing of the tenant."""
    world.clouds = {host: Entra(Directory(clock=world.clock), cloud=one.cloud) for host, one in world.clouds.items()}
    world.door = FunctionDoor(issuers(world.clouds, world.clock))


@pytest.mark.parametrize(
    ("change", "validity", "reason", "code"), [row[1:] for row in CERTIFICATE_ROWS], ids=[r[0] for r in CERTIFICATE_ROWS]
)
def test_answer_about_a_certificate_means_what_the_table_says(world, change, validity, reason, code):
    change(world)
    check = world.certificate()
    assert (check.validity, check.reason, check.evidence.get("code", "")) == (validity, reason, code and f"AADSTS{code}")


@pytest.mark.parametrize(
    ("change", "validity", "reason", "code"), [row[1:] for row in SECRET_ROWS], ids=[r[0] for r in SECRET_ROWS]
)
def test_answer_about_a_secret_means_what_the_table_says(world, change, validity, reason, code):
    change(world)
    check = world.secret()
    assert (check.validity, check.reason, check.evidence.get("code", "")) == (validity, reason, code and f"AADSTS{code}")


# --- how it is asked ------------------------------------------------------------------------------------------------


def sent_forms(world: World) -> list[dict[str, str]]:
    return [{k: v[0] for k, v in parse_qs(r.body.decode()).items()} for r in world.door.sent if r.method == "POST"]


def header_of(form: dict[str, str]) -> dict[str, str]:
    head = form["client_assertion"].split(".")[0]
    return json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))


def test_live_certificate_costs_one_request_signed_as_documented_now(world):
    world.certificate()
    (form,) = sent_forms(world)
    assert header_of(form).keys() == {"alg", "typ", "x5t#S256"}
    assert header_of(form)["alg"] == "PS256"
    assert "=" not in form["client_assertion"]
    assert form["scope"] == "https://graph.microsoft.com/.default"


def test_unknown_certificate_is_believed_only_after_the_older_signature_too(world):
    world.directory.update_application(world.app.object_id, key_credentials=())
    assert world.certificate().evidence["signed_with"] == "RS256"
    assert [header_of(form)["alg"] for form in sent_forms(world)] == ["PS256", "RS256"]
    assert "x5t" in header_of(sent_forms(world)[1])


def test_certificate_that_only_the_older_signature_opens_is_live(world):
    """Some services do not know SHA-256 thumbprints."""

    def old(request: Request) -> Response:
        newer = header_of(request.form)["alg"] == "PS256"
        if newer:  # as if nobody had registered it
            directory = Directory(clock=world.clock)
            directory.put(world.tenant)
            directory.add_application(world.tenant.id, "billing", app_id=world.app.app_id)
            return Entra(directory)(request)
        return world.entra(request)

    world.door = FunctionDoor(issuers({GLOBAL: old}, world.clock))
    check = world.certificate()
    assert (check.validity, check.evidence["signed_with"]) == (LIVE, "RS256")


def test_silence_after_the_first_refusal_is_not_death(world):
    world.directory.update_application(world.app.object_id, key_credentials=())
    plain, count = issuers(world.clouds, world.clock), []

    def flaky(request):
        count.append(1)
        if len(count) == 2:
            raise NoAnswerError("timeout", "It took too long.")
        return plain(request)

    world.door = FunctionDoor(flaky)
    with pytest.raises(NoAnswerError, match="too long"):
        world.certificate()


def test_every_request_is_a_probe(world):
    world.directory.update_application(world.app.object_id, key_credentials=())
    assert [(p.method, p.status) for p in world.certificate().probes] == [("POST", 401), ("POST", 401)]


def test_evidence_of_a_live_certificate_says_whose_it_is_and_what_it_may_do(world):
    evidence = dict(world.certificate().evidence)
    assert evidence.pop("service_principal_id")
    assert evidence == {
        "tenant": world.tenant.id,
        "tenant_id": world.tenant.id,
        "client_id": world.app.app_id,
        "cloud": "global",
        "application": "billing",
        "roles": "Application.ReadWrite.OwnedBy, Directory.Read.All",
        "signed_with": "PS256",
    }


def test_evidence_of_an_expired_key_says_since_when(world):
    expired(world)
    evidence = world.certificate().evidence
    assert evidence["registered_until"] == (MOMENT - timedelta(days=1)).strftime("%m/%d/%Y %H:%M:%S")
    assert evidence["correlation_id"] == world.directory.sign_ins[-1].correlation_id


@pytest.mark.parametrize("ask", ["certificate", "secret"])
def test_nothing_of_the_token_or_the_credential_is_kept(world, ask):
    answers: list[str] = []
    plain = issuers(world.clouds, world.clock)

    def listen(request):
        answer = plain(request)
        answers.append(answer.body.decode())
        return answer

    world.door = FunctionDoor(listen)
    shown = repr(world.secret() if ask == "secret" else world.certificate())
    token = json.loads(answers[0])["access_token"]
    assert not any(part in shown for part in (*token.split("."), SECRET))


def test_domain_is_as_good_as_the_tenant_id(world):
    assert world.certificate(tenant_id="Contoso.OnMicrosoft.com").validity is LIVE


def test_missing_application_is_dead_when_the_user_vouches_for_the_tenant(world):
    world.directory.remove(world.app.object_id)
    assert world.certificate(tenant_certain="yes").validity is DEAD


# --- national clouds ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cloud", ["usgov", "china"])
@pytest.mark.parametrize("ask", ["certificate", "secret"])
def test_tenant_of_another_cloud_is_found_there(cloud, ask):
    world = World(cloud)
    check = world.certificate() if ask == "certificate" else world.secret()
    assert (check.validity, check.evidence["cloud"]) == (LIVE, cloud)
    assert sent_forms(world)[-1]["scope"] == f"https://{CLOUDS[cloud].graph}/.default"


def test_secret_goes_only_to_the_cloud_that_has_the_tenant():
    world = World("usgov")
    world.secret()
    hosts = [request.url.split("/")[2] for request in world.door.sent if b"client_secret" in request.body]
    assert hosts == [GLOBAL, USGOV]


def test_scanned_login_host_alone_does_not_send_a_secret_to_another_cloud(world):
    assert world.secret(authority_host=f"https://{CHINA}/").validity is LIVE
    hosts = {request.url.split("/")[2] for request in world.door.sent if b"client_secret" in request.body}
    assert hosts == {GLOBAL}


def test_login_host_near_by_is_asked_first():
    world = World("usgov")
    assert world.certificate(authority_host=f"https://{USGOV}").validity is LIVE
    assert [request.url.split("/")[2] for request in world.door.sent] == [USGOV]


def test_foreign_login_host_is_never_asked(world):
    assert world.secret(authority_host="https://login.evil.example/").validity is LIVE
    assert {request.url.split("/")[2] for request in world.door.sent} == {GLOBAL}


# --- what is not asked ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "companions",
    [{"tenant_id": ""}, {"client_id": ""}, {"tenant_id": "common"}, {"tenant_id": "a/../b"}, {"tenant_id": "x" * 300}, {"client_id": "billing"}, {"tenant_id": "evil.example/x?"}],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("ask", ["certificate", "secret"])
def test_nobody_is_asked_without_a_usable_tenant_and_client(world, ask, companions):
    check = world.certificate(**companions) if ask == "certificate" else world.secret(**companions)
    assert (check.validity, check.reason, world.door.sent) == (Validity.UNCHECKED, "companion_missing", [])


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"private": None}, "private_key_missing"), ({"certificates": ()}, "certificate_missing")],
)
def test_nobody_is_asked_about_half_a_key(world, change, reason):
    whole = certificate_credential(world.pair, **world.ids)
    credential = dataclasses.replace(whole, key=dataclasses.replace(whole.key, **change))
    check = entra.check_certificate(credential, world.door, [])
    assert (check.validity, check.reason, world.door.sent) == (Validity.UNCHECKED, reason, [])


def test_elliptic_key_is_not_asked_about(world):
    world.pair = Pair("ec")
    check = world.certificate()
    assert (check.validity, check.reason, world.door.sent) == (Validity.UNCHECKED, "key_unusable", [])


# --- answers of nobody -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (302, b"", "redirected"),
        (200, b"<html>portal</html>", "unexpected_answer"),
        (200, b'{"access_token": "", "token_type": "Bearer"}', "unexpected_answer"),
        (200, b'{"access_token": 5, "token_type": "Bearer"}', "unexpected_answer"),
        (200, b'{"access_token": "x", "token_type": "mac"}', "unexpected_answer"),
        (200, b'{"error": "invalid_client", "error_codes": [700027], "error_description": "the key was not found"}', "unexpected_answer"),
        (401, b"", "unexpected_answer"),
        (401, b"[" * 100_000, "unexpected_answer"),
        (401, b'{"error": {"code": "x"}}', "unexpected_answer"),
        (401, b'{"error": "invalid_client"}', "unknown_refusal"),
        (401, b'{"error": "invalid_client", "error_codes": [1234567]}', "unknown_refusal"),
        (401, b'{"error": "invalid_client", "error_codes": [7000215]}', "unknown_refusal"),
        (401, b'{"error": "invalid_client", "error_codes": [700027]}', "assertion_refused"),
        (401, b'{"error": "invalid_client", "error_codes": [true, "700027", null]}', "unknown_refusal"),
        (400, b'{"error": "temporarily_unavailable", "error_codes": [999]}', "issuer_error"),
        (429, b"slow down", "rate_limited"),
        (502, b"<html>", "issuer_error"),
    ],
)  # fmt: skip
def test_answer_that_decides_nothing_is_inconclusive(world, status, body, reason):
    world.door = FunctionDoor(always(status, body))
    check = world.certificate()
    assert (check.validity, check.reason) == (OPEN, reason)


def test_code_is_read_from_the_words_only_when_no_number_is_given(world):
    body = {"error": "invalid_client", "error_description": "AADSTS7000222: The provided client secret keys are expired."}
    world.door = FunctionDoor(always(401, json.dumps(body).encode()))
    assert world.secret().validity is EXPIRED
    world.door = FunctionDoor(always(401, json.dumps({**body, "error_codes": [7000215]}).encode()))
    assert world.secret().validity is DEAD


def test_hostile_answer_that_repeats_the_secret_is_not_kept(world):
    claims = (
        base64.urlsafe_b64encode(json.dumps({"appid": SECRET, "tid": "t", "roles": [SECRET, 5]}).encode()).decode().rstrip("=")
    )
    body = {"access_token": f"a.{claims}.c", "token_type": "Bearer"}
    world.door = FunctionDoor(lambda _: HttpAnswer(status=200, headers={}, body=json.dumps(body).encode()))
    check = world.secret()
    assert check.validity is LIVE
    assert SECRET not in repr(check)
