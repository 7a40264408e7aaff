import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.outside import Names

from stanch.net.guard import Guard, check_port, host_of, target_of
from stanch.net.model import NoAnswerError
from stanch.net.policy import DoorPolicy

SECRET = "hunter" + "2hunter2"


def refused(url):
    with pytest.raises(NoAnswerError) as caught:
        target_of(url)
    assert caught.value.reason == "host_refused"
    assert "Nothing was sent" in caught.value.message
    return caught.value


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://api.github.com/user", "api.github.com", 443, "/user"),
        ("https://API.GitHub.com./user?a=1&b=%20#part", "api.github.com", 443, "/user?a=1&b=%20"),
        ("http://h.example:8080", "h.example", 8080, "/"),
        ("https://h.example:/x", "h.example", 443, "/x"),
        ("https://[2606:4700::1111]:8443/", "2606:4700::1111", 8443, "/"),
        ("https://8.8.8.8?x", "8.8.8.8", 443, "/?x"),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443, "/"),
    ],
)
def test_ordinary_addresses_are_read(url, host, port, path):
    target = target_of(url)
    assert (target.host, target.port, target.path) == (host, port, path)


@pytest.mark.parametrize(
    "url",
    [
        "", "api.github.com", "//api.github.com/", "ftp://h.example/", "file:///etc/passwd", "javascript:0", "https:h.example",
        "https://", "https:///path", "https://user@h.example/", f"https://user:{SECRET}@h.example/", "https://h.example@evil.test/",
        "https://h.example\\@evil.test/", "https://h.example%2eevil.test/", "https://h.exa mple/", "https://h.example/\r\nX: y",
        "https://h.example/\x00", "https://h.example/\x7f", "https://h.example:0/", "https://h.example:65536/", "https://h.example:-1/",
        f"https://h.example:{SECRET}/", f"https://[{SECRET}]/", "https://h.example:80:80/", "https://[::1/", "https://[::1]x/", "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/", "https://bücher.example/", "https://h。example/", "https://ａpi.github.com/", "https://h.example/ü",
        "https://-h.example/", "https://h-.example/", "https://h..example/", "https://.h.example/", "https://h.example../",
        "https://127.1/", "https://0x7f.0.0.1/", "https://0177.0.0.1/", "https://2130706433/", "https://1.2.3.4.5/", "https://h.0x/",
        "https://h.example:25/", "https://h.example:22/", "https://h.example:6667/", f"https://{'a' * 64}.example/",
        "https://" + "a." * 130 + "example/", "https://h.example/" + "x" * 20_000,
    ],
)  # fmt: skip
def test_what_two_programs_could_read_differently_is_refused(url):
    error = refused(url)
    assert SECRET not in str(error)
    assert (error.__cause__, error.__context__) == (None, None)  # a library's error repeats what it was given


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    for url in (text, f"https://{text}", f"https://h.example{text}"):
        try:
            target = target_of(url)
        except NoAnswerError:
            continue
        assert host_of(f"[{target.host}]" if ":" in target.host else target.host) == target.host
        assert 0 < target.port < 65_536
        assert target.path.startswith("/")


def test_a_protocol_may_use_its_own_port_and_no_other_ones():
    check_port(25, "smtp")
    check_port(5432, "postgresql")
    with pytest.raises(NoAnswerError):
        check_port(25, "redis")


def guard(known, **policy):
    names = Names(known)
    return Guard(DoorPolicy(**policy), names), names


def reason(guard_, host):
    with pytest.raises(NoAnswerError) as caught:
        guard_.addresses(host, 443, seconds=2)
    return caught.value.reason


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "127.0.0.1", "::1", "::ffff:10.0.0.1", "10.0.0.1", "fe80::1%eth0", "0.0.0.0", "100.64.0.1"]
)
def test_a_name_that_leads_inside_is_refused_and_the_message_says_where(address):
    door_guard, _ = guard({"issuer.test": [address]})
    with pytest.raises(NoAnswerError) as caught:
        door_guard.addresses("issuer.test", 443, seconds=2)
    assert caught.value.reason == "address_refused"
    assert "issuer.test leads to" in caught.value.message


def test_one_bad_address_among_good_ones_refuses_the_name():
    assert reason(guard({"issuer.test": ["8.8.8.8", "10.0.0.1"]})[0], "issuer.test") == "address_refused"


def test_literal_addresses_are_checked_without_a_lookup():
    door_guard, names = guard({})
    assert reason(door_guard, "169.254.169.254") == "address_refused"
    assert door_guard.addresses("8.8.8.8", 443, seconds=2) == ("8.8.8.8",)
    assert names.asked == []


def test_all_addresses_come_back_in_order_and_once():
    door_guard, names = guard({"issuer.test": ["8.8.8.8", "2606:4700::1111", "8.8.8.8"]})
    assert door_guard.addresses("issuer.test", 443, seconds=2) == ("8.8.8.8", "2606:4700::1111")
    assert names.asked == ["issuer.test"]


@pytest.mark.parametrize("answer", [[], ["nonsense"], ["8.8.8.8", "x"], [f"8.8.{n}.8" for n in range(65)]])
def test_a_lookup_without_a_usable_answer_is_dns(answer):
    assert reason(guard({"issuer.test": answer})[0], "issuer.test") == "dns"


def test_an_unknown_name_is_dns():
    assert reason(guard({})[0], "issuer.test") == "dns"


def test_a_lookup_that_hangs_is_given_up():
    release = threading.Event()

    def hang(host, port):
        release.wait(10)
        return ["8.8.8.8"]

    start = time.monotonic()
    with pytest.raises(NoAnswerError) as caught:
        Guard(DoorPolicy(), hang).addresses("issuer.test", 443, seconds=0.05)
    release.set()
    assert caught.value.reason == "dns"
    assert time.monotonic() - start < 2


def test_a_host_that_the_user_named_may_be_private_but_not_the_metadata_service():
    known = {"git.corp.example": ["10.0.0.7"], "x.corp.example": ["169.254.169.254"], "other.example": ["10.0.0.7"]}
    door_guard, _ = guard(known, allowed=(".corp.example",))
    assert door_guard.addresses("git.corp.example", 443, seconds=2) == ("10.0.0.7",)
    assert reason(door_guard, "x.corp.example") == "address_refused"
    assert reason(door_guard, "other.example") == "address_refused"


def test_where_an_override_leads_is_allowed_at_its_port_only():
    door_guard, _ = guard({}, overrides={"login.microsoftonline.com": "https://127.0.0.1:8443"})
    assert door_guard.addresses("127.0.0.1", 8443, seconds=2) == ("127.0.0.1",)
    with pytest.raises(NoAnswerError):
        door_guard.addresses("127.0.0.1", 6379, seconds=2)


@pytest.mark.parametrize("host", ["localhost", "vault", "db.internal", "printer.local", "x.localhost", "127.0.0.1", "fd00::1"])
def test_through_a_proxy_names_and_addresses_of_local_networks_are_refused(host):
    with pytest.raises(NoAnswerError) as caught:
        guard({})[0].check_name(host, 443)
    assert caught.value.reason == "address_refused"


def test_through_a_proxy_public_and_named_hosts_pass():
    door_guard, names = guard({}, allowed=("vault", "10.0.0.0/8"))
    for host in ("api.github.com", "vault", "10.1.2.3", "8.8.8.8"):
        door_guard.check_name(host, 443)
    assert names.asked == []
