"""From a spec and a credential to requests: what may stand in which place, and to which hosts it may go.

Companions come from what was scanned, and a scanned repository is nobody's friend: a companion never chooses a host outside
the patterns of its entry, never ends a path early, and never adds a header. Whatever does not fit is not asked at all.
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import quote, urlsplit

from stanch.catalog.template import Hole, Template, holes
from stanch.catalog.validity_spec import ValiditySpec
from stanch.issuers.model import Credential, Door, HttpRequest

MAX_URL: Final = 8_192
MAX_FIELD: Final = 8_192  # of one header
MAX_VALUE: Final = 16_384

Allowed: TypeAlias = Callable[[str, int], bool]

_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST: Final = re.compile(rf"(?=.{{1,253}}(?::|$))(?:{_LABEL}\.)*{_LABEL}(?::([0-9]{{1,5}}))?")
_PART_OF_HOST: Final = re.compile(r"[a-z0-9.-]{1,253}(?::[0-9]{1,5})?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class NotAskedError(Exception):
    """A credential cannot be asked about. The message holds no value.

    Args:
        reason: ``companion_missing``, ``companion_unusable``, ``value_unusable``, ``host_not_known``, ``host_not_allowed``.
        message: a sentence, with what to do.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def value_of(credential: Credential) -> str:
    """Return the credential as text.

    Raises:
        NotAskedError: it was not kept, or is no text.
    """
    if not credential.secret.has_value:
        raise NotAskedError("value_not_kept", "The value was not kept, so nobody could be asked.")
    try:
        value = credential.secret.reveal().decode("utf-8")
    except UnicodeDecodeError:
        raise NotAskedError("value_unusable", "The value is no text, so it fits into no request.") from None
    if not value or len(value) > MAX_VALUE or _CONTROL.search(value):
        raise NotAskedError("value_unusable", "The value is empty, very long or has control characters: it fits into no request.")
    return value


def used_companions(spec: ValiditySpec, credential: Credential) -> dict[str, str]:
    """Return the companions that the request needs, by name; defaults are filled in where one is used.

    Raises:
        NotAskedError: one is missing.
    """
    found: dict[str, str] = {}
    for hole in holes(spec.templates()):
        if not hole.companion or hole.companion in found:
            continue
        text = credential.text(hole.companion).strip()
        if not text and hole.default is None:
            message = f"The {hole.companion} is needed to ask {spec.provider}, and none stands near by. Give it, and ask again."
            raise NotAskedError("companion_missing", message)
        if len(text) > MAX_VALUE or _CONTROL.search(text):
            raise NotAskedError("companion_unusable", f"The {hole.companion} beside it has control characters or is very long.")
        found[hole.companion] = text
    return found


class Places(NamedTuple):
    """Where to ask.

    Attributes:
        bases: base addresses to ask in turn: scheme, host, port, and what the user's override adds.
        guessed: nothing said which server it is, so the vendor's own was taken; the credential may belong to another.
    """

    bases: list[str]
    guessed: bool


def places(spec: ValiditySpec, credential: Credential, door: Door, allowed: Allowed) -> Places:
    """Return where to ask about a credential.

    Args:
        spec: what is asked.
        credential: about what.
        door: knows the user's overrides.
        allowed: tells whether the user named a host and port: for self-hosted software, nobody else may.

    Raises:
        NotAskedError: the host is not one that may be asked.
    """
    host = _host_of_value(value_of(credential)) if spec.address_is_value else _rendered_host(spec, credential)
    chosen = spec.address_is_value or any(credential.text(hole.companion).strip() for hole in holes([spec.authority]))
    base = door.host(host)
    overridden = base not in {host, f"https://{host}"}
    if chosen and not _may_be_asked(spec, host, allowed) and not (spec.self_hosted and overridden):
        raise _not_asked(spec, host)
    others = [] if chosen else [door.host(region) for region in spec.regions]
    bases = [address if "://" in address else f"https://{address}" for address in (base, *others)]
    return Places(bases, guessed=spec.self_hosted and not chosen and not overridden)


def request(spec: ValiditySpec, credential: Credential, base: str) -> HttpRequest:
    """Return the request to one base address.

    Raises:
        NotAskedError: something does not fit where it should stand.
    """
    value, companions = value_of(credential), used_companions(spec, credential)

    def put(text: Template, place: str) -> str:
        return "".join(part if isinstance(part, str) else _put(part, value, companions, place) for part in text)

    if spec.address_is_value:
        parts = urlsplit(value)
        tail = parts.path + (f"?{parts.query}" if parts.query else "")
    else:
        query = put(spec.query, "query")
        tail = put(spec.path, "path") + (f"?{query}" if query else "")
    headers = {"Accept": "application/json, */*;q=0.8"}
    headers.update((name, _field(put(text, "field"))) for name, text in spec.headers)
    if spec.method == "POST":
        headers["Idempotency-Key"] = str(uuid.uuid4())  # tells the door that it may be sent again, and the issuer that it was
    if spec.basic:
        headers["Authorization"] = "Basic " + _basic(spec.basic, put)
    body = b""
    if spec.form:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = "&".join(f"{quote(name, safe='')}={quote(put(text, 'text'), safe='')}" for name, text in spec.form).encode()
    elif spec.json is not None:
        headers["Content-Type"] = "application/json"
        body = json.dumps(_filled(spec.json, lambda text: put(text, "text"))).encode()
    return HttpRequest(method=spec.method, url=_joined(base, tail), headers=headers, body=body)


