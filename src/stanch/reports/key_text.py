"""What is known of a key or certificate, and of its validity, as words for people and as plain data for machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from stanch.core.key_facts import CertificateFacts, KeyFacts, KeyVerdict, Protection
from stanch.core.validity import Validity, ValidityCheck
from stanch.keys.model import CONTAINERS
from stanch.keys.weak import CODES
from stanch.reports.escape import visible, well_formed

JSON = dict[str, Any]
_PROTECTION: Final[Mapping[Protection, str]] = {
    Protection.NONE: "private key inside, not protected",
    Protection.EMPTY_PASSWORD: "private key inside, protected by an empty password, which is none",
    Protection.PASSWORD_FOUND: "private key inside; its password stands near by",
    Protection.PASSWORD_GUESSED: "private key inside; its password is a common one",
    Protection.PASSWORD: "private key inside, behind a password we do not know",
    Protection.HARDWARE: "refers to a private key in a device",
    Protection.NOTHING_TO_PROTECT: "no private key inside",
}
_ALGORITHMS: Final = {
    "rsa": "RSA",
    "ec": "EC",
    "dsa": "DSA",
    "dh": "DH",
    "ed25519": "Ed25519",
    "ed448": "Ed448",
    "x25519": "X25519",
    "x448": "X448",
}


def key_lines(key: KeyFacts) -> Iterator[tuple[str, str]]:
    """Yield (label, text) of everything that is known of a key, the most important first."""
    state = "cannot be read" if key.verdict is KeyVerdict.BROKEN else _PROTECTION[key.protection]
    what = " · ".join(part for part in (container_name(key), algorithm_text(key), state) if part)
    yield "key", what
    if key.scheme:
        rounds = f", {key.iterations:,} rounds" if key.iterations else ""
        yield "", f"encrypted: {visible(key.scheme)}{rounds}"
    if key.label:
        yield "", f"called {visible(key.label)}"
    if key.certificate is not None:
        yield from certificate_lines(key.certificate)
        if key.chain:
            yield (
                "",
                f"with {len(key.chain)} more certificate{'s' if len(key.chain) > 1 else ''}: "
                + "; ".join(visible(c.subject) for c in key.chain[:3]),
            )
    if key.spki_sha256:
        yield "spki", f"SHA-256 {key.spki_sha256}"
    for code in key.weaknesses:
        yield "weak", CODES.get(code, code.replace("_", " "))
    for number, text in enumerate((*key.evidence, *key.notes)):
        yield "" if number else "means", visible(text)


def certificate_lines(certificate: CertificateFacts) -> Iterator[tuple[str, str]]:
    """Yield (label, text) about a certificate."""
    issued = "self-signed" if certificate.self_signed else f"issued by {visible(certificate.issuer)}"
    yield "cert", f"{visible(certificate.subject) or '(no subject)'} · {issued}"
    yield (
        "",
        f"valid {day(certificate.not_before)} to {day(certificate.not_after)}"
        + (f" · for {', '.join(map(visible, certificate.extended_usage))}" if certificate.extended_usage else ""),
    )
    if certificate.alternative_names:
        names = certificate.alternative_names
        yield "", "names " + ", ".join(map(visible, names[:6])) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    yield "thumb", f"SHA-1 {certificate.sha1} (x5t {certificate.x5t})"
    yield "", f"SHA-256 {certificate.sha256} (x5t#S256 {certificate.x5t_s256})"


def container_name(key: KeyFacts) -> str:
    """Return what people call the container."""
    return CONTAINERS.get(key.container, key.container)


def algorithm_text(key: KeyFacts) -> str:
    """Return ``RSA 2048``, ``EC secp256r1``, ``Ed25519`` or nothing."""
    name = _ALGORITHMS.get(key.algorithm, key.algorithm)
    if key.curve and key.algorithm == "ec":
        return f"{name} {key.curve}"
    return f"{name} {key.bits}" if key.bits and key.algorithm in ("rsa", "dsa", "dh") else name


def day(moment: datetime) -> str:
    """Return a date."""
    return f"{moment:%Y-%m-%d}"


def moment_text(moment: datetime) -> str:
    """Return a time in UTC, to the second."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


