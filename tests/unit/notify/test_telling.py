"""Use cases of notifications on both databases: channels, outboxes, deliveries. A fake brings notices to nobody and remembers."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
import standardwebhooks
from tests.support.recorded import ANNA, member, rows, scanned, sighting, team, the_incident
from tests.support.servers import Server, reply
from tests.unit.notify.samples import notice

from stanch.core.errors import ConflictError, InputError, NotFoundError
from stanch.core.finding import Severity
from stanch.core.incident import IgnoreReason, IncidentState, Place, Resolution
from stanch.core.validity import Validity, ValidityCheck
from stanch.db import tables
from stanch.db import workspaces as workspace_rows
from stanch.incidents import notifying
from stanch.incidents.announcing import announce_installation, announce_run
from stanch.incidents.checking import record_check
from stanch.incidents.delivering import context_of
from stanch.incidents.triage import Move
from stanch.incidents.troubles import announce_failed_runs
from stanch.incidents.workspaces import create_workspace
from stanch.net.policy import DoorPolicy
from stanch.notify.channels import Channel, Delivered, Failed, Sender
from stanch.notify.message import NoticeKind

PLAIN = "ghp_" + "Zq8" * 12
WEBHOOK = {"url": "https://hooks.example.com/very-secret-path?token=abc123secret"}
D = tables.deliveries.c


@dataclass
class Fake:
    """Brings notices nowhere, and says what it is told to say."""

    outcomes: list = field(default_factory=list)
    told: list = field(default_factory=list)

    def send(self, channel, notice):
        self.told.append(notice)
        outcome = self.outcomes.pop(0) if self.outcomes else Delivered()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def check(self, channel):
        pass


@pytest.fixture
def workspace(desk):
    return desk.workspace()


def make(desk, workspace, name="hook", *, kind="webhook", settings=None, **options):
    with desk.work(workspace, ANNA) as work:
        return notifying.create_channel(work, kind=kind, name=name, settings=settings or WEBHOOK, **options)


def say(desk, workspace, *notices):
    with desk.work(workspace, ANNA) as work:
        return sum(notifying.announce(work, told) for told in notices)


def outbox(desk):
    return [(r.state, r.attempts, r.error) for r in rows(desk, tables.deliveries)]


# --- channels -------------------------------------------------------------------------------------------------------


def test_channel_is_listed_by_its_host_alone_and_its_settings_are_sealed(desk, workspace):
    made = make(desk, workspace)
    with desk.look() as connection:
        (view,) = notifying.list_channels(connection, workspace)
        everything = repr(connection.execute(sa.select(tables.channels)).all()) + repr(
            connection.execute(sa.select(tables.audit)).all()
        )
    assert (view.id, view.name, view.kind, view.shown, view.enabled) == (made.id, "hook", "webhook", "hooks.example.com", True)
    assert made.secret.redacted.startswith("whsec_…")
    for secret in ("very-secret-path", "abc123secret", made.secret.reveal().decode()):
        assert secret not in everything and secret not in repr(view) and secret not in repr(made)


def test_settings_of_a_channel_do_not_open_in_another_row(desk, workspace):
    one, other = make(desk, workspace, "one"), make(desk, workspace, "other")
    with desk.database.begin() as connection:
        c = tables.channels.c
        sealed = connection.execute(sa.select(c.sealed).where(c.id == one.id)).scalar_one()
        connection.execute(sa.update(tables.channels).where(c.id == other.id).values(sealed=sealed))
    say(desk, workspace, notice())
    fake = Fake()
    result = notifying.deliver_due(desk, fake)
    assert (result.sent, result.retried) == (1, 1)
    assert sorted(r.error for r in rows(desk, tables.deliveries)) == ["", "seal"]


def test_names_are_unique_in_a_workspace_and_channels_belong_to_one(desk, workspace):
    made = make(desk, workspace)
    with pytest.raises(ConflictError) as caught:
        make(desk, workspace)
    assert caught.value.code == "channel_name_taken"
    with desk.work(workspace) as work:
        other = create_workspace(work.connection, slug="other", name="Other", now=work.now)
    make(desk, other)
    for act in (notifying.remove_channel, notifying.rotate_secret):
        with pytest.raises(NotFoundError), desk.work(other, ANNA) as work:
            act(work, made.id)


@pytest.mark.parametrize("name", ["", "  ", "x" * 121])
def test_channel_has_a_name_of_bearable_length(desk, workspace, name):
    with pytest.raises(InputError) as caught:
        make(desk, workspace, name)
    assert caught.value.code == "channel_name"


def test_changed_channel_keeps_its_secret_and_hides_its_settings(desk, workspace):
    made = make(desk, workspace)
    with desk.work(workspace, ANNA) as work:
        settings = {"url": "https://other.example.com/x"}
        rules = [{"kinds": ["incident_live"], "severity": "high"}]
        notifying.change_channel(
            work, made.id, name="new", settings=settings, rules=rules, quiet={"zone": "Europe/Berlin"}, enabled=False
        )
    with desk.look() as connection:
        view = notifying.channel(connection, workspace, made.id)
        row = connection.execute(sa.select(tables.channels)).mappings().one()
        opened = Channel.from_bytes(desk.keyring.open(connection, bytes(row["sealed"]), context_of(made.id)))
    assert (view.name, view.shown, view.enabled) == ("new", "other.example.com", False)
    assert view.rules == [{"send": True, "kinds": ["incident_live"], "severity": "high"}]
    assert view.quiet["zone"] == "Europe/Berlin"
    assert opened.keys.current == made.secret.reveal().decode()


def test_wrong_rules_and_hours_are_refused_when_they_are_given(desk, workspace):
    for wrong in ({"rules": [{"kinds": ["no such"]}]}, {"quiet": {"zone": "Mars/Base"}}):
        with pytest.raises(InputError):
            make(desk, workspace, **wrong)


def test_webhook_survives_the_replacement_of_its_secret(desk, workspace):
    policy = DoorPolicy(allowed=("127.0.0.0/8",))
    with Server(reply(200)) as server:
        made = make(desk, workspace, settings={"url": server.url()})
        with desk.work(workspace, ANNA) as work:
            fresh = notifying.rotate_secret(work, made.id)
        outcome = notifying.test_channel(
            desk, workspace, made.id, Sender(policy=policy, clock=lambda: datetime.now(UTC)), actor=ANNA
        )
        assert outcome == Delivered()
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    standardwebhooks.Webhook(fresh.secret.reveal().decode()).verify(body, headers)
    assert fresh.secret.reveal() != made.secret.reveal()


def test_only_webhooks_have_a_secret_to_replace(desk, workspace):
    made = make(desk, workspace, kind="apprise", settings={"url": "ntfys://ntfy.test/topic"})
    assert made.secret is None
    with pytest.raises(InputError), desk.work(workspace, ANNA) as work:
        notifying.rotate_secret(work, made.id)


def test_test_is_sent_at_once_and_is_among_the_deliveries(desk, workspace):
    made = make(desk, workspace, quiet={"ranges": [{"start": "00:00", "end": "00:00"}], "through": None})
    fake = Fake([Failed(code="http_404")])
    assert notifying.test_channel(desk, workspace, made.id, fake, actor=ANNA) == Failed(code="http_404")
    assert notifying.test_channel(desk, workspace, made.id, fake, actor=ANNA) == Delivered()
    with desk.look() as connection:
        page, cursor = notifying.deliveries_of(connection, workspace, made.id, limit=1)
        rest, end = notifying.deliveries_of(connection, workspace, made.id, limit=1, cursor=cursor)
        (view,) = notifying.list_channels(connection, workspace)
    assert [(v.kind, v.state, v.error) for v in (*page, *rest)] == [("test", "sent", ""), ("test", "failed", "http_404")]
    assert end == "" and view.last_state == "sent"


def test_removed_channel_takes_what_waits_with_it(desk, workspace):
    made = make(desk, workspace)
    say(desk, workspace, notice())
    with desk.work(workspace, ANNA) as work:
        notifying.remove_channel(work, made.id)
    assert outbox(desk) == []


# --- the outbox -----------------------------------------------------------------------------------------------------


def test_notice_is_lost_with_the_unit_of_work_that_it_tells_about(desk, workspace):
    make(desk, workspace)
    with pytest.raises(RuntimeError), desk.work(workspace, ANNA) as work:
        notifying.announce(work, notice())
        raise RuntimeError
    assert outbox(desk) == []


def test_delivery_is_sent_once(desk, workspace):
    make(desk, workspace)
    say(desk, workspace, notice())
    fake = Fake()
    assert notifying.deliver_due(desk, fake).sent == 1
    assert notifying.deliver_due(desk, fake) == notifying.Round()
    assert outbox(desk) == [("sent", 1, "")]
    assert [told.title for told in fake.told] == ["GitHub token in shop"]


def test_same_notice_again_is_merged_while_it_waits_and_followed_up_when_it_was_sent(desk, workspace, clock):
    make(desk, workspace)
    assert say(desk, workspace, notice(), notice(), notice()) == 1
    fake = Fake()
    notifying.deliver_due(desk, fake)
    assert [told.merged for told in fake.told] == [2]
    assert say(desk, workspace, notice(), notice()) == 1
    notifying.deliver_due(desk, fake)
    assert len(fake.told) == 1
    clock.pass_(minutes=31)
    notifying.deliver_due(desk, fake)
    assert [told.merged for told in fake.told] == [2, 1]


def test_what_is_told_once_is_told_once(desk, workspace, clock):
    make(desk, workspace)
    fake = Fake()
    for _ in range(3):
        with desk.work(workspace) as work:
            announce_run(work.connection, workspace, "run_1", title="Scan of shop", reason="timeout", now=work.now)
        notifying.deliver_due(desk, fake)
        clock.pass_(days=1)
    assert [told.kind for told in fake.told] == [NoticeKind.RUN_FAILED]


def test_failing_channel_is_tried_after_1_5_30_120_and_360_minutes_and_then_given_up(desk, workspace, clock):
    make(desk, workspace)
    say(desk, workspace, notice())
    fake = Fake([Failed(code="http_500")] * 9)
    tried = []
    began = clock()
    for _ in range(600):
        before = len(fake.told)
        notifying.deliver_due(desk, fake)
        if len(fake.told) > before:
            tried.append(round((clock() - began) / timedelta(minutes=1)))
        clock.pass_(minutes=1)
    assert tried == [0, 1, 6, 36, 156, 516]
    assert outbox(desk) == [("failed", 6, "gave_up:http_500")]


def test_later_notices_wait_behind_a_failing_one_in_their_order(desk, workspace, clock):
    make(desk, workspace)
    say(desk, workspace, *(notice(title=f"n{n}", dedupe_key=f"k{n}") for n in range(3)))
    fake = Fake([Failed(code="timeout")])
    assert notifying.deliver_due(desk, fake).retried == 1
    assert [told.title for told in fake.told] == ["n0"]
    clock.pass_(minutes=1)
    notifying.deliver_due(desk, fake)
    notifying.deliver_due(desk, fake)
    assert [told.title for told in fake.told] == ["n0", "n0", "n1", "n2"]


def test_channel_that_asks_for_time_gets_it(desk, workspace, clock):
    make(desk, workspace)
    say(desk, workspace, notice())
    fake = Fake([Failed(code="http_429", retry_after=600)])
    notifying.deliver_due(desk, fake)
    clock.pass_(minutes=9)
    notifying.deliver_due(desk, fake)
    assert len(fake.told) == 1
    clock.pass_(minutes=2)
    notifying.deliver_due(desk, fake)
    assert len(fake.told) == 2


def test_notice_that_is_refused_for_good_does_not_hold_up_the_next(desk, workspace):
    make(desk, workspace)
    say(desk, workspace, notice(dedupe_key="a"), notice(dedupe_key="b"))
    assert notifying.deliver_due(desk, Fake([Failed(code="http_400", permanent=True)])) == notifying.Round(sent=1, failed=1)


def test_channel_that_is_gone_is_switched_off_and_the_trail_tells(desk, workspace):
    made = make(desk, workspace)
    say(desk, workspace, notice())
    notifying.deliver_due(desk, Fake([Failed(code="http_410", permanent=True)]))
    with desk.look() as connection:
        assert notifying.channel(connection, workspace, made.id).enabled is False
        assert desk.audit.verify(connection).intact
    assert "channel.disable" in [r.action for r in rows(desk, tables.audit)]
    assert say(desk, workspace, notice(dedupe_key="later")) == 0


def test_broken_sender_of_one_channel_does_not_stop_the_others(desk, workspace):
    make(desk, workspace, "one"), make(desk, workspace, "two")
    say(desk, workspace, notice())
    result = notifying.deliver_due(desk, Fake([RuntimeError(PLAIN)]))
    assert result == notifying.Round(sent=1, retried=1)
    assert PLAIN not in repr(outbox(desk))


def test_claim_of_a_worker_that_died_ends_by_itself(desk, workspace, clock):
    from stanch.incidents import delivering

    make(desk, workspace)
    say(desk, workspace, notice())
    assert len(delivering._claim(desk, clock())) == 1  # and then it dies
    fake = Fake()
    assert notifying.deliver_due(desk, fake) == notifying.Round()
    clock.pass_(minutes=5)
    assert notifying.deliver_due(desk, fake).sent == 1
    assert outbox(desk) == [("sent", 2, "")]


def test_workers_at_once_send_each_notice_once(desk, workspace):
    for name in "abcdef":
        make(desk, workspace, name)
    say(desk, workspace, *(notice(title=f"n{n}", dedupe_key=f"k{n}") for n in range(4)))
    fake = Fake()
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(notifying.deliver_due, desk, fake) for _ in range(4)]:
            done.result()
    notifying.deliver_due(desk, fake)
    assert sorted(told.title for told in fake.told) == sorted(f"n{n}" for n in range(4) for _ in "abcdef")


def test_burst_becomes_the_most_severe_and_one_summary(desk, workspace, clock):
    make(desk, workspace)
    for n in range(40):
        severity = Severity.CRITICAL if n == 37 else Severity.LOW
        say(desk, workspace, notice(title=f"n{n}", dedupe_key=f"k{n}", severity=severity, incident=n + 1))
    fake = Fake()
    notifying.deliver_due(desk, fake)
    assert len(fake.told) == 10
    assert "n37" in [told.title for told in fake.told]
    summary = fake.told[-1]
    assert (summary.kind, summary.title) == (NoticeKind.SUMMARY, "31 notices at once")
    assert notifying.deliver_due(desk, fake) == notifying.Round()
    states = [r.state for r in rows(desk, tables.deliveries)]
    assert (states.count("sent"), states.count("dropped")) == (10, 31)


def test_quiet_hours_hold_and_what_is_critical_breaks_through(desk, workspace, clock):
    hours = {"zone": "Europe/Berlin", "ranges": [{"start": "08:00", "end": "18:00"}], "through": "critical"}
    make(desk, workspace, quiet=hours)  # it is nine in Berlin
    say(desk, workspace, notice(title="later"), notice(title="now", dedupe_key="c", severity=Severity.CRITICAL))
    fake = Fake()
    notifying.deliver_due(desk, fake)
    assert [told.title for told in fake.told] == ["now"]
    clock.pass_(hours=8, minutes=59)
    notifying.deliver_due(desk, fake)
    assert len(fake.told) == 1
    clock.pass_(minutes=1)
    notifying.deliver_due(desk, fake)
    assert [told.title for told in fake.told] == ["now", "later"]


def test_rules_choose_the_channel(desk, workspace):
    make(desk, workspace, "live", rules=[{"live": True}])
    make(desk, workspace, "shop", rules=[{"sources": ["other*"], "send": False}, {"severity": "medium"}])
    assert say(desk, workspace, notice()) == 1
    assert say(desk, workspace, notice(dedupe_key="x", source="other-repo")) == 0
    assert say(desk, workspace, notice(dedupe_key="y", severity=Severity.LOW)) == 0
    assert say(desk, workspace, notice(dedupe_key="z", live=True)) == 2


def test_channel_that_was_switched_off_drops_what_waits(desk, workspace):
    made = make(desk, workspace)
    say(desk, workspace, notice())
    with desk.work(workspace, ANNA) as work:
        notifying.change_channel(work, made.id, enabled=False)
    notifying.deliver_due(desk, Fake())
    assert outbox(desk) == [("dropped", 0, "disabled")]


# --- what is announced ----------------------------------------------------------------------------------------------


def told_of(desk):
    return [(r.notice["kind"], r.notice["title"]) for r in rows(desk, tables.deliveries)]


def scan_and_tell(desk, workspace, *sightings, **options):
    before = len(rows(desk, tables.deliveries))
    scanned(desk, *sightings, workspace=workspace, **options)
    return len(rows(desk, tables.deliveries)) - before


def test_new_incidents_of_a_scan_are_announced_with_a_link_and_without_their_value(desk, workspace):
    snippet = f"token = {PLAIN}"
    make(desk, workspace)
    found = sighting("one", places=(Place(path="a/b.env", line=3, snippet=snippet),), redacted=f"ghp_…{PLAIN[-4:]}")
    assert scan_and_tell(desk, workspace, found) == 1
    (row,) = rows(desk, tables.deliveries)
    incident = the_incident(desk)
    text = json.dumps(row.notice)
    assert row.notice["page"] == f"/incidents/{incident.id}"
    assert "a/b.env" in text
    for hidden in (PLAIN, PLAIN[-4:], snippet, "ghp_"):
        assert hidden not in text


def test_scan_without_news_and_workspace_without_channels_say_nothing(desk, workspace, clock):
    assert scan_and_tell(desk, workspace, sighting("one")) == 0
    make(desk, workspace)
    clock.pass_(minutes=1)
    assert scan_and_tell(desk, workspace, sighting("one")) == 0
    assert told_of(desk) == []


def test_large_scan_is_one_summary_for_each_channel_that_counts_what_its_rules_take(desk, workspace):
    make(desk, workspace, "all")
    make(desk, workspace, "critical", rules=[{"severity": "critical"}])
    make(desk, workspace, "aws", rules=[{"providers": ["aws"]}])
    many = [sighting(f"s{n}") for n in range(300)]
    many += [sighting(f"k{n}", provider="aws", detector="aws-key", title="AWS key") for n in range(7)]
    scan_and_tell(desk, workspace, *many)
    summaries = [r.notice for r in rows(desk, tables.deliveries)]
    assert sorted((n["kind"], n["title"]) for n in summaries) == [("summary", "307 incidents in shop after a scan")] * 2
    facts = [dict(n["facts"])["What"] for n in summaries]
    assert sorted(facts) == ["307 incident opened", "7 incident opened"]


def test_few_incidents_are_told_one_by_one_and_some_more_as_a_summary(desk, workspace, clock):
    make(desk, workspace)
    assert scan_and_tell(desk, workspace, *(sighting(f"s{n}") for n in range(5))) == 5
    clock.pass_(minutes=1)
    assert scan_and_tell(desk, workspace, *(sighting(f"t{n}") for n in range(6)), partial=True) == 1


def test_value_that_is_seen_live_is_announced(desk, workspace, clock):
    scanned(desk, sighting("one"), workspace=workspace)
    make(desk, workspace)
    clock.pass_(minutes=1)
    scan_and_tell(desk, workspace, sighting("one", validity="live", checked_at=clock()))
    assert told_of(desk) == [("incident_live", "GitHub token in shop works")]


def test_incident_that_opens_again_is_announced(desk, workspace, clock):
    scanned(desk, sighting("one"), workspace=workspace)
    with desk.work(workspace, ANNA) as work:
        work.triage.move(the_incident(desk).id, Move(state=IncidentState.RESOLVED, resolution=Resolution.REVOKED))
    make(desk, workspace)
    clock.pass_(minutes=1)
    scan_and_tell(desk, workspace, sighting("one", "one.env", "two.env"))
    assert told_of(desk) == [("incident_reopened", "GitHub token in shop is open again")]


def test_imported_incidents_that_are_closed_already_are_not_announced(desk, workspace):
    make(desk, workspace)
    assert scan_and_tell(desk, workspace, sighting("one", state="false_positive"), sighting("two")) == 1


def test_assignment_is_announced_with_the_address_of_whom_it_is_for_but_not_to_oneself(desk, workspace, clock):
    scanned(desk, sighting("one"), workspace=workspace)
    bob = member(desk, workspace, "bob", clock())
    group = team(desk, workspace, "platform", clock())
    make(desk, workspace)
    incident = the_incident(desk).id
    for user, of in ((bob.id, None), (None, group), (None, None)):
        with desk.work(workspace, ANNA) as work:
            work.triage.assign(incident, user=user, team=of)
        clock.pass_(hours=1)
    told = [r.notice for r in rows(desk, tables.deliveries)]
    assert [(n["kind"], n["recipient"], n["teams"]) for n in told] == [
        ("incident_assigned", "bob@example.test", []),
        ("incident_assigned", "", ["platform"]),
    ]


def test_accepted_risk_that_ends_soon_is_announced_once(desk, workspace, clock):
    scanned(desk, sighting("one"), workspace=workspace)
    incident = the_incident(desk).id
    with desk.work(workspace, ANNA) as work:
        until = work.now + timedelta(days=10)
        work.triage.move(incident, Move(state=IncidentState.IGNORED, reason=IgnoreReason.ACCEPTED, until=until))
    make(desk, workspace)
    counts = []
    for _ in range(12):
        with desk.work(workspace) as work:
            counts.append(notifying.announce_expiring(work.connection, workspace, now=work.now))
        clock.pass_(days=1)
    assert counts == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]


def test_lost_worker_and_broken_trail_are_told_to_every_workspace_once(desk, workspace):
    with desk.work(workspace) as work:
        other = create_workspace(work.connection, slug="other", name="Other", now=work.now)
    make(desk, workspace), make(desk, other)
    for _ in range(2):
        with desk.work(workspace) as work:
            announce_installation(work.connection, NoticeKind.WORKER_LOST, title="Worker w1 is lost", subject="w1", now=work.now)
            announce_installation(
                work.connection, NoticeKind.AUDIT_BROKEN, title="The audit trail was changed", subject="7", now=work.now
            )
    assert len(told_of(desk)) == 4


def test_digest_counts_the_week_and_is_announced_once_a_day(desk, clock):
    clock.time = datetime(2026, 11, 16, 9, tzinfo=UTC)
    workspace = desk.workspace()
    make(desk, workspace, rules=[{"kinds": ["digest"]}])
    scanned(desk, *(sighting(f"s{n}") for n in range(4)), workspace=workspace)
    clock.time = datetime(2026, 11, 24, 9, tzinfo=UTC)
    scanned(desk, *(sighting(f"t{n}") for n in range(2)), workspace=workspace, partial=True)
    with desk.work(workspace, ANNA) as work:
        work.triage.move(the_incident(desk, "s0").id, Move(state=IncidentState.RESOLVED, resolution=Resolution.REVOKED))
    with desk.work(workspace, ANNA) as work:
        work.triage.move(the_incident(desk, "s1").id, Move(state=IncidentState.IGNORED, reason=IgnoreReason.FALSE_POSITIVE))
    clock.time = datetime(2026, 11, 25, 6, tzinfo=UTC)
    assert [notifying.weekly_digest(desk, workspace) for _ in range(2)] == [1, 0]
    (row,) = rows(desk, tables.deliveries)
    facts = dict(row.notice["facts"])
    assert row.notice["title"] == "2 opened, 1 resolved, 4 open (18 Nov to 25 Nov 2026)"
    assert (facts["Open"], facts["Opened"], facts["Ignored"]) == (
        "4 (as the week before)",
        "2 (2 fewer than the week before)",
        "1 (1 more than the week before)",
    )
    assert facts["Time to remediate"] == "8 days"


def test_acts_of_people_are_announced(desk, workspace, clock):
    scanned(desk, sighting("one"), workspace=workspace)
    make(desk, workspace)
    incident = the_incident(desk).id
    moves = [
        Move(state=IncidentState.IN_REMEDIATION),
        Move(state=IncidentState.RESOLVED, resolution=Resolution.REVOKED),
        Move(state=IncidentState.OPEN),
        Move(state=IncidentState.IGNORED, reason=IgnoreReason.FALSE_POSITIVE),
    ]
    for move in moves:
        with desk.work(workspace, ANNA) as work:
            work.triage.move(incident, move)
        clock.pass_(hours=1)
    assert [kind for kind, _ in told_of(desk)] == ["incident_resolved", "incident_reopened", "incident_resolved"]
    assert {r.notice["actor"] for r in rows(desk, tables.deliveries)} == {"Anna"}


def test_answer_of_an_issuer_is_announced_as_one_notice(desk, workspace, clock):
    scanned(desk, sighting("one"), sighting("two"), workspace=workspace)
    incident = the_incident(desk, "two").id
    with desk.work(workspace, ANNA) as work:
        work.triage.move(incident, Move(state=IncidentState.RESOLVED, resolution=Resolution.REVOKED))
    make(desk, workspace)
    for which in (the_incident(desk).id, incident):
        with desk.work(workspace) as work:
            record_check(
                work, which, ValidityCheck(validity=Validity.LIVE, reason="ok", message="It works.", checked_at=work.now)
            )
    assert sorted(kind for kind, _ in told_of(desk)) == ["incident_live", "incident_reopened"]
    assert all(r.notice["live"] for r in rows(desk, tables.deliveries))


def test_failed_runs_are_found_and_told_once_without_their_message(desk, workspace, clock):
    make(desk, workspace)
    now = clock()
    with desk.database.begin() as connection:
        run = {
            "id": "run_1",
            "workspace_id": workspace,
            "job": "scan_source",
            "title": "Scan shop",
            "state": "failed",
            "ended_at": now,
        }
        run |= {"created_at": now, "error": {"code": "git_failed", "message": PLAIN}}
        connection.execute(sa.insert(tables.runs).values(arguments={}, **run))
    clock.pass_(minutes=1)
    assert [announce_failed_runs(desk) for _ in range(2)] == [1, 0]
    assert told_of(desk) == [("run_failed", "Scan shop")]
    assert PLAIN not in json.dumps([r.notice for r in rows(desk, tables.deliveries)])
    clock.pass_(days=2)
    assert announce_failed_runs(desk) == 0


def test_workspace_names_in_notices_are_those_of_people(desk, workspace):
    make(desk, workspace)
    with desk.work(workspace) as work:
        workspace_rows.change_workspace(work.connection, workspace, name="Payments & Co")
    scan_and_tell(desk, workspace, sighting("one"))
    assert [r.notice["workspace"] for r in rows(desk, tables.deliveries)] == ["Payments & Co"]
