"""The jobs, on an engine in memory: scans in a real process, checks, schedules."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.databases import KEY, Clock
from tests.support.incidents import recorded

from stanch.core.incident import IgnoreReason, IncidentState
from stanch.core.run import RunState
from stanch.db import incidents as rows
from stanch.db import tables
from stanch.incidents.desk import Desk
from stanch.incidents.reachable import FOLDERS, Reach
from stanch.incidents.triage import Move
from stanch.incidents.workspaces import SourceSpec, ensure_source
from stanch.runs.inline import InlineEngine
from stanch.runs.port import Registry
from stanch.server.jobs import register_jobs

SECRET = "kT9vQ2mX7pLw4RzN8sYb3HcJ6dFg5aUe"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "shop"
    made.mkdir()
    (made / "settings.py").write_text(f'api_secret_key = "{SECRET}"\n')
    git = ["git", "-C", str(made), "-c", "user.name=Ada", "-c", "user.email=ada@acme.test"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
    return made


class House:
    """A record with its engine."""

    def __init__(self, tmp_path: Path, reach: Reach) -> None:
        self.clock = Clock()
        self.desk = Desk.open(f"sqlite:///{tmp_path}/record.db", key=KEY, clock=self.clock)
        self.workspace = self.desk.workspace()
        self.registry = register_jobs(Registry(), self.desk, reach)
        self.engine = InlineEngine(self.registry, now=self.clock)
        self.engine.launch()

    def source(self, target: str, kind: str = "git") -> str:
        with self.desk.work(self.workspace) as work:
            spec = SourceSpec(kind=kind, target=target, name="shop")
            return ensure_source(work.connection, spec, workspace=self.workspace, now=work.now)

    def run(self, job: str, arguments: dict[str, str]):
        run = self.engine.start(job, arguments, workspace=self.workspace)
        return self.engine.wait_for(run, seconds=60)


@pytest.fixture
def house(tmp_path: Path, folder: Path) -> Iterator[House]:
    made = House(tmp_path, Reach(folders=(str(folder),)))
    yield made
    made.engine.close()
    made.desk.close()


def test_a_source_is_scanned_and_its_incidents_are_there(house: House, folder: Path):
    done = house.run("scan_source", {"source": house.source(str(folder))})
    assert done.state is RunState.SUCCEEDED, done.error
    assert done.result["opened"] == 1
    with house.desk.look() as connection:
        incident = rows.incident(connection, house.workspace, "1")
        assert incident["path"] == "settings.py"
        (scan,) = connection.execute(sa.select(tables.scans)).mappings().all()
        assert (scan["state"], scan["run_id"]) == ("complete", done.id)


def test_nothing_outside_of_the_named_folders_is_read(house: House, tmp_path: Path):
    (tmp_path / "private").mkdir()
    done = house.run("scan_source", {"source": house.source(str(tmp_path / "private"), "files")})
    assert done.state is RunState.FAILED
    assert done.error.code == "folder_not_allowed"


def test_a_link_does_not_lead_out_of_the_named_folders(house: House, folder: Path):
    (folder / "out").symlink_to("/etc")
    done = house.run("scan_source", {"source": house.source(str(folder / "out"), "files")})
    assert done.error.code == "folder_not_allowed"


@pytest.mark.parametrize(
    "target",
    [
        "https://127.0.0.1/x.git",
        "https://169.254.169.254/x.git",
        "git@localhost:x.git",
        "file:///etc",
        "http://example.com/x.git",
    ],
)
def test_nothing_is_fetched_from_inside_the_network_or_by_other_transports(house: House, target: str):
    done = house.run("scan_source", {"source": house.source(target)})
    assert done.error.code == "address_not_allowed"


def test_a_run_that_is_cancelled_ends_its_process(house: House, folder: Path):
    for number in range(4000):
        (folder / f"f{number}.txt").write_text("x" * 5000)
    run = house.engine.start("scan_source", {"source": house.source(str(folder))}, workspace=house.workspace)
    time.sleep(0.6)
    house.engine.cancel(run)
    assert house.engine.wait_for(run, seconds=20).state is RunState.CANCELLED


def test_values_are_kept_only_where_the_workspace_wants_it(house: House, folder: Path):
    source = house.source(str(folder))
    house.run("scan_source", {"source": source})
    kept = sa.select(tables.secrets.c.sealed)
    with house.desk.look() as connection:
        assert connection.execute(kept).scalar_one() is None
    with house.desk.work(house.workspace) as work:
        work.connection.execute(sa.update(tables.workspaces).values(settings={"keep_values": True}))
    house.run("scan_source", {"source": source})
    with house.desk.look() as connection:
        sealed = connection.execute(kept).scalar_one()
    assert sealed is not None and SECRET.encode() not in bytes(sealed)


def test_sources_are_scanned_by_their_schedule_once_a_slot(house: House, folder: Path):
    source = house.source(str(folder))
    with house.desk.work(house.workspace) as work:
        work.connection.execute(sa.update(tables.sources).values(schedule="daily"))
    for _ in range(2):
        house.engine.wait_for(house.engine.fire("scan_due_sources"), seconds=30)
    runs = [r for r in house.engine.list(house.workspace).items if r.job == "scan_source"]
    assert [r.subject for r in runs] == [source]
    house.engine.wait_for(runs[0].id, seconds=60)


def test_an_accepted_risk_opens_again_by_schedule(house: House):
    workspace, incident = recorded(house.desk)
    with house.desk.work(workspace) as work:
        until = work.now + timedelta(days=1)
        work.triage.move(incident, Move(state=IncidentState.IGNORED, reason=IgnoreReason.ACCEPTED, until=until))
    house.clock.pass_(days=2)
    house.engine.wait_for(house.engine.fire("reopen_overdue"), seconds=30)
    with house.desk.look() as connection:
        assert rows.incident(connection, workspace, incident)["state"] == "open"


@pytest.mark.parametrize("schedule", ["retention", "weekly_digest", "verify_audit", "look_for_trouble", "recheck_validity"])
def test_every_schedule_runs_on_an_empty_record(house: House, schedule: str):
    done = house.engine.wait_for(house.engine.fire(schedule), seconds=30)
    assert done.state is RunState.SUCCEEDED, done.error


def test_a_broken_trail_fails_its_check(house: House):
    recorded(house.desk)
    with house.desk.database.begin() as connection:
        connection.execute(sa.update(tables.audit).values(actor_name="somebody else"))
    done = house.engine.wait_for(house.engine.fire("verify_audit"), seconds=30)
    assert done.error.code == "audit_broken"


def test_bounds_pass_through_the_environment():
    reach = Reach(folders=("/a", "/b"), networks=("10.0.0.0/8", ".corp.example"))
    assert Reach.from_environment(reach.environment()) == reach
    assert Reach.from_environment({FOLDERS: ""}) == Reach()
