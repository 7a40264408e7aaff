"""Whether a client assertion or a client secret is accepted, and by which registered key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NoReturn

from stanch.simulators.directory_model import Application, KeyCredential, PasswordCredential, ServicePrincipal, Tenant
from stanch.simulators.entra_errors import RefusedError
from stanch.simulators.jws import ALGORITHMS, Jws, JwsError, decoded, parse, verified
from stanch.simulators.wire import Request

if TYPE_CHECKING:
    from stanch.simulators.entra import Behaviour

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TOLERANCE: Final = 300.0  # seconds that a client's clock may be off


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The registered credential that was used.

    Attributes:
        key_id: its GUID.
        origin: ``application`` or ``servicePrincipal``: where it is registered.
        thumbprint: of a certificate, SHA-1, upper-case hex.
        token_id: ``jti`` of the assertion.
    """

    key_id: str
    origin: str
    thumbprint: str = ""
    token_id: str = ""


def accept_assertion(
    assertion: str, request: Request, tenant: Tenant, principal: ServicePrincipal, app: Application | None, behaviour: Behaviour
) -> Accepted:
    """Verify a client assertion (RFC 7523) and return the key that signed it.

    Raises:
        RefusedError: with the code that Entra has for it.
    """
    try:
        jws = parse(assertion)
        algorithm, thumbprint = jws.header.get("alg"), _thumbprint(jws)
        times = {claim: jws.seconds(claim) for claim in ("nbf", "exp", "iat")}
    except JwsError as exc:
        raise RefusedError(50027) from exc
    if algorithm not in ALGORITHMS or times["exp"] is None:
        raise RefusedError(50027)
    if jws.text("iss").lower() != principal.app_id or jws.text("sub").lower() != principal.app_id:
        raise RefusedError(700021)
    if jws.text("aud") not in _audiences(request, tenant):
        raise RefusedError(700023)
    _check_times(request.now, times["nbf"] or times["iat"], times["exp"])
    key, origin = _registered(thumbprint, principal, app)
    if not _signed_by(jws, key):
        words = f"The provided signature value did not match the expected signature value., {_found(key)}"
        raise RefusedError(700027, client=principal.app_id, reason=words)
    accepted = Accepted(key_id=key.key_id, origin=origin, thumbprint=key.sha1.hex().upper(), token_id=jws.text("jti"))
    _check_key(key, accepted, request.now, principal.app_id, behaviour)
    return accepted


def accept_secret(secret: str, now: datetime, principal: ServicePrincipal, app: Application | None) -> Accepted:
    """Compare a client secret with those that are registered.

    Raises:
        RefusedError: it is none of them (7000215), or its time is over (7000222).
    """
    found = [(password, origin) for password, origin in _passwords(principal, app) if password.matches(secret)]
    if not found:
        raise RefusedError(7000215, client=principal.app_id)
    password, origin = found[0]
    accepted = Accepted(key_id=password.key_id, origin=origin)
    if not password.start <= now < password.end:
        _refuse(accepted, 7000222, client=principal.app_id)
    return accepted


def _passwords(principal: ServicePrincipal, app: Application | None) -> Iterator[tuple[PasswordCredential, str]]:
    yield from ((p, "application") for p in (app.password_credentials if app else ()))
    yield from ((p, "servicePrincipal") for p in principal.password_credentials)


def _thumbprint(jws: Jws) -> bytes:
    """Return the digest that names the certificate: ``x5t#S256`` or ``x5t``, padded (as MSAL for Python sends it) or not."""
    for name, size in (("x5t#S256", 32), ("x5t", 20)):
        value = jws.header.get(name)
        if isinstance(value, str):
            digest = decoded(value)
            if len(digest) != size:
                raise JwsError(f"{name} has the wrong length")
            return digest
    raise JwsError("the header names no certificate")


def _audiences(request: Request, tenant: Tenant) -> set[str]:
    """Return what the ``aud`` claim may be: this tenant's token endpoints and issuer, under each of its names."""
    base = f"https://{request.host}"
    names = {tenant.id, *tenant.domains, request.path.split("/")[1]}
    return {f"{base}/{name}{tail}" for name in names for tail in ("/oauth2/v2.0/token", "/oauth2/token", "/v2.0")}


def _check_times(now: datetime, start: float | None, end: float) -> None:
    moment = now.timestamp()
    if (start is None or start - TOLERANCE <= moment) and moment < end + TOLERANCE:
        return
    shown = {"start": "" if start is None else _moment(start), "end": _moment(end)}
    raise RefusedError(700024, now=now.strftime("%Y-%m-%dT%H:%M:%S.0000000Z"), **shown)


def _registered(thumbprint: bytes, principal: ServicePrincipal, app: Application | None) -> tuple[KeyCredential, str]:
    places = (("application", app.key_credentials if app else ()), ("servicePrincipal", principal.key_credentials))
    for origin, keys in places:
        for key in keys:
            if key.usage == "Verify" and thumbprint in (key.sha1, key.sha256):
                return key, origin
    words = f"The key was not found., Thumbprint of key used by client: '{thumbprint.hex().upper()}'"
    raise RefusedError(700027, client=principal.app_id, reason=words)


def _signed_by(jws: Jws, key: KeyCredential) -> bool:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    public = x509.load_der_x509_certificate(key.key).public_key()
    return isinstance(public, RSAPublicKey) and verified(jws, public)


def _check_key(key: KeyCredential, accepted: Accepted, now: datetime, client: str, behaviour: Behaviour) -> None:
    """Refuse a key whose time has not come or is over, and one that was revoked."""
    from cryptography import x509

    if key.revoked:
        _refuse(accepted, behaviour.revoked)
    if now >= key.end:
        _refuse(accepted, behaviour.expired, client=client, reason=_expired_words(behaviour.expired, key))
    certificate = x509.load_der_x509_certificate(key.key)
    if now < key.start or not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
        _refuse(accepted, 1000502, reason="Make sure that the certificate is still valid and that it has not expired.")


def _expired_words(code: int, key: KeyCredential) -> str:
    words = f"The key used is expired., {_found(key)}"
    return words if code == 700027 else f"[Reason - {words}]"


def _found(key: KeyCredential) -> str:
    start, end = (moment.strftime("%m/%d/%Y %H:%M:%S") for moment in (key.start, key.end))
    return f"Thumbprint of key used by client: '{key.sha1.hex().upper()}', Found key 'Start={start}, End={end}'"


def _refuse(accepted: Accepted, code: int, **words: str) -> NoReturn:
    """Refuse, and tell the sign-in log which key it was."""
    refused = RefusedError(code, **words)
    refused.found = accepted
    raise refused


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.0000000Z")
