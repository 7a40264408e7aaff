"""Microsoft Entra ID: does an application's certificate, or its client secret, still sign in?

One token request decides. The token is thrown away; of its claims only what says whose it is and what it may do is kept as
evidence. Each request leaves a row in the tenant's sign-in log, under the ``client-request-id`` that the probe has.

A tenant may live in a national cloud. Which one is asked for without any credential (its discovery document), because other
companies run those clouds: a secret goes only where the tenant is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from stanch.core.validity import Probe, Validity, ValidityCheck
from stanch.issuers.aadsts import About, Refusal, Rule, refusal_of, rule_for
from stanch.issuers.azure_clouds import CLOUDS, Cloud, cloud_of
from stanch.issuers.client_assertion import TYPE, Algorithm, UnusableKeyError, client_assertion
from stanch.issuers.entra_tokens import claims_of
from stanch.issuers.model import Credential, Door, HttpRequest, verdict
from stanch.issuers.reading import gives_away
from stanch.issuers.rendering import NotAskedError, value_of
from stanch.net.model import HttpAnswer, NoAnswerError

CERTAIN: Final = "tenant certain"
"""Companion, not empty when the user vouches for the tenant: only then is an application that is not in it gone."""
_GUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TENANT: Final = re.compile(rf"{_GUID.pattern}|(?=.{{4,253}}\Z)(?:[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?\.)+[a-z]{{2,63}}")
_MANY: Final = frozenset({"common", "organizations", "consumers"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """One answer of a token endpoint, and what it means."""

    rule: Rule
    evidence: Mapping[str, str] = field(default_factory=dict)


_Form = Callable[[str, Algorithm], Mapping[str, str]]
_LIVE: Final = Rule(
    validity=Validity.LIVE,
    reason="accepted",
    message=(
        "Entra accepts it: whoever has it signs in as the application. Register a new credential, roll it out, remove this one."
    ),
)


def check_certificate(credential: Credential, door: Door, probes: list[Probe]) -> ValidityCheck:
    """Ask for a token with an assertion that the leaked key signed.

    Raises:
        NoAnswerError: nothing usable came back.
    """
    key = credential.key
    if key is None or key.private is None:
        message = "The private key could not be had (it is behind a password, or not there), so nobody can sign in with it here."
        return verdict(door, Validity.UNCHECKED, "private_key_missing", message, probes)
    if not key.certificates:
        message = (
            "Entra knows keys by their certificates, and none stands beside this key. Give the certificate too, and ask again."
        )
        return verdict(door, Validity.UNCHECKED, "certificate_missing", message, probes)
    private, certificate = key.private, key.certificates[0]

    def form(endpoint: str, algorithm: Algorithm) -> Mapping[str, str]:
        client = _client(credential)
        signed = client_assertion(private, certificate, client=client, audience=endpoint, now=door.now(), algorithm=algorithm)
        return {"client_assertion_type": TYPE, "client_assertion": signed}

    try:
        return _checked(credential, door, probes, form, about="certificate")
    except UnusableKeyError as exc:
        return verdict(door, Validity.UNCHECKED, "key_unusable", str(exc), probes)


def check_secret(credential: Credential, door: Door, probes: list[Probe]) -> ValidityCheck:
    """Ask for a token with the leaked client secret.

    Raises:
        NoAnswerError: nothing usable came back.
    """
    try:
        secret = value_of(credential)
    except NotAskedError as exc:
        return verdict(door, Validity.UNCHECKED, exc.reason, exc.message, probes)
    return _checked(credential, door, probes, lambda *_: {"client_secret": secret}, about="secret")


def has_companions(credential: Credential) -> bool:
    """Whether a tenant and a client id stand beside it."""
    return bool(_tenant(credential) and _client(credential))


def _checked(credential: Credential, door: Door, probes: list[Probe], form: _Form, *, about: About) -> ValidityCheck:
    if not has_companions(credential):
        message = (
            "The tenant id and the client id are needed to ask Entra, and do not both stand near by. Give them, and ask again."
        )
        return verdict(door, Validity.UNCHECKED, "companion_missing", message, probes)
    cloud = cloud_of(credential.text("authority host") or credential.text("authority"))
    if about == "secret" and cloud is not CLOUDS[0] and not _has_tenant(credential, door, probes, cloud):
        cloud = CLOUDS[0]  # a scanned file alone does not send a secret to another company's cloud
    heard = _heard(credential, door, probes, form, about, cloud)
    if heard.rule.elsewhere:
        home = _home(credential, door, probes, cloud)
        if home is not None:
            cloud, heard = home, _heard(credential, door, probes, form, about, home)
    sure = bool(credential.text(CERTAIN))
    validity = heard.rule.certain if sure and heard.rule.certain else heard.rule.validity
    shown = {"tenant": _tenant(credential), "client_id": _client(credential), "cloud": cloud.name, **heard.evidence}
    return verdict(door, validity, heard.rule.reason, heard.rule.message, probes, _safe(shown, credential))


def _heard(credential: Credential, door: Door, probes: list[Probe], form: _Form, about: About, cloud: Cloud) -> _Heard:
    """Ask one cloud; a refusal that may be about how we signed is asked again, signed the older way."""
    heard = _asked_once(credential, door, probes, form, about, cloud, "PS256")
    if heard.rule.resign and about == "certificate":
        heard = _asked_once(credential, door, probes, form, about, cloud, "RS256")
    return heard


def _asked_once(
    credential: Credential, door: Door, probes: list[Probe], form: _Form, about: About, cloud: Cloud, algorithm: Algorithm
) -> _Heard:
    endpoint = f"{door.host(cloud.login)}/{_tenant(credential)}/oauth2/v2.0/token"
    fields = {
        "grant_type": "client_credentials",
        "client_id": _client(credential),
        "scope": f"https://{cloud.graph}/.default",
        **form(endpoint, algorithm),
    }
    request = HttpRequest(
        method="POST",
        url=endpoint,
        headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
        body=urlencode(fields).encode("ascii"),
        idempotent=True,  # another token changes nothing, and it is thrown away like the first
    )
    heard = _read(door.send(request, probes=probes), about)
    if about == "certificate":
        return _Heard(rule=heard.rule, evidence={**heard.evidence, "signed_with": algorithm})
    return heard


def _home(credential: Credential, door: Door, probes: list[Probe], asked: Cloud) -> Cloud | None:
    """Return the other cloud that has the tenant, when one says so."""
    return next((cloud for cloud in CLOUDS if cloud is not asked and _has_tenant(credential, door, probes, cloud)), None)


def _has_tenant(credential: Credential, door: Door, probes: list[Probe], cloud: Cloud) -> bool:
    """Ask a cloud, without any credential, whether it has the tenant. No answer is a no: nothing is sent there then."""
    url = f"{door.host(cloud.login)}/{_tenant(credential)}/v2.0/.well-known/openid-configuration"
    try:
        answer = door.send(HttpRequest(method="GET", url=url, headers={"Accept": "application/json"}), probes=probes)
    except NoAnswerError:
        return False
    document = _document(answer)
    return answer.status == 200 and document is not None and isinstance(document.get("token_endpoint"), str)


def _read(answer: HttpAnswer, about: About) -> _Heard:
    document = _document(answer)
    if answer.status == 200 and document is not None:
        token = document.get("access_token")
        if isinstance(token, str) and token and str(document.get("token_type", "")).lower() == "bearer":
            return _Heard(rule=_LIVE, evidence=claims_of(token))
    refusal = refusal_of(document) if document is not None and answer.status >= 400 else None
    if refusal is not None:
        return _Heard(rule=rule_for(refusal, about), evidence=_evidence(refusal, answer))
    return _Heard(rule=_undecided(answer.status), evidence={"http_status": str(answer.status)})


def _undecided(status: int) -> Rule:
    """Return what an answer means that is none of Entra's."""
    reason, message = "unexpected_answer", f"The answer (HTTP {status}) is not one that Entra gives, so nothing follows from it."
    if status == 429:
        reason, message = "rate_limited", "Entra takes no more requests for now. Ask again later."
    elif 300 <= status < 400:
        reason, message = "redirected", "The answer was a redirect. Nothing follows those, so nobody was asked."
    elif status >= 500:
        reason, message = "issuer_error", "Entra has an error of its own. Ask again later."
    return Rule(validity=Validity.INCONCLUSIVE, reason=reason, message=message)


