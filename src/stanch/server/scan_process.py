"""One scan of one source in a process of its own: ``python -m stanch.server.scan_process``.

A scan may take gigabytes, be killed by the system, or be cancelled; the server goes on. Arguments are ids. It speaks JSON
lines: ``{"progress": …}``, at the end ``{"result": …}`` or ``{"error": …}``. When its standard input ends, its parent is gone,
and so it goes.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from stanch.core.errors import StanchError, place_of
from stanch.core.incident import Actor

_PAUSE: Final = 0.5  # seconds between two lines of progress


def main(workspace: str, source: str, run: str, actor_kind: str, actor_id: str, actor_name: str) -> int:
    """Scan, and say how it went."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from stanch.incidents.desk import Desk
    from stanch.incidents.reachable import Reach
    from stanch.incidents.source_scans import TellingProgress, scan_source

    desk = Desk.open()
    try:
        result = scan_source(
            desk,
            source,
            workspace=workspace,
            run=run,
            actor=Actor(kind=actor_kind, id=actor_id, name=actor_name),
            reach=Reach.from_environment(),
            clones=clones(),
            progress=TellingProgress(_Teller()),
        )
        _say({"result": dict(result)})
        return 0
    except StanchError as exc:
        _say({"error": {"code": exc.code, "message": exc.message, "hint": exc.hint, "kind": type(exc).__name__}})
    except Exception as exc:  # its message may quote what was scanned
        _say({"error": {"code": "bug", "message": f"{type(exc).__name__} at {place_of(exc)}", "hint": "", "kind": "StanchError"}})
    finally:
        desk.close()
    return 1


def clones() -> Path:
    """Return the folder of the mirrors of repositories."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "stanch" / "clones"


class _Teller:
    """Passes a sentence on when the last one is old enough."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self, text: str) -> None:
        now = time.monotonic()
        if now - self._last >= _PAUSE:
            self._last = now
            _say({"progress": text})


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _end_with_parent() -> None:
    while sys.stdin.buffer.read(1024):
        pass
    os._exit(130)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:7]))
