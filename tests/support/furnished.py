"""A site as it looks after some months: incidents, sources of every kind, runs in every state, people, teams, tokens, channels.

For tests that look at pages, and for ``scripts/screenshots.py``. Everything is the same each time.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.support.recorded import sighting
from tests.support.site import Site, seed

from stanch import __version__
from stanch.core.errors import SourceError
from stanch.core.people import Permission, Role
from stanch.core.run import WorkerStatus
from stanch.incidents import notifying
from stanch.incidents.source_changes import change_source
from stanch.incidents.workspaces import SourceSpec, ensure_source
from stanch.notify.outcome import Delivered
from stanch.people import accounts
from stanch.people.sessions import open_session, principal_of_user
from stanch.people.tokens import create_token
from stanch.runs.port import JSON, Retries, RunContext

PASSWORD = "a horse, a battery, a staple"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"


class Outbox:
    """Sends nothing, and says that it did."""

    def check(self, channel: Any) -> None: ...

    def send(self, channel: Any, notice: Any) -> Any:
        return Delivered()


@dataclass
class Furnished:
    """What is in a furnished site.

    Attributes:
        site: the site.
        sources: ids by name.
        runs: ids by what became of them: succeeded, failed, cancelled, running.
        gate: opened, the run that goes on ends.
        channel: id of a channel.
        token: id of a token.
        failing: whether new scans of ``infra`` fail.
    """

    site: Site
    sources: dict[str, str] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    gate: threading.Event = field(default_factory=threading.Event)
    channel: str = ""
    token: str = ""
    failing: bool = True

    def run(self, name: str, *, wait: bool = True) -> str:
        """Start a scan of a source."""
        actor = self.site.people["responder"].actor
        run = self.site.engine.start(
            "scan_source",
            {"source": self.sources[name]},
            workspace=self.site.workspace,
            subject=self.sources[name],
            title=f"Scan {name}",
            actor=actor,
        )
        if wait:
            self.site.engine.wait_for(run)
        return run


def furnish(site: Site, count: int = 60) -> Furnished:
    """Furnish a site."""
    found = Furnished(site)
    seed(site, count)
    _sources(found)
    _jobs(found)
    _people(found)
    _channels(found)
    _runs(found)
    _requests(found)
    return found


def _sources(found: Furnished) -> None:
    site = found.site
    old = site.clock.time - timedelta(days=9)
    site.clock.time, now = old, site.clock.time
    folder = SourceSpec(kind="files", target="/srv/exports/crm", name="CRM exports")
    site.record(sighting("crm", redacted="ghp_…crm1", title="GitHub token"), source=folder)
    site.clock.time = now
    with site.desk.work(site.workspace, site.people["administrator"].actor) as work:
        for name in ("shop", "billing", "infra"):
            spec = SourceSpec(kind="git", target=f"https://github.com/acme/{name}.git", name=name)
            found.sources[name] = ensure_source(work.connection, spec, workspace=site.workspace, now=work.now)
        found.sources["CRM exports"] = ensure_source(work.connection, folder, workspace=site.workspace, now=work.now)
        docs = SourceSpec(kind="git", target="git@git.acme.test:platform/handbook.git", name="handbook")
        found.sources["handbook"] = ensure_source(work.connection, docs, workspace=site.workspace, now=work.now)
        change_source(work, found.sources["shop"], {"exposure": "public", "environment": "production", "schedule": "daily"})
        change_source(work, found.sources["billing"], {"exposure": "internal", "environment": "production", "schedule": "hourly"})
        change_source(work, found.sources["infra"], {"exposure": "internal", "environment": "staging"})
        change_source(work, found.sources["handbook"], {"exposure": "internal", "environment": "development"})
        work.note("source.add", subject=found.sources["handbook"], data={"kind": "git"})


def _jobs(found: Furnished) -> None:
    """Jobs that look like the real ones and do nothing; the clock goes on in their steps."""
    site = found.site

    def took(seconds: float, value: JSON = None) -> JSON:
        site.clock.pass_(seconds=seconds)
        return value

    def read(context: RunContext, name: str) -> JSON:
        if name == "infra" and found.failing:
            raise SourceError("git could not fetch the repository.", hint="Does this server have access?", code="git_failed")
        if name == "billing" and not found.gate.is_set():
            context.progress("1,204 of 3,960 commits, 2 findings so far")
            while not found.gate.wait(0.02):
                context.check()
        return took(38.2, {"commits": 3960, "bytes": 184_000_000})

    def scan_source(context: RunContext, arguments: Mapping[str, Any]) -> JSON:
        name = next((n for n, id_ in found.sources.items() if id_ == arguments["source"]), "new")
        context.step("look up the source", took, 0.1)
        context.step("fetch", took, 4.7)
        context.step("read", read, context, name, retries=Retries(attempts=1))
        context.step("record", took, 1.3)
        return {"found": 12, "opened": 1, "reopened": 0, "gone": 3}

    site.engine.registry.job("scan_source", queue="scans")(scan_source)
    started = site.clock() - timedelta(days=3)
    workers = [
        WorkerStatus(
            id=f"wrk_{name}", name=name, host=f"{name}.acme.test", pid=812, version=__version__, queues=(), started_at=started,
            beat_at=site.clock() - timedelta(seconds=seconds), stopped_at=None, lost_at=None if seconds < 60 else site.clock(),
        )
        for name, seconds in (("scan-1", 4), ("scan-2", 9), ("scan-0", 8000))
    ]  # fmt: skip
    site.engine.workers = lambda: workers  # type: ignore[method-assign]


def _runs(found: Furnished) -> None:
    site = found.site
    number = 1
    incident = site.row(number)
    check = site.engine.start(
        "check_incident", {"incident": incident.id}, workspace=site.workspace, subject=incident.id,
        title=f"Check #{number} {incident.title}", actor=site.people["responder"].actor,
    )  # fmt: skip
    site.engine.wait_for(check)
    found.runs["succeeded"] = found.run("shop")
    found.runs["failed"] = found.run("infra")
    cancelled = found.run("billing", wait=False)
    _until_running(site, cancelled)
    site.engine.cancel(cancelled)
    found.runs["cancelled"] = cancelled
    site.clock.pass_(minutes=4)
    found.runs["running"] = found.run("billing", wait=False)
    _until_running(site, found.runs["running"])


def _until_running(site: Site, run: str) -> None:
    wait = threading.Event()
    for _ in range(400):
        if site.engine.status(run).progress:
            return
        wait.wait(0.01)


def _people(found: Furnished) -> None:
    site = found.site
    with site.desk.work(site.workspace, site.people["administrator"].actor) as work:
        admin = principal_of_user(work.connection, site.people["administrator"].id, workspace=site.workspace)
        assert admin is not None
        accounts.set_password(work, site.people["administrator"].id, PASSWORD)
        payments = accounts.create_team(work, admin, "Payments")
        accounts.set_team_members(work, admin, payments, [site.people["responder"].id, site.people["approver"].id])
        accounts.create_team(work, admin, "Platform")
        accounts.invite(work, admin, email="noor@acme.test", role=Role.RESPONDER)
        open_session(work.connection, admin.user_id, now=work.now - timedelta(hours=30), address="198.51.100.24", agent=SAFARI)
        open_session(work.connection, admin.user_id, now=work.now - timedelta(days=4), address="203.0.113.9", agent=FIREFOX)
        for name, scopes, days in (("CI of the shop", ("read", "scan"), 90), ("Nightly export", ("read",), 365)):
            found.token = create_token(
                work.connection, admin, name=name, scopes=[Permission(s) for s in scopes],
                expires_at=work.now + timedelta(days=days), now=work.now, audit=site.desk.audit,
            ).id  # fmt: skip
    # the session that the site made has gone with the password
    with site.desk.database.begin() as connection:
        session = open_session(connection, site.people["administrator"].id, now=site.clock(), address="192.0.2.7", agent=FIREFOX)
    site.people["administrator"] = type(site.people["administrator"])(
        id=site.people["administrator"].id, email="administrator@acme.test", name="Ada Brandt", session=session
    )


def _channels(found: Furnished) -> None:
    site, sender = found.site, Outbox()
    with site.desk.work(site.workspace, site.people["administrator"].actor) as work:
        slack = notifying.create_channel(
            work, kind="slack", name="#security", settings={"url": "https://hooks.slack.com/services/T0/B0/never-issued"},
            rules=[{"send": True, "severity": "high"}], quiet=None, sender=sender,
        )  # fmt: skip
        notifying.create_channel(
            work, kind="webhook", name="SIEM", settings={"url": "https://siem.acme.test/hooks/stanch"}, rules=(),
            quiet={"zone": "Europe/Berlin", "ranges": [{"start": "22:00", "end": "07:00"}]}, sender=sender,
        )  # fmt: skip
        found.channel = slack.id
    notifying.test_channel(site.desk, site.workspace, slack.id, sender, actor=site.people["administrator"].actor)


def _requests(found: Furnished) -> None:
    site = found.site
    client = site.client("administrator")
    for path in ("/api/v1/incidents?limit=5", "/api/v1/sources", "/api/v1/incidents/999", "/api/v1/overview", "/api/v1/me"):
        client.get(path)
    site.context.extras["request_log"].flush()
