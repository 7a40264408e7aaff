"""AWS access keys: one request asks whose they are (``sts:GetCallerIdentity``).

The one call that needs no permission and that no policy of an account can deny:
https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html. Three partitions do not know each other's keys,
so a key is unknown only when all three say so.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from stanch.core.validity import Probe, Validity, ValidityCheck
from stanch.issuers.model import Credential, Door, HttpRequest, verdict
from stanch.issuers.reading import cleaned, gives_away
from stanch.issuers.rendering import NotAskedError, value_of
from stanch.issuers.sigv4 import signed_headers
from stanch.net.guard import target_of
from stanch.net.model import HttpAnswer, NoAnswerError

BODY: Final = b"Action=GetCallerIdentity&Version=2011-06-15"
KEY_ID: Final = re.compile(r"A(?:3T[A-Z0-9]|KIA|SIA|BIA|CCA)[A-Z2-7]{16}")
_SECRET: Final = re.compile(r"[A-Za-z0-9/+]{40}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9/+=_-]{16,4096}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """A part of AWS with accounts of its own.

    Attributes:
        name: as in ARNs.
        host: of its Security Token Service.
        region: that this host signs for.
        regions: how its regions begin.
    """

    name: str
    host: str
    region: str
    regions: tuple[str, ...]


# https://docs.aws.amazon.com/general/latest/gr/sts.html
PARTITIONS: Final = (
    Partition(name="aws", host="sts.amazonaws.com", region="us-east-1", regions=()),
    Partition(name="aws-us-gov", host="sts.us-gov-west-1.amazonaws.com", region="us-gov-west-1", regions=("us-gov-",)),
    Partition(name="aws-cn", host="sts.cn-north-1.amazonaws.com.cn", region="cn-north-1", regions=("cn-",)),
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Keys:
    """What signs. It has no repr because of the secret."""

    key_id: str
    secret: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """One partition's answer."""

    validity: Validity
    reason: str
    message: str
    evidence: Mapping[str, str] = field(default_factory=dict)


def check(credential: Credential, door: Door, probes: list[Probe]) -> ValidityCheck:
    """Ask who the key pair is. The credential is its secret half or its id; the other one stands beside it.

    Raises:
        NoAnswerError: nothing usable came back from the partition that is asked first.
    """
    try:
        keys = _keys(credential)
    except NotAskedError as exc:
        return verdict(door, Validity.UNCHECKED, exc.reason, exc.message, probes)
    evidence = {"access key id": keys.key_id, "account in key id": account_of(keys.key_id)}
    unreached: list[str] = []
    heard = None
    for partition in _in_turn(credential.text("region")):
        try:
            heard = _asked(keys, partition, door, probes)
        except NoAnswerError:
            if heard is None:
                raise
            unreached.append(partition.name)
            continue
        if heard.reason != _UNKNOWN.reason:
            break
    assert heard is not None  # there is always a first partition
    if unreached and heard.reason == _UNKNOWN.reason:
        message = f"AWS does not know the key, but these partitions could not be asked: {', '.join(unreached)}."
        heard = _Heard(validity=Validity.INCONCLUSIVE, reason="not_all_asked", message=message)
    secrets = [keys.secret, *([keys.token] if keys.token else [])]
    shown = {name: text for name, text in {**evidence, **heard.evidence}.items() if text and not gives_away(text, secrets)}
    return verdict(door, heard.validity, heard.reason, heard.message, probes, shown)


def account_of(key_id: str) -> str:
    """Return the account number that is encoded in a key id, empty for the kinds that have none.

    Of the 80 bits behind the prefix, those after the first are the number; in older ids the first bit is 0 and there is none.
    AWS does not document it (https://awsteele.com/blog/2020/09/26/aws-access-key-format.html), so it is a hint.
    """
    if key_id[:4] not in ("AKIA", "ASIA"):
        return ""
    number = int.from_bytes(base64.b32decode(key_id[4:])[:6], "big")
    return f"{(number & 0x7FFF_FFFF_FF80) >> 7:012d}" if number >> 47 else ""


def _keys(credential: Credential) -> _Keys:
    """Tell the id from the secret, whichever of them was found.

    Raises:
        NotAskedError: one is missing.
    """
    value = value_of(credential)
    key_id, secret = credential.text("access key ID").strip(), credential.text("secret access key").strip()
    token = credential.text("session token").strip()
    if KEY_ID.fullmatch(value):
        key_id = value
    elif "session-token" in credential.detector:
        token = value
    else:
        secret = value
    return _checked(key_id, secret, token)


def _checked(key_id: str, secret: str, token: str) -> _Keys:
    if not KEY_ID.fullmatch(key_id):
        raise NotAskedError(
            "companion_missing", "The access key ID is needed to ask AWS, and none stands near by. Give it, and ask again."
        )
    if not _SECRET.fullmatch(secret):
        raise NotAskedError(
            "companion_missing",
            "The secret access key is needed to ask AWS, and none stands near by. Alone, the ID opens nothing.",
        )
    if key_id.startswith("ASIA") and not _TOKEN.fullmatch(token):
        raise NotAskedError(
            "companion_missing", "A temporary key (ASIA…) works only with its session token, and none stands near by."
        )
    return _Keys(key_id=key_id, secret=secret, token=token if key_id.startswith("ASIA") else "")


