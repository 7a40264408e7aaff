"""Each row of the documented issuers, asked as the catalog declares it: in memory, and through the real door on loopback."""

import random
from functools import lru_cache

import pytest

from stanch.catalog.load import load_catalog
from stanch.catalog.sampler import sample_value
from stanch.catalog.validity import validity_specs
from stanch.core.secret import Secret
from stanch.core.validity import Validity
from stanch.issuers.declared import declared
from stanch.issuers.model import Credential, asked
from stanch.issuers.transport import GuardedDoor
from stanch.net.model import HttpAnswer
from stanch.net.policy import DoorPolicy
from support.doors import FunctionDoor
from support.issuer_rows import ROWS
from support.issuers import Issuer, Row, loopback

SPECS = validity_specs([row.detector for row in ROWS])
STATES = ("live", "dead", "expired", "dormant")
CASES = [(row, state) for row in ROWS for state in STATES if getattr(row, state) is not None]
IDS = [f"{row.detector}-{state}" for row, state in CASES]


@lru_cache(maxsize=1)
def detectors():
    return {detector.id: detector for detector in load_catalog()}


def credential(row: Row, value: str) -> Credential:
    secret = Secret(value.encode("latin-1"), fingerprint="f" * 64, redacted="…")
    return Credential(detector=row.detector, secret=secret, companions=dict(row.companions))


def values(row: Row) -> dict[str, str]:
    """A fresh value for each state."""
    rng = random.Random(row.detector)
    found: dict[str, str] = {}
    while len(found) < len(STATES):
        value = sample_value(detectors()[row.detector], rng)
        if value not in found.values():
            found[STATES[len(found)]] = value
    return found


def ask(row, value, door):
    return asked(declared(SPECS[row.detector], allowed=lambda host, port: True), credential(row, value), door)


def test_there_are_more_than_sixty_types():
    assert len({row.detector for row in ROWS}) == len(ROWS) > 60


@pytest.mark.parametrize(("row", "state"), CASES, ids=IDS)
def test_what_the_issuer_says_of_a_credential_is_what_is_reported(row, state):
    value = values(row)
    door = FunctionDoor(Issuer(row, {value[name]: name for name in STATES if name != "dead"}))
    check = ask(row, value[state], door)
    assert (check.validity.value, check.checked_at) == (state, door.now()), check
    assert value[state] not in check.message + "".join(check.evidence.values())
    assert {probe.host for probe in check.probes} <= {row.host, *row.regions}


@pytest.mark.parametrize(("row", "state"), CASES, ids=IDS)
def test_the_real_door_takes_the_same_requests_to_a_loopback_server(row, state):
    value = values(row)
    with loopback(Issuer(row, {value[name]: name for name in STATES if name != "dead"})) as base:
        overrides = {host: f"{base}/{host}" for host in (row.host, *row.regions)}
        check = ask(row, value[state], GuardedDoor(DoorPolicy(rate=0, overrides=overrides)))
    assert check.validity.value == state, check


@pytest.mark.parametrize("row", ROWS, ids=[row.detector for row in ROWS])
@pytest.mark.parametrize(
    ("status", "reason"), [(429, "rate_limited"), (503, "issuer_error"), (302, "redirected"), (418, "unexpected_answer")]
)
def test_an_answer_that_decides_nothing_is_inconclusive(row, status, reason):
    door = FunctionDoor(lambda _: HttpAnswer(status=status, headers={"location": "https://evil.example/"}, body=b"{}"))
    check = ask(row, values(row)["live"], door)
    assert (check.validity, check.reason, len(door.sent)) == (Validity.INCONCLUSIVE, reason, 1)


@pytest.mark.parametrize("row", [row for row in ROWS if row.regions], ids=[row.detector for row in ROWS if row.regions])
def test_a_credential_of_another_region_is_live_though_the_first_refuses_it(row):
    value = values(row)["live"]
    abroad = Issuer(row, {value: "live"})
    home = Issuer(row, {})
    door = FunctionDoor(lambda request: (abroad if row.regions[-1] in request.url else home)(request))
    given = {name: text for name, text in row.companions.items() if name != "host"}
    secret = Secret(value.encode(), fingerprint="f" * 64, redacted="…")
    check = asked(declared(SPECS[row.detector]), Credential(detector=row.detector, secret=secret, companions=given), door)
    assert (check.validity, check.probes[-1].host) == (Validity.LIVE, row.regions[-1])


def test_stripe_error_codes_and_links_are_carried_into_the_evidence():
    row = next(row for row in ROWS if row.detector == "stripe-live-secret-key")
    value = values(row)
    check = ask(row, value["expired"], FunctionDoor(Issuer(row, {value["expired"]: "expired"})))
    assert check.reason == "api_key_expired"
    assert check.evidence == {
        "code": "api_key_expired",
        "type": "invalid_request_error",
        "doc_url": "https://docs.stripe.com/error-codes#api-key-expired",
        "request_log_url": "https://dashboard.stripe.com/logs/r2",
    }
