import csv
import io
import json
import os
import stat
import xml.etree.ElementTree as ElementTree

import pytest
from tests.support.values import TOKEN, leak, token

from stanch.cli.scanning import split_mode
from stanch.core.errors import InputError
from stanch.reports import FORMATS

from .runner import run


@pytest.fixture(autouse=True)
def folder(engine, tmp_path, monkeypatch):
    """A folder with one leak, which is the current one."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.env").write_bytes(leak())
    monkeypatch.chdir(tmp_path)
    return tmp_path


READERS = {
    "json": lambda text: [f["detector"] for f in json.loads(text)["findings"]],
    "jsonl": lambda text: [json.loads(line).get("detector") for line in text.splitlines() if TOKEN in line],
    "sarif": lambda text: [r["ruleId"] for r in json.loads(text)["runs"][0]["results"]],
    "csv": lambda text: [row["detector"] for row in csv.DictReader(io.StringIO(text))],
    "junit": lambda text: [TOKEN for _ in ElementTree.fromstring(text).iter("failure")],
}


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_reports_the_finding_and_never_the_value(name):
    ended = run("scan", "in", "--format", name, "--jobs", 1)
    assert ended.status == 1
    assert "a.env" in ended.out
    assert token().decode() not in ended.out + ended.err
    if name in READERS:
        assert READERS[name](ended.out) == [TOKEN]


def test_nothing_found_ends_with_zero(folder):
    (folder / "in/a.env").write_bytes(b"nothing\n")
    assert run("scan", "in", "--jobs", 1).status == 0


def test_exit_zero_reports_all_the_same():
    ended = run("scan", "in", "--exit-zero", "--format", "json", "--jobs", 1)
    assert ended.status == 0
    assert len(json.loads(ended.out)["findings"]) == 1


def test_value_is_shown_only_when_it_is_asked_for():
    assert token().decode() in run("scan", "in", "--show-secrets", "--jobs", 1).out
    assert token().decode() not in run("scan", "in", "--jobs", 1).out


def test_report_in_a_file_is_replaced_whole(folder):
    path = folder / "report.json"
    path.write_text("what was there before, which is longer than nothing" * 1000)
    before = path.stat().st_ino
    ended = run("scan", "in", "-f", "json", "-o", path, "--jobs", 1)
    assert (ended.status, ended.out) == (1, "")
    assert len(json.loads(path.read_text())["findings"]) == 1
    assert path.stat().st_ino != before
    assert sorted(os.listdir(folder)) == ["in", "report.json"]
    assert "1 secret found" in ended.err


def test_report_that_cannot_be_written_leaves_nothing_and_says_what_was_found(folder):
    ended = run("scan", "in", "-o", folder / "none" / "report.txt", "--jobs", 1)
    assert isinstance(ended.error, InputError)
    assert ended.status == 2
    assert "1 secret found" in ended.err
    assert sorted(os.listdir(folder)) == ["in"]


def test_report_with_values_is_for_its_owner_only(folder):
    run("scan", "in", "-o", folder / "report.txt", "--show-secrets", "--jobs", 1)
    assert stat.S_IMODE((folder / "report.txt").stat().st_mode) == 0o600


def test_file_over_the_users_own_limit_is_told_and_is_no_failure(folder):
    (folder / "in/big.bin").write_bytes(b"\n" * 200_000)
    ended = run("scan", "in", "-f", "json", "--max-file-size", "100KB", "--jobs", 1)
    assert [(s["path"], s["code"]) for s in json.loads(ended.out)["skipped"]] == [("in/big.bin", "over_limit")]
    assert ended.status == 1
    (folder / "in/a.env").unlink()
    assert run("scan", "in", "--max-file-size", "100KB", "--jobs", 1).status == 0


def test_what_cannot_be_read_makes_the_scan_incomplete(folder):
    (folder / "in/b.zip").write_bytes(b"PK\x03\x04 and nothing that follows")
    ended = run("scan", "in", "-f", "json", "--jobs", 1)
    assert ended.status == 3
    assert [s["path"].split("!")[0] for s in json.loads(ended.out)["skipped"]] == ["in/b.zip"]
    assert "not read: in/b.zip" in ended.err


def test_missing_path_is_an_input_error():
    assert isinstance(run("scan", "none").error, InputError)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [((), ("", ())), (("a",), ("", ("a",))), (("git", "a"), ("git", ("a",))), (("staged",), ("staged", ())),
     (("files", "-"), ("files", ("-",)))],
)  # fmt: skip
def test_first_word_may_say_what_is_meant(typed, expected):
    assert split_mode(typed) == expected


def test_mode_of_a_later_version_is_refused_unless_it_is_a_path(folder):
    with pytest.raises(InputError, match="not in this version"):
        split_mode(("image", "x"))
    (folder / "image").mkdir()
    assert split_mode(("image",)) == ("", ("image",))


def test_verbose_says_what_was_held_back(folder):
    (folder / "in/a.env").write_bytes(leak().rstrip() + b" # stanch:allow\n")
    ended = run("scan", "in", "--verbose", "--jobs", 1)
    assert ended.status == 0
    assert f"held back (comment): in/a.env:1 {TOKEN}" in ended.err
