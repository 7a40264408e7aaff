"""How the simulated vault makes and takes certificates: self-signing, requests, PKCS#12 and PEM, signatures.

Forms: https://learn.microsoft.com/azure/key-vault/certificates/about-certificates (composition, exportable keys)
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from stanch.simulators.keyvault_policy import CURVES, PEM, PFX, bad, extensions_of, subject_of

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey

LARGEST_IMPORT: Final = 256 * 1024  # characters; a bound of the simulator
# digest length of what is signed; https://learn.microsoft.com/rest/api/keyvault/keys/sign/sign
_DIGESTS: Final = {
    "RS256": "SHA256",
    "PS256": "SHA256",
    "RS384": "SHA384",
    "PS384": "SHA384",
    "RS512": "SHA512",
    "PS512": "SHA512",
}
_EC_DIGESTS: Final = {"ES256": ("SHA256", 256), "ES384": ("SHA384", 384), "ES512": ("SHA512", 521), "ES256K": ("SHA256", 256)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate with its key.

    Attributes:
        der: the certificate.
        chain: the certificates above it, DER.
        key: its private key.
    """

    der: bytes
    chain: tuple[bytes, ...] = ()
    key: PrivateKey = field(repr=False)

    @property
    def x5t(self) -> str:
        """Thumbprint, SHA-1 in base64url."""
        return base64.urlsafe_b64encode(hashlib.sha1(self.der, usedforsecurity=False).digest()).rstrip(b"=").decode()

    @property
    def subject(self) -> str:
        """The subject, as text."""
        return self.certificate.subject.rfc4514_string()

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate, read."""
        from cryptography import x509

        return x509.load_der_x509_certificate(self.der)


def new_key(policy: Mapping[str, Any]) -> PrivateKey:
    """Make a private key as a policy says."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    wanted = policy["key_props"]
    if wanted["kty"].startswith("EC"):
        return ec.generate_private_key(getattr(ec, CURVES[wanted["crv"]])())
    return rsa.generate_private_key(public_exponent=65537, key_size=wanted["key_size"])


def request_for(policy: Mapping[str, Any], key: PrivateKey) -> bytes:
    """Return a certificate request, DER.

    Raises:
        RefusedError: the policy names no subject, or one that cannot be.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    builder = x509.CertificateSigningRequestBuilder(subject_name=subject_of(policy))
    for extension, critical in extensions_of(policy):
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def self_signed(policy: Mapping[str, Any], key: PrivateKey, now: datetime) -> Issued:
    """Make a certificate that is its own issuer, as a policy says.

    Raises:
        RefusedError: the policy names no subject, or one that cannot be.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    name = subject_of(policy)
    start = now.replace(microsecond=0) - timedelta(minutes=10)  # the service dates back by ten minutes
    builder = x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(start)
    builder = builder.not_valid_after(_months_later(now.replace(microsecond=0), policy["x509_props"]["validity_months"]))
    for extension, critical in extensions_of(policy):
        builder = builder.add_extension(extension, critical=critical)
    return Issued(der=builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER), key=key)


