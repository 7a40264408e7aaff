"""Shared access keys of Azure Service Bus namespaces: one signed question for the list of queues.

The key is never sent: it signs a token for five minutes. The list needs the right to manage; a key without it is told so, after
its signature was found right. https://learn.microsoft.com/azure/service-bus-messaging/service-bus-sas
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Final
from urllib.parse import quote

from stanch.core.validity import Probe, Validity, ValidityCheck
from stanch.issuers.connection import pairs_of
from stanch.issuers.model import Credential, Door, HttpRequest, verdict
from stanch.issuers.reading import cleaned
from stanch.issuers.rendering import NotAskedError, value_of
from stanch.net.model import HttpAnswer, NoAnswerError

SECONDS: Final = 300
_HOST: Final = re.compile(r"[a-z0-9-]{3,60}\.servicebus\.(?:windows\.net|usgovcloudapi\.net|chinacloudapi\.cn)")
_POLICY: Final = re.compile(r"[A-Za-z0-9._-]{1,256}")


def check(credential: Credential, door: Door, probes: list[Probe]) -> ValidityCheck:
    """Ask for at most one queue's description, or for an entity's own.

    Raises:
        NoAnswerError: nothing usable came back.
    """
    try:
        key, host, policy = _parts(credential)
    except NotAskedError as exc:
        return verdict(door, Validity.UNCHECKED, exc.reason, exc.message, probes)
    entity = credential.text("entity").strip("/ ") or pairs_of(value_of(credential)).get("entitypath", "")
    path = f"/{quote(entity, safe='/')}" if entity else "/$Resources/Queues"
    token = signed_token(f"https://{host}{path if entity else '/'}", policy, key, expires=int(door.now().timestamp()) + SECONDS)
    url = f"{door.host(host).rstrip('/')}{path}?api-version=2021-05" + ("" if entity else "&$top=1")
    try:
        answer = door.send(HttpRequest(method="GET", url=url, headers={"Authorization": token}), probes=probes)
    except NoAnswerError as exc:
        if exc.reason != "dns":
            raise
        message = f"{host} has no address here: the namespace was deleted, or only private networks know it."
        return verdict(door, Validity.INCONCLUSIVE, "account_not_found", message, probes, {"namespace": host})
    validity, reason, message = judged(answer)
    return verdict(
        door,
        validity,
        reason,
        message,
        probes,
        {"namespace": host, "policy": policy, **({"entity": cleaned(entity)} if entity else {})},
    )


def signed_token(resource: str, policy: str, key: str, *, expires: int) -> str:
    """Return the ``Authorization`` value for a resource. The key signs as the text it is, not decoded.

    Args:
        resource: URL of what is asked for.
        policy: name of the key's policy.
        key: as it stands in the connection string.
        expires: seconds since 1970.
    """
    place = quote(resource.lower(), safe="")
    signature = base64.b64encode(hmac.digest(key.encode(), f"{place}\n{expires}".encode(), hashlib.sha256))
    return f"SharedAccessSignature sr={place}&sig={quote(signature.decode(), safe='')}&se={expires}&skn={policy}"


def judged(answer: HttpAnswer) -> tuple[Validity, str, str]:
    """Return the verdict on an answer."""
    body = answer.body[: 64 * 1024].decode("utf-8", "replace")
    atom = "http://www.w3.org/2005/Atom" in body
    if answer.status == 200 and atom:
        return Validity.LIVE, "accepted", "Azure accepted it just now."
    if answer.status == 401 and "InvalidSignature" in body:
        return Validity.DEAD, "refused", "Azure computes another signature: the key was replaced, or its policy deleted."
    if answer.status == 401 and re.search(r"claims? (?:is|are) required|claim\(s\) are required|claims required", body):
        return (
            Validity.LIVE,
            "accepted",
            "Azure recognises it; it may not manage the namespace, and works for what it was made for.",
        )
    if answer.status >= 500 or answer.status == 429:
        return Validity.INCONCLUSIVE, "issuer_error", "Azure has no answer now. Ask again later."
    return Validity.INCONCLUSIVE, "unexpected_answer", f"The answer (HTTP {answer.status}) is none that decides."


def _parts(credential: Credential) -> tuple[str, str, str]:
    """Return key, host and policy.

    Raises:
        NotAskedError: one is missing.
    """
    text = value_of(credential)
    said = pairs_of(text)
    key = re.sub(
        r"\\u00([0-9A-Fa-f]{2})|%([0-9A-Fa-f]{2})",
        lambda found: chr(int(found[1] or found[2], 16)),
        said.get("sharedaccesskey", text),
    )
    host = re.sub(r"\A[a-z]+://|[/:].*\Z", "", (credential.text("namespace") or said.get("endpoint", "")).strip().lower())
    policy = (credential.text("policy name") or said.get("sharedaccesskeyname", "")).strip()
    if not _HOST.fullmatch(host):
        raise NotAskedError(
            "companion_missing", "The namespace is needed to ask, and none of Azure's stands near by. Give it, and ask again."
        )
    if not _POLICY.fullmatch(policy):
        raise NotAskedError(
            "companion_missing", "The name of the policy is needed to ask, and none stands near by. Give it, and ask again."
        )
    return key, host, policy
