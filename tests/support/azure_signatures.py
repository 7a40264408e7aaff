"""Azure Storage and Service Bus as their documentation has them: servers that check signatures by computing them themselves.

Shared Key: https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key, account SAS:
…/create-account-sas, service SAS: …/create-service-sas. Written from these pages, not from the adapters.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qs, unquote, urlsplit

from stanch.issuers.model import HttpRequest
from stanch.net.model import HttpAnswer

NS = 'xmlns="http://www.w3.org/2005/Atom"'


def mac(key: bytes, text: str) -> str:
    return base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()


def failure(status: int, code: str, detail: str = "") -> HttpAnswer:
    more = f"<AuthenticationErrorDetail>{detail}</AuthenticationErrorDetail>" if detail else ""
    body = (
        f'\ufeff<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>…\nRequestId:7</Message>{more}</Error>'
    )
    return HttpAnswer(status=status, headers={"content-type": "application/xml", "x-ms-request-id": "7"}, body=body.encode())


class StorageAccount:
    """One account, all of its services.

    Args:
        name: of the account.
        key: decoded.
        now: the time.
        suffix: of its hosts.

    Attributes:
        answer: given instead of success, when set.
    """

    def __init__(self, name: str, key: bytes, now: datetime, *, suffix: str = "core.windows.net") -> None:
        self.name = name
        self.key = key
        self.now = now
        self.suffix = suffix
        self.answer: HttpAnswer | None = None

    def __call__(self, request: HttpRequest) -> HttpAnswer:
        parts = urlsplit(request.url)
        account, service, suffix = parts.netloc.split(".", 2)
        if account != self.name or suffix != self.suffix:
            return failure(400, "InvalidUri")
        headers = {name.lower(): value for name, value in request.headers.items()}
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        refused = (
            self._shared_key(request.method, parts.path, query, headers, service)
            if "authorization" in headers
            else self._sas(parts.path, query, service)
        )
        if refused is not None:
            return refused
        return self.answer or HttpAnswer(
            status=200,
            headers={"x-ms-request-id": "7", "x-ms-sku-name": "Standard_RAGRS", "x-ms-account-kind": "StorageV2"},
            body=b"",
        )

    def _shared_key(
        self, method: str, path: str, query: dict[str, str], headers: dict[str, str], service: str
    ) -> HttpAnswer | None:
        scheme, _, rest = headers["authorization"].partition(" ")
        account, _, signature = rest.partition(":")
        if scheme != "SharedKey" or account != self.name or "x-ms-version" not in headers:
            return failure(401, "InvalidAuthenticationInfo")
        if abs((parsedate_to_datetime(headers["x-ms-date"]) - self.now).total_seconds()) > 900:
            return failure(403, "AuthenticationFailed", "Request date header too old: 'Wed, 25 Nov 2026 08:00:00 GMT'")
        if service == "table":
            comp = f"?comp={query['comp']}" if "comp" in query else ""
            text = f"{method}\n\n\n{headers['x-ms-date']}\n/{account}{path}{comp}"
        else:
            # VERB, Content-Encoding, -Language, -Length, -MD5, -Type, Date, If-Modified-Since, If-Match, If-None-Match,
            # If-Unmodified-Since, Range: one line each.
            standard = ["content-encoding", "content-language", "content-length", "content-md5", "content-type", "date",
                        "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range"]  # fmt: skip
            text = "\n".join([method, *(headers.get(name, "") for name in standard)]) + "\n"
            text += "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers) if name.startswith("x-ms-"))
            text += f"/{account}{path}" + "".join(f"\n{name.lower()}:{query[name]}" for name in sorted(query))
        if not hmac.compare_digest(signature, mac(self.key, text)):
            detail = f"The MAC signature found in the HTTP request '{signature}' is not the same as any computed signature. Server used following string to sign: '{text}'."
            return failure(403, "AuthenticationFailed", detail)
        return None

    def _sas(self, path: str, query: dict[str, str], service: str) -> HttpAnswer | None:
        if "sig" not in query:
            return failure(404, "ResourceNotFound")
        text = self.account_sas(query) if "srt" in query else self.service_sas(query, path, service)
        if not hmac.compare_digest(query["sig"], mac(self.key, text)):
            return failure(403, "AuthenticationFailed", f"Signature did not match. String to sign used was {text}")
        if "se" in query and datetime.fromisoformat(query["se"].replace("Z", "+00:00")).astimezone(UTC) < self.now:
            return failure(
                403, "AuthenticationFailed", "Signature not valid in the specified time frame: Start [] - Expiry [] - Current []"
            )
        if "srt" in query and "s" not in query["srt"] and path == "/":
            return failure(403, "AuthorizationResourceTypeMismatch")
        return None

    def account_sas(self, query: dict[str, str]) -> str:
        """The string to sign since version 2020-12-06."""
        fields = ("sp", "ss", "srt", "st", "se", "sip", "spr", "sv", "ses")
        return "\n".join([self.name, *(query.get(field, "") for field in fields)]) + "\n"

    def service_sas(self, query: dict[str, str], path: str, service: str) -> str:
        """The string to sign for blobs since version 2020-12-06; queues have fewer fields."""
        resource = f"/{service}/{self.name}{unquote(path)}"
        if query.get("sr") == "c":
            resource = "/".join(resource.split("/")[:4])
        start = [query.get(name, "") for name in ("sp", "st", "se")]
        middle = [query.get(name, "") for name in ("si", "sip", "spr", "sv")]
        if service == "queue":
            return "\n".join([*start, resource, *middle])
        end = [
            query.get("sr", ""),
            "",
            query.get("ses", ""),
            *(query.get(name, "") for name in ("rscc", "rscd", "rsce", "rscl", "rsct")),
        ]
        return "\n".join([*start, resource, *middle, *end])


class Namespace:
    """A Service Bus namespace.

    Args:
        host: its host.
        policies: name → key and rights (``manage``, ``send`` …).
        now: the time.
    """

    def __init__(self, host: str, policies: dict[str, tuple[str, str]], now: datetime) -> None:
        self.host = host
        self.policies = policies
        self.now = now

    def __call__(self, request: HttpRequest) -> HttpAnswer:
        parts = urlsplit(request.url)
        scheme, _, rest = request.headers["Authorization"].partition(" ")
        token = dict(field.split("=", 1) for field in rest.split("&"))
        if parts.netloc != self.host or scheme != "SharedAccessSignature" or set(token) != {"sr", "sig", "se", "skn"}:
            return self._error("MalformedToken: The token is malformed.")
        if not 0 < int(token["se"]) - self.now.timestamp() <= 3_600:
            return self._error("ExpiredToken: The token is expired.")
        key, rights = self.policies.get(token["skn"], ("", ""))
        expected = base64.b64encode(
            hmac.new(key.encode(), f"{token['sr']}\n{token['se']}".encode(), hashlib.sha256).digest()
        ).decode()
        if not key or unquote(token["sig"]) != expected:
            return self._error("InvalidSignature: The token has an invalid signature. TrackingId:1")
        if not request.url.lower().startswith(unquote(token["sr"]).rstrip("/")):
            return self._error("InvalidAudience: The authorization header contains a token with a wrong audience.")
        if rights != "manage":
            return self._error("Manage,EntityRead claims required for this operation.")
        return HttpAnswer(status=200, headers={"content-type": "application/atom+xml"}, body=f"<feed {NS}/>".encode())

    def _error(self, detail: str) -> HttpAnswer:
        body = f"<Error><Code>401</Code><Detail>{detail}</Detail></Error>".encode()
        return HttpAnswer(status=401, headers={"content-type": "application/xml"}, body=body)
