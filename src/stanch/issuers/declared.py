"""Ask issuers as the catalog declares it: `declared` makes a validator of a spec.

What is worth more than a status:

- **A refusal counts only where the vendor documents it.** An entry without a page of the vendor's behind it may use the wrong
  header, and then every credential is refused; its refusals are inconclusive.
- **Acceptance is cross-checked where it is not documented.** Some addresses answer anybody. The same request with a made-up
  credential of the same shape has to be refused there, or nothing was learned.
- **A refusal counts only when every region refuses.** A European key is unknown in the United States.
"""

from __future__ import annotations

import random
import string
from dataclasses import dataclass, replace
from typing import Final

from stanch.catalog.template import holes
from stanch.catalog.validity_spec import ValiditySpec
from stanch.core.secret import Secret
from stanch.core.validity import Probe, Validity, ValidityCheck
from stanch.issuers.model import Credential, Door, Validator, verdict
from stanch.issuers.reading import Answer, Reading, cleaned, facts, gives_away, read
from stanch.issuers.rendering import Allowed, NotAskedError, places, request, used_companions, value_of
from stanch.net.model import HttpAnswer, NoAnswerError

_ALPHABETS: Final = (string.digits, string.ascii_lowercase, string.ascii_uppercase)
_KEPT: Final = 8  # leading characters of a made-up credential that stay: they tell its type


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """One answer and what it means."""

    reading: Reading
    answer: Answer


def nobody(host: str, port: int) -> bool:
    """Allow no host beyond those of the catalog."""
    return False


def declared(spec: ValiditySpec, *, allowed: Allowed = nobody) -> Validator:
    """Return a validator that asks as *spec* says.

    Args:
        spec: one that runs.
        allowed: tells whether the user named a host and port (`DoorPolicy.names`): self-hosted software is asked only there.
    """

    def ask(credential: Credential, door: Door, probes: list[Probe]) -> ValidityCheck:
        return ask_declared(spec, credential, door, probes, allowed=allowed)

    return ask


def ask_declared(
    spec: ValiditySpec, credential: Credential, door: Door, probes: list[Probe], *, allowed: Allowed = nobody
) -> ValidityCheck:
    """Ask about one credential.

    Raises:
        NoAnswerError: nothing usable came back.
    """
    if not spec.runs:
        message = "Only a person can ask about this type so far." + (f" {spec.how}" if spec.how else "")
        return verdict(door, Validity.UNCHECKED, "not_declared", message, probes)
    try:
        where = places(spec, credential, door, allowed)
        requests = [request(spec, credential, base) for base in where.bases]
    except NotAskedError as exc:
        return verdict(door, Validity.UNCHECKED, exc.reason, exc.message, probes)
    last = len(requests) - 1
    for number, one in enumerate(requests):
        heard = _heard(spec, door.send(one, probes=probes))
        if heard.reading.validity is not Validity.DEAD or number == last:
            break
    if where.guessed:
        heard = _doubted(heard)
    return _concluded(spec, credential, door, probes, heard, where.bases[number])


def _heard(spec: ValiditySpec, raw: HttpAnswer) -> _Heard:
    answer = Answer(raw)
    return _Heard(reading=read(spec.rules, answer, html=spec.html), answer=answer)


def _doubted(heard: _Heard) -> _Heard:
    """Take back a refusal by a server that was only guessed, unless it says that it knew the credential."""
    reading = heard.reading
    if reading.validity is not Validity.DEAD or (reading.rule is not None and reading.rule.looks_inside):
        return heard
    note = "It does not know it, but it may belong to a server of your own: name the host, and ask again."
    return replace(heard, reading=replace(reading, validity=Validity.INCONCLUSIVE, reason="maybe_another_server", note=note))


