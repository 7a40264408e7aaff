"""Applications and service principals in simulated Graph: listed, found, made, changed and deleted.

https://learn.microsoft.com/graph/api/resources/application, …/serviceprincipal, …/federatedidentitycredential.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from stanch.simulators.directory import new_id
from stanch.simulators.directory_model import Application, ServicePrincipal
from stanch.simulators.graph_audit import record, record_credentials
from stanch.simulators.graph_call import (
    READERS,
    WRITE_ALL,
    WRITE_OWNED,
    Call,
    GraphError,
    Holder,
    Kind,
    bad,
    is_guid,
    no_method,
    no_segment,
    not_found,
    required,
)
from stanch.simulators.graph_federated import answer_federated
from stanch.simulators.graph_keys import (
    add_key,
    add_password,
    kept_passwords,
    new_keys,
    remove_key,
    remove_password,
    replaced_keys,
)
from stanch.simulators.graph_policy import check_keys, policy_of
from stanch.simulators.graph_query import Listing, page_of, selected
from stanch.simulators.graph_shown import holder_fields, invalid, read_text, segment_of
from stanch.simulators.wire import Response

KINDS: Final = ("applications", "servicePrincipals")
LONGEST_DISPLAY_NAME: Final = 256
_PLAIN: Final[Mapping[str, type]] = {"description": str, "notes": str, "tags": list, "identifierUris": list}
_LISTING: Final = Listing(
    resource="Application",
    filterable=frozenset(
        {"id", "appId", "displayName", "createdDateTime", "accountEnabled", "servicePrincipalType", "tags", "keyCredentials"}
    ),
    sortable=frozenset({"displayName"}),
)
_ACTIONS: Final[Mapping[str, Callable[[Call, Any], Response]]] = {
    "addKey": add_key,
    "removeKey": remove_key,
    "addPassword": add_password,
    "removePassword": remove_password,
}


def answer_holders(call: Call, kind: str, rest: Sequence[str]) -> Response:
    """Answer what is asked of a collection or of what is in it.

    Args:
        call: it.
        kind: one of `KINDS`.
        rest: the path's segments below; an object is named by its id, or as ``(appId='…')``.

    Raises:
        GraphError: it is refused.
    """
    method = call.request.method
    if not rest:
        if method == "GET":
            return _list(call, kind)
        if method == "POST":
            return _create_application(call) if kind == "applications" else _create_principal(call)
        raise no_method()
    holder = _found(call, kind, rest[0])
    match (method, *rest[1:]):
        case ("GET",):
            return _show(call, holder)
        case ("PATCH",):
            return _update(call, holder)
        case ("DELETE",):
            return _delete(call, holder)
        case ("POST", action) if action in _ACTIONS:
            return _ACTIONS[action](call, holder)
        case (_, "federatedIdentityCredentials", *more) if isinstance(holder, Application) and len(more) <= 1:
            return answer_federated(call, holder, more[0] if more else "")
        case (_,):
            raise no_method()
    raise no_segment(rest[1] if len(rest) > 1 else rest[0])


def _found(call: Call, kind: str, key: str) -> Holder:
    """Return an object as this replica has it; of another tenant's there is no trace."""
    state = call.directory.state()
    named = re.fullmatch(r"\(appId='([^']{1,100})'\)", key, re.IGNORECASE)
    found: Holder | None
    if kind == "applications":
        found = state.application_of(named[1]) if named else state.application(key)
    else:
        found = state.service_principal_of(named[1], call.tenant) if named else state.service_principal(key)
    if found is None or found.tenant_id != call.tenant:
        raise not_found(named[1] if named else key)
    return found


def _list(call: Call, kind: str) -> Response:
    call.need(*READERS)
    state = call.directory.state()
    held: Sequence[Holder] = list((state.applications if kind == "applications" else state.service_principals).values())
    listing = _LISTING if kind == "applications" else replace(_LISTING, resource="ServicePrincipal")
    return page_of(call, kind, listing, [holder_fields(holder) for holder in held if holder.tenant_id == call.tenant])


def _show(call: Call, holder: Holder) -> Response:
    call.need(*READERS)
    names = selected(call.request.query)
    fields = holder_fields(holder, whole="keyCredentials" in names)
    if names:
        fields = {name: fields[name] for name in ("id", *names) if name in fields}
    return call.answer(200, {"@odata.context": call.context(f"{segment_of(holder)}/$entity"), **fields})


def _create_application(call: Call) -> Response:
    call.need(WRITE_ALL, WRITE_OWNED)
    body = call.body()
    if not body.get("displayName"):
        raise required("displayName", "Application")
    blank = Application(
        object_id=new_id(),
        app_id=new_id(),
        tenant_id=call.tenant,
        display_name="",
        created=call.request.now,
        owners=(call.object_id,) if call.object_id else (),  # who makes it owns it
    )
    made = _changed(call, body)(blank)
    call.directory.put(made)
    return _created(call, made)


