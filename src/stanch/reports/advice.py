"""What to do about a secret, in one sentence and one command.

The order never changes: make the old value useless where it was issued, then take it out. Removing a line first
only hides that the value still works. Commands named here exist in this version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stanch.core.finding import Confidence, Location
from stanch.core.report import DetectorInfo
from stanch.reports.escape import visible
from stanch.reports.groups import SecretGroup

ALLOW_COMMENT: Final = "stanch:allow"
_NOBODY: Final = frozenset({"", "generic", "unknown", "other", "any"})
# Names of groups of detectors, not of somebody who could revoke something.
_GROUPS: Final = frozenset(
    {"database", "message broker", "json web token", "private key", "http credentials", "crypto wallet", "configuration file"}
)
_END_IT: Final = {
    "password": "Change the password{where} first",
    "connection_string": "Replace the password or key it holds first",
    "private_key": "Replace the key pair and stop trusting the old one{where} first",
    "certificate": "Have the certificate revoked and issued anew{where} first",
    "webhook_url": "Replace the webhook address{where} first",
    "jwt": "End its session{where} or replace the key that signed it first",
}
_REVOKE: Final = "Revoke it{where} first"


def next_step(group: SecretGroup) -> str:
    """Return the one sentence that says what to do now."""
    lead = group.lead
    provider = visible(lead.provider).strip()
    if provider.lower().startswith("azure "):
        provider = "Azure"
    where = "" if provider.lower() in _NOBODY | _GROUPS else f" at {provider}"
    key = lead.key
    if key is not None and key.certificate is not None and key.certificate.self_signed:
        # No authority can revoke it; it works as long as somebody trusts it by name.
        step = f"Make a new key pair and take this certificate off everything that trusts it{where} first"
    else:
        step = _END_IT.get(lead.kind, _REVOKE).format(where=where)
    if group.in_head is False:
        step += "; it is gone from HEAD, but every clone still holds it."
    else:
        step += ", then take it out and read it from the environment or a secret store."
    if group.confidence is Confidence.LOW:
        return f"Look at it: if it is real, {step[0].lower()}{step[1:]}"
    return step


_IDENTITIES: Final = frozenset(("tenant id", "client id", "subscription id"))


def command(group: SecretGroup, detectors: Mapping[str, DetectorInfo]) -> str:
    """Return the command to run next: ask whether it still works, look closer at a key, or read about the type."""
    lead = group.lead
    info = detectors.get(lead.detector)
    known = lead.kind != "private_key" or any(companion.name in _IDENTITIES for companion in lead.companions)
    if lead.validity is None and info is not None and info.checkable and known:
        return _on_content(lead.location, "check")
    if lead.validity is None and lead.key is not None:
        return _on_content(lead.location, "inspect")
    return f"stanch detectors show {visible(lead.detector)}"


def _on_content(place: Location, verb: str) -> str:
    """Return a command on the file of a finding, or on the git object when only the history has it."""
    import shlex

    path = place.path.partition("!")[0]
    if place.blob:
        return f"git cat-file blob {visible(place.blob)} | stanch {verb} -"
    return f"stanch {verb} {shlex.quote(visible(path))}"


def help_url(group: SecretGroup, detectors: Mapping[str, DetectorInfo]) -> str:
    """Return the vendor's page, if it is a web address; user detectors may say anything."""
    info = detectors.get(group.lead.detector)
    url = info.help_url if info else ""
    safe = url.startswith(("https://", "http://")) and url.isascii() and url.isprintable() and not set(url) & set(' "<>\\^`{|}')
    return url if safe else ""


def notes(group: SecretGroup, detectors: Mapping[str, DetectorInfo]) -> str:
    """Return what the catalog notes about this type of secret, on one line."""
    info = detectors.get(group.lead.detector)
    return visible(" ".join(info.notes.split())) if info else ""


def accepting() -> tuple[tuple[str, str], ...]:
    """Return the two ways to say that a finding is not to be reported again: when, and how."""
    return (
        ("Not a secret?", f"End its line with the comment {ALLOW_COMMENT}"),
        ("Known already?", "Run stanch baseline create, and later scans report only what is new"),
    )