def _concluded(
    spec: ValiditySpec, credential: Credential, door: Door, probes: list[Probe], heard: _Heard, base: str
) -> ValidityCheck:
    """Turn one answer into a verdict: with its evidence, and with doubts where the entry is not documented."""
    reading = heard.reading
    evidence = _evidence(spec, credential, heard)
    if reading.validity in {Validity.DEAD, Validity.EXPIRED, Validity.DORMANT} and not spec.docs:
        message = (
            f"{spec.provider} refused it (HTTP {heard.answer.raw.status}). The vendor's documentation was not compared with this "
            "request, so the refusal alone proves nothing: look it up there."
        )
        return verdict(door, Validity.INCONCLUSIVE, "refused_unproven", message, probes, evidence)
    if reading.validity is Validity.LIVE and spec.control and not _refuses_others(spec, credential, door, probes, base):
        message = f"{spec.provider} answers like this to made-up credentials too, so nothing was learned."
        return verdict(door, Validity.INCONCLUSIVE, "answers_anyone", message, probes)
    return verdict(door, reading.validity, reading.reason, _message(spec, credential, heard), probes, evidence)


def _refuses_others(spec: ValiditySpec, credential: Credential, door: Door, probes: list[Probe], base: str) -> bool:
    """Ask the same with a credential that does not exist; tell whether it is refused.

    Raises:
        NoAnswerError: no answer, so acceptance stays unproven.
    """
    value = made_up(value_of(credential), random.SystemRandom())
    other = replace(credential, secret=Secret(value.encode(), fingerprint="", redacted="made up"))
    reading = _heard(spec, door.send(request(spec, other, base), probes=probes)).reading
    if reading.validity is Validity.INCONCLUSIVE and reading.reason in {"rate_limited", "issuer_error", "redirected"}:
        raise NoAnswerError(reading.reason, f"{spec.provider} did not answer the cross-check. {reading.note}")
    return reading.validity is not Validity.LIVE


def made_up(value: str, rng: random.Random) -> str:
    """Return another value of the same shape: same length, same classes of characters, same beginning where it is long."""
    kept = _KEPT if len(value) >= 3 * _KEPT else 0
    out = list(value)
    changed = False
    for place in range(kept, len(out)):
        alphabet = next((chars for chars in _ALPHABETS if out[place] in chars), "")
        if alphabet:
            out[place] = rng.choice([char for char in alphabet if char != out[place]])
            changed = True
    return "".join(out) if changed else value[::-1] + "x"


def _evidence(spec: ValiditySpec, credential: Credential, heard: _Heard) -> dict[str, str]:
    """Collect the facts of the entry, the rule, and which companions the request went out with."""
    rule = heard.reading.rule
    secrets = _secrets(credential)
    found = facts((*spec.evidence, *(rule.evidence if rule else ())), heard.answer, secrets)
    if heard.reading.validity is Validity.INCONCLUSIVE and "status" not in found:
        found["status"] = str(heard.answer.raw.status)
    if pairs := _shown_companions(spec, credential, secrets):
        found["asked_with"] = pairs
    return found


def _secrets(credential: Credential) -> list[str]:
    parts = [value_of(credential)]
    parts += [credential.text(name) for name, value in credential.companions.items() if isinstance(value, Secret)]
    return [part for part in parts if part]


def _shown_companions(spec: ValiditySpec, credential: Credential, secrets: list[str]) -> str:
    """Name what stood beside the credential: a refusal may mean that it belongs to another account."""
    shown = []
    for name, text in used_companions(spec, credential).items():
        public = isinstance(credential.companions.get(name, ""), str) and not gives_away(text, secrets)
        if text:
            shown.append(f"{name} {cleaned(text, 60)}" if public else name)
    return ", ".join(shown)


def _message(spec: ValiditySpec, credential: Credential, heard: _Heard) -> str:
    reading, status = heard.reading, heard.answer.raw.status
    beside = [hole.companion for hole in holes(spec.templates()) if hole.companion and credential.text(hole.companion)]
    together = f" together with the {' and the '.join(dict.fromkeys(beside))} beside it" if beside else ""
    limited = bool(reading.rule and any(name == "scope" for name, _ in reading.rule.evidence))
    sentence = {
        Validity.LIVE: f"{spec.provider} accepted it just now" + (", though it may not do what was asked." if limited else "."),
        Validity.DEAD: f"{spec.provider} refused it{together} (HTTP {status}): it is unknown or revoked.",
        Validity.EXPIRED: f"{spec.provider} says that it has expired (HTTP {status}).",
        Validity.DORMANT: f"{spec.provider} refuses it now (HTTP {status}), and may accept it again.",
    }.get(reading.validity, f"{spec.provider} gave no answer that decides.")
    return f"{sentence} {reading.note}" if reading.note else sentence
