from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.databases import Servers, servers  # noqa: F401
from tests.unit.runs.bench import Bench, registry

from stanch.db.database import Database
from stanch.db.runs import RunBooks
from stanch.incidents.workspaces import create_workspace
from stanch.runs.durable import DurableEngine
from stanch.runs.identity import WorkerSettings
from stanch.runs.inline import InlineEngine

ENGINES = ("inline", "sqlite", "postgresql")
FAST = WorkerSettings(beat=0.2, silence=2, poll=0.05, grace=2)


@pytest.fixture(scope="module", params=ENGINES)
def bench(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Bench]:  # noqa: F811
    """An engine that works. It is one for a module: what a test started is over when it ends."""
    jobs, scripts = registry()
    if request.param == "inline":
        engine = InlineEngine(jobs)
        engine.launch()
        yield Bench(engine, scripts, "ws_one", "ws_two")
        engine.close()
        return
    url = servers.migrated(request.param)
    database = Database(url, pool=5)
    books = RunBooks(database)
    with database.begin() as connection:
        one, two = (create_workspace(connection, slug=slug, name=slug, now=books.now()) for slug in ("one", "two"))
    durable = DurableEngine(url, jobs, books=books, worker=FAST)
    durable.launch()
    yield Bench(durable, scripts, one, two)
    durable.close()
    database.close()
