import os
import signal
from pathlib import Path

import pytest
from tests.support.gitrepo import Sandbox

from stanch.core.errors import SourceError
from stanch.sources import git_run
from stanch.sources.git_repo import discover


def _fake_git(folder: Path, script: str) -> None:
    program = folder / "git"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_without_git_the_error_says_what_to_install(tmp_path, monkeypatch):
    Sandbox(tmp_path / "repo")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError) as caught:
        discover(tmp_path / "repo")
    assert caught.value.code == "git_missing"
    assert "2.30" in caught.value.hint


def test_a_git_that_cannot_be_started_is_a_clear_error(tmp_path, monkeypatch):
    (tmp_path / "git").write_bytes(b"\x7fELF no program")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError) as caught:
        git_run.run(("version",), env=git_run.environment({}))
    assert caught.value.code == "git_missing"


def test_a_relative_entry_of_path_never_supplies_git(tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    _fake_git(tmp_path / "bin", "touch ran")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join(["bin", ".", "", "/usr/local/bin", "/usr/bin"]))
    assert git_run.run(("version",), env=git_run.environment({})).startswith(b"git version")
    assert not (tmp_path / "ran").exists()


def test_the_callers_git_variables_do_not_reach_git(monkeypatch):
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_CONFIG_COUNT", "GIT_EXTERNAL_DIFF", "GIT_TRACE"):
        monkeypatch.setenv(name, "1")
    env = git_run.environment({"GIT_DIR": "/there"})
    assert env["GIT_DIR"] == "/there"
    assert not {"GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_CONFIG_COUNT", "GIT_EXTERNAL_DIFF", "GIT_TRACE"} & set(env)
    assert env["GIT_ALLOW_PROTOCOL"] == "none"


def test_a_flood_of_messages_neither_blocks_nor_grows(tmp_path, monkeypatch):
    _fake_git(
        tmp_path, 'i=0; while [ $i -lt 20000 ]; do echo "error: first and many more $i" >&2; i=$((i+1)); done; echo out; exit 3'
    )
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with git_run.start(("x",), env=git_run.environment({})) as running:
        assert b"".join(running.chunks()) == b"out\n"
        assert running.finish() == 3
    assert running.errors.startswith(b"error: first and many more 0\n")
    assert running.errors.endswith(b"more 19999\n")
    assert len(running.errors) <= 8 * 1024


def test_leaving_early_ends_the_process(tmp_path, monkeypatch):
    _fake_git(tmp_path, "echo begun; exec sleep 100")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with git_run.start(("x",), env=git_run.environment({})) as running:
        assert next(running.chunks()) == b"begun\n"
        assert running.alive
    assert not running.alive


def test_a_failure_carries_the_status_and_a_sentence(tmp_path):
    sandbox = Sandbox(tmp_path)
    repo = discover(sandbox.path)
    with pytest.raises(git_run.GitFailedError) as caught:
        repo.run("rev-list", "nowhere", "--")
    assert caught.value.status == 128
    assert caught.value.unknown_revision
    assert caught.value.message == "git rev-list failed: git does not know that revision or an object it leads to."


@pytest.mark.parametrize("size", [0, 1, 3_000_000])
def test_what_is_fed_arrives_whole(size):
    data = b"0123456789" * (size // 10)
    with git_run.fed(data) as file:
        assert file.read() == data


def test_an_unknown_message_is_shown_without_addresses_names_and_escapes():
    secret = "hunter" + "2" * 50
    errors = (
        f"warning: x\nfatal: cannot open https://user:{secret}@host/x with 'a\x1b[31m{secret}' \x1b]0;title\x07{secret}".encode()
    )
    shown = git_run.explain(errors, 128)
    assert secret not in shown
    assert shown.startswith("fatal: cannot open ‹address› with ‹name› ")
    assert shown.isprintable()
    assert len(git_run.explain(b"fatal: " + b"word " * 10_000, 1)) == git_run.MESSAGE_LIMIT


def test_a_silent_end_is_explained_by_its_status():
    assert git_run.explain(b"", 5) == "it ended with status 5"
    assert git_run.explain(b"noise", -signal.SIGKILL) == "signal 9 ended it"


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("error: inflate: data stream error\nfatal: unable to stream x to stdout", "damaged"),
        ("fatal: detected dubious ownership in repository at '/x'", "owns"),
        ("fatal: unknown repository extension found:\n\tnew", "too old"),
        ("fatal: index file corrupt", "index"),
        ("error: Out of memory, malloc failed (tried to allocate 163208755894 bytes)", "memory"),
        ("fatal: bad config line 1 in file .git/config", "configuration"),
    ],
)
def test_usual_failures_are_told_in_our_words(line, meaning):
    assert meaning in git_run.explain(line.encode(), 128)
