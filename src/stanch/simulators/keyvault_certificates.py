"""Certificates of the simulated vault.

Source: https://learn.microsoft.com/rest/api/keyvault/certificates/operation-groups

Issuers are ``Self`` and ``Unknown`` (somebody else signs the request, and the result is merged), no partner authorities.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from stanch.simulators.keyvault_issuing import Issued, imported, merged, new_key, request_for, self_signed
from stanch.simulators.keyvault_policy import bad, read_policy
from stanch.simulators.keyvault_shapes import body_of, certificate_bundle, changed, pending_json, policy_json
from stanch.simulators.keyvault_store import Entry, Pending, RefusedError, Store, Version, new_id, not_found
from stanch.simulators.wire import Request, Response, json_response

if TYPE_CHECKING:
    from stanch.simulators.keyvault_issuing import PrivateKey


class Certificates:
    """What can be done with a certificate, besides deleting it.

    Args:
        store: holds them.

    Attributes:
        issuing: seconds that making a self-signed certificate takes.
    """

    def __init__(self, store: Store) -> None:
        self.issuing = 0.0
        self._store = store

    # --- making -------------------------------------------------------------------------------------------------------

    def create(self, request: Request, name: str) -> Response:
        """Begin to make a certificate, by the policy sent or the one it has."""
        body, now = body_of(request), self._store.clock()
        known = self._store.latest().find("certificates", name)
        before = known[1] if known is not None and known[1].deleted is None else Entry()
        if body.get("policy") is None and not before.policy:
            raise bad("Property policy has invalid value")
        policy = read_policy(body.get("policy") or {}, before.policy if body.get("policy") is None else None)
        issuer = policy["issuer"]["name"]
        if issuer not in ("Self", "Unknown"):
            raise bad(f"Issuer {issuer[:100]} is not known to this key vault.")
        key = _key(policy, before)
        pending = Pending(
            id=new_id(),
            issuer=issuer,
            csr=request_for(policy, key),
            key=key,
            ready=now + timedelta(seconds=self.issuing) if issuer == "Self" else None,
            version=_version(self_signed(policy, key, now) if issuer == "Self" else None, policy, body, now),
        )

        def begin(entry: Entry) -> Entry:
            if entry.pending is not None and entry.pending.status == "inProgress":
                message = f"A new certificate can not be created while the one before is in progress: {name}"
                raise RefusedError(409, "Conflict", message)
            return replace(entry, policy=policy, policy_updated=now, pending=pending)

        shown, entry = self._store.change("certificates", name, begin)
        location = f"https://{request.host}/certificates/{shown}/pending?api-version={request.query['api-version']}"
        headers = {"Location": f"{location}&request_id={pending.id}", "Retry-After": "0" if not self.issuing else "10"}
        return json_response(202, pending_json(request, shown, entry, fresh=True), headers)

    def load(self, request: Request, name: str) -> Response:
        """Import a certificate with its key."""
        body, now = body_of(request), self._store.clock()
        if not isinstance(body.get("value"), str) or not isinstance(body.get("pwd") or "", str):
            raise bad("Property value has invalid value")
        issued, form = imported(body["value"], body.get("pwd") or "")
        wanted = body.get("policy") or {}
        policy = read_policy(wanted, {"secret_props": {"contentType": form}, **_facts(issued)})
        if policy["secret_props"]["contentType"] != form:
            raise bad(f"The content type of the policy is not that of the certificate: {form}")
        version = _version(issued, policy, body, now)

        def add(entry: Entry) -> Entry:
            return replace(entry, policy=policy, policy_updated=now, versions=(*entry.versions, version))

        shown, entry = self._store.change("certificates", name, add)
        return json_response(200, certificate_bundle(request, shown, entry, version, days=self._store.retention.days))

    # --- the operation ------------------------------------------------------------------------------------------------

    def pending(self, request: Request, name: str) -> Response:
        """Say how far the latest request is."""
        shown, entry = self._store.living("certificates", name)
        if entry.pending is None:
            raise _no_pending(name)
        return json_response(200, pending_json(request, shown, entry))

    def cancel(self, request: Request, name: str) -> Response:
        """Ask to stop; a request that nobody works on stops at once."""
        wanted = body_of(request).get("cancellation_requested")
        if not isinstance(wanted, bool):
            raise bad("Property cancellation_requested has invalid value")

        def stop(entry: Entry) -> Entry:
            if entry.pending is None:
                raise _no_pending(name)
            if entry.pending.status != "inProgress":
                raise RefusedError(403, "Forbidden", "The certificate operation is not in progress.", "OperationNotInProgress")
            status = "cancelled" if wanted and entry.pending.ready is None else "inProgress"
            return replace(entry, pending=replace(entry.pending, cancelled=wanted, status=status))

        shown, entry = self._store.change("certificates", name, stop)
        return json_response(200, pending_json(request, shown, entry))

    def forget(self, request: Request, name: str) -> Response:
        """Forget the latest request; what it made stays."""
        shown, before = self._store.living("certificates", name, self._store.latest())

        def drop(entry: Entry) -> Entry:
            if entry.pending is None:
                raise _no_pending(name)
            return replace(entry, pending=None)

        if before.pending is None:
            raise _no_pending(name)
        self._store.change("certificates", name, drop)
        return json_response(200, pending_json(request, shown, before))

    def merge(self, request: Request, name: str) -> Response:
        """Take the certificate that somebody made for the latest request."""
        body, now = body_of(request), self._store.clock()
        chain = body.get("x5c")
        if not isinstance(chain, list) or not 1 <= len(chain) <= 20:
            raise bad("Property x5c has invalid value")

        def add(entry: Entry) -> Entry:
            pending = entry.pending
            if pending is None or pending.status != "inProgress" or pending.ready is not None:
                raise _no_pending(name)
            made = _version(merged(chain, pending.key), entry.policy, body, now)
            return replace(entry, versions=(*entry.versions, made), pending=replace(pending, status="completed"))

        shown, entry = self._store.change("certificates", name, add)
        days = self._store.retention.days
        return json_response(201, certificate_bundle(request, shown, entry, entry.versions[-1], days=days))

    # --- what is there ------------------------------------------------------------------------------------------------

    def get(self, request: Request, name: str, id: str) -> Response:
        """Show a certificate, a disabled one too: what is disabled is its secret and its key."""
        shown, entry = self._store.living("certificates", name)
        version = entry.version(id)
        if version is None:
            raise not_found("certificates", f"{name}/{id}" if id else name)
        return json_response(200, certificate_bundle(request, shown, entry, version, days=self._store.retention.days))

    def update(self, request: Request, name: str, id: str) -> Response:
        """Enable or disable a version with its secret and key, or change its tags."""
        body, now = body_of(request), self._store.clock()
        shown, version = self._store.update("certificates", name, id, lambda held: changed(held, body, now, times=False))
        _, entry = self._store.living("certificates", name, self._store.latest())
        return json_response(200, certificate_bundle(request, shown, entry, version, days=self._store.retention.days))

    def policy(self, request: Request, name: str) -> Response:
        """Show the policy by which the next version is made."""
        shown, entry = self._store.living("certificates", name)
        return json_response(200, policy_json(request, shown, entry))

    def update_policy(self, request: Request, name: str) -> Response:
        """Change parts of the policy; versions that are there stay as they are."""
        body, now = body_of(request), self._store.clock()

        def apply(entry: Entry) -> Entry:
            if entry == Entry():
                raise not_found("certificates", name)
            return replace(entry, policy=read_policy(body, entry.policy), policy_updated=now)

        shown, entry = self._store.change("certificates", name, apply)
        return json_response(200, policy_json(request, shown, entry))


def _key(policy: Mapping[str, Any], before: Entry) -> PrivateKey:
    """Return a new key, or the one of the version before when the policy wants it reused."""
    last = before.versions[-1] if before.versions else None
    if policy["key_props"]["reuse_key"] and last is not None and last.certificate is not None:
        return last.certificate.key
    return new_key(policy)


def _version(issued: Issued | None, policy: Mapping[str, Any], body: Mapping[str, Any], now: datetime) -> Version:
    version = Version(id=new_id(), created=now, updated=now, certificate=issued, policy=policy)
    if issued is not None:
        read = issued.certificate
        start, end = int(read.not_valid_before_utc.timestamp()), int(read.not_valid_after_utc.timestamp())
        version = replace(version, not_before=start, expires=end)
    return changed(version, {name: body.get(name) for name in ("attributes", "tags")}, now, times=False)


def _facts(issued: Issued) -> dict[str, Any]:
    """Return the parts of a policy that an imported certificate answers itself."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    key: dict[str, Any] = {"kty": "RSA", "key_size": issued.key.key_size}
    if not isinstance(issued.key, RSAPrivateKey):
        curves = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521", "secp256k1": "P-256K"}
        key = {"kty": "EC", "crv": curves.get(issued.key.curve.name)}
    read = issued.certificate
    months = round((read.not_valid_after_utc - read.not_valid_before_utc).days / 30.44)
    return {"key_props": key, "x509_props": {"subject": issued.subject, "validity_months": min(max(months, 1), 1_200)}}


def _no_pending(name: str) -> RefusedError:
    return RefusedError(404, "PendingCertificateNotFound", f"Pending certificate not found: {name}")
