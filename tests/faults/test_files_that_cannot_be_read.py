"""Files that cannot be read are named with what to do; the others are read, and the exit status says that some were not."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest
from tests.support.command import stanch, without_root_rights
from tests.support.jobs import Items
from tests.support.values import TOKEN, leak

from stanch.core.finding import Skipped
from stanch.scanning.scan import collect, merge
from stanch.scanning.worker import Worker
from stanch.sources.blob import Blob
from stanch.sources.files import FileJob, FileSource, RangeJob


def test_a_file_without_permission_is_named_and_the_rest_is_read(tmp_path: Path):
    (tmp_path / "open.env").write_bytes(leak())
    (tmp_path / "locked.env").write_bytes(leak(2))
    (tmp_path / "locked.env").chmod(0)
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "inside.env").write_bytes(leak(3))
    (tmp_path / "room").chmod(0)
    try:
        ran = stanch("scan", ".", "--format", "json", cwd=tmp_path, before=without_root_rights)
        shown = stanch("scan", ".", cwd=tmp_path, before=without_root_rights)
    finally:
        (tmp_path / "room").chmod(0o700)
    assert ran.status == 3
    assert ran.skipped == {"locked.env": "unreadable", "room": "unreadable"}
    assert [f["path"] for f in ran.report["findings"]] == ["open.env"]
    for text in (ran.err, shown.text):
        assert "locked.env" in text
        assert "permission denied; run as a user who may read it" in text
    assert shown.status == 3


def test_a_named_file_that_is_missing_is_a_mistake_of_the_caller(tmp_path: Path):
    ran = stanch("scan", "missing.env", cwd=tmp_path)
    assert (ran.status, ran.out) == (2, b"")
    assert ran.err == "stanch: 'missing.env' does not exist.\n  Check the path; `-` reads standard input.\n"


def test_a_named_file_without_permission_is_a_file_not_read(tmp_path: Path):
    (tmp_path / "locked.env").write_bytes(leak())
    (tmp_path / "locked.env").chmod(0)
    ran = stanch("scan", "locked.env", "--format", "json", cwd=tmp_path, before=without_root_rights)
    assert (ran.status, ran.skipped) == (3, {"locked.env": "unreadable"})


def test_a_large_file_without_permission_is_said_once(tmp_path: Path):
    """Its pieces go to several workers, each of which cannot read it."""
    path = tmp_path / "large.log"
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    path.chmod(0)
    ran = stanch("scan", ".", "--format", "json", cwd=tmp_path, before=without_root_rights)
    assert (ran.status, ran.skipped) == (3, {"large.log": "unreadable"})
    assert len(ran.report["skipped"]) == 1


def test_links_in_circles_end(tmp_path: Path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "app.env").write_bytes(leak())
    (tmp_path / "root.env").write_bytes(leak(2))
    (tmp_path / "deep" / "up").symlink_to("..")
    (tmp_path / "deep" / "self").symlink_to("self")
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    (tmp_path / "nowhere").symlink_to("missing")
    plain = stanch("scan", ".", "--format", "json", cwd=tmp_path)
    assert plain.status == 1
    assert [f["path"] for f in plain.report["findings"]] == ["deep/app.env", "root.env"]
    assert plain.report["skipped"] == []
    followed = stanch("scan", ".", "--format", "json", "--follow-symlinks", cwd=tmp_path)
    assert [f["path"] for f in followed.report["findings"]] == ["deep/app.env", "root.env"]
    assert followed.status in (1, 3)
    assert set(followed.skipped) <= {"one", "two", "nowhere", "deep/self"}
    named = stanch("scan", "one", cwd=tmp_path)
    assert named.status == 2
    assert "'one' cannot be read" in named.err


def test_a_link_out_of_the_folder_is_not_followed_unless_asked(tmp_path: Path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.env").write_bytes(leak())
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.env").symlink_to("../outside/secret.env")
    (inside / "folder").symlink_to("../outside")
    assert stanch("scan", ".", cwd=inside).status == 0
    followed = stanch("scan", ".", "--follow-symlinks", "--format", "json", cwd=inside)
    assert {f["path"] for f in followed.report["findings"]} == {"link.env", "folder/secret.env"}


@pytest.mark.parametrize(
    "name",
    [
        b"broken-\xff\xfe.env",
        "пароль.env".encode(),
        b"new\nline.env",
        b"\x1b]0;owned\x07.env",
        b" leading",
        b"-f",
        "‮vne.exe".encode(),
        b"a" * 250,
    ],
)
def test_names_of_every_kind_are_read_and_shown_harmlessly(tmp_path: Path, name: bytes):
    path = os.path.join(os.fsencode(tmp_path), name)
    with open(path, "wb") as file:
        file.write(b"\xff\xfe\xfa broken \x80 text\n" + leak() + b"\xc3\x28\n")
    for form in ("text", "json", "csv", "sarif", "markdown"):
        ran = stanch("scan", ".", "--format", form, cwd=tmp_path)
        assert ran.status == 1, ran.err
        assert "Traceback" not in ran.err
        for control in ("\x1b", "\x07", "\u202e"):
            assert control not in ran.text
            assert control not in ran.err
        ran.out.decode("utf-8")
    listed = stanch("scan", ".", "--format", "jsonl", cwd=tmp_path)
    assert len([line for line in listed.text.splitlines() if TOKEN in line]) >= 1
    unreadable = stanch("scan", os.path.join(b"gone-" + name), cwd=tmp_path)
    assert unreadable.status == 2
    assert "\x1b" not in unreadable.err


def test_broken_text_keeps_exact_places(tmp_path: Path):
    content = b"\xff\xfe\xfa broken \x80 text\r\n\xc3\x28\n" + b"\xf0\x9f\x98 " + leak()
    (tmp_path / "app.env").write_bytes(content)
    (finding,) = stanch("scan", ".", "--format", "json", cwd=tmp_path).report["findings"]
    start = content.index(b"=") + 1
    assert (finding["start"], finding["line"], finding["column"]) == (start, 3, start - content.rindex(b"\n", 0, start))


# --- while the scan runs --------------------------------------------------------------------------------------------


def test_a_file_that_vanishes_before_it_is_read_is_said(worker: Worker, tmp_path: Path):
    (tmp_path / "kept.env").write_bytes(leak())
    gone, kept = str(tmp_path / "gone.env"), str(tmp_path / "kept.env")
    result = worker.run(FileJob(((gone, "gone.env", 10), (kept, "kept.env", 54)), 64))
    assert [f.location.path for f in result.findings] == ["kept.env"]
    assert result.skipped == [
        Skipped(path="gone.env", code="vanished", reason="it was gone when it was to be read; scan again if it matters")
    ]
    piece = worker.run(RangeJob(gone, "gone.log", 32 * 1024 * 1024, None, 1))
    assert [(s.path, s.code) for s in piece.skipped] == [("gone.log", "vanished")]


def test_a_file_that_grows_is_read_to_its_new_end(worker: Worker, tmp_path: Path):
    path = tmp_path / "growing.log"
    path.write_bytes(b"started\n" * 5 + leak())
    for listed in (0, 10, path.stat().st_size - 1, path.stat().st_size):
        result = worker.run(FileJob(((str(path), "growing.log", listed),), listed))
        assert [(f.location.line, f.location.path) for f in result.findings] == [(6, "growing.log")]


def test_a_file_that_shrinks_is_read_as_far_as_it_goes(worker: Worker, tmp_path: Path):
    path = tmp_path / "cut.log"
    path.write_bytes(leak())
    result = worker.run(FileJob(((str(path), "cut.log", 5_000),), 5_000))
    assert len(result.findings) == 1
    assert not result.skipped
    behind = worker.run(RangeJob(str(path), "cut.log", 32 * 1024 * 1024, None, 1))
    assert (behind.findings, behind.skipped) == ([], [])


class _Failing:
    """A reader whose disk breaks after a while."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, count: int = -1) -> bytes:
        if not self.data:
            raise OSError(5, "Input/output error")
        part, self.data = self.data[:count], self.data[count:]
        return part

    def seekable(self) -> bool:
        return False

    def __enter__(self) -> _Failing:
        return self

    def __exit__(self, *_: object) -> None:
        return


