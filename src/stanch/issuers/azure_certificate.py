"""A leaked certificate that may be two things at once: a classic management certificate, and an application's in Entra ID.

Whoever has the key can try both, so both are asked where what is needed stands near by.
"""

from __future__ import annotations

from stanch.core.validity import Probe, Validity, ValidityCheck
from stanch.issuers import azure_classic, entra
from stanch.issuers.model import Credential, Door, Validator, asked, verdict


def check_azure_certificate(credential: Credential, door: Door, probes: list[Probe]) -> ValidityCheck:
    """Ask the classic service about subscriptions and Entra about an application; the strongest answer is the verdict.

    The evidence of both is kept, each under its own prefix, when both were asked.
    """
    validators: dict[str, Validator] = {}
    if azure_classic.subscriptions(credential):
        validators["classic"] = azure_classic.check
    if entra.has_companions(credential):
        validators["entra"] = entra.check_certificate
    if not validators:
        message = (
            "To ask, a subscription id (classic management) or a tenant id and a client id (Entra ID) are needed; "
            "none of them stands near by. Give them, and ask again."
        )
        return verdict(door, Validity.UNCHECKED, "companion_missing", message, probes)
    found = {name: asked(validator, credential, door) for name, validator in validators.items()}
    for part in found.values():
        probes.extend(part.probes)
    if len(found) == 1:
        return next(iter(found.values()))
    return _combined(found, door, probes)


def _combined(found: dict[str, ValidityCheck], door: Door, probes: list[Probe]) -> ValidityCheck:
    ranked = sorted(found, key=lambda name: azure_classic.STRENGTH[found[name].validity], reverse=True)
    strongest, other = ranked[0], ranked[1]
    evidence = {f"{name}.{fact}": value for name, check in found.items() for fact, value in check.evidence.items()}
    evidence |= {name: f"{check.validity.value} ({check.reason})" for name, check in found.items()}
    message = f"{_NAMES[strongest]}: {found[strongest].message} {_NAMES[other]}: {found[other].message}"
    return verdict(door, found[strongest].validity, found[strongest].reason, message, probes, evidence)


_NAMES = {"classic": "Classic management", "entra": "Entra ID"}
