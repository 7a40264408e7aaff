"""The shared directory: found by every name, changed atomically, bounded, and never holding a secret in the clear."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from tests.support.doors import MOMENT
from tests.support.simulated import Pair

from stanch.simulators import directory as module
from stanch.simulators.clock import ManualClock
from stanch.simulators.directory import Directory, new_id
from stanch.simulators.directory_model import Application, Audit, ServicePrincipal, SignIn
from stanch.simulators.faults import Faults


@pytest.fixture
def directory() -> Directory:
    return Directory(clock=ManualClock(MOMENT))


def test_application_is_found_by_each_of_its_names(directory):
    tenant = directory.add_tenant("Contoso.Example")
    app = directory.add_application(tenant.id, "billing", app_id=new_id().upper())
    state = directory.state()
    principal = state.service_principal_of(app.app_id.upper(), tenant.id)
    assert state.tenant("CONTOSO.example") == state.tenant(tenant.id.upper()) == tenant
    assert state.application(app.object_id.upper()) == state.application_of(app.app_id.upper()) == app
    assert state.service_principal(principal.object_id) == principal
    assert state.tenant("nobody.example") is state.application_of(new_id()) is state.service_principal_of(app.app_id, "x") is None


def test_key_takes_its_dates_and_its_identifier_from_the_certificate(directory):
    pair = Pair()
    key = directory.key(pair.der)
    assert (key.start, key.end) == (pair.certificate.not_valid_before_utc, pair.certificate.not_valid_after_utc)
    assert key.custom_key_identifier.hex().upper() == key.sha1.hex().upper() == pair.thumbprint
    assert directory.key(pair.der, end=MOMENT, display_name="x", custom_key_identifier=b"y").custom_key_identifier == b"y"


def test_secret_is_kept_as_a_digest(directory):
    value = "".join(["q9Z", "8Q~", "abc" * 10])
    password = directory.password(value)
    assert value not in repr(password)
    assert (password.matches(value), password.matches(value + " "), password.hint) == (True, False, value[:3])
    assert password.start < MOMENT < password.end - timedelta(days=170)


def test_removing_an_application_takes_its_service_principals_along(directory):
    tenant = directory.add_tenant("contoso.example")
    app, other = directory.add_application(tenant.id, "a"), directory.add_application(tenant.id, "b")
    directory.remove(app.object_id)
    state = directory.latest()
    assert list(state.applications.values()) == [other]
    assert [principal.app_id for principal in state.service_principals.values()] == [other.app_id]
    principal = next(iter(state.service_principals))
    directory.remove(principal)
    assert (len(directory.latest().applications), len(directory.latest().service_principals)) == (1, 0)


def test_read_modify_write_of_many_threads_loses_nothing(directory):
    app = directory.add_application(directory.add_tenant("contoso.example").id, "a")
    key = directory.key(Pair().der)

    def add(_: int) -> None:
        more = dataclasses.replace(key, key_id=new_id())
        directory.change(Application, app.object_id, lambda a: dataclasses.replace(a, key_credentials=(*a.key_credentials, more)))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(200)))
    assert len(directory.latest().application(app.object_id).key_credentials) == 200


def test_change_that_fails_changes_nothing(directory):
    app = directory.add_application(directory.add_tenant("contoso.example").id, "a")
    before = directory.latest()

    def fail(_: Application) -> Application:
        raise LookupError

    with pytest.raises(LookupError):
        directory.change(Application, app.object_id, fail)
    with pytest.raises(KeyError):
        directory.change(ServicePrincipal, app.object_id, lambda principal: principal)
    assert directory.latest() is before


def test_state_that_was_read_never_changes_afterwards(directory):
    app = directory.add_application(directory.add_tenant("contoso.example").id, "a")
    before = directory.state()
    directory.update_application(app.object_id, display_name="b")
    assert (before.application(app.object_id).display_name, directory.state().application(app.object_id).display_name) == (
        "a",
        "b",
    )


def test_stale_replica_sees_the_past_and_the_logs_do_not_lag():
    faults, clock = Faults(), ManualClock(MOMENT)
    directory = Directory(faults=faults, clock=clock)
    tenant = directory.add_tenant("contoso.example")
    clock.advance(60)
    faults.replicate([0, 30], order=[1])
    app = directory.add_application(tenant.id, "a")
    directory.record(SignIn(id=new_id(), created=clock(), tenant_id=tenant.id, app_id=app.app_id, error_code=0))
    assert (directory.state().application_of(app.app_id), directory.latest().application_of(app.app_id)) == (None, app)
    assert directory.state(0).application_of(app.app_id) == app
    assert len(directory.sign_ins) == 1


def test_logs_are_apart_and_bounded(directory, monkeypatch):
    monkeypatch.setattr(module, "MOST_RECORDS", 3)
    small = Directory()
    for number in range(5):
        small.record(SignIn(id=str(number), created=MOMENT, tenant_id="t", app_id="a", error_code=number))
        small.record(Audit(id=str(number), created=MOMENT, tenant_id="t", activity="x", actor="a", target="b"))
    assert [entry.id for entry in small.sign_ins] == [entry.id for entry in small.audits] == ["2", "3", "4"]


def test_unknown_cloud_is_refused(directory):
    with pytest.raises(ValueError, match="cloud"):
        directory.add_tenant("a.example", cloud="moon")
