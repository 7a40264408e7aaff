import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stanch.config.globs import GlobSet, parse, problem

from .git import Repository

PIECES = [
    *("a", "b", "ab", "*", "**", "***", "?", "/", "/", "/", "/**/", "**/", "/**", "*.c", ".", "c", "-", "!", "#", " "),
    *("[ab]", "[!a]", "[^b]", "[a-c]", "[b-a]", "[]a]", "[^]a]", "[a-]", "[[:alpha:]]", "[[:nope:]]", "[[:a", "[a-\\c]"),
    *("[\\]]", "[/]", "\\a", "\\", "[", "\\/", "\\ "),
]
NAMES = ["a", "b", "c", "ab", "ba", "abc", ".a", "a.c", "b.c", "a-b", " ", "a ", "[", "#a", "!a", "\\a", "-", "]", "**", "a\nb"]

patterns = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    repository = Repository(tmp_path_factory.mktemp("globs") / "repo")
    files = [f"{x}/{y}" for x in NAMES[:14] for y in NAMES] + [
        f"{x}/{y}/{z}" for x in ("a", "b", "abc", "c") for y in NAMES[:8] for z in NAMES[:9]
    ]
    deep = ["b/a/b/a/c", "ba/ab/a/b.c", "c/c/c/c/a", "ab/a/a/a"]
    return repository, repository.fill(["README.c", "-", "]", "**", *deep, *files], ["empty", "a/b/empty"])


@given(st.lists(patterns, min_size=1, max_size=3))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_patterns_mean_what_git_check_ignore_says(tree, lines):
    repository, paths = tree
    (repository.root / ".git" / "info" / "exclude").write_text("\n".join(lines) + "\n")
    globs = GlobSet(lines)
    assert {path for path, is_dir in paths if globs.excluded(path, is_dir=is_dir)} == repository.ignored(
        [path for path, _ in paths]
    )


@pytest.mark.parametrize(
    "lines",
    [
        ["foo**/bar"],  # git compares the text before the first wildcard by itself
        ["ab**/[a-c]**/**"],
        ["/**\\/*.c"],
        ["a/**/b", "!a/b"],
        ["*", "!*/", "!*.c"],
        ["**"],
        ["/*", "!/a", "/a/*", "!/a/b"],
    ],
)
def test_corners_of_the_pattern_language_are_as_in_git(tree, lines):
    repository, paths = tree
    (repository.root / ".git" / "info" / "exclude").write_text("\n".join(lines) + "\n")
    globs = GlobSet(lines)
    expected = repository.ignored([path for path, _ in paths])
    assert {path for path, is_dir in paths if globs.excluded(path, is_dir=is_dir)} == expected


@pytest.mark.parametrize(
    ("pattern", "path", "excluded"),
    [
        ("node_modules", "web/node_modules/left/index.js", True),
        ("node_modules/", "web/node_modules", False),  # a file of that name is no folder
        ("/build", "build/x", True),
        ("/build", "src/build/x", False),
        ("docs/*.md", "docs/a.md", True),
        ("docs/*.md", "docs/deep/a.md", False),
        ("docs/**/*.md", "docs/a.md", True),
        ("docs/**/*.md", "docs/deep/er/a.md", True),
        ("*.min.js", "a/b/jquery.min.js", True),
        ("caf?", "café", True),
    ],
)
def test_pattern_excludes_path(pattern, path, excluded):
    assert (GlobSet([pattern]).excluded(path) is not None) is excluded


def test_last_matching_pattern_decides_and_is_named():
    globs = GlobSet(["*.pem", "!public.pem", "old/*.pem"])
    assert globs.excluded("a.pem").text == "*.pem"
    assert globs.excluded("public.pem") is None
    assert globs.excluded("old/public.pem").text == "old/*.pem"
    assert globs.match("public.pem").negated


def test_nothing_below_an_excluded_folder_comes_back():
    globs = GlobSet(["vendor/", "!vendor/ours/key.txt"])
    assert globs.excluded("vendor/ours/key.txt").text == "vendor/"


def test_verdict_on_a_folder_is_the_same_when_it_is_remembered():
    globs = GlobSet(["b/", "!keep"])
    paths = ["a/b/c/d", "a/b/c/e", "a/x", "a/b/keep", "a/c/keep"]
    once = [globs.excluded(path) is not None for path in paths]
    assert once == [globs.excluded(path) is not None for path in paths] == [True, True, False, True, False]


@pytest.mark.parametrize("line", ["", "   ", "# comment", "#"])
def test_comment_or_empty_line_is_no_pattern(line):
    assert parse(line) is None
    assert problem(line)


@pytest.mark.parametrize("pattern", ["[ab", "a\\", "[[:nope:]]", "!", "/"])
def test_pattern_that_can_never_match_is_called_so(pattern):
    assert "can match nothing" in problem(pattern)
    assert GlobSet([pattern]).excluded("a/b") is None


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 40 + "b", "a" * 4000),
        ("/" + "*a" * 40 + "b", "a" * 4000),
        ("**/a/" * 40 + "b", "a/" * 2000 + "c"),
        ("**/*a*a/" * 20 + "b", "aaaa/" * 800 + "c"),
        ("/**\\/" * 20 + "x", "a/" * 2000 + "y"),
        ("?*" * 40 + "b", "a" * 4000),
    ],
)
def test_hostile_pattern_and_path_take_little_time(pattern, path):
    start = time.process_time()
    GlobSet([pattern, "!" + pattern]).excluded(path)
    assert time.process_time() - start < 2
