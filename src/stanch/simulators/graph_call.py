"""One call to simulated Microsoft Graph: who asks, what they may do, and how Graph says no.

Errors are OData errors with Graph's own ``innerError``: https://learn.microsoft.com/graph/errors.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from stanch.simulators.directory import Directory, new_id
from stanch.simulators.directory_model import Application, ServicePrincipal, Tenant
from stanch.simulators.tokens import TokenError, Tokens
from stanch.simulators.wire import Request, Response, json_response

AUDIENCES: Final = ("https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000")
# https://learn.microsoft.com/graph/permissions-reference
WRITE_ALL: Final = "Application.ReadWrite.All"
WRITE_OWNED: Final = "Application.ReadWrite.OwnedBy"
READERS: Final = ("Application.Read.All", WRITE_ALL, WRITE_OWNED, "Directory.Read.All", "Directory.ReadWrite.All")
_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

Holder = Application | ServicePrincipal
Kind = TypeVar("Kind", Application, ServicePrincipal)


class GraphError(Exception):
    """A request that Graph refuses.

    Args:
        status: HTTP status.
        code: Graph's: ``Request_BadRequest`` …
        message: Graph's sentence; nothing secret.
        details: more of the same kind, where Graph sends some.
    """

    def __init__(self, status: int, code: str, message: str, details: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.details = status, code, message, details


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request whose token was read.

    Attributes:
        request: it.
        directory: what it is about.
        version: ``v1.0`` or ``beta``.
        id: ``request-id`` of the answer, which the audit log has too.
        tenant: whose directory the caller sees.
        app_id: client id of the caller.
        object_id: the caller's service principal.
        roles: application permissions in the token.
    """

    request: Request
    directory: Directory
    version: str
    id: str
    tenant: str
    app_id: str
    object_id: str
    roles: frozenset[str]

    def need(self, *roles: str) -> None:
        """Refuse a caller who has none of *roles*.

        Raises:
            GraphError: 403.
        """
        if self.roles.isdisjoint(roles):
            raise denied()

    def need_write(self, holder: Holder) -> None:
        """Refuse a caller who may not change this object: ``OwnedBy`` is enough for what the caller owns.

        A service principal of the simulated directory has the owners of its application.

        Raises:
            GraphError: 403.
        """
        if WRITE_ALL in self.roles:
            return
        if WRITE_OWNED in self.roles and self.object_id and self.object_id in self._owners(holder):
            return
        raise denied()

    def is_own(self, holder: Holder) -> bool:
        """Whether this is the caller's own application or service principal: it may roll its own keys without a permission."""
        return bool(self.app_id) and holder.app_id == self.app_id

    def change(self, holder: Kind, function: Callable[[Kind], Kind]) -> tuple[Kind, Kind]:
        """Change the newest state of an object; return it as it was at that moment, and as it is now.

        Raises:
            GraphError: 404: it was deleted, though this replica still told of it.
        """
        before: list[Kind] = []

        def observed(current: Kind) -> Kind:
            before.append(current)
            return function(current)

        try:
            after = self.directory.change(type(holder), holder.object_id, observed)
        except KeyError:
            raise not_found(holder.object_id) from None
        return before[-1], after

    def this_tenant(self) -> Tenant | None:
        """Return the caller's tenant as the primary has it: policies hold at once."""
        return self.directory.latest().tenants.get(self.tenant)

    def body(self) -> dict[str, Any]:
        """Read the JSON object that was sent.

        Raises:
            GraphError: 400: it is none.
        """
        try:
            found = json.loads(self.request.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise GraphError(400, "BadRequest", "Unable to read JSON request payload. Please ensure Content-Type header is set.")
        return found

    def answer(self, status: int, value: Mapping[str, Any]) -> Response:
        """Return JSON with the headers that each answer of Graph has."""
        return json_response(status, dict(value), _headers(self.request, self.id))

    def done(self) -> Response:
        """Return 204."""
        return Response(status=204, headers=_headers(self.request, self.id))

    def context(self, entity: str) -> str:
        """Return what ``@odata.context`` says."""
        return f"https://graph.microsoft.com/{self.version}/$metadata#{entity}"

    def _owners(self, holder: Holder) -> tuple[str, ...]:
        app = holder if isinstance(holder, Application) else self.directory.state().application_of(holder.app_id)
        return app.owners if app is not None and app.tenant_id == self.tenant else ()


def read_call(request: Request, directory: Directory, tokens: Tokens, version: str, id: str) -> Call:
    """Read the bearer token.

    Raises:
        GraphError: 401.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise GraphError(401, "InvalidAuthenticationToken", "Access token is empty.")
    try:
        claims = tokens.read(token.strip(), audiences=AUDIENCES, now=request.now)
    except TokenError as exc:
        raise GraphError(401, "InvalidAuthenticationToken", f"{exc}.") from exc
    roles = claims.get("roles")
    return Call(
        request=request,
        directory=directory,
        version=version,
        id=id,
        tenant=str(claims.get("tid", "")),
        app_id=str(claims.get("appid", "")),
        object_id=str(claims.get("oid", "")),
        roles=frozenset(map(str, roles)) if isinstance(roles, list) else frozenset(),
    )


def is_guid(text: object) -> bool:
    """Whether this is a GUID."""
    return isinstance(text, str) and _GUID.fullmatch(text) is not None


def bad(message: str) -> GraphError:
    """Return a 400 in Graph's most common code."""
    return GraphError(400, "Request_BadRequest", message)


def denied() -> GraphError:
    """Return the 403 of a caller without the permission."""
    return GraphError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


def not_found(id: str) -> GraphError:
    """Return the 404 of an object that this replica does not know."""
    words = "does not exist or one of its queried reference-property objects are not present."
    return GraphError(404, "Request_ResourceNotFound", f"Resource '{id[:200]}' {words}")


def required(name: str, resource: str) -> GraphError:
    """Return the 400 of a property that is missing."""
    return bad(f"A value is required for property '{name}' of resource '{resource}'.")


def no_method() -> GraphError:
    """Return the 405 of a verb that does not go with the path."""
    return GraphError(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")


def no_segment(name: str) -> GraphError:
    """Return the 400 of a path that means nothing."""
    return GraphError(400, "BadRequest", f"Resource not found for the segment '{name[:200]}'.")


def error_response(request: Request, error: GraphError, id: str = "") -> Response:
    """Return the whole answer to a refused request."""
    headers = _headers(request, id or new_id())
    inner = {
        "date": f"{request.now:%Y-%m-%dT%H:%M:%S}",
        "request-id": headers["request-id"],
        "client-request-id": headers["client-request-id"],
    }
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.details:
        body["details"] = [dict(detail) for detail in error.details]
    if error.status == 401:
        headers["WWW-Authenticate"] = (
            'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"'
        )
    return json_response(error.status, {"error": {**body, "innerError": inner}}, headers)


def _headers(request: Request, id: str) -> dict[str, str]:
    sent = request.headers.get("client-request-id", "")
    return {"request-id": id, "client-request-id": sent.lower() if is_guid(sent) else id, "Cache-Control": "no-cache"}