def test_a_disk_that_fails_half_way_is_said_and_the_next_file_is_read(worker: Worker):
    job = Items([Blob(path="bad.log", opener=lambda: _Failing(b"x" * 5_000)), Blob(path="good.env", data=leak())])  # type: ignore[arg-type,return-value]
    result = worker.run(job)
    assert [f.location.path for f in result.findings] == ["good.env"]
    assert [(s.path, s.code) for s in result.skipped] == [("bad.log", "unreadable")]
    assert "Input/output error" in result.skipped[0].reason


def test_a_pipe_is_read_when_it_is_named(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def write() -> None:
        with pipe.open("wb") as file:
            file.write(b"x\n" * 100_000 + leak())

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    ran = stanch("scan", pipe, "--format", "json", cwd=tmp_path)
    writer.join(10)
    assert ran.status == 1
    assert [f["line"] for f in ran.report["findings"]] == [100_001]


def test_pipes_and_devices_inside_a_folder_are_left_alone(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "app.env").write_bytes(leak())
    ran = stanch("scan", ".", "--format", "json", cwd=tmp_path)
    assert (ran.status, len(ran.report["findings"]), ran.report["totals"]["blobs"]) == (1, 1, 1)


def test_a_folder_that_vanishes_while_it_is_listed_does_not_end_the_scan(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The list is made while the scan runs: what was listed may be gone when it is entered."""
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "app.env").write_bytes(leak(ord(name)))
    entry = FileSource._entry

    def removing(self: FileSource, item: os.DirEntry[str]) -> object:
        if item.name == "c":
            shutil.rmtree(tmp_path / "b")
        return entry(self, item)

    monkeypatch.setattr(FileSource, "_entry", removing)
    found = collect([FileSource(root=str(tmp_path))], worker.context, workers=1)
    assert {Path(f.location.path).parent.name for f in merge(found.findings)} == {"a", "c"}
    assert [(Path(s.path).name, s.code) for s in found.skipped] == [("b", "vanished")]
