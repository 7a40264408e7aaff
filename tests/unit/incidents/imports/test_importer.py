"""Reports of other tools in the record: once, with their states, beside what our own scans found. On both databases."""

import io
import json
import os

import pytest
import sqlalchemy as sa
from tests.unit.incidents.imports import examples
from tests.unit.incidents.imports.examples import COMMIT, OTHER, REPOSITORY, TOKEN

from stanch.core.errors import InputError
from stanch.core.finding import Commit, Confidence, Finding, History, Location, Severity
from stanch.core.incident import Actor, IgnoreReason, IncidentState
from stanch.core.secret import Secret, fingerprint_of
from stanch.db import tables
from stanch.incidents.imports.importer import import_findings
from stanch.incidents.recording import record_scan
from stanch.incidents.sightings import sightings_of
from stanch.incidents.triage import Move
from stanch.incidents.workspaces import SourceSpec

JANE = Actor(kind="user", id="usr_1", name="Jane")
OURS = bytes.fromhex(os.environ.get("STANCH_KEY", "5a" * 32))


@pytest.fixture
def workspace(desk):
    return desk.workspace()


@pytest.fixture
def bring(desk, workspace):
    """Import a report."""

    def bring_(report, **more):
        text = report if isinstance(report, str) else json.dumps(report)
        return import_findings(desk, io.BytesIO(text.encode()), workspace=workspace, actor=JANE, name="report", **more)

    return bring_


def rows(desk, table, *columns):
    with desk.look() as connection:
        return connection.execute(sa.select(*(table.c[name] for name in columns)).order_by(*(table.c[n] for n in columns))).all()


def everything(desk, *without):
    """Every row of the record, but for the columns that say when something was last seen or counted."""
    left_out = {"last_seen", "last_scan", "updated_at", "version", "scanned_at", *without}
    with desk.look() as connection:
        return {
            t.name: sorted(repr({k: v for k, v in row.items() if k not in left_out}) for row in connection.execute(sa.select(t)).mappings())
            for t in (tables.sources, tables.secrets, tables.incidents, tables.occurrences, tables.events, tables.validity_checks)
        }  # fmt: skip


def own_finding(path="deploy/app.env", value=TOKEN):
    place = Location(path=path, start=0, end=40, line=4, column=1, end_line=4, end_column=41)
    secret = Secret(None, fingerprint=fingerprint_of(value.encode(), OURS), redacted="ghp_…")
    return Finding(
        detector="github-personal-access-token", title="GitHub token", provider="GitHub", kind="token", severity=Severity.CRITICAL,
        confidence=Confidence.HIGH, secret=secret, location=place,
        history=History(introduced=Commit(id=COMMIT, author="J", email="j@example.org", date="2024-03-02T09:15:00Z"), in_head=True),
    )  # fmt: skip


def scan(desk, workspace, *findings, target=f"{REPOSITORY}.git"):
    spec = SourceSpec(kind="git", target=target, name="shop")
    return record_scan(desk, sightings_of(findings), spec, workspace=workspace)


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_every_format_comes_into_the_record(desk, bring, name):
    told = bring(examples.text(name))
    assert told.read == told.seen == told.new > 0
    assert told.opened == len(rows(desk, tables.incidents, "id")) > 0
    assert (told.skipped, told.format) == (0, name.removesuffix("-csv"))


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_the_same_file_again_changes_nothing(desk, bring, clock, name):
    bring(examples.text(name))
    before = everything(desk)
    clock.pass_(days=1)
    again = bring(examples.text(name))
    assert (again.new, again.opened, again.reopened) == (0, 0, 0)
    assert everything(desk) == before


def test_a_file_that_grew_adds_what_is_new(desk, bring):
    bring(examples.gitleaks()[:2])
    told = bring(examples.gitleaks())
    assert (told.seen, told.new, told.opened) == (4, 2, 2)


def test_what_our_own_scan_found_is_the_same_incident_and_place(desk, workspace, bring):
    scan(desk, workspace, own_finding())
    told = bring(examples.gitleaks()[:1])
    assert (told.seen, told.new, told.opened) == (1, 0, 0)
    assert rows(desk, tables.sources, "kind", "target") == [("git", f"{REPOSITORY}.git")]