def _in_turn(region: str) -> list[Partition]:
    """Return the partitions, the one of the region near by first."""
    return sorted(PARTITIONS, key=lambda partition: not (region and region.strip().lower().startswith(partition.regions)))


def _asked(keys: _Keys, partition: Partition, door: Door, probes: list[Probe]) -> _Heard:
    url = door.host(partition.host).rstrip("/") + "/"
    target = target_of(url)
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    if keys.token:
        headers["X-Amz-Security-Token"] = keys.token
    signed = signed_headers(
        method="POST",
        host=target.netloc,
        path=target.path,
        headers=headers,
        body=BODY,
        key_id=keys.key_id,
        secret=keys.secret.encode(),
        region=partition.region,
        service="sts",
        now=door.now(),
    )
    answer = door.send(HttpRequest(method="POST", url=url, headers=signed, body=BODY, idempotent=True), probes=probes)
    return _read(answer, partition)


_UNKNOWN: Final = _Heard(
    validity=Validity.DEAD,
    reason="key_unknown",
    message="AWS does not know the key: it was deleted, or made inactive, which its account can undo. Make sure it is deleted.",
)
_MISMATCH: Final = _Heard(
    validity=Validity.DEAD,
    reason="signature_mismatch",
    message=(
        "AWS knows the key ID, and this secret is not its secret. The key itself is active: "
        "look whether its own secret leaked too."
    ),
)
_LIMITED: Final = "AWS accepted it just now, and a policy keeps it from this question. What else it may do is not known."
_CODES: Final[Mapping[str, tuple[Validity, str, str]]] = {
    "InvalidClientTokenId": (_UNKNOWN.validity, _UNKNOWN.reason, _UNKNOWN.message),
    "UnrecognizedClientException": (_UNKNOWN.validity, _UNKNOWN.reason, _UNKNOWN.message),
    "SignatureDoesNotMatch": (_MISMATCH.validity, _MISMATCH.reason, _MISMATCH.message),
    "ExpiredToken": (Validity.EXPIRED, "token_expired", "The temporary credentials have run out."),
    "ExpiredTokenException": (Validity.EXPIRED, "token_expired", "The temporary credentials have run out."),
    "AccessDenied": (Validity.LIVE, "accepted", _LIMITED),
    "AccessDeniedException": (Validity.LIVE, "accepted", _LIMITED),
    "OptInRequired": (Validity.LIVE, "accepted", "AWS accepted it just now; its account has not signed up for the service."),
    "PendingVerification": (Validity.DORMANT, "account_pending", "AWS is still verifying the account; the key works afterwards."),
    "Blocked": (Validity.DORMANT, "account_blocked", "AWS has blocked the account for now."),
    "RequestExpired": (Validity.INCONCLUSIVE, "clock_skew", "AWS finds our clock wrong. Set it, and ask again."),
    "RequestTimeTooSkewed": (Validity.INCONCLUSIVE, "clock_skew", "AWS finds our clock wrong. Set it, and ask again."),
    "RegionDisabledException": (Validity.INCONCLUSIVE, "region_disabled", "The account has switched this endpoint off."),
    "Throttling": (Validity.INCONCLUSIVE, "rate_limited", "AWS limits the rate of requests. Ask again later."),
}


def _read(answer: HttpAnswer, partition: Partition) -> _Heard:
    arn = _element(answer.body, "Arn")
    if answer.status == 200 and arn.startswith("arn:"):
        return _accepted(answer, arn)
    code, said = _element(answer.body, "Code"), _element(answer.body, "Message")
    if code == "SignatureDoesNotMatch" and re.match(r"Signature (?:expired|not yet current)", said):
        code = "RequestExpired"
    request = _element(answer.body, "RequestId")
    if 400 <= answer.status < 500 and code in _CODES:
        validity, reason, message = _CODES[code]
        return _Heard(
            validity=validity,
            reason=reason,
            message=message,
            evidence={"code": code, "partition": partition.name, "request id": request},
        )
    if 300 <= answer.status < 400:
        return _Heard(
            validity=Validity.INCONCLUSIVE, reason="redirected", message="AWS sent us elsewhere, and nothing follows redirects."
        )
    if answer.status >= 500:
        return _Heard(
            validity=Validity.INCONCLUSIVE, reason="issuer_error", message="AWS has an error of its own. Ask again later."
        )
    message = f"The answer (HTTP {answer.status}) is none that decides."
    return _Heard(validity=Validity.INCONCLUSIVE, reason="unexpected_answer", message=message, evidence={"code": code})


def _accepted(answer: HttpAnswer, arn: str) -> _Heard:
    root = arn.endswith(":root")
    message = "AWS accepted it just now." + (" It is the root user's: the account can be taken over with it." if root else "")
    evidence = {
        "arn": arn,
        "account": _element(answer.body, "Account"),
        "user id": _element(answer.body, "UserId"),
        "partition": arn.split(":")[1],
        "request id": _element(answer.body, "RequestId"),
        "root": "yes" if root else "",
    }
    return _Heard(validity=Validity.LIVE, reason="accepted", message=message, evidence=evidence)


def _element(body: bytes, name: str) -> str:
    """Return the text of the first element of a name: enough for these small bodies, and no parser to attack."""
    found = re.search(rf"<{name}>([^<]{{0,600}})</{name}>".encode(), body[: 64 * 1024])
    return cleaned(found[1].decode("utf-8", "replace")) if found else ""
