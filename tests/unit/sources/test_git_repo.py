import os
import pickle

import pytest
from tests.support.gitrepo import Sandbox

from stanch.core.errors import SourceError
from stanch.core.finding import Skipped
from stanch.sources.git_repo import Submodule, discover, open_repo, submodules


def test_a_work_tree_is_found_from_itself_from_below_and_from_its_git_folder(tmp_path):
    sandbox = Sandbox(tmp_path / "repo")
    sandbox.commit({"deep/er/file": b"x"})
    expected = discover(sandbox.path)
    assert (expected.git_dir, expected.work_tree, expected.is_bare) == (sandbox.path / ".git", sandbox.path, False)
    assert (expected.is_shallow, expected.is_partial, expected.object_format) == (False, False, "sha1")
    for place in ("deep/er", "deep/er/file", ".git", "deep/../deep"):
        assert discover(sandbox.path / place) == expected
    assert discover(sandbox.path / "deep", parents=False) is None
    assert pickle.loads(pickle.dumps(expected)) == expected


def test_a_bare_repository_has_no_work_tree(tmp_path):
    sandbox = Sandbox(tmp_path / "bare.git", bare=True)
    repo = discover(sandbox.path)
    assert (repo.git_dir, repo.work_tree, repo.is_bare, repo.path) == (sandbox.path, None, True, str(sandbox.path))


def test_a_bare_repository_named_dot_git_has_no_work_tree(tmp_path):
    Sandbox(tmp_path / ".git", bare=True)
    assert discover(tmp_path).is_bare


def test_outside_of_repositories_nothing_is_found(tmp_path):
    assert discover(tmp_path) is None
    (tmp_path / ".git").mkdir()
    (tmp_path / "HEAD").write_text("ref: refs/heads/main\n")
    assert discover(tmp_path) is None
    with pytest.raises(SourceError) as caught:
        open_repo(tmp_path)
    assert caught.value.code == "not_a_repository"


@pytest.mark.parametrize(
    "text", ["", "gitdir:", "gitdir: /nowhere", "gitdir: .", "nonsense", "gitdir: " + "x" * 100_000, "gitdir: a\0b"]
)
def test_a_broken_git_file_is_no_repository(tmp_path, text):
    (tmp_path / ".git").write_text(text)
    assert discover(tmp_path) is None


def test_a_linked_worktree_shares_the_objects_of_the_main_one(tmp_path):
    main = Sandbox(tmp_path / "main")
    main.commit({"a": b"1"})
    main.git("worktree", "add", "-q", str(tmp_path / "linked"))
    repo = discover(tmp_path / "linked")
    assert repo.work_tree == tmp_path / "linked"
    assert repo.git_dir == main.path / ".git/worktrees/linked"
    assert repo.objects == main.path / ".git/objects"
    assert discover(repo.git_dir) == repo
    assert discover(tmp_path / "linked/.git") == repo


def test_submodules_are_found_with_their_paths(tmp_path):
    inner = Sandbox(tmp_path / "inner")
    inner.commit({"deep": b"inner"})
    middle = Sandbox(tmp_path / "middle")
    middle.git("submodule", "--quiet", "add", str(inner.path), "vendor/inner")
    middle.commit()
    outer = Sandbox(tmp_path / "outer")
    outer.git("submodule", "--quiet", "add", "--name", "renamed", str(middle.path), "libs/middle")
    outer.commit()
    outer.git("submodule", "--quiet", "update", "--init", "--recursive")
    found = list(submodules(discover(outer.path)))
    assert [sub.prefix for sub in found] == ["libs/middle/", "libs/middle/vendor/inner/"]
    assert found[0].repo.work_tree == outer.path / "libs/middle"
    assert found[0].repo == discover(outer.path / "libs/middle")
    assert found[1].repo.git_dir == outer.path / ".git/modules/renamed/modules/vendor/inner"
    outer.git("submodule", "--quiet", "deinit", "-f", "--all")  # no longer checked out, still there
    assert [sub.prefix for sub in submodules(discover(outer.path))] == ["renamed/", "renamed/vendor/inner/"]


def test_a_git_file_that_points_out_of_the_repository_is_no_submodule(tmp_path):
    elsewhere = Sandbox(tmp_path / "elsewhere")
    elsewhere.commit({"private": b"x"})
    sandbox = Sandbox(tmp_path / "repo")
    commit = sandbox.commit({"sub/.keep": b""})
    sandbox.git("update-index", "--add", "--cacheinfo", f"160000,{commit},evil")
    sandbox.write("evil/.git", f"gitdir: {elsewhere.path}/.git".encode())
    assert list(submodules(discover(sandbox.path))) == []


