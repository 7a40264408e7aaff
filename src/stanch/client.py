"""A client of the HTTP API for Python programs.

with Client("http://127.0.0.1:8420", token="stn_…") as client:
    for incident in client.incidents("severity=critical&validity=live"):
        print(incident["number"], incident["title"])

Answers are what the API sends, as dictionaries; docs/api.md and /api/openapi.json say what is in them. What was cut off is
repeated: reads as they are, writes with an idempotency key of their own, so that nothing is done twice.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Final, Self
from urllib.parse import parse_qsl, quote

from stanch.core.errors import StanchError

if TYPE_CHECKING:
    import httpx2

_ATTEMPTS: Final = 5
_LONGEST_WAIT: Final = 60.0
_AGAIN: Final = frozenset({429, 502, 503, 504})
_PAGE: Final = 200
BATCH: Final = 500
"""Sightings that one part of a scan may hold."""

Answer = dict[str, Any]


class ApiError(StanchError):
    """The API answered with an error.

    Args:
        problem: the answer, as RFC 9457 has it.
        status: of HTTP.

    Attributes:
        status: of HTTP.
        request_id: names the request in the server's log.
        request_log_url: opens the entry of this request.
        doc_url: page that explains the code.
        param: which parameter it is about.
        errors: one entry per wrong parameter.
    """

    code = "api"

    def __init__(self, problem: Mapping[str, Any], status: int) -> None:
        super().__init__(str(problem.get("detail") or f"the server answered {status}."), code=str(problem.get("code") or "api"))
        self.status = status
        self.request_id = str(problem.get("request_id", ""))
        self.request_log_url = str(problem.get("request_log_url", ""))
        self.doc_url = str(problem.get("doc_url", ""))
        self.param = str(problem.get("param", ""))
        self.errors: Sequence[Mapping[str, str]] = problem.get("errors", [])


class UnauthenticatedError(ApiError):
    """The token is missing, unknown, expired or revoked."""


class ForbiddenError(ApiError):
    """The token may not do that."""


class MissingError(ApiError):
    """There is nothing of that id in the token's workspace."""


class ChangedError(ApiError):
    """It does not fit what is there: somebody was faster, or it is in another state."""


class InvalidError(ApiError):
    """Something in the request cannot be used."""


class UnreachableError(StanchError):
    """The server did not answer."""

    code = "unreachable"


_KINDS: Final[Mapping[int, type[ApiError]]] = {
    401: UnauthenticatedError,
    403: ForbiddenError,
    404: MissingError,
    409: ChangedError,
    422: InvalidError,
}