def _evidence(refusal: Refusal, answer: HttpAnswer) -> dict[str, str]:
    facts = {
        "code": ", ".join(f"AADSTS{code}" for code in refusal.codes),
        "error": refusal.error,
        "http_status": str(answer.status),
        "trace_id": refusal.trace_id,
        "correlation_id": refusal.correlation_id,
        "registered_from": refusal.found_from,
        "registered_until": refusal.found_until,
    }
    return {name: fact for name, fact in facts.items() if fact}


def _document(answer: HttpAnswer) -> Mapping[str, Any] | None:
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _safe(evidence: Mapping[str, str], credential: Credential) -> dict[str, str]:
    """Leave out whatever repeats the credential: a hostile server may put it anywhere."""
    secrets = [credential.secret.reveal().decode("utf-8", "replace")] if credential.secret.has_value else []
    return {name: fact for name, fact in evidence.items() if not gives_away(fact, secrets)}


def _tenant(credential: Credential) -> str:
    """Return the tenant, an id or a domain; empty when none is near that could be one."""
    text = (credential.text("tenant id") or credential.text("tenant")).strip().lower()
    return text if _TENANT.fullmatch(text) and text not in _MANY else ""


def _client(credential: Credential) -> str:
    text = credential.text("client id").strip().lower()
    return text if _GUID.fullmatch(text) else ""
