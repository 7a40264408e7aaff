import json
import os

import pytest
from tests.support.values import TOKEN, leak, token

from stanch.core.errors import InputError

from .runner import run

FILE = ".stanch-baseline.json"


@pytest.fixture(autouse=True)
def folder(engine, tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.env").write_bytes(leak(1))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scanned() -> int:
    return run("scan", "in", "--baseline", FILE, "--jobs", 1).status


def test_accepted_findings_are_not_reported_and_new_ones_are(folder):
    assert run("baseline", "create", "in", "--jobs", 1).status == 0
    assert scanned() == 0
    (folder / "in/b.env").write_bytes(leak(2))
    assert scanned() == 1
    assert run("baseline", "update", "in", "--jobs", 1).status == 0
    assert scanned() == 0


def test_file_holds_neither_value_nor_fingerprint(folder):
    run("baseline", "create", "in", "--jobs", 1)
    text = (folder / FILE).read_text()
    found = json.loads(run("scan", "in", "-f", "json", "--jobs", 1).out)["findings"][0]
    assert token(1).decode() not in text
    assert token(1)[4:].decode() not in text
    assert found["fingerprint"] not in text
    assert "a.env" in text
    assert sorted(os.listdir(folder)) == [FILE, "in"]


def test_difference_shows_what_is_new_and_what_is_gone(folder):
    run("baseline", "create", "in", "--jobs", 1)
    assert run("baseline", "diff", "in", "--jobs", 1).status == 0
    (folder / "in/a.env").unlink()
    (folder / "in/b.env").write_bytes(leak(2))
    ended = run("baseline", "diff", "in", "--jobs", 1)
    assert ended.status == 1
    new, gone = ended.out.splitlines()
    assert new.startswith(f"+ in/b.env:1:14 {TOKEN} ")
    assert gone == f"- in/a.env {TOKEN}"
    assert token(2).decode() not in ended.out
    assert "1 new, 0 known, 1 gone" in ended.err


def test_update_drops_what_is_gone_and_keeps_notes(folder):
    (folder / "in/b.env").write_bytes(leak(2))
    run("baseline", "create", "in", "--jobs", 1)
    path = folder / FILE
    before = json.loads(path.read_text())
    assert sorted(entry["path"] for entry in before["findings"]) == ["in/a.env", "in/b.env"]
    for entry in before["findings"]:
        entry["note"] = "known to all"
    path.write_text(json.dumps(before))
    (folder / "in/b.env").unlink()
    run("baseline", "update", "in", "--jobs", 1)
    after = json.loads(path.read_text())["findings"]
    assert [(entry["path"], entry["note"]) for entry in after] == [("in/a.env", "known to all")]


def test_existing_baseline_is_replaced_only_by_force(folder):
    run("baseline", "create", "in", "--jobs", 1)
    before = (folder / FILE).read_bytes()
    assert isinstance(run("baseline", "create", "in", "--jobs", 1).error, InputError)
    assert (folder / FILE).read_bytes() == before
    assert run("baseline", "create", "in", "--force", "--jobs", 1).status == 0
    assert (folder / FILE).read_bytes() != before  # another salt


def test_incomplete_scan_leaves_the_baseline_as_it_is(folder):
    run("baseline", "create", "in", "--jobs", 1)
    before = (folder / FILE).read_bytes()
    (folder / "in/b.zip").write_bytes(b"PK\x03\x04 and nothing that follows")
    ended = run("baseline", "update", "in", "--jobs", 1)
    assert "not complete" in str(ended.error)
    assert (folder / FILE).read_bytes() == before
