"""The report's disk is full, its folder is missing, or its place may not be written: nothing is lost, and people are told."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.command import environment, stanch, without_root_rights
from tests.support.values import leak

FORMATS = ("text", "json", "jsonl", "sarif", "gitlab", "html", "junit", "csv", "markdown")


@pytest.fixture
def leaky(tmp_path: Path) -> Path:
    """Enough findings that no report of them fits into a few pages."""
    folder = tmp_path / "leaky"
    folder.mkdir()
    for number in range(120):
        (folder / f"{number:03}.env").write_bytes(leak(number))
    return folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    made = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "none", place], capture_output=True, check=False
    )
    if not made or made.returncode:
        pytest.skip("only root can mount a small disk; the limit on file sizes below tests the same")
    yield place
    subprocess.run(["umount", place], check=True)


def assert_told(ran, name: str) -> None:
    assert ran.status == 2
    assert "Traceback" not in ran.err
    lines = ran.err.splitlines()
    assert lines[0] == "stanch: 120 secrets found"
    assert lines[1].startswith(f"stanch: the report could not be written to '{name}': ")
    assert lines[2] == "  Free space or name another file; scan again."


@pytest.mark.parametrize("form", FORMATS)
def test_a_full_disk_keeps_the_report_that_was_there(leaky: Path, small_disk: Path, form: str):
    report = small_disk / "report"
    report.write_bytes(b"the report of yesterday")
    ran = stanch("scan", ".", "--format", form, "--output", report, cwd=leaky)
    assert_told(ran, str(report))
    assert "No space left on device" in ran.err
    assert report.read_bytes() == b"the report of yesterday"
    assert [p.name for p in small_disk.iterdir()] == ["report"]


def test_a_limit_on_file_sizes_keeps_the_report_that_was_there(leaky: Path, tmp_path: Path):
    report = tmp_path / "report.json"
    report.write_bytes(b"the report of yesterday")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    ran = stanch("scan", ".", "--format", "json", "--output", report, cwd=leaky, before=limit)
    assert_told(ran, str(report))
    assert "File too large" in ran.err
    assert report.read_bytes() == b"the report of yesterday"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["leaky", "report.json"]


def test_a_full_device_is_said(leaky: Path):
    ran = stanch("scan", ".", "--format", "json", "--output", "/dev/full", cwd=leaky)
    assert_told(ran, "/dev/full")


@pytest.mark.parametrize("form", FORMATS)
def test_standard_output_on_a_full_disk_is_said(leaky: Path, form: str):
    with open("/dev/full", "wb") as full:
        ran = stanch("scan", ".", "--format", form, cwd=leaky, stdout=full.fileno())
    assert ran.status == 2
    assert "Traceback" not in ran.err
    assert "bug of ours" not in ran.err
    assert "No space left on device" in ran.err
    assert "120 secrets found" in ran.err


def test_a_missing_folder_is_said_before_anything_is_lost(leaky: Path, tmp_path: Path):
    ran = stanch("scan", ".", "--output", tmp_path / "missing" / "report.txt", cwd=leaky)
    assert_told(ran, str(tmp_path / "missing" / "report.txt"))
    assert "No such file or directory" in ran.err


def test_a_folder_in_the_place_of_the_report_is_said(leaky: Path, tmp_path: Path):
    ran = stanch("scan", ".", "--output", tmp_path, cwd=leaky)
    assert_told(ran, str(tmp_path))
    assert "Is a directory" in ran.err


def test_a_folder_that_may_not_be_written_is_said(leaky: Path, tmp_path: Path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    ran = stanch("scan", ".", "--output", closed / "report.txt", cwd=leaky, before=without_root_rights)
    assert_told(ran, str(closed / "report.txt"))
    assert "Permission denied" in ran.err


def test_a_report_with_plain_values_is_for_its_owner_only(leaky: Path, tmp_path: Path):
    def mask() -> None:
        os.umask(0o022)

    for options, mode in ((["--show-secrets"], 0o600), ([], 0o644)):
        report = tmp_path / "report.json"
        report.unlink(missing_ok=True)
        assert stanch("scan", ".", "--format", "json", "--output", report, *options, cwd=leaky, before=mask).status == 1
        assert report.stat().st_mode & 0o777 == mode


def test_the_report_is_replaced_whole(leaky: Path, tmp_path: Path):
    report = tmp_path / "report.txt"
    report.write_bytes(b"x" * 5_000_000)
    ran = stanch("scan", ".", "--output", report, cwd=leaky)
    assert (ran.status, ran.out) == (1, b"")
    assert "x" * 50 not in report.read_text("utf-8")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["leaky", "report.txt"]


def test_a_cache_that_cannot_be_kept_only_costs_time(leaky: Path, tmp_path: Path):
    """The catalog is compiled anew; findings and status are the same, and nobody is bothered with it."""
    (tmp_path / "a file").write_bytes(b"")
    ran = stanch("scan", ".", "--format", "json", cwd=leaky, env=environment(STANCH_CACHE=str(tmp_path / "a file")))
    assert (ran.status, len(ran.report["findings"]), ran.err) == (1, 120, "")


def test_a_damaged_cache_is_made_anew(leaky: Path, tmp_path: Path, engine: object, cache: Path):
    """Once with the whole catalog; every other damage has its test beside the code."""
    whole = stanch("scan", ".", "--format", "json", cwd=leaky)
    shutil.copytree(cache, tmp_path / "cache")
    for path in (tmp_path / "cache").iterdir():
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    again = stanch("scan", ".", "--format", "json", cwd=leaky, env=environment(STANCH_CACHE=str(tmp_path / "cache")))
    assert (again.status, again.out, again.err) == (1, whole.out, "")
