"""The commands about the record, as they are typed."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
from tests.unit.cli.runner import run

SECRET = "kT9vQ2mX7pLw4RzN8sYb3HcJ6dFg5aUe"


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A repository with one leak, and a record of its own."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "settings.py").write_text(f'api_secret_key = "{SECRET}"\n')
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("STANCH_DATABASE", f"sqlite:///{tmp_path}/stanch.db")
    return folder


@pytest.fixture
def recorded(shop):
    assert run("scan", ".", "--record", "--keep-values", "-q").status == 1
    return shop


def test_an_empty_record_says_how_to_begin(shop):
    assert "stanch scan . --record" in run("incidents", "list").out


def test_what_was_scanned_is_listed_and_shown(recorded):
    listed = run("incidents", "list")
    assert "settings.py" in listed.out and SECRET not in listed.out
    shown = run("incidents", "show", "1")
    assert "Next:" in shown.out and "kept sealed" in shown.out and SECRET not in shown.out


def test_scanning_again_opens_nothing_new(recorded):
    again = run("scan", ".", "--record", "-q")
    assert again.status == 1
    (one,) = json.loads(run("incidents", "list", "--format", "json").out)
    assert (one["number"], one["occurrences"]) == (1, 1)


def test_what_is_gone_from_the_source_is_gone_from_its_places(recorded):
    (recorded / "settings.py").write_text("nothing = 1\n")
    assert run("scan", ".", "--record", "-q").status == 0
    (one,) = json.loads(run("incidents", "list", "--format", "json").out)
    assert (one["occurrences"], one["gone"]) == (1, 1)


def test_an_incident_goes_through_its_states(recorded):
    for arguments, state in (
        (("start", "1"), "in_remediation"),
        (("ignore", "1", "--because", "accepted", "--until", "30d"), "ignored"),
        (("reopen", "1"), "open"),
        (("resolve", "1", "--as", "revoked", "--note", "in the console"), "resolved"),
    ):
        assert run("incidents", *arguments).status == 0
        (one,) = json.loads(run("incidents", "list", "--state", "any", "--format", "json").out)
        assert one["state"] == state


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("show", "99"), "there is no such incident"),
        (("start", "99"), "there is no incident 99"),
        (("ignore", "1", "--because", "accepted"), "until a date"),
        (("ignore", "1", "--because", "accepted", "--until", "soon"), "no day"),
        (("reveal", "1", "--reason", "short"), "reason of 10"),
    ],
)
def test_mistakes_are_told_with_what_to_do(recorded, arguments, told):
    done = run("incidents", *arguments)
    assert done.status == 2
    assert told in str(done.error)


def test_a_value_is_revealed_on_standard_output_alone_and_leaves_a_trace(recorded):
    done = run("incidents", "reveal", "1", "--reason", "compare with the vault")
    assert done.out.strip() == SECRET and SECRET not in done.err
    assert "incident.reveal" in run("audit", "list").out


def test_the_trail_is_intact_and_its_status_says_so(recorded):
    assert run("audit", "verify").status == 0
    assert json.loads(run("audit", "verify", "--format", "json").out)["intact"] is True


def test_sources_are_listed_and_changed(recorded):
    assert "shop" in run("sources", "list").out
    assert "1 incident judged anew" in run("sources", "set", "shop", "--exposure", "public").err
    assert "1 place marked as gone" in run("sources", "remove", "shop").err
    assert run("sources", "set", "shop", "--exposure", "public").status == 2


def test_a_report_of_another_scanner_is_imported_and_merged(recorded, tmp_path):
    finding = {
        "RuleID": "generic-api-key",
        "Secret": SECRET,
        "Match": f"x={SECRET}",
        "File": "other.py",
        "StartLine": 4,
        "EndLine": 4,
    }
    (tmp_path / "gitleaks.json").write_text(
        json.dumps([finding | {"StartColumn": 1, "EndColumn": 9, "Commit": "", "Fingerprint": "a:b:4"}])
    )
    done = run("incidents", "import", str(tmp_path / "gitleaks.json"))
    assert done.status == 0, done.err
    (one,) = json.loads(run("incidents", "list", "--format", "json").out)
    assert one["occurrences"] == 2


def test_a_record_is_backed_up_and_restored(recorded, tmp_path, monkeypatch):
    assert run("db", "backup", str(tmp_path / "b.zip")).status == 0
    monkeypatch.setenv("STANCH_DATABASE", f"sqlite:///{tmp_path}/other.db")
    assert run("db", "restore", str(tmp_path / "b.zip")).status == 0
    assert "settings.py" in run("incidents", "list").out
    assert SECRET.encode() not in (tmp_path / "b.zip").read_bytes()


def test_workspaces_keep_their_incidents_apart(recorded, monkeypatch):
    assert run("workspaces", "create", "pay", "--name", "Payments").status == 0
    assert "No incident fits" in run("incidents", "list", "--workspace", "pay").out
    assert run("incidents", "list", "--workspace", "nowhere").status == 2
    monkeypatch.setenv("STANCH_WORKSPACE", "pay")
    run("scan", ".", "--record", "-q")
    assert "settings.py" in run("incidents", "list").out


def test_the_first_administrator_gets_a_link_until_there_is_one(shop):
    assert re.search(r"/welcome/[\w-]{43}$", run("users", "link").out.strip())
    assert "Nobody yet" in run("users", "list").out
    assert run("users", "link", "ada@acme.test").status == 2


def test_several_targets_are_refused_before_anything_is_scanned(shop):
    done = run("scan", ".", "..", "--record")
    assert done.status == 2 and "one target" in str(done.error)
