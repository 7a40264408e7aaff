"""kill -9 of the server while it imports, scans and changes incidents: nothing is lost, nothing is doubled, all ends.

STANCH_KILLS sets how often (10 unless it is set; 200 was run for the record, see docs/operations.md).
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import threading
import time
from collections import Counter
from http.client import HTTPException
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.server import RunningServer, running_server

from stanch.db import tables
from stanch.incidents.desk import Desk

KILLS = int(os.environ.get("STANCH_KILLS", "10"))
SECRETS = 40
SEED = 20261125


def token_of(number: int) -> str:
    """A made-up value that the generic detector takes: each number another one."""
    rng = random.Random(SEED + number)
    return "".join(rng.choice("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(32))


def repository(folder: Path) -> Path:
    folder.mkdir()
    for number in range(SECRETS):
        (folder / f"settings_{number}.py").write_text(f'api_secret_key = "{token_of(number)}"\n')
    git = ["git", "-C", str(folder), "-c", "user.name=Ada", "-c", "user.email=ada@acme.test"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "settings"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
    return folder


def report(part: int, count: int = 200) -> bytes:
    """A gitleaks report of so many findings."""
    findings = [
        {
            "RuleID": "generic-api-key", "Description": "Generic API Key", "StartLine": 1, "EndLine": 1, "StartColumn": 1, "EndColumn": 20,
            "Match": f"key={token_of(10_000 + part * count + n)}", "Secret": token_of(10_000 + part * count + n),
            "File": f"src/part{part}/file{n}.py", "Commit": "", "Entropy": 4.0, "Author": "", "Email": "", "Date": "", "Message": "", "Tags": [],
            "Fingerprint": f"src/part{part}/file{n}.py:generic-api-key:1",
        }
        for n in range(count)
    ]  # fmt: skip
    return json.dumps(findings).encode()


class Person(threading.Thread):
    """Uses the server and tries again whenever it was killed in the middle."""

    def __init__(self, server: RunningServer, source: str, seed: int) -> None:
        super().__init__(daemon=True)
        self.server, self.source, self.rng = server, source, random.Random(seed)
        self.stopped = threading.Event()
        self.imported: set[int] = set()
        self.runs: set[str] = set()
        self.comments = 0
        self.problems: list[str] = []

    def run(self) -> None:
        step = 0
        while not self.stopped.is_set():
            step += 1
            act = self.rng.choice((self.imports, self.scans, self.moves, self.comment))
            key = f"{self.name}-{step}"
            while not self.stopped.is_set():
                try:
                    if act(key):
                        break
                except (OSError, ValueError, HTTPException):  # killed; ask again, with the same key
                    pass
                time.sleep(0.1)

    def post(self, path: str, body: object, key: str, expected: tuple[int, ...]) -> object:
        answer = self.server.call("POST", path, body, headers={"Idempotency-Key": key}, timeout=30)
        if answer.status == 409 and b"idempotency_busy" in answer.body:
            time.sleep(1)
            return None
        if answer.status not in expected:
            self.problems.append(f"{path}: {answer.status} {answer.body[:300]!r}")
        return answer.json() if answer.body else {}

    def imports(self, key: str) -> bool:
        part = int(key.rpartition("-")[2])
        done = self.post("/api/v1/imports?format=gitleaks", report(part), key, (200, 201))
        if done is not None:
            self.imported.add(part)
        return done is not None

    def scans(self, key: str) -> bool:
        done = self.post(f"/api/v1/sources/{self.source}/scans", {}, key, (200, 201, 202))
        if isinstance(done, dict) and "id" in done:
            self.runs.add(str(done["id"]))
        return done is not None

    def moves(self, key: str) -> bool:
        incidents = self.server.get("/api/v1/incidents?limit=20&sort=number").json()["items"]
        if not incidents:
            return True
        one = self.rng.choice(incidents)
        changes = {
            "open": {"state": "in_remediation"},
            "in_remediation": {"state": "resolved", "resolution": "revoked"},
            "resolved": {"state": "open"},
            "ignored": {"state": "open"},
        }[one["state"]]
        answer = self.server.call(
            "PATCH", f"/api/v1/incidents/{one['id']}", {"move": changes, "version": one["version"]}, timeout=30
        )
        if answer.status not in (200, 409):
            self.problems.append(f"move: {answer.status} {answer.body[:300]!r}")
        return True

    def comment(self, key: str) -> bool:
        incidents = self.server.get("/api/v1/incidents?limit=5&sort=newest").json()["items"]
        if not incidents:
            return True
        done = self.post(f"/api/v1/incidents/{incidents[0]['id']}/comments", {"body": f"looked at it {key}"}, key, (200, 201))
        self.comments += done is not None
        return done is not None


@pytest.mark.timeout(3600)
@pytest.mark.slow
def test_a_server_that_is_killed_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    source = repository(tmp_path / "shop")
    rng = random.Random(SEED)
    with running_server(tmp_path / "data", "", "--folder", str(source)) as server:
        made = server.call("POST", "/api/v1/sources", {"kind": "git", "target": str(source), "name": "shop"})
        assert made.status == 201, made.body
        person = Person(server, made.json()["id"], SEED)
        person.start()
        for _ in range(KILLS):
            time.sleep(rng.uniform(0.2, 2.0))
            server.kill()
            server.start()
        time.sleep(2)
        person.stopped.set()
        person.join(60)
        assert not person.problems, person.problems[:5]
        last = server.call("POST", f"/api/v1/sources/{person.source}/scans", {}).json()["id"]
        ended(server, {*person.runs, last})
    checked(server, person)


def ended(server: RunningServer, runs: set[str]) -> None:
    """Wait until every run is over; none of them failed."""
    deadline = time.monotonic() + 120
    left = dict.fromkeys(runs, "")
    while left and time.monotonic() < deadline:
        for run in list(left):
            answer = server.get(f"/api/v1/runs/{run}")
            if answer.status == 429:
                break
            left[run] = answer.json()["state"]
            if left[run] == "succeeded":
                del left[run]
        time.sleep(1)
    assert not left


def checked(server: RunningServer, person: Person) -> None:
    o, s, i, c = tables.occurrences.c, tables.secrets.c, tables.incidents.c, tables.comments.c
    desk = Desk.open(server.url)
    try:
        with desk.look() as connection:
            places = connection.execute(
                sa.select(s.fingerprint, o.source_id, o.path).join(tables.secrets, s.id == o.secret_id)
            ).all()
            numbers = connection.execute(sa.select(i.number)).scalars().all()
            paths = Counter(place.path for place in places)
            comments = connection.execute(sa.select(c.body)).scalars().all()
            verdict = desk.audit.verify(connection)
            unfinished = connection.execute(
                sa.select(sa.func.count())
                .select_from(tables.runs)
                .where(tables.runs.c.state.in_(("queued", "running", "waiting")))
            ).scalar_one()
            counts = connection.execute(sa.select(i.id, i.occurrences)).all()
            real = Counter(connection.execute(sa.select(o.incident_id)).scalars().all())
    finally:
        desk.close()
    scanned = {path for path in paths if path.startswith("settings_")}
    assert len(scanned) == SECRETS, "every scanned secret is there"
    for part in person.imported:
        assert all(paths[f"src/part{part}/file{n}.py"] == 1 for n in range(200)), f"import {part} is whole"
    assert max(Counter(places).values()) == 1, "no occurrence is there twice"
    assert len(numbers) == len(set(numbers)) == len({place.fingerprint for place in places})
    assert max(Counter(comments).values(), default=1) == 1, "no comment was written twice"
    assert verdict.intact, verdict.problem
    assert unfinished == 0
    assert all(real[row.id] == row.occurrences for row in counts), "what incidents say of their places is true"
