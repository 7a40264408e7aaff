"""A small OpenID Connect provider: discovery, keys, authorisation code with PKCE, tokens, user info. It also lies when told to.

Whoever is `person` is signed in already, so `/authorize` leads straight back. What a client must send is enforced as real
providers do: PKCE with S256, a redirect address on its list, its secret, each code once and for a minute. What a client must
*check* is tried with `mistakes`: each makes one thing wrong, and a client that lets somebody in then has a hole.
Source: https://openid.net/specs/openid-connect-core-1_0.html, RFC 7636 (PKCE), RFC 9207 (``iss`` in the answer).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote_plus, urlencode

from stanch.simulators.jws import encoded
from stanch.simulators.tokens import Tokens
from stanch.simulators.wire import Request, Response, json_response

MISTAKES: Final = (
    "algorithm_none", "algorithm_hs256", "audience", "authorized_party", "discovery_issuer", "error", "expired",
    "from_the_future", "answer_issuer", "issuer", "no_subject", "nonce", "no_nonce", "other_key", "signature",
    "token_garbage", "userinfo_subject",
)  # fmt: skip
_CODE_LASTS: Final = timedelta(minutes=1)


@dataclass
class Person:
    """Who is signed in at the provider."""

    subject: str = "248289761001"
    email: str | None = "ada@example.org"
    email_verified: bool | None = True
    name: str = "Ada Lovelace"
    groups: tuple[str, ...] = ()
    more: dict[str, Any] = field(default_factory=dict)

    def claims(self) -> dict[str, Any]:
        """Return what is said about them."""
        found = {
            "sub": self.subject, "email": self.email, "email_verified": self.email_verified, "name": self.name,
            "groups": list(self.groups), **self.more,
        }  # fmt: skip
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class _Grant:
    redirect: str
    challenge: str
    nonce: str
    person: Person
    ends: datetime


class Provider:
    """The provider, an application of `stanch.simulators.server.Simulator`.

    Args:
        client_id: of the only client.
        client_secret: its secret; empty for a public client.
        redirects: addresses it may come back to.

    Attributes:
        person: who is signed in.
        mistakes: what is wrong, of `MISTAKES`.
        email_in_token: whether the token says what is known of the person; else only user info does.
    """

    def __init__(self, *, client_id: str, client_secret: str, redirects: Iterable[str]) -> None:
        self.client_id, self.client_secret, self.redirects = client_id, client_secret, frozenset(redirects)
        self.person = Person()
        self.mistakes: set[str] = set()
        self.email_in_token = True
        self.asked: list[dict[str, str]] = []  # queries of /authorize
        self.key_requests = 0
        self._tokens, self._others = Tokens(), Tokens()
        self._grants: dict[str, _Grant] = {}
        self._access: dict[str, Person] = {}
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Response:
        """Answer one request."""
        with self._lock:
            if request.path == "/.well-known/openid-configuration":
                return self._discovery(request)
            if request.path == "/keys":
                self.key_requests += 1
                return json_response(200, self._tokens.key_set())
            if request.path == "/authorize":
                return self._authorize(request)
            if request.path == "/token" and request.method == "POST":
                return self._token(request)
            if request.path == "/userinfo":
                return self._userinfo(request)
        return json_response(404, {"error": "not_found"})

    def renew_keys(self) -> None:
        """Sign with another key from now on."""
        with self._lock:
            self._tokens = Tokens()

    def _discovery(self, request: Request) -> Response:
        issuer = f"https://{request.host}"
        return json_response(
            200,
            {
                "issuer": "https://somebody.else.example" if "discovery_issuer" in self.mistakes else issuer,
                "authorization_endpoint": f"{issuer}/authorize", "token_endpoint": f"{issuer}/token",
                "jwks_uri": f"{issuer}/keys", "userinfo_endpoint": f"{issuer}/userinfo", "response_types_supported": ["code"],
                "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"], "authorization_response_iss_parameter_supported": True,
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
            },
        )  # fmt: skip

    def _authorize(self, request: Request) -> Response:
        query = request.query
        self.asked.append(query)
        redirect = query.get("redirect_uri", "")
        if query.get("client_id") != self.client_id or redirect not in self.redirects:
            return json_response(400, {"error": "unauthorized_client"})  # never lead to an address that is not on the list
        answer = {"state": query.get("state", ""), "iss": f"https://{request.host}"}
        if "answer_issuer" in self.mistakes:
            answer["iss"] = "https://somebody.else.example"
        error = ""
        if "error" in self.mistakes:
            error = "access_denied"
        elif query.get("response_type") != "code" or "openid" not in query.get("scope", "").split():
            error = "invalid_scope"
        elif query.get("code_challenge_method") != "S256" or len(query.get("code_challenge", "")) != 43:
            error = "invalid_request"
        if error:
            return _away(redirect, answer | {"error": error, "error_description": "<b>no</b>"})
        code = secrets.token_urlsafe(24)
        self._grants[code] = _Grant(
            redirect, query["code_challenge"], query.get("nonce", ""), self.person, request.now + _CODE_LASTS
        )
        return _away(redirect, answer | {"code": code})

    def _token(self, request: Request) -> Response:
        form = request.form
        if not self._client_right(request, form):
            return json_response(401, {"error": "invalid_client"})
        grant = self._grants.pop(form.get("code", ""), None)
        if grant is None or grant.ends <= request.now or grant.redirect != form.get("redirect_uri"):
            return json_response(400, {"error": "invalid_grant"})
        if form.get("grant_type") != "authorization_code" or _challenge(form.get("code_verifier", "")) != grant.challenge:
            return json_response(400, {"error": "invalid_grant"})
        access = secrets.token_urlsafe(24)
        self._access[access] = grant.person
        body = {"access_token": access, "token_type": "Bearer", "expires_in": 3599, "id_token": self._id_token(request, grant)}
        return json_response(200, body, {"Cache-Control": "no-store"})

    def _client_right(self, request: Request, form: Mapping[str, str]) -> bool:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            name, _, secret = base64.b64decode(value).decode("utf-8", "replace").partition(":")
            name, secret = unquote_plus(name), unquote_plus(secret)
        else:
            name, secret = form.get("client_id", ""), form.get("client_secret", "")
        return name == self.client_id and hmac.compare_digest(secret.encode(), self.client_secret.encode())

    def _id_token(self, request: Request, grant: _Grant) -> str:
        now, wrong = int(request.now.timestamp()), self.mistakes
        known = grant.person.claims() if self.email_in_token else {"sub": grant.person.subject}
        claims: dict[str, Any] = {
            "iss": f"https://{request.host}", "aud": self.client_id, "nonce": grant.nonce, "iat": now, "exp": now + 300,
            "auth_time": now, **known,
        }  # fmt: skip
        changes: dict[str, dict[str, Any]] = {
            "audience": {"aud": "another client"}, "issuer": {"iss": "https://somebody.else.example"},
            "authorized_party": {"aud": [self.client_id, "another client"], "azp": "another client"},
            "nonce": {"nonce": "guessed"},
            "no_nonce": {"nonce": None}, "no_subject": {"sub": None}, "expired": {"iat": now - 900, "exp": now - 600},
            "from_the_future": {"iat": now + 900, "exp": now + 1200},
        }  # fmt: skip
        for mistake in wrong & changes.keys():
            claims |= changes[mistake]
        claims = {"nbf": claims["iat"]} | {name: value for name, value in claims.items() if value is not None}
        return self._signed(claims, request.now)

    def _signed(self, claims: Mapping[str, Any], now: datetime) -> str:
        wrong = self.mistakes
        if "token_garbage" in wrong:
            return "a.b.c"
        if "algorithm_none" in wrong:
            return f"{_segment({'alg': 'none', 'typ': 'JWT'})}.{_segment(claims)}."
        if "algorithm_hs256" in wrong:  # with what everybody can read as the key
            text = f"{_segment({'alg': 'HS256', 'kid': self._tokens.key_id})}.{_segment(claims)}"
            key = json.dumps(self._tokens.key_set()).encode()
            return f"{text}.{encoded(hmac.digest(key, text.encode(), hashlib.sha256))}"
        token = (self._others if "other_key" in wrong else self._tokens).issue(claims, now)
        if "signature" in wrong:
            head, body, signature = token.split(".")
            other = {**json.loads(base64.urlsafe_b64decode(body + "==")), "sub": "somebody else"}
            token = f"{head}.{_segment(other)}.{signature}"
        return token

    def _userinfo(self, request: Request) -> Response:
        person = self._access.get(request.headers.get("authorization", "").partition(" ")[2])
        if person is None:
            return json_response(401, {"error": "invalid_token"})
        return json_response(200, person.claims() | ({"sub": "somebody else"} if "userinfo_subject" in self.mistakes else {}))


def _away(redirect: str, query: Mapping[str, str]) -> Response:
    return Response(status=302, headers={"Location": f"{redirect}?{urlencode(query)}", "Cache-Control": "no-store"})


def _challenge(verifier: str) -> str:
    return encoded(hashlib.sha256(verifier.encode()).digest())


def _segment(value: Mapping[str, Any]) -> str:
    return encoded(json.dumps(dict(value)).encode())
