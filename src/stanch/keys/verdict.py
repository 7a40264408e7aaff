"""What it means that a key or certificate leaked: the verdict with its reasons, and what else a person should know.

A certificate that has expired is not harmless: Entra ID refuses it, the classic Azure API never looked. A certificate without its
key is no leak. A self-signed one cannot be revoked by anybody, only taken off wherever it is registered. These things are said
here, once, for every container.

Sources: https://learn.microsoft.com/entra/identity-platform/certificate-credentials (Entra checks validity; how a certificate is
registered), https://learn.microsoft.com/azure/cloud-services/cloud-services-certs-create (what management certificates can do).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from stanch.core.key_facts import CertificateFacts, KeyFacts, KeyVerdict
from stanch.keys import spki, x509
from stanch.keys.model import Item, KeyFormatError
from stanch.keys.x509 import Certificate

_MOST_CERTIFICATES: Final = 200
_AZURE: Final = ("windows azure", "azure tools", "-credentials", "azure sdk")


def judged(item: Item, now: datetime) -> Item:
    """Add what an item's certificates say to what its container said.

    Args:
        item: as a format module made it.
        now: the time by which certificates have expired or not.
    """
    if not item.certificates or item.facts.verdict is KeyVerdict.BROKEN:
        return item
    read, unread = _read(item.certificates[:_MOST_CERTIFICATES])
    own = read[0] if read and item.certificates[0].startswith(read[0].der) else None
    facts = item.facts
    if own is not None and not facts.spki_sha256 and facts.verdict is not KeyVerdict.USABLE:
        facts = _with_numbers(facts, own)
    chain = tuple(certificate.facts for certificate in (read[1:] if own else read))
    notes = (*_notes(facts, own, now), *facts.notes, *unread)
    evidence = (*facts.evidence, *_evidence(facts, own))
    return replace(
        item,
        facts=replace(
            facts,
            certificate=own.facts if own else None,
            chain=chain,
            evidence=tuple(dict.fromkeys(evidence)),
            notes=tuple(dict.fromkeys(notes)),
        ),
    )


def _read(certificates: Sequence[bytes]) -> tuple[list[Certificate], list[str]]:
    read: list[Certificate] = []
    broken = 0
    for der in certificates:
        try:
            read.append(x509.read(der))
        except KeyFormatError:
            broken += 1
    return read, [f"{broken} of its certificates cannot be read."] if broken else []


def _with_numbers(facts: KeyFacts, own: Certificate) -> KeyFacts:
    """Say of a locked key what its certificate says."""
    from hashlib import sha256

    try:
        numbers = spki.read(own.spki)
    except KeyFormatError:
        return facts
    return replace(
        facts,
        algorithm=numbers.algorithm,
        bits=numbers.bits,
        curve=numbers.curve,
        modulus=numbers.modulus,
        spki_sha256=sha256(numbers.spki).hexdigest() if numbers.spki else "",
    )


def _evidence(facts: KeyFacts, own: Certificate | None) -> Iterator[str]:
    if facts.verdict is KeyVerdict.PUBLIC and not facts.private and own is not None:
        yield "A certificate is public: without its private key nobody can sign in with it. Its thumbprint says who uses it."


def _notes(facts: KeyFacts, own: Certificate | None, now: datetime) -> Iterator[str]:
    if own is None:
        return
    certificate = own.facts
    if facts.private:
        yield from _on_time(certificate, now)
        yield from _on_revocation(certificate)
        yield from _on_use(facts, certificate)
    elif certificate.not_after < now:
        yield f"The certificate expired on {_day(certificate.not_after)}."
    elif certificate.not_before > now:
        yield f"The certificate is not valid before {_day(certificate.not_before)}."
    yield from own.oddities


def _on_time(certificate: CertificateFacts, now: datetime) -> Iterator[str]:
    if certificate.not_after < certificate.not_before:
        yield "The certificate ends before it begins, so it was never valid."
    elif certificate.not_after < now:
        yield (
            f"The certificate expired on {_day(certificate.not_after)}: Entra ID refuses it since. Classic Azure Service "
            "Management never looked at expiry, and the key may have a newer certificate, so expiry alone closes nothing."
        )
    elif certificate.not_before > now:
        yield f"The certificate becomes valid on {_day(certificate.not_before)}: remove it before then."


def _on_revocation(certificate: CertificateFacts) -> Iterator[str]:
    if certificate.self_signed:
        yield "Self-signed: no authority can revoke it. Only removing it wherever it is registered stops it."
    else:
        issuer = certificate.issuer or "an authority without a name"
        yield f"Issued by {issuer}: have it revoked there too (reason keyCompromise), besides removing it where it is registered."


def _on_use(facts: KeyFacts, certificate: CertificateFacts) -> Iterator[str]:
    """Say where it may be registered; hints, never part of the verdict."""
    if facts.container == "publishsettings":
        yield (
            "As a management certificate it gave full control over each of its subscriptions; the service was retired on "
            "31 August 2024. The same key may be registered on an Entra application: one PFX can be both, so ask both."
        )
        return
    usage = certificate.extended_usage
    looks_azure = any(word in certificate.subject.lower() for word in _AZURE)
    if looks_azure or (not certificate.authority and ("clientAuth" in usage or (certificate.self_signed and not usage))):
        yield (
            "It can be registered on an Entra application and as a classic management certificate, and be both at once: "
            "look for its thumbprint in both."
        )
    elif "serverAuth" in usage:
        yield "Its usage is that of a TLS server: whoever has the key can pose as it."
    if "codeSigning" in usage:
        yield "Its usage is code signing: what is signed with it passes for its owner's."
    if certificate.authority:
        yield "It is the certificate of an authority: whoever has the key can issue certificates under it."


def _day(moment: datetime) -> str:
    return moment.date().isoformat()
