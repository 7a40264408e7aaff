"""Starting is cheap: what a scan of one small file may not load, may not open, and whom it may not talk to."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from tests.support.command import Ran, stanch
from tests.support.values import leak
from tests.unit.sources.containers.builders import zip_of

# Each of these costs milliseconds that a hook feels, or does not belong on the way of a scan at all.
HEAVY = (
    "asyncio",
    "cProfile",
    "cryptography",
    "csv",
    "ctypes",
    "difflib",
    "email",
    "html",
    "http",
    "hypothesis",
    "importlib.metadata",
    "isal",
    "jinja2",
    "jsonschema",
    "logging",
    "multiprocessing",
    "numpy",
    "pkg_resources",
    "py7zr",
    "pydoc",
    "random",
    "rich",
    "secrets",
    "setuptools",
    "shutil",
    "socket",
    "sqlalchemy",
    "sqlite3",
    "ssl",
    "subprocess",
    "tarfile",
    "tempfile",
    "tomllib",
    "typing_extensions",
    "unittest",
    "urllib.request",
    "xml",
    "zipfile",
    "zstandard",
)
# Parts of ours that only other scans need.
OURS = (
    "stanch.catalog.load",
    "stanch.catalog.makers",
    "stanch.catalog.sampler",
    "stanch.cli.baseline_command",
    "stanch.cli.config_command",
    "stanch.cli.detectors_command",
    "stanch.config.allow",
    "stanch.config.baseline",
    "stanch.config.foreign",
    "stanch.config.gitleaks",
    "stanch.config.globs",
    "stanch.reports.html_report",
    "stanch.reports.json_report",
    "stanch.reports.sarif_report",
    "stanch.scanning.selftest",
    "stanch.sources.git_history",
    "stanch.sources.git_repo",
    "stanch.sources.git_run",
    "stanch.sources.containers.walk",
    "stanch.sources.containers.zips",
)

PROBE = """
import sys
events = []
def hook(name, args):
    if name.startswith(("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.posix_spawn", "os.system", "os.fork")):
        events.append(name)
    elif name == "open" and isinstance(args[0], (str, bytes)) and isinstance(args[2], int) and args[2] & 3:
        events.append(f"write {args[0]}")
sys.addaudithook(hook)
before = set(sys.modules)
sys.argv = ["stanch", *sys.argv[1:]]

import os
leave = os._exit
def tell(status):
    loaded = sorted(set(sys.modules) - before)
    seen = list(events)
    import json
    os.write(2, (json.dumps({"status": status, "loaded": loaded, "events": seen}) + "\\n").encode())
    leave(status)
os._exit = tell  # the command ends here, without taking the interpreter apart

from stanch.cli.entry import run
run()
"""


def probe(*arguments: str, cwd: Path, stdin: bytes = b"") -> dict:
    """Run the command with a warm cache and return what it loaded and did."""
    command = [sys.executable, "-c", PROBE]
    ran: Ran = stanch(*arguments, cwd=cwd, stdin=stdin, command=command)  # fills the cache when it is cold
    ran = stanch(*arguments, cwd=cwd, stdin=stdin, command=command)
    return json.loads(ran.err.splitlines()[-1])


def loaded(seen: dict, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if any(m == name or m.startswith(name + ".") for m in seen["loaded"])]


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_bytes(b"print('hello')\n" * 20)
    return tmp_path


def test_a_scan_of_one_small_file_loads_nothing_heavy(clean: Path):
    seen = probe("scan", "app.py", cwd=clean)
    assert seen["status"] == 0
    assert {"hyperscan", "stanch.engine.engine"} <= set(seen["loaded"])
    assert loaded(seen, HEAVY) == []
    assert loaded(seen, OURS) == []


def test_a_finding_loads_nothing_heavy_either(clean: Path):
    (clean / "app.env").write_bytes(leak())
    seen = probe("scan", ".", cwd=clean)
    assert seen["status"] == 1
    assert loaded(seen, HEAVY) == []
    assert loaded(seen, tuple(name for name in OURS if name not in ("stanch.config.allow",))) == []


@pytest.mark.parametrize("stdin", [b"", b"hello\n"])
def test_standard_input_loads_nothing_heavy(clean: Path, stdin: bytes):
    assert loaded(probe("scan", "-", cwd=clean, stdin=stdin), HEAVY) == []


def test_a_scan_talks_to_nobody_starts_nothing_and_writes_nothing(clean: Path):
    """No network, no process for one small file, and no file beside the report."""
    (clean / "app.env").write_bytes(leak())
    (clean / "backup.zip").write_bytes(zip_of([("app.env", leak(2))]))
    seen = probe("scan", ".", cwd=clean)
    assert seen["status"] == 1
    assert seen["events"] == []


def test_the_help_and_the_version_load_no_engine(clean: Path):
    for arguments in (["--help"], ["--version"]):
        seen = probe(*arguments, cwd=clean)
        assert loaded(seen, ("hyperscan", "stanch.engine", "stanch.catalog", "stanch.sources")) == []


def test_the_package_itself_loads_nothing(clean: Path):
    code = "import sys; before = set(sys.modules); import stanch; print(sorted(m for m in set(sys.modules) - before if m.startswith('stanch')))"
    assert stanch(cwd=clean, command=[sys.executable, "-c", code]).text == "['stanch', 'stanch.core', 'stanch.core.version']\n"
