import json
import os
import subprocess
import sys

import pytest
from tests.support.values import leak

HEAVY = (
    "rich", "py7zr", "zstandard", "tomllib", "multiprocessing", "jsonschema", "cryptography", "numpy", "xml.sax", "asyncio",
    "ssl", "http.client", "sqlite3", "email.message", "click", "stanch.keys", "stanch.issuers.model", "stanch.issuers.transport",
    "stanch.simulators",
)  # fmt: skip
RUN = """
import json, sys
from stanch.cli.entry import _status
status = _status()
json.dump([status, sorted(sys.modules)], sys.stderr)
"""


@pytest.fixture(scope="module")
def loaded(engine, tmp_path_factory):
    """What a scan of one file with a warm cache has loaded."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "a.env").write_bytes(leak())
    command = [sys.executable, "-c", RUN, "scan", "files", "a.env"]
    for _ in range(2):  # the first run may still have to keep the second database
        ran = subprocess.run(command, cwd=folder, env=dict(os.environ), capture_output=True, check=True, timeout=120)
    status, modules = json.loads(ran.stderr.decode().splitlines()[-1])
    assert status == 1
    return set(modules)


@pytest.mark.parametrize("module", HEAVY)
def test_scan_of_a_file_does_not_load(loaded, module):
    assert module not in loaded


def test_scan_of_a_file_loads_the_engine_and_no_other_command(loaded):
    assert "stanch.engine.engine" in loaded
    assert not {name for name in loaded if name.startswith("stanch.cli.") and name.endswith("_command")}
    assert not {"stanch.catalog.load", "stanch.engine.anchors"} & loaded
