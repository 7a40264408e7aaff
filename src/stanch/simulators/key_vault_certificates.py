"""Certificates of the simulated vault: made by a policy, or imported, with the secret that stands behind each."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey

PFX: Final = "application/x-pkcs12"
PEM: Final = "application/x-pem-file"
_CURVES: Final = {"P-256": "SECP256R1", "P-384": "SECP384R1", "P-521": "SECP521R1", "P-256K": "SECP256K1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A certificate with its key.

    Attributes:
        cer: base64 of the DER.
        x5t: base64url of its SHA-1.
        subject: as text.
        csr: base64 of the request that led to it.
        content_type: of the secret behind it.
        secret: the secret: PKCS#12 in base64 without a password, or PEM; never shown.
        public_secret: the same without the private key, for keys that may not leave the vault.
        not_before: seconds since 1970.
        not_after: likewise.
        private_key: kept for ``reuse_key``.
    """

    cer: str
    x5t: str
    subject: str
    csr: str
    content_type: str
    secret: str = field(repr=False)
    public_secret: str = field(repr=False)
    not_before: int
    not_after: int
    private_key: PrivateKey = field(repr=False)


def read_policy(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a policy with everything the service adds."""
    key = {"exportable": True, "kty": "RSA", "key_size": 2048, "reuse_key": False, **(given.get("key_props") or {})}
    if key["kty"].startswith("EC"):
        key.pop("key_size", None)
        key.setdefault("crv", "P-256")
    x509 = {"subject": "CN=stanch", "ekus": ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"], "key_usage": [], "validity_months": 12}
    return {
        "key_props": key,
        "secret_props": {"contentType": PFX, **(given.get("secret_props") or {})},
        "x509_props": {**x509, **{k: v for k, v in (given.get("x509_props") or {}).items() if v is not None}},
        "lifetime_actions": given.get("lifetime_actions") or [],
        "issuer": {"name": "Self", **(given.get("issuer") or {})},
    }


def made(policy: Mapping[str, Any], *, now: datetime, reuse: PrivateKey | None = None) -> Made:
    """Make a self-signed certificate as a policy says.

    Args:
        policy: from `read_policy`.
        now: when it begins.
        reuse: the key of the version before, for ``reuse_key``.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding

    wanted = policy["key_props"]
    key: PrivateKey
    if reuse is not None:
        key = reuse
    elif str(wanted["kty"]).startswith("EC"):
        key = ec.generate_private_key(getattr(ec, _CURVES.get(wanted.get("crv", "P-256"), "SECP256R1"))())
    else:
        key = rsa.generate_private_key(public_exponent=65537, key_size=int(wanted.get("key_size") or 2048))
    props = policy["x509_props"]
    name = x509.Name.from_rfc4514_string(str(props["subject"]))
    builder = x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
    end = now + timedelta(days=round(int(props["validity_months"]) * 365.25 / 12))
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now).not_valid_after(end)
    if props["ekus"]:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in props["ekus"]]), critical=False
        )
    names = [x509.DNSName(text) for text in (props.get("sans") or {}).get("dns_names") or []]
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    csr = base64.b64encode(request.public_bytes(Encoding.DER)).decode()
    return _packed(key, builder.sign(key, hashes.SHA256()), csr, str(policy["secret_props"]["contentType"]))


def imported(value: str, password: str) -> Made:
    """Take over a certificate with its key: PKCS#12 in base64, or PEM.

    Raises:
        ValueError: it is neither, has no key, or the password is wrong; the message is the service's.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

    given = value
    with contextlib.suppress(ValueError):
        value = base64.b64decode(given, validate=True).decode("ascii")  # clients send PEM as text or in base64
    if "-----BEGIN" in value:
        try:
            key = load_pem_private_key(value.encode(), password.encode() or None)
            certificate = x509.load_pem_x509_certificate(value.encode())
        except (ValueError, TypeError):
            raise ValueError("The specified PEM X.509 certificate content is in an unexpected format.") from None
        return _packed(key, certificate, "", PEM)  # type: ignore[arg-type]
    try:
        raw = base64.b64decode(given, validate=True)
        found, own, _ = pkcs12.load_key_and_certificates(raw, password.encode() or None)
    except ValueError:
        raise ValueError("The specified PKCS#12 X.509 certificate content can not be read.") from None
    if found is None or own is None:
        raise ValueError("The specified PKCS#12 X.509 certificate has no private key.")
    return _packed(found, own, "", PFX)  # type: ignore[arg-type]


def _packed(key: PrivateKey, certificate: Any, csr: str, content_type: str) -> Made:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

    der = certificate.public_bytes(Encoding.DER)
    if content_type == PEM:
        public = certificate.public_bytes(Encoding.PEM).decode()
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode() + public
    else:
        secret = base64.b64encode(pkcs12.serialize_key_and_certificates(None, key, certificate, None, NoEncryption())).decode()
        public = base64.b64encode(der).decode()
    return Made(
        cer=base64.b64encode(der).decode(),
        x5t=base64.urlsafe_b64encode(hashlib.sha1(der, usedforsecurity=False).digest()).rstrip(b"=").decode(),
        subject=certificate.subject.rfc4514_string(),
        csr=csr,
        content_type=content_type,
        secret=secret,
        public_secret=public,
        not_before=int(certificate.not_valid_before_utc.timestamp()),
        not_after=int(certificate.not_valid_after_utc.timestamp()),
        private_key=key,
    )
