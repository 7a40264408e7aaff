"""What Conjur's answers look like. Bodies of refusals as in https://github.com/cyberark/conjur-openapi-spec, spec/openapi.yml."""

from __future__ import annotations

from typing import Any, Final

from stanch.simulators.conjur_state import State, kind_of
from stanch.simulators.conjur_yaml import PolicyError
from stanch.simulators.wire import Response, json_response

VERSION: Final = "1.21.1"  # whose behaviour this follows


def shown(state: State, id: str) -> dict[str, Any]:
    """Return a resource as a list of resources shows it."""
    known = state.resources[id]
    permissions = [{"privilege": p.privilege, "role": p.role, "policy": p.policy} for p in state.permissions_on(id)]
    shown: dict[str, Any] = {"id": id, "owner": known.owner, "permissions": permissions}
    shown |= {"policy": known.policy} if known.policy else {}
    shown["annotations"] = [{"name": n, "value": v, "policy": known.policy} for n, v in sorted(known.annotations.items())]
    if kind_of(id) == "variable":
        shown["secrets"] = [{"version": one.number} for one in state.values.get(id, ())]
    return shown


def info(account: str) -> dict[str, Any]:
    """Return what a server says about itself."""
    service = {"desired": "i", "status": "i", "description": "Conjur", "name": "conjur-possum", "version": VERSION}
    return {
        "release": VERSION,
        "version": VERSION,
        "services": {"possum": service},
        "configuration": {"conjur": {"account": account}},
    }


def not_found(id: str, message: str = "") -> Response:
    """Return the refusal of something that is not there, or not for whoever asks."""
    account, kind, name = (*id.split(":", 2), "", "")[:3]
    detail = {"code": "not_found", "target": "id", "message": id}
    message = message or f"{kind.capitalize()} '{name}' not found in account '{account}'"
    return json_response(404, {"error": {"code": "not_found", "message": message, "target": kind, "details": detail}})


def policy_invalid(exc: PolicyError) -> Response:
    """Return the refusal of a policy, with the place of the mistake."""
    inner = {"code": "policy_invalid", "filename": "policy", "line": exc.line, "column": 0}
    message = f"Error at line {exc.line}, column 0 in policy : {exc.message}"
    return json_response(422, {"error": {"code": "policy_invalid", "message": message, "innererror": inner}})


def error(status: int, code: str, message: str) -> Response:
    """Return a refusal that has words."""
    return json_response(status, {"error": {"code": code, "message": message}})


def plain(status: int, text: str) -> Response:
    """Return text."""
    return Response(status=status, headers={"Content-Type": "text/plain; charset=utf-8"}, body=text.encode())
