"""Asks `cryptography` whether a signature was made with a given key; loaded only when a certificate names itself as its issuer.

Source of the algorithm identifiers: RFC 3279, RFC 4055, RFC 5758, RFC 8410.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from stanch.keys.der import Der
from stanch.keys.model import KeyFormatError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

_HASHES: Final[Mapping[str, str]] = {
    "1.2.840.113549.1.1.4": "MD5", "1.2.840.113549.1.1.5": "SHA1", "1.3.14.3.2.29": "SHA1", "1.2.840.113549.1.1.14": "SHA224",
    "1.2.840.113549.1.1.11": "SHA256", "1.2.840.113549.1.1.12": "SHA384", "1.2.840.113549.1.1.13": "SHA512",
    "1.2.840.10045.4.1": "SHA1", "1.2.840.10045.4.3.1": "SHA224", "1.2.840.10045.4.3.2": "SHA256",
    "1.2.840.10045.4.3.3": "SHA384", "1.2.840.10045.4.3.4": "SHA512", "1.2.840.10040.4.3": "SHA1",
    "2.16.840.1.101.3.4.3.1": "SHA224", "2.16.840.1.101.3.4.3.2": "SHA256",
}  # fmt: skip
_DIGESTS: Final[Mapping[str, str]] = {
    "1.3.14.3.2.26": "SHA1", "2.16.840.1.101.3.4.2.4": "SHA224", "2.16.840.1.101.3.4.2.1": "SHA256",
    "2.16.840.1.101.3.4.2.2": "SHA384", "2.16.840.1.101.3.4.2.3": "SHA512",
}  # fmt: skip
_PSS: Final = "1.2.840.113549.1.1.10"
_LARGEST_KEY: Final = 8_192  # octets of public key: a modulus of more than 32,768 bits only costs time


def has_signed(signed: bytes, algorithm: bytes, signature: bytes, spki: bytes) -> bool | None:
    """Return whether a key made a signature.

    Args:
        signed: what was signed.
        algorithm: AlgorithmIdentifier, DER.
        signature: octets.
        spki: the key's SubjectPublicKeyInfo, DER.

    Returns:
        ``None`` when it cannot be checked: an algorithm nobody uses any more, or a key `cryptography` does not take.
    """
    if len(spki) > _LARGEST_KEY:
        return None
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        return _verify(load_der_public_key(spki), signed, algorithm, signature)
    except InvalidSignature:
        return False
    except (ValueError, TypeError, OverflowError, UnsupportedAlgorithm):  # KeyFormatError is a ValueError
        return None


def _verify(key: Any, signed: bytes, algorithm: bytes, signature: bytes) -> bool | None:
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa

    reader = Der(algorithm).inside(0x30)
    scheme = reader.oid()
    digest = _hash(_HASHES.get(scheme, ""))
    if isinstance(key, rsa.RSAPublicKey) and scheme == _PSS:
        key.verify(signature, signed, *_pss(reader))
    elif isinstance(key, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
        key.verify(signature, signed)
    elif digest is None:
        return None
    elif isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, signed, padding.PKCS1v15(), digest)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, signed, ec.ECDSA(digest))
    elif isinstance(key, dsa.DSAPublicKey):
        key.verify(signature, signed, digest)
    else:
        return None
    return True


def _hash(name: str) -> HashAlgorithm | None:
    from cryptography.hazmat.primitives import hashes

    made: HashAlgorithm | None = getattr(hashes, name)() if name else None
    return made


def _pss(reader: Der) -> tuple[Any, HashAlgorithm]:
    """Read the parameters of RSASSA-PSS, whose defaults are SHA-1 and 20 octets of salt (RFC 4055 §3.1)."""
    from cryptography.hazmat.primitives.asymmetric import padding

    name, masked, salt = "SHA1", "SHA1", 20
    parameters = reader.inside(0x30) if reader.tag == 0x30 else None
    while parameters is not None and not parameters.done():
        tag = parameters.tag
        value = parameters.inside()
        if tag == 0xA0:
            name = _DIGESTS.get(value.inside(0x30).oid(), "")
        elif tag == 0xA1:
            mask = value.inside(0x30)
            mask.oid()
            masked = _DIGESTS.get(mask.inside(0x30).oid(), "")
        elif tag == 0xA2:
            salt = value.number()
    digest, mask_digest = _hash(name), _hash(masked)
    if digest is None or mask_digest is None or not 0 <= salt <= 1_024:
        raise KeyFormatError("the signature parameters are not known")
    return padding.PSS(mgf=padding.MGF1(mask_digest), salt_length=salt), digest
