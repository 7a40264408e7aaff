import base64
import random
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.catalog.load import load_catalog
from stanch.catalog.sampler import sample_value
from stanch.catalog.template import holes
from stanch.catalog.validity import validity_from, validity_specs
from stanch.catalog.validity_spec import leaves
from stanch.core.secret import Secret
from stanch.core.validity import Validity
from stanch.issuers.declared import ask_declared
from stanch.issuers.model import Credential
from stanch.issuers.rendering import NotAskedError, matches_host, places, request
from support.doors import FunctionDoor, always

DETECTORS = {detector.id: detector for detector in load_catalog()}
SPECS = {name: spec for name, spec in validity_specs(DETECTORS).items() if spec.runs}
NAMES = sorted(SPECS)
MARK = "m4rk3dv4lu3"
# Requests that change nothing although they are POSTs: each was looked at.
HARMLESS_POSTS = {
    "alchemy-api-key-in-url", "auth0-client-secret", "azure-bot-channel-secret", "azure-speech-key", "azure-speech-key-hex",
    "azure-speech-key-in-code", "azure-translator-key", "azure-translator-key-hex", "bitbucket-client-secret", "discord-client-secret",
    "docker-hub-personal-access-token", "dropbox-access-token", "dynatrace-token", "gcp-application-default-credentials",
    "gitlab-runner-authentication-token", "google-oauth-access-token", "google-oauth-client-secret", "ibm-cloud-user-key", "infura-api-key",
    "infura-api-key-in-url", "intra42-client-secret", "kubernetes-service-account-token", "linear-api-key", "mandrill-api-key",
    "maxmind-license-key", "monday-api-key", "mongodb-atlas-service-account-token", "new-relic-user-api-key", "paypal-oauth-secret",
    "plaid-secret", "scalingo-api-token", "slack-app-token", "slack-bot-token", "slack-config-access-token", "slack-legacy-token",
    "slack-legacy-workspace-token", "slack-user-token", "slack-webhook-url", "sourcegraph-access-token", "spotify-api-secret",
    "uptimerobot-api-key", "weights-and-biases-api-key", "weights-and-biases-api-key-legacy",
}  # fmt: skip
HOSTILE = [
    "evil.example", "https://evil.example", "api.vendor.com@evil.example", "evil.example/", "evil.example/.vendor.com", "evil.example#.vendor.com",
    "evil.example?.vendor.com", "evil.example\\.vendor.com", "vendor.com:443@evil.example", "a\r\nHost: evil.example", "a\nX: y", "../../x", "..", ".",
    "%2e%2e%2fx", "аcme.vendor.com", "evil.example\u3002vendor.com", "vendor.com\u200b.evil.example", "[::1]", "127.0.0.1", "2130706433", "-", " ", "\0",
    "169.254.169.254", "a" * 5000, "evil.example:99999", "//evil.example", "evil.example%23", "{value}", "{companion:host}",
]  # fmt: skip


def credential(spec, value, companions):
    secret = Secret(value.encode("utf-8", "surrogatepass"), fingerprint="f" * 64, redacted="…")
    return Credential(detector=spec.detector, secret=secret, companions=companions)


def needed(spec):
    return {hole.companion: hole.default for hole in holes(spec.templates()) if hole.companion}


def fitting(spec):
    """Companions as they ought to be: hosts from the entry's own patterns, otherwise a plain word."""
    named = [part for part in spec.authority if not isinstance(part, str)]
    word = "acme1"
    found = {name: (f"{word}@acme.example" if "mail" in name else word) for name in needed(spec)}
    for hole in named:
        if len(spec.authority) == 1:
            pattern = spec.hosts[0] if spec.hosts else "self.acme.example"
            found[hole.companion] = pattern.replace("*", word)
    return found


def sample(name):
    return sample_value(DETECTORS[name], random.Random(name)).encode("latin-1").decode("latin-1")


def test_every_post_was_looked_at():
    assert {name for name in NAMES if SPECS[name].method == "POST"} == HARMLESS_POSTS


@pytest.mark.parametrize("name", NAMES)
def test_every_declared_request_can_be_made(name):
    spec = SPECS[name]
    value = sample(name)
    who = credential(spec, value, fitting(spec))
    where = places(spec, who, FunctionDoor(always(200)), lambda host, port: True)
    for base in where.bases:
        made = request(spec, who, base)
        parts = urlsplit(made.url)
        assert (parts.scheme, parts.username, parts.fragment) == ("https", None, "")
        assert f"https://{parts.netloc}" == base
        assert made.method in {"GET", "HEAD"} or (made.method == "POST" and name in HARMLESS_POSTS)
        shown = made.url + "".join(made.headers.values()) + made.body.decode()
        assert "{value}" not in shown
        assert "{companion:" not in shown


@pytest.mark.parametrize("name", NAMES)
def test_the_credential_is_where_it_is_meant_and_nowhere_else(name):
    spec = SPECS[name]
    if spec.address_is_value:
        assert spec.hosts
        return
    made = request(spec, credential(spec, MARK, fitting(spec)), "https://api.vendor.example")
    parts = urlsplit(made.url)
    pieces = {"path": parts.path, "query": parts.query, "body": made.body.decode(), **made.headers}
    meant = {"path": [spec.path], "query": [spec.query], "body": [*(text for _, text in spec.form), *leaves(spec.json)]}
    meant |= {header: [text] for header, text in spec.headers}
    if spec.basic:
        pieces["Authorization"] = base64.b64decode(pieces["Authorization"].removeprefix("Basic ")).decode()
        meant["Authorization"] = [spec.basic]
    for place, text in pieces.items():
        assert (MARK in text) == any(not hole.companion for hole in holes(meant.get(place, []))), place


