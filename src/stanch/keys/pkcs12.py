"""PKCS#12 (PFX): keys with their certificates, under a password or under none.

Passwords are tried on the MAC, as a rule the cheapest there is, and the right one opens everything else, once. A file may state
any work factor for any of its parts, so all that is opened is paid for from one budget: what it cannot pay for stays locked.

An empty password is written in two ways, which `stanch.keys.pkcs12kdf` tries both. Layout: `stanch.keys.pkcs12safe`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace
from typing import Final

from stanch.core.records import dataclass
from stanch.keys import derkind, material, pairing, pkcs8, pkcs12mac, pkcs12safe, privatekey, spki
from stanch.keys.attempts import FOUND_SECONDS, Budget, unlock
from stanch.keys.der import element
from stanch.keys.material import PLAIN, PUBLIC, Access, Material
from stanch.keys.model import Item, KeyFormatError, Password
from stanch.keys.pkcs12safe import CERTIFICATE, KEY, LOCKED_KEY, SECRET, Bag, Part, Safe
from stanch.keys.rsafactors import Allowance
from stanch.keys.x509 import Certificate

_THUMBPRINT: Final = 20
_MOST_KEYS: Final = 200
_KEYS: Final = (KEY, LOCKED_KEY, SECRET)
_NO_MAC: Final = "Integrity is not protected: the file has no MAC that can be checked."


@dataclass(slots=True, kw_only=True, repr=False)
class _Open:
    """What is known of a file while it is being opened.

    Attributes:
        access: how the password was found; ``None`` before one is needed.
        bags: what could be read.
        locked_parts: how many parts stay locked.
        work: seconds that opening may still cost.
        allowance: for numbers that are not written down.
        notes: for a person.
    """

    access: Access | None = None
    bags: list[Bag] = field(default_factory=list)
    locked_parts: int = 0
    work: float = 2 * FOUND_SECONDS
    allowance: Allowance = field(default_factory=Allowance)
    notes: list[str] = field(default_factory=list)

    def take(self, bags: Sequence[Bag]) -> None:
        """Add bags, but for locked keys of which not even the encryption can be read."""
        for bag in bags:
            try:
                if bag.kind == LOCKED_KEY:
                    pkcs8.sealed_key(bag.content)
            except KeyFormatError as exc:
                self.notes.append(f"A key in it is broken: {exc}.")
            else:
                self.bags.append(bag)

    def pays(self, seconds: float) -> bool:
        """Take the price of opening something, if it can be paid."""
        if seconds > self.work:
            return False
        self.work -= seconds
        return True


def parse(data: bytes, passwords: Sequence[Password], *, guess: bool) -> Sequence[Item]:
    """Read a PFX.

    Args:
        data: the file, DER or BER.
        passwords: what may open it.
        guess: whether common passwords are tried too.

    Returns:
        One item a key, in the order of the file, then one a certificate that belongs to none.

    Raises:
        KeyFormatError: it is none, or a broken one.
    """
    safe = pkcs12safe.read(data)
    state = _Open(notes=list(safe.notes))
    for part in safe.parts:
        state.take(part.bags)
    if any(part.scheme for part in safe.parts) or any(bag.kind == LOCKED_KEY for bag in state.bags):
        state.access = _password(safe, state, passwords, guess=guess)
        for part in safe.parts:
            _open_part(part, state)
    return _items(state, passwords, guess=guess)


# --- the password ---------------------------------------------------------------------------------------------------


def _password(safe: Safe, state: _Open, passwords: Sequence[Password], *, guess: bool) -> Access:
    """Find the password on what is cheapest to try."""
    ways = sorted(_ways(safe, state), key=lambda way: (bool(way.obstacle), way.seconds))
    if not ways:
        raise KeyFormatError("the PKCS#12 file has nothing that a password opens")
    way = ways[0]
    if not any(other.is_mac for other in ways):
        state.notes.append(_NO_MAC)
    access, _ = unlock(
        passwords,
        lambda password: way.fits(password) or None,
        guess=guess,
        seconds=way.seconds,
        scheme=way.words,
        iterations=way.rounds,
        obstacle=way.obstacle,
    )
    return access


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """One way to see whether a password is right."""

    words: str
    rounds: int
    seconds: float
    fits: Callable[[bytes], bool]
    obstacle: str = ""
    is_mac: bool = False


def _ways(safe: Safe, state: _Open) -> Iterator[_Way]:
    mac = _mac(safe)
    if mac is not None:
        yield _Way(
            words=_words(safe, state),
            rounds=mac.rounds,
            seconds=mac.seconds,
            fits=lambda password: mac.fits(safe.content, password),
            is_mac=True,
        )
    for part in safe.parts:
        if part.scheme is not None:
            yield _way_of_part(part)
    for bag in state.bags:
        if bag.kind == LOCKED_KEY:
            yield _way_of_key(bag)


def _mac(safe: Safe) -> pkcs12mac.Mac | None:
    try:
        return pkcs12mac.read(safe.mac)
    except KeyFormatError:  # what it guards can still be tried
        return None


def _words(safe: Safe, state: _Open) -> str:
    """Return how the keys are encrypted, or where none is seen how the rest is."""
    for bag in state.bags:
        if bag.kind == LOCKED_KEY:
            return pkcs8.sealed_key(bag.content)[0].words
    return next(part.scheme.words for part in safe.parts if part.scheme)


def _way_of_part(part: Part) -> _Way:
    assert part.scheme is not None
    how, sealed = part.scheme, part.sealed
    return _Way(
        words=how.words,
        rounds=how.rounds,
        seconds=how.seconds,
        fits=lambda password: any(map(_is_contents, how.decrypted(sealed, password))),
        obstacle=how.obstacle,
    )


def _way_of_key(bag: Bag) -> _Way:
    how, sealed = pkcs8.sealed_key(bag.content)
    return _Way(
        words=how.words,
        rounds=how.rounds,
        seconds=how.seconds,
        fits=lambda password: pkcs8.opened(how, sealed, password) is not None,
        obstacle=how.obstacle,
    )


def _is_contents(plain: bytes) -> bool:
    try:
        pkcs12safe.bags(plain)
    except KeyFormatError:
        return False
    return True


# --- opening --------------------------------------------------------------------------------------------------------


def _open_part(part: Part, state: _Open) -> None:
    if part.scheme is None:
        return
    password = state.access.password if state.access else None
    if password is not None and not part.scheme.obstacle and state.pays(part.scheme.seconds):
        for plain in part.scheme.decrypted(part.sealed, password.value.reveal()):
            try:
                state.take(pkcs12safe.bags(plain))
                return
            except KeyFormatError:
                continue
    state.locked_parts += 1


def _items(state: _Open, passwords: Sequence[Password], *, guess: bool) -> list[Item]:
    certificates, broken = pairing.readable(bag.content for bag in state.bags if bag.kind == CERTIFICATE)
    if broken:
        state.notes.append(f"{broken} of its certificates cannot be read.")
    if state.locked_parts:
        state.notes.append("A part of it stays locked: by custom certificates, as keys stand in the part that is seen.")
    bag_of = _bags_by_certificate(state.bags)
    keys = [bag for bag in state.bags if bag.kind in _KEYS][:_MOST_KEYS]
    budget = Budget()
    items: list[Item] = []
    for bag in keys:
        known = _known(bag, certificates, bag_of, alone=len(keys) == 1)
        try:
            numbers, access = _key(bag, state, passwords, known, guess=guess, budget=budget)
        except KeyFormatError as exc:
            state.notes.append(f"A key in it is broken: {exc}.")
            continue
        own = pairing.of_key(numbers.spki, certificates) if numbers.spki else known
        listed = _listed(own, certificates, alone=len(keys) == 1)
        label = bag.name or (bag_of[own.der].name if own else "")
        notes = (*_told(bag, own), *state.notes)
        items.append(material.item(numbers, access, container="pkcs12", label=label, certificates=listed, notes=notes))
    used = {der for item in items for der in item.certificates}
    items += [_public(c, bag_of[c.der].name, state) for c in certificates if c.der not in used]
    return items or [_nothing_seen(state)]


def _bags_by_certificate(bags: Sequence[Bag]) -> dict[bytes, Bag]:
    found: dict[bytes, Bag] = {}
    for bag in bags:
        if bag.kind == CERTIFICATE:
            with suppress(KeyFormatError):
                found.setdefault(element(bag.content), bag)
    return found


def _known(bag: Bag, certificates: Sequence[Certificate], bag_of: Mapping[bytes, Bag], *, alone: bool) -> Certificate | None:
    """Return the certificate that the file says belongs to a key, or that can only belong to it."""
    if alone and len(certificates) == 1:
        return certificates[0]
    return next((c for c in certificates if bag.id and bag_of[c.der].id == bag.id), None)


def _key(
    bag: Bag, state: _Open, passwords: Sequence[Password], known: Certificate | None, *, guess: bool, budget: Budget
) -> tuple[Material, Access]:
    public = _numbers_of(known)
    if bag.kind == SECRET:
        return _secret(bag, state)
    if bag.kind == KEY:
        return privatekey.read(bag.content, state.allowance), PLAIN
    how, sealed = pkcs8.sealed_key(bag.content)
    access = state.access
    assert access is not None
    access = replace(access, scheme=how.words, iterations=how.rounds)
    if access.password is None:
        return public, access
    if not how.obstacle and state.pays(how.seconds):
        numbers = pkcs8.opened(how, sealed, access.password.value.reveal())
        if numbers is not None:
            return numbers, access
        # A key may have a password of its own; RFC 7292 allows it, and keytool once made such files.
        return pkcs8.encrypted(bag.content, passwords, guess=guess, budget=budget, known=public)
    return public, unlock(
        (), lambda _: None, guess=False, seconds=1.0, scheme=how.words, iterations=how.rounds,
        obstacle=how.obstacle or "The password of the file is known, but the work factor of the key makes opening it too slow.",
    )[0]  # fmt: skip


def _secret(bag: Bag, state: _Open) -> tuple[Material, Access]:
    """A symmetric key or a password in a secret bag, as Java keeps them: its octets are not handed out."""
    symmetric = Material(algorithm="secret")
    if derkind.kind(bag.content) != derkind.ENCRYPTED or state.access is None:
        return symmetric, replace(PLAIN, evidence=("A symmetric key stands in it, not encrypted by itself.",))
    return symmetric, state.access


def _numbers_of(certificate: Certificate | None) -> Material:
    try:
        return spki.read(certificate.spki) if certificate else Material(algorithm="")
    except KeyFormatError:
        return Material(algorithm="")


def _listed(own: Certificate | None, certificates: Sequence[Certificate], *, alone: bool) -> tuple[bytes, ...]:
    """Return a key's certificates: its own, those above it, and where there is no other key the rest."""
    if own is None:
        return ()
    listed = [own.der, *(certificate.der for certificate in pairing.chain(own, certificates))]
    if alone:
        listed += [certificate.der for certificate in certificates if certificate.der not in listed]
    return tuple(listed)


def _told(bag: Bag, own: Certificate | None) -> Iterator[str]:
    if own is None and bag.kind == LOCKED_KEY and len(bag.id) == _THUMBPRINT:
        yield f"Its local key id is {bag.id.hex().upper()}: OpenSSL writes the SHA-1 thumbprint of the certificate there."


def _public(certificate: Certificate, label: str, state: _Open) -> Item:
    return material.item(
        _numbers_of(certificate),
        PUBLIC,
        container="pkcs12",
        label=label,
        certificates=(certificate.der,),
        notes=tuple(state.notes),
    )


def _nothing_seen(state: _Open) -> Item:
    """Describe a file in which no bag can be seen: all of it is encrypted, or it is empty."""
    if not state.locked_parts:
        return material.item(Material(algorithm=""), PUBLIC, container="pkcs12", notes=("It is empty.", *state.notes))
    evidence = (
        "No key is seen from outside, where keys stand by custom: what is encrypted are certificates, as far as can be told."
    )
    access = replace(PUBLIC, evidence=(evidence,), scheme=state.access.scheme if state.access else "")
    return material.item(Material(algorithm=""), access, container="pkcs12", notes=tuple(state.notes))
