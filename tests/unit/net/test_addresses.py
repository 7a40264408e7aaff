from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.net.addresses import forms_of, parse_address, refusal

INSIDE = [
    "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "100.100.100.200", "0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.250", "255.255.255.255", "240.0.0.1", "192.0.0.192",
    "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "192.88.99.1", "168.63.129.16", "::", "::1", "fe80::1", "febf::1",
    "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "3fff::1", "100::1", "::7f00:1", "64:ff9b:1::1", "4000::1",
    "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:a00:1::1",
    "2002:7f00:1::", "2001:0:0a00:1:0:0:f5ff:fffe", "2001:470:1::200:5efe:a00:1", "2600::5efe:7f00:1",
]  # fmt: skip
OUTSIDE = [
    "8.8.8.8",
    "1.1.1.1",
    "172.32.0.1",
    "100.128.0.1",
    "140.82.121.6",
    "2606:4700::1111",
    "2a00:1450::1",
    "64:ff9b::8.8.8.8",
]


@pytest.mark.parametrize("text", INSIDE)
def test_what_is_not_on_the_internet_is_refused_with_a_word(text):
    assert refusal(ip_address(text))


@pytest.mark.parametrize("text", [*OUTSIDE, "::ffff:8.8.8.8"])
def test_what_is_on_the_internet_is_not_refused(text):
    assert refusal(ip_address(text)) == ""


@pytest.mark.parametrize("text", ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3"])
def test_an_allowed_network_opens_its_addresses_however_they_are_written(text):
    assert refusal(ip_address(text), allowed=[ip_network("10.1.0.0/16")]) == ""


def test_an_allowed_network_opens_nothing_else():
    allowed = [ip_network("10.1.0.0/16")]
    assert refusal(ip_address("10.2.0.1"), allowed=allowed) == "private"
    assert refusal(ip_address("64:ff9b::10.2.0.1"), allowed=allowed) == "private"


def test_an_allowed_outer_network_does_not_open_what_is_packed_inside():
    assert refusal(ip_address("2002:a00:1::1"), allowed=[ip_network("2002::/16")]) == "private"


@pytest.mark.parametrize("text", ["10.0.0.1", "127.0.0.1", "100.64.0.1", "fd00::1", "::1", "::ffff:192.168.0.1"])
def test_naming_a_host_opens_private_and_loopback_addresses(text):
    assert refusal(ip_address(text), named=True) == ""


@pytest.mark.parametrize(
    "text", ["169.254.169.254", "fe80::1", "224.0.0.1", "0.0.0.0", "::ffff:169.254.169.254", "168.63.129.16"]
)
def test_naming_a_host_does_not_open_the_metadata_service_and_its_like(text):
    assert refusal(ip_address(text), named=True)


@given(st.integers(0, 2**32 - 1))
def test_every_ipv4_address_is_judged_the_same_when_it_is_packed_into_ipv6(number):
    plain = IPv4Address(number)
    mapped = IPv6Address((0xFFFF << 32) | number)
    translated = IPv6Address((0x64FF9B << 96) | number)
    assert refusal(mapped) == refusal(plain)
    assert refusal(translated) == refusal(plain)


@given(st.integers(0, 2**128 - 1))
def test_an_ipv6_address_outside_what_is_handed_out_is_refused(number):
    address = IPv6Address(number)
    handed_out = number >> 125 == 1
    carries_ipv4 = number >> 32 in (0xFFFF, 0x64FF9B << 64)
    if not handed_out and not carries_ipv4:
        assert refusal(address)


def test_a_teredo_address_reaches_its_server_and_its_client():
    forms = forms_of(IPv6Address("2001:0:4136:e378:8000:63bf:3fff:fdd2"))
    assert IPv4Address("65.54.227.120") in forms
    assert IPv4Address("192.0.2.45") in forms


@pytest.mark.parametrize("text", ["127.1", "0177.0.0.1", "0x7f.0.0.1", "2130706433", "fe80::1%eth0", "[::1]", "", "1.2.3.4 "])
def test_only_plainly_written_addresses_are_addresses(text):
    assert parse_address(text) is None


@pytest.mark.parametrize(
    "text", ["100.100.100.200", "fd00:ec2::254", "fd20:ce::254", "169.254.169.254", "168.63.129.16", "192.0.0.192"]
)
def test_metadata_services_inside_private_networks_open_only_by_their_address(text):
    address = parse_address(text)
    assert refusal(address, named=True)
    assert refusal(address, allowed=[ip_network(text)]) == ""