_VERDICTS: Final[Mapping[Validity, str]] = {
    Validity.LIVE: "LIVE: it works",
    Validity.DEAD: "dead: its issuer refuses it",
    Validity.EXPIRED: "expired",
    Validity.DORMANT: "dormant: refused now, and may work again",
    Validity.INCONCLUSIVE: "inconclusive",
    Validity.UNCHECKED: "not checked",
}


def validity_lines(check: ValidityCheck) -> Iterator[tuple[str, str]]:
    """Yield (label, text) about a validity check."""
    remembered = f" (as of {moment_text(check.checked_at)})" if check.cached else ""
    yield "validity", f"{_VERDICTS[check.validity]}{remembered}. {visible(check.message)}"
    for name, value in check.evidence.items():
        yield "", f"{visible(name.replace('_', ' '))}: {visible(value)}"
    if check.probes:
        hosts = ", ".join(dict.fromkeys(visible(probe.host) for probe in check.probes))
        count = len(check.probes)
        yield "asked", f"{hosts} with {count} request{'s' if count > 1 else ''} at {moment_text(check.probes[0].at)}"


# --- plain data -----------------------------------------------------------------------------------------------------


def key_fields(key: KeyFacts | None, same_key: tuple[str, ...] = ()) -> JSON | None:
    """Return a key as the ``key`` of the schema."""
    if key is None:
        return None
    return {
        "container": key.container,
        "private": key.private,
        "protection": key.protection.value,
        "verdict": key.verdict.value,
        "algorithm": key.algorithm,
        "bits": key.bits,
        "curve": key.curve,
        "spki_sha256": key.spki_sha256,
        "certificate": certificate_fields(key.certificate) if key.certificate else None,
        "chain": [certificate_fields(certificate) for certificate in key.chain],
        "weaknesses": list(key.weaknesses),
        "scheme": well_formed(key.scheme),
        "iterations": key.iterations,
        "label": well_formed(key.label),
        "evidence": [well_formed(text) for text in key.evidence],
        "notes": [well_formed(text) for text in key.notes],
        "same_key": list(same_key),
    }


def certificate_fields(certificate: CertificateFacts) -> JSON:
    """Return a certificate as plain data; times are RFC 3339."""
    return {
        "subject": well_formed(certificate.subject),
        "issuer": well_formed(certificate.issuer),
        "serial": certificate.serial,
        "self_signed": certificate.self_signed,
        "not_before": moment_text(certificate.not_before),
        "not_after": moment_text(certificate.not_after),
        "extended_usage": [well_formed(name) for name in certificate.extended_usage],
        "alternative_names": [well_formed(name) for name in certificate.alternative_names],
        "sha1": certificate.sha1,
        "sha256": certificate.sha256,
        "x5t": certificate.x5t,
        "x5t#S256": certificate.x5t_s256,
        "signature": well_formed(certificate.signature),
        "authority": certificate.authority,
    }


def validity_fields(check: ValidityCheck | None) -> JSON | None:
    """Return a validity check as the ``validity`` of the schema."""
    if check is None:
        return None
    return {
        "validity": check.validity.value,
        "reason": check.reason,
        "message": well_formed(check.message),
        "checked_at": moment_text(check.checked_at),
        "cached": check.cached,
        "evidence": {well_formed(name): well_formed(value) for name, value in check.evidence.items()},
        "requests": [
            {
                "host": well_formed(probe.host),
                "at": moment_text(probe.at),
                "method": probe.method,
                "request_id": well_formed(probe.request_id),
                "status": probe.status,
            }
            for probe in check.probes
        ],
    }
