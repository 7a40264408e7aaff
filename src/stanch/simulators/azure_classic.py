"""Classic Azure Service Management: whoever shows a certificate that is associated with a subscription controls all of it.

Source: https://learn.microsoft.com/previous-versions/azure/reference/ee460799(v=azure.100). What surprises, and is so here too:
the certificate's expiry is not looked at, its authority neither; there are no scopes; a certificate can delete itself and every
other one. The service was retired on 31 August 2024; `ClassicAzure.retired` makes it answer 410.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from stanch.simulators.clock import Clock, utc_now
from stanch.simulators.faults import Faults
from stanch.simulators.replicas import Replicated
from stanch.simulators.wire import Request, Response

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

NAME: Final = "management.core.windows.net"
MOST_CERTIFICATES: Final = 100  # of one subscription: learn.microsoft.com/azure/cloud-services/cloud-services-certs-create
OLDEST_VERSION: Final = "2012-03-01"  # that knows the certificate operations
_NAMESPACE: Final = "http://schemas.microsoft.com/windowsazure"
_INSTANCE: Final = "http://www.w3.org/2001/XMLSchema-instance"
_GUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_VERSION: Final = re.compile(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagementCertificate:
    """A certificate that is associated with a subscription.

    Attributes:
        data: the certificate, DER.
        public_key: base64, as whoever added it sent it.
        created: when.
    """

    data: bytes
    public_key: str
    created: datetime

    @property
    def thumbprint(self) -> str:
        """SHA-1 of the certificate, upper-case hex."""
        return hashlib.sha1(self.data, usedforsecurity=False).hexdigest().upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription.

    Attributes:
        name: what people call it.
        enabled: a disabled one lets nobody do anything.
        certificates: by thumbprint.
    """

    name: str
    enabled: bool = True
    certificates: Mapping[str, ManagementCertificate] = field(default_factory=dict)


