"""The words of `stanch.keys`: what an examination is given and what it answers.

Private parts travel in `Private`, which shows nothing of itself. Whatever leaves the process is in `stanch.core.key_facts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn

from stanch.core.key_facts import KeyFacts

CONTAINERS: Final[Mapping[str, str]] = {
    "publishsettings": "Azure .publishsettings file",
    "pkcs12": "PKCS#12 (PFX)",
    "pem": "PEM file",
    "pkcs8": "PKCS#8 private key",
    "pkcs1": "PKCS#1 RSA private key",
    "sec1": "SEC1 EC private key",
    "dsa": "traditional DSA private key",
    "openssh": "OpenSSH private key",
    "ssh2": "SSH2 (ssh.com) private key",
    "putty": "PuTTY private key",
    "jks": "Java keystore (JKS)",
    "jceks": "Java keystore (JCEKS)",
    "age": "age identity",
    "pgp": "OpenPGP key",
    "jwk": "JSON Web Key",
    "x509": "X.509 certificate",
    "pkcs7": "PKCS#7 certificate bundle",
    "csr": "certificate signing request",
    "public": "public key",
}
"""Container → what people call it."""


class Private:
    """A private key in the clear, or a password that was found: usable by an adapter, shown by nobody.

    Args:
        value: for a key, PKCS#8 DER, unencrypted; for a password its bytes.
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """Return the bytes. Call sites are listed in ``tests/unit/core/test_secret.py``, as those of `Secret.reveal`."""
        return self._value

    def __repr__(self) -> str:
        return "‹private›"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not pickled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Password:
    """A password worth trying.

    Attributes:
        value: the password.
        found: whether it stands near the key (``True``) or is a common one (``False``).
        source: where it was found, for the evidence: ``AZURE_CLIENT_CERTIFICATE_PASSWORD on line 3``; never the password.
    """

    value: Private
    found: bool = True
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One key or certificate of a container.

    Attributes:
        facts: what may be shown.
        private: the private key when it could be had: PKCS#8 DER.
        certificates: DER, the key's own first.
        password: the password that opened it, when one was needed.
        fields: facts of the container that belong to it: ``subscription_ids``, ``service_management_url`` …, comma-separated.
    """

    facts: KeyFacts
    private: Private | None = None
    certificates: tuple[bytes, ...] = ()
    password: Private | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What is in some bytes.

    Attributes:
        what: what the bytes are, for a person: "PKCS#12 (PFX)", "JPEG image", "text".
        items: keys and certificates in the order of the container; empty when it is nothing of the kind.
        problems: what could not be read and why, for a person.
    """

    what: str
    items: Sequence[Item] = ()
    problems: Sequence[str] = ()


class KeyFormatError(ValueError):
    """Bytes that begin like a container and are none, or a broken one. The message holds none of them."""
