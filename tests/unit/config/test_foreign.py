import hashlib
import json
import os

import pytest

from stanch.config.allow import Allowlist
from stanch.config.foreign import DetectSecretsBaseline, load_foreign

from .factories import value

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def sha1(plain: bytes) -> str:
    return hashlib.sha1(plain, usedforsecurity=False).hexdigest()


def never() -> str:
    raise AssertionError("the value is not to be hashed here")


def detect_secrets(**given) -> str:
    return json.dumps({"version": "1.5.0", "plugins_used": [], "results": {}, **given})


# --- .gitleaksignore --------------------------------------------------------------------------------------------------------


@pytest.fixture
def ignores(tmp_path):
    def write(text):
        (tmp_path / ".gitleaksignore").write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_foreign(tmp_path)

    return write


@pytest.mark.parametrize(
    ("text", "commits", "expected"),
    [
        ("src/a.py:generic-api-key:12", (), ".gitleaksignore:1"),
        ("# comment\n\nsrc/a.py:generic-api-key:12\r\n", (), ".gitleaksignore:3"),
        ("src/a.py:any-other-rule:12", (), ".gitleaksignore:1"),
        ("./src/a.py:r:12", (), ".gitleaksignore:1"),
        ("src\\a.py:r:12", (), ".gitleaksignore:1"),
        ("src/a.py:r:13", (), ".gitleaksignore:1"),
        ("src/a.py:r:14", (), None),
        ("src/a.py:r:11", (), None),
        ("src/b.py:r:12", (), None),
        (f"{COMMIT}:src/a.py:r:12", (COMMIT,), ".gitleaksignore:1"),
        (f"{COMMIT}:src/a.py:r:12", ("f" * 40, COMMIT), ".gitleaksignore:1"),
        (f"{COMMIT}:src/a.py:r:12", ("f" * 40,), None),
        (f"{COMMIT}:src/a.py:r:12", (), None),
        ("src/a.py:r:12", (COMMIT,), ".gitleaksignore:1"),
        ("\ufeffsrc/a.py:r:12", (), ".gitleaksignore:1"),
    ],
)
def test_entry_covers_path_line_and_commit(ignores, text, commits, expected):
    assert ignores(text).covers("src/a.py", 12, 13, commits, never) == expected


def test_path_may_hold_colons_and_containers(ignores):
    found = ignores("a:b/c.py:r:1\nbackup.zip!etc/app.env:r:2\n")
    assert found.covers("a:b/c.py", 1, 1, (), never)
    assert found.covers("backup.zip!etc/app.env", 2, 2, (), never)


def test_odd_lines_are_left_aside_and_counted_out(ignores):
    found = ignores("one\ntwo:3\nfile:rule:x\nfile:rule:1\n:rule:1\nfile:rule:٣\n" + "odd\n" * 9)
    assert found.covers("file", 1, 1, (), never) == ".gitleaksignore:4"
    assert found.notes == (".gitleaksignore: not file:rule:line or commit:file:rule:line, so left aside: line 1, 2, 3, 5, 6 …",)


def test_invalid_utf8_and_pipe_do_not_stop_a_scan(ignores, tmp_path):
    assert ignores(b"a\xff.py:r:1\n").covers("a\udcff.py", 1, 1, (), never)
    (tmp_path / "pipes").mkdir()
    for name in (".gitleaksignore", ".secrets.baseline"):
        os.mkfifo(tmp_path / "pipes" / name)
    found = load_foreign(tmp_path / "pipes")
    assert not found
    assert found.notes == (
        ".gitleaksignore is left aside: it is not a regular file",
        ".secrets.baseline is left aside: it is not a regular file",
    )


def test_folder_without_either_file_ignores_nothing(tmp_path):
    found = load_foreign(tmp_path)
    assert not found
    assert (found.rules, found.notes) == ((), ())
    assert found.covers("a", 1, 1, (), never) is None


# --- .secrets.baseline ------------------------------------------------------------------------------------------------------


@pytest.fixture
def baseline(tmp_path):
    def write(text):
        (tmp_path / ".secrets.baseline").write_text(text)
        return load_foreign(tmp_path)

    return write


def test_accepted_value_is_covered_at_its_path_only(baseline):
    entries = [{"type": "Secret Keyword", "filename": "a.py", "hashed_secret": sha1(value()), "line_number": 1}]
    found = baseline(detect_secrets(results={"a.py": entries, "dir\\b.py": entries}))
    assert found.covers("a.py", 9, 9, (), lambda: sha1(value())) == ".secrets.baseline"
    assert found.covers("dir/b.py", 9, 9, (), lambda: sha1(value())) == ".secrets.baseline"
    assert found.covers("a.py", 9, 9, (), lambda: sha1(value("b"))) is None
    assert found.covers("c.py", 9, 9, (), never) is None
    assert found.detect_secrets.covers("a.py", sha1(value()))


def test_exclude_expressions_become_allow_rules(baseline):
    filters = [
        {"path": "detect_secrets.filters.heuristic.is_sequential_string"},
        {"path": "detect_secrets.filters.regex.should_exclude_file", "pattern": [r"\.lock$", "^gen/"]},
        {"path": "detect_secrets.filters.regex.should_exclude_line", "pattern": ["# fake"]},
        {"path": "detect_secrets.filters.regex.should_exclude_secret", "pattern": ["^made"]},
    ]
    accepted = Allowlist(baseline(detect_secrets(filters_used=filters)).rules)
    assert accepted.path_excluded("a/b.lock") == "excluded in .secrets.baseline"
    assert accepted.path_excluded("gen/a")
    assert accepted.path_excluded("src/gen/a") is None
    assert accepted.value_allowed("d", b"made", b"", "p")
    assert accepted.value_allowed("d", b"other", b"x  # fake", "p")
    assert accepted.value_allowed("d", b"other", b"x", "p") is None


def test_exclude_expressions_of_old_versions_become_allow_rules(baseline):
    accepted = Allowlist(baseline(detect_secrets(exclude={"files": "package-lock|^gen/", "lines": None})).rules)
    assert accepted.path_excluded("web/package-lock.json")
    assert accepted.value_allowed("d", b"v", b"line", "src/a") is None


def test_dangerous_exclude_expression_is_left_out_with_a_note(baseline):
    found = baseline(
        detect_secrets(filters_used=[{"path": "detect_secrets.filters.regex.should_exclude_line", "pattern": ["(a+)+$"]}])
    )
    assert found.rules == ()
    assert "an expression that excludes lines is not taken over: a repetition inside" in found.notes[0]


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", "no results in it"),
        ('{"results": []}', "no results in it"),
    ],
)
def test_broken_baseline_is_left_aside_with_a_note(baseline, text, note):
    found = baseline(text)
    assert not found
    assert note in found.notes[0]


def test_odd_entries_are_passed_over(baseline):
    odd = {"a": None, "b": [3, {"hashed_secret": 5}, {"hashed_secret": "xyz"}, {}], "c": [{"hashed_secret": sha1(b"x")}]}
    filters = [3, {"path": "detect_secrets.filters.regex.should_exclude_line", "pattern": [None, 3, ""]}, {"path": []}]
    found = baseline(detect_secrets(results=odd, filters_used=filters))
    assert list(found.detect_secrets.hashes) == ["c"]
    assert found.rules == ()


def test_baseline_can_be_read_by_itself(tmp_path):
    assert DetectSecretsBaseline.load(tmp_path / "none") == DetectSecretsBaseline()
