"""What Azure Storage's refusals mean, for account keys and for shared access signatures alike.

Codes: https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes and
https://learn.microsoft.com/rest/api/storageservices/sas-error-codes. Authentication comes before authorisation: whoever is told
that he may not do *this* has been recognised. ``AuthorizationFailure`` alone is also what the account's firewall says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from stanch.core.validity import Validity
from stanch.issuers.reading import cleaned
from stanch.net.model import HttpAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an answer means, and what it tells besides."""

    validity: Validity
    reason: str
    message: str
    evidence: Mapping[str, str] = field(default_factory=dict)


def refusal(answer: HttpAnswer) -> Outcome:
    """Return what an answer other than success means."""
    code = _element(answer.body, "Code") or cleaned(answer.headers.get("x-ms-error-code", ""))
    validity, reason, message = _meaning(answer, code)
    return Outcome(
        validity=validity, reason=reason, message=message, evidence={"code": code, **evidence_of(answer)} if code else {}
    )


def evidence_of(answer: HttpAnswer) -> dict[str, str]:
    """Return what the headers tell."""
    names = {"x-ms-sku-name": "sku", "x-ms-account-kind": "kind", "x-ms-request-id": "request id"}
    return {word: text for name, word in names.items() if (text := cleaned(answer.headers.get(name, "")))}


_FIREWALL: Final = (
    "The account's network rules, or a missing right, kept us out; it may work from elsewhere. "
    "Ask from a machine that is allowed in."
)
_CODES: Final[Mapping[str, tuple[Validity, str, str]]] = {
    "KeyBasedAuthenticationNotPermitted": (
        Validity.DORMANT, "shared_key_disabled",
        "The account takes no keys, nor signatures made with them, for now. Rotate them before anybody switches that on again.",
    ),
    "AccountIsDisabled": (Validity.DORMANT, "account_disabled", "The account is disabled; its keys revive when it is enabled."),
    "AuthorizationFailure": (Validity.INCONCLUSIVE, "kept_out", _FIREWALL),
    "NetworkSecurityPerimeterBlocked": (Validity.INCONCLUSIVE, "kept_out", _FIREWALL),
    "ServerBusy": (Validity.INCONCLUSIVE, "rate_limited", "Azure takes no more requests for now. Ask again later."),
    "OperationTimedOut": (Validity.INCONCLUSIVE, "issuer_error", "Azure has an error of its own. Ask again later."),
    "AccountBeingCreated": (Validity.INCONCLUSIVE, "account_pending", "The account is being created. Ask again later."),
    **dict.fromkeys(
        ("AuthorizationPermissionMismatch", "AuthorizationServiceMismatch", "AuthorizationResourceTypeMismatch",
         "InsufficientAccountPermissions", "AuthorizationProtocolMismatch"),
        (Validity.LIVE, "accepted", "Azure recognises it, and it is not for what was asked. It works for what it was made for."),
    ),
    "AuthorizationSourceIPMismatch": (
        Validity.LIVE, "accepted", "Azure recognises it, and takes it only from certain addresses, not from here.",
    ),
}  # fmt: skip
_AGAIN: Final = frozenset(
    ("ContainerNotFound", "BlobNotFound", "ResourceNotFound", "ShareNotFound", "QueueNotFound", "TableNotFound", "PathNotFound")
)
_GONE: Final = "Azure recognises it, and what it opens is not there. It works again when something of that name is made."


def _meaning(answer: HttpAnswer, code: str) -> tuple[Validity, str, str]:
    status = answer.status
    if status == 403 and code == "AuthenticationFailed":
        return _failed(_element(answer.body, "AuthenticationErrorDetail"))
    if 400 <= status < 500 and code in _CODES:
        return _CODES[code]
    if status == 404 and code in _AGAIN:
        return Validity.DORMANT, "resource_gone", _GONE
    if 300 <= status < 400:
        return Validity.INCONCLUSIVE, "redirected", "Azure sent us elsewhere, and nothing follows redirects."
    if status == 429:
        return Validity.INCONCLUSIVE, "rate_limited", "Azure takes no more requests for now. Ask again later."
    if status >= 500:
        return Validity.INCONCLUSIVE, "issuer_error", "Azure has an error of its own. Ask again later."
    return Validity.INCONCLUSIVE, "unexpected_answer", f"The answer (HTTP {status}) is none that decides."


def _failed(detail: str) -> tuple[Validity, str, str]:
    """Tell the reasons for which a signature is not taken apart."""
    if "MAC signature found" in detail or "Signature did not match" in detail:
        return (
            Validity.DEAD,
            "refused",
            "Azure computes another signature: the key it was made with has been replaced, or is another account's.",
        )
    if "identifier cannot be found" in detail:
        return Validity.DEAD, "policy_deleted", "The stored access policy it depends on was deleted."
    if "not valid in the specified time frame" in detail or "Signature expired" in detail:
        return Validity.EXPIRED, "expired", "Azure says that its time is over, or has not come."
    if "date header" in detail.lower():
        return Validity.INCONCLUSIVE, "clock_skew", "Azure finds our clock wrong. Set it, and ask again."
    return Validity.INCONCLUSIVE, "unexpected_answer", "Azure did not take it, and does not say that the signature is the reason."


def _element(body: bytes, name: str) -> str:
    """Return the text of the first element of a name: enough for these small bodies, and no parser to attack."""
    found = re.search(rf"<{name}>([^<]{{0,2000}})</{name}>".encode(), body[: 64 * 1024])
    return cleaned(found[1].decode("utf-8", "replace"), 1_000) if found else ""