def imported(value: str, password: str) -> tuple[Issued, str]:
    """Read a certificate with its key: base64 of PKCS#12 or of PEM, or PEM as it is.

    Returns:
        It, and which of the two forms it had.

    Raises:
        RefusedError: it is neither, it has no key of a known kind, or the password is wrong.
    """
    if len(value) > LARGEST_IMPORT:
        raise bad("The certificate is too large.")
    try:
        data = value.encode("ascii") if "-----BEGIN" in value else base64.b64decode(value, validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        raise bad("Property value has invalid value") from None
    if b"-----BEGIN" in data:
        return _from_pem(data, password), PEM
    return _from_pfx(data, password), PFX


def merged(chain: Iterable[object], key: PrivateKey) -> Issued:
    """Return a certificate that somebody made for a pending request.

    Args:
        chain: base64 of DER, the certificate first.
        key: of the request.

    Raises:
        RefusedError: it is no certificate, or one for another key.
    """
    from cryptography import x509

    try:
        ders = [base64.b64decode(str(item), validate=True) for item in chain]
        read = [x509.load_der_x509_certificate(der) for der in ders]
        same = bool(read) and read[0].public_key() == key.public_key()
    except Exception:  # whatever OpenSSL and the Rust parser raise for bytes from outside
        raise bad("Property x5c has invalid value") from None
    if not same:
        raise bad("The public key of the end-entity certificate in the specified X.509 certificate content does not match.")
    return Issued(der=ders[0], chain=tuple(ders[1:]), key=key)


def secret_value(issued: Issued, content_type: str, *, exportable: bool) -> str:
    """Return the secret behind a certificate: PKCS#12 without a password in base64, or PEM; the key is in it if it may leave."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

    above = [x509.load_der_x509_certificate(der) for der in issued.chain]
    if content_type == PEM:
        key = issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) if exportable else b""
        return (key + b"".join(c.public_bytes(Encoding.PEM) for c in (issued.certificate, *above))).decode()
    held = issued.key if exportable else None
    return base64.b64encode(
        pkcs12.serialize_key_and_certificates(None, held, issued.certificate, above or None, NoEncryption())
    ).decode()


def signature(key: PrivateKey, algorithm: str, digest: bytes) -> bytes:
    """Sign a digest.

    Raises:
        RefusedError: the algorithm is not for this key, or the digest not for the algorithm.
    """
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature

    if isinstance(key, rsa.RSAPrivateKey) and algorithm in _DIGESTS:
        hashed = _hash(_DIGESTS[algorithm], digest)
        pss = padding.PSS(mgf=padding.MGF1(hashed), salt_length=hashed.digest_size)
        return key.sign(digest, pss if algorithm[0] == "P" else padding.PKCS1v15(), Prehashed(hashed))
    if isinstance(key, ec.EllipticCurvePrivateKey) and algorithm in _EC_DIGESTS:
        name, bits = _EC_DIGESTS[algorithm]
        hashed = _hash(name, digest)
        if key.curve.key_size == bits and (key.curve.name == "secp256k1") == algorithm.endswith("K"):
            size = (bits + 7) // 8
            r, s = decode_dss_signature(key.sign(digest, ec.ECDSA(Prehashed(cast(hashes.HashAlgorithm, hashed)))))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    raise bad("Key and signing algorithm are incompatible.")


def _hash(name: str, digest: bytes) -> Any:
    from cryptography.hazmat.primitives import hashes

    hashed = getattr(hashes, name)()
    if len(digest) != hashed.digest_size:
        raise bad(f"Invalid length of 'value': {len(digest)} bytes. {name} requires {hashed.digest_size} bytes.")
    return hashed


def _from_pem(data: bytes, password: str) -> Issued:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

    try:
        key = load_pem_private_key(data, password.encode() or None)
        certificates = x509.load_pem_x509_certificates(data)
    except Exception:  # OpenSSL has many ways to say no, and its texts may quote what it read
        raise bad("The specified PEM X.509 certificate content is in an unexpected format.") from None
    return _matched(key, [certificate.public_bytes(Encoding.DER) for certificate in certificates])


def _from_pfx(data: bytes, password: str) -> Issued:
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

    try:
        key, own, above = pkcs12.load_key_and_certificates(data, password.encode() or None)
    except Exception:  # as above
        raise bad("The specified PKCS#12 X.509 certificate content can not be read. Check that it is valid PKCS#12.") from None
    found = [certificate for certificate in (own, *above) if certificate is not None]
    return _matched(key, [certificate.public_bytes(Encoding.DER) for certificate in found])


def _matched(key: object, ders: list[bytes]) -> Issued:
    """Return key and certificates, the one that belongs to the key first."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise bad("The specified X.509 certificate content has no private key of a supported kind.")
    public = key.public_key()
    own = next((der for der in ders if x509.load_der_x509_certificate(der).public_key() == public), None)
    if own is None:
        raise bad("The private key does not belong to a certificate in the specified X.509 certificate content.")
    return Issued(der=own, chain=tuple(der for der in ders if der != own), key=key)


def _months_later(start: datetime, months: int) -> datetime:
    """Return the same day some months later, or the last of the month when there is none."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    for day in range(start.day, 27, -1):
        try:
            return start.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    return start.replace(year=year, month=month + 1)
