"""The classic adapter against the simulated service, function to function."""

from __future__ import annotations

import dataclasses
import uuid
from datetime import UTC, datetime

import pytest
from tests.support.doors import MOMENT, FunctionDoor, always
from tests.support.simulated import Pair, certificate_credential, issuers

from stanch.core.validity import Validity
from stanch.issuers.azure_classic import MOST_SUBSCRIPTIONS, check
from stanch.net.model import NoAnswerError
from stanch.simulators.azure_classic import NAME, ClassicAzure
from stanch.simulators.clock import ManualClock
from stanch.simulators.faults import Fault, failure

CHINA = "management.core.chinacloudapi.cn"


class World:
    """The service, one subscription, and a key that is associated with it."""

    def __init__(self) -> None:
        self.clock = ManualClock(MOMENT)
        self.azure = ClassicAzure(clock=self.clock)
        self.pair = Pair()
        self.id = self.azure.add_subscription(name="Production", certificates=[self.pair.der])
        self.door = FunctionDoor(issuers({NAME: self.azure}, self.clock))

    def check(self, *ids: str, pair: Pair | None = None, url: str = "", **companions: str):
        fields = {"subscription_ids": ",".join(ids or (self.id,)), "service_management_url": url}
        return check(certificate_credential(pair or self.pair, fields=fields, **companions), self.door, [])


@pytest.fixture
def world() -> World:
    return World()


def test_associated_certificate_is_live_and_the_evidence_names_the_subscription(world):
    found = world.check()
    assert (found.validity, found.reason) == (Validity.LIVE, "accepted")
    assert found.evidence == {
        "thumbprint": world.pair.thumbprint,
        "cloud": "global",
        f"subscription {world.id}": "live (accepted): Production",
    }


def test_expired_certificate_is_as_live_as_another(world):
    """The service never looked at the dates: https://blog.trailmax.info, 2016."""
    old = Pair("old", start=datetime(2012, 1, 1, tzinfo=UTC), end=datetime(2013, 1, 1, tzinfo=UTC))
    world.azure.associate(world.id, old.der)
    assert world.check(pair=old).validity is Validity.LIVE


def test_unassociated_certificate_is_dead(world):
    found = world.check(pair=Pair("stranger"))
    assert (found.validity, found.reason) == (Validity.DEAD, "certificate_not_associated")


def test_same_key_in_another_certificate_is_dead(world):
    """The service knows certificates, not keys."""
    assert world.check(pair=Pair()).validity is Validity.DEAD


def test_disabled_subscription_makes_it_dormant(world):
    id = world.azure.add_subscription(certificates=[world.pair.der], enabled=False)
    found = world.check(id)
    assert (found.validity, found.reason) == (Validity.DORMANT, "subscription_disabled")


def test_retired_service_is_inconclusive(world):
    world.azure.retired = True
    found = world.check()
    assert (found.validity, found.reason) == (Validity.INCONCLUSIVE, "authority_retired")
    assert "Entra ID" in found.message


@pytest.mark.parametrize(
    ("reason", "shown"),
    [("dns", "authority_retired"), ("connection", "authority_retired"), ("timeout", "timeout"), ("tls", "tls")],
)
def test_silence_is_inconclusive_and_never_death(world, reason, shown):
    def silent(request):
        raise NoAnswerError(reason, "No answer.")

    world.door = FunctionDoor(silent)
    found = world.check()
    assert (found.validity, found.reason) == (Validity.INCONCLUSIVE, shown)
    assert len(found.probes) == 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(kind="throttle"), "rate_limited"),
        (Fault(kind="error"), "rate_limited"),  # 503 says ServerBusy
        (Fault(kind="error", status=500), "issuer_error"),
    ],
)
def test_failures_of_the_service_are_inconclusive(world, fault, reason):
    world.door = FunctionDoor(issuers({NAME: lambda request: failure(world.azure, request, fault)}, world.clock))
    found = world.check()
    assert (found.validity, found.reason) == (Validity.INCONCLUSIVE, reason)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, b"", "unexpected_answer"),
        (200, b"<html>Sign in</html>", "unexpected_answer"),
        (200, f"<SubscriptionID>{uuid.UUID(int=5)}</SubscriptionID>".encode(), "unexpected_answer"),
        (301, b"", "redirected"),
        (400, b"<Code>MissingOrIncorrectVersionHeader</Code>", "unexpected_answer"),
        (403, b"<html>Forbidden by the proxy</html>", "unexpected_answer"),
        (403, b"<Code>SomethingNew</Code>", "unexpected_answer"),
        (404, b"<Code>ResourceNotFound</Code>", "unexpected_answer"),
        (410, b"", "authority_retired"),
        (500, b"", "issuer_error"),
    ],
)
def test_answer_that_is_not_documented_is_inconclusive(world, status, body, reason):
    world.door = FunctionDoor(always(status, body))
    found = world.check()
    assert (found.validity, found.reason) == (Validity.INCONCLUSIVE, reason)


