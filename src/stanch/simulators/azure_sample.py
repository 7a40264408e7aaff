"""A tenant, an application and a subscription to try things on, and files with their key: made anew, good nowhere else."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stanch.simulators.azure import AzureSimulation

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

DOMAIN: Final = "contoso.onmicrosoft.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What was made.

    Attributes:
        tenant: its id.
        client: client id of the application.
        subscription: its id.
        pem: certificate and private key, as the official clients want them.
        leak: folder with a ``.publishsettings`` and an ``.env`` that hold the same key.
    """

    tenant: str
    client: str
    subscription: str
    pem: Path
    leak: Path


def add_sample(azure: AzureSimulation, folder: Path) -> Sample:
    """Register a new certificate with a new application and a new subscription, and write its files.

    Args:
        azure: gets them.
        folder: an existing folder for the files; each is readable by its owner only.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

    key, certificate = _pair()
    der = certificate.public_bytes(Encoding.DER)
    tenant = azure.directory.add_tenant(DOMAIN)
    azure.key_vault.tenant = tenant.id
    roles = ("Application.ReadWrite.OwnedBy",)
    app = azure.directory.add_application(tenant.id, "billing", keys=[azure.directory.key(der)], roles=roles)
    subscription = azure.classic.add_subscription(certificates=[der])
    pem = certificate.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pfx = base64.b64encode(pkcs12.serialize_key_and_certificates(None, key, certificate, None, NoEncryption())).decode()
    sample = Sample(
        tenant=tenant.id, client=app.app_id, subscription=subscription, pem=folder / "billing.pem", leak=folder / "leak"
    )
    sample.leak.mkdir()
    _write(sample.pem, pem)
    _write(sample.leak / "contoso.publishsettings", _settings(subscription, pfx).encode())
    _write(sample.leak / ".env", _variables(tenant.id, app.app_id, pfx).encode())
    return sample


def _pair() -> tuple[RSAPrivateKey, x509.Certificate]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Windows Azure Tools")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(issuer_name=subject, subject_name=subject, public_key=key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=365))
    return key, builder.sign(key, hashes.SHA256())


def _settings(subscription: str, pfx: str) -> str:
    """Return a publish settings file, schema 2.0."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<PublishData>\n'
        '  <PublishProfile SchemaVersion="2.0" PublishMethod="AzureServiceManagementAPI">\n'
        '    <Subscription ServiceManagementUrl="https://management.core.windows.net" '
        f'Id="{subscription}" Name="Pay-As-You-Go" ManagementCertificate="{pfx}" />\n'
        "  </PublishProfile>\n</PublishData>\n"
    )


def _variables(tenant: str, client: str, pfx: str) -> str:
    return f"AZURE_TENANT_ID={tenant}\nAZURE_CLIENT_ID={client}\nAZURE_CLIENT_CERTIFICATE={pfx}\n"


def _write(path: Path, data: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(data)
