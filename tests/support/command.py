"""Run the real command as people do, in a process of its own, and keep everything it did."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-m", "stanch")
LIMIT = 120  # seconds after which a command is ended, so that a hang is a failure and not a stuck suite


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that ended.

    Attributes:
        status: exit status, negative for a signal.
        out: standard output.
        err: standard error.
        memory: most bytes held at once, by itself or one of its workers; 0 unless it was to be measured.
    """

    status: int
    out: bytes
    err: str
    memory: int = 0

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.out.decode("utf-8")

    @property
    def report(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)

    @property
    def skipped(self) -> dict[str, str]:
        """What the JSON report says was not read: path and code."""
        return {item["path"]: item["code"] for item in self.report["skipped"]}

    def found(self) -> set[tuple[str, str]]:
        """Detector and path of the findings of the JSON report."""
        return {(item["detector"], item["path"]) for item in self.report["findings"]}


def environment(**changes: str) -> dict[str, str]:
    """The environment of the session with changes; an empty value takes a variable away."""
    return {name: value for name, value in (os.environ | changes).items() if value}


def stanch(
    *arguments: str | os.PathLike[str] | bytes,
    cwd: Path | None = None,
    stdin: bytes | None = None,
    env: dict[str, str] | None = None,
    before: Callable[[], None] | None = None,
    stdout: int | None = None,
    command: Sequence[str] = COMMAND,
    measured: bool = False,
) -> Ran:
    """Run the command to its end.

    Args:
        arguments: behind the command's name.
        cwd: where; an empty folder when not given, so that no settings file is found.
        stdin: what it can read; nothing when not given.
        env: instead of the session's environment.
        before: runs in the new process before the command.
        stdout: a descriptor to write to instead.
        command: instead of ``python -m stanch``.
        measured: whether its memory is to be measured.
    """
    if measured:
        command = [sys.executable, "-c", _MEASURE, *command]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as given:
        given.write(stdin or b"")
        given.seek(0)
        process = subprocess.Popen(
            [*command, *arguments],
            cwd=cwd or os.environ["HOME"],
            env=env or dict(os.environ),
            stdin=given,
            stdout=out if stdout is None else stdout,
            stderr=err,
            preexec_fn=before,
        )
        try:
            process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        out.seek(0)
        err.seek(0)
        text = err.read().decode("utf-8", "backslashreplace")
        memory = 0
        if measured:
            text, _, number = text.rpartition("memory=")
            memory = int(number)
        return Ran(process.returncode, out.read(), text, memory)


# A process begins with the record of the one that made it, so a small one has to stand between the tests and the command.
_MEASURE = """
import os, sys
pid = os.fork()
if not pid:
    os.execv(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(pid, 0)
os.write(2, b"memory=%d" % (usage.ru_maxrss * 1024))
os._exit(os.waitstatus_to_exitcode(status) & 255)
"""


class Running:
    """A command under way, for tests that disturb it.

    Args:
        arguments: as for `stanch`.
        cwd: where.
        stdout: where its standard output goes; kept by default.
    """

    def __init__(self, *arguments: str | os.PathLike[str], cwd: Path, stdout: int = subprocess.PIPE) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=cwd,
            env=dict(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C goes to its group, not to ours
        )

    def workers(self) -> list[int]:
        """Its worker processes."""
        try:
            text = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text("ascii")
        except OSError:
            return []
        return [int(word) for word in text.split()]

    def wait_for_workers(self, count: int, read: int) -> list[int]:
        """Wait until *count* workers run and each has read *read* bytes; return them."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end and self.process.poll() is None:
            workers = self.workers()
            if len(workers) >= count and all(bytes_read(pid) >= read for pid in workers):
                return workers
            time.sleep(0.002)
        raise AssertionError(f"the workers never got so far: {self.finish()}")

    def interrupt(self) -> None:
        """Press Ctrl-C: every process of the terminal's group gets the signal."""
        os.killpg(self.process.pid, signal.SIGINT)

    def finish(self) -> Ran:
        """Wait for its end."""
        try:
            out, err = self.process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            out, err = self.process.communicate()
        return Ran(self.process.returncode, out or b"", err.decode("utf-8", "backslashreplace"), 0)


def bytes_read(pid: int) -> int:
    """How much a process has read so far."""
    try:
        lines = Path(f"/proc/{pid}/io").read_text("ascii").splitlines()
    except OSError:
        return 0
    return int(next(line for line in lines if line.startswith("rchar")).split()[1])


def is_alive(pid: int) -> bool:
    """Whether a process runs (one that ended and waits to be counted does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def without_root_rights() -> None:
    """Give up the right to read everything, for use as `before`; keeps the user, so Python still finds itself."""
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None)
    drop, override, search = 24, 1, 2  # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    if libc.prctl(drop, override, 0, 0, 0) or libc.prctl(drop, search, 0, 0, 0):
        os.setuid(65534)