@pytest.mark.parametrize("name", [name for name in NAMES if any(True for _ in holes([SPECS[name].authority]))])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_companion_never_chooses_the_host(name, hostile):
    spec = SPECS[name]
    companions = fitting(spec)
    for hole in holes([spec.authority]):
        companions[hole.companion] = hostile
    door = FunctionDoor(always(200, b"{}"))
    check = ask_declared(spec, credential(spec, MARK, companions), door, [])
    hosts = {urlsplit(sent.url).netloc for sent in door.sent}
    assert all(any(matches_host(host, pattern) for pattern in spec.hosts) for host in hosts), hosts
    assert door.sent or check.validity is Validity.UNCHECKED


@pytest.mark.parametrize(
    "name", [name for name in NAMES if any(hole.companion for hole in holes([SPECS[name].path, SPECS[name].query]))]
)
@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_companion_never_leaves_its_place_in_the_address(name, hostile):
    spec = SPECS[name]
    tame = fitting(spec)
    usual = urlsplit(request(spec, credential(spec, MARK, tame), "https://api.vendor.example").url)
    authority = {hole.companion for hole in holes([spec.authority])}
    companions = {key: text if key in authority else hostile for key, text in tame.items()}
    try:
        made = urlsplit(request(spec, credential(spec, MARK, companions), "https://api.vendor.example").url)
    except NotAskedError:
        return
    assert made.netloc == usual.netloc
    assert made.path.count("/") == usual.path.count("/")
    assert ".." not in made.path.split("/")
    assert made.query.count("&") == usual.query.count("&")
    assert made.fragment == ""


def spec_of(**table):
    base = {
        "request": "GET https://api.acme.com/v1/{companion:x}",
        "headers": {"X-Key": "{value}", "X-Other": "{companion:x}"},
        "live": [200],
        "dead": [401],
    }
    return validity_from({**base, **table}, detector="acme-token", provider="Acme", companions=["x", "user", "site"])


@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_value_and_companion_are_the_destination_stays(value, companion):
    spec = spec_of()
    try:
        made = request(spec, credential(spec, value, {"x": companion}), "https://api.acme.com")
    except NotAskedError:
        return
    parts = urlsplit(made.url)
    assert (parts.scheme, parts.netloc, parts.path.count("/"), parts.query, parts.fragment) == (
        "https",
        "api.acme.com",
        2,
        "",
        "",
    )
    assert all("\r" not in text and "\n" not in text and text.isascii() for text in made.headers.values())


@given(st.text(max_size=80))
def test_a_host_out_of_a_companion_fits_a_pattern_or_is_not_asked(site):
    spec = spec_of(request="GET https://{companion:site}/me", headers={"X-Key": "{value}"}, hosts=["*.acme.com"])
    door = FunctionDoor(always(401))
    check = ask_declared(spec, credential(spec, MARK, {"site": site}), door, [])
    assert all(urlsplit(sent.url).netloc.endswith(".acme.com") for sent in door.sent)
    assert door.sent or check.validity is Validity.UNCHECKED


@pytest.mark.parametrize(
    ("host", "pattern", "fits"),
    [
        ("a.acme.com", "*.acme.com", True), ("a.b.acme.com", "*.acme.com", True), ("acme.com", "*.acme.com", False),
        ("acme.com.evil.example", "*.acme.com", False), ("evilacme.com", "*.acme.com", False), ("api-x.acme.com", "api-*.acme.com", True),
        ("api-x.y.acme.com", "api-*.acme.com", False), ("api.us3.acme.com", "api.*.acme.com", True), ("a.acme.com:8443", "*.acme.com", False),
        ("a.acme.com\n", "*.acme.com", False),
    ],
)  # fmt: skip
def test_patterns_of_hosts(host, pattern, fits):
    assert matches_host(host, pattern) is fits


@pytest.mark.parametrize(
    ("given_url", "fits"),
    [
        ("https://hooks.slack.com/services/T1/B1/x", True), ("https://hooks.slack.com:443/services/T1/B1/x", True), ("http://hooks.slack.com/services/x", False),
        ("https://hooks.slack.com@evil.example/x", False), ("https://evil.example/hooks.slack.com", False), ("https://hooks.slack.com.evil.example/x", False),
        ("https://hooks.slack.com:8443/x", False), ("https://hooks.slack.com\\@evil.example/x", False), ("https://hooks.slack.com/a b", False),
    ],
)  # fmt: skip
def test_an_address_that_is_the_credential_goes_to_its_issuer_or_nowhere(given_url, fits):
    spec = SPECS["slack-webhook-url"]
    door = FunctionDoor(always(400, b"no_text"))
    check = ask_declared(spec, credential(spec, given_url, {}), door, [])
    assert (check.validity is Validity.LIVE, len(door.sent)) == (fits, int(fits))


def test_a_user_name_with_a_colon_is_not_sent():
    spec = spec_of(request="GET https://api.acme.com/", headers={"X": "y"}, basic="{companion:user}:{value}")
    with pytest.raises(NotAskedError, match="colon"):
        request(spec, credential(spec, MARK, {"user": "a:b"}), "https://api.acme.com")


def test_a_request_has_no_repr_of_the_credential():
    spec = spec_of()
    assert MARK not in repr(request(spec, credential(spec, MARK, {"x": "y"}), "https://api.acme.com"))