def test_every_subscription_is_asked_and_the_strongest_answer_wins(world):
    gone, other = str(uuid.uuid4()), world.azure.add_subscription(name="Test")
    found = world.check(gone, world.id, other)
    assert found.validity is Validity.LIVE
    assert found.evidence[f"subscription {gone}"] == "dead (certificate_not_associated)"
    assert found.evidence[f"subscription {world.id}"] == "live (accepted): Production"
    assert [probe.status for probe in found.probes] == [403, 200, 403]


def test_one_silent_subscription_keeps_the_others_refusals_from_being_death(world):
    gone, silent = str(uuid.uuid4()), str(uuid.uuid4())
    plain = issuers({NAME: world.azure}, world.clock)

    def half(request):
        if silent in request.url:
            raise NoAnswerError("timeout", "No answer.")
        return plain(request)

    world.door = FunctionDoor(half)
    assert world.check(gone, silent).validity is Validity.INCONCLUSIVE


def test_more_subscriptions_than_are_asked_are_never_all_dead(world):
    found = world.check(*(str(uuid.uuid4()) for _ in range(MOST_SUBSCRIPTIONS + 5)))
    assert (found.validity, found.reason, found.evidence["not_asked"]) == (Validity.INCONCLUSIVE, "not_all_asked", "5")
    assert len(world.door.sent) == MOST_SUBSCRIPTIONS


def test_subscription_id_near_by_is_asked_too_and_nonsense_is_not(world):
    world.check("../admin", world.id.upper(), subscription_id=world.id)
    assert [request.url for request in world.door.sent] == [f"https://{NAME}/{world.id}"]


def test_request_shows_the_certificate_and_names_its_version(world):
    world.check()
    (request,) = world.door.sent
    assert request.identity is not None
    assert (request.method, request.headers["x-ms-version"], request.body) == ("GET", "2014-10-01", b"")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://management.core.chinacloudapi.cn", CHINA),
        ("https://management.core.windows.net/", NAME),
        ("https://management.core.windows.net.evil.example/", NAME),
        ("https://evil.example/?management.core.chinacloudapi.cn", NAME),
        ("http://[", NAME),
    ],
)
def test_scanned_address_only_chooses_among_microsofts_own(world, url, host):
    world.check(url=url)
    assert world.door.sent[0].url.startswith(f"https://{host}/")


def test_nobody_is_asked_without_a_subscription_or_without_the_key(world):
    found = check(certificate_credential(world.pair), world.door, [])
    assert (found.validity, found.reason) == (Validity.UNCHECKED, "companion_missing")
    whole = certificate_credential(world.pair, subscription_id=world.id)
    half = dataclasses.replace(whole, key=dataclasses.replace(whole.key, private=None))
    assert check(half, world.door, []).reason == "private_key_missing"
    assert world.door.sent == []


def test_name_of_a_subscription_cannot_break_out_of_its_line(world):
    body = f"<SubscriptionID>{world.id}</SubscriptionID><SubscriptionName>a\x1b[31m\nb\u202e</SubscriptionName>".encode()
    world.door = FunctionDoor(always(200, body))
    shown = world.check().evidence[f"subscription {world.id}"]
    assert shown.isprintable()