def test_what_was_imported_first_is_found_again_by_our_own_scan(desk, workspace, bring):
    bring(examples.gitleaks()[:1])
    recorded = scan(desk, workspace, own_finding(), target=REPOSITORY)
    assert (recorded.total.new, recorded.total.opened) == (0, 0)


@pytest.mark.parametrize(
    "target", ["git@github.com:acme/shop.git", "ssh://github.com/acme/shop.git", "https://GitHub.com/acme/shop/"]
)
def test_a_repository_is_known_by_any_of_its_addresses(desk, workspace, bring, target):
    scan(desk, workspace, own_finding(), target=target)
    assert bring(examples.gitleaks()[:1]).new == 0
    assert len(rows(desk, tables.sources, "id")) == 1


def test_each_repository_of_a_file_is_a_source(desk, bring):
    report = examples.gitleaks()[:2]
    report[1]["Link"] = report[1]["Link"].replace("shop", "site")
    report += [examples.gitleaks()[0] | {"Link": "", "File": "elsewhere.env"}]
    told = bring(report)
    assert rows(desk, tables.sources, "kind", "target", "name") == [
        ("git", REPOSITORY, "acme/shop"),
        ("git", "https://github.com/acme/site", "acme/site"),
        ("import", "gitleaks", "gitleaks"),
    ]
    assert (told.opened, len(told.scans), len(rows(desk, tables.scans, "id"))) == (1, 3, 3)


def test_the_caller_may_name_the_source(desk, bring):
    bring(examples.gitleaks(), source=SourceSpec(kind="import", target="legacy shop", name="Legacy shop"))
    assert rows(desk, tables.sources, "kind", "target", "name") == [("import", "legacy shop", "Legacy shop")]


@pytest.mark.parametrize(
    ("resolution", "state", "reason"),
    [("revoked", "resolved", None), ("false_positive", "ignored", "false_positive"), ("used_in_tests", "ignored", "test_credential"),
     ("wont_fix", "ignored", "accepted")],
)  # fmt: skip
def test_decisions_of_the_other_tool_are_taken_over(desk, bring, clock, resolution, state, reason):
    report = examples.github()[:1]
    report[0] |= {"state": "resolved", "resolution": resolution, "validity": "active"}
    bring(report)
    ((found, why, until),) = rows(desk, tables.incidents, "state", "ignore_reason", "ignored_until")
    assert (found, why) == (state, reason)
    assert (until is not None) == (reason == "accepted")
    bring(report)
    assert rows(desk, tables.incidents, "state", "reopened") == [(state, 0)]


def test_a_decision_that_another_place_does_not_share_does_not_hold(desk, bring):
    closed, open_ = examples.github()[0], examples.github()[0]
    closed |= {"number": 8, "state": "resolved", "resolution": "wont_fix"}
    bring([closed, open_])
    assert rows(desk, tables.incidents, "state") == [("open",)]


def test_decisions_made_here_stay(desk, workspace, bring):
    bring(examples.gitleaks()[:1])
    ((incident,),) = rows(desk, tables.incidents, "id")
    with desk.work(workspace, JANE) as work:
        work.triage.move(incident, Move(state=IncidentState.IGNORED, reason=IgnoreReason.FALSE_POSITIVE))
    bring(examples.gitleaks()[:2])
    assert rows(desk, tables.incidents, "state", "occurrences") == [("ignored", 2)]


def test_a_place_that_the_other_tool_closed_opens_nothing(desk, bring):
    report = examples.github()[:1]
    report[0] |= {"state": "resolved", "resolution": "revoked", "validity": "inactive"}
    bring(report)
    report[0]["locations"].append(
        {"type": "issue_comment", "details": {"issue_comment_url": "https://api.github.com/repos/a/b/issues/9"}}
    )
    assert bring(report).new == 1
    assert rows(desk, tables.incidents, "state") == [("resolved",)]


