"""Plain values stay inside: not in a report, not on standard error, not in an error, a cache, a baseline or a temporary file."""

from __future__ import annotations

import base64
import os
import sys
import urllib.parse
from pathlib import Path

import pytest
from tests.support.command import environment, stanch
from tests.support.gitrepo import Sandbox
from tests.support.values import leak, password, token
from tests.unit.sources.containers.builders import zip_of

FORMATS = ("text", "json", "jsonl", "sarif", "gitlab", "html", "junit", "csv", "markdown")
LEAST = 8  # characters of a value in a row that already help to guess it; the last four may be shown


def forms(value: bytes) -> list[bytes]:
    """A value and the disguises in which it would still be a leak, also of its parts."""
    parts = [value[at : at + max(LEAST, len(value) * 2 // 3)] for at in (0, len(value) // 3)]
    return [
        *parts,
        value[::-1],
        base64.b64encode(value).rstrip(b"=")[:-1],
        value.hex().encode(),
        urllib.parse.quote_from_bytes(value).encode(),
        b"".join(b"&#%d;" % c for c in value),
    ]


def assert_hidden(values: list[bytes], *texts: bytes | str) -> None:
    for text in texts:
        raw = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        for number, value in enumerate(values):
            for form in forms(value):
                assert form not in raw, f"value {number} is shown"


@pytest.fixture
def leaky(tmp_path: Path) -> tuple[Path, list[bytes]]:
    """A repository with values of several types in files, names, commits, archives and disguises."""
    values = [token(1), token(2), token(3), token(4), token(5), password(6), password(7), token(8)]
    repo = Sandbox(tmp_path / "shop")
    repo.commit({"old.env": leak(2)}, message=f"use {values[2].decode()} for now")
    repo.commit({"old.env": b"moved\n"})
    files = {
        "app.env": leak(1) + b"DB_PASSWORD='" + values[5] + b"'\n",
        "twice.env": leak(1) + leak(1),
        "backup.zip": zip_of([("deep/app.env", leak(4))]),
        "encoded.yml": b"data:\n  token: " + base64.b64encode(values[4]) + b"\n",
        "database.py": b"url = 'postgresql://shop:" + values[6] + b"@db.internal:5432/shop'\n",
        "one line.txt": b"tokens: " + values[0] + b" " + values[7] + b" " + values[3] + b"\n",
    }
    for name, data in files.items():
        repo.write(name, data)
    return repo.path, values


@pytest.mark.parametrize("form", FORMATS)
def test_no_format_shows_a_value_unless_asked(leaky, form: str):
    folder, values = leaky
    ran = stanch("scan", ".", "--format", form, "--verbose", "--min-confidence", "low", cwd=folder)
    assert ran.status == 1
    assert ran.out.count(b"github-personal-access-token") + ran.out.count(b"GitHub personal access token") >= 4
    assert_hidden(values, ran.out, ran.err)


@pytest.mark.parametrize("form", ["json", "csv", "text"])
def test_values_are_shown_when_asked(leaky, form: str):
    """Otherwise the test above could not fail."""
    folder, values = leaky
    ran = stanch("scan", ".", "--format", form, "--show-secrets", cwd=folder)
    assert values[0] in ran.out
    assert_hidden(values, ran.err)


def test_a_settings_file_of_the_repository_cannot_ask_for_values(leaky):
    """A cloned project is somebody else's; a switch in the environment is the user's own."""
    folder, values = leaky
    (folder / "stanch.toml").write_text("show_secrets = true\n", "utf-8")
    ran = stanch("scan", ".", cwd=folder)
    assert_hidden(values, ran.out, ran.err)
    assert "--show-secrets" in ran.err
    (folder / "stanch.toml").unlink()
    assert values[0] in stanch("scan", ".", cwd=folder, env=environment(STANCH_SHOW_SECRETS="yes")).out


def test_the_baseline_holds_no_value(leaky):
    folder, values = leaky
    made = stanch("baseline", "create", cwd=folder)
    assert made.status == 0, made.err
    text = (folder / ".stanch-baseline.json").read_bytes()
    assert_hidden(values, text, made.out, made.err)
    with_it = stanch("scan", ".", "--baseline", ".stanch-baseline.json", "--verbose", cwd=folder)
    assert with_it.status == 0
    assert "held back (baseline): " in with_it.err
    assert_hidden(values, with_it.out, with_it.err)
    (folder / "new.env").write_bytes(leak(8))
    for command in ("update", "diff"):
        ran = stanch("baseline", command, cwd=folder)
        assert_hidden(values, ran.out, ran.err, (folder / ".stanch-baseline.json").read_bytes())


def everything_below(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}


def test_caches_and_temporary_folders_hold_no_value(leaky, tmp_path: Path):
    """Large streams, archives and git pass through memory only."""
    folder, values = leaky
    (folder / "large.log").write_bytes(b"2026-11-25 request served\n" * 700_000 + leak(8))
    places = {name: tmp_path / name for name in ("temp", "cache", "home")}
    for place in places.values():
        place.mkdir()
    env = environment(
        TMPDIR=str(places["temp"]),
        STANCH_CACHE=str(places["cache"]),
        HOME=str(places["home"]),
        XDG_DATA_HOME=str(places["home"] / "data"),
        XDG_CACHE_HOME=str(places["home"] / "cache"),
        STANCH_KEY="",
    )
    for jobs in ("1", "2"):
        ran = stanch("scan", ".", "--jobs", jobs, cwd=folder, env=env)
        assert ran.status == 1
    assert list(places["temp"].iterdir()) == []
    written = {**everything_below(places["cache"]), **everything_below(places["home"])}
    assert written
    assert_hidden(values, *written.values())
    key = places["home"] / "data" / "stanch" / "installation.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.parent.stat().st_mode & 0o077 == 0
    for path in places["cache"].iterdir():
        assert path.stat().st_mode & 0o022 == 0, "nobody else may change what we load"


def test_the_scanned_folder_is_not_touched(leaky):
    folder, _ = leaky

    def facts() -> dict[Path, tuple[float, int]]:
        return {p: (p.lstat().st_mtime_ns, p.lstat().st_size) for p in folder.rglob("*")}

    before = facts()
    for target in (".", "git", "staged", "worktree"):
        stanch("scan", *(["git", "."] if target == "git" else [target]), cwd=folder)
    assert facts() == before


FORCED = """
import sys
sys.argv = ["stanch", *sys.argv[1:]]
import stanch.engine.plausible
import {module}
def broken(*args, **kwargs):
    raise {error}("cannot handle " + repr(args) + repr(kwargs) + sys.argv[-1])
{module}.{name} = broken
from stanch.cli.entry import run
run()
"""


PLACES = [
    ("stanch.engine.candidates", "run_checks"),
    ("stanch.scanning.findings", "redact"),
    ("stanch.scanning.findings", "fingerprint_of"),
    ("stanch.scanning.findings", "snippet"),
    ("stanch.scanning.worker", "make_findings"),
    ("stanch.scanning.run", "report"),
    ("stanch.scanning.worker", "expand"),
]
ERRORS = ["ValueError", "RuntimeError", "OSError", "UnicodeError", "MemoryError", "RecursionError"]


@pytest.mark.parametrize(
    ("module", "name", "error", "jobs"),
    [(*place, error, "1") for place in PLACES for error in ERRORS]
    + [(*place, error, "2") for place in PLACES for error in ERRORS[:1]],
)
def test_errors_of_our_own_show_no_value(leaky, module: str, name: str, error: str, jobs: str):
    """Whatever breaks, and with whatever words: neither the message nor a trace shows what was scanned."""
    folder, values = leaky
    if jobs == "2":
        (folder / "padding.log").write_bytes(b"nothing\n" * 600_000)
        (folder / "padding2.log").write_bytes(b"nothing\n" * 600_000)
    code = FORCED.format(module=module, name=name, error=error)
    ran = stanch("scan", "files", ".", "--jobs", jobs, cwd=folder, command=[sys.executable, "-c", code])
    assert ran.status in (1, 3, 70), ran.err
    assert "cannot handle" not in ran.text + ran.err
    assert "Traceback" not in ran.err
    assert_hidden(values, ran.out, ran.err)


def test_a_value_in_a_file_name_is_as_public_as_the_name(tmp_path: Path):
    """A path has to be named for people to find it; what matters is that nothing crashes on it."""
    name = token(1).decode()
    (tmp_path / f"{name}.txt").write_bytes(leak(2))
    ran = stanch("scan", ".", "--format", "json", cwd=tmp_path)
    assert ran.status == 1
    assert_hidden([token(2)], ran.out, ran.err)


def test_a_value_given_as_an_argument_is_not_repeated_in_full_by_errors_of_other_files(tmp_path: Path):
    (tmp_path / "mine.toml").write_bytes(b"[provider]\nname = 'X'\n[[detector]]\nid = '" + token(1) + b"'\n" + leak(2))
    ran = stanch("scan", ".", "--detectors", "mine.toml", cwd=tmp_path)
    assert ran.status == 2
    assert_hidden([token(2)], ran.out, ran.err)


def test_settings_files_full_of_secrets_do_not_leak_through_messages(tmp_path: Path):
    """People put their own values into allow rules; a mistake beside them must not print them."""
    secret = token(3)
    for text in (
        b"[[allow]]\nreason = 'x'\nvalues = ['" + secret + b"(']\n",
        b"jobs = '" + secret + b"'\n",
        b"only = ['" + secret + b"']\n",
        b"min_severity = '" + secret + b"'\n",
    ):
        (tmp_path / "stanch.toml").write_bytes(text)
        ran = stanch("scan", ".", cwd=tmp_path)
        assert ran.status == 2
        if b"allow" in text:
            assert_hidden([secret], ran.out, ran.err)


def test_a_debugger_asks_for_the_trace_by_name(leaky):
    """Only then a trace is printed."""
    folder, _ = leaky
    code = FORCED.format(module="stanch.scanning.run", name="report", error="ValueError")
    ran = stanch("scan", ".", cwd=folder, env=environment(STANCH_DEBUG="1"), command=[sys.executable, "-c", code])
    assert "Traceback" in ran.err
    quiet = stanch("scan", ".", cwd=folder, command=[sys.executable, "-c", code])
    assert quiet.status == 70
    assert "stanch: a bug of ours: ValueError at " in quiet.err
    assert os.fspath(folder) not in quiet.err
