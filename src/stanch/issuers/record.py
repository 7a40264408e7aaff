"""The record of every request we made to an issuer, so that an investigation can take our own traces out of its logs.

One JSON object a line, in a file with mode 0600 that is rotated by size. A request is written before it is sent and again
with its outcome: a process that dies in between leaves the first line. No credential is in it: host, time, method, ids, status.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from stanch.core.validity import Probe

MAX_LINE: Final = 4096
_FLAGS: Final = os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One request as it is kept.

    Attributes:
        key: ours, one for each request; joins its two lines.
        host: host and port.
        at: when, UTC.
        method: HTTP method or protocol.
        sent_id: what we sent as ``client-request-id``; empty where a protocol has no such thing.
        answered_id: the issuer's own id for it, empty when it gave none.
        status: HTTP status, 0 when none came.
    """

    key: str
    host: str
    at: datetime
    method: str
    sent_id: str = ""
    answered_id: str = ""
    status: int = 0

    def probe(self) -> Probe:
        """Return it as a verdict lists it: with the issuer's id where there is one, because that is the one in its logs."""
        return Probe(
            host=self.host, at=self.at, method=self.method, request_id=self.answered_id or self.sent_id, status=self.status
        )


class ProbeRecord:
    """Appends to the record and reads it. Safe between threads and between processes.

    Args:
        path: the current file; older ones are beside it as ``.1``, ``.2`` … (higher is older).
        max_bytes: size after which a file is put aside.
        keep: how many files are kept beside the current one.
    """

    def __init__(self, path: Path, *, max_bytes: int = 8 << 20, keep: int = 7) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._lock = threading.Lock()

    def append(self, trace: Trace) -> None:
        """Write one line.

        Raises:
            OSError: it could not be written.
        """
        line = json.dumps(_to_json(trace), ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
        with self._locked():
            handle = os.open(self._path, _FLAGS | os.O_RDWR | os.O_APPEND, 0o600)
            try:
                size = os.fstat(handle).st_size
                if size >= self._max_bytes:
                    self._rotate()
                    os.close(handle)
                    handle = os.open(self._path, _FLAGS | os.O_RDWR | os.O_APPEND, 0o600)
                elif size and os.pread(handle, 1, size - 1) != b"\n":  # a line that a crash or a full disk cut off
                    line = b"\n" + line
                if os.write(handle, line) < len(line):
                    raise OSError("short write")
            finally:
                os.close(handle)

    def read(self) -> Iterator[Trace]:
        """Yield every request once, with its outcome where there is one. Lines that are broken are passed over.

        Those without an outcome come late, so the order is that of the times only nearly. Memory does not grow with the record.
        """
        waiting: dict[str, Trace] = {}
        for trace in self._lines():
            first = waiting.pop(trace.key, None)
            if first is not None:
                yield trace
                continue
            waiting[trace.key] = trace
            if len(waiting) > _UNDER_WAY:
                yield waiting.pop(next(iter(waiting)))
        yield from waiting.values()

    def _lines(self) -> Iterator[Trace]:
        for path in [self._aside(number) for number in range(self._keep, 0, -1)] + [self._path]:
            try:
                file = path.open("rb")
            except OSError:
                continue
            with file:
                while line := file.readline(MAX_LINE):
                    trace = _from_json(line)
                    if trace is not None:
                        yield trace

    def _aside(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _rotate(self) -> None:
        for number in range(self._keep - 1, 0, -1):
            if self._aside(number).exists():
                self._aside(number).replace(self._aside(number + 1))
        if self._keep:
            self._path.replace(self._aside(1))
        else:
            self._path.unlink()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other threads and processes out; the lock has a file of its own because the record is renamed."""
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self._path.with_name(f"{self._path.name}.lock"), _FLAGS | os.O_RDWR, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield
            finally:
                os.close(handle)


_UNDER_WAY: Final = 4096


def _to_json(trace: Trace) -> dict[str, Any]:
    return {
        "key": trace.key,
        "at": trace.at.astimezone(UTC).isoformat(),
        "host": trace.host,
        "method": trace.method,
        "sent_id": trace.sent_id,
        "answered_id": trace.answered_id,
        "status": trace.status,
    }


def _from_json(line: bytes) -> Trace | None:
    try:
        data = json.loads(line)
        texts = {name: data.get(name, "") for name in ("key", "host", "method", "sent_id", "answered_id")}
        status = data.get("status", 0)
        if not all(isinstance(text, str) for text in texts.values()) or not isinstance(status, int):
            return None
        at = datetime.fromisoformat(data["at"])
        return Trace(at=at, status=status, **texts) if at.tzinfo else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
