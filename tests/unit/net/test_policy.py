import dataclasses

import pytest

from stanch.core.errors import ConfigError
from stanch.net.policy import DoorPolicy


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("login.microsoftonline.com", "https://127.0.0.1:8443"),
        ("LOGIN.microsoftonline.com", "https://127.0.0.1:8443"),
        ("https://login.microsoftonline.com", "https://127.0.0.1:8443"),
        ("api.github.com", "https://api.github.com"),
        ("https://ghe.example/api/", "https://ghe.example/api"),
        ("http://10.0.0.1:80", "http://10.0.0.1:80"),
        ("acme.blob.core.windows.net", "http://127.0.0.1:10000/acme"),
        ("https://acme.blob.core.windows.net", "http://127.0.0.1:10000/acme"),
        ("blob.core.windows.net", "https://blob.core.windows.net"),
        ("db.example:5433", "tcp://127.0.0.1:1"),
        ("db.example:5432", "https://db.example:5432"),
    ],
)
def test_hosts_are_where_the_user_says_or_where_they_always_are(name, url):
    overrides = {
        "login.microsoftonline.com": "https://127.0.0.1:8443/",
        "*.blob.core.windows.net": "http://127.0.0.1:10000/{}",
        "db.example:5433": "tcp://127.0.0.1:1",
    }
    assert DoorPolicy(overrides=overrides).base(name) == url


def test_a_star_takes_several_labels():
    policy = DoorPolicy(overrides={"*.windows.net": "https://sim.test/{}/x"})
    assert policy.base("acme.blob.core.windows.net") == "https://sim.test/acme.blob.core/x"


def test_other_protocols_are_overridden_too():
    policy = DoorPolicy(overrides={"db.example": "tcp://127.0.0.1:5499", "cache.example": "tcp://127.0.0.1"})
    assert policy.destination("db.example", 5432) == ("127.0.0.1", 5499)
    assert policy.destination("cache.example", 6379) == ("127.0.0.1", 6379)
    assert policy.destination("else.example", 5432) == ("else.example", 5432)


@pytest.mark.parametrize(
    "changes",
    [
        {"deadline": 0}, {"step_timeout": -1}, {"attempts": 0}, {"rate": -1}, {"rate": float("nan")}, {"burst": 0}, {"max_body": 0},
        {"allowed": ("not a host",)}, {"allowed": ("",)}, {"allowed": ("10.0.0.0/99",)}, {"deadline": float("inf")},
        {"overrides": {"a": "127.0.0.1:80"}}, {"overrides": {"a": "https://u:p@h"}}, {"overrides": {"a": "https://{}.h/"}},
        {"overrides": {"a": "ftp://h"}}, {"overrides": {"a": "https://h?x"}}, {"overrides": {"a": "https://h:99999"}},
    ],
)  # fmt: skip
def test_values_that_make_no_sense_are_refused(changes):
    with pytest.raises(ConfigError):
        DoorPolicy(**changes)


def test_a_policy_cannot_be_changed():
    overrides = {"a.example": "https://127.0.0.1:1"}
    policy = DoorPolicy(overrides=overrides)
    overrides["a.example"] = "https://evil.test"
    assert policy.base("a.example") == "https://127.0.0.1:1"
    with pytest.raises(TypeError):
        policy.overrides["a.example"] = "https://evil.test"  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        policy.rate = 9


def test_other_hosts_are_another_digest():
    plain, simulated = DoorPolicy(), DoorPolicy(overrides={"a.example": "https://127.0.0.1:1"})
    assert plain.hosts_digest() != simulated.hosts_digest()
    assert plain.hosts_digest() == DoorPolicy(rate=1).hosts_digest()