def _create_principal(call: Call) -> Response:
    call.need(WRITE_ALL, WRITE_OWNED)
    body, state = call.body(), call.directory.latest()
    app_id = body.pop("appId", None)
    if not is_guid(app_id):
        raise required("appId", "ServicePrincipal")
    app = state.application_of(app_id)
    if app is None:
        raise GraphError(
            400,
            "NoBackingApplicationObject",
            f"The appId '{app_id}' of the service principal does not reference a valid application object.",
        )
    if WRITE_ALL not in call.roles:
        call.need_write(app)
    if state.service_principal_of(app_id, call.tenant) is not None:
        message = f"The service principal cannot be created: the service principal name {app_id} is already in use."
        raise GraphError(409, "Request_MultipleObjectsWithSameKeyValue", message)
    blank = ServicePrincipal(object_id=new_id(), app_id=app.app_id, tenant_id=call.tenant, display_name=app.display_name)
    made = _changed(call, body)(blank)
    call.directory.put(made)
    return _created(call, made)


def _created(call: Call, made: Holder) -> Response:
    record(call, f"Add {_word(made)}", made)
    if made.key_credentials:
        record_credentials(call, replace(made, key_credentials=()), made)
    return call.answer(201, {"@odata.context": call.context(f"{segment_of(made)}/$entity"), **holder_fields(made)})


def _update(call: Call, holder: Holder) -> Response:
    call.need_write(holder)
    body = call.body()
    before: Holder
    after: Holder
    if isinstance(holder, Application):  # said twice, because each branch has one type
        before, after = call.change(holder, _changed(call, body))
    else:
        before, after = call.change(holder, _changed(call, body))
    record_credentials(call, before, after)
    modified = _modified(before, after)
    if modified:
        record(call, f"Update {_word(after)}", after, modified)
    return call.done()


def _changed(call: Call, body: Mapping[str, Any]) -> Callable[[Kind], Kind]:
    """Return what makes of an object the one that a body asks for; under the directory's lock, so it reads nothing there."""
    policy = policy_of(call)

    def change(current: Kind) -> Kind:
        changes: dict[str, Any] = {}
        more = dict(current.more)
        for name, value in body.items():
            if name == "keyCredentials":
                changes["key_credentials"] = replaced_keys(current.key_credentials, value)
            elif name == "passwordCredentials":
                changes["password_credentials"] = kept_passwords(current.password_credentials, value)
            elif name == "displayName":
                changes["display_name"] = _display_name(body)
            elif name == "accountEnabled" and isinstance(current, ServicePrincipal):
                changes["account_enabled"] = _flag(value)
            else:
                more[name] = _plain(name, value)
        changed = replace(current, more=more, **changes)
        check_keys(policy, changed, new_keys(current.key_credentials, changed.key_credentials))
        return changed

    return change


def _delete(call: Call, holder: Holder) -> Response:
    call.need_write(holder)
    call.directory.remove(holder.object_id)
    record(call, f"Delete {_word(holder)}", holder)
    return call.done()


# --- values ---------------------------------------------------------------------------------------------------------


def _display_name(body: Mapping[str, Any]) -> str:
    name = read_text(body, "displayName", "Application", longest=LONGEST_DISPLAY_NAME)
    if not name:
        raise invalid("displayName", "Application")
    return name


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise invalid("accountEnabled", "ServicePrincipal")
    return value


def _plain(name: str, value: object) -> Any:
    """Return the value of a property that is kept and shown, and means nothing here."""
    known = _PLAIN.get(name)
    if known is None:
        raise bad(f"Invalid property '{name[:100]}'.")
    texts = isinstance(value, list) and len(value) <= 100 and all(isinstance(item, str) and len(item) <= 256 for item in value)
    if not (isinstance(value, str) and len(value) <= 1_024 if known is str else texts):
        raise invalid(name, "Application")
    return value


def _modified(before: Holder, after: Holder) -> dict[str, tuple[str, str]]:
    """Return what changed besides credentials, as the audit log has it."""
    pairs = {"DisplayName": (before.display_name, after.display_name)}
    if isinstance(before, ServicePrincipal) and isinstance(after, ServicePrincipal):
        pairs["AccountEnabled"] = (str(before.account_enabled).lower(), str(after.account_enabled).lower())
    found = {name: (json.dumps([old]), json.dumps([new])) for name, (old, new) in pairs.items() if old != new}
    for name in _PLAIN:
        old, new = before.more.get(name), after.more.get(name)
        if old != new:
            found[name[0].upper() + name[1:]] = (json.dumps(old), json.dumps(new))
    return found


def _word(holder: Holder) -> str:
    return "application" if isinstance(holder, Application) else "service principal"
