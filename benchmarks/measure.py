"""Run one command and say how long it took and how much memory its processes held together.

Memory is the peak of the summed proportional set size (PSS) over the process tree, read every 50 ms: shared pages count once
and forked workers are not counted twice. PSS includes pages of mapped files; the anonymous part is kept beside it. Reading
``smaps_rollup`` walks page tables, so the timed runs are not polled.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

INTERVAL = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run of one command. Sizes are bytes, times are seconds.

    Attributes:
        wall: from start to exit.
        cpu: user and system time of the process and of every descendant it waited for.
        largest: resident size of its largest single process, as the kernel reports it at exit.
        pss: peak of the summed PSS, 0 when the run was not polled.
        anonymous: peak of the anonymous part of that sum.
        polls: how often memory was read.
        status: exit status, negative for a signal.
        timed_out: whether it was stopped at the limit.
    """

    wall: float
    cpu: float
    largest: int
    status: int
    timed_out: bool
    pss: int = 0
    anonymous: int = 0
    polls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to run, where, and where its report and its messages go."""

    argv: Sequence[str]
    cwd: Path
    stdout: Path
    stderr: Path
    env: Mapping[str, str]


def run(command: Command, *, limit: float, poll: bool) -> Sample:
    """Run a command in its own session, so that all its processes can be counted and, if need be, stopped.

    Args:
        command: what to run.
        limit: seconds after which the session is killed.
        poll: whether to read the memory of the tree while it runs.
    """
    with command.stdout.open("wb") as out, command.stderr.open("wb") as err:
        start = time.perf_counter()
        process = subprocess.Popen(
            command.argv, cwd=command.cwd, env=command.env, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            start_new_session=True,
        )  # fmt: skip
        stop = threading.Event()
        expired = threading.Event()

        def kill() -> None:
            expired.set()
            _kill_session(process.pid)

        timer = threading.Timer(limit, kill)
        timer.start()
        watch = _Watch(process.pid, stop)
        if poll:
            watch.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        timer.cancel()
        stop.set()
        if poll:
            watch.join()
    # `wait4` has reaped it: tell Popen, or it would wait for a process that is gone.
    process.returncode = os.waitstatus_to_exitcode(status)
    return Sample(
        wall=wall, cpu=usage.ru_utime + usage.ru_stime, largest=usage.ru_maxrss * 1024, status=process.returncode,
        timed_out=expired.is_set(), pss=watch.pss, anonymous=watch.anonymous, polls=watch.polls,
    )  # fmt: skip


class _Watch(threading.Thread):
    """Reads the memory of one session until told to stop."""

    def __init__(self, session: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.pss = self.anonymous = self.polls = 0
        self._session = session
        self._stop_event = stop

    def run(self) -> None:
        while True:
            sums = [_memory(pid) for pid in _session_members(self._session)]
            total = sum(pss for pss, _ in sums)
            if total:
                self.polls += 1
                self.pss = max(self.pss, total)
                self.anonymous = max(self.anonymous, sum(anonymous for _, anonymous in sums))
            if self._stop_event.wait(INTERVAL):
                return


def _session_members(session: int) -> list[int]:
    members = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            stat = Path("/proc", entry, "stat").read_text()
        except OSError:
            continue
        # The name in brackets may hold spaces; after it come state, parent, group, session.
        if int(stat.rpartition(")")[2].split()[3]) == session:
            members.append(int(entry))
    return members


def _memory(pid: int) -> tuple[int, int]:
    pss = anonymous = 0
    try:
        for line in Path("/proc", str(pid), "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                pss = int(line.split()[1]) * 1024
            elif line.startswith("Pss_Anon:"):
                anonymous = int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass  # It ended between the listing and the reading.
    return pss, anonymous


def _kill_session(session: int) -> None:
    for pid in _session_members(session):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
