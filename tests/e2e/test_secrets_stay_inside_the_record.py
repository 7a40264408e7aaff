"""After everything was used, no plain value is anywhere: databases, their journals, tables of runs, logs, exports, backups, core files.

Values of every sort are planted: in what is scanned, in what is imported, as password of a person, as token of the API, as secret of a channel. Then
the real server works with all of them, is killed, is made to dump core, and everything it left is searched, in every disguise.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.test_secrets_stay_inside import assert_hidden
from tests.support.databases import Servers
from tests.support.server import PASSWORD, RunningServer, running_server
from tests.support.values import leak, password, token

IMPORTED = password(31)
CHANNEL = "/hooks/" + token(32).decode()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "app.env").write_bytes(leak(33) + b"DB_PASSWORD='" + password(34) + b"'\n")
    git = ["git", "-C", str(folder), "-c", "user.name=Ada", "-c", "user.email=ada@acme.test"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
    return folder


def planted(server: RunningServer) -> list[bytes]:
    return [token(33), password(34), IMPORTED, PASSWORD.encode(), server.token.encode(), CHANNEL.encode()]


def used(server: RunningServer, shop: Path, folder: Path) -> None:
    """Do everything that touches a value."""
    ask = server.call
    assert ask("PATCH", "/api/v1/settings", {"keep_values": True}).status == 200
    source = ask("POST", "/api/v1/sources", {"kind": "git", "target": str(shop), "name": "shop"}).json()["id"]
    run = ask("POST", f"/api/v1/sources/{source}/scans", {}).json()["id"]
    finding = {
        "RuleID": "generic-api-key", "Secret": IMPORTED.decode(), "Match": f"x={IMPORTED.decode()}", "File": "other.py", "StartLine": 4, "EndLine": 4,
        "StartColumn": 1, "EndColumn": 9, "Commit": "", "Fingerprint": "a:b:4",
    }  # fmt: skip
    assert ask("POST", "/api/v1/imports?format=gitleaks", json.dumps([finding]).encode()).status in (200, 201)
    settings = {"url": f"https://hooks.example.com{CHANNEL}"}
    ask("POST", "/api/v1/channels", {"kind": "webhook", "name": "Hook", "settings": settings})
    wait(server, run)
    incidents = ask("GET", "/api/v1/incidents").json()["items"]
    assert len(incidents) >= 3
    for one in incidents:
        revealed = ask("POST", f"/api/v1/incidents/{one['id']}/reveal", {"reason": "compare with the vault"})
        assert revealed.status in (200, 409)
        checked = ask("POST", f"/api/v1/incidents/{one['id']}/check", {})
        if checked.status == 202:
            wait(server, checked.json()["id"])
        ask("POST", f"/api/v1/incidents/{one['id']}/comments", {"body": "looked at it"})
    for kind in ("csv", "jsonl"):
        (folder / f"export.{kind}").write_bytes(ask("GET", f"/api/v1/incidents/export?format={kind}").body)
    for path in ("/metrics", "/api/v1/audit", "/api/v1/requests", "/api/v1/runs", f"/api/v1/runs/{run}", "/api/openapi.json"):
        (folder / f"answer{path.replace('/', '_')}").write_bytes(ask("GET", path).body)
    for wrong in ({"body": IMPORTED.decode() * 2000}, {"nonsense": IMPORTED.decode()}):
        (folder / f"error_{len(str(wrong))}").write_bytes(
            ask("POST", f"/api/v1/incidents/{incidents[0]['id']}/comments", wrong).body
        )
    ask("GET", f"/api/v1/incidents/{password(34).decode()}")


def wait(server: RunningServer, run: str) -> None:
    deadline = time.monotonic() + 90
    while server.get(f"/api/v1/runs/{run}").json()["state"] in ("queued", "running", "waiting"):
        assert time.monotonic() < deadline
        time.sleep(0.3)


def left(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Everything in a folder, and what is inside of archives."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".key":
            yield path.name, path.read_bytes()
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    for name in archive.namelist():
                        yield f"{path.name}!{name}", archive.read(name)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_nothing_that_a_server_leaves_holds_a_plain_value(tmp_path: Path, shop: Path, servers: Servers, kind: str) -> None:
    data = tmp_path / "data"
    url = "" if kind == "sqlite" else servers.empty("postgresql")
    resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
    with running_server(data, url, "--folder", str(shop)) as server:
        used(server, shop, data)
        values = planted(server)
        subprocess.run(
            [sys.executable, "-m", "stanch", "db", "backup", str(data / "backup.zip")],
            env=server.environment(),
            check=True,
            capture_output=True,
        )
        server.kill(signal.SIGKILL)
        server.start()
        server.kill(signal.SIGABRT)
    found = dict(left(data))
    assert {"backup.zip", "serve.log", "export.csv"} <= found.keys()
    assert not [name for name in (*found, *os.listdir()) if name == "core" or name.startswith("core.")]
    for content in found.values():
        assert_hidden(values, content)
    if kind == "postgresql":
        assert servers.running is not None
        servers.running.run("CHECKPOINT;")
        for _, content in left(Path(servers.running.run("SHOW data_directory;").strip())):
            assert_hidden(values, content)
