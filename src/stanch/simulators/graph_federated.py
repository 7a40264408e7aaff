"""Federated credentials of applications in simulated Graph: trust in another issuer's tokens, without a key to leak.

https://learn.microsoft.com/graph/api/resources/federatedidentitycredential.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from stanch.simulators.directory import new_id
from stanch.simulators.directory_model import Application
from stanch.simulators.graph_audit import record
from stanch.simulators.graph_call import READERS, Call, GraphError, bad, no_method, not_found, required
from stanch.simulators.graph_query import Listing, page_of
from stanch.simulators.graph_shown import FEDERATED, invalid, read_text
from stanch.simulators.wire import Response

MOST_FEDERATED: Final = 20  # of one application: the real limit
_LISTING: Final = Listing(resource="FederatedIdentityCredential", filterable=frozenset({"name", "subject", "issuer"}))
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,119}")


def answer_federated(call: Call, app: Application, key: str) -> Response:
    """Answer what is asked of all credentials, or of the one with this id or name.

    Raises:
        GraphError: it is refused.
    """
    method = call.request.method
    if method == "GET":
        call.need(*READERS)
        held = _credentials(app)
        if not key:
            return page_of(call, f"applications('{app.object_id}')/{FEDERATED}", _LISTING, held)
        context = call.context(f"applications('{app.object_id}')/{FEDERATED}/$entity")
        return call.answer(200, {"@odata.context": context, **_credential(app, key)})
    call.need_write(app)
    if method == "POST" and not key:
        made = _read_credential(call.body())
        _change(call, app, lambda held: _added(held, made))
        return call.answer(201, made)
    if method == "DELETE" and key:
        _change(call, app, lambda held: _removed(held, key))
        return call.done()
    raise no_method()


def _change(call: Call, app: Application, function: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    def change(current: Application) -> Application:
        return replace(current, more={**current.more, FEDERATED: function(_credentials(current))})

    before, after = call.change(app, change)
    old, new = ([credential["name"] for credential in _credentials(which)] for which in (before, after))
    record(call, "Update application", after, {"FederatedIdentityCredentials": (json.dumps(old), json.dumps(new))})


def _credentials(app: Application) -> list[dict[str, Any]]:
    return list(app.more.get(FEDERATED, ()))


def _credential(app: Application, key: str) -> dict[str, Any]:
    """Return a federated credential by its id or its name."""
    for credential in _credentials(app):
        if key in (credential["id"], credential["name"]):
            return credential
    raise not_found(key)


def _added(held: list[dict[str, Any]], made: dict[str, Any]) -> list[dict[str, Any]]:
    for credential in held:
        if credential["name"] == made["name"]:
            message = f"FederatedIdentityCredential with name {made['name']} already exists."
            raise GraphError(409, "Request_MultipleObjectsWithSameKeyValue", message)
        if (credential["issuer"], credential["subject"]) == (made["issuer"], made["subject"]):
            raise bad("The combination of issuer and subject must be unique on the object.")
    if len(held) >= MOST_FEDERATED:
        raise bad(f"A maximum of {MOST_FEDERATED} federated identity credentials can be added to an object.")
    return [*held, made]


def _removed(held: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    left = [credential for credential in held if key not in (credential["id"], credential["name"])]
    if len(left) == len(held):
        raise not_found(key)
    return left


def _read_credential(body: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"id": new_id()}
    for name in ("name", "issuer", "subject"):
        made[name] = read_text(body, name, "FederatedIdentityCredential", longest=600)
        if not made[name]:
            raise required(name, "FederatedIdentityCredential")
    if not _NAME.fullmatch(made["name"]):
        raise invalid("name", "FederatedIdentityCredential")
    audiences = body.get("audiences")
    if not isinstance(audiences, list) or len(audiences) != 1 or not isinstance(audiences[0], str):
        raise invalid("audiences", "FederatedIdentityCredential")
    description = read_text(body, "description", "FederatedIdentityCredential", longest=600)
    return {**made, "audiences": audiences, "description": description or None}
