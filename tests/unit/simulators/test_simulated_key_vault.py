"""Key Vault as its official clients see it, and what it refuses."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.keyvault.certificates import CertificateClient, CertificateContentType, CertificatePolicy
from azure.keyvault.secrets import SecretClient
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12
from tests.support.key_material import certificate, key

from stanch.simulators.azure import AzureSimulation
from stanch.simulators.faults import Fault
from stanch.simulators.server import Simulator
from stanch.simulators.wire import Request

WORD = "Kp28Q~" + "made" * 8


class Clients:
    """The two clients, a simulation and its server."""

    def __init__(self, azure: AzureSimulation, simulator: Simulator, stack: ExitStack) -> None:
        self.azure = azure
        self.simulator = simulator
        tenant = azure.directory.add_tenant("vaults.example")
        app = azure.directory.add_application(tenant.id, "rotator", passwords=[azure.directory.password(WORD)])
        azure.key_vault.tenant = tenant.id
        ca = str(simulator.ca_file)
        login = simulator.address("login.microsoftonline.com")
        credential = stack.enter_context(
            ClientSecretCredential(
                tenant.id, app.app_id, WORD, authority=login, disable_instance_discovery=True, connection_verify=ca
            )
        )
        vault = simulator.address("*.vault.azure.net")
        more = {"verify_challenge_resource": False, "connection_verify": ca}
        self.secrets = stack.enter_context(SecretClient(vault, credential, **more))
        self.certificates = stack.enter_context(CertificateClient(vault, credential, **more))


@pytest.fixture(scope="module")
def vault() -> Iterator[Clients]:
    azure = AzureSimulation()
    with ExitStack() as stack:
        simulator = stack.enter_context(azure.simulator())
        yield Clients(azure, simulator, stack)


def test_the_first_request_is_challenged(vault):
    vault.secrets.set_secret("challenged", "x")
    first, second = [s.status for s in vault.simulator.served if s.path == "/secrets/challenged"][:2]
    assert (first, second) == (401, 200)


def test_secrets_have_versions_and_disabled_ones_are_refused(vault):
    first = vault.secrets.set_secret("db", "one", tags={"owner": "billing"})
    second = vault.secrets.set_secret("db", "two")
    assert vault.secrets.get_secret("db").value == "two"
    assert vault.secrets.get_secret("db", first.properties.version).value == "one"
    vault.secrets.update_secret_properties("db", first.properties.version, enabled=False)
    with pytest.raises(HttpResponseError) as refused:
        vault.secrets.get_secret("db", first.properties.version)
    assert refused.value.status_code == 403
    listed = {p.version: p.enabled for p in vault.secrets.list_properties_of_secret_versions("db")}
    assert listed == {first.properties.version: False, second.properties.version: True}


def test_secrets_that_are_not_there_or_too_large_are_refused(vault):
    with pytest.raises(ResourceNotFoundError):
        vault.secrets.get_secret("none")
    with pytest.raises(HttpResponseError, match="25600"):
        vault.secrets.set_secret("large", "x" * 25_601)


def test_deleted_secrets_are_recovered_or_purged(vault):
    vault.secrets.set_secret("gone", "x")
    vault.secrets.begin_delete_secret("gone").wait()
    with pytest.raises(ResourceNotFoundError):
        vault.secrets.get_secret("gone")
    with pytest.raises(ResourceExistsError):
        vault.secrets.set_secret("gone", "y")
    vault.secrets.begin_recover_deleted_secret("gone").wait()
    assert vault.secrets.get_secret("gone").value == "x"
    vault.secrets.begin_delete_secret("gone").wait()
    vault.secrets.purge_deleted_secret("gone")
    with pytest.raises(ResourceNotFoundError):
        vault.secrets.get_deleted_secret("gone")
    assert vault.secrets.set_secret("gone", "anew").value == "anew"


def test_lists_come_in_pages(vault):
    for number in range(30):
        vault.secrets.set_secret(f"page-{number}", "x")
    names = [p.name for p in vault.secrets.list_properties_of_secrets()]
    assert len([name for name in names if name.startswith("page-")]) == 30


def test_a_certificate_is_made_and_its_secret_holds_the_key(vault):
    policy = CertificatePolicy(issuer_name="Self", subject="CN=billing", validity_in_months=6, reuse_key=False)
    made = vault.certificates.begin_create_certificate("sp", policy).result()
    assert made.policy.subject == "CN=billing"
    secret = vault.secrets.get_secret("sp", made.properties.version)
    private, own, _ = pkcs12.load_key_and_certificates(base64.b64decode(secret.value), None)
    assert own.public_bytes(Encoding.DER) == bytes(made.cer)
    again = vault.certificates.begin_create_certificate("sp", policy).result()
    other = base64.b64decode(vault.secrets.get_secret("sp", again.properties.version).value)
    assert pkcs12.load_key_and_certificates(other, None)[0].private_numbers() != private.private_numbers()


def test_a_reused_key_survives_renewal(vault):
    policy = CertificatePolicy(issuer_name="Self", subject="CN=kept", reuse_key=True)
    numbers = set()
    for _ in range(2):
        made = vault.certificates.begin_create_certificate("kept", policy).result()
        raw = base64.b64decode(vault.secrets.get_secret("kept", made.properties.version).value)
        numbers.add(pkcs12.load_key_and_certificates(raw, None)[0].private_numbers().d)
    assert len(numbers) == 1


def test_a_key_that_may_not_leave_is_not_in_the_secret(vault):
    policy = CertificatePolicy(issuer_name="Self", subject="CN=inside", exportable=False, key_type="RSA")
    made = vault.certificates.begin_create_certificate("inside", policy).result()
    assert base64.b64decode(vault.secrets.get_secret("inside").value) == bytes(made.cer)


@pytest.mark.parametrize("form", ["pfx", "pem"])
def test_a_certificate_is_imported_disabled_and_deleted(vault, form):
    private, own = key("rsa"), certificate("rsa", "valid")
    data = pkcs12.serialize_key_and_certificates(None, private, own, None, NoEncryption())
    policy = CertificatePolicy.get_default()
    if form == "pem":
        data = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + own.public_bytes(Encoding.PEM)
        policy = CertificatePolicy(issuer_name="Unknown", content_type=CertificateContentType.pem)
    made = vault.certificates.import_certificate(f"imported-{form}", data, policy=policy)
    assert bytes(made.cer) == own.public_bytes(Encoding.DER)
    version = made.properties.version
    off = vault.certificates.update_certificate_properties(f"imported-{form}", version, enabled=False)
    assert off.properties.enabled is False
    with pytest.raises(HttpResponseError):
        vault.secrets.get_secret(f"imported-{form}", version)
    vault.certificates.begin_delete_certificate(f"imported-{form}").wait()
    with pytest.raises(ResourceNotFoundError):
        vault.certificates.get_certificate(f"imported-{form}")
    vault.certificates.begin_recover_deleted_certificate(f"imported-{form}").wait()
    assert [p.version for p in vault.certificates.list_properties_of_certificate_versions(f"imported-{form}")] == [version]


def test_what_is_no_certificate_is_not_imported(vault):
    with pytest.raises(HttpResponseError) as refused:
        vault.certificates.import_certificate("none", b"nothing")
    assert refused.value.status_code == 400


def test_the_secret_of_a_certificate_is_the_vaults_own(vault):
    vault.certificates.begin_create_certificate("own", CertificatePolicy(issuer_name="Self", subject="CN=own")).result()
    with pytest.raises(HttpResponseError) as refused:
        vault.secrets.set_secret("own", "mine")
    assert refused.value.status_code == 403


def test_clients_come_again_after_throttling_and_lost_answers(vault):
    vault.secrets.set_secret("steady", "x")
    vault.azure.faults.add(Fault(kind="throttle", path="/secrets/steady*", retry_after=1))
    assert vault.secrets.get_secret("steady").value == "x"


def test_tokens_for_others_are_refused(vault):
    tokens = vault.azure.tokens
    now = vault.azure.directory.clock()
    for audience, status in (("https://graph.microsoft.com", 401), ("https://vault.azure.net", 200)):
        token = tokens.issue({"aud": audience, "tid": vault.azure.key_vault.tenant}, now)
        headers = {"authorization": f"Bearer {token}"}
        request = Request(method="GET", target="/secrets?api-version=7.4", headers=headers, host="a.vault.azure.net", now=now)
        assert vault.azure.key_vault(request).status == status
    without = Request(method="GET", target="/secrets", headers=headers, host="a.vault.azure.net", now=now)
    assert json.loads(vault.azure.key_vault(without).body)["error"]["code"] == "BadParameter"
