"""Azure Storage account keys: one signed question about the account itself.

``Get Account Information`` reads no data and names none: https://learn.microsoft.com/rest/api/storageservices/get-account-information.
The key is never sent; what is sent is an HMAC under it
(https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from stanch.core.validity import Probe, Validity, ValidityCheck
from stanch.issuers.azure_storage_answers import Outcome, evidence_of, refusal
from stanch.issuers.connection import pairs_of
from stanch.issuers.model import Credential, Door, HttpRequest, verdict
from stanch.issuers.rendering import NotAskedError, value_of
from stanch.net.guard import target_of
from stanch.net.model import HttpAnswer, NoAnswerError

VERSION: Final = "2021-12-02"  # of the service's interface
QUESTION: Final = "restype=account&comp=properties"
SUFFIXES: Final = ("core.windows.net", "core.usgovcloudapi.net", "core.chinacloudapi.cn", "core.cloudapi.de", "storage.azure.net")
HOST: Final = re.compile(
    rf"(?P<account>[a-z0-9]{{3,24}})(?:-secondary)?(?P<zone>\.z[0-9]{{1,2}})?\.(?P<service>blob|file|queue|table|dfs|web)"
    rf"\.(?P<suffix>{'|'.join(re.escape(suffix) for suffix in SUFFIXES)})"
)
_ACCOUNT: Final = re.compile(r"[a-z0-9]{3,24}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Whom to ask: the account, and the host of one of its services."""

    account: str
    host: str


def check(credential: Credential, door: Door, probes: list[Probe]) -> ValidityCheck:
    """Ask about one account key.

    Raises:
        NoAnswerError: nothing usable came back.
    """
    try:
        key = _key(credential)
        place = _place(credential)
    except NotAskedError as exc:
        return verdict(door, Validity.UNCHECKED, exc.reason, exc.message, probes)
    request = signed(f"{door.host(place.host).rstrip('/')}/?{_question(place.host)}", place.account, key, door)
    try:
        outcome = _read(door.send(request, probes=probes))
    except NoAnswerError as exc:
        if exc.reason != "dns":
            raise
        message = (
            f"{place.host} has no address here: the account was deleted or its name is wrong, or only private networks know it. "
            "A deleted account can be recovered for 14 days, with its keys."
        )
        outcome = Outcome(validity=Validity.INCONCLUSIVE, reason="account_not_found", message=message)
    evidence = {"account": place.account, "host": place.host, **outcome.evidence}
    return verdict(door, outcome.validity, outcome.reason, outcome.message, probes, evidence)


def signed(url: str, account: str, key: bytes, door: Door) -> HttpRequest:
    """Return a GET request with a Shared Key signature.

    Args:
        url: absolute, with its query.
        account: name.
        key: decoded.
        door: knows the time.
    """
    headers = {"x-ms-date": format_datetime(door.now(), usegmt=True), "x-ms-version": VERSION}
    text = string_to_sign(target_of(url).path, account, headers, table=".table." in urlsplit(url).netloc)
    signature = base64.b64encode(hmac.digest(key, text.encode(), hashlib.sha256)).decode()
    return HttpRequest(method="GET", url=url, headers={**headers, "Authorization": f"SharedKey {account}:{signature}"})


def string_to_sign(path: str, account: str, headers: Mapping[str, str], *, table: bool = False) -> str:
    """Return what is signed of a GET without a body; tables have a shorter form of their own.

    Args:
        path: path and query as sent.
        account: name.
        headers: those beginning with ``x-ms-``.
        table: whether the table service is asked.
    """
    bare, _, query = path.partition("?")
    options = sorted((name.lower(), value) for name, value in parse_qsl(query, keep_blank_values=True))
    if table:
        comp = "".join(f"?comp={value}" for name, value in options if name == "comp")
        return "\n".join(("GET", "", "", headers["x-ms-date"], f"/{account}{bare}{comp}"))
    named = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    resource = f"/{account}{bare}" + "".join(f"\n{name}:{value}" for name, value in options)
    return "GET" + "\n" * 12 + named + resource


def _question(host: str) -> str:
    return QUESTION if ".blob." in host else "restype=service&comp=properties"


def _key(credential: Credential) -> bytes:
    """Return the decoded key; in a connection string it may be escaped for a URL or for JSON.

    Raises:
        NotAskedError: it is no key.
    """
    text = value_of(credential)
    text = pairs_of(text).get("accountkey", text)
    text = re.sub(r"\\u00([0-9A-Fa-f]{2})|%([0-9A-Fa-f]{2})", lambda found: chr(int(found[1] or found[2], 16)), text)
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) not in (32, 64):
        raise NotAskedError("value_unusable", "The value is no account key: 64 bytes in base64.")
    return key


def _place(credential: Credential) -> _Place:
    """Return whom to ask: an endpoint of Microsoft's that stands near by, or the account's blob service.

    Raises:
        NotAskedError: the account is not known.
    """
    said = {**pairs_of(credential.text("connection string")), **pairs_of(value_of(credential))}
    account = (credential.text("account name") or said.get("accountname", "")).strip().lower()
    endpoints = (
        said.get("blobendpoint", ""),
        credential.text("endpoint"),
        said.get("fileendpoint", ""),
        credential.text("resource host"),
    )
    for text in endpoints:
        found = HOST.fullmatch(re.sub(r"\Ahttps?://|[/:].*\Z", "", text.strip().lower()))
        if found and account in ("", found["account"]):
            service = "blob" if found["service"] in ("dfs", "web") else found["service"]
            return _Place(account=found["account"], host=f"{found['account']}{_zone(found)}.{service}.{found['suffix']}")
    if not _ACCOUNT.fullmatch(account):
        raise NotAskedError(
            "companion_missing",
            "The name of the storage account is needed to ask, and none stands near by. Give it, and ask again.",
        )
    suffix = (credential.text("endpoint suffix") or said.get("endpointsuffix", "")).strip().lower()
    return _Place(account=account, host=f"{account}.blob.{suffix if suffix in SUFFIXES else SUFFIXES[0]}")


def _zone(found: re.Match[str]) -> str:
    """Return the zone of accounts with endpoints of the newer kind; websites have zones of their own, which are no part of it."""
    return (found["zone"] or "") if found["suffix"] == "storage.azure.net" else ""


def _read(answer: HttpAnswer) -> Outcome:
    if answer.status == 200 and "x-ms-request-id" in answer.headers:
        message = "Azure accepted it just now: all data of the account can be read, changed and deleted with it."
        return Outcome(validity=Validity.LIVE, reason="accepted", message=message, evidence=evidence_of(answer))
    return refusal(answer)
