"""An OpenID Connect provider as its client sees it: where it is, its keys, and what its tokens prove.

Nothing that it says is believed before it is checked: the discovery document names the issuer that was configured, an ID token is
signed with one of its asymmetric keys, by an algorithm from our list and not from the token, for us, now, and for this very
sign-in. What it answers is bounded in size and time and never shown to people: it may hold a token.
"""

from __future__ import annotations

import hmac
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote_plus, urlsplit

import httpx2
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from stanch.core.errors import ConfigError, StanchError
from stanch.core.people import Role
from stanch.core.secret import Secret

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "RS384", "PS384", "ES384", "RS512", "PS512", "ES512")
_FRESH: Final = timedelta(hours=1)  # how long keys and addresses are believed
_AGAIN: Final = timedelta(minutes=1)  # how soon after that a key that nobody knows makes us ask again
_LEEWAY: Final = 60  # seconds that clocks may differ
_MOST: Final = 512 * 1024


class ProviderError(StanchError):
    """The identity provider cannot be reached, or proved nothing. The reason is for the operator, not for who signs in.

    Args:
        reason: stable name.
    """

    code = "identity_provider"

    def __init__(self, reason: str) -> None:
        super().__init__("signing in at the identity provider did not work.", hint="Try again, or ask the operator.")
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Members of a group at the provider are this in that workspace."""

    group: str
    workspace: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcSettings:
    """How people sign in elsewhere.

    Attributes:
        issuer: address of the provider, exactly as it names itself.
        client_id: what it calls us.
        client_secret: ours; ``None`` for a public client.
        redirect_uri: the page that people come back to.
        name: of the provider, on the button.
        scopes: what is asked for.
        link_by_email: an account with the verified address becomes theirs; its password is worth nothing then.
        create_users: who has no account gets one.
        trust_email: the provider verifies addresses though it does not say so.
        domains: which addresses are let in; all when empty.
        groups_claim: where the token names groups.
        grants: what groups are where. A workspace named here has the roles that the provider says, at each sign-in.
        default_workspace: where a new account is a member.
        default_role: as what; ``None`` for nowhere.
    """

    issuer: str
    client_id: str
    client_secret: Secret | None = None
    redirect_uri: str
    name: str = "Single sign-on"
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    link_by_email: bool = False
    create_users: bool = False
    trust_email: bool = False
    domains: tuple[str, ...] = ()
    groups_claim: str = "groups"
    grants: tuple[Grant, ...] = ()
    default_workspace: str = "main"
    default_role: Role | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What the provider proved about somebody."""

    issuer: str
    subject: str
    email: str
    email_verified: bool
    name: str
    groups: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What belongs to one sign-in.

    Attributes:
        nonce: that the token repeats.
        verifier: of the code challenge.
        since: the person proved who they are after that; ``None`` when an older proof is good.
    """

    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    since: datetime | None = None


class Provider:
    """The provider. One instance may serve many threads.

    Args:
        settings: where it is and what it calls us.
        client: for HTTP; one of our own when not given.

    Raises:
        ConfigError: an address is not ``https``.
    """

    def __init__(self, settings: OidcSettings, client: httpx2.Client | None = None) -> None:
        if not _is_safe(settings.issuer):
            raise ConfigError("the address of the identity provider is not https.", hint="Write https://…")
        self.settings = settings
        self._client = client or httpx2.Client(timeout=10, follow_redirects=False)
        self._lock = threading.Lock()
        self._document: Mapping[str, Any] = {}
        self._document_at: datetime | None = None
        self._keys: KeySet | None = None
        self._keys_at: datetime | None = None

    def endpoint(self, name: str, now: datetime) -> str:
        """Return one of its addresses.

        Raises:
            ProviderError: it names none, or one that is not safe.
        """
        address = self._discovered(now).get(name)
        if not isinstance(address, str) or not _is_safe(address):
            raise ProviderError("discovery")
        return address

    def claims(self, code: str, expected: Expected, now: datetime) -> Claims:
        """Exchange a code and return what it proves.

        Raises:
            ProviderError: nothing.
        """
        answer = self._exchange(code, expected, now)
        token = answer.get("id_token")
        if not isinstance(token, str) or len(token) > _MOST:
            raise ProviderError("exchange")
        found = dict(self._verified(token, now))
        self._check(found, expected, now)
        if not found.get("email") and isinstance(answer.get("access_token"), str):
            found = self._asked(str(answer["access_token"]), str(found["sub"]), now) | found
        return self._claims(found)

    def _exchange(self, code: str, expected: Expected, now: datetime) -> Mapping[str, Any]:
        settings = self.settings
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": settings.redirect_uri,
            "code_verifier": expected.verifier,
        }  # fmt: skip
        auth = None
        if settings.client_secret is None:
            form["client_id"] = settings.client_id
        else:
            secret = settings.client_secret.reveal().decode()
            methods = self._discovered(now).get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
            if "client_secret_basic" in methods:  # percent-encoded first: RFC 6749, 2.3.1
                auth = httpx2.BasicAuth(quote_plus(settings.client_id), quote_plus(secret))
            else:
                form |= {"client_id": settings.client_id, "client_secret": secret}
        return self._fetch("POST", self.endpoint("token_endpoint", now), "exchange", data=form, auth=auth)

    def _verified(self, token: str, now: datetime) -> Mapping[str, Any]:
        for again in (False, True):
            try:
                return jwt.decode(token, self._key_set(now, again=again), algorithms=list(ALGORITHMS)).claims
            except (JoseError, ValueError, TypeError, KeyError) as exc:
                if again or not self._may_ask_again(now):  # its keys may have changed; a flood of false tokens asks once a minute
                    raise ProviderError("signature") from exc
        raise AssertionError("unreachable")

    def _check(self, found: Mapping[str, Any], expected: Expected, now: datetime) -> None:
        seconds, settings = now.timestamp(), self.settings
        audience = found.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        party = found.get("azp")
        subject, nonce = found.get("sub"), found.get("nonce")
        times = [found.get("exp"), found.get("iat"), found.get("nbf", 0)]
        if found.get("iss") != settings.issuer:
            raise ProviderError("issuer")
        if (
            settings.client_id not in audiences
            or (party is None and len(audiences) > 1)
            or party not in (None, settings.client_id)
        ):
            raise ProviderError("audience")
        if not all(isinstance(t, int | float) and not isinstance(t, bool) for t in times):
            raise ProviderError("times")
        exp, iat, nbf = (float(t) for t in times if isinstance(t, int | float))
        if seconds >= exp + _LEEWAY or iat > seconds + _LEEWAY or nbf > seconds + _LEEWAY:
            raise ProviderError("times")
        if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), expected.nonce.encode()):
            raise ProviderError("nonce")
        if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not subject.isprintable():
            raise ProviderError("subject")
        proved = found.get("auth_time")
        if expected.since and (not isinstance(proved, int | float) or proved < expected.since.timestamp() - _LEEWAY):
            raise ProviderError("too_long_ago")

    def _asked(self, access: str, subject: str, now: datetime) -> dict[str, Any]:
        """Return what user info adds; it is about the same person, or nothing (OpenID Connect Core, 5.3.2)."""
        if "userinfo_endpoint" not in self._discovered(now):
            return {}
        address = self.endpoint("userinfo_endpoint", now)
        more = self._fetch("GET", address, "userinfo", headers={"Authorization": f"Bearer {access}"})
        if more.get("sub") != subject:
            raise ProviderError("userinfo")
        return dict(more)

    def _claims(self, found: Mapping[str, Any]) -> Claims:
        email, name, groups = found.get("email"), found.get("name"), found.get(self.settings.groups_claim)
        return Claims(
            issuer=self.settings.issuer, subject=str(found["sub"]), email=email if isinstance(email, str) else "",
            email_verified=found.get("email_verified") in (True, "true") or self.settings.trust_email,
            name=name if isinstance(name, str) else "",
            groups=frozenset(g for g in groups if isinstance(g, str)) if isinstance(groups, list) else frozenset(),
        )  # fmt: skip

    def _discovered(self, now: datetime) -> Mapping[str, Any]:
        with self._lock:
            if self._document_at is None or now - self._document_at >= _FRESH:
                address = self.settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
                found = self._fetch("GET", address, "discovery")
                if found.get("issuer") != self.settings.issuer:
                    raise ProviderError("discovery")
                self._document, self._document_at = found, now
            return self._document

    def _key_set(self, now: datetime, *, again: bool) -> KeySet:
        address = self.endpoint("jwks_uri", now)
        with self._lock:
            if self._keys is None or self._keys_at is None or again or now - self._keys_at >= _FRESH:
                found = self._fetch("GET", address, "keys").get("keys")
                usable = [k for k in found if _signs(k)] if isinstance(found, list) else []
                self._keys, self._keys_at = KeySet.import_key_set({"keys": usable}), now
            return self._keys

    def _may_ask_again(self, now: datetime) -> bool:
        return self._keys_at is not None and now - self._keys_at >= _AGAIN

    def _fetch(self, method: str, address: str, reason: str, **values: Any) -> Mapping[str, Any]:
        """Ask, and return a JSON object of bounded size; a redirect is no answer."""
        try:
            with self._client.stream(method, address, **values) as response:
                body = b""
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > _MOST:
                        raise ProviderError(reason)
                found = json.loads(body) if response.status_code == 200 else None
        except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, ValueError, RecursionError) as exc:
            raise ProviderError(reason) from exc
        if not isinstance(found, dict):
            raise ProviderError(reason)
        return found


def _signs(key: object) -> bool:
    """Whether this is a public key for signatures: a shared one would let everybody sign who can read it."""
    return isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"


def _is_safe(address: str) -> bool:
    """Whether an address is ``https``, or on this machine."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    return parts.scheme == "http" and host in ("localhost", "127.0.0.1", "::1")
