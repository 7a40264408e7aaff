"""Errors as the API tells them: RFC 9457 problem+json with a stable code, its page, and this request's own log entry.

Source of the format: https://www.rfc-editor.org/rfc/rfc9457
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from stanch.core.errors import ConfigError, ConflictError, InputError, NotFoundError, NotPermittedError, StanchError
from stanch.server.context import context_of

_NAME: Final = re.compile(r"[A-Za-z_-]{1,40}")
MEDIA_TYPE: Final = "application/problem+json"
TITLES: Final[Mapping[int, tuple[str, str]]] = {
    400: ("bad_request", "The request cannot be read"),
    401: ("unauthenticated", "Nobody is signed in"),
    403: ("not_permitted", "That is not permitted"),
    404: ("not_found", "There is nothing here"),
    405: ("method_not_allowed", "This address does not do that"),
    406: ("not_acceptable", "There is no such form of it"),
    409: ("conflict", "It does not fit what is there"),
    413: ("body_too_large", "The request is too large"),
    415: ("unsupported_media_type", "The body is of another kind than this address takes"),
    421: ("wrong_host", "This server does not answer to that name"),
    422: ("invalid", "Something in the request cannot be used"),
    429: ("rate_limited", "Too many requests"),
    500: ("internal", "Something broke on our side"),
    503: ("unavailable", "Not now"),
}
_STATUS: Final[tuple[tuple[type[StanchError], int], ...]] = (
    (NotFoundError, 404),
    (NotPermittedError, 403),
    (ConflictError, 409),
    (InputError, 422),
    (ConfigError, 422),
)


class Problem(Exception):  # noqa: N818  RFC 9457's word for it
    """An answer that is an error.

    Args:
        status: of HTTP.
        code: stable name; has a page of its own.
        detail: what happened, for a person.
        param: which parameter it is about.
        errors: one entry per wrong parameter: ``param`` and ``message``.
        headers: of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        param: str = "",
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.param = status, code, detail, param
        self.errors = list(errors)
        self.headers = dict(headers or {})


def problem_of(exc: Exception) -> Problem:
    """Return any exception as a problem. Of those that are not ours nothing is shown: they may quote what they choked on."""
    if isinstance(exc, Problem):
        return exc
    if isinstance(exc, StanchError):
        status = next((status for kind, status in _STATUS if isinstance(exc, kind)), 500)
        return Problem(status, exc.code, str(exc))
    if isinstance(exc, RequestValidationError):
        errors = [{"param": ".".join(map(_named, e["loc"][1:])) or str(e["loc"][0]), "message": _said(e)} for e in exc.errors()]
        detail = f"{errors[0]['param']}: {errors[0]['message']}" if errors else "The request cannot be used."
        return Problem(422, "invalid", detail, param=errors[0]["param"] if errors else "", errors=errors)
    if isinstance(exc, HTTPException):
        code, title = TITLES.get(exc.status_code, ("error", "Error"))
        return Problem(exc.status_code, code, f"{title}.", headers=exc.headers)
    return Problem(500, "internal", "Something broke on our side. Give the request id when you report it.")


def _named(part: str | int) -> str:
    """Return a part of a parameter's name; one that was made up by who sent it may be a credential."""
    return str(part) if isinstance(part, int) or _NAME.fullmatch(part) else "…"


def _said(error: Mapping[str, Any]) -> str:
    # pydantic's message names the rule; its "input" would quote what was sent, which may be a credential
    if error["type"] == "union_tag_invalid":
        return f"Input should be one of {error.get('ctx', {}).get('expected_tags', 'those that are known')}"
    return str(error["msg"]).removeprefix("Value error, ") or "cannot be used"


def answer(request: Request, problem: Problem) -> Response:
    """Return the problem as the answer to this request."""
    settings = context_of(request).settings
    request_id = request.scope.get("stanch.request_id", "")
    code, title = TITLES.get(problem.status, ("error", "Error"))
    body: dict[str, Any] = {
        "type": f"{settings.base_url}/docs/problems/{code}",
        "title": title,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "doc_url": f"{settings.base_url}/docs/errors/{problem.code}",
        "request_id": request_id,
        "request_log_url": f"{settings.base_url}/requests/{request_id}",
    }
    if problem.param:
        body["param"] = problem.param
    if problem.errors:
        body["errors"] = problem.errors
    request.scope["stanch.problem"] = problem
    return JSONResponse(body, status_code=problem.status, media_type=MEDIA_TYPE, headers=problem.headers)
