"""Keys and secrets of applications and service principals: replaced as a whole, or added and removed one by one with a proof.

A caller who has a valid key of an object may add and remove its keys without any permission: so may a thief.
https://learn.microsoft.com/graph/api/application-addkey, …/application-removekey, …/application-rollkey-prooftoken.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from stanch.simulators.directory_model import KeyCredential, PasswordCredential
from stanch.simulators.graph_audit import record_credentials
from stanch.simulators.graph_call import Call, GraphError, Holder, Kind, bad, is_guid
from stanch.simulators.graph_policy import check_keys, check_password, policy_of
from stanch.simulators.graph_shown import (
    TYPES,
    invalid,
    key_fields,
    password_fields,
    read_binary,
    read_identifier,
    read_key,
    read_moment,
    read_text,
)
from stanch.simulators.jws import Jws, JwsError, parse, verified
from stanch.simulators.wire import Response

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

PROOF_AUDIENCE: Final = "00000002-0000-0000-c000-000000000000"
LONGEST_PROOF: Final = 600.0  # seconds from nbf to exp
TOLERANCE: Final = 300.0  # seconds that a client's clock may be ahead
MOST_KEYS: Final = 100  # of one object; the real limit is by the object's size
PASSWORD_LIFETIME: Final = timedelta(days=730)  # when no end is given
_WHERE: Final = "KeyCredential"


def replaced_keys(current: Sequence[KeyCredential], given: object) -> tuple[KeyCredential, ...]:
    """Return the collection that a PATCH asks for: what it does not name is gone, what it names stays as it was, the rest is new.

    Raises:
        GraphError: 400: an existing credential would be altered, or an entry is none.
    """
    if not isinstance(given, list) or not all(isinstance(entry, dict) for entry in given):
        raise invalid("keyCredentials", "Application")
    if len(given) > MOST_KEYS:
        raise bad(f"The number of key credentials exceeds the limit of {MOST_KEYS}.")
    known = {key.key_id: key for key in current}
    found: list[KeyCredential] = []
    for entry in given:
        kept = known.get(str(entry.get("keyId")).lower())
        if kept is not None and not _unchanged(entry, kept):
            raise bad(f"Update to existing credential with KeyId '{kept.key_id}' is not allowed.")
        found.append(kept or read_key(entry))
    if len({key.key_id for key in found}) < len(found):
        raise bad("Multiple key credentials have the same KeyId.")
    return tuple(found)


def kept_passwords(current: Sequence[PasswordCredential], given: object) -> tuple[PasswordCredential, ...]:
    """Return the client secrets that a PATCH keeps: it can leave some out, but new ones are made by ``addPassword`` only.

    Raises:
        GraphError: 400: an entry is none of the existing ones.
    """
    if not isinstance(given, list) or not all(isinstance(entry, dict) for entry in given):
        raise invalid("passwordCredentials", "Application")
    known = {password.key_id: password for password in current}
    wanted = [str(entry.get("keyId")).lower() for entry in given]
    if len(set(wanted)) < len(wanted) or not known.keys() >= set(wanted):
        raise bad("New password credentials must be generated with service actions.")
    return tuple(known[key_id] for key_id in wanted)


def new_keys(before: Sequence[KeyCredential], after: Sequence[KeyCredential]) -> list[KeyCredential]:
    """Return what came in."""
    known = {key.key_id for key in before}
    return [key for key in after if key.key_id not in known]


def add_key(call: Call, holder: Kind) -> Response:
    """Answer ``addKey``: the new entry, with its id.

    Raises:
        GraphError: the proof or the certificate is not taken.
    """
    _may_roll(call, holder)
    body = call.body()
    proven = _prove(body.get("proof"), _newest(call, holder), call.request.now)
    given = body.get("keyCredential")
    if not isinstance(given, dict):
        raise bad("A value is required for property 'keyCredential'.")
    if given.get("type") == "X509CertAndPassword" and not isinstance(body.get("passwordCredential"), dict):
        raise bad("A value is required for property 'passwordCredential': it holds the password of the key.")
    added = read_key({**given, "keyId": None})
    check_keys(policy_of(call), holder, [added])

    def change(current: Kind) -> Kind:
        _still_has(current, proven)
        if len(current.key_credentials) >= MOST_KEYS:
            raise bad(f"The number of key credentials exceeds the limit of {MOST_KEYS}.")
        return replace(current, key_credentials=(*current.key_credentials, added))

    record_credentials(call, *call.change(holder, change))
    context = call.context("microsoft.graph.keyCredential")
    return call.answer(200, {"@odata.context": context, **key_fields(added)})


def remove_key(call: Call, holder: Kind) -> Response:
    """Answer ``removeKey``.

    Raises:
        GraphError: the proof is not taken (401), or there is no such key (404).
    """
    _may_roll(call, holder)
    body = call.body()
    proven = _prove(body.get("proof"), _newest(call, holder), call.request.now)
    key_id = _key_id(body.get("keyId"))

    def change(current: Kind) -> Kind:
        _still_has(current, proven)
        kept = tuple(key for key in current.key_credentials if key.key_id != key_id)
        if len(kept) == len(current.key_credentials):
            raise _none_found(key_id)
        return replace(current, key_credentials=kept)

    record_credentials(call, *call.change(holder, change))
    return call.done()


def add_password(call: Call, holder: Kind) -> Response:
    """Answer ``addPassword``: the only answer that ever holds the secret.

    Raises:
        GraphError: the caller may not, or the policy forbids it.
    """
    call.need_write(holder)
    given = call.body().get("passwordCredential") or {}
    if not isinstance(given, dict):
        raise invalid("passwordCredential", "Application")
    start = read_moment(given, "startDateTime", "PasswordCredential", call.request.now)
    end = read_moment(given, "endDateTime", "PasswordCredential", start + PASSWORD_LIFETIME)
    if end <= start:
        raise bad("Password credential end date is invalid.")
    name = read_text(given, "displayName", "PasswordCredential")
    text = _new_secret()
    made = call.directory.password(text, start=start, end=end, name=name)
    check_password(policy_of(call), holder, made)

    def change(current: Kind) -> Kind:
        if len(current.password_credentials) >= MOST_KEYS:
            raise bad(f"The number of password credentials exceeds the limit of {MOST_KEYS}.")
        return replace(current, password_credentials=(*current.password_credentials, made))

    record_credentials(call, *call.change(holder, change))
    context = call.context("microsoft.graph.passwordCredential")
    return call.answer(200, {"@odata.context": context, **password_fields(made), "secretText": text})


def remove_password(call: Call, holder: Kind) -> Response:
    """Answer ``removePassword``.

    Raises:
        GraphError: the caller may not (403), or there is no such secret (404).
    """
    call.need_write(holder)
    key_id = _key_id(call.body().get("keyId"))

    def change(current: Kind) -> Kind:
        kept = tuple(password for password in current.password_credentials if password.key_id != key_id)
        if len(kept) == len(current.password_credentials):
            raise _none_found(key_id)
        return replace(current, password_credentials=kept)

    record_credentials(call, *call.change(holder, change))
    return call.done()


def _unchanged(entry: dict[str, Any], kept: KeyCredential) -> bool:
    """Whether an entry says of an existing credential only what is so; what it leaves out or has as null is not meant."""

    def said(name: str) -> bool:
        return entry.get(name) is not None

    return (
        (not said("key") or read_binary(entry["key"], "key") == kept.key)
        and (not said("type") or entry["type"] == kept.type)
        and (not said("usage") or entry["usage"] == kept.usage)
        and (not said("displayName") or entry["displayName"] == kept.display_name)
        and (
            not said("customKeyIdentifier")
            or read_identifier(entry["customKeyIdentifier"]) == (kept.custom_key_identifier or kept.sha1)
        )
        and _second(read_moment(entry, "startDateTime", _WHERE, kept.start)) == _second(kept.start)
        and _second(read_moment(entry, "endDateTime", _WHERE, kept.end)) == _second(kept.end)
    )


def _second(value: datetime) -> datetime:
    return value.replace(microsecond=0)  # what Graph shows, and so what a client can send back


def _may_roll(call: Call, holder: Holder) -> None:
    if not call.is_own(holder):
        call.need_write(holder)


def _newest(call: Call, holder: Kind) -> Holder:
    state = call.directory.latest()
    return state.application(holder.object_id) or state.service_principal(holder.object_id) or holder


def _prove(proof: object, holder: Holder, now: datetime) -> str:
    """Verify that the caller has a key of this object, and return that key's id.

    Raises:
        GraphError: 401. What cannot be read at all is ``Authentication_MissingOrMalformed``: so is padding in the token.
    """
    try:
        jws = parse(proof if isinstance(proof, str) else "")
        start, end = jws.seconds("nbf"), jws.seconds("exp")
    except JwsError as exc:
        raise GraphError(401, "Authentication_MissingOrMalformed", "Access Token missing or malformed.") from exc
    if jws.text("aud") != PROOF_AUDIENCE:
        raise _unproven("its audience is not the one of the directory")
    if jws.text("iss").lower() != holder.object_id:
        raise _unproven("its issuer is not the object id of this object")
    if start is None or end is None or not 0 < end - start <= LONGEST_PROOF:
        raise _unproven("its lifetime is more than 10 minutes, or not given")
    if not start - TOLERANCE <= now.timestamp() < end:
        raise _unproven("it is not within its lifetime")
    key_id = next(_signers(jws, holder, now), None)
    if key_id is None:
        raise _unproven("no certificate of this object that is valid now has signed it")
    return key_id


def _signers(jws: Jws, holder: Holder, now: datetime) -> Iterator[str]:
    for key in holder.key_credentials:
        if key.start <= now < key.end and not key.revoked and key.type in TYPES:
            public = _public(key)
            if public is not None and verified(jws, public):
                yield key.key_id


def _public(key: KeyCredential) -> RSAPublicKey | None:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    public = x509.load_der_x509_certificate(key.key).public_key()
    return public if isinstance(public, RSAPublicKey) else None


def _still_has(holder: Holder, key_id: str) -> None:
    """Refuse a proof whose key was removed while it was verified: that is done outside of the directory's lock."""
    if not any(key.key_id == key_id for key in holder.key_credentials):
        raise _unproven("no certificate of this object that is valid now has signed it")


def _unproven(reason: str) -> GraphError:
    return GraphError(401, "Authentication_Unauthorized", f"The proof of possession token is not valid: {reason}.")


def _key_id(given: object) -> str:
    if not is_guid(given):
        raise bad("Invalid value specified for parameter 'keyId'.")
    return str(given).lower()


def _none_found(key_id: str) -> GraphError:
    return GraphError(404, "Request_ResourceNotFound", f"No credentials found to be removed with keyId '{key_id}'.")


def _new_secret() -> str:
    """Return a new client secret in the form that Entra's have: three characters, a digit, ``Q~``, 34 more."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    text = "".join(secrets.choice(letters) for _ in range(37))
    return f"{text[:3]}8Q~{text[3:]}"
