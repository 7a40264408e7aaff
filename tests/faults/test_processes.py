"""A scan that is disturbed: Ctrl-C, a worker that is killed, a reader that goes away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.command import COMMAND, Running, bytes_read, is_alive
from tests.support.values import leak, token

import stanch.scanning.pool as pool_module
from stanch.core.finding import Skipped
from stanch.scanning.scan import collect, merge
from stanch.scanning.worker import Worker
from stanch.sources.blob import Blob, Job

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="watches processes through /proc")

MEGABYTE = 1024 * 1024
FILES = 16
# Names that call for a value, and values that are none, are the slowest thing to read: enough of it that a file takes a while.
SLOW = b"".join(b"  password_%d = get_password(user_%d)  # ask the vault\n" % (n, n) for n in range(700))
TEXT = SLOW + b"    item = items[at]  # nothing to see\n" * (4 * MEGABYTE // 39)


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """A folder that takes a good while: files of 4 MiB, each of which is a job, with a secret at the end of each."""
    folder = tmp_path / "big"
    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number:02}.py").write_bytes(TEXT + leak(number))
    return folder


def ended(workers: list[int]) -> bool:
    """Whether processes are gone, giving them a moment."""
    end = time.monotonic() + 10
    while any(is_alive(pid) for pid in workers) and time.monotonic() < end:
        time.sleep(0.01)
    return not any(is_alive(pid) for pid in workers)


def test_ctrl_c_keeps_what_was_found_and_leaves_no_process_behind(big: Path, tmp_path: Path):
    running = Running("scan", big, "--jobs", "2", "--format", "json", cwd=tmp_path)
    workers = running.wait_for_workers(2, 9 * MEGABYTE)  # both are at their third file
    running.interrupt()
    ran = running.finish()
    assert ran.status == 130
    assert 1 <= len(ran.report["findings"]) < FILES
    assert {s["code"] for s in ran.report["skipped"]} == {"interrupted"}
    assert "interrupted" in ran.err
    assert "Traceback" not in ran.err
    assert ended(workers)


def test_ctrl_c_writes_the_report_file_whole(big: Path, tmp_path: Path):
    running = Running("scan", big, "--jobs", "2", "--format", "json", "--output", "report.json", cwd=tmp_path)
    workers = running.wait_for_workers(2, 9 * MEGABYTE)
    running.interrupt()
    assert running.finish().status == 130
    report = json.loads((tmp_path / "report.json").read_bytes())
    assert report["findings"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["big", "report.json"]
    assert ended(workers)


def test_a_second_ctrl_c_leaves_no_process_behind_either(big: Path, tmp_path: Path):
    running = Running("scan", big, "--jobs", "2", "--format", "json", cwd=tmp_path)
    workers = running.wait_for_workers(2, 5 * MEGABYTE)
    running.interrupt()
    running.interrupt()
    ran = running.finish()
    assert ran.status == 130
    assert "Traceback" not in ran.err
    assert ended(workers)


def test_ctrl_c_in_a_scan_of_one_process_keeps_what_was_found(big: Path, tmp_path: Path):
    running = Running("scan", big, "--jobs", "1", "--format", "json", cwd=tmp_path)
    while bytes_read(running.process.pid) < 30 * MEGABYTE and running.process.poll() is None:
        time.sleep(0.005)
    running.interrupt()
    ran = running.finish()
    assert ran.status == 130
    assert ran.report["findings"]
    assert "Traceback" not in ran.err


def test_a_killed_worker_costs_its_file_and_nothing_else(big: Path, tmp_path: Path):
    running = Running("scan", big, "--jobs", "2", "--format", "json", cwd=tmp_path)
    workers = running.wait_for_workers(2, 5 * MEGABYTE)
    os.kill(workers[0], signal.SIGKILL)
    ran = running.finish()
    assert ran.status == 3
    (skipped,) = ran.report["skipped"]
    assert skipped["code"] == "worker_died"
    assert "SIGKILL" in skipped["reason"]
    assert skipped["path"].endswith(".py")
    found = {f["path"] for f in ran.report["findings"]}
    assert found == {str(big / f"{n:02}.py") for n in range(FILES)} - {skipped["path"]}
    assert skipped["path"] in ran.err
    assert ended(workers)


def test_when_the_main_process_is_killed_its_workers_end(big: Path, tmp_path: Path):
    running = Running("scan", big, "--jobs", "2", cwd=tmp_path)
    workers = running.wait_for_workers(2, 5 * MEGABYTE)
    running.process.kill()
    running.finish()
    assert ended(workers)


# --- the same, without luck: jobs that end their worker -------------------------------------------------------------


@dataclass(frozen=True)
class Deadly:
    """Ends the process that does it, unless that is the main process."""

    name: int
    main: int
    cost: int = 1

    def blobs(self) -> Iterator[Blob | Skipped]:
        assert os.getpid() != self.main
        os.kill(os.getpid(), signal.SIGKILL if self.name % 2 else signal.SIGTERM)
        yield Blob(path="never", data=b"")

    @property
    def shown(self) -> str:
        return f"deadly {self.name}"


@dataclass(frozen=True)
class Harmless:
    name: int
    cost: int = 1

    def blobs(self) -> Iterator[Blob | Skipped]:
        yield Blob(path=f"{self.name:03}", data=leak(self.name))


@dataclass(frozen=True)
class Listed:
    listed: list[Job | Skipped]

    def jobs(self) -> Iterator[Job | Skipped]:
        yield from self.listed


@pytest.mark.parametrize("workers", [2, 3])
def test_every_job_beside_a_deadly_one_is_done(worker: Worker, monkeypatch: pytest.MonkeyPatch, workers: int):
    monkeypatch.setattr(pool_module, "ALONE", 0)
    jobs: list[Job | Skipped] = [Deadly(n, os.getpid()) if n % 5 == 3 else Harmless(n) for n in range(40)]
    found = collect([Listed(jobs)], worker.context, workers=workers)
    assert {f.location.path for f in merge(found.findings)} == {f"{n:03}" for n in range(40) if n % 5 != 3}
    assert {s.path for s in found.skipped} == {f"deadly {n}" for n in range(40) if n % 5 == 3}
    assert all(("SIGKILL" if int(s.path.split()[1]) % 2 else "SIGTERM") in s.reason for s in found.skipped)


def test_when_every_job_is_deadly_the_scan_still_ends(worker: Worker, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pool_module, "ALONE", 0)
    found = collect([Listed([Deadly(n, os.getpid()) for n in range(7)])], worker.context, workers=2)
    assert len(found.skipped) == 7


@dataclass(frozen=True)
class Raising:
    """Raises, as a bug of ours would, with a value in its words."""

    name: int
    cost: int = 1

    def blobs(self) -> Iterator[Blob | Skipped]:
        yield Blob(path=f"before {self.name}", data=leak(self.name))
        raise RuntimeError("could not parse " + token(99).decode())


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bug_in_one_job_does_not_take_the_others_along_nor_show_content(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], workers: int
):
    """Wherever a job runs, what it raises unexpectedly is a file not read, and its words are not shown."""
    monkeypatch.setattr(pool_module, "ALONE", 0)
    jobs: list[Job | Skipped] = [Raising(n) if n == 2 else Harmless(n) for n in range(6)]
    found = collect([Listed(jobs)], worker.context, workers=workers)
    assert {f.location.path for f in merge(found.findings)} >= {f"{n:03}" for n in range(6) if n != 2}
    assert len(found.skipped) == 1
    output = capfd.readouterr()
    for text in (output.out, output.err, *(s.reason for s in found.skipped)):
        assert token(99).decode() not in text


# --- readers that go away -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["json", "text", "csv", "html", "sarif"])
def test_a_reader_that_goes_away_is_no_error(tmp_path: Path, form: str):
    """`stanch scan … | head -1`."""
    for number in range(400):
        (tmp_path / f"{number:03}.env").write_bytes(b"\n" * number + leak(number))
    process = subprocess.Popen(
        [*COMMAND, "scan", ".", "--format", form], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read().decode()
    process.stderr.close()
    status = process.wait(60)
    assert "Traceback" not in err
    assert "BrokenPipe" not in err
    assert "bug of ours" not in err
    assert status in (0, 1)


def test_closed_standard_streams_do_not_crash_the_scan(tmp_path: Path):
    (tmp_path / "app.env").write_bytes(leak())
    for closing in ("1>&-", "2>&-", "0<&-", "1>&- 2>&-"):
        done = subprocess.run(
            ["sh", "-c", f"exec {sys.executable} -m stanch scan . {closing}"], cwd=tmp_path, capture_output=True, check=False
        )
        assert done.returncode in (1, 2), (closing, done)
        assert b"Traceback" not in done.stderr
        assert b"bug of ours" not in done.stderr