def test_a_submodule_that_cannot_be_read_is_reported_and_the_others_go_on(tmp_path):
    sandbox = Sandbox(tmp_path / "repo")
    for name in ("bad", "good"):
        Sandbox(sandbox.path / name).commit({"x": b"1"})
    sandbox.git("-c", "advice.addEmbeddedRepo=false", "add", ".")
    (sandbox.path / "bad/.git/config").write_text("[core\n")
    bad, good = submodules(discover(sandbox.path))
    assert isinstance(bad, Skipped)
    assert (bad.path, bad.code) == ("bad/", "git_failed")
    assert "configuration" in bad.reason
    assert isinstance(good, Submodule)


def test_cut_history_and_objects_left_at_the_remote_are_known(tmp_path):
    sandbox = Sandbox(tmp_path / "origin")
    for number in range(3):
        sandbox.commit({"f": b"%d" % number})
    sandbox.git("config", "uploadpack.allowFilter", "true")
    url = f"file://{sandbox.path}"
    sandbox.git("clone", "-q", "--depth=1", url, str(tmp_path / "shallow"))
    sandbox.git("clone", "-q", "--bare", "--filter=blob:none", url, str(tmp_path / "partial"))
    assert discover(tmp_path / "shallow").is_shallow
    assert discover(tmp_path / "partial").is_partial
    assert not discover(tmp_path / "shallow").is_partial


def test_the_longer_ids_of_sha256_are_known(tmp_path):
    sandbox = Sandbox(tmp_path / "repo", object_format="sha256")
    repo = discover(sandbox.path)
    assert (repo.object_format, repo.id_length) == ("sha256", 64)
    assert repo.empty_tree == sandbox.git("hash-object", "-t", "tree", os.devnull)


def test_alternates_are_followed(tmp_path):
    for name, base in (("a", None), ("b", "a"), ("c", "b")):
        sandbox = Sandbox(tmp_path / name)
        if base:
            (sandbox.git_dir / "objects/info/alternates").write_text(f"# borrowed\n../../../{base}/.git/objects\n")
    repo = discover(tmp_path / "c")
    assert repo.alternates == (tmp_path / "b/.git/objects", tmp_path / "a/.git/objects")


def test_alternates_in_a_circle_end(tmp_path):
    sandbox = Sandbox(tmp_path / "a")
    (sandbox.git_dir / "objects/info/alternates").write_text(".\n")
    (sandbox.git_dir / "objects/pack/more").mkdir()
    (sandbox.git_dir / "objects/pack/more/info").mkdir()
    (sandbox.git_dir / "objects/pack/more/info/alternates").write_text("../..\n" * 3)
    (sandbox.git_dir / "objects/info/alternates").write_text(".\npack/more\n" * 50)
    assert len(discover(sandbox.path).alternates) == 1


def test_the_callers_git_dir_does_not_redirect(tmp_path, monkeypatch):
    here, there = Sandbox(tmp_path / "here"), Sandbox(tmp_path / "there")
    here.commit({"a": b"here"})
    there.commit({"a": b"there"})
    monkeypatch.setenv("GIT_DIR", str(there.path / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(there.path / ".git/index"))
    repo = discover(here.path)
    assert repo.git_dir == here.path / ".git"
    assert repo.hook == ()
    assert repo.run("cat-file", "blob", "HEAD:a") == b"here"


def test_the_index_of_a_hook_is_kept(tmp_path, monkeypatch):
    sandbox = Sandbox(tmp_path / "repo")
    monkeypatch.chdir(sandbox.path)
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index.lock")
    assert discover(sandbox.path).environment()["GIT_INDEX_FILE"] == str(sandbox.path / ".git/index.lock")


def test_the_quarantine_of_a_push_is_kept(tmp_path, monkeypatch):
    sandbox = Sandbox(tmp_path / "bare.git", bare=True)
    quarantine = sandbox.path / "objects/tmp_objdir-incoming-x"
    quarantine.mkdir()
    monkeypatch.chdir(sandbox.path)
    monkeypatch.setenv("GIT_DIR", ".")
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(quarantine))
    monkeypatch.setenv("GIT_QUARANTINE_PATH", str(quarantine))
    env = discover(sandbox.path).environment()
    assert env["GIT_OBJECT_DIRECTORY"] == str(quarantine)
    assert env["GIT_ALTERNATE_OBJECT_DIRECTORIES"] == str(sandbox.path / "objects")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_repository_of_somebody_else_is_read(tmp_path):
    sandbox = Sandbox(tmp_path / "repo")
    sandbox.commit({"a": b"theirs"})
    for path in (sandbox.path, *sandbox.path.rglob("*")):
        os.chown(path, 12345, 12345)
    repo = discover(sandbox.path)
    assert repo.run("cat-file", "blob", "HEAD:a") == b"theirs"


def test_a_broken_configuration_is_a_clear_error(tmp_path):
    sandbox = Sandbox(tmp_path)
    (sandbox.git_dir / "config").write_text("[core\n")
    with pytest.raises(SourceError) as caught:
        discover(sandbox.path)
    assert "configuration of the repository is broken" in caught.value.message
