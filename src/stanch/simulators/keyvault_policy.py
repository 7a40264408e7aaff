"""Policies of the simulated vault: how a certificate is to be made.

Source: https://learn.microsoft.com/rest/api/keyvault/certificates/create-certificate/create-certificate
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from stanch.simulators.keyvault_store import RefusedError

if TYPE_CHECKING:
    from cryptography import x509

PFX: Final = "application/x-pkcs12"
PEM: Final = "application/x-pem-file"
_SIZES: Final = (2048, 3072, 4096)
CURVES: Final = {"P-256": "SECP256R1", "P-384": "SECP384R1", "P-521": "SECP521R1", "P-256K": "SECP256K1"}
_USAGES: Final = {  # the service's words → cryptography's
    "digitalSignature": "digital_signature",
    "nonRepudiation": "content_commitment",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
    "keyCertSign": "key_cert_sign",
    "cRLSign": "crl_sign",
    "encipherOnly": "encipher_only",
    "decipherOnly": "decipher_only",
}


def bad(message: str) -> RefusedError:
    """Return the refusal of a parameter."""
    return RefusedError(400, "BadParameter", message)


def read_policy(given: object, before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a policy, complete: what is *given*, else what was *before*, else what the service takes.

    Raises:
        RefusedError: a part of it is of no known kind.
    """
    if not isinstance(given, dict):
        raise bad("Property policy has invalid value")
    before = before or {}
    defaults: dict[str, dict[str, Any]] = {
        "key_props": {"exportable": True, "kty": "RSA", "reuse_key": False},
        "secret_props": {"contentType": PFX},
        "x509_props": {
            "subject": "",
            "ekus": ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"],
            "key_usage": ["digitalSignature", "keyEncipherment"],
            "validity_months": 12,
        },
        "issuer": {"name": "Unknown"},
    }
    made: dict[str, Any] = {}
    for part, default in defaults.items():
        said = given.get(part)
        if said is not None and not isinstance(said, dict):
            raise bad(f"Property policy.{part} has invalid value")
        kept = before.get(part) or {}
        made[part] = {**default, **kept, **{name: value for name, value in (said or {}).items() if value is not None}}
    made["lifetime_actions"] = given.get("lifetime_actions") or before.get("lifetime_actions") or []
    _check_policy(made)
    return made


def _check_policy(policy: dict[str, Any]) -> None:
    key, x509_props, content = policy["key_props"], policy["x509_props"], policy["secret_props"]["contentType"]
    for name in ("exportable", "reuse_key"):
        if not isinstance(key[name], bool):
            raise bad(f"Property policy.key_props.{name} has invalid value")
    if key["kty"] in ("RSA", "RSA-HSM"):
        key.setdefault("key_size", 2048)
        key.pop("crv", None)
        if key["key_size"] not in _SIZES or isinstance(key["key_size"], bool):
            raise bad("Property policy.key_props.key_size has invalid value")
    elif key["kty"] in ("EC", "EC-HSM"):
        key.setdefault("crv", "P-256")
        key.pop("key_size", None)
        if not isinstance(key["crv"], str) or key["crv"] not in CURVES:
            raise bad("Property policy.key_props.crv has invalid value")
    else:
        raise bad("Property policy.key_props.kty has invalid value")
    if key["kty"].endswith("-HSM") and key["exportable"]:
        raise bad("A key in an HSM can not be exportable.")
    if content not in (PFX, PEM):
        raise bad("Property policy.secret_props.contentType has invalid value")
    months = x509_props["validity_months"]
    if isinstance(months, bool) or not isinstance(months, int) or not 1 <= months <= 1_200:
        raise bad("Property policy.x509_props.validity_months has invalid value")
    if not isinstance(x509_props["subject"], str) or not isinstance(policy["issuer"]["name"], str):
        raise bad("Property policy.x509_props has invalid value")


def subject_of(policy: Mapping[str, Any]) -> x509.Name:
    """Return the subject a policy names.

    Raises:
        RefusedError: it names none, or one that cannot be.
    """
    from cryptography import x509

    try:
        name = x509.Name.from_rfc4514_string(policy["x509_props"]["subject"])
    except ValueError:
        raise bad("Property policy.x509_props.subject has invalid value") from None
    if not list(name) and not _names(policy):
        raise bad("A subject or a subject alternative name is required.")
    return name


def _names(policy: Mapping[str, Any]) -> list[x509.GeneralName]:
    from cryptography import x509

    sans = policy["x509_props"].get("sans") or {}
    made: list[x509.GeneralName] = []
    try:
        made += [x509.DNSName(text) for text in sans.get("dns_names") or ()]
        made += [x509.RFC822Name(text) for text in sans.get("emails") or ()]
        made += [x509.UniformResourceIdentifier(text) for text in sans.get("uris") or ()]
        made += [x509.IPAddress(ipaddress.ip_address(text)) for text in sans.get("ipAddresses") or ()]
    except (AttributeError, TypeError, ValueError):
        raise bad("Property policy.x509_props.sans has invalid value") from None
    return made


def extensions_of(policy: Mapping[str, Any]) -> list[tuple[x509.ExtensionType, bool]]:
    """Return the extensions a policy asks for, and whether each is critical.

    Raises:
        RefusedError: one of them cannot be.
    """
    from cryptography import x509

    props = policy["x509_props"]
    made: list[tuple[x509.ExtensionType, bool]] = [(x509.BasicConstraints(ca=False, path_length=None), False)]
    try:
        usages = {name: word in (props["key_usage"] or ()) for word, name in _USAGES.items()}
        if any(usages.values()):
            made.append((x509.KeyUsage(**usages), True))
        if props["ekus"]:
            made.append((x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in props["ekus"]]), False))
    except (TypeError, ValueError):
        raise bad("Property policy.x509_props has invalid value") from None
    names = _names(policy)
    return [*made, (x509.SubjectAlternativeName(names), False)] if names else made
