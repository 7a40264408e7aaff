"""Imports: what other scanners found."""

from __future__ import annotations

import io
import threading
from dataclasses import asdict
from typing import Annotated, Any, Final, Literal, cast

import anyio.from_thread
from fastapi import Query, Request

from stanch.incidents.imports.importer import import_findings
from stanch.incidents.workspaces import SourceSpec
from stanch.server.models.scanning import Imported
from stanch.server.problems import Problem
from stanch.server.routing import Scanner, api_router

router = api_router("imports")
AT_ONCE: Final = 2  # each may need a few hundred megabytes
Format = Literal[
    "sarif", "gitleaks", "betterleaks", "trufflehog", "kingfisher", "detect-secrets", "ggshield", "gitguardian", "github",
    "gitlab", "stanch",
]  # fmt: skip


@router.post(
    "/imports",
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "The report as its tool wrote it.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary", "minLength": 2}}},
        }
    },
)
def import_report(
    caller: Scanner,
    request: Request,
    format: Annotated[Format | None, Query(description="Of the report; found out when it is left out.")] = None,
    source: Annotated[
        str,
        Query(description="Name of a source for all of it, instead of those it names.", max_length=200, pattern=r"^[^\x00]*$"),
    ] = "",
    complete: Annotated[
        bool, Query(description="Whether the report names everything that is in its sources: then the rest is gone.")
    ] = False,
) -> Imported:
    """Import what another scanner found. The same report again changes nothing but the times when things were last seen.

    Plain values in it are never written to disk: they are sealed when the workspace keeps values, and forgotten otherwise.
    """
    slots: threading.Semaphore = caller.context.extras.setdefault("import slots", threading.BoundedSemaphore(AT_ONCE))
    if not slots.acquire(blocking=False):
        raise Problem(503, "unavailable", "Other imports are going on. Ask again a little later.", headers={"Retry-After": "10"})
    try:
        found = import_findings(
            caller.desk,
            cast(Any, Arriving(request)),
            workspace=caller.workspace,
            format=format or "",
            source=SourceSpec(kind="import", target=source.strip(), name=source.strip()) if source.strip() else None,
            actor=caller.actor,
            name="report",
            complete=complete,
        )
    finally:
        slots.release()
    named = [asdict(skipped) for skipped in found.named]
    values = {name: getattr(found, name) for name in Imported.model_fields if name != "named"}
    return Imported.model_validate({**values, "named": named, "codes": dict(found.codes)})


class Arriving(io.RawIOBase):
    """The body of a request as a file, for a thread: it waits for the parts as they come, and keeps none of them.

    Args:
        request: that the body belongs to.
    """

    def __init__(self, request: Request) -> None:
        self._parts = request.stream().__aiter__()
        self._rest = b""
        self._ended = False

    def readable(self) -> bool:
        """Return that it can be read; it cannot go back."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, or as much of it as has come."""
        while not self._rest and not self._ended:
            self._rest = anyio.from_thread.run(self._next)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    async def _next(self) -> bytes:
        try:
            return await self._parts.__anext__()
        except StopAsyncIteration:
            self._ended = True
            return b""
