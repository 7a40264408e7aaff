import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stanch.config.gitignore import GitIgnore, ignore_lines

from .git import Repository

NAMES = ["a", "b", "ab", "a.c"]
PIECES = ["a", "b", "ab", "*", "**", "?", "/", "[ab]", "!", ".c", "/**/", "**/", "!*", " "]
files = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    repository = Repository(tmp_path_factory.mktemp("gitignore") / "repo")
    paths = repository.fill([f"{x}{y}/{z}" for x in ("", "a/", "b/", "ab/", "a/b/") for y in ("a", "b") for z in NAMES])
    return repository, [*paths]


@given(
    st.dictionaries(
        st.sampled_from(["", "a", "b", "a/a", "a/b", "a/b/a", "ab"]), st.lists(files, min_size=1, max_size=3), max_size=4
    ),
    files,
    st.sampled_from(["\n", "\r\n"]),
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nested_files_mean_what_git_check_ignore_says(tree, ignores, exclude, ending):
    repository, paths = tree
    for old in repository.root.rglob(".gitignore"):
        old.unlink()
    for folder, lines in ignores.items():
        if (repository.root / folder).is_dir():
            (repository.root / folder / ".gitignore").write_text(ending.join(lines), newline="")
    (repository.root / ".git" / "info" / "exclude").write_text(exclude)
    rules = GitIgnore(repository.root)
    got = {path for path, is_dir in reversed(paths) if rules.ignored(path, is_dir=is_dir)}
    assert got == repository.ignored([path for path, _ in paths])


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path / "repo")


def test_rules_above_the_scanned_folder_hold_in_it(repository):
    repository.fill(["sub/deep/a.log", "sub/deep/a.txt", "sub/b.tmp"])
    (repository.root / ".gitignore").write_text("*.log\n/sub/deep/a.txt\n")
    (repository.root / "sub" / ".gitignore").write_text("*.tmp\n")
    rules = GitIgnore(repository.root / "sub" / "deep")
    assert [rules.ignored(name) for name in ("a.log", "a.txt", "a.tmp", "a.md", "more/a.log")] == [True, True, True, False, True]


def test_folder_that_was_named_is_read_although_a_rule_ignores_it(repository):
    repository.fill(["build/a.txt", "build/a.log"])
    (repository.root / ".gitignore").write_text("build/\n*.log\n")
    rules = GitIgnore(repository.root / "build")
    assert not rules.ignored("a.txt")
    assert rules.ignored("a.log")


def test_nested_repository_starts_afresh_and_has_excludes_of_its_own(repository):
    repository.fill(["inner/a.log", "inner/b.secret", "a.log"])
    (repository.root / ".gitignore").write_text("*.log\n")
    inner = Repository(repository.root / "inner")
    (inner.root / ".git" / "info" / "exclude").write_text("b.*\n")
    rules = GitIgnore(repository.root)
    assert [rules.ignored(path) for path in ("a.log", "inner/a.log", "inner/b.secret")] == [True, False, True]


def test_worktree_takes_excludes_of_the_main_repository(repository, tmp_path):
    repository.run("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "--allow-empty", "-m", "x")
    (repository.root / ".git" / "info" / "exclude").write_text("*.local\n")
    repository.run("worktree", "add", "-q", str(tmp_path / "other"))
    rules = GitIgnore(tmp_path / "other")
    assert rules.ignored("settings.local")
    assert not rules.ignored("settings")


def test_folder_outside_any_repository_still_honours_its_files(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / ".gitignore").write_text("*.log\n")
    rules = GitIgnore(tmp_path)
    assert rules.ignored("x/a.log")
    assert not rules.ignored("a.log")


def test_pipe_link_and_huge_file_in_place_of_an_ignore_file_are_passed_over(tmp_path):
    for name in ("pipe", "link", "huge", "folder"):
        (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / "pipe" / ".gitignore")
    (tmp_path / "patterns").write_text("*\n")
    (tmp_path / "link" / ".gitignore").symlink_to(tmp_path / "patterns")  # git does not follow it either
    (tmp_path / "huge" / ".gitignore").write_bytes(b"*\n" * (1024 * 1024))
    (tmp_path / "folder" / ".gitignore").mkdir()
    rules = GitIgnore(tmp_path)
    assert not any(rules.ignored(f"{name}/a") for name in ("pipe", "link", "huge", "folder"))
    assert {(os.path.relpath(path, tmp_path), reason) for path, reason in rules.unreadable} == {
        ("pipe/.gitignore", "is not a regular file"),
        ("huge/.gitignore", "is larger than 1024 KiB"),
        ("folder/.gitignore", "is not a regular file"),
    }


def test_byte_order_mark_and_carriage_returns_are_no_part_of_a_pattern():
    assert ignore_lines(b"\xef\xbb\xbfa\r\nb\n\xff\r\n") == ["a", "b", "\udcff", ""]


def test_very_deep_path_is_judged_without_recursion(tmp_path):
    (tmp_path / ".gitignore").write_text("needle\n")
    rules = GitIgnore(tmp_path)
    assert not rules.ignored("a/" * 1900 + "b")
    assert rules.ignored("needle/" + "a/" * 1900 + "b")
