import json

import pytest

from stanch.catalog.load import load_file
from stanch.core.errors import InputError
from stanch.scanning.context import ScanContext
from stanch.scanning.selection import engine_for

from .runner import run

FOREIGN = """title = "ours"

[[rules]]
id = "example-key"
description = "Example key"
regex = '''exk_[a-z0-9]{20}'''
keywords = ["exk_"]

[[allowlists]]
description = "made up"
paths = ['''samples/.*''']
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(*arguments: object) -> dict[str, tuple[str, str]]:
    return {row["name"]: (row["value"], row["origin"]) for row in json.loads(run("config", "show", "--as-json", *arguments).out)}


def test_settings_are_shown_with_where_they_came_from(folder, monkeypatch):
    (folder / "stanch.toml").write_text('min_severity = "high"\nexit_zero = true\n')
    monkeypatch.setenv("STANCH_JOBS", "3")
    shown = rows("--format", "json")
    assert shown["min_severity"][0] == "high"
    assert "stanch.toml" in shown["min_severity"][1]
    assert "STANCH_JOBS" in shown["jobs"][1]
    assert "--format" in shown["format"][1]
    assert shown["color"][1] == "default"


def test_text_and_json_name_the_same_settings():
    names = [line.split()[0] for line in run("config", "show").out.splitlines()]
    assert names == list(rows())


def test_imported_rules_find_what_they_found(folder, cache):
    (folder / ".gitleaks.toml").write_text(FOREIGN)
    ended = run("config", "import-gitleaks", ".gitleaks.toml", "--detectors-to", "own.toml")
    assert ended.status == 0
    (detector,) = load_file(folder / "own.toml")
    context = ScanContext(key=b"k" * 32, cache=cache, detectors=(folder / "own.toml",), only=(detector.id,))
    assert [m.value for m in engine_for(context).scan(b"k = '" + b"exk_" + b"kv7qzt2mxw9crb4hkv7q'")] == [
        b"exk_" + b"kv7qzt2mxw9crb4hkv7q"
    ]
    assert "1 detector(s) written to own.toml" in ended.err
    assert "samples/" in ended.out
    assert "made up" in ended.out


def test_existing_file_is_replaced_only_by_force(folder):
    (folder / ".gitleaks.toml").write_text(FOREIGN)
    (folder / "own.toml").write_text("mine")
    arguments = ("config", "import-gitleaks", ".gitleaks.toml", "--detectors-to", "own.toml")
    assert isinstance(run(*arguments).error, InputError)
    assert (folder / "own.toml").read_text() == "mine"
    assert run(*arguments, "--force").status == 0
    assert "exk_" in (folder / "own.toml").read_text()
