import pytest
from tests.support.gitrepo import Sandbox

from stanch.config.settings import Settings
from stanch.core.errors import InputError, SourceError
from stanch.scanning.targets import plan, prefix_of
from stanch.sources.files import FileSource, StdinSource
from stanch.sources.git_changes import GitCommit, GitRange, GitStaged, GitWorkTree
from stanch.sources.git_history import GitHistory


@pytest.fixture
def repo(tmp_path):
    made = Sandbox(tmp_path / "repo")
    made.commit({"a.txt": b"a\n"})
    return made


def planned(mode: str, *arguments: object, **changes):
    return plan(mode, [str(a) for a in arguments], Settings(**changes), lambda path, is_dir: False)


def kinds(targets) -> list[type]:
    return [type(target.source) for target in targets]


def test_repository_is_scanned_in_its_work_tree_and_its_history(repo):
    targets = planned("", repo.path)
    assert kinds(targets) == [FileSource, GitHistory]
    assert targets[0].history is None
    assert targets[1].history is targets[1].source
    assert {t.prefix for t in targets} == {f"{repo.path}/"}


@pytest.mark.parametrize(
    ("mode", "changes", "expected"),
    [
        ("files", {}, [FileSource]),
        ("git", {}, [GitHistory]),
        ("", {"history": False}, [FileSource]),
        ("", {"work_tree": False}, [GitHistory]),
    ],
)
def test_mode_and_settings_choose_what_is_read(repo, mode, changes, expected):
    assert kinds(planned(mode, repo.path, **changes)) == expected


def test_folder_inside_a_repository_and_a_file_are_read_as_they_are(repo):
    repo.commit({"sub/b.txt": b"b\n"})
    assert kinds(planned("", repo.path / "sub", repo.path / "a.txt")) == [FileSource, FileSource]


def test_bare_repository_has_its_history_only(repo, tmp_path):
    repo.git("clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    assert kinds(planned("", tmp_path / "bare.git")) == [GitHistory]


def test_dash_is_standard_input():
    (target,) = planned("", "-")
    assert (type(target.source), target.shown) == (StdinSource, "<stdin>")


def test_without_arguments_the_current_folder_is_scanned(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (target,) = planned("")
    assert (target.shown, target.prefix) == (".", "")


@pytest.mark.parametrize(
    ("mode", "arguments", "kind", "shown"),
    [
        ("staged", (), GitStaged, "staged"),
        ("worktree", (), GitWorkTree, "worktree"),
        ("commit", ("HEAD",), GitCommit, "commit HEAD"),
        ("range", ("HEAD..HEAD",), GitRange, "range HEAD..HEAD"),
    ],
)
def test_changes_are_one_target(repo, mode, arguments, kind, shown):
    (target,) = planned(mode, *arguments, repo.path)
    assert (type(target.source), target.shown) == (kind, shown)
    assert target.change is target.source


@pytest.mark.parametrize("mode", ["range", "commit"])
def test_change_without_a_revision_is_refused_with_an_example(mode):
    with pytest.raises(InputError) as caught:
        planned(mode)
    assert f"stanch scan {mode} " in caught.value.hint


def test_changes_of_two_repositories_are_refused(repo):
    with pytest.raises(InputError, match="one repository"):
        planned("staged", repo.path, repo.path)


def test_path_that_is_missing_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        planned("", tmp_path / "none")


def test_folder_that_is_no_repository_is_refused_where_one_is_needed(tmp_path):
    with pytest.raises(SourceError):
        planned("git", tmp_path)


@pytest.mark.parametrize(
    ("argument", "prefix"),
    [(".", ""), ("", ""), ("./", ""), ("repo", "repo/"), ("./repo/", "repo/"), ("/a/b", "/a/b/"), ("..", "../")],
)
def test_prefix_of_shown_paths(argument, prefix):
    assert prefix_of(argument) == prefix
