"""OpenPGP keys: transferable secret and public keys, armored or not, of the versions 3 to 6.

Each key packet is an item: a primary key and its subkeys are different keys with different uses, and any of them can be absent
(GnuPG's stubs) or kept on a card. Sources: RFC 9580, RFC 4880, LibrePGP; the parts are in `pgppackets`, `pgpmaterial` and
`pgpsecret`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from stanch.core.key_facts import KeyVerdict, Protection
from stanch.keys import material
from stanch.keys.attempts import Budget, unlock
from stanch.keys.material import PLAIN, PUBLIC, Access, Material
from stanch.keys.model import Item, KeyFormatError, Password
from stanch.keys.pgpmaterial import PublicKey, is_known, public, with_secret
from stanch.keys.pgppackets import PUBLIC_KEY, PUBLIC_SUBKEY, SECRET_KEY, SECRET_SUBKEY, USER_ID, Fields, Packet, packets, streams
from stanch.keys.pgpsecret import CARD, STUB, Secret, checked_plain, opened, secret
from stanch.keys.pgpsecret import PLAIN as PLAIN_USAGE

_STUB: Final = Access(
    protection=Protection.NOTHING_TO_PROTECT,
    verdict=KeyVerdict.PUBLIC,
    evidence=("Only a stub: GnuPG exported this key without its private part.",),
)
_CARD: Final = Access(
    protection=Protection.HARDWARE,
    verdict=KeyVerdict.PUBLIC,
    evidence=("The private part is on a smart card; the file only names the card.",),
)
_MOST_KEYS: Final = 1_024


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Found:
    """A key packet with what the packets around it say."""

    packet: Packet
    key: PublicKey
    fields: Fields
    user: str = ""


def parse(data: bytes, passwords: Sequence[Password], *, guess: bool) -> Sequence[Item]:
    """Read OpenPGP keys.

    Args:
        data: armored text, or packets.
        passwords: what may open them.
        guess: whether common passwords are tried too.

    Returns:
        One item a key or subkey, in the order of the file. Keys that are broken are left out, and the others say so: a file
        that is cut off may still hold a whole key.

    Raises:
        KeyFormatError: there is no whole key in it.
    """
    items: list[Item] = []
    problem = ""
    budget = Budget()
    for stream, checked in streams(data):
        found, problem = _read(stream, passwords, guess=guess, budget=budget)
        if not checked:
            found = [_noted(item, "The checksum of the armor is wrong: the text was changed or damaged.") for item in found]
        items += found
    if not items:
        raise KeyFormatError(problem or "there is no OpenPGP key")
    return items


def _read(stream: bytes, passwords: Sequence[Password], *, guess: bool, budget: Budget) -> tuple[list[Item], str]:
    keys, problem = _keys(stream)
    items: list[Item] = []
    usual = passwords
    for found in keys:
        try:
            item = _item(found, usual, guess=guess, budget=budget)
        except KeyFormatError as exc:
            problem = str(exc)
            continue
        items.append(item)
        usual = _opener_first(item, passwords)
    return [_noted(item, f"Another part of the file is damaged: {problem}.") for item in items] if problem else items, problem


def _noted(item: Item, note: str) -> Item:
    return replace(item, facts=replace(item.facts, notes=(*item.facts.notes, note)))


def _opener_first(item: Item, passwords: Sequence[Password]) -> Sequence[Password]:
    """Subkeys have the password of their primary key, as a rule."""
    return sorted(passwords, key=lambda password: password.value is not item.password) if item.password else passwords


def _keys(stream: bytes) -> tuple[list[_Found], str]:
    """Return the keys of a stream, and in words what is broken behind them."""
    found: list[_Found] = []
    family = 0  # where the keys of the last primary key begin
    try:
        for packet in packets(stream):
            if packet.tag in (SECRET_KEY, PUBLIC_KEY):
                family = len(found)
            if packet.tag in (SECRET_KEY, SECRET_SUBKEY, PUBLIC_KEY, PUBLIC_SUBKEY):
                if len(found) >= _MOST_KEYS:
                    return found, "it holds more keys than are looked at"
                found.append(_key(packet, found[family].user if family < len(found) else ""))
            elif packet.tag == USER_ID and family < len(found) and not found[family].user:
                user = packet.body.decode("utf-8", "replace")
                found[family:] = [_with_user(key, user) for key in found[family:]]
    except KeyFormatError as exc:
        return found, str(exc)
    return found, ""


def _key(packet: Packet, user: str) -> _Found:
    fields = Fields(packet.body)
    return _Found(packet=packet, key=public(fields, packet.body), fields=fields, user=user)


def _with_user(found: _Found, user: str) -> _Found:
    return replace(found, user=user)


def _item(found: _Found, passwords: Sequence[Password], *, guess: bool, budget: Budget) -> Item:
    if found.packet.tag not in (SECRET_KEY, SECRET_SUBKEY):
        return material.item(found.key.material, PUBLIC, container="pgp", label=found.user, notes=_told(found))
    part = secret(found.fields, version=found.key.version, tag=found.packet.tag, octets=found.key.octets)
    numbers, access, more = _private(found.key, part, passwords, guess=guess, budget=budget)
    return material.item(numbers, access, container="pgp", label=found.user, notes=(*_told(found), *more))


def _private(
    key: PublicKey, part: Secret, passwords: Sequence[Password], *, guess: bool, budget: Budget
) -> tuple[Material, Access, tuple[str, ...]]:
    if part.usage == PLAIN_USAGE:
        plain = checked_plain(part)
        return _numbers(key, plain), PLAIN, _unknown(key)
    assert part.stretch is not None
    if part.stretch.gnu == STUB:
        return key.material, _STUB, ()
    if part.stretch.gnu == CARD:
        serial = part.stretch.serial.hex().upper()
        return key.material, _CARD, (f"Serial number of the card: {serial}.",) if serial else ()

    def attempt(password: bytes) -> Material | None:
        plain = opened(part, password)
        try:
            return None if plain is None else _numbers(key, plain)
        except KeyFormatError:  # a sum of sixteen bits fits some wrong passwords
            return None

    access, numbers = unlock(
        passwords,
        attempt,
        guess=guess,
        seconds=part.seconds,
        scheme=part.scheme,
        iterations=part.iterations,
        obstacle=part.obstacle,
        budget=budget,
    )
    return numbers or key.material, access, _unknown(key)


def _numbers(key: PublicKey, plain: bytes) -> Material:
    if not is_known(key):
        return key.material
    fields = Fields(plain)
    numbers = with_secret(key, fields)
    if not fields.finished:
        raise KeyFormatError("something follows the secret numbers")
    return numbers


def _unknown(key: PublicKey) -> tuple[str, ...]:
    return () if is_known(key) else ("The secret numbers of this algorithm are not read.",)


def _told(found: _Found) -> tuple[str, ...]:
    key = found.key
    part = "Subkey" if found.packet.tag in (SECRET_SUBKEY, PUBLIC_SUBKEY) else "Primary key"
    return (
        f"{part}, OpenPGP version {key.version}, created {key.created:%Y-%m-%d}.",
        f"Fingerprint {key.fingerprint}, key id {key.key_id}.",
    )
