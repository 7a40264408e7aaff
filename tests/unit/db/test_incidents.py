"""Lists show what a filter says and nothing else; pages put together are the list, each incident once, in its order."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.databases import KINDS, Clock, Servers, opened
from tests.support.recorded import member, rows, scanned, sighting, spec, team, the_incident

from stanch.core.errors import InputError
from stanch.core.filters import ENVIRONMENTS, EXPOSURES, SEVERITIES, SORTS, STATES, VALIDITIES, IncidentFilter, parse_filter
from stanch.core.severity import RANKS
from stanch.db import cursors, tables
from stanch.db import incidents as queries
from stanch.db import workspaces as workspace_rows
from stanch.incidents.desk import Desk
from stanch.incidents.workspaces import create_workspace

NOW = Clock().time
DAY = timedelta(days=1)
Row = dict[str, Any]


class Shelf:
    """A record with 60 incidents, the same on both databases, and what is in it as plain dictionaries."""

    def __init__(self, desk: Desk) -> None:
        self.desk, rng = desk, random.Random(11)
        with desk.work("") as work:
            self.main = create_workspace(work.connection, slug="main", name="Main", now=NOW)
            self.other = create_workspace(work.connection, slug="other", name="Other", now=NOW)
        self.users = [member(desk, self.main, name, NOW).id for name in ("anna", "bert")]
        self.teams = [team(desk, self.main, name, NOW) for name in ("red", "blue")]
        names = [f"s{n}" for n in range(60)]
        for source in ("x", "y", "z"):
            scanned(
                desk,
                *(sighting(n, f"{source}/{n}%_\\é.py") for n in names if rng.random() < 0.6),
                workspace=self.main,
                source=spec(source),
            )
        scanned(desk, *(sighting(n) for n in names[:30]), workspace=self.main, source=spec("x"))
        scanned(desk, *(sighting(n) for n in names), workspace=self.other)
        with desk.database.begin() as connection:
            for row in connection.execute(sa.select(tables.incidents).where(tables.incidents.c.workspace_id == self.main)).all():
                self._vary(connection, row, rng)
        self.rows = self._read()

    def _vary(self, connection: sa.Connection, row: Any, rng: random.Random) -> None:
        severity = rng.choice(SEVERITIES)
        state = rng.choice(STATES)
        values = {
            "state": state, "severity": severity, "rank": RANKS[severity], "score": rng.randrange(4), "validity": rng.choice(VALIDITIES),
            "exposure": rng.choice(EXPOSURES), "environment": rng.choice(ENVIRONMENTS), "detector": rng.choice(["d1", "d2", "d3"]),
            "provider": rng.choice(["p1", "p2", ""]), "kind": rng.choice(["token", "key"]),
            "assignee_id": rng.choice([None, *self.users]), "team_id": rng.choice([None, *self.teams]),
            "opened_at": NOW - rng.randrange(5) * DAY, "last_seen": NOW - rng.randrange(3) * DAY,
        }  # fmt: skip
        connection.execute(sa.update(tables.incidents).where(tables.incidents.c.id == row.id).values(**values))
        for tag in rng.sample(["t1", "t2", "t3"], rng.randrange(3)):
            connection.execute(sa.insert(tables.tags).values(incident_id=row.id, tag=tag, workspace_id=self.main))

    def _read(self) -> list[Row]:
        found = [dict(row._mapping) for row in rows(self.desk, tables.incidents, tables.incidents.c.workspace_id == self.main)]
        for row in found:
            row["tags"] = {t.tag for t in rows(self.desk, tables.tags, tables.tags.c.incident_id == row["id"])}
            o = tables.occurrences.c
            row["in"] = {
                p.source_id for p in rows(self.desk, tables.occurrences, o.incident_id == row["id"], o.gone_at.is_(None))
            }
        return found

    def pages(self, wanted: IncidentFilter, limit: int) -> list[str]:
        """All pages of a list put together."""
        out: list[str] = []
        cursor = ""
        with self.desk.look() as connection:
            while True:
                page, cursor = queries.list_incidents(connection, self.main, wanted, cursor=cursor, limit=limit)
                assert len(page) <= limit and (page or not out)
                out += [row["id"] for row in page]
                if not cursor:
                    return out


@pytest.fixture(scope="module")
def shelves(servers: Servers) -> Iterator[dict[str, Shelf]]:
    with opened(servers.migrated("sqlite")) as one, opened(servers.migrated("postgresql")) as two:
        yield {"sqlite": Shelf(one), "postgresql": Shelf(two)}


@pytest.fixture
def shelf(shelves: dict[str, Shelf], kind: str) -> Shelf:
    return shelves[kind]


def fits(row: Row, wanted: IncidentFilter) -> bool:
    """The filter once more, in Python."""
    plain = ("state", "severity", "validity", "exposure", "environment", "detector", "provider", "kind")
    checks = [row[name] in getattr(wanted, name) for name in plain if getattr(wanted, name)]
    if wanted.assignee:
        checks.append((row["assignee_id"] or "none") in wanted.assignee)
    if wanted.team:
        checks.append(row["team_id"] in wanted.team)
    if wanted.tag:
        checks.append(bool(row["tags"] & set(wanted.tag)))
    if wanted.source:
        checks.append(bool(row["in"] & set(wanted.source)))
    if wanted.opened_after:
        checks.append(row["opened_at"] >= wanted.opened_after)
    if wanted.opened_before:
        checks.append(row["opened_at"] < wanted.opened_before)
    if wanted.present is not None:
        checks.append((row["occurrences"] > row["gone"]) == wanted.present)
    for word in wanted.q.lower().split():
        number = word[1:].isdigit() and word.startswith("#")
        checks.append(row["number"] == int(word[1:]) if number else word in row["search"])
    return all(checks)


KEYS: dict[str, tuple[Callable[[Row], Any], bool]] = {
    "urgency": (lambda r: (r["rank"], r["score"], r["id"]), True),
    "newest": (lambda r: (r["opened_at"], r["id"]), True),
    "oldest": (lambda r: (r["opened_at"], r["id"]), False),
    "seen": (lambda r: (r["last_seen"], r["id"]), True),
    "number": (lambda r: r["number"], True),
}


def expected(shelf: Shelf, wanted: IncidentFilter) -> list[str]:
    key, falls = KEYS[wanted.sort]
    return [row["id"] for row in sorted((r for r in shelf.rows if fits(r, wanted)), key=key, reverse=falls)]


def check(shelf: Shelf, wanted: IncidentFilter, limit: int = 100) -> None:
    ids = expected(shelf, wanted)
    assert shelf.pages(wanted, limit) == ids
    with shelf.desk.look() as connection:
        assert queries.count_incidents(connection, shelf.main, wanted) == len(ids)
        assert queries.ids_of(connection, shelf.main, wanted, 1000) == sorted(ids)


CHOICES: dict[str, list[Any]] = {
    "state": [("open",), ("open", "in_remediation"), STATES], "severity": [("critical",), ("high", "low")], "validity": [("live",), ("dead", "dormant")],
    "exposure": [("public",)], "environment": [("production", "unknown")], "detector": [("d1",), ("d2", "nothing")], "provider": [("p1",), ("p1", "p2")],
    "kind": [("key",)], "assignee": [("usr_anna",), ("none",), ("none", "usr_bert"), ("usr_none",)], "team": [("tem_red",), ("tem_red", "tem_blue")],
    "tag": [("t1",), ("t2", "t3"), ("nothing",)], "q": ["s1", "github s2", "#7", "S3", "é", "%", "_", "\\", "nothing", "'; --"],
    "opened_after": [NOW - 2 * DAY], "opened_before": [NOW - 2 * DAY, NOW - 50 * DAY], "present": [True, False],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in CHOICES.items() for value in values])
def test_each_filter_shows_what_it_says(shelf: Shelf, name: str, value: Any) -> None:
    check(shelf, IncidentFilter(**{name: value}))


def test_by_source_shows_what_is_still_in_it(shelf: Shelf) -> None:
    names = {row.name: row.id for row in rows(shelf.desk, tables.sources)}
    for sources in ((names["x"],), (names["y"], names["z"]), ("src_none",)):
        check(shelf, IncidentFilter(source=sources))
    assert len(expected(shelf, IncidentFilter(source=(names["x"],)))) == 30


def test_every_filter_is_among_the_choices() -> None:
    from stanch.core.filters import NAMES

    assert set(NAMES) == {*CHOICES, "source", "sort"} and set(KEYS) == set(SORTS)


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("limit", [1, 7, 59, 60, 61])
def test_each_order_and_page_size_gives_the_whole_list(shelf: Shelf, sort: str, limit: int) -> None:
    check(shelf, IncidentFilter(sort=sort), limit)


filters = st.builds(
    lambda values, sort: IncidentFilter(**values, sort=sort),
    st.dictionaries(st.sampled_from(sorted(CHOICES)), st.integers(0, 100), max_size=4).map(
        lambda picks: {name: CHOICES[name][pick % len(CHOICES[name])] for name, pick in picks.items()}
    ),
    st.sampled_from(SORTS),
)


@pytest.mark.parametrize("name", KINDS)
def test_pages_never_skip_or_double(shelves: dict[str, Shelf], name: str) -> None:
    @given(wanted=filters, limit=st.integers(1, 25))
    @settings(max_examples=150)
    def any_list(wanted: IncidentFilter, limit: int) -> None:
        check(shelves[name], wanted, limit)

    any_list()


def test_what_is_added_while_somebody_pages_moves_nothing(desk: Desk, clock: Clock) -> None:
    main = desk.workspace()
    for n in range(10):
        scanned(desk, sighting(f"a{n}"), partial=True)
        clock.pass_(minutes=1)
    before = [row.id for row in rows(desk, tables.incidents)]
    seen: list[str] = []
    cursor = ""
    for n in range(20):
        with desk.look() as connection:
            page, cursor = queries.list_incidents(connection, main, IncidentFilter(sort="newest"), cursor=cursor, limit=3)
        seen += [row["id"] for row in page]
        if not cursor:
            break
        scanned(desk, sighting(f"b{n}"), partial=True)
        clock.pass_(minutes=1)
    assert seen == sorted(before, reverse=True)


@pytest.mark.parametrize("cursor", ["x", "bm8", "é", "A" * 5000, cursors.encode("newest", [1, "inc_x"]), cursors.encode("urgency", [1, 2]),
                                    cursors.encode("urgency", ["a", "b", "c"]), cursors.encode("urgency", [2**63, 0, "inc_"]), "W10", "bnVsbA"])  # fmt: skip
def test_a_cursor_of_something_else_is_refused(shelf: Shelf, cursor: str) -> None:
    with pytest.raises(InputError) as error, shelf.desk.look() as connection:
        queries.list_incidents(connection, shelf.main, IncidentFilter(), cursor=cursor)
    assert error.value.code == "cursor"


@given(st.lists(st.integers(-(2**60), 2**60) | st.text("abc_09"), max_size=4))
def test_cursors_come_back_as_they_were(values: list[Any]) -> None:
    assert cursors.decode("kind", cursors.encode("kind", values), len(values)) == values


@given(st.text(max_size=60))
def test_any_text_as_a_cursor_is_read_or_refused(text: str) -> None:
    with pytest.raises(InputError):
        cursors.decode("kind", text, 2)


def test_a_filter_survives_its_way_through_an_address(shelf: Shelf) -> None:
    @given(wanted=filters)
    def any_filter(wanted: IncidentFilter) -> None:
        assert parse_filter(wanted.pairs(), now=NOW) == wanted

    any_filter()


# ── one incident ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_incident_is_found_by_id_or_number_in_its_workspace_alone(shelf: Shelf) -> None:
    row = shelf.rows[5]
    with shelf.desk.look() as connection:
        for key in (row["id"], str(row["number"]), f"#{row['number']}"):
            found = queries.incident(connection, shelf.main, key)
            assert found is not None and found["id"] == row["id"] and not found["has_value"]
        assert queries.incident(connection, shelf.other, row["id"]) is None
        for key in ("", "#", "0", "99999999999999999999", "inc_none", "²", "-1"):
            assert queries.incident(connection, shelf.main, key) is None


def test_occurrences_come_in_pages_those_still_there_first(desk: Desk) -> None:
    main = desk.workspace()
    scanned(desk, sighting("one", *(f"p{n}" for n in range(25))))
    scanned(desk, sighting("one", *(f"p{n}" for n in range(10))))
    incident = rows(desk, tables.incidents)[0].id
    seen: list[Any] = []
    cursor = ""
    with desk.look() as connection:
        while True:
            page, cursor = queries.occurrences_of(connection, main, incident, cursor=cursor, limit=4)
            seen += page
            if not cursor:
                break
        assert len({row["id"] for row in seen}) == len(seen) == 25
        assert [row["gone_at"] is None for row in seen] == [True] * 10 + [False] * 15
        for gone, count in ((True, 15), (False, 10)):
            assert len(queries.occurrences_of(connection, main, incident, gone=gone)[0]) == count
        assert queries.occurrences_of(connection, "wsp_other", incident)[0] == []


def test_what_belongs_to_an_incident_stays_in_its_workspace(desk: Desk, clock: Clock) -> None:
    main = desk.workspace()
    scanned(desk, sighting("one", validity="live", checked_at=clock(), spki="k" * 64), sighting("two", spki="k" * 64))
    one = the_incident(desk)
    with desk.work(main) as work:
        work.triage.comment(one.id, "hello")
        work.triage.tag(one.id, add=["x"])
    with desk.look() as connection:
        for workspace, there in ((main, True), ("wsp_other", False)):
            assert bool(queries.events_of(connection, workspace, one.id)) is there
            assert bool(queries.comments_of(connection, workspace, one.id)) is there
            assert bool(queries.checks_of(connection, workspace, one.secret_id)) is there
            assert bool(queries.same_key(connection, workspace, "k" * 64, one.secret_id)) is there
            assert bool(queries.all_tags(connection, workspace)) is there
        assert queries.same_key(connection, main, "", one.secret_id) == []
        assert queries.tags_of(connection, [one.id]) == {one.id: ["x"]}


def test_values_of_a_field_are_counted_without_its_own_condition(shelf: Shelf) -> None:
    wanted = IncidentFilter(state=("open",), severity=("critical",))
    with shelf.desk.look() as connection:
        found = dict(queries.facets(connection, shelf.main, wanted, "severity"))
    assert found == {s: n for s in SEVERITIES if (n := sum(1 for r in shelf.rows if r["state"] == "open" and r["severity"] == s))}


def test_sources_are_listed_with_what_is_in_them(shelf: Shelf) -> None:
    with shelf.desk.look() as connection:
        found = {row["name"]: row for row in workspace_rows.list_sources(connection, shelf.main)}
    assert list(found) == ["x", "y", "z"]
    active = [r for r in shelf.rows if r["state"] in ("open", "in_remediation")]
    for row in found.values():
        assert row["open"] == sum(1 for r in active if row["id"] in r["in"])


def test_the_count_beside_an_incident_is_what_its_occurrences_say(shelf: Shelf) -> None:
    counted = {(r.incident_id, r.source_id): r.places for r in rows(shelf.desk, tables.incident_sources)}
    there: dict[tuple[str, str], int] = {}
    for row in rows(shelf.desk, tables.occurrences):
        there[(row.incident_id, row.source_id)] = there.get((row.incident_id, row.source_id), 0) + (row.gone_at is None)
    assert counted == there