def matches_host(host: str, pattern: str) -> bool:
    """Tell whether a host fits a pattern: ``*.`` in front stands for one label or more, another ``*`` for a part of a label."""
    any_depth = pattern.startswith("*.")
    inner = "".join("[a-z0-9-]*" if char == "*" else re.escape(char) for char in pattern.removeprefix("*."))
    return re.fullmatch((r"(?:[a-z0-9-]+\.)+" if any_depth else "") + inner, host) is not None


def _may_be_asked(spec: ValiditySpec, host: str, allowed: Allowed) -> bool:
    if any(matches_host(host, pattern) for pattern in spec.hosts):
        return True
    name, _, port = host.partition(":")
    return spec.self_hosted and allowed(name, int(port or 443))


def _not_asked(spec: ValiditySpec, host: str) -> NotAskedError:
    if spec.self_hosted:
        message = f"{spec.provider} runs on people's own servers. It was not sent to {host}: allow this host if it is yours."
        return NotAskedError("host_not_allowed", message)
    return NotAskedError("host_not_known", f"The host beside it is none of {spec.provider}'s, so it was not sent there.")


def _rendered_host(spec: ValiditySpec, credential: Credential) -> str:
    """Fill the host; a companion that is a whole address gives its host and port."""
    companions = used_companions(spec, credential)
    text = ""
    for part in spec.authority:
        if isinstance(part, str):
            text += part
            continue
        given = (companions[part.companion] or part.default or "").lower()
        if len(spec.authority) == 1:
            given = re.sub(r"\Ahttps?://|/\Z", "", given)
        if not _PART_OF_HOST.fullmatch(given):
            raise NotAskedError("companion_unusable", f"The {part.companion} beside it is no part of a host name.")
        text += given
    return _checked_host(text)


def _host_of_value(value: str) -> str:
    try:
        parts = urlsplit(value)
        if parts.scheme != "https" or "@" in parts.netloc or "\\" in value or re.search(r"[^!-~]", value):
            raise ValueError  # the same refusal as for what urlsplit refuses
        return _checked_host(parts.netloc.lower())
    except ValueError:
        raise NotAskedError("value_unusable", "The value is no plain https:// address.") from None


def _checked_host(host: str) -> str:
    match = _HOST.fullmatch(host)
    if match is None or int(match[1] or 443) > 65_535:
        raise NotAskedError("companion_unusable", "What stands beside it makes no host name.")
    return host.removesuffix(":443")


def _put(hole: Hole, value: str, companions: Mapping[str, str], place: str) -> str:
    text = value if not hole.companion else companions[hole.companion] or hole.default or ""
    if place == "path":
        if text in {".", ".."} or not text:
            raise NotAskedError("companion_unusable", "What stands beside it would change the path of the request.")
        return quote(text, safe=":")
    return quote(text, safe="") if place == "query" else text


def _field(text: str) -> str:
    """Return what may stand in a header: visible ASCII and spaces (RFC 9110 §5.5), nothing that starts another line."""
    if len(text) > MAX_FIELD or re.search(r"[^ -~]", text):
        raise NotAskedError("value_unusable", "The value has characters that a header cannot carry.")
    return text


def _basic(text: Template, put: Any) -> str:
    """Encode user and password (RFC 7617); a user name cannot have a colon."""
    at = next(number for number, part in enumerate(text) if isinstance(part, str) and ":" in part)
    before, _, after = str(text[at]).partition(":")
    user, password = put((*text[:at], before), "text"), put((after, *text[at + 1 :]), "text")
    if ":" in user:
        raise NotAskedError("companion_unusable", "The user name beside it has a colon, which HTTP Basic cannot carry.")
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def _filled(body: Any, put: Any) -> Any:
    if isinstance(body, tuple):
        return put(body)
    if isinstance(body, dict):
        return {name: _filled(child, put) for name, child in body.items()}
    return [_filled(child, put) for child in body] if isinstance(body, list) else body


def _joined(base: str, tail: str) -> str:
    """Put base and path together, and make sure that nothing in the path moved the destination."""
    url = base.rstrip("/") + (tail if tail.startswith("/") or not tail else f"/{tail}")
    if urlsplit(url).netloc != urlsplit(base).netloc or len(url) > MAX_URL or re.search(r"[^!-~]", url):
        raise NotAskedError("value_unusable", "The request would not go where it should.")
    return url
