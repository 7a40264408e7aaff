"""`stanch incidents import`: what people see of an import."""

import json

import pytest
from tests.unit.cli.runner import run
from tests.unit.incidents.imports import examples

from stanch.cli.importing import FORMATS
from stanch.incidents.imports import detecting


@pytest.fixture(autouse=True)
def record(tmp_path, monkeypatch):
    monkeypatch.setenv("STANCH_DATABASE", f"sqlite:///{tmp_path}/record.db")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def leaks(tmp_path):
    (tmp_path / "leaks.json").write_text(examples.text("gitleaks"))
    return "leaks.json"


def test_formats_of_the_command_are_those_that_are_read():
    assert tuple(detecting.FORMATS) == FORMATS


def test_an_import_says_what_it_changed(leaks):
    done = run("incidents", "import", leaks)
    assert (done.status, done.out) == (0, "leaks.json: gitleaks: 4 findings, 4 new places, 3 incidents opened\n")
    again = run("incidents", "import", leaks)
    assert (again.status, again.out) == (0, "leaks.json: gitleaks: 4 findings, 0 new places, 0 incidents opened\n")


def test_programs_get_json(leaks):
    done = run("incidents", "import", leaks, "--format", "json", "--source", "Legacy shop")
    (told,) = json.loads(done.out)
    assert (told["read"], told["opened"], told["sources"], told["skipped"]) == (4, 3, ["Legacy shop"], {})


def test_a_source_on_record_is_found_by_its_name(leaks):
    run("incidents", "import", leaks)
    told = json.loads(run("incidents", "import", leaks, "--source", "acme/shop", "--format", "json").out)
    assert (told[0]["new"], told[0]["sources"]) == (0, ["acme/shop"])


def test_parts_that_could_not_be_used_are_named(tmp_path):
    (tmp_path / "leaks.json").write_text(json.dumps([*examples.gitleaks(), {"x": 1}], indent=1))
    done = run("incidents", "import", "leaks.json")
    assert done.status == 3
    assert "1 elements not taken: no finding of this format" in done.err
    assert "leaks.json:" in done.err


def test_a_broken_file_does_not_keep_the_others_out(tmp_path, leaks):
    (tmp_path / "cut.json").write_text(examples.text("gitleaks")[:-40])
    done = run("incidents", "import", "cut.json", leaks, "missing.json", "--format", "json")
    assert (done.status, done.error.code) == (2, "input")
    assert "cut.json:" in done.err
    assert [item["file"] for item in json.loads(done.out)] == ["leaks.json"]


def test_no_value_is_printed(tmp_path):
    for name in examples.EXAMPLES:
        (tmp_path / f"{name}.txt").write_text(examples.text(name))
    files = [f"{name}.txt" for name in examples.EXAMPLES]
    done = run("incidents", "import", *files, "--format", "json")
    assert done.status == 0
    assert not [value for value in examples.VALUES if value in done.out + done.err]
