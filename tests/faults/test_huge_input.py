"""Input of any size in bounded memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.command import stanch
from tests.support.values import TOKEN, leak

MEMORY = 400 * 1024 * 1024


@pytest.mark.slow
def test_a_line_of_two_gigabytes_is_read_in_bounded_memory(tmp_path: Path):
    size = 2 * 1024**3
    places = {"start": 0, "middle": size // 2 - 30, "end": size - len(leak(3))}
    path = tmp_path / "dump.bin"
    with path.open("wb") as file:
        file.truncate(size)
        for seed, place in enumerate(places.values(), 1):
            file.seek(place)
            file.write(leak(seed).rstrip(b"\n"))
    ran = stanch("scan", path, "--format", "json", cwd=tmp_path, measured=True)
    assert ran.status == 1, ran.err
    found = [(f["start"], f["line"], f["column"], f["end_line"]) for f in ran.report["findings"] if f["detector"] == TOKEN]
    name = len(b"GITHUB_TOKEN=")
    assert found == [(place + name, 1, place + name + 1, 1) for place in places.values()]
    assert ran.report["totals"]["bytes"] == size
    assert ran.memory < MEMORY


def test_a_large_file_of_many_lines_is_read_in_bounded_memory(tmp_path: Path):
    """From a pipe, where nothing is known of its size and nothing can be read twice."""
    content = (b"2026-11-25T10:00:00Z INFO request served in 12 ms\n" * 20_000 + leak(1)) * 100
    ran = stanch("scan", "-", "--format", "json", cwd=tmp_path, stdin=content, measured=True)
    assert ran.status == 1
    (finding,) = ran.report["findings"]
    assert finding["path"] == "<stdin>"
    assert [p["line"] for p in (finding, *finding["also_at"])] == [20_001 * n for n in range(1, 101)]
    assert ran.report["totals"]["bytes"] == len(content)
    assert ran.memory < MEMORY


def test_many_findings_do_not_take_the_memory(tmp_path: Path):
    """The same secret again and again is one finding, and its places are bounded."""
    (tmp_path / "repeated.log").write_bytes(leak() * 20_000)
    ran = stanch("scan", ".", "--format", "json", cwd=tmp_path, measured=True)
    assert ran.status == 1
    (finding,) = ran.report["findings"]
    assert finding["line"] == 1
    assert 1 <= len(finding["also_at"]) <= 5_000
    assert ran.memory < MEMORY


def test_a_path_of_many_folders_is_read(tmp_path: Path):
    folder = tmp_path
    for _ in range(60):
        folder = folder / ("d" * 30)
    folder.mkdir(parents=True)
    (folder / "app.env").write_bytes(leak())
    ran = stanch("scan", ".", "--format", "json", cwd=tmp_path)
    assert (ran.status, len(ran.report["findings"])) == (1, 1)