@dataclass(slots=True)
class Client:
    """Talks to one workspace of one server. Not to be shared between threads.

    Attributes:
        base_url: of the server.
        token: of the API.
        timeout: seconds for one answer.
        attempts: how often a request is sent at most.
        http: the HTTP client; one is made when none is given.
        sleep: waits.
    """

    base_url: str
    token: str = field(repr=False)
    timeout: float = 60.0
    attempts: int = _ATTEMPTS
    http: httpx2.Client | None = None
    sleep: Callable[[float], None] = time.sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close connections."""
        if self.http is not None:
            self.http.close()

    # ── incidents ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def incidents(self, query: str = "") -> Iterator[Answer]:
        """Yield incidents that fit a filter: ``severity=critical&validity=live``; see docs/api.md for its names."""
        return self.items("/incidents", query)

    def incident(self, key: str | int) -> Answer:
        """Return one incident by id or number."""
        return self.get(f"/incidents/{_part(key)}")

    def move(
        self, key: str | int, state: str, *, version: int, reason: str = "", resolution: str = "", until: str = "", note: str = ""
    ) -> Answer:
        """Bring an incident into another state; *version* is that of the incident as it was seen.

        Raises:
            ChangedError: somebody was faster, or it cannot go there from where it is.
        """
        given = {"reason": reason, "resolution": resolution, "until": until, "note": note}
        move = {"state": state} | {name: value for name, value in given.items() if value}
        return self.patch(f"/incidents/{_part(key)}", {"version": version, "move": move})

    def assign(self, key: str | int, user: str | None, *, version: int) -> Answer:
        """Say who looks after an incident; ``None`` for nobody."""
        return self.patch(f"/incidents/{_part(key)}", {"version": version, "assignee_id": user})

    def comment(self, key: str | int, body: str) -> Answer:
        """Comment on an incident."""
        return self.post(f"/incidents/{_part(key)}/comments", {"body": body})

    def tag(self, key: str | int, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Answer:
        """Add and remove tags."""
        return self.request("PUT", f"/incidents/{_part(key)}/tags", {"add": list(add), "remove": list(remove)})

    def occurrences(self, key: str | int) -> Iterator[Answer]:
        """Yield the places where an incident's secret was found."""
        return self.items(f"/incidents/{_part(key)}/occurrences")

    def check(self, key: str | int) -> Answer:
        """Ask the issuer whether a credential still works; returns the run that does it."""
        return self.post(f"/incidents/{_part(key)}/checks", {})

    def change_many(self, act: Mapping[str, Any], *, ids: Sequence[str] | None = None, query: str | None = None) -> Answer:
        """Do the same to up to 1,000 incidents, named by ids or by a filter."""
        which: dict[str, Any] = {"ids": list(ids)} if ids is not None else {"filter": query or ""}
        return self.post("/incidents/bulk", {**which, "act": dict(act)})

    # ── sources, scans, runs ───────────────────────────────────────────────────────────────────────────────────────────

    def sources(self) -> Iterator[Answer]:
        """Yield sources."""
        return self.items("/sources")

    def scan(self, source: str) -> Answer:
        """Scan a source now; returns the run that does it."""
        return self.post(f"/sources/{_part(source)}/scans", {})

    def begin_scan(self, source: Mapping[str, Any], *, tool: str = "stanch", version: str = "") -> Answer:
        """Begin a scan that was done elsewhere; *source* has kind, target and name."""
        return self.post("/scans", {"source": dict(source), "tool": tool, "version": version})

    def record(self, scan: str, sightings: Iterable[Mapping[str, Any]]) -> int:
        """Send what a scan found, in parts; returns how many parts it were."""
        number, part = 0, []
        for sighting in sightings:
            part.append(dict(sighting))
            if len(part) == BATCH:
                self._batch(scan, number, part)
                number, part = number + 1, []
        if part:
            self._batch(scan, number, part)
            number += 1
        return number

    def _batch(self, scan: str, number: int, part: list[Answer]) -> None:
        self.post(f"/scans/{_part(scan)}/batches", {"number": number, "sightings": part})

    def finish_scan(self, scan: str, **values: Any) -> Answer:
        """Finish a scan: ``state``, ``partial``, ``totals``, ``skipped``, ``error``."""
        return self.post(f"/scans/{_part(scan)}/finish", values)

    def import_report(self, report: bytes | IO[bytes], *, format: str = "", source: str = "", complete: bool = False) -> Answer:
        """Import what another scanner found; a file is sent as it is read, and not repeated when that is cut off."""
        given = {"format": format, "source": source, "complete": "true" if complete else ""}
        parameters = [(name, value) for name, value in given.items() if value]
        return self._send(
            "POST", "/imports", parameters, content=report, attempts=self.attempts if isinstance(report, bytes) else 1
        )

    def runs(self, query: str = "") -> Iterator[Answer]:
        """Yield runs, the newest first."""
        return self.items("/runs", query)

    def run(self, run: str) -> Answer:
        """Return a run with its steps."""
        return self.get(f"/runs/{_part(run)}")

    def wait(self, run: str, *, seconds: float = 600.0, pause: float = 2.0) -> Answer:
        """Return a run when it is over, or as it stands after so many seconds."""
        left = seconds
        while True:
            found = self.run(run)
            if found["state"] in ("succeeded", "failed", "cancelled") or left <= 0:
                return found
            self.sleep(pause)
            left -= pause

    def overview(self) -> Answer:
        """Return how the workspace stands."""
        return self.get("/overview")

    def me(self) -> Answer:
        """Return who the token is, and what it may."""
        return self.get("/me")

    # ── any operation ──────────────────────────────────────────────────────────────────────────────────────────────────

    def get(self, path: str, query: str = "") -> Answer:
        """Read something: a path under ``/api/v1``."""
        return self._send("GET", path, parse_qsl(query))

    def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Do something once, also when it has to be sent twice."""
        return self.request("POST", path, body)

    def patch(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Change something."""
        return self.request("PATCH", path, body)

    def delete(self, path: str) -> None:
        """Remove something."""
        self.request("DELETE", path, None)

    def items(self, path: str, query: str = "") -> Iterator[Answer]:
        """Yield all items of a list, a page at a time."""
        given = [(name, value) for name, value in parse_qsl(query) if name != "cursor"]
        if all(name != "limit" for name, _ in given):
            given.append(("limit", str(_PAGE)))
        cursor: str | None = ""
        while cursor is not None:
            page = self._send("GET", path, [*given, ("cursor", cursor)] if cursor else given)
            yield from page["items"]
            cursor = page["next_cursor"]

    def request(self, method: str, path: str, body: Mapping[str, Any] | None) -> Answer:
        """Send a JSON body and return the answer; an empty one for an answer without a body.

        Raises:
            ApiError: the API answered with an error.
            UnreachableError: it did not answer.
        """
        return self._send(method, path, [], json=body)

    def _send(
        self, method: str, path: str, parameters: Sequence[tuple[str, str]], *, attempts: int = 0, **content: Any
    ) -> Answer:
        import httpx2

        attempts = attempts or self.attempts
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        for attempt in range(1, attempts + 1):
            try:
                answer = self._http().request(
                    method, f"{self.base_url.rstrip('/')}/api/v1{path}", params=list(parameters), headers=headers, **content
                )
            except httpx2.TransportError as exc:
                if attempt == attempts:
                    raise UnreachableError(
                        f"the server does not answer: {type(exc).__name__}.", hint="Is its address right, and does it run?"
                    ) from None
                self.sleep(_wait(attempt, ""))
                continue
            busy = answer.status_code == 409 and "retry-after" in answer.headers
            if attempt < attempts and (answer.status_code in _AGAIN or busy):
                self.sleep(_wait(attempt, answer.headers.get("retry-after", "")))
                continue
            return _read(answer)
        raise AssertionError("the last attempt returns or raises")

    def _http(self) -> httpx2.Client:
        if self.http is None:
            import httpx2

            self.http = httpx2.Client(timeout=self.timeout, follow_redirects=False)
        return self.http


def _wait(attempt: int, told: str) -> float:
    """Return how long to wait: as the server says, else longer each time, and never all at once."""
    if told.isascii() and told.isdigit():
        return min(float(told), _LONGEST_WAIT)
    return min(2.0**attempt / 2, 15.0) * random.uniform(0.5, 1.0)


def _read(answer: httpx2.Response) -> Answer:
    if answer.status_code >= 300:
        raise _KINDS.get(answer.status_code, ApiError)(_problem(answer), answer.status_code)
    return dict(answer.json()) if answer.content else {}


def _problem(answer: httpx2.Response) -> Mapping[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}


def _part(key: str | int) -> str:
    """Return an id or a number as a part of a path."""
    return quote(str(key).removeprefix("#"), safe="") or "-"
