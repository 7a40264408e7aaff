"""The structure of a PKCS#12 file: what is in which part, what is encrypted, what the bags hold. Nothing is opened here.

A PFX is an authenticated safe: a list of parts, each in the clear or encrypted under a password. A part holds bags: keys, locked
keys, certificates, other bags. Source: RFC 7292 §4, https://www.rfc-editor.org/rfc/rfc7292.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stanch.core.records import dataclass
from stanch.keys.der import LARGEST, OID, SEQUENCE, SET, Der, definite, is_indefinite
from stanch.keys.dertext import text
from stanch.keys.model import KeyFormatError
from stanch.keys.pbe import Scheme, scheme

_DATA, _SIGNED, _ENVELOPED, _ENCRYPTED = (f"1.2.840.113549.1.7.{arc}" for arc in (1, 2, 3, 6))
_BAG: Final = "1.2.840.113549.1.12.10.1."
_X509: Final = "1.2.840.113549.1.9.22.1"
_NAME, _ID = "1.2.840.113549.1.9.20", "1.2.840.113549.1.9.21"
_MOST_PARTS: Final = 1_000
_MOST_BAGS: Final = 5_000
_DEEPEST: Final = 8
_MOST_ATTRIBUTES: Final = 50
_LONGEST_ID: Final = 64

KEY, LOCKED_KEY, CERTIFICATE, SECRET, OTHER = "key", "locked key", "certificate", "secret", "other"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Bag:
    """What one bag holds.

    Attributes:
        kind: `KEY`, `LOCKED_KEY`, `CERTIFICATE`, `SECRET` or `OTHER`.
        content: PKCS#8, EncryptedPrivateKeyInfo, certificate or whatever is in it: DER.
        name: friendlyName: what people call it.
        id: localKeyId: the same in a key and its certificate.
    """

    kind: str
    content: bytes
    name: str = ""
    id: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Part:
    """One part of the safe.

    Attributes:
        bags: those that stand in the clear.
        scheme: how the part is encrypted; ``None`` when it is in the clear.
        sealed: its encrypted octets.
    """

    bags: tuple[Bag, ...] = ()
    scheme: Scheme | None = None
    sealed: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Safe:
    """A PFX, unopened.

    Attributes:
        content: what the MAC is over.
        mac: MacData, DER; empty when there is none.
        parts: in their order.
        notes: what a person should know of its structure.
    """

    content: bytes
    mac: bytes
    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()


def read(data: bytes) -> Safe:
    """Read a PFX in DER or BER; what follows it is ignored.

    Raises:
        KeyFormatError: it is none, or has more parts or bags than anything real.
    """
    if len(data) > LARGEST:
        raise KeyFormatError("the file is too large for a key store")
    if is_indefinite(data):
        return _read(definite(data))
    try:
        return _read(data)
    except KeyFormatError:
        return _read(definite(data))  # an indefinite length further inside


def bags(contents: bytes) -> tuple[Bag, ...]:
    """Read SafeContents, also those within bags.

    Raises:
        KeyFormatError: they are broken, or too many.
    """
    if is_indefinite(contents):
        contents = definite(contents)
    found: list[Bag] = []
    for bag in _bags(contents, _DEEPEST):
        if len(found) >= _MOST_BAGS:
            raise KeyFormatError("the key store has too many bags")
        found.append(bag)
    return tuple(found)


def _read(data: bytes) -> Safe:
    pfx = Der(data).inside(SEQUENCE)
    if pfx.number() != 3:
        raise KeyFormatError("the version of the PKCS#12 file is not known")
    content, notes = _authenticated(pfx.inside(SEQUENCE))
    mac = pfx.whole(SEQUENCE) if pfx.tag == SEQUENCE else b""
    return Safe(content=content, mac=mac, parts=_parts(content, notes), notes=tuple(notes))


def _authenticated(info: Der) -> tuple[bytes, list[str]]:
    """Return the octets of the safe and, where it is signed with a key instead of a password, a note on that."""
    kind = info.oid()
    if kind == _DATA:
        return info.inside(0xA0).octets(), []
    if kind == _SIGNED:
        signed = info.inside(0xA0).inside(SEQUENCE)
        signed.number()
        signed.content(SET)
        inner = signed.inside(SEQUENCE)
        if inner.oid() == _DATA:
            return inner.inside(0xA0).octets(), ["Its integrity is kept by a signature, not by a password."]
    raise KeyFormatError("the content of the PKCS#12 file is of a kind that is not known")


def _parts(content: bytes, notes: list[str]) -> tuple[Part, ...]:
    listed = Der(definite(content) if is_indefinite(content) else content).inside(SEQUENCE)
    parts: list[Part] = []
    while not listed.done():
        if len(parts) >= _MOST_PARTS:
            raise KeyFormatError("the PKCS#12 file has too many parts")
        info = listed.inside(SEQUENCE)
        kind = info.oid()
        if kind == _DATA:
            parts.append(Part(bags=bags(info.inside(0xA0).octets())))
        elif kind == _ENCRYPTED:
            parts.append(_sealed(info.inside(0xA0).inside(SEQUENCE)))
        elif kind == _ENVELOPED:
            notes.append("A part of it is encrypted to somebody's public key, and was not read.")
        else:
            notes.append("A part of it is of a kind that is not known, and was not read.")
    return tuple(parts)


def _sealed(encrypted: Der) -> Part:
    """Read EncryptedData (RFC 5652 §8)."""
    encrypted.number()
    inner = encrypted.inside(SEQUENCE)
    inner.oid()
    how = scheme(inner.inside(SEQUENCE))
    return Part(scheme=how, sealed=inner.octets(0x80))


def _bags(contents: bytes, depth: int) -> Iterator[Bag]:
    if depth == 0:
        raise KeyFormatError("the bags of the key store nest too deep")
    listed = Der(contents).inside(SEQUENCE)
    while not listed.done():
        reader = listed.inside(SEQUENCE)
        kind = reader.oid()
        value = reader.inside(0xA0)
        name, id = _attributes(reader)
        if kind == f"{_BAG}6":
            yield from _bags(value.whole(), depth - 1)
            continue
        bag = _bag(kind, value)
        yield Bag(kind=bag.kind, content=bag.content, name=name, id=id)


def _bag(kind: str, value: Der) -> Bag:
    if kind == f"{_BAG}1":
        return Bag(kind=KEY, content=value.whole(SEQUENCE))
    if kind == f"{_BAG}2":
        return Bag(kind=LOCKED_KEY, content=value.whole(SEQUENCE))
    if kind == f"{_BAG}3":
        inner = value.inside(SEQUENCE)
        if inner.oid() == _X509:
            return Bag(kind=CERTIFICATE, content=inner.inside(0xA0).octets())
    if kind == f"{_BAG}5":
        inner = value.inside(SEQUENCE)
        inner.oid()
        return Bag(kind=SECRET, content=inner.inside(0xA0).octets())
    return Bag(kind=OTHER, content=b"")


def _attributes(reader: Der) -> tuple[str, bytes]:
    """Read friendlyName and localKeyId; an attribute that is broken costs nothing but itself."""
    name, id = "", b""
    try:
        listed = reader.maybe(SET)
        for _ in range(_MOST_ATTRIBUTES):
            if listed is None or listed.done():
                break
            attribute = listed.inside(SEQUENCE)
            kind = attribute.oid() if attribute.tag == OID else ""
            values = attribute.inside(SET)
            if kind == _NAME and not values.done():
                name = text(values.tag, values.content()) or ""
            elif kind == _ID and not values.done():
                id = values.content()[:_LONGEST_ID]
    except KeyFormatError:
        return name, id
    return name, id
