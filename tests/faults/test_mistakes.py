"""Mistakes of the caller and of settings files: one clear message, the file and line it is about, status 2, no trace."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.command import environment, stanch
from tests.support.values import leak


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "app.env").write_bytes(leak())
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "nonesuch"], ["no detector is called 'nonesuch'", "stanch detectors list"]),
        (["--skip", "nonesuch-*"], ["no detector is called 'nonesuch-*'"]),
        (["--format", "yaml"], ["yaml", "--format", "sarif"]),
        (["--jobs", "many"], ["--jobs", "whole number"]),
        (["--jobs", "-1"], ["--jobs"]),
        (["--max-file-size", "huge"], ["--max-file-size", "10MB"]),
        (["--min-severity", "deadly"], ["--min-severity", "critical"]),
        (["--nonesuch"], ["--nonesuch"]),
        (["--config", "missing.toml"], ["missing.toml", "does not exist"]),
        (["--baseline", "missing.json"], ["missing.json", "stanch baseline create"]),
        (["--detectors", "missing.toml"], ["missing.toml"]),
        (["--allow", "not an id"], ["--allow", "fnd_"]),
        (["nonesuch-folder"], ["nonesuch-folder", "does not exist"]),
        (["image", "alpine:3"], ["not in this version"]),
        (["range"], ["needs to know which", "main..HEAD"]),
        (["staged"], ["git"]),
        (["git", "."], ["git"]),
        (["commit", "HEAD"], ["git"]),
    ],
    ids=" ".join,
)
def test_a_mistake_on_the_command_line_is_explained(here: Path, arguments: list[str], words: list[str]):
    ran = stanch("scan", *arguments, cwd=here)
    assert (ran.status, ran.out) == (2, b""), ran.err
    assert "Traceback" not in ran.err
    for word in words:
        assert word in ran.err
    assert len(ran.err.splitlines()) <= 5


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("format = sarif\n", 1, []),
        ("\n\nformat = 'yaml'\n", 3, ["format", "sarif"]),
        ("jobs = 'two'\n", 1, ["jobs", "whole number"]),
        ("\njobz = 2\n", 2, ["jobz", "jobs"]),
        ("max_file_size = '10 potatoes'\n", 1, ["max_file_size"]),
        ("exclude = [1]\n", 1, ["exclude"]),
        ("[[allow]]\npaths = ['*.md']\n", 1, ["reason"]),
        ("[[allow]]\nreason = 'x'\nvalues = ['(']\n", 3, ["values", "bracket"]),
        ("skip = ['nonesuch']\n", None, ["no detector is called 'nonesuch'"]),
    ],
)
def test_a_mistake_in_the_settings_file_is_explained_with_its_line(here: Path, text: str, line: int | None, words: list[str]):
    (here / "stanch.toml").write_text(text, "utf-8")
    ran = stanch("scan", ".", cwd=here)
    assert (ran.status, ran.out) == (2, b""), ran.err
    assert "Traceback" not in ran.err
    assert line is None or f"stanch.toml:{line}: " in ran.err
    for word in words:
        assert word in ran.err


@pytest.mark.parametrize("name", ["STANCH_FORMAT", "STANCH_JOBS", "STANCH_SHOW_SECRETS", "STANCH_MAX_FILE_SIZE"])
def test_a_mistake_in_the_environment_names_the_variable(here: Path, name: str):
    ran = stanch("scan", ".", cwd=here, env=environment(**{name: "wrong value"}))
    assert (ran.status, ran.out) == (2, b"")
    assert name in ran.err


def test_a_key_that_is_none_is_explained(here: Path):
    ran = stanch("scan", ".", cwd=here, env=environment(STANCH_KEY="secret"))
    assert ran.status == 2
    assert "STANCH_KEY is not a key." in ran.err
    assert "openssl rand -hex 32" in ran.err


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[provider]\nname = 'X'\n", 1),
        ("[[detector]]\nid = 'x'\n", 1),
        (
            "[provider]\nname = 'X'\n\n[[detector]]\nid = 'Not Kebab'\nname = 'X'\nkind = 'token'\nseverity = 'high'\nvalue = 'xx_[a-z]{9}'\npositive = []\nnegative = []\n",
            None,
        ),
        (
            "[provider]\nname = 'X'\n\n[[detector]]\nid = 'x-token'\nname = 'X'\nkind = 'thing'\nseverity = 'high'\nvalue = 'xx_[a-z]{9}'\npositive = ['a']\nnegative = ['b']\n",
            7,
        ),
        (
            "[provider]\nname = 'X'\n\n[[detector]]\nid = 'x-token'\nname = 'X'\nkind = 'token'\nseverity = 'high'\nvalue = 'xxx_[a-z'\npositive = ['a', 'b', 'c']\nnegative = ['b', 'c']\n",
            9,
        ),
        ("not toml", 1),
    ],
)
def test_a_mistake_in_a_detector_file_is_explained_with_its_line(here: Path, text: str, line: int | None):
    (here / "mine.toml").write_text(text, "utf-8")
    for arguments in (["scan", ".", "--detectors", "mine.toml"], ["detectors", "test", "mine.toml"]):
        ran = stanch(*arguments, cwd=here)
        assert (ran.status, ran.out) == (2, b""), ran.err
        assert "mine.toml" in ran.err
        assert "Traceback" not in ran.err
        assert line is None or f"mine.toml:{line}: " in ran.err or "line 1" in ran.err


def test_a_settings_file_inside_what_is_scanned_may_not_send_the_report_elsewhere(here: Path, tmp_path: Path):
    """A cloned project is somebody else's: it may narrow what is reported about it, not print secrets or write files."""
    project = here / "cloned"
    project.mkdir()
    (project / "app.env").write_bytes(leak(2))
    for text in ("show_secrets = true\n", "output = '../../owned'\n", "format = 'json'\nshow_secrets = true\n"):
        (project / "stanch.toml").write_text(text, "utf-8")
        ran = stanch("scan", "cloned", cwd=here)
        assert ran.status in (1, 2)
        assert leak(2).decode().strip().partition("=")[2] not in ran.text + ran.err
        assert not (here.parent / "owned").exists()
        assert not (here / "owned").exists()


def test_an_unknown_command_is_explained(here: Path):
    for arguments, word in ((["scna"], "scan"), (["app.env"], "stanch scan app.env"), ([], "Usage")):
        ran = stanch(*arguments, cwd=here)
        assert ran.status in ((2,) if arguments else (0, 2))
        assert word in ran.err + ran.text
        assert "Traceback" not in ran.err


def test_exit_zero_hides_findings_but_no_gaps(here: Path):
    assert stanch("scan", ".", "--exit-zero", cwd=here).status == 0
    (here / "broken.zip").write_bytes(b"PK\x03\x04" + bytes(40))
    assert stanch("scan", ".", "--exit-zero", cwd=here).status == 3
    assert stanch("scan", "missing", "--exit-zero", cwd=here).status == 2
