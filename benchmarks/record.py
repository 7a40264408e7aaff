"""How fast the record answers when it is large: 50,000 incidents with 1,000,000 places on a real PostgreSQL, 20 people at once.

    python -m benchmarks.record                         all of it; starts a PostgreSQL of its own
    python -m benchmarks.record --url postgresql://…    on a database that is there and empty
    python -m benchmarks.record --incidents 5000 --places 50000 --seconds 5

Prints p50 and p95 of every kind of question, first with people who ask without a pause (which measures how much it takes), then
with people who look at an answer for a second; then how long recording 100,000 findings takes.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from typing import Any

import sqlalchemy as sa
from benchmarks import record_data as data

from stanch.core.filters import SORTS, IncidentFilter
from stanch.core.incident import Place, Sighting
from stanch.db import incidents as queries
from stanch.db import tables
from stanch.db import workspaces as workspace_rows
from stanch.incidents import overview as overviews
from stanch.incidents.desk import Desk
from stanch.incidents.installation import WrappingKey
from stanch.incidents.numbers import facets
from stanch.incidents.recording import record_scan
from stanch.incidents.workspaces import SourceSpec

SERVER = {
    "max_connections": "60", "shared_buffers": "1GB", "autovacuum": "on", "fsync": "on", "random_page_cost": "1.1", "work_mem": "16MB",
    "max_wal_size": "4GB",
}  # fmt: skip


def filters(rng: random.Random) -> list[IncidentFilter]:
    """Every filter alone, every pair of them, and a hundred larger ones, each with a sort."""
    days = timedelta(days=1)
    choices: dict[str, list[Any]] = {
        "state": [("open", "in_remediation"), ("resolved",), ("ignored",)],
        "severity": [("critical",), ("critical", "high"), ("low", "info")],
        "validity": [("live",), ("dead", "expired"), ("dormant",)],
        "exposure": [("public",), ("private",)],
        "environment": [("production",), ("staging", "development")],
        "detector": [("detector-0",), ("detector-150",), ("detector-3", "detector-4")],
        "provider": [("Provider 1",), ("Provider 59",)],
        "kind": [("token",), ("key", "url")],
        "source": [("src_000",), ("src_390",), ("src_010", "src_020")],
        "assignee": [("usr_03",), ("none",)],
        "team": [("tem_1",)],
        "tag": [("tag-0",), ("tag-79",)],
        "q": ["billing", "gateway config-3", "nothing-has-this", "#4711"],
        "opened_after": [data.NOW - 7 * days, data.NOW - 365 * days],
        "opened_before": [data.NOW - 300 * days, data.NOW - 30 * days],
        "present": [True, False],
    }
    out = [IncidentFilter(sort=s) for s in SORTS]
    out += [IncidentFilter(**{n: v}, sort=s) for n, values in choices.items() for v in values for s in SORTS]
    groups = [*combinations(choices, 2), *(rng.sample(list(choices), rng.randint(3, 6)) for _ in range(100))]
    out += [IncidentFilter(**{n: rng.choice(choices[n]) for n in g}, sort=rng.choice(SORTS)) for g in groups]
    return out


class People:
    """Twenty who look at the record."""

    def __init__(self, desk: Desk, workspace: str, seed: int) -> None:
        self.desk, self.workspace, self.seed = desk, workspace, seed
        self.filters = filters(random.Random(seed))
        with desk.look() as connection:
            self.ids = connection.execute(sa.select(tables.incidents.c.id)).scalars().all()
            i = tables.incidents.c
            self.large = connection.execute(sa.select(i.id).order_by(i.occurrences.desc()).limit(50)).scalars().all()
        self.took: dict[str, list[float]] = defaultdict(list)
        self.slowest: dict[str, tuple[float, str]] = {}
        self._lock = threading.Lock()

    def list(self, rng: random.Random) -> str:
        wanted = rng.choice(self.filters)
        with self.desk.look() as connection:
            page, _ = queries.list_incidents(connection, self.workspace, wanted)
            queries.tags_of(connection, [row["id"] for row in page])
        return repr(wanted.pairs())

    def next_page(self, rng: random.Random) -> str:
        wanted = replace(rng.choice(self.filters), q="")
        with self.desk.look() as connection:
            _, cursor = queries.list_incidents(connection, self.workspace, wanted)
        begun = time.perf_counter()
        with self.desk.look() as connection:
            queries.list_incidents(connection, self.workspace, wanted, cursor=cursor)
        return f"={time.perf_counter() - begun}={wanted.pairs()}"

    def count(self, rng: random.Random) -> str:
        wanted = rng.choice(self.filters)
        with self.desk.look() as connection:
            queries.count_incidents(connection, self.workspace, wanted)
        return repr(wanted.pairs())

    def list_page(self, rng: random.Random) -> str:
        """What the page of the list asks: a page, and the numbers beside all filters."""
        wanted = rng.choice(self.filters)
        with self.desk.look() as connection:
            page, _ = queries.list_incidents(connection, self.workspace, wanted)
            queries.tags_of(connection, [row["id"] for row in page])
        facets(self.desk, self.workspace, wanted, now=data.NOW)
        return repr(wanted.pairs())

    def incident(self, rng: random.Random) -> str:
        key = rng.choice(self.large if rng.random() < 0.2 else self.ids)
        with self.desk.look() as connection:
            row = queries.incident(connection, self.workspace, key)
            assert row is not None
            queries.occurrences_of(connection, self.workspace, key)
            queries.events_of(connection, self.workspace, key)
            queries.comments_of(connection, self.workspace, key)
            queries.checks_of(connection, self.workspace, row["secret_id"])
            queries.tags_of(connection, [key])
            queries.same_key(connection, self.workspace, row["spki"], row["secret_id"])
        return key

    def overview(self, rng: random.Random) -> str:
        overviews.overview(self.desk, self.workspace, now=data.NOW)
        return ""

    def overview_counted(self, rng: random.Random) -> str:
        with self.desk.look() as connection:
            overviews.count(connection, self.workspace, data.NOW)
        return ""

    def source_list(self, rng: random.Random) -> str:
        with self.desk.look() as connection:
            workspace_rows.list_sources(connection, self.workspace)
        return ""

    def run(self, users: int, seconds: float, think: float, mix: dict[str, int]) -> None:
        self.took.clear()
        self.slowest.clear()
        names = [name for name, weight in mix.items() for _ in range(weight)]
        end = time.perf_counter() + seconds
        threads = [threading.Thread(target=self._person, args=(n, end, think, names)) for n in range(users)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _person(self, number: int, end: float, think: float, names: list[str]) -> None:
        rng = random.Random(f"{self.seed} {number}")
        while time.perf_counter() < end:
            name = rng.choice(names)
            act: Callable[[random.Random], str] = getattr(self, name)
            begun = time.perf_counter()
            what = act(rng)
            took = time.perf_counter() - begun
            if what.startswith("="):
                took = float(what.split("=")[1])
            with self._lock:
                self.took[name].append(took)
                self.slowest[name] = max(self.slowest.get(name, (0.0, "")), (took, what))
            if think:
                time.sleep(think * rng.uniform(0.5, 1.5))


def shown(people: People, title: str) -> None:
    total = sum(map(len, people.took.values()))
    print(f"\n{title}: {total} questions\n  {'kind':18}{'count':>7}{'p50 ms':>9}{'p95 ms':>9}{'max ms':>9}")
    for name, took in sorted(people.took.items()):
        if len(took) > 1:
            p95 = statistics.quantiles(took, n=20)[-1]
            slow, what = people.slowest[name]
            print(
                f"  {name:18}{len(took):7}{statistics.median(took) * 1000:9.1f}{p95 * 1000:9.1f}{slow * 1000:9.1f}  {what[:150]}"
            )


def alone(people: People) -> None:
    """Every filter once, by one person: which are slow by themselves."""
    found = []
    for wanted in people.filters:
        for kind, ask in (("list", queries.list_incidents), ("count", queries.count_incidents)):
            with people.desk.look() as connection:
                begun = time.perf_counter()
                ask(connection, people.workspace, wanted)
                found.append((time.perf_counter() - begun, kind, wanted.pairs()))
    for kind in ("list", "count"):
        took = [t for t, k, _ in found if k == kind]
        print(
            f"\nalone, {kind}: p50 {statistics.median(took) * 1000:.1f} ms, p95 {statistics.quantiles(took, n=20)[-1] * 1000:.1f} ms; slowest:"
        )
        for t, _, pairs in sorted((f for f in found if f[1] == kind), key=lambda f: -f[0])[:12]:
            print(f"  {t * 1000:7.1f} ms  {pairs}")


def findings(count: int, secrets: int) -> Iterator[Sighting]:
    """What a scan of a very large repository finds."""
    each = count // secrets
    for n in range(secrets):
        yield Sighting(
            fingerprint=f"{n:064x}", detector=f"detector-{n % 50}", title="A token", provider="Provider 3", kind="token", severity="high",
            redacted=f"abc…{n:05}",
            places=tuple(Place(path=f"src/{n % 313}/{n}-{k}.py", line=k + 1, snippet="TOKEN = abc…") for k in range(each)),
        )  # fmt: skip


def recorded(desk: Desk, workspace: str, count: int) -> None:
    spec = SourceSpec(kind="git", target="https://git.test/huge.git", name="huge")
    print(f"\nrecording {count} findings")
    for title, secrets in (("first time", count // 5), ("the same again", count // 5)):
        begun = time.perf_counter()
        done = record_scan(desk, findings(count, secrets), spec, workspace=workspace)
        took = time.perf_counter() - begun
        print(
            f"  {title:18}{took:7.1f} s  {count / took:8.0f}/s  new {done.total.new}, opened {done.total.opened}, gone {done.gone}"
        )
    begun = time.perf_counter()
    done = record_scan(desk, findings(count // 2, count // 10), spec, workspace=workspace)
    print(f"  {'half of it is gone':18}{time.perf_counter() - begun:7.1f} s             gone {done.gone}")


@contextmanager
def server(url: str) -> Iterator[str]:
    if url:
        yield url
        return
    from tests.support.database_servers import postgresql

    with postgresql("host all all 127.0.0.1/32 trust", **SERVER) as running:
        running.run("CREATE DATABASE record;")
        yield f"postgresql://owner@127.0.0.1:{running.port}/record"


MIX = {"list": 6, "next_page": 2, "count": 3, "list_page": 2, "incident": 5, "overview": 2, "source_list": 1}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="", help="an empty PostgreSQL database; default: one of its own")
    parser.add_argument("--reuse", action="store_true", help="the database at --url is loaded already")
    parser.add_argument("--incidents", type=int, default=50_000)
    parser.add_argument("--places", type=int, default=1_000_000)
    parser.add_argument("--findings", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--think", type=float, default=1.0, help="seconds that people look at an answer, in the second round")
    parser.add_argument("--seed", type=int, default=4)
    args = parser.parse_args()
    with server(args.url) if args.url or not args.reuse else nullcontext(args.url) as url:
        desk = Desk.open(url, key=WrappingKey(b"\x01" * 32))
        workspace = desk.workspace()
        if not args.reuse:
            begun = time.perf_counter()
            with desk.database.begin() as connection:
                data.load(connection, workspace, incidents=args.incidents, places=args.places, seed=args.seed)
            with desk.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")
            print(f"loaded {args.incidents} incidents with {args.places} places in {time.perf_counter() - begun:.0f} s")
        people = People(desk, workspace, args.seed)
        alone(people)
        people.run(args.users, args.seconds, 0, MIX)
        shown(people, f"{args.users} people without a pause")
        people.run(args.users, args.seconds, args.think, MIX)
        shown(people, f"{args.users} people who look at an answer for {args.think:g} s")
        people.run(1, 3, 0, {"overview_counted": 1})
        shown(people, "the overview counted anew, by one person")
        if args.findings:
            recorded(desk, workspace, args.findings)
        desk.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
