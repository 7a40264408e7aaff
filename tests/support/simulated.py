"""What tests of Azure's adapters and simulators share: keys, credentials, and a door into an application without sockets."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from stanch.core.key_facts import CertificateFacts, KeyFacts, KeyVerdict, Protection
from stanch.core.secret import Secret
from stanch.issuers.model import Credential, HttpRequest
from stanch.keys.model import Item, Private
from stanch.net.model import HttpAnswer, NoAnswerError
from stanch.simulators.clock import Clock
from stanch.simulators.wire import Application, Request

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Pair:
    """A key with a self-signed certificate.

    Args:
        name: of the key; the same name is the same key.
        start: of the certificate's validity.
        end: of it.
    """

    def __init__(self, name: str = "leaf", *, start: datetime | None = None, end: datetime | None = None) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        self.key = _key(name)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"sp-{name}")])
        self.certificate = (
            x509.CertificateBuilder(issuer_name=subject, subject_name=subject, public_key=self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start or now - timedelta(days=400))
            .not_valid_after(end or now + timedelta(days=400))
            .sign(self.key, hashes.SHA256())
        )

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def thumbprint(self) -> str:
        return hashlib.sha1(self.der, usedforsecurity=False).hexdigest().upper()

    @property
    def pkcs8(self) -> bytes:
        return self.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def pem(self, folder: Path) -> Path:
        """Write certificate and key as the official clients want them."""
        path = folder / f"{self.thumbprint}.pem"
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(self.certificate.public_bytes(Encoding.PEM) + key)
        return path

    def item(self, **fields: str) -> Item:
        facts = CertificateFacts(
            subject="CN=sp",
            issuer="CN=sp",
            serial="01",
            self_signed=True,
            not_before=self.certificate.not_valid_before_utc,
            not_after=self.certificate.not_valid_after_utc,
            sha1=self.thumbprint,
            sha256=hashlib.sha256(self.der).hexdigest().upper(),
            x5t="",
            x5t_s256="",
        )
        known = KeyFacts(
            container="pkcs12", private=True, protection=Protection.NONE, verdict=KeyVerdict.USABLE, certificate=facts
        )
        return Item(facts=known, private=Private(self.pkcs8), certificates=(self.der,), fields=fields)


@cache
def _key(name: str) -> Key:
    if name.startswith("ec"):
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=1024 if name.startswith("small") else 2048)


def certificate_credential(pair: Pair, *, fields: Mapping[str, str] | None = None, **companions: str) -> Credential:
    """Return what a scan makes of a PFX: companions by their names, with ``_`` for blanks."""
    value = base64.b64encode(pair.pkcs8)
    secret = Secret(value, fingerprint=hashlib.sha256(value).hexdigest(), redacted="MII…")
    return Credential(
        detector="azure-entra-app-certificate", secret=secret, companions=_named(companions), key=pair.item(**(fields or {}))
    )


def secret_credential(value: str, **companions: str) -> Credential:
    """Return what a scan makes of a client secret."""
    secret = Secret(value.encode(), fingerprint=hashlib.sha256(value.encode()).hexdigest(), redacted="abc…")
    return Credential(detector="azure-entra-client-secret", secret=secret, companions=_named(companions))


def _named(companions: Mapping[str, str]) -> dict[str, Secret | str]:
    return {name.replace("_", " "): value for name, value in companions.items()}


def issuers(applications: Mapping[str, Application], clock: Clock) -> Callable[[HttpRequest], HttpAnswer]:
    """Return an issuer for `FunctionDoor`: the application whose host is asked; other hosts are not there."""

    def ask(request: HttpRequest) -> HttpAnswer:
        parts = urlsplit(request.url)
        application = applications.get(parts.netloc)
        if application is None:
            raise NoAnswerError("dns", f"{parts.netloc} is not known.")
        answer = application(
            Request(
                method=request.method,
                target=parts.path + (f"?{parts.query}" if parts.query else ""),
                now=clock(),
                headers={name.lower(): value for name, value in request.headers.items()},
                body=request.body,
                host=parts.netloc,
                client_certificate=request.identity.certificates[0] if request.identity else None,
            )
        )
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return HttpAnswer(status=answer.status, headers=headers, body=answer.body)

    return ask
