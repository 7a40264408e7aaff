"""Repositories that are damaged or incomplete: what is missing is said, what is there is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.command import environment, stanch
from tests.support.gitrepo import Sandbox
from tests.support.values import leak


@pytest.fixture
def repo(tmp_path: Path) -> Sandbox:
    """Three commits: a leak that was taken out again, one that is still there, and harmless text."""
    sandbox = Sandbox(tmp_path / "repo")
    sandbox.commit({"old.env": leak(1), "text.txt": b"line\n" * 50})
    sandbox.commit({"old.env": b"moved to the vault\n", "app.env": leak(2)})
    sandbox.commit({"text.txt": b"line\n" * 60})
    return sandbox


def scan(repo: Sandbox, *options: str):
    return stanch("scan", ".", "--format", "json", *options, cwd=repo.path)


def paths(ran) -> set[str]:
    return {f["path"] for f in ran.report["findings"]}


def test_the_repository_of_these_tests_is_sound(repo: Sandbox):
    ran = scan(repo)
    assert (ran.status, paths(ran), ran.report["skipped"]) == (1, {"old.env", "app.env"}, [])


def test_a_truncated_pack_is_named_and_the_work_tree_is_read(repo: Sandbox):
    pack = repo.pack()
    pack.write_bytes(pack.read_bytes()[:-60])
    ran = scan(repo)
    assert ran.status == 3
    assert "app.env" in paths(ran)
    assert any(pack.name in s["path"] or pack.name in s["reason"] for s in ran.report["skipped"]), ran.report["skipped"]
    assert "Traceback" not in ran.err


def test_a_pack_damaged_in_the_middle_is_no_silent_gap(repo: Sandbox):
    pack = repo.pack()
    data = bytearray(pack.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 12] = b"\xff" * 12
    pack.write_bytes(data)
    ran = scan(repo)
    assert ran.status == 3
    assert "app.env" in paths(ran)


def test_a_missing_object_is_named_and_the_others_are_read(repo: Sandbox):
    oid = repo.oid("HEAD:text.txt")
    repo.loose(oid).unlink()
    ran = scan(repo)
    assert ran.status == 3
    assert paths(ran) == {"old.env", "app.env"}
    assert any(oid[:12] in s["path"] + s["reason"] or "text.txt" in s["path"] for s in ran.report["skipped"])


def test_a_damaged_object_is_named_and_the_others_are_read(repo: Sandbox):
    loose = repo.loose(repo.oid("HEAD~2:text.txt"))
    loose.write_bytes(loose.read_bytes()[:20])
    ran = scan(repo)
    assert ran.status == 3
    assert paths(ran) == {"old.env", "app.env"}


def test_a_missing_commit_does_not_hide_the_rest(repo: Sandbox):
    repo.loose(repo.oid("HEAD~1")).unlink()
    ran = scan(repo)
    assert ran.status == 3
    assert "app.env" in paths(ran)
    assert "Traceback" not in ran.err


def test_a_shallow_clone_says_that_history_is_missing(repo: Sandbox, tmp_path: Path):
    repo.git("clone", "-q", "--depth", "1", f"file://{repo.path}", str(tmp_path / "shallow"))
    ran = stanch("scan", ".", "--format", "json", cwd=tmp_path / "shallow")
    assert (ran.status, set(ran.skipped.values())) == (3, {"shallow"})
    assert "git fetch --unshallow" in ran.err


def test_an_empty_repository_is_nothing_to_find(tmp_path: Path):
    ran = scan(Sandbox(tmp_path / "empty"))
    assert (ran.status, ran.report["findings"], ran.report["skipped"]) == (0, [], [])


@pytest.mark.parametrize("damage", ["HEAD", "config", "objects", "refs"])
def test_a_repository_that_is_none_any_more_is_said(repo: Sandbox, damage: str):
    path = repo.git_dir / damage
    path.rename(path.with_name("away"))
    if damage == "config":
        path.write_bytes(b"[core\n")
    ran = scan(repo)
    assert ran.status in (1, 2, 3)
    assert "Traceback" not in ran.err
    assert "bug of ours" not in ran.err
    if ran.status == 2:
        assert ran.err.startswith("stanch: ")
    else:
        assert "app.env" in paths(ran)
        # Without a repository there is no history to miss; with a broken one there is.
        assert ran.status == 3 or damage != "config"


def test_without_git_the_files_are_read_and_the_history_is_said_to_be_missing(repo: Sandbox, tmp_path: Path):
    (tmp_path / "bin").mkdir()
    ran = stanch("scan", ".", "--format", "json", cwd=repo.path, env=environment(PATH=str(tmp_path / "bin")))
    assert ran.status in (2, 3)
    assert "git" in ran.err
    assert "Traceback" not in ran.err


def test_a_file_of_refs_full_of_nonsense_does_not_end_the_scan(repo: Sandbox):
    (repo.git_dir / "packed-refs").write_bytes(
        b"# pack-refs with: peeled\nnonsense\n\xff\xfe\n" + b"0" * 40 + b" refs/heads/none\n"
    )
    ran = scan(repo)
    assert ran.status in (1, 3)
    assert "app.env" in paths(ran)


def test_a_pre_commit_scan_of_a_broken_index_is_said(repo: Sandbox):
    (repo.git_dir / "index").write_bytes(b"DIRC broken")
    ran = stanch("scan", "staged", cwd=repo.path)
    assert ran.status == 2
    assert ran.err.startswith("stanch: ")
    assert "Traceback" not in ran.err


def test_the_settings_of_a_hostile_repository_run_no_program(repo: Sandbox, tmp_path: Path):
    """git runs what a repository's configuration names: a hook, a pager, a file system monitor, a filter."""
    witness = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {witness}\ncat\n", "utf-8")
    program.chmod(0o755)
    for name in (
        "core.fsmonitor",
        "core.pager",
        "diff.external",
        "core.sshCommand",
        "filter.x.clean",
        "filter.x.smudge",
        "diff.x.textconv",
    ):
        repo.git("config", name, str(program))
    hooks = repo.git_dir / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-index-change", "reference-transaction", "pre-commit"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {witness}\n", "utf-8")
        (hooks / name).chmod(0o755)
    repo.write(".gitattributes", b"*.env filter=x diff=x\n")
    repo.write("new.env", leak(5))
    for target in (".", "staged", "worktree"):
        ran = stanch("scan", target, "--format", "json", cwd=repo.path)
        assert ran.status in (0, 1, 3), ran.err
        assert not witness.exists(), target
