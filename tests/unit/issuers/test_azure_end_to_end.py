"""Azure's adapters through the real door and real TLS, against the simulators."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from tests.support.simulated import Pair, certificate_credential, secret_credential

from stanch.core.validity import Validity
from stanch.issuers import azure_classic, entra
from stanch.issuers.azure_certificate import check_azure_certificate
from stanch.issuers.model import Credential, Validator, asked
from stanch.issuers.transport import GuardedDoor
from stanch.net.policy import DoorPolicy
from stanch.simulators.azure import AzureSimulation
from stanch.simulators.azure_classic import NAME as CLASSIC
from stanch.simulators.entra import CLOUDS
from stanch.simulators.faults import Fault
from stanch.simulators.server import Simulator

LOGIN = CLOUDS["global"].login
SECRET = "".join(["Rt5", "8Q~", "through" * 5])


class World:
    """Running simulators with one application and one subscription, and the door to them."""

    def __init__(self, azure: AzureSimulation, simulator: Simulator) -> None:
        self.azure, self.simulator = azure, simulator
        self.pair = Pair()
        self.tenant = azure.directory.add_tenant("contoso.onmicrosoft.com")
        self.app = azure.directory.add_application(
            self.tenant.id,
            "billing",
            keys=[azure.directory.key(self.pair.der)],
            passwords=[azure.directory.password(SECRET)],
        )
        self.subscription = azure.classic.add_subscription(certificates=[self.pair.der])

    def door(self, *, trust: bool = True, **overrides: str) -> GuardedDoor:
        named = self.simulator.addresses | {name.replace("_", "."): url for name, url in overrides.items()}
        bundle = str(self.simulator.ca_file) if trust else ""
        return GuardedDoor(DoorPolicy(overrides=named, ca_bundle=bundle, rate=0, step_timeout=2, deadline=4))

    def credential(self, pair: Pair | None = None) -> Credential:
        return certificate_credential(
            pair or self.pair, tenant_id=self.tenant.id, client_id=self.app.app_id, subscription_id=self.subscription
        )

    def check(self, validator: Validator, credential: Credential | None = None, **options):
        return asked(validator, credential or self.credential(), self.door(**options))


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[AzureSimulation, Simulator]]:
    azure = AzureSimulation()
    with azure.simulator() as simulator:
        yield azure, simulator
        assert simulator.errors == ()


@pytest.fixture
def world(running) -> Iterator[World]:
    azure, simulator = running
    azure.faults.clear()
    azure.classic.retired = False
    yield World(azure, simulator)
    azure.faults.clear()


@pytest.mark.parametrize("validator", [entra.check_certificate, azure_classic.check, check_azure_certificate])
def test_live_certificate_is_live_at_both_services(world, validator):
    found = world.check(validator)
    assert (found.validity, found.reason) == (Validity.LIVE, "accepted"), found.message


@pytest.mark.parametrize("validator", [entra.check_certificate, azure_classic.check, check_azure_certificate])
def test_stranger_is_dead_at_both_services(world, validator):
    found = world.check(validator, world.credential(Pair("stranger")))
    assert found.validity is Validity.DEAD, found.message


def test_live_secret_is_live_and_another_is_dead(world):
    ids = {"tenant_id": world.tenant.id, "client_id": world.app.app_id}
    found = [world.check(entra.check_secret, secret_credential(value, **ids)) for value in (SECRET, SECRET + "x")]
    assert [check.validity for check in found] == [Validity.LIVE, Validity.DEAD]


def test_expired_management_certificate_with_a_small_key_is_shown_and_live(world):
    old = Pair("small", start=datetime(2012, 1, 1, tzinfo=UTC), end=datetime(2013, 1, 1, tzinfo=UTC))
    world.azure.classic.associate(world.subscription, old.der)
    found = world.check(azure_classic.check, world.credential(old))
    assert found.validity is Validity.LIVE, found.message


def test_probe_has_the_id_that_the_sign_in_log_has(world):
    found = world.check(entra.check_certificate)
    (probe,) = found.probes
    assert probe.request_id == world.azure.directory.sign_ins[-1].id
    assert found.evidence["tenant"] == world.tenant.id


def test_retired_service_is_inconclusive(world):
    world.azure.classic.retired = True
    found = world.check(azure_classic.check)
    assert (found.validity, found.reason) == (Validity.INCONCLUSIVE, "authority_retired")


def test_service_that_is_not_there_is_inconclusive(world):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"https://127.0.0.1:{unused.getsockname()[1]}"
        found = world.check(azure_classic.check, **{CLASSIC: address})
    assert (found.validity, found.reason) == (Validity.INCONCLUSIVE, "authority_retired")


@pytest.mark.parametrize("validator", [entra.check_certificate, azure_classic.check])
def test_server_with_a_certificate_of_nobody_gets_nothing(world, validator):
    before = len(world.simulator.served)
    found = world.check(validator, trust=False)
    assert (found.validity, found.reason) == (Validity.INCONCLUSIVE, "tls")
    assert len(world.simulator.served) == before


@pytest.mark.parametrize(
    ("fault", "reasons"),
    [
        (Fault(kind="throttle", times=0, retry_after=600), {"rate_limited"}),
        (Fault(kind="error", times=0, status=500), {"issuer_error"}),
        (Fault(kind="lost", times=0), {"connection"}),
        (Fault(kind="truncated", times=0), {"connection", "not_http", "unexpected_answer"}),
        (Fault(kind="slow", times=0, seconds=20), {"timeout"}),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_what_goes_wrong_on_the_way_is_inconclusive(world, fault, reasons):
    world.azure.faults.add(fault)
    found = world.check(entra.check_certificate)
    assert found.validity is Validity.INCONCLUSIVE
    assert found.reason in reasons
    assert world.azure.faults.struck


def test_skewed_clock_is_told_from_a_dead_key(world):
    world.azure.faults.skew = 3_600.0
    found = world.check(entra.check_certificate)
    assert (found.validity, found.reason) == (Validity.INCONCLUSIVE, "clock_wrong")


@pytest.mark.parametrize("cloud", ["usgov", "china"])
def test_tenant_of_another_cloud_is_found_there(world, cloud):
    tenant = world.azure.directory.add_tenant(f"{cloud}.example", cloud=cloud)
    app = world.azure.directory.add_application(tenant.id, "app", keys=[world.azure.directory.key(world.pair.der)])
    credential = certificate_credential(world.pair, tenant_id=tenant.id, client_id=app.app_id)
    found = world.check(entra.check_certificate, credential)
    assert (found.validity, found.evidence["cloud"]) == (Validity.LIVE, cloud), found.message
