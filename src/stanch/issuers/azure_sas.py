"""Azure Storage shared access signatures (SAS): first their own fields, then one question that reads no data.

A signature carries its beginning and end, so an expired one is told without asking anybody. It can be asked about only with all
of its fields, because it signs them, and only at Microsoft's own hosts.

https://learn.microsoft.com/rest/api/storageservices/delegate-access-with-shared-access-signature
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, unquote

from stanch.core.validity import Probe, Validity, ValidityCheck
from stanch.issuers.azure_storage import HOST, QUESTION, VERSION
from stanch.issuers.azure_storage_answers import Outcome, evidence_of, refusal
from stanch.issuers.model import Credential, Door, HttpRequest, verdict
from stanch.issuers.reading import cleaned
from stanch.issuers.rendering import NotAskedError, value_of
from stanch.net.model import HttpAnswer, NoAnswerError

MOST_FIELDS: Final = 40
_FIELD: Final = re.compile(r"[a-z]{2,8}")
_SIGNATURE: Final = re.compile(r"[A-Za-z0-9+/]{43}=")
_KINDS: Final[Mapping[str, str]] = {
    "b": "blob",
    "bs": "snapshot",
    "bv": "version",
    "c": "container",
    "d": "directory",
    "f": "file",
    "s": "share",
}
# What an anonymous caller could put into a URL beside the signature, and no part of it.
_NOT_SIGNED: Final = frozenset(("comp", "restype", "timeout", "snapshot", "delimiter", "prefix", "include", "marker", "resource"))
_EVIDENCE: Final[Mapping[str, str]] = {
    "sp": "permissions",
    "se": "expires",
    "st": "begins",
    "ss": "services",
    "srt": "resource types",
    "si": "stored policy",
    "sip": "addresses",
    "skoid": "signed by",
    "sktid": "tenant",
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Sas:
    """A signature with everything it signs. It has no repr because of the signature.

    Attributes:
        fields: names and values, decoded, the signature under ``sig``.
        host: of the service, empty when unknown.
        path: of what it opens, as it stands in the URL; empty when unknown.
    """

    fields: Mapping[str, str]
    host: str = ""
    path: str = ""


def check(credential: Credential, door: Door, probes: list[Probe]) -> ValidityCheck:
    """Look at the fields, and ask when they leave it open.

    Raises:
        NoAnswerError: nothing usable came back.
    """
    try:
        sas = sas_of(credential)
    except NotAskedError as exc:
        return verdict(door, Validity.UNCHECKED, exc.reason, exc.message, probes)
    evidence = {word: cleaned(sas.fields[name]) for name, word in _EVIDENCE.items() if sas.fields.get(name)}
    evidence["kind"] = kind_of(sas.fields)
    outcome = judged(sas.fields, door.now())
    if outcome is None:
        try:
            outcome = _asked(sas, door, probes)
        except NotAskedError as exc:
            outcome = Outcome(validity=Validity.UNCHECKED, reason=exc.reason, message=exc.message)
    return verdict(door, outcome.validity, outcome.reason, outcome.message, probes, {**evidence, **outcome.evidence})


def kind_of(fields: Mapping[str, str]) -> str:
    """Return what a signature opens, in words."""
    if "srt" in fields:
        return "account"
    if "tn" in fields:
        return "table"
    by = ", signed for a user" if "skoid" in fields else ""
    return _KINDS.get(fields.get("sr", ""), "queue" if "sr" not in fields else "resource") + by


def judged(fields: Mapping[str, str], now: datetime) -> Outcome | None:
    """Return what the fields alone decide, ``None`` when nothing.

    Args:
        fields: decoded.
        now: the time, UTC.
    """
    for name in ("se", "ske"):
        end = moment(fields.get(name, ""))
        if end is not None and end <= now:
            what = "it" if name == "se" else "the key of the user who signed it"
            return Outcome(
                validity=Validity.EXPIRED,
                reason="expired",
                message=f"Nobody was asked: {what} ran out on {end:%Y-%m-%d %H:%M} UTC.",
            )
    start = moment(fields.get("st", ""))
    if start is not None and start > now:
        message = f"Nobody was asked: it begins to work on {start:%Y-%m-%d %H:%M} UTC. Rotate the key that signed it before."
        return Outcome(validity=Validity.DORMANT, reason="not_yet_valid", message=message)
    return None


def moment(text: str) -> datetime | None:
    """Return a time as these signatures write it, ``None`` when it is none. A date alone means its beginning."""
    found = re.fullmatch(r"(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2})(:\d{2})?(?:\.\d{1,7})?Z)?", text)
    if found is None:
        return None
    try:
        return datetime.fromisoformat(f"{found[1]}T{found[2] or '00:00'}{found[3] or ':00'}").replace(tzinfo=UTC)
    except ValueError:
        return None


def sas_of(credential: Credential) -> Sas:
    """Put a signature together with the fields around it.

    The value is the signature alone, with its fields in the companions, or a whole URL or token.

    Raises:
        NotAskedError: it makes no sense.
    """
    value = _separated(value_of(credential))
    if "sig=" in value:
        address, mark, query = value.rpartition("?")
        fields = _fields(query)
        host, path = _address(address if mark else "")
    else:
        before, behind = (credential.text(f"fields {side} the signature") for side in ("before", "behind"))
        fields = {**_joined(_fields(before.lstrip("?")), _fields(behind)), "sig": unquote(value)}
        address, _, query = credential.text("address").partition("?")
        host, path = _address(address if query == before else "")  # another one is another signature's
        if len(fields) == 1:  # no more than these is known; otherwise they may be a neighbour's
            fields |= {
                name: unquote(text)
                for name, text in (("se", credential.text("expiry")), ("sp", credential.text("permissions")))
                if text
            }
    if not _SIGNATURE.fullmatch(_padded(fields.get("sig", ""))):
        raise NotAskedError("value_unusable", "The value is no signature: 32 bytes in base64.")
    fields["sig"] = _padded(fields["sig"])
    if not host:
        host = credential.text("resource host").strip().lower()
    return Sas(fields=fields, host=host, path=path)


def _padded(signature: str) -> str:
    return signature if signature.endswith("=") else signature + "="


def _separated(text: str) -> str:
    """Undo what XML and JSON make of the mark between fields."""
    return re.sub(r"&amp;|\\{1,3}u0026", "&", text)


def _joined(before: dict[str, str], behind: dict[str, str]) -> dict[str, str]:
    """Put the fields on both sides together. Where one side has all, the other one may be a neighbour's.

    Raises:
        NotAskedError: they contradict each other.
    """
    for side in (before, behind):
        if {"sv", "se", "sp"} <= side.keys() and side.keys() & {"sr", "ss", "tn"}:
            return side
    if before.keys() & behind.keys():
        raise NotAskedError(
            "companion_unusable", "Fields of several signatures stand near by. Give the whole URL, and ask again."
        )
    return {**before, **behind}


def _fields(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in _separated(query).split("&")[:MOST_FIELDS]:
        name, equals, value = part.partition("=")
        if equals and _FIELD.fullmatch(name) and name not in _NOT_SIGNED and name not in found:
            found[name] = unquote(value)
    return found


def _address(text: str) -> tuple[str, str]:
    """Return host and path of an address, both empty when it is none."""
    found = re.fullmatch(r"(?i:https?://)?([A-Za-z0-9.-]{1,253})(?::443)?(/[!-~]{0,2000})?", text.strip())
    path = (found[2] or "/").partition("?")[0] if found else ""
    return (found[1].lower(), path) if found else ("", "")


def _asked(sas: Sas, door: Door, probes: list[Probe]) -> Outcome:
    found = HOST.fullmatch(sas.host)
    if found is None:
        raise NotAskedError(
            "companion_missing", "The address of what it opens is needed to ask, and no host of Azure Storage stands near by."
        )
    signed = sas.fields.keys()
    if "sv" not in signed or not signed & {"sp", "si"} or not (sas.path or signed & {"srt", "tn"}):
        raise NotAskedError("companion_missing", "Not all that it signs stands near by. Give the whole URL, and ask again.")
    # Data Lake's signatures are those of blobs.
    service = "blob" if found["service"] in ("dfs", "web") else found["service"]
    host = sas.host.replace(f".{found['service']}.", f".{service}.", 1)
    path, question = _question(service, sas)
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in sas.fields.items())
    url = f"{door.host(host).rstrip('/')}{path}?{question}&{query}"
    # The fields say for which version they are; this one is of the question.
    headers = {"x-ms-version": VERSION} if service == "blob" else {}
    try:
        return _read(door.send(HttpRequest(method="GET", url=url, headers=headers), probes=probes))
    except NoAnswerError as exc:
        if exc.reason != "dns":
            raise
        message = f"{host} has no address here: the account was deleted, or only private networks know it."
        return Outcome(validity=Validity.INCONCLUSIVE, reason="account_not_found", message=message)


def _question(service: str, sas: Sas) -> tuple[str, str]:
    """Return path and query of a request that gives away no data; being told that one may not do it is as good as an answer."""
    path = quote(unquote(sas.path), safe="/-_.~$()'")
    whole_account = "srt" in sas.fields
    if service == "blob":
        return ("/" if whole_account else path), QUESTION
    if service == "queue" and not whole_account:
        return path, "comp=metadata"
    if service == "table" and not whole_account:
        return (
            f"/{quote(sas.fields.get('tn', ''), safe='')}()",
            "$top=1&$filter=PartitionKey%20eq%20%27%27%20and%20RowKey%20eq%20%27stanch%27",
        )
    if service == "file" and not whole_account:
        return path, "restype=share" if sas.fields.get("sr") == "s" else "comp=metadata"
    return "/", "restype=service&comp=properties"


def _read(answer: HttpAnswer) -> Outcome:
    if answer.status == 200 and "x-ms-request-id" in answer.headers:
        return Outcome(
            validity=Validity.LIVE, reason="accepted", message="Azure accepted it just now.", evidence=evidence_of(answer)
        )
    return refusal(answer)
