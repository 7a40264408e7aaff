"""What is known about a key or certificate from its bytes alone. Only facts that may be shown: no private part, no password."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from stanch.core.records import dataclass


class Protection(str, Enum):
    """What stands between a key file and its private key."""

    NONE = "none"  # plain
    EMPTY_PASSWORD = "empty password"  # encrypted, with a password that is empty  # noqa: S105
    PASSWORD_FOUND = "password found"  # the password stands near by  # noqa: S105
    PASSWORD_GUESSED = "password guessed"  # the password is on the short list  # noqa: S105
    PASSWORD = "password"  # not known to us; may be guessed offline  # noqa: S105
    HARDWARE = "hardware"  # the file only refers to a key in a device
    NOTHING_TO_PROTECT = "nothing to protect"  # no private key inside


class KeyVerdict(str, Enum):
    """How bad it is that these bytes leaked."""

    USABLE = "usable"  # whoever has the bytes (and what lies beside them) has the private key
    LOCKED = "locked"  # a private key behind a password that is not known
    PUBLIC = "public"  # no private key: not a leak
    BROKEN = "broken"  # looks like a key, cannot be read


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFacts:
    """One X.509 certificate.

    Attributes:
        subject: RFC 4514 text.
        issuer: RFC 4514 text.
        serial: lower-case hex.
        self_signed: issuer and subject are equal and the signature verifies with its own key.
        not_before: start of validity, UTC.
        not_after: end of validity, UTC.
        extended_usage: names (``clientAuth``, ``serverAuth``) or dotted ids.
        alternative_names: DNS names, addresses, URIs as text.
        sha1: thumbprint as Azure shows it: SHA-1 of the DER, upper-case hex.
        sha256: SHA-256 of the DER, upper-case hex.
        x5t: base64url of SHA-1, no padding (RFC 7515).
        x5t_s256: base64url of SHA-256, no padding.
        signature: name of the signature algorithm (``sha256WithRSAEncryption``) or its dotted id.
        authority: whether basicConstraints says CA.
    """

    subject: str
    issuer: str
    serial: str
    self_signed: bool
    not_before: datetime
    not_after: datetime
    sha1: str
    sha256: str
    x5t: str
    x5t_s256: str
    extended_usage: tuple[str, ...] = ()
    alternative_names: tuple[str, ...] = ()
    signature: str = ""
    authority: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFacts:
    """One key, or one certificate with or without its key, inside some container.

    Attributes:
        container: see `stanch.keys.model.CONTAINERS`: ``pkcs12``, ``pkcs8``, ``openssh``, ``publishsettings`` …
        private: whether the private key is inside.
        protection: what stands before it.
        verdict: how bad it is.
        algorithm: ``rsa``, ``ec``, ``ed25519``, ``ed448``, ``x25519``, ``dsa``, ``dh``, ``age`` …; empty when locked away.
        bits: size of the modulus or field; 0 when unknown.
        curve: name of the curve (``secp256r1``); empty for others.
        spki_sha256: SHA-256 over the SubjectPublicKeyInfo, lower-case hex: what links a key to its certificates and copies.
        modulus: RSA modulus, big endian, to find moduli that share a factor; never shown.
        exponent: RSA public exponent, 0 when unknown.
        certificate: the certificate that belongs to the key, or the only one.
        chain: the other certificates.
        weaknesses: codes of `stanch.keys.weak`: ``small_rsa``, ``roca``, ``debian_weak``, ``small_exponent``, ``shared_factor`` …
        iterations: work factor of the encryption as the file states it, 0 when none.
        scheme: how it is encrypted, in words (``PBES2 AES-256-CBC, PBKDF2-SHA256``).
        label: what the container calls it: alias, friendly name, comment.
        evidence: why the verdict is what it is, sentences for a person.
        notes: what else a person should know: expired, self-signed, both classic and Entra …
    """

    container: str
    private: bool
    protection: Protection
    verdict: KeyVerdict
    algorithm: str = ""
    bits: int = 0
    curve: str = ""
    spki_sha256: str = ""
    modulus: bytes = b""
    exponent: int = 0
    certificate: CertificateFacts | None = None
    chain: tuple[CertificateFacts, ...] = ()
    weaknesses: tuple[str, ...] = ()
    iterations: int = 0
    scheme: str = ""
    label: str = ""
    evidence: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