def test_an_old_report_does_not_outdate_a_newer_answer(desk, workspace, bring, clock, tmp_path):
    path = tmp_path / "old.json"
    path.write_text(examples.text("betterleaks"))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    bring(examples.text("kingfisher"))
    import_findings(desk, path, workspace=workspace)
    assert rows(desk, tables.incidents, "validity") == [("dead",)]
    assert len(rows(desk, tables.validity_checks, "id")) == 1


def test_a_broken_file_is_taken_up_to_the_break(desk, bring):
    text = examples.text("gitleaks")
    with pytest.raises(InputError) as caught:
        bring(text[: text.rindex("Match")])
    assert caught.value.code == "import_broken"
    assert "The 3 finding(s) before it are on record." in caught.value.message
    assert len(rows(desk, tables.occurrences, "id")) == 3
    ((state, error),) = rows(desk, tables.scans, "state", "error")
    assert (state, "not valid JSON" in error) == ("incomplete", True)
    assert bring(text).new == 1


def test_skipped_elements_are_counted_and_named(desk, bring):
    told = bring([*examples.gitleaks()[:1], 7, {"x": 1}])
    assert (told.read, told.skipped, told.codes) == (1, 2, {"no_finding": 2})
    assert [s.code for s in told.named] == ["no_finding", "no_finding"]
    ((state, skipped),) = rows(desk, tables.scans, "state", "skipped") if desk.database.is_sqlite else [("incomplete", [1, 2])]
    assert (state, len(skipped)) == ("incomplete", 2)


def test_nothing_is_gone_unless_the_report_is_complete(desk, bring):
    bring(examples.gitleaks())
    assert bring(examples.gitleaks()[:1]).gone == 0
    assert bring(examples.gitleaks()[:1], complete=True).gone == 3


def test_names_with_nul_and_lone_surrogates_are_stored(desk, bring):
    report = examples.gitleaks()[:1]
    report[0] |= {"File": "a\0b\ud800.env", "Author": "J\0\udcff", "Link": ""}
    assert bring(report).new == 1
    assert bring(report).new == 0


def test_no_value_and_no_match_reach_the_database(desk, bring):
    for name in examples.EXAMPLES:
        bring(examples.text(name))
    with desk.look() as connection:
        dumped = repr([connection.execute(sa.select(t)).all() for t in tables.metadata.sorted_tables])
    assert not [value for value in (*examples.VALUES, TOKEN[4:], OTHER[4:]) if value in dumped]


def test_values_are_kept_sealed_where_the_workspace_says_so(desk, workspace, bring):
    with desk.work(workspace, JANE) as work:
        work.connection.execute(sa.update(tables.workspaces).values(settings={"keep_values": True}))
    bring(examples.gitleaks())
    assert [sealed is not None for (sealed,) in rows_in_order(desk)] == [True, True, False]


def rows_in_order(desk):
    with desk.look() as connection:
        return connection.execute(sa.select(tables.secrets.c.sealed).order_by(tables.secrets.c.value_known.desc())).all()


def test_an_import_is_in_the_audit_trail(desk, bring):
    told = bring(examples.gitleaks())
    with desk.look() as connection:
        query = sa.select(tables.audit.c.data, tables.audit.c.actor_name).where(tables.audit.c.action == "import.record")
        ((data, name),) = connection.execute(query).all()
    assert (name, data["read"], data["format"], data["scans"]) == ("Jane", 4, "gitleaks", list(told.scans))


def test_progress_is_told(desk, bring):
    heard = []
    report = [examples.gitleaks()[0] | {"StartLine": line} for line in range(1, 2_101)]
    bring(report, progress=heard.append)
    assert heard == [1000, 2000]
    assert rows(desk, tables.incidents, "occurrences") == [(2_100,)]


def test_an_interrupted_import_ends_its_scan_and_can_be_repeated(desk, bring):
    def interrupt(read):
        raise KeyboardInterrupt

    report = [examples.gitleaks()[0] | {"StartLine": line} for line in range(1, 1_501)]
    with pytest.raises(KeyboardInterrupt):
        bring(report, progress=interrupt)
    assert rows(desk, tables.scans, "state") == [("failed",)]
    assert (bring(report).new, rows(desk, tables.incidents, "occurrences")) == (500, [(1_500,)])
