"""Microsoft Graph, as far as the keys of applications go: who has which, adding and removing them, and who used them when.

What makes rotation hard is here: a PATCH replaces the whole collection, certificates are not listed, proofs are demanded and
verified, tenants refuse long lifetimes, and what is read may be stale. https://learn.microsoft.com/graph/api/overview.
`AzureSimulation` has one at `NAME`.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from stanch.simulators.directory import Directory, new_id
from stanch.simulators.graph_applications import KINDS, answer_holders
from stanch.simulators.graph_audit import CREDENTIALS_CHANGED
from stanch.simulators.graph_call import AUDIENCES, Call, GraphError, error_response, no_method, no_segment, read_call
from stanch.simulators.graph_keys import PROOF_AUDIENCE
from stanch.simulators.graph_policy import answer_policy
from stanch.simulators.graph_reports import answer_activities, answer_audits, answer_sign_ins
from stanch.simulators.tokens import Tokens
from stanch.simulators.wire import Request, Response

__all__ = ["AUDIENCES", "CREDENTIALS_CHANGED", "NAME", "PROOF_AUDIENCE", "Graph"]

NAME: Final = "graph.microsoft.com"
VERSIONS: Final = ("v1.0", "beta")
_BY_APP_ID: Final = re.compile(r"(applications|servicePrincipals)(\(appId='[^'/]*'\))", re.IGNORECASE)


class Graph:
    """Graph for every tenant of a directory. Thread-safe.

    Args:
        directory: shared with the simulated Entra.
        tokens: those of the simulated Entra.
    """

    def __init__(self, directory: Directory, *, tokens: Tokens) -> None:
        self._directory = directory
        self._tokens = tokens

    def __call__(self, request: Request) -> Response:
        """Answer one request."""
        id = new_id()
        try:
            version, *segments = _segments(request)
            if version not in VERSIONS:
                raise GraphError(400, "BadRequest", f"Invalid version: {version[:100]}")
            return _answer(read_call(request, self._directory, self._tokens, version, id), segments)
        except GraphError as error:
            return error_response(request, error, id)

    def failure(self, request: Request, status: int) -> Response:
        """Say in Graph's words that it cannot answer now."""
        if status == 429:
            error = GraphError(
                429, "TooManyRequests", "Too many requests from Identifier under category. Please try again later."
            )
        else:
            error = GraphError(status, "ServiceUnavailable", "The service is unavailable. Please try again later.")
        return error_response(request, error)


def _segments(request: Request) -> list[str]:
    """Return the parts of the path; ``applications(appId='…')`` is one thing named in another way, and so two parts."""
    parts: list[str] = []
    for raw in request.path.strip("/").split("/"):
        part = unquote(raw)
        named = _BY_APP_ID.fullmatch(part)
        parts += [named[1], named[2]] if named else [part]
    return parts


def _answer(call: Call, segments: list[str]) -> Response:
    if segments and segments[0] in KINDS:
        return answer_holders(call, segments[0], segments[1:])
    get = call.request.method == "GET"
    match segments:
        case ["policies", "defaultAppManagementPolicy"]:
            return answer_policy(call)
        case ["auditLogs", "directoryAudits", *more] if get and len(more) <= 1:
            return answer_audits(call, more[0] if more else "")
        case ["auditLogs", "signIns"] if get:
            return answer_sign_ins(call)
        case ["reports", "appCredentialSignInActivities"] if get and call.version == "beta":
            return answer_activities(call)
        case ["auditLogs", "directoryAudits" | "signIns", *_]:
            raise no_method()
    raise no_segment("/".join(segments))
