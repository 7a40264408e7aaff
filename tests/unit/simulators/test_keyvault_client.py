"""The simulated Key Vault, as Microsoft's own clients see it through TLS, and with everything that goes wrong."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.identity import CertificateCredential
from azure.keyvault.certificates import CertificateClient, CertificateContentType, CertificatePolicy
from azure.keyvault.secrets import SecretClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat, pkcs12
from tests.support.doors import MOMENT
from tests.support.simulated import Pair

from stanch.simulators.azure import AzureSimulation
from stanch.simulators.clock import ManualClock
from stanch.simulators.faults import Fault, Faults
from stanch.simulators.keyvault import NAME, KeyVault
from stanch.simulators.tokens import Tokens
from stanch.simulators.wire import Request, Response

LOGIN = "login.microsoftonline.com"


class Running:
    """A simulation behind TLS, and official clients of its vault."""

    def __init__(self, stack: ExitStack, folder) -> None:
        self.azure = AzureSimulation()
        self.faults = self.azure.faults
        pair = Pair()
        tenant = self.azure.directory.add_tenant("vault.example")
        app = self.azure.directory.add_application(tenant.id, "rotator", keys=[self.azure.directory.key(pair.der)])
        self.azure.key_vault.tenant = tenant.id
        assert self.azure.applications[NAME] is self.azure.key_vault
        self.simulator = stack.enter_context(self.azure.simulator())
        ca = str(self.simulator.ca_file)
        self.credential = stack.enter_context(
            CertificateCredential(
                tenant.id,
                app.app_id,
                str(pair.pem(folder)),
                authority=self.simulator.address(LOGIN),
                disable_instance_discovery=True,
                connection_verify=ca,
            )
        )
        options = {"verify_challenge_resource": False, "connection_verify": ca, "retry_backoff_factor": 0.01}
        address = self.simulator.address(NAME)
        self.secrets = stack.enter_context(SecretClient(address, self.credential, **options))
        self.certificates = stack.enter_context(CertificateClient(address, self.credential, **options))

    def create(self, name: str, **policy) -> object:
        whole = {"issuer_name": "Self", "subject": f"CN={name}", "key_type": "RSA"} | policy
        return self.certificates.begin_create_certificate(name, CertificatePolicy(**whole), _polling_interval=0).result()

    def pfx(self, name: str, version: str = "") -> tuple:
        secret = self.secrets.get_secret(name, version)
        assert secret.properties.content_type == "application/x-pkcs12"
        return pkcs12.load_key_and_certificates(base64.b64decode(secret.value), None)


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Iterator[Running]:
    with ExitStack() as stack:
        running = Running(stack, tmp_path_factory.mktemp("keys"))
        yield running
        assert running.simulator.errors == ()


@pytest.fixture
def running(shared) -> Iterator[Running]:
    yield shared
    shared.faults.clear()


def name_of(what: str) -> str:
    return f"{what}-{uuid.uuid4().hex[:8]}"


def inner(error: pytest.ExceptionInfo) -> str:
    return json.loads(error.value.response.text())["error"].get("innererror", {}).get("code", "")


# --- who may ask ----------------------------------------------------------------------------------------------------


def test_first_request_is_challenged_and_carries_nothing(running):
    with SecretClient(
        running.simulator.address(NAME).replace("127.0.0.1", "localhost"),
        running.credential,
        verify_challenge_resource=False,
        connection_verify=str(running.simulator.ca_file),
    ) as client:
        name = name_of("first")
        client.set_secret(name, "x")
    assert [served.status for served in running.simulator.served if served.path == f"/secrets/{name}"] == [401, 200]


class Bare:
    """A vault without TLS."""

    def __init__(self) -> None:
        self.clock = ManualClock(MOMENT)
        self.tokens = Tokens()
        self.faults = Faults()
        self.vault = KeyVault(self.tokens, tenant="t1", faults=self.faults, clock=self.clock)

    def token(self, **claims: str) -> str:
        return self.tokens.issue({"aud": "https://vault.azure.net", "tid": "t1"} | claims, self.clock())

    def ask(self, method: str, target: str, body: object = None, *, token: str | None = None) -> tuple[int, dict, Response]:
        token = self.token() if token is None else token
        answer = self.vault(
            Request(
                method=method,
                target=target if "?" in target else f"{target}?api-version=7.4",
                now=self.clock(),
                headers={"authorization": f"Bearer {token}"} if token else {},
                body=body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode(),
                host="unit.vault.azure.net",
            )
        )
        return answer.status, json.loads(answer.body or b"{}"), answer


@pytest.fixture
def bare() -> Bare:
    return Bare()


def test_challenge_names_login_tenant_and_resource(bare):
    status, body, answer = bare.ask("GET", "/secrets", token="")
    assert (status, body["error"]["code"]) == (401, "Unauthorized")
    said = 'Bearer authorization="https://login.microsoftonline.com/t1", resource="https://vault.azure.net"'
    assert answer.headers["WWW-Authenticate"] == said


@pytest.mark.parametrize("claims", [{"aud": "https://graph.microsoft.com"}, {"tid": "t2"}, {"tid": None}], ids=str)
def test_token_for_another_service_or_tenant_is_refused(bare, claims):
    status, _, answer = bare.ask("GET", "/secrets", token=bare.token(**claims))
    assert status == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_expired_and_forged_tokens_are_refused(bare):
    token = bare.token()
    assert bare.ask("GET", "/secrets", token=token)[0] == 200
    assert bare.ask("GET", "/secrets", token=Bare().token())[0] == 401
    bare.clock.advance(3_600)
    assert bare.ask("GET", "/secrets", token=token)[0] == 401


@pytest.mark.parametrize("query", ["?", "?api-version=", "?api-version=8", "?api-version=7.4'"])
def test_api_version_is_required(bare, query):
    status, body, _ = bare.ask("GET", f"/secrets{query}")
    assert (status, body["error"]["code"]) == (400, "BadParameter")


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/nothing", 404),
        ("GET", "/keys", 405),
        ("POST", "/secrets", 405),
        ("PUT", "/certificates/a", 405),
        ("GET", "/secrets/a/b/c", 405),
        ("GET", "/secrets/a/b/c/d", 404),
        ("GET", "/secrets/a_b", 400),
        ("GET", f"/secrets/{'a' * 128}", 400),
        ("GET", "/secrets/%2e%2e", 400),
        ("PUT", "/deletedsecrets/a", 405),
        ("POST", "/keys/a/sign", 404),
        ("GET", "/certificates/a/pending", 404),
        ("GET", "/certificates/a/policy", 404),
    ],
)
def test_what_is_not_there_is_refused(bare, method, target, status):
    assert bare.ask(method, target)[0] == status


# --- secrets --------------------------------------------------------------------------------------------------------


def test_secret_keeps_its_versions(running):
    name = name_of("db")
    first = running.secrets.set_secret(name, "one", tags={"owner": "billing"}, content_type="text/plain")
    second = running.secrets.set_secret(name, "two")
    assert running.secrets.get_secret(name).value == "two"
    old = running.secrets.get_secret(name, first.properties.version)
    assert (old.value, old.properties.tags, old.properties.content_type) == ("one", {"owner": "billing"}, "text/plain")
    versions = {p.version for p in running.secrets.list_properties_of_secret_versions(name)}
    assert versions == {first.properties.version, second.properties.version}
    assert name in {p.name for p in running.secrets.list_properties_of_secrets()}


def test_disabled_version_is_forbidden_until_it_is_enabled(running):
    name = name_of("off")
    first = running.secrets.set_secret(name, "one").properties.version
    second = running.secrets.set_secret(name, "two").properties.version
    assert running.secrets.update_secret_properties(name, first, enabled=False).enabled is False
    listed = {p.version: p.enabled for p in running.secrets.list_properties_of_secret_versions(name)}
    assert listed == {first: False, second: True}
    with pytest.raises(HttpResponseError) as refused:
        running.secrets.get_secret(name, first)
    assert (refused.value.status_code, refused.value.error.code, inner(refused)) == (403, "Forbidden", "SecretDisabled")
    assert running.secrets.get_secret(name).value == "two"
    running.secrets.update_secret_properties(name, first, enabled=True)
    assert running.secrets.get_secret(name, first).value == "one"


def test_expired_secret_is_read_like_any_other(running):
    name = name_of("old")
    start = MOMENT.replace(microsecond=0)
    running.secrets.set_secret(name, "x", not_before=start - timedelta(days=9_000), expires_on=start - timedelta(days=8_000))
    found = running.secrets.get_secret(name)
    assert (found.value, found.properties.expires_on) == ("x", start - timedelta(days=8_000))


def test_unknown_secret_and_version_are_not_found(running):
    name = name_of("known")
    running.secrets.set_secret(name, "x")
    for wanted, version in ((name_of("none"), ""), (name, "0" * 32)):
        with pytest.raises(ResourceNotFoundError) as refused:
            running.secrets.get_secret(wanted, version)
        assert refused.value.error.code == "SecretNotFound"


def test_secret_may_have_25_kilobytes_and_no_more(running):
    name = name_of("large")
    running.secrets.set_secret(name, "é" * 12_800)
    with pytest.raises(HttpResponseError, match="25600") as refused:
        running.secrets.set_secret(name, "é" * 12_800 + "x")
    assert (refused.value.status_code, refused.value.error.code) == (400, "BadParameter")
    assert len(list(running.secrets.list_properties_of_secret_versions(name))) == 1


def test_deleted_secret_is_recovered_with_all_versions_or_purged(running):
    name = name_of("gone")
    first = running.secrets.set_secret(name, "one").properties.version
    running.secrets.set_secret(name, "two")
    gone = running.secrets.begin_delete_secret(name, _polling_interval=0).result()
    assert gone.scheduled_purge_date - gone.deleted_date == timedelta(days=90)
    with pytest.raises(ResourceNotFoundError):
        running.secrets.get_secret(name)
    with pytest.raises(ResourceExistsError) as refused:
        running.secrets.set_secret(name, "three")
    assert inner(refused) == "ObjectIsDeletedButRecoverable"
    assert name in {deleted.name for deleted in running.secrets.list_deleted_secrets()}
    running.secrets.begin_recover_deleted_secret(name, _polling_interval=0).wait()
    assert running.secrets.get_secret(name, first).value == "one"
    running.secrets.begin_delete_secret(name, _polling_interval=0).wait()
    running.secrets.purge_deleted_secret(name)
    with pytest.raises(ResourceNotFoundError):
        running.secrets.get_deleted_secret(name)
    running.secrets.set_secret(name, "anew")
    assert len(list(running.secrets.list_properties_of_secret_versions(name))) == 1


def test_deleted_secret_is_gone_when_its_time_is_over(bare):
    bare.ask("PUT", "/secrets/a", {"value": "x"})
    assert bare.ask("DELETE", "/secrets/a")[0] == 200
    bare.clock.advance(90 * 86_400 - 1)
    assert bare.ask("GET", "/deletedsecrets/a")[0] == 200
    bare.clock.advance(1)
    assert bare.ask("GET", "/deletedsecrets/a")[0] == 404
    assert bare.ask("PUT", "/secrets/a", {"value": "y"})[0] == 200


@pytest.mark.parametrize(("size", "wanted"), [(25, {}), (5, {"max_page_size": 5})], ids=["as the service likes", "of five"])
def test_lists_come_in_pages_that_miss_and_repeat_nothing(running, size, wanted):
    made = {name_of("page") for _ in range(2 * size + 1)}
    for name in made:
        running.secrets.set_secret(name, "x")
    pages = [[p.name for p in page] for page in running.secrets.list_properties_of_secrets(**wanted).by_page()]
    names = [name for page in pages for name in page]
    assert all(len(page) == size for page in pages[:-1])
    assert len(pages) >= 3
    assert made <= set(names)
    assert len(names) == len(set(names))


def test_page_goes_on_after_the_last_name_though_names_come_and_go(bare):
    for name in "bdfh":
        bare.ask("PUT", f"/secrets/{name}", {"value": "x"})
    _, first, _ = bare.ask("GET", "/secrets?api-version=7.4&maxresults=2")
    bare.ask("DELETE", "/secrets/d")
    bare.ask("PUT", "/secrets/a", {"value": "x"})
    _, second, _ = bare.ask("GET", first["nextLink"].removeprefix("https://unit.vault.azure.net"))
    assert [item["id"][-1] for item in first["value"] + second["value"]] == ["b", "d", "f", "h"]
    assert second["nextLink"] is None


@pytest.mark.parametrize("query", ["maxresults=0", "maxresults=26", "maxresults=x", "maxresults=%C2%B2", "$skiptoken=!", "$skiptoken=_w%3D%3D"])  # fmt: skip
def test_pages_that_cannot_be_are_refused(bare, query):
    assert bare.ask("GET", f"/secrets?api-version=7.4&{query}")[0] == 400


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"[" * 100_000, {}, {"value": 1}, {"value": "x", "tags": {"a": 1}}, {"value": "x", "tags": []},
     {"value": "x", "attributes": {"enabled": "no"}}, {"value": "x", "attributes": {"exp": True}},
     {"value": "x", "attributes": {"nbf": 1e300}}, {"value": "x", "tags": {str(n): "" for n in range(16)}}],
    ids=lambda body: str(body)[:30],
)  # fmt: skip
def test_bodies_of_the_wrong_kind_are_refused_and_nothing_is_written(bare, body):
    status, said, _ = bare.ask("PUT", "/secrets/a", body)
    assert (status, said["error"]["code"]) == (400, "BadParameter")
    assert bare.ask("GET", "/secrets/a")[0] == 404


def test_values_are_in_no_representation(bare):
    value = "made-up-" + uuid.uuid4().hex
    bare.ask("PUT", "/secrets/a", {"value": value})
    assert value not in repr(bare.vault.store.latest())


# --- certificates ---------------------------------------------------------------------------------------------------


def test_certificate_is_made_by_its_policy_with_a_secret_that_holds_the_key(running):
    name = name_of("sp")
    made = running.create(name, validity_in_months=6, san_dns_names=["a.example"])
    read = x509.load_der_x509_certificate(bytes(made.cer))
    assert read.subject == read.issuer == x509.Name.from_rfc4514_string(f"CN={name}")
    read.verify_directly_issued_by(read)
    assert 181 <= (read.not_valid_after_utc - read.not_valid_before_utc).days <= 184
    assert read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName) == ["a.example"]  # fmt: skip
    assert made.policy.subject == f"CN={name}"
    assert made.properties.x509_thumbprint == hashlib.sha1(bytes(made.cer)).digest()
    assert made.properties.expires_on == read.not_valid_after_utc
    key, own, _ = running.pfx(name, made.properties.version)
    assert own == read
    assert key.public_key() == read.public_key()
    operation = running.certificates.get_certificate_operation(name)
    assert (operation.status, operation.issuer_name) == ("completed", "Self")
    assert x509.load_der_x509_csr(bytes(operation.csr)).is_signature_valid


def test_policy_that_says_little_is_completed(running):
    name = name_of("little")
    running.create(name, key_type=None)
    policy = running.certificates.get_certificate_policy(name)
    assert (policy.key_type, policy.key_size, policy.exportable, policy.reuse_key) == ("RSA", 2048, True, False)
    assert (policy.content_type, policy.validity_in_months) == (CertificateContentType.pkcs12, 12)
    assert running.pfx(name)[0].key_size == 2048


def test_every_version_has_its_own_key_unless_it_is_to_be_reused(running):
    for reuse, count in ((False, 2), (True, 1)):
        name = name_of("renewed")
        versions = [running.create(name, reuse_key=reuse).properties.version for _ in range(2)]
        assert len({running.pfx(name, version)[0].private_numbers().d for version in versions}) == count
        assert {p.version for p in running.certificates.list_properties_of_certificate_versions(name)} == set(versions)
        assert running.certificates.get_certificate_version(name, versions[0]).properties.version == versions[0]


def test_certificate_as_pem(running):
    name = name_of("pem")
    made = running.create(name, content_type=CertificateContentType.pem, key_type="EC", key_curve_name="P-256")
    secret = running.secrets.get_secret(name)
    assert secret.properties.content_type == "application/x-pem-file"
    assert secret.value.startswith("-----BEGIN " + "PRIVATE KEY-----")
    assert x509.load_pem_x509_certificate(secret.value.encode()).public_bytes(Encoding.DER) == bytes(made.cer)


@pytest.mark.parametrize("form", [CertificateContentType.pkcs12, CertificateContentType.pem], ids=["pfx", "pem"])
def test_key_that_may_not_leave_is_not_in_the_secret(running, form):
    name = name_of("inside")
    made = running.create(name, exportable=False, content_type=form)
    value = running.secrets.get_secret(name).value
    if form == CertificateContentType.pem:
        assert "PRIVATE" not in value
        assert x509.load_pem_x509_certificate(value.encode()).public_bytes(Encoding.DER) == bytes(made.cer)
        return
    key, own, others = running.pfx(name)
    assert key is None
    assert [c.public_bytes(Encoding.DER) for c in (own, *others) if c] == [bytes(made.cer)]


def test_later_policy_does_not_let_an_earlier_key_out(running):
    name = name_of("policy")
    running.create(name, exportable=False)
    changed = running.certificates.update_certificate_policy(name, CertificatePolicy(exportable=True, validity_in_months=3))
    assert (changed.exportable, changed.validity_in_months, changed.subject) == (True, 3, f"CN={name}")
    assert running.pfx(name)[0] is None
    running.create(name, exportable=True)
    assert running.pfx(name)[0] is not None


@pytest.mark.parametrize("password", [None, "made up"])
def test_pfx_is_imported(running, password):
    name, pair = name_of("pfx"), Pair()
    lock = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    data = pkcs12.serialize_key_and_certificates(b"sp", pair.key, pair.certificate, None, lock)
    made = running.certificates.import_certificate(name, data, password=password, tags={"from": "disk"})
    assert (bytes(made.cer), made.properties.tags, made.policy.issuer_name) == (pair.der, {"from": "disk"}, "Unknown")
    assert running.pfx(name)[0].private_numbers() == pair.key.private_numbers()
    if password:
        with pytest.raises(HttpResponseError) as refused:
            running.certificates.import_certificate(name, data, password="another")
        assert refused.value.status_code == 400


def test_pem_is_imported(running):
    name, pair, policy = name_of("pem"), Pair(), CertificatePolicy("Unknown", content_type=CertificateContentType.pem)
    key = pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    made = running.certificates.import_certificate(name, key + pair.certificate.public_bytes(Encoding.PEM), policy=policy)
    assert bytes(made.cer) == pair.der
    secret = running.secrets.get_secret(name)
    assert (secret.properties.content_type, secret.value.encode()) == (
        "application/x-pem-file", key + pair.certificate.public_bytes(Encoding.PEM),
    )  # fmt: skip


@pytest.mark.parametrize("form", ["pfx", "pem"])
def test_imported_certificate_is_disabled_deleted_and_recovered_like_any_other(running, form):
    name, pair = name_of(form), Pair()
    data, policy = pkcs12.serialize_key_and_certificates(None, pair.key, pair.certificate, None, NoEncryption()), None
    if form == "pem":
        data = pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + pair.certificate.public_bytes(
            Encoding.PEM
        )
        policy = CertificatePolicy("Unknown", content_type=CertificateContentType.pem)
    version = running.certificates.import_certificate(name, data, policy=policy).properties.version
    assert running.certificates.update_certificate_properties(name, version, enabled=False).properties.enabled is False
    with pytest.raises(HttpResponseError) as refused:
        running.secrets.get_secret(name, version)
    assert refused.value.status_code == 403
    running.certificates.begin_delete_certificate(name, _polling_interval=0).wait()
    with pytest.raises(ResourceNotFoundError):
        running.certificates.get_certificate(name)
    running.certificates.begin_recover_deleted_certificate(name, _polling_interval=0).wait()
    listed = {p.version: p.enabled for p in running.certificates.list_properties_of_certificate_versions(name)}
    assert listed == {version: False}


def test_what_is_no_pair_is_not_imported(running):
    pair, other = Pair(), Pair("other")
    key = other.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    certificate = pair.certificate.public_bytes(Encoding.PEM)
    name = name_of("none")
    for data in (b"nothing", certificate, key, key + certificate):
        with pytest.raises(HttpResponseError) as refused:
            running.certificates.import_certificate(name, data)
        assert refused.value.status_code == 400
    with pytest.raises(ResourceNotFoundError) as refused:
        running.certificates.get_certificate(name)
    assert refused.value.error.code == "CertificateNotFound"


def test_disabled_version_gives_out_neither_key_nor_signature(running):
    name = name_of("disabled")
    old, new = (running.create(name).properties.version for _ in range(2))
    off = running.certificates.update_certificate_properties(name, old, enabled=False)
    assert (off.properties.version, off.properties.enabled) == (old, False)
    with pytest.raises(HttpResponseError) as refused:
        running.secrets.get_secret(name, old)
    assert (refused.value.status_code, inner(refused)) == (403, "SecretDisabled")
    assert running.certificates.get_certificate_version(name, old).properties.enabled is False
    assert running.pfx(name)[1] == running.pfx(name, new)[1]


def test_deleted_certificate_takes_its_secret_along_and_back(running):
    name = name_of("gone")
    version = running.create(name).properties.version
    running.certificates.begin_delete_certificate(name, _polling_interval=0).wait()
    for get in (running.certificates.get_certificate, running.secrets.get_secret):
        with pytest.raises(ResourceNotFoundError):
            get(name)
    assert name in {deleted.name for deleted in running.certificates.list_deleted_certificates()}
    with pytest.raises(ResourceExistsError):
        running.create(name)
    running.certificates.begin_recover_deleted_certificate(name, _polling_interval=0).wait()
    assert running.pfx(name, version)[0] is not None
    running.certificates.begin_delete_certificate(name, _polling_interval=0).wait()
    with pytest.raises(HttpResponseError) as refused:
        running.secrets.purge_deleted_secret(name)
    assert refused.value.status_code == 403
    running.certificates.purge_deleted_certificate(name)
    with pytest.raises(ResourceNotFoundError):
        running.certificates.get_deleted_certificate(name)
    assert running.create(name).properties.version != version


def test_secret_of_a_certificate_is_the_vaults_own(running):
    name = name_of("own")
    running.create(name)
    assert {p.name: p._managed for p in running.secrets.list_properties_of_secrets()}[name] is True
    for change in (lambda: running.secrets.set_secret(name, "mine"), lambda: running.secrets.begin_delete_secret(name)):
        with pytest.raises(HttpResponseError) as refused:
            change()
        assert (refused.value.status_code, inner(refused)) == (403, "SecretManagedByKeyVault")
    taken = name_of("taken")
    running.secrets.set_secret(taken, "x")
    with pytest.raises(ResourceExistsError):
        running.create(taken)


def test_certificates_are_listed_with_their_thumbprints(running):
    name = name_of("listed")
    made = running.create(name)
    found = {p.name: p.x509_thumbprint for p in running.certificates.list_properties_of_certificates()}
    assert found[name] == made.properties.x509_thumbprint


def test_request_for_another_authority_is_merged(running):
    name = name_of("signed")
    policy = CertificatePolicy("Unknown", subject=f"CN={name}")
    operation = running.certificates.begin_create_certificate(name, policy, _polling_interval=0).result()
    assert operation.status == "inProgress"
    request, authority = x509.load_der_x509_csr(bytes(operation.csr)), Pair("authority")
    builder = x509.CertificateBuilder(
        issuer_name=authority.certificate.subject, subject_name=request.subject, public_key=request.public_key()
    )
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(authority.certificate.not_valid_before_utc)
    signed = builder.not_valid_after(authority.certificate.not_valid_after_utc).sign(authority.key, hashes.SHA256())
    with pytest.raises(HttpResponseError):
        running.certificates.merge_certificate(name, [authority.der])
    made = running.certificates.merge_certificate(name, [signed.public_bytes(Encoding.DER), authority.der])
    assert bytes(made.cer) == signed.public_bytes(Encoding.DER)
    key, own, above = running.pfx(name)
    assert (own, above) == (signed, [authority.certificate])
    assert key.public_key() == request.public_key()


POLICY = {"issuer": {"name": "Self"}, "x509_props": {"subject": "CN=a"}}


def test_certificate_is_pending_for_as_long_as_it_takes(bare):
    bare.vault.certificates.issuing = 20
    assert bare.ask("POST", "/certificates/a/create", {"policy": POLICY})[1]["status"] == "inProgress"
    bare.clock.advance(19)
    assert bare.ask("GET", "/certificates/a/pending")[1]["status"] == "inProgress"
    assert bare.ask("GET", "/certificates/a")[0] == bare.ask("GET", "/secrets/a")[0] == 404
    assert bare.ask("POST", "/certificates/a/create", {"policy": POLICY})[0] == 409
    bare.clock.advance(1)
    assert bare.ask("GET", "/secrets/a")[0] == 200
    assert bare.ask("GET", "/certificates/a/pending")[1]["status"] == "completed"


def test_cancelled_request_makes_no_certificate(bare):
    bare.vault.certificates.issuing = 20
    bare.ask("POST", "/certificates/a/create", {"policy": POLICY})
    assert bare.ask("PATCH", "/certificates/a/pending", {"cancellation_requested": True})[1]["cancellation_requested"] is True
    bare.clock.advance(30)
    assert bare.ask("GET", "/certificates/a/pending")[1]["status"] == "cancelled"
    assert bare.ask("GET", "/certificates/a")[0] == 404
    assert bare.ask("DELETE", "/certificates/a/pending")[0] == 200
    assert bare.ask("GET", "/certificates/a/pending")[0] == 404


@pytest.mark.parametrize(
    "policy",
    [None, [], {}, {"issuer": {"name": "DigiCert"}}, {"key_props": []}, {"key_props": {"kty": "oct"}},
     {"key_props": {"key_size": 1024}}, {"key_props": {"key_size": True}}, {"key_props": {"kty": "EC", "crv": []}},
     {"key_props": {"exportable": "no"}}, {"key_props": {"kty": "RSA-HSM"}}, {"secret_props": {"contentType": "text/plain"}},
     {"x509_props": {"subject": "nothing"}}, {"x509_props": {"subject": "CN=a", "validity_months": 0}},
     {"x509_props": {"subject": "CN=a", "ekus": ["x"]}}, {"x509_props": {"subject": "CN=a", "sans": {"ipAddresses": ["x"]}}}],
    ids=str,
)  # fmt: skip
def test_policies_that_cannot_be_are_refused(bare, policy):
    whole = {**POLICY, **policy} if isinstance(policy, dict) and policy else policy
    status, body, _ = bare.ask("POST", "/certificates/a/create", {"policy": whole})
    assert (status, body["error"]["code"]) == (400, "BadParameter")
    assert bare.ask("GET", "/certificates/a/pending")[0] == 404


# --- keys -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
def test_key_signs_without_leaving(bare, algorithm):
    bare.ask("POST", "/certificates/a/create", {"policy": {**POLICY, "key_props": {"exportable": False}}})
    bundle = bare.ask("GET", "/certificates/a")[1]
    path = bundle["kid"].removeprefix("https://unit.vault.azure.net")
    digest = hashlib.sha256(b"assertion").digest()
    value = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    status, signed, _ = bare.ask("POST", f"{path}/sign", {"alg": algorithm, "value": value})
    assert (status, signed["kid"]) == (200, bundle["kid"])
    scheme = padding.PKCS1v15() if algorithm == "RS256" else padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
    public = x509.load_der_x509_certificate(base64.b64decode(bundle["cer"])).public_key()
    signature = base64.urlsafe_b64decode(signed["value"] + "==")
    public.verify(signature, digest, scheme, Prehashed(hashes.SHA256()))
    key = bare.ask("GET", path)[1]["key"]
    assert int.from_bytes(base64.urlsafe_b64decode(key["n"] + "=="), "big") == public.public_numbers().n
    for wrong in ({"alg": "ES256", "value": value}, {"alg": algorithm, "value": "AAAA"}, {"alg": algorithm, "value": 1}):
        assert bare.ask("POST", f"{path}/sign", wrong)[0] == 400
    bare.ask("PATCH", "/certificates/a", {"attributes": {"enabled": False}})
    status, body, _ = bare.ask("POST", f"{path}/sign", {"alg": algorithm, "value": value})
    assert (status, body["error"]["innererror"]["code"]) == (403, "KeyDisabled")


def test_key_does_not_sign_past_its_time(bare):
    bare.ask("POST", "/certificates/a/create", {"policy": POLICY})
    bare.clock.advance(400 * 86_400)
    value = base64.urlsafe_b64encode(bytes(32)).decode()
    status, body, _ = bare.ask("POST", "/keys/a/sign", {"alg": "RS256", "value": value})
    assert (status, body["error"]["innererror"]["code"]) == (403, "KeyExpired")
    assert bare.ask("GET", "/secrets/a")[0] == 200


# --- what goes wrong ------------------------------------------------------------------------------------------------


def test_client_comes_again_after_throttling(running):
    name = name_of("throttled")
    running.secrets.set_secret(name, "x")
    running.faults.add(Fault(kind="throttle", application=NAME, path=f"/secrets/{name}*", retry_after=1))
    assert running.secrets.get_secret(name).value == "x"
    assert [entry.split()[0] for entry in running.faults.struck] == ["throttle"]


def test_throttling_is_said_in_the_words_of_the_service(running):
    running.faults.add(Fault(kind="throttle", application=NAME, times=0, retry_after=1))
    with pytest.raises(HttpResponseError) as refused:
        running.secrets.get_secret("any", retry_total=0)
    assert (refused.value.status_code, refused.value.error.code) == (429, "Throttled")


def test_lost_answer_leaves_a_version_that_the_client_made_twice(running):
    """Setting a secret is not idempotent: who comes again must look at the versions afterwards."""
    name = name_of("lost")
    running.faults.add(Fault(kind="lost", application=NAME, method="PUT", path=f"/secrets/{name}*"))
    running.secrets.set_secret(name, "x", retry_connect=3, retry_read=3, retry_status=3)
    assert [entry.split()[0] for entry in running.faults.struck] == ["lost"]
    assert len(list(running.secrets.list_properties_of_secret_versions(name))) == 2


def test_writes_at_the_same_time_are_all_kept(bare):
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: bare.ask("PUT", "/secrets/a", {"value": str(n)})[0], range(20)))
    assert answers == [200] * 20
    assert len(bare.ask("GET", "/secrets/a/versions")[1]["value"]) == 20


def test_stale_replica_shows_the_old_version_then_the_new_one(bare):
    bare.ask("PUT", "/secrets/a", {"value": "old"})
    bare.clock.advance(60)
    bare.faults.replicate([0, 10], order=[1, 0])
    first = bare.ask("PUT", "/secrets/a", {"value": "new"})[1]["value"]
    seen = [bare.ask("GET", "/secrets/a")[1]["value"] for _ in range(4)]
    bare.clock.advance(10)
    assert (first, seen) == ("new", ["old", "new", "old", "new"])
    assert {bare.ask("GET", "/secrets/a")[1]["value"] for _ in range(4)} == {"new"}


def test_official_client_meets_a_stale_replica_but_writes_are_never_lost(running):
    name = name_of("stale")
    old = running.create(name).properties.version
    running.faults.replicate([3_600])
    with pytest.raises(ResourceNotFoundError):
        running.certificates.get_certificate(name)
    running.certificates.update_certificate_properties(name, old, enabled=False)
    running.faults.clear()
    assert running.certificates.get_certificate_version(name, old).properties.enabled is False


def test_credential_that_no_longer_signs_in_opens_nothing(running):
    app = next(iter(running.azure.directory.latest().applications.values()))
    kept = app.key_credentials
    running.azure.directory.update_application(app.object_id, key_credentials=())
    try:
        ca, pair = str(running.simulator.ca_file), Pair()
        data = pair.certificate.public_bytes(Encoding.PEM) + pair.key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        login = running.simulator.address(LOGIN)
        options = {"authority": login, "disable_instance_discovery": True, "connection_verify": ca}
        with CertificateCredential(app.tenant_id, app.app_id, certificate_data=data, **options) as credential:  # noqa: SIM117
            with SecretClient(
                running.simulator.address(NAME), credential, verify_challenge_resource=False, connection_verify=ca
            ) as client:
                with pytest.raises(ClientAuthenticationError, match="AADSTS700027"):
                    client.get_secret("any")
    finally:
        running.azure.directory.update_application(app.object_id, key_credentials=kept)
