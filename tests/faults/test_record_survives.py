"""The record survives kill -9 at any moment: nothing lost, nothing doubled, the audit trail whole, and the scan ends when repeated.

Children record scans and triage incidents on one SQLite file, all at once, and are killed after a random time. Each says on its
standard output what it was told is done; after each kill that must all be there. `STANCH_KILLS=200` kills more often than the suite.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.support.databases import KEY, opened
from tests.support.recorded import scanned, sighting, spec

from stanch.core.ids import new_id
from stanch.db import tables
from stanch.incidents import recording
from stanch.incidents.desk import Desk

KILLS = int(os.environ.get("STANCH_KILLS", "25"))
SECRETS, SCANNERS = 60, 2

CHILD = r"""
import sys, json, random
from dataclasses import replace
from datetime import UTC, datetime
sys.path.insert(0, {root!r})
from stanch.incidents import recording
from stanch.incidents.desk import Desk
from stanch.incidents.triage import Move
from stanch.core.errors import ConflictError
from stanch.core.incident import IncidentState, IgnoreReason, Resolution
from stanch.core.filters import IncidentFilter
from stanch.db import incidents
from tests.support.databases import KEY
from tests.support.recorded import ANNA, scanned, sighting, spec

role, url, seed, argument = sys.argv[1:]
recording.BATCH = 7
rng = random.Random(seed)
desk = Desk.open(url, key=KEY)
main = desk.workspace()

def told(**facts):
    print(json.dumps(facts), flush=True)

told(ready=role)
if role == "scan":
    source, names, scan = json.loads(argument)
    done = scanned(desk, *(sighting(n, f"{{n}}/a", f"{{n}}/b") for n in names), source=spec(source), scan=scan)
    told(scan=scan, new=done.total.new, opened=done.total.opened, gone=done.gone)
else:
    moves = [Move(state=IncidentState.IN_REMEDIATION), Move(state=IncidentState.OPEN), Move(state=IncidentState.RESOLVED, resolution=Resolution.REVOKED),
             Move(state=IncidentState.IGNORED, reason=IgnoreReason.FALSE_POSITIVE)]
    while True:
        with desk.look() as connection:
            ids = incidents.ids_of(connection, main, IncidentFilter(), 1000)
        if not ids:
            continue
        incident, move, told_version = rng.choice(ids), rng.choice(moves), None
        try:
            with desk.work(main, ANNA) as work:
                comment = work.triage.comment(incident, "kept")
                work.triage.move(incident, move)
        except ConflictError:
            continue
        told(comment=comment, incident=incident, state=move.state.value)
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/record.db"
    with opened(url) as desk:
        desk.workspace()
    return url


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "child.py"
    path.write_text(CHILD.format(root=str(Path(__file__).parents[2])))
    return path


class Children:
    """Processes that work on the record until they are killed."""

    def __init__(self, script: Path, url: str, folder: Path) -> None:
        self.script, self.url, self.folder = script, url, folder
        self.all: list[subprocess.Popen[bytes]] = []

    def start(self, role: str, seed: str, argument: Any = "") -> tuple[subprocess.Popen[bytes], Path]:
        out = self.folder / f"{role}-{seed}.out"
        with out.open("wb") as file:
            command = [sys.executable, str(self.script), role, self.url, seed, json.dumps(argument)]
            self.all.append(subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT))
        return self.all[-1], out

    def end(self) -> None:
        for process in self.all:
            process.kill()
            process.wait(30)

    @staticmethod
    def await_ready(running: list[tuple[subprocess.Popen[bytes], Path]]) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if all(b"ready" in out.read_bytes() or process.poll() is not None for process, out in running):
                return
            time.sleep(0.005)

    @staticmethod
    def told(out: Path) -> Iterator[dict[str, Any]]:
        for line in out.read_bytes().split(b"\n")[:-1]:  # a line cut off was not told
            if not line.startswith(b"{"):
                raise AssertionError(out.read_text())
            yield json.loads(line)


def look(desk: Desk, table: sa.Table) -> list[Any]:
    with desk.look() as connection:
        return list(connection.execute(sa.select(table)).all())


def check(desk: Desk, told: list[dict[str, Any]]) -> None:
    """What must hold after any kill."""
    places, incidents, secrets = (look(desk, t) for t in (tables.occurrences, tables.incidents, tables.secrets))
    assert max(Counter((p.secret_id, p.source_id, p.place) for p in places).values(), default=1) == 1
    assert len({i.secret_id for i in incidents}) == len(incidents) == len(secrets) == len({s.fingerprint for s in secrets})
    assert sorted(i.number for i in incidents) == list(range(1, len(incidents) + 1))
    here, gone = Counter(p.incident_id for p in places), Counter(p.incident_id for p in places if p.gone_at is not None)
    assert all((i.occurrences, i.gone) == (here[i.id], gone[i.id]) for i in incidents)
    comments = {c.id for c in look(desk, tables.comments)}
    assert {t["comment"] for t in told if "comment" in t} <= comments
    moves = Counter(e.incident_id for e in look(desk, tables.events) if e.kind == "commented")
    audited = Counter(a.subject for a in look(desk, tables.audit) if a.action == "incident.commented")
    assert moves == audited and sum(moves.values()) == len(comments)  # an act, its event and its audit entry: all or nothing
    with desk.look() as connection:
        verdict = desk.audit.verify(connection)
        assert verdict.intact, verdict
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"


@pytest.fixture
def children(url: str, script: Path, tmp_path: Path) -> Iterator[Children]:
    found = Children(script, url, tmp_path)
    yield found
    found.end()


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_nothing_is_lost_or_doubled_by_kills_at_any_moment(url: str, children: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "BATCH", 7)  # as the children do: many batches to be cut off between
    rng = random.Random(1125)
    told: list[dict[str, Any]] = []
    ended = cut = 0
    for kill in range(KILLS):
        seen = {f"source{n}": [f"s{rng.randrange(SECRETS * 2)}" for _ in range(SECRETS)] for n in range(SCANNERS)}
        seen = {source: list(dict.fromkeys(names)) for source, names in seen.items()}
        scans = {source: new_id("scn") for source in seen}
        running = [children.start("scan", f"{kill}-{source}", [source, names, scans[source]]) for source, names in seen.items()]
        running.append(children.start("triage", str(kill)))
        children.await_ready(running)
        time.sleep(rng.random() ** 2 * 0.6)
        for process, _ in running:
            process.send_signal(signal.SIGKILL)
        for process, out in running:
            code = process.wait(30)
            assert code in (0, -signal.SIGKILL), out.read_text()
            told += children.told(out)
        ended += sum(1 for t in told if t.get("scan") in scans.values())
        with opened(url) as desk:
            check(desk, told)
            cut += sum(1 for s in look(desk, tables.scans) if s.id in scans.values() and s.state == "running")
            for source, names in seen.items():  # whoever started it starts it again
                scanned(desk, *(sighting(n, f"{n}/a", f"{n}/b") for n in names), source=spec(source), scan=scans[source])
            check(desk, told)
            ids = {s.id: s.name for s in look(desk, tables.sources)}
            paths = Counter((ids[p.source_id], p.path) for p in look(desk, tables.occurrences) if p.gone_at is None)
            assert paths == Counter((source, f"{n}/{x}") for source, names in seen.items() for n in names for x in "ab")
            assert {s.state for s in look(desk, tables.scans)} == {"complete"}
    print(f"{KILLS} kills: {ended} scans had ended, {cut} were cut off in the middle; {len(told)} acts told")
    assert cut > 0 and told, "the kills came too early or too late to try anything"
    assert KEY.id.startswith("kek_")
