"""The API's own description: what every operation has in common is said here, once.

Errors and their form, who may ask, idempotency keys and limits are added to what FastAPI knows from the routes.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts

from stanch.server.auth import COOKIE
from stanch.server.models.base import ProblemShown
from stanch.server.problems import MEDIA_TYPE, TITLES

_ALWAYS: Final = (400, 401, 403, 404, 413, 421, 422, 429, 500)
_WRITING: Final = frozenset({"post", "put", "patch", "delete"})
_SCHEMA: Final = "#/components/schemas/Problem"
_KEY_HEADER: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same request twice with the same key does its work once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 120, "pattern": "^[\\x21-\\x7e]{1,120}$"},
}
_WORKSPACE_HEADER: Final = {
    "name": "X-Stanch-Workspace",
    "in": "header",
    "required": False,
    "description": "Id or short name of the workspace, for people who are in several. A token has one of its own.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 80, "pattern": "^[A-Za-z0-9_-]{1,80}$"},
}
_LIMITS: Final = {
    "RateLimit-Limit": {"description": "Requests in a minute.", "schema": {"type": "integer"}},
    "RateLimit-Remaining": {"description": "How many are left.", "schema": {"type": "integer"}},
    "RateLimit-Reset": {"description": "Seconds until all are there again.", "schema": {"type": "integer"}},
}


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the description of the API as OpenAPI has it; made once."""
    if app.openapi_schema is None:
        app.openapi_schema = _described(app)
    return app.openapi_schema


def _described(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        separate_input_output_schemas=app.separate_input_output_schemas,
    )
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = ProblemShown.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs", {})
    schemas["Problem"] = problem
    components["headers"] = _LIMITS
    components["parameters"] = {"Workspace": _WORKSPACE_HEADER, "IdempotencyKey": _KEY_HEADER}
    components["responses"] = {f"Error{status}": _error(status) for status in sorted({*_ALWAYS, 409, 503})}
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "An API token: `stn_…`."},
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": COOKIE,
            "description": "Of a person; writes send X-CSRF-Token.",
        },
    }
    permissions = _permissions(app)
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            if path.startswith("/api/"):
                operation["x-permission"] = permissions.get(operation["operationId"], "")
                _complete(method, operation)
            else:
                _complete_root(operation)
    return found


def _permissions(app: FastAPI) -> dict[str, str]:
    """Return what each operation needs: a permission, or ``operator``; those that are not here need a sign-in only."""
    found: dict[str, str] = {}
    for route in iter_route_contexts(app.routes):
        dependant = getattr(route, "dependant", None)
        for dependency in dependant.dependencies if dependant is not None else ():
            permission = getattr(dependency.call, "permission", "")
            if permission:
                found[str(route.name)] = getattr(permission, "value", permission)
    return found


def _complete(method: str, operation: dict[str, Any]) -> None:
    operation["security"] = [{"token": []}, {"session": []}]
    parameters = operation.setdefault("parameters", [])
    parameters.append({"$ref": "#/components/parameters/Workspace"})
    if method == "post":
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    responses = operation["responses"]
    for response in responses.values():
        response.setdefault("headers", {}).update({name: {"$ref": f"#/components/headers/{name}"} for name in _LIMITS})
    for status in (*_ALWAYS, *((409, 503) if method in _WRITING else ())):
        responses[str(status)] = _error_of(status)
    operation["responses"] = dict(sorted(responses.items()))


def _complete_root(operation: dict[str, Any]) -> None:
    operation["responses"] |= {"421": _error_of(421), "500": _error_of(500)}
    if operation["operationId"] == "get_metrics":
        operation["responses"]["401"] = _error_of(401)
        operation["security"] = [{}, {"token": []}]


def _error_of(status: int) -> dict[str, str]:
    return {"$ref": f"#/components/responses/Error{status}"}


def _error(status: int) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": f"{TITLES[status][1]}.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": _SCHEMA}}},
    }
    if status == 429:
        response["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}, **_LIMITS}
    if status == 401:
        response["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return response
