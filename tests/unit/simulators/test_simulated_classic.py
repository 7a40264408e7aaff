"""The simulated classic service: mutual TLS with any self-signed certificate, real refusals, Microsoft's last client unchanged."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from azure.common import AzureHttpError, AzureMissingResourceHttpError
from azure.servicemanagement import ServiceManagementService
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.support.doors import MOMENT
from tests.support.simulated import Pair

from stanch.simulators.azure_classic import MOST_CERTIFICATES, NAME, ClassicAzure
from stanch.simulators.clock import ManualClock
from stanch.simulators.faults import Faults
from stanch.simulators.server import Simulator
from stanch.simulators.wire import Request, Response


def public_key(pair: Pair) -> str:
    return base64.b64encode(pair.key.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)).decode()


# --- Microsoft's own client, unchanged ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[ClassicAzure, Simulator]]:
    azure = ClassicAzure()
    with Simulator({NAME: azure}) as simulator:
        yield azure, simulator
        assert simulator.errors == ()


@pytest.fixture
def session(running) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(running[1].ca_file)
        yield session


def client(running, session, subscription: str, pair: Pair, folder: Path) -> ServiceManagementService:
    session.cert = str(pair.pem(folder))
    return ServiceManagementService(subscription, host=running[1].address(NAME).removeprefix("https://"), request_session=session)


def test_official_client_lists_adds_gets_and_deletes_itself_and_is_refused_then(running, session, tmp_path):
    azure, _ = running
    pair, new = Pair(), Pair("new")
    service = client(running, session, azure.add_subscription(name="Test", certificates=[pair.der]), pair, tmp_path)
    assert service.get_subscription().subscription_name == "Test"
    assert [c.subscription_certificate_thumbprint for c in service.list_management_certificates()] == [pair.thumbprint]
    service.add_management_certificate(public_key(new), new.thumbprint, base64.b64encode(new.der).decode())
    found = service.get_management_certificate(new.thumbprint)
    assert (found.subscription_certificate_data, found.subscription_certificate_public_key) == (
        base64.b64encode(new.der).decode(),
        public_key(new),
    )
    service.delete_management_certificate(pair.thumbprint)
    with pytest.raises(AzureHttpError, match="ForbiddenError") as caught:
        service.list_management_certificates()
    assert caught.value.status_code == 403


def test_official_client_is_told_that_a_certificate_is_not_there(running, session, tmp_path):
    azure, _ = running
    pair = Pair()
    service = client(running, session, azure.add_subscription(certificates=[pair.der]), pair, tmp_path)
    with pytest.raises(AzureMissingResourceHttpError, match="The certificate was not found"):
        service.get_management_certificate("A" * 40)


def test_stranger_finishes_the_handshake_and_gets_a_real_403(running, session, tmp_path):
    azure, simulator = running
    service = client(running, session, azure.add_subscription(certificates=[Pair().der]), Pair("stranger"), tmp_path)
    with pytest.raises(AzureHttpError, match="associated with this subscription"):
        service.get_subscription()
    assert (simulator.served[-1].status, simulator.served[-1].certificate) == (403, True)


# --- request by request ---------------------------------------------------------------------------------------------


class World:
    def __init__(self, faults: Faults | None = None) -> None:
        self.clock = ManualClock(MOMENT)
        self.azure = ClassicAzure(clock=self.clock, faults=faults)
        self.pair = Pair()
        self.id = self.azure.add_subscription(certificates=[self.pair.der])

    def ask(
        self,
        path: str = "",
        method: str = "GET",
        body: bytes = b"",
        *,
        certificate: bytes | None = b"",
        version: str = "2014-10-01",
    ) -> Response:
        shown = self.pair.der if certificate == b"" else certificate
        headers = {"x-ms-version": version} if version else {}
        return self.azure(
            Request(
                method=method,
                target=f"/{self.id}{path}",
                now=MOMENT,
                headers=headers,
                body=body,
                host=NAME,
                client_certificate=shown,
            )
        )


@pytest.fixture
def world() -> World:
    return World()


def code(answer: Response) -> tuple[int, str]:
    text = answer.body.decode()
    return answer.status, text[text.find("<Code>") + 6 : text.find("</Code>")] if "<Code>" in text else ""


@pytest.mark.parametrize("version", ["", "2011-10-01", "latest", "9999", "2014-10-01x"])
def test_version_header_is_required(world, version):
    assert code(world.ask(version=version)) == (400, "MissingOrIncorrectVersionHeader")


@pytest.mark.parametrize(
    ("path", "method", "expected"),
    [
        ("", "GET", (200, "")),
        ("/certificates", "GET", (200, "")),
        ("/certificates/" + "0" * 40, "GET", (404, "ResourceNotFound")),
        ("/certificates/" + "0" * 40, "DELETE", (404, "ResourceNotFound")),
        ("/certificates", "PUT", (405, "UnsupportedHttpVerb")),
        ("/services", "GET", (404, "ResourceNotFound")),
        ("", "DELETE", (404, "ResourceNotFound")),
    ],
)
def test_paths_and_verbs(world, path, method, expected):
    assert code(world.ask(path, method)) == expected


def test_nobody_without_an_associated_certificate_learns_anything(world):
    refused = world.ask(certificate=None)
    assert code(refused) == (403, "ForbiddenError")
    assert code(world.ask("/services", certificate=Pair("stranger").der)) == (403, "ForbiddenError")
    world.id = str(uuid.uuid4())
    assert world.ask().body == refused.body


def test_disabled_subscription_and_retired_service_say_so(world):
    world.id = world.azure.add_subscription(certificates=[world.pair.der], enabled=False)
    assert code(world.ask()) == (403, "SubscriptionDisabled")
    world.azure.retired = True
    assert code(world.ask()) == (410, "Gone")


def added(pair: Pair, *, data: str = "", thumbprint: str = "", key: str = "") -> bytes:
    return (
        '<SubscriptionCertificate xmlns="http://schemas.microsoft.com/windowsazure">'
        f"<SubscriptionCertificatePublicKey>{key or public_key(pair)}</SubscriptionCertificatePublicKey>"
        f"<SubscriptionCertificateThumbprint>{thumbprint or pair.thumbprint}</SubscriptionCertificateThumbprint>"
        f"<SubscriptionCertificateData>{data or base64.b64encode(pair.der).decode()}</SubscriptionCertificateData>"
        "</SubscriptionCertificate>"
    ).encode()


def test_adding_answers_where_the_certificate_is(world):
    new = Pair("new")
    answer = world.ask("/certificates", "POST", added(new))
    assert (answer.status, answer.headers["Location"].rpartition("/")[2]) == (201, new.thumbprint)
    assert answer.headers["x-ms-request-id"]
    assert world.azure.subscription(world.id).certificates.keys() == {world.pair.thumbprint, new.thumbprint}
    assert code(world.ask("/certificates", "POST", added(new))) == (409, "ConflictError")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "InvalidXmlRequest"),
        (b"<a/>", "InvalidXmlRequest"),
        (b"<SubscriptionCertificate/>", "InvalidXmlRequest"),
        (b"\xff\xfe<", "InvalidXmlRequest"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "InvalidXmlRequest"),
        (b'<?xml version="1.0" encoding="nonsense"?><a/>', "InvalidXmlRequest"),
        (added(Pair(), data="AAAA"), "BadRequest"),
        (added(Pair(), data="!"), "BadRequest"),
        (added(Pair(), thumbprint="0" * 40), "BadRequest"),
        (added(Pair(), key="!"), "BadRequest"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_is_no_certificate_is_not_added(world, body, expected):
    assert code(world.ask("/certificates", "POST", body)) == (400, expected)
    assert len(world.azure.subscription(world.id).certificates) == 1


def test_limit_of_certificates_is_kept(world):
    for _ in range(MOST_CERTIFICATES - 1):
        world.azure.associate(world.id, Pair().der)
    assert code(world.ask("/certificates", "POST", added(Pair("new")))) == (400, "BadRequest")
    assert len(world.azure.subscription(world.id).certificates) == MOST_CERTIFICATES


def test_certificate_that_was_removed_lives_on_in_a_stale_replica():
    faults = Faults()
    world = World(faults)
    world.clock.advance(100)
    faults.replicate([0, 30], order=[1, 0])
    world.azure.dissociate(world.id, world.pair.thumbprint)
    assert [world.ask().status for _ in range(4)] == [200, 403, 200, 403]
    world.clock.advance(31)
    assert [world.ask().status for _ in range(2)] == [403, 403]


def test_thumbprint_is_that_of_the_certificate(world):
    listed = world.ask("/certificates").body.decode()
    assert f"<SubscriptionCertificateThumbprint>{hashlib.sha1(world.pair.der).hexdigest().upper()}<" in listed
