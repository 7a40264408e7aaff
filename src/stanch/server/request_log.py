"""What the API was asked, written down for the people who ask it: the entry that ``request_log_url`` opens.

Errors are written at once, so that their entry is there when somebody follows the link; answers that went well are
written a little later, many at a time. Bodies, parameters and headers are never written, nor parts of a
path that are no word and no id of ours.
"""

from __future__ import annotations

import logging
import re
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from starlette.types import Scope

from stanch.core.errors import place_of
from stanch.db import tables
from stanch.db.text import clean

if TYPE_CHECKING:
    from stanch.incidents.desk import Desk

_PAUSE: Final = 0.5  # seconds between two writes of what went well
_MOST_WAITING: Final = 10_000
_SHOWN: Final = re.compile(r"|v1|[a-z][a-z_.-]{0,24}|[0-9]{1,9}|[a-z]{3}_[0-9a-z]{26,32}")
log = logging.getLogger("stanch.server")


class RequestLog:
    """Writes requests to the record from a thread of its own.

    Args:
        desk: the record.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._waiting: deque[dict[str, Any]] = deque(maxlen=_MOST_WAITING)
        self._ready = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._work, name="stanch-request-log", daemon=True)
        self._thread.start()

    def note(self, scope: Scope, status: int, milliseconds: float) -> None:
        """Take down one request of the API; others are not written."""
        if not scope["path"].startswith("/api/"):
            return
        caller, problem = scope.get("stanch.caller"), scope.get("stanch.problem")
        actor = caller.actor if caller is not None else None
        self._waiting.append(
            {
                "id": scope["stanch.request_id"],
                "workspace_id": (caller.workspace or None) if caller is not None else None,
                "at": self._desk.now(),
                "method": scope["method"][:8],
                "path": shown_path(scope["path"]),
                "status": status,
                "code": problem.code if problem is not None else "",
                "detail": clean(problem.detail, 400) if problem is not None else "",
                "milliseconds": round(milliseconds),
                "actor_kind": actor.kind if actor is not None else "",
                "actor_id": actor.id if actor is not None else "",
                "actor_name": clean(actor.name, 200) if actor is not None else "",
                "address": clean(scope["client"][0] if scope.get("client") else "", 45),
            }
        )
        if status >= 400:
            self._ready.set()

    def flush(self) -> None:
        """Write what waits, now."""
        rows = []
        while self._waiting:
            rows.append(self._waiting.popleft())
        if not rows:
            return
        try:
            with self._desk.database.begin() as connection:
                connection.execute(sa.insert(tables.requests), rows)
        except Exception as exc:  # a log that cannot be written must not take the server down
            log.warning("%d requests were not logged: %s at %s", len(rows), type(exc).__name__, place_of(exc))

    def close(self) -> None:
        """Write the rest and end the thread."""
        self._ended = True
        self._ready.set()
        self._thread.join(timeout=10)

    def _work(self) -> None:
        while not self._ended:
            self._ready.wait(_PAUSE)
            self._ready.clear()
            self.flush()
        self.flush()


def shown_path(path: str) -> str:
    """Return a path as it may be written down: words and ids as ours are. Whatever else stands in it may be a credential."""
    return "/".join(part if _SHOWN.fullmatch(part) else "…" for part in path[:2000].split("/")[:12])
