"""A certificate authority that lives as long as a simulator: its key is made at the start, stays in memory, and is gone with it.

Clients are told to trust `Authority.ca_pem`. The official Azure clients insist on HTTPS, so nothing here works without it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

LIFETIME: Final = timedelta(days=30)
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class Authority:
    """A root, and server certificates issued by it.

    Args:
        name: common name of the root.
    """

    def __init__(self, name: str = "Stanch simulator test CA") -> None:
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID

        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.root = self._root()

    @property
    def ca_pem(self) -> bytes:
        """The root's certificate, as clients want it."""
        from cryptography.hazmat.primitives.serialization import Encoding

        return self.root.public_bytes(Encoding.PEM)

    def issue(self, names: Iterable[str] = ()) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
        """Return a server certificate and its key.

        Args:
            names: DNS names (``*.vault.azure.net`` too) and addresses, besides those of the loopback.
        """
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

        key = ec.generate_private_key(ec.SECP256R1())
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            self._builder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]))
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.SubjectAlternativeName([_general(name) for name in dict.fromkeys((*LOOPBACK, *names))]), critical=False
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(authority, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return certificate, key

    def _root(self) -> x509.Certificate:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes

        public = self._key.public_key()
        return (
            self._builder()
            .subject_name(self._subject)
            .public_key(public)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(authority=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def _builder(self) -> x509.CertificateBuilder:
        from cryptography import x509

        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(issuer_name=self._subject, serial_number=x509.random_serial_number())
        return builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + LIFETIME)


def _usage(*, authority: bool = False) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
