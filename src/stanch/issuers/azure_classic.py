"""Classic Azure Service Management: does a management certificate still control its subscriptions?

One harmless request for each subscription, with the certificate shown in the TLS handshake: `Get Subscription
<https://learn.microsoft.com/previous-versions/azure/reference/hh403995(v=azure.100)>`_. Expiry says nothing here: the service
never looked at it. It was retired on 31 August 2024, so silence is not proof either.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from stanch.core.validity import Probe, Validity, ValidityCheck
from stanch.issuers.azure_clouds import cloud_of
from stanch.issuers.model import Credential, Door, HttpRequest, verdict
from stanch.issuers.reading import cleaned
from stanch.keys.model import Item
from stanch.net.model import HttpAnswer, NoAnswerError

MOST_SUBSCRIPTIONS: Final = 20  # that are asked about
VERSION: Final = "2014-10-01"  # what Microsoft's last client sent
_GUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_RETIRED: Final = (
    "The classic service was retired on 31 August 2024, so no answer proves nothing. "
    "Look whether the same key is registered in Entra ID."
)
# What cannot be told apart from a service that is gone.
_GONE: Final = frozenset({"dns", "connection"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What is known about one subscription."""

    validity: Validity
    reason: str
    message: str
    name: str = ""


def check(credential: Credential, door: Door, probes: list[Probe]) -> ValidityCheck:
    """Ask about each subscription; the strongest answer is the verdict, the others are in the evidence."""
    key = credential.key
    if key is None or key.private is None or not key.certificates:
        message = "The certificate with its private key could not be had, so it cannot be shown to the service."
        return verdict(door, Validity.UNCHECKED, "private_key_missing", message, probes)
    found = subscriptions(credential)
    if not found:
        message = "A subscription id is needed to ask, and none stands near by. Give it, and ask again."
        return verdict(door, Validity.UNCHECKED, "companion_missing", message, probes)
    cloud = cloud_of(key.fields.get("service_management_url", "").split(",")[0] or credential.text("service management url"))
    base = door.host(cloud.management)
    outcomes = {id: _outcome(base, id, key, door, probes) for id in found[:MOST_SUBSCRIPTIONS]}
    left = len(found) - len(outcomes)
    strongest = max(outcomes.values(), key=lambda outcome: STRENGTH[outcome.validity])
    if left and strongest.validity is Validity.DEAD:
        message = f"Of {len(found)} subscriptions only the first {MOST_SUBSCRIPTIONS} were asked; those refuse it."
        strongest = _Outcome(validity=Validity.INCONCLUSIVE, reason="not_all_asked", message=message)
    evidence = {"thumbprint": key.facts.certificate.sha1 if key.facts.certificate else "", "cloud": cloud.name}
    evidence |= {f"subscription {id}": _shown(outcome) for id, outcome in outcomes.items()}
    if left:
        evidence["not_asked"] = str(left)
    return verdict(
        door, strongest.validity, strongest.reason, strongest.message, probes, {k: v for k, v in evidence.items() if v}
    )


STRENGTH: Final = {
    Validity.LIVE: 5,
    Validity.DORMANT: 4,
    Validity.INCONCLUSIVE: 3,
    Validity.EXPIRED: 2,
    Validity.DEAD: 1,
    Validity.UNCHECKED: 0,
}
"""Of several answers about one key, which counts: one that may still be live outweighs a refusal elsewhere."""


def subscriptions(credential: Credential) -> list[str]:
    """Return the ids of the subscriptions that stand in the container or near by, without repetition."""
    listed = credential.key.fields.get("subscription_ids", "") if credential.key else ""
    return list(dict.fromkeys(_ids((*listed.split(","), credential.text("subscription id")))))


def _ids(texts: Iterable[str]) -> Iterable[str]:
    return (id for text in texts if _GUID.fullmatch(id := text.strip().lower()))


def _outcome(base: str, id: str, key: Item, door: Door, probes: list[Probe]) -> _Outcome:
    request = HttpRequest(
        method="GET", url=f"{base}/{id}", headers={"x-ms-version": VERSION, "Accept": "application/xml"}, identity=key
    )
    try:
        answer = door.send(request, probes=probes)
    except NoAnswerError as exc:
        if exc.reason in _GONE:
            return _undecided("authority_retired", f"The service cannot be reached ({exc.reason}). {_RETIRED}")
        return _undecided(exc.reason, exc.message)
    return _read(answer, id)


def _read(answer: HttpAnswer, id: str) -> _Outcome:
    status, code = answer.status, _element(answer.body, "Code")
    if status == 200 and _element(answer.body, "SubscriptionID").lower() == id:
        message = (
            "The certificate is accepted: full control over the subscription, without scopes. Delete it there by its thumbprint."
        )
        return _Outcome(
            validity=Validity.LIVE, reason="accepted", message=message, name=_element(answer.body, "SubscriptionName")
        )
    if status == 403 and code in ("ForbiddenError", "AuthenticationFailed"):
        message = "The service does not know the certificate on this subscription. It may be registered on others."
        return _Outcome(validity=Validity.DEAD, reason="certificate_not_associated", message=message)
    if status == 403 and code in ("SubscriptionDisabled", "SubscriptionNotActive"):
        message = "The subscription is disabled; the certificate controls it again when it is enabled. Delete it there first."
        return _Outcome(validity=Validity.DORMANT, reason="subscription_disabled", message=message)
    if status == 410:
        return _undecided("authority_retired", f"The service answers that it is gone. {_RETIRED}")
    if status == 429 or code in ("TooManyRequests", "ServerBusy"):
        return _undecided("rate_limited", "The service takes no more requests for now. Ask again later.")
    if 300 <= status < 400:
        return _undecided("redirected", "The answer was a redirect. Nothing follows those, so nobody was asked.")
    if status >= 500:
        return _undecided("issuer_error", "The service has an error of its own. Ask again later.")
    return _undecided("unexpected_answer", f"The answer (HTTP {status}) is none that decides. {_RETIRED}")


def _undecided(reason: str, message: str) -> _Outcome:
    return _Outcome(validity=Validity.INCONCLUSIVE, reason=reason, message=message)


def _element(body: bytes, name: str) -> str:
    """Return the text of the first element of a name: enough for these small bodies, and no parser to attack."""
    found = re.search(rf"<{name}>([^<]{{0,300}})</{name}>".encode(), body[: 64 * 1024])
    return cleaned(found[1].decode("utf-8", "replace")) if found else ""


def _shown(outcome: _Outcome) -> str:
    return f"{outcome.validity.value} ({outcome.reason})" + (f": {outcome.name}" if outcome.name else "")