class _RefusedError(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class ClassicAzure:
    """The service. Thread-safe.

    Args:
        faults: says how late a change is seen.
        clock: when certificates are added.

    Attributes:
        retired: answer everything with 410 Gone.
    """

    def __init__(self, *, faults: Faults | None = None, clock: Clock = utc_now) -> None:
        self.retired = False
        self._clock = clock
        self._subscriptions: Replicated[Mapping[str, Subscription]] = Replicated({}, faults=faults, clock=clock)

    # --- in the process --------------------------------------------------------------------------------------------

    def add_subscription(
        self, id: str = "", *, name: str = "Pay-As-You-Go", certificates: Iterable[bytes] = (), enabled: bool = True
    ) -> str:
        """Make a subscription with certificates (DER) and return its id."""
        id = (id or str(uuid.uuid4())).lower()
        made = [self._certificate(der) for der in certificates]
        subscription = Subscription(name=name, enabled=enabled, certificates={c.thumbprint: c for c in made})
        self._subscriptions.write(lambda known: {**known, id: subscription})
        return id

    def associate(self, id: str, der: bytes) -> str:
        """Add a certificate to a subscription and return its thumbprint.

        Raises:
            KeyError: there is no such subscription.
        """
        added = self._certificate(der)
        self._change(id, lambda known: {**known, added.thumbprint: added})
        return added.thumbprint

    def dissociate(self, id: str, thumbprint: str) -> None:
        """Remove a certificate from a subscription.

        Raises:
            KeyError: there is no such subscription.
        """
        self._change(id, lambda known: {key: value for key, value in known.items() if key != thumbprint.upper()})

    def subscription(self, id: str) -> Subscription:
        """Return what was written last about a subscription.

        Raises:
            KeyError: there is none.
        """
        return self._subscriptions.latest()[id.lower()]

    def _certificate(self, der: bytes) -> ManagementCertificate:
        return ManagementCertificate(data=der, public_key=base64.b64encode(_public_key(der)).decode(), created=self._clock())

    def _change(
        self, id: str, change: Callable[[Mapping[str, ManagementCertificate]], Mapping[str, ManagementCertificate]]
    ) -> None:
        def apply(known: Mapping[str, Subscription]) -> Mapping[str, Subscription]:
            subscription = known[id.lower()]
            return {**known, id.lower(): replace(subscription, certificates=change(subscription.certificates))}

        self._subscriptions.write(apply)

    # --- over HTTP -------------------------------------------------------------------------------------------------

    def __call__(self, request: Request) -> Response:
        """Answer one request."""
        try:
            return self._answer(request)
        except _RefusedError as exc:
            return _error(exc.status, exc.code, exc.message)

    def failure(self, request: Request, status: int) -> Response:
        """Return the service's own words for a 429 or 5xx."""
        del request
        if status == 429:
            return _error(status, "TooManyRequests", "The request has been throttled. Please try again later.")
        if status == 503:
            return _error(status, "ServerBusy", "The server is currently unable to receive requests. Please retry your request.")
        return _error(status, "InternalError", "The server encountered an internal error. Please retry the request.")

    def _answer(self, request: Request) -> Response:
        if self.retired:
            raise _RefusedError(410, "Gone", "This API has been retired.")
        parts = [part for part in request.path.split("/") if part]
        version = request.headers.get("x-ms-version", "")
        if not _VERSION.fullmatch(version) or version < OLDEST_VERSION:
            message = "The versioning header is not specified or was specified incorrectly."
            raise _RefusedError(400, "MissingOrIncorrectVersionHeader", message)
        if not parts or not _GUID.fullmatch(parts[0].lower()):
            raise _RefusedError(404, "ResourceNotFound", "The resource does not exist.")
        id = parts[0].lower()
        subscription = self._authorised(id, request)
        if len(parts) == 1 and request.method == "GET":
            return _xml(200, _properties(id, subscription))
        if len(parts) in (2, 3) and parts[1].lower() == "certificates":
            return self._certificates(request, id, subscription, parts[2].upper() if len(parts) == 3 else "")
        raise _RefusedError(404, "ResourceNotFound", "The resource does not exist.")

    def _authorised(self, id: str, request: Request) -> Subscription:
        """Return the subscription a certificate is associated with. An unknown one is refused in the same words."""
        subscription = self._subscriptions.read().get(id)
        shown = hashlib.sha1(request.client_certificate or b"", usedforsecurity=False).hexdigest().upper()
        if subscription is None or request.client_certificate is None or shown not in subscription.certificates:
            message = (
                "The server failed to authenticate the request. "
                "Verify that the certificate is valid and is associated with this subscription."
            )
            raise _RefusedError(403, "ForbiddenError", message)
        if not subscription.enabled:
            raise _RefusedError(403, "SubscriptionDisabled", "The subscription is in a disabled state.")
        return subscription

    def _certificates(self, request: Request, id: str, subscription: Subscription, thumbprint: str) -> Response:
        if request.method == "POST" and not thumbprint:
            return self._add(request, id)
        if not thumbprint and request.method == "GET":
            listed = "".join(_certificate_xml(c) for c in subscription.certificates.values())
            return _xml(200, f"<SubscriptionCertificates {_NAMESPACES}>{listed}</SubscriptionCertificates>")
        if request.method not in ("GET", "DELETE"):
            raise _RefusedError(405, "UnsupportedHttpVerb", "The resource doesn't support the specified HTTP verb.")
        found = subscription.certificates.get(thumbprint)
        if found is None:
            raise _RefusedError(404, "ResourceNotFound", "The certificate was not found.")
        if request.method == "GET":
            return _xml(200, _certificate_xml(found, _NAMESPACES))
        self.dissociate(id, thumbprint)
        return _xml(200, "")

    def _add(self, request: Request, id: str) -> Response:
        added = _posted(request.body, self._clock())

        def change(known: Mapping[str, ManagementCertificate]) -> Mapping[str, ManagementCertificate]:
            if added.thumbprint in known:
                raise _RefusedError(409, "ConflictError", "The specified certificate already exists.")
            if len(known) >= MOST_CERTIFICATES:
                raise _RefusedError(
                    400, "BadRequest", f"The limit of {MOST_CERTIFICATES} certificates for the subscription is reached."
                )
            return {**known, added.thumbprint: added}

        self._change(id, change)
        location = f"https://{request.host}/subscriptions/{id}/certificates/{added.thumbprint}"
        return _xml(201, "", {"Location": location})


def _posted(body: bytes, now: datetime) -> ManagementCertificate:
    """Read the body of Add Management Certificate."""
    root = _parsed(body)
    texts = {part: "".join((root.findtext(f"{{{_NAMESPACE}}}SubscriptionCertificate{part}") or "").split()) for part in _PARTS}
    try:
        data = base64.b64decode(texts["Data"], validate=True)
        base64.b64decode(texts["PublicKey"], validate=True)
        _public_key(data)
    except (ValueError, binascii.Error) as exc:
        raise _RefusedError(400, "BadRequest", "The certificate data is not valid.") from exc
    certificate = ManagementCertificate(data=data, public_key=texts["PublicKey"], created=now)
    if not texts["PublicKey"] or certificate.thumbprint != texts["Thumbprint"].upper():
        raise _RefusedError(400, "BadRequest", "The thumbprint or the public key does not belong to the certificate data.")
    return certificate


def _parsed(body: bytes) -> Element:
    from xml.etree import ElementTree

    invalid = _RefusedError(400, "InvalidXmlRequest", "The request body's XML was invalid or not correctly specified.")
    if b"<!" in body:  # entities are never needed here
        raise invalid
    try:
        root = ElementTree.fromstring(body)  # noqa: S314  # no entities, and a bounded body
    except (ElementTree.ParseError, ValueError, LookupError) as exc:
        raise invalid from exc
    if root.tag != f"{{{_NAMESPACE}}}SubscriptionCertificate":
        raise invalid
    return root


def _public_key(der: bytes) -> bytes:
    """Return the public key's bits, as .NET's ``X509Certificate.GetPublicKey`` does: what clients send along.

    Raises:
        ValueError: these bytes are no certificate.
    """
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except UnsupportedAlgorithm as exc:
        raise ValueError("the key of the certificate is of an unknown kind") from exc
    return key.public_bytes(
        Encoding.DER, PublicFormat.PKCS1 if isinstance(key, RSAPublicKey) else PublicFormat.SubjectPublicKeyInfo
    )


_PARTS: Final = ("PublicKey", "Thumbprint", "Data")
_NAMESPACES: Final = f'xmlns="{_NAMESPACE}" xmlns:i="{_INSTANCE}"'


def _properties(id: str, subscription: Subscription) -> str:
    fields = {
        "SubscriptionID": id,
        "SubscriptionName": subscription.name,
        "SubscriptionStatus": "Active",
        "AccountAdminLiveEmailId": "admin@example.com",
        "ServiceAdminLiveEmailId": "admin@example.com",
        "MaxCoreCount": "20",
        "MaxStorageAccounts": "100",
        "MaxHostedServices": "20",
        "CurrentCoreCount": "0",
        "CurrentHostedServices": "0",
        "CurrentStorageAccounts": "0",
    }
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())
    return f"<Subscription {_NAMESPACES}>{inner}</Subscription>"


def _certificate_xml(certificate: ManagementCertificate, attributes: str = "") -> str:
    fields = {
        "SubscriptionCertificatePublicKey": certificate.public_key,
        "SubscriptionCertificateThumbprint": certificate.thumbprint,
        "SubscriptionCertificateData": base64.b64encode(certificate.data).decode(),
        "Created": certificate.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())
    return f"<SubscriptionCertificate{' ' + attributes if attributes else ''}>{inner}</SubscriptionCertificate>"


def _error(status: int, code: str, message: str) -> Response:
    return _xml(status, f"<Error {_NAMESPACES}><Code>{code}</Code><Message>{escape(message)}</Message></Error>")


def _xml(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        status=status,
        headers={
            "Content-Type": "application/xml; charset=utf-8",
            "x-ms-servedbyregion": "ussouth",
            "x-ms-request-id": uuid.uuid4().hex,
            **(headers or {}),
        },
        body=text.encode(),
    )
