"""Azure ``.publishsettings`` files: subscriptions, each with the certificate that controls it, in a PFX without a password.

Schema 1.0 has one certificate for all subscriptions of a profile, on ``PublishProfile``; schema 2.0 has one on each
``Subscription``. An App Service *publish profile* has the same ending and is something else: ``publishData`` with a deployment
password (``userPWD``) and no certificate.

The XML is untrusted: a document type, and with it every entity and every reference to the outside, ends the reading; depth and
number of elements are bounded; nothing is fetched. Where it stands inside something else (JSON, a script, a settings file) or is
damaged, its elements are found without an XML parser. Sources: https://gauravmantri.com/2012/09/14/ (1.0), the client libraries
that read it, azure-servicemanagement-legacy's ``publishsettings.py`` among them (2.0).
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from stanch.core.records import dataclass
from stanch.keys import derkind, pkcs12, public
from stanch.keys.model import Item, KeyFormatError, Password

PUBLISH_PROFILE: Final = re.compile(rb"<publishProfile\b[^<>]{0,4000}?\suserPWD\s*=", re.IGNORECASE)
"""What an App Service publish profile looks like."""

_ROOT: Final = re.compile(rb"(?:<|&lt;|\\u003[Cc])(?:[A-Za-z0-9_.-]{1,40}:)?PublishData(?:[\s>/\\]|&gt;)")
_ELEMENT: Final = re.compile(r"<(?:[A-Za-z0-9_.-]{1,40}:)?(/?PublishProfile|Subscription)\b([^<>]*)>")
_ATTRIBUTE: Final = re.compile(r"\b([A-Za-z]{2,40})\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_WRITTEN: Final = (
    ("\\n", "\n"),
    ("\\r", "\n"),
    ("\\t", " "),
    ('\\"', '"'),
    ("\\/", "/"),
    ("&quot;", '"'),
    ("&lt;", "<"),
    ("&gt;", ">"),
)
_LARGEST: Final = 16 * 1024 * 1024
_MOST_ELEMENTS: Final = 20_000
_DEEPEST: Final = 16
_MOST_SUBSCRIPTIONS: Final = 5_000
_MOST_CERTIFICATES: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Subscription:
    """A subscription of the file.

    Attributes:
        id: as it stands there, a GUID.
        name: what people call it.
        url: address of the service.
        certificate: base64 of the certificate that controls it; empty when there is none.
    """

    id: str
    name: str
    url: str
    certificate: str


def looks_like_one(data: bytes) -> bool:
    """Whether some bytes are a ``.publishsettings`` file, and no publish profile."""
    return _ROOT.search(data, 0, _LARGEST) is not None and not PUBLISH_PROFILE.search(data, 0, 65_536)


def parse(data: bytes, passwords: Sequence[Password], *, guess: bool) -> Sequence[Item]:
    """Read a ``.publishsettings`` file.

    Args:
        data: the file.
        passwords: tried on a certificate that has a password after all.
        guess: whether common passwords are tried too.

    Returns:
        One item a certificate, with the subscriptions it controls in its fields.

    Raises:
        KeyFormatError: it is none, has a document type, or no certificate in it can be read.
    """
    items: list[Item] = []
    problem = "there is no certificate in it"
    for certificate, controlled in _by_certificate(subscriptions(data)).items():
        try:
            found = _opened(certificate, passwords, guess=guess)
        except KeyFormatError as exc:
            problem = str(exc)
            continue
        items += [_with_subscriptions(item, controlled) for item in found]
    if not items:
        raise KeyFormatError(problem)
    return items


def subscriptions(data: bytes) -> list[Subscription]:
    """Return the subscriptions of a file, in their order.

    Raises:
        KeyFormatError: it is no such file.
    """
    if len(data) > _LARGEST or not looks_like_one(data):
        raise KeyFormatError("it is not a .publishsettings file")
    reader = _Reader()
    reader.read(data)
    return reader.found


class _Reader:
    """Reads elements as they come; no tree is built."""

    def __init__(self) -> None:
        self.found: list[Subscription] = []
        self._profile: Mapping[str, str] = {}
        self._own = False  # whether the profile had a subscription yet
        self._depth = 0
        self._count = 0

    def read(self, data: bytes) -> None:
        from xml.parsers import expat

        # expat refuses entities that grow; here no entity is even defined, as a document type is refused before it can.
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        try:
            parser.Parse(data, True)
        except (expat.ExpatError, LookupError, ValueError) as exc:
            if isinstance(exc, KeyFormatError):
                raise
            self._read_loosely(data)
            if not self.found:
                raise KeyFormatError("the XML is broken") from exc
        finally:
            parser.StartDoctypeDeclHandler = parser.StartElementHandler = parser.EndElementHandler = None
        if not self.found:  # the file stands in an attribute or a text of another document
            self._read_loosely(data)

    def _read_loosely(self, data: bytes) -> None:
        """Find the elements in a text that is no XML document, or a damaged one."""
        self.found, self._depth = [], 0
        text = re.sub(r"\\u00([0-7][0-9a-fA-F])", lambda match: chr(int(match[1], 16)), data.decode("utf-8", "replace"))
        for written, meant in _WRITTEN:
            text = text.replace(written, meant)
        for match in _ELEMENT.finditer(text):
            attributes = {name: _unescaped(one or other) for name, one, other in _ATTRIBUTE.findall(match[2])}
            if match[1] == "/PublishProfile":
                self._end("PublishProfile")
            else:
                self._start(match[1], attributes)
                self._depth = 0

    def _refuse(self, *_: object) -> None:
        raise KeyFormatError("the XML has a document type, which no such file has")

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        self._count += 1
        if self._depth > _DEEPEST or self._count > _MOST_ELEMENTS or len(self.found) >= _MOST_SUBSCRIPTIONS:
            raise KeyFormatError("the XML has too many elements, or nests too deep")
        name = tag.rpartition(":")[2]
        if name == "PublishProfile":
            self._profile, self._own = attributes, False
        elif name == "Subscription":
            self._own = True
            self._add(attributes)

    def _end(self, tag: str) -> None:
        self._depth -= 1
        if tag.rpartition(":")[2] == "PublishProfile":
            if not self._own and self._profile.get("ManagementCertificate"):
                self._add({})
            self._profile = {}

    def _add(self, attributes: Mapping[str, str]) -> None:
        profile = self._profile
        self.found.append(
            Subscription(
                id=attributes.get("Id", "").strip(),
                name=attributes.get("Name", "").strip(),
                url=(attributes.get("ServiceManagementUrl") or profile.get("Url") or "").strip().rstrip("/"),
                certificate=attributes.get("ManagementCertificate") or profile.get("ManagementCertificate") or "",
            )
        )


def _unescaped(text: str) -> str:
    """Undo what XML escapes in an attribute, for texts that no XML parser takes."""
    text = re.sub(r"&#(?:10|13|x0?[AaDd]);", "\n", text)
    return text.replace("&apos;", "'").replace("&amp;", "&")


def _by_certificate(found: Sequence[Subscription]) -> dict[bytes, list[Subscription]]:
    groups: dict[bytes, list[Subscription]] = {}
    for subscription in found:
        if subscription.certificate:
            groups.setdefault(_decoded(subscription.certificate), []).append(subscription)
    if len(groups) > _MOST_CERTIFICATES:
        raise KeyFormatError("the file has too many certificates")
    return groups


def _decoded(text: str) -> bytes:
    try:
        return a2b_base64("".join(text.split()).encode("ascii"), strict_mode=True)
    except (Error, UnicodeEncodeError):
        return b""


def _opened(certificate: bytes, passwords: Sequence[Password], *, guess: bool) -> Sequence[Item]:
    kind = derkind.kind(certificate)
    if kind == derkind.X509:
        return [public.certificate(certificate)]
    if kind != derkind.PKCS12:
        raise KeyFormatError("the certificate in it is not PKCS#12")
    return pkcs12.parse(certificate, passwords, guess=guess)


def _with_subscriptions(item: Item, controlled: Sequence[Subscription]) -> Item:
    fields = {
        "subscription_ids": _joined(subscription.id for subscription in controlled),
        "subscription_names": _joined(subscription.name for subscription in controlled),
        "service_management_url": _joined(dict.fromkeys(subscription.url for subscription in controlled)),
    }
    facts = replace(item.facts, container="publishsettings")
    return replace(item, facts=facts, fields={name: value for name, value in fields.items() if value})


def _joined(values: Iterator[str] | Mapping[str, None]) -> str:
    """Join values with commas, which none of them keeps."""
    return ",".join(value.replace(",", " ") for value in values if value)
