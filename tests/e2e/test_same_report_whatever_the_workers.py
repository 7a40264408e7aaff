"""The same scan with one worker and with two gives the same bytes, in every format."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tests.support.command import stanch
from tests.support.gitrepo import Sandbox
from tests.support.values import leak, password
from tests.unit.sources.containers.builders import sevenzip_of, tar_of, zip_of

FORMATS = ("text", "json", "jsonl", "sarif", "gitlab", "html", "junit", "csv", "markdown")
LINE = b"    item = items[at]  # nothing to see\n"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six hundred files, archives, broken ones, files of a few megabytes, and a git repository with history."""
    root = tmp_path_factory.mktemp("tree")
    rng = random.Random(6)
    for number in range(600):
        folder = root / f"module{number % 17}"
        folder.mkdir(exist_ok=True)
        text = LINE * rng.randrange(1, 60)
        if number % 7 == 0:
            text += leak(number % 40) + LINE * 3 + b'DB_PASSWORD = "' + password(number) + b'"\n'
        (folder / f"file{number}.py").write_bytes(text)
    for number in range(4):
        (root / f"large{number}.log").write_bytes(LINE * 45_000 + leak(number) + LINE * 45_000)
    inner = zip_of([("deep/app.env", leak(77)), ("note.txt", LINE)])
    (root / "backup.zip").write_bytes(zip_of([("a.env", leak(71)), ("inner.zip", inner), ("b.env", leak(72))]))
    (root / "backup.tar").write_bytes(tar_of([("etc/app.env", leak(73)), ("inner.zip", inner)]))
    (root / "backup.7z").write_bytes(sevenzip_of([("app.env", leak(74))]))
    (root / "broken.zip").write_bytes(zip_of([("c.env", leak(75))] * 3)[:-80])
    (root / "secret\x1b[31m.env").write_bytes(leak(76))
    repo = Sandbox(root / "shop")
    for version in range(12):
        repo.commit({"settings.env": leak(100 + version % 5) + b"VERSION=%d\n" % version, f"v{version}.txt": LINE * version})
    return root


@pytest.mark.parametrize("form", FORMATS)
def test_the_report_is_the_same_to_the_byte(tree: Path, form: str):
    one, two = (stanch("scan", ".", "shop", "--format", form, "--jobs", jobs, cwd=tree) for jobs in ("1", "2"))
    assert one.status == two.status == 3
    assert one.out == two.out
    assert one.err == two.err
    assert len(one.out) > 5_000


def test_the_report_of_a_second_run_is_the_same(tree: Path):
    first = stanch("scan", ".", "--format", "json", "--jobs", "2", cwd=tree)
    assert stanch("scan", ".", "--format", "json", "--jobs", "2", cwd=tree).out == first.out


def test_a_file_of_several_pieces_beside_many_small_ones_is_the_same(tmp_path: Path):
    """A file larger than one piece is shared out; its lines are counted together afterwards."""
    with (tmp_path / "large.log").open("wb") as file:
        for piece in range(70):
            file.write(LINE * 26_000)
            if piece % 9 == 4:
                file.write(leak(piece))
    assert (tmp_path / "large.log").stat().st_size > 2 * 32 * 1024 * 1024
    for number in range(300):
        (tmp_path / f"{number:03}.env").write_bytes(LINE * 5 + (leak(number) if number % 50 == 0 else b""))
    one, two, three = (stanch("scan", ".", "--format", "json", "--jobs", jobs, cwd=tmp_path) for jobs in ("1", "2", "3"))
    assert one.out == two.out == three.out
    lines = [f["line"] for f in one.report["findings"] if f["path"] == "large.log"]
    assert lines == [26_000 * (piece + 1) + 1 + before for before, piece in enumerate(range(4, 70, 9))]


def test_the_order_in_which_a_folder_lists_its_files_never_shows(tmp_path: Path):
    names = [f"{n}.env" for n in (3, 1, 2, 10)]
    reports = []
    for order in (names, names[::-1]):
        folder = tmp_path / f"order{len(reports)}" / "x"
        folder.mkdir(parents=True)
        for name in order:
            (folder / name).write_bytes(leak(int(name[:-4])))
        reports.append(stanch("scan", "x", "--format", "json", cwd=folder.parent).out)
    assert reports[0] == reports[1]
