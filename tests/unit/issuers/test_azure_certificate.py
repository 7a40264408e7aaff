"""One PFX that is a management certificate and an application's certificate at once."""

from __future__ import annotations

import dataclasses

import pytest
from tests.support.doors import MOMENT, FunctionDoor
from tests.support.simulated import Pair, certificate_credential, issuers

from stanch.core.validity import Validity
from stanch.issuers.azure_certificate import check_azure_certificate
from stanch.simulators.azure import AzureSimulation
from stanch.simulators.azure_classic import NAME
from stanch.simulators.clock import ManualClock


class World:
    def __init__(self) -> None:
        clock = ManualClock(MOMENT)
        self.azure = AzureSimulation(clock=clock)
        self.pair = Pair()
        self.tenant = self.azure.directory.add_tenant("contoso.onmicrosoft.com")
        self.app = self.azure.directory.add_application(self.tenant.id, "billing", keys=[self.azure.directory.key(self.pair.der)])
        self.subscription = self.azure.classic.add_subscription(certificates=[self.pair.der])
        self.door = FunctionDoor(issuers(self.azure.applications, clock))

    def check(self, *, classic: bool = True, entra: bool = True):
        companions = {"tenant_id": self.tenant.id, "client_id": self.app.app_id} if entra else {}
        if classic:
            companions["subscription_id"] = self.subscription
        return check_azure_certificate(certificate_credential(self.pair, **companions), self.door, [])


@pytest.fixture
def world() -> World:
    return World()


def test_certificate_that_is_both_is_asked_about_at_both(world):
    found = world.check()
    assert found.validity is Validity.LIVE
    assert (found.evidence["classic"], found.evidence["entra"]) == ("live (accepted)", "live (accepted)")
    assert found.evidence["entra.client_id"] == world.app.app_id
    assert found.evidence["classic.thumbprint"] == world.pair.thumbprint
    assert len(found.probes) == 2


def test_live_in_entra_outweighs_dead_in_the_classic_service(world):
    world.azure.classic.dissociate(world.subscription, world.pair.thumbprint)
    found = world.check()
    assert (found.validity, found.evidence["classic"]) == (Validity.LIVE, "dead (certificate_not_associated)")
    assert found.message.startswith("Entra ID: ")


def test_live_in_the_classic_service_outweighs_expired_in_entra(world):
    (key,) = world.app.key_credentials
    world.azure.directory.update_application(world.app.object_id, key_credentials=(dataclasses.replace(key, end=MOMENT),))
    found = world.check()
    assert (found.validity, found.evidence["entra"]) == (Validity.LIVE, "expired (certificate_expired)")


def test_refused_by_entra_is_not_death_while_the_classic_service_is_silent(world):
    world.azure.directory.update_application(world.app.object_id, key_credentials=())
    del world.azure.applications[NAME]
    world.door = FunctionDoor(issuers(world.azure.applications, ManualClock(MOMENT)))
    found = world.check()
    assert (found.validity, found.reason) == (Validity.INCONCLUSIVE, "authority_retired")
    assert found.evidence["entra"] == "dead (certificate_not_registered)"


def test_refused_by_both_is_dead(world):
    world.azure.directory.update_application(world.app.object_id, key_credentials=())
    world.azure.classic.dissociate(world.subscription, world.pair.thumbprint)
    assert world.check().validity is Validity.DEAD


@pytest.mark.parametrize(("classic", "entra"), [(True, False), (False, True)])
def test_only_what_has_its_companions_is_asked(world, classic, entra):
    found = world.check(classic=classic, entra=entra)
    assert found.validity is Validity.LIVE
    assert len(world.door.sent) == len(found.probes) == 1


def test_nobody_is_asked_without_any_companions(world):
    found = world.check(classic=False, entra=False)
    assert (found.validity, found.reason, found.probes) == (Validity.UNCHECKED, "companion_missing", ())
