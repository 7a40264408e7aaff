"""Which addresses an issuer may have. Everything that is not ordinary Internet is refused unless the user allowed it.

What is asked about comes from scanned files, so an attacker may write the host name and run its DNS. The table is ours and not
`ipaddress.is_private`, whose answers change between Python versions. An IPv6 address may carry an IPv4 one that a gateway on
the way unpacks; then both have to be fine.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Registries: https://www.iana.org/assignments/iana-ipv4-special-registry and …/iana-ipv6-special-registry.
# True: the user may lift it by naming the host. The others only by writing the address or its network, because no name of a
# service leads there, and whoever controls the name's DNS would otherwise reach the machine's metadata service.
_SPECIAL: Final[tuple[tuple[Network, str, bool], ...]] = tuple(
    (ip_network(text), word, nameable)
    for text, word, nameable in (
        ("0.0.0.0/8", "unspecified", False),
        ("10.0.0.0/8", "private", True),
        ("100.100.100.200/32", "the metadata service of a cloud", False),  # Alibaba; the networks around these are private
        ("fd00:ec2::254/128", "the metadata service of a cloud", False),  # AWS
        ("fd20:ce::254/128", "the metadata service of a cloud", False),  # Google
        ("100.64.0.0/10", "shared (carrier-grade NAT)", True),
        ("127.0.0.0/8", "loopback", True),
        ("168.63.129.16/32", "the Azure platform's own", False),
        ("169.254.0.0/16", "link-local", False),
        ("172.16.0.0/12", "private", True),
        ("192.0.0.0/24", "reserved for protocols", False),
        ("192.0.2.0/24", "reserved for documentation", False),
        ("192.88.99.0/24", "reserved (6to4 relay)", False),
        ("192.168.0.0/16", "private", True),
        ("198.18.0.0/15", "reserved for benchmarks", False),
        ("198.51.100.0/24", "reserved for documentation", False),
        ("203.0.113.0/24", "reserved for documentation", False),
        ("224.0.0.0/4", "multicast", False),
        ("240.0.0.0/4", "reserved", False),
        ("::/128", "unspecified", False),
        ("::1/128", "loopback", True),
        ("64:ff9b:1::/48", "private (local NAT64)", False),
        ("2001::/23", "reserved for protocols (Teredo and others)", False),
        ("2001:db8::/32", "reserved for documentation", False),
        ("2002::/16", "reserved (6to4)", False),
        ("3fff::/20", "reserved for documentation", False),
        ("fc00::/7", "private", True),
        ("fe80::/10", "link-local", False),
        ("fec0::/10", "private (site-local)", False),
        ("ff00::/8", "multicast", False),
    )
)
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052: how a network without IPv4 reaches IPv4 hosts
_GLOBAL: Final = IPv6Network("2000::/3")  # the only part of IPv6 that is handed out
_ISATAP: Final = (0x0000_5EFE, 0x0200_5EFE)  # RFC 5214 §6.1: interface identifier before the IPv4 address


def parse_address(text: str) -> Address | None:
    """Return the address *text* is, ``None`` when it is none. Brackets and zone ids (``fe80::1%eth0``) are not taken."""
    try:
        return None if "%" in text else ip_address(text)
    except ValueError:
        return None


def refusal(address: Address, *, allowed: Iterable[Network] = (), named: bool = False) -> str:
    """Say why an address is refused: ``loopback``, ``private`` …; empty when it may be used.

    Args:
        address: where a connection would go.
        allowed: networks the user opened.
        named: the user allowed the host by its name.
    """
    allowed = tuple(allowed)
    for form in forms_of(address):
        word, nameable = _zone(form)
        if word and not (named and nameable) and not any(form in network for network in allowed):
            return word
    return ""


def forms_of(address: Address) -> tuple[Address, ...]:
    """Return every address that packets to *address* may reach: itself, and those packed inside.

    An IPv4-mapped address is only another way to write the IPv4 one.
    """
    if isinstance(address, IPv4Address):
        return (address,)
    if address in _MAPPED:
        return (_low(address),)
    forms: list[Address] = [address]
    number = int(address)
    if address.sixtofour is not None:
        forms.append(address.sixtofour)
    if address.teredo is not None:
        forms.extend(address.teredo)
    if address in _NAT64 or (number >> 32) & 0xFFFF_FFFF in _ISATAP:
        forms.append(_low(address))
    return tuple(forms)


def _low(address: IPv6Address) -> IPv4Address:
    return IPv4Address(int(address) & 0xFFFF_FFFF)


def _zone(address: Address) -> tuple[str, bool]:
    for network, word, nameable in _SPECIAL:
        if address in network:
            return word, nameable
    if isinstance(address, IPv6Address) and address not in _GLOBAL and address not in _NAT64:
        return "reserved", False
    return "", False
