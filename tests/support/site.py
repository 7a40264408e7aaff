"""The whole site for tests: a record in a folder, people of every role with their sessions, an engine in memory, incidents.

from tests.support.site import site  # noqa: F401  in the conftest of a folder

def test_something(site: Site) -> None:
    number = site.add(sighting("one"))
    page = site.client("responder").get(site.url(f"/incidents/{number}"))
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from starlette.testclient import TestClient
from tests.support.databases import KEY, Clock
from tests.support.recorded import fingerprint, scanned, sighting, spec

from stanch.core.ids import new_id
from stanch.core.incident import Actor, IncidentState, Place, Resolution, Sighting
from stanch.core.validity import Probe, Validity, ValidityCheck
from stanch.db import people as people_rows
from stanch.db import tables
from stanch.incidents.checking import record_check
from stanch.incidents.desk import Desk
from stanch.incidents.triage import Move
from stanch.incidents.values import context_of_value
from stanch.incidents.workspaces import SourceSpec, create_workspace
from stanch.people.sessions import Opened, open_session
from stanch.runs.inline import InlineEngine
from stanch.runs.port import JSON, Registry, RunContext
from stanch.server.auth import cookie_name
from stanch.server.context import Context, ServerSettings
from stanch.web.site import create_site

SLUG = "acme"
NAMES = {"viewer": "Vera Voss", "responder": "Rita Reyes", "approver": "Amir Aziz", "administrator": "Ada Brandt"}


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in."""

    id: str
    email: str
    name: str
    session: Opened

    @property
    def actor(self) -> Actor:
        return Actor(kind="user", id=self.id, name=self.name)


@dataclass
class Site:
    """A site that answers requests within the process.

    Attributes:
        people: by role; ``operator`` is a member of nothing.
        answer: what issuers say when a check runs.
    """

    desk: Desk
    engine: InlineEngine
    context: Context
    app: FastAPI
    clock: Clock
    workspace: str
    people: dict[str, Person] = field(default_factory=dict)
    answer: Validity = Validity.DEAD
    slug: str = SLUG

    def url(self, path: str = "") -> str:
        """The address of a page of the workspace."""
        return f"/w/{self.slug}{path}"

    def client(self, role: str = "administrator", *, follow: bool = False) -> TestClient:
        """A browser without a script in which somebody of that role is signed in; nobody when *role* is empty."""
        client = TestClient(self.app, base_url="http://testserver", follow_redirects=follow)
        if role:
            client.cookies.set(cookie_name(self.context), self.people[role].session.cookie)
        return client

    def csrf(self, role: str = "administrator") -> str:
        """What forms of that person's pages carry."""
        return self.people[role].session.csrf

    def post(self, role: str, path: str, data: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """Send a form of a page, with its token."""
        client = self.client(role, follow=options.pop("follow", False))
        return client.post(self.url(path), data={"csrf": self.csrf(role), **(data or {})}, **options)

    def add(self, one: Sighting, source: SourceSpec | None = None) -> int:
        """Record a scan that saw one secret; return the number of its incident."""
        self.record(one, source=source)
        return int(self.row(one.fingerprint).number)

    def record(self, *sightings: Sighting, source: SourceSpec | None = None, **options: Any) -> None:
        """Record a scan that saw these, and nothing else (partial, so that others stay)."""
        options.setdefault("partial", True)
        scanned(self.desk, *sightings, workspace=self.workspace, source=source or spec("shop"), **options)

    def row(self, key: str | int) -> Any:
        """The row of an incident by number, name of its secret, or fingerprint."""
        i, s = tables.incidents, tables.secrets
        query = sa.select(i, s.c.fingerprint).join(s, s.c.id == i.c.secret_id).where(i.c.workspace_id == self.workspace)
        found = i.c.number == key if isinstance(key, int) else s.c.fingerprint.in_([key, fingerprint(key)])
        with self.desk.look() as connection:
            return connection.execute(query.where(found)).one()

    def sealed(self, name: str, value: bytes) -> bytes:
        """A value sealed for the secret called *name*: ``sighting(name, sealed=site.sealed(name, b"…"))``."""
        with self.desk.look() as connection:
            context = context_of_value(self.workspace, fingerprint(name))
            return self.desk.keyring.seal(connection, value, context, self.desk.now())

    def team(self, name: str) -> str:
        """Make a team; its id."""
        id_ = f"tem_{name.lower()}"
        with self.desk.work(self.workspace) as work:
            row = {"id": id_, "workspace_id": self.workspace, "name": name, "created_at": work.now}
            work.connection.execute(sa.insert(tables.teams).values(**row))
        return id_

    def check(self, incident: str, validity: Validity = Validity.LIVE, **evidence: str) -> None:
        """Put an issuer's answer on record."""
        with self.desk.work(self.workspace, self.people["responder"].actor) as work:
            record_check(work, incident, said(validity, work.now, **evidence))


def said(validity: Validity, now: datetime, **evidence: str) -> ValidityCheck:
    """What an issuer says."""
    message, status = {"live": ("It works: the issuer accepted it.", 200), "dead": ("The issuer does not know it.", 401)}.get(
        validity.value, ("No answer that decides.", 503)
    )
    probe = Probe(host="api.github.com:443", at=now, method="GET", request_id="C0DE:1", status=status)
    reason = {"live": "accepted", "dead": "token_revoked"}.get(validity.value, "timeout")
    return ValidityCheck(validity=validity, reason=reason, message=message, checked_at=now, evidence=evidence, probes=(probe,))


@contextmanager
def opened_site(folder: Path, clock: Clock | None = None, **settings: Any) -> Iterator[Site]:
    """A site on a record of its own."""
    clock = clock or Clock()
    desk = Desk.open(f"sqlite:///{folder}/record.db", key=KEY, clock=clock)
    registry = Registry()
    engine = InlineEngine(registry, now=clock)
    context = Context(desk=desk, engine=engine, settings=ServerSettings(base_url="http://testserver", **settings))
    app = create_site(context)
    with desk.database.begin() as connection:
        workspace = create_workspace(connection, slug=SLUG, name="Acme", now=clock())
    site = Site(desk=desk, engine=engine, context=context, app=app, clock=clock, workspace=workspace)
    site.people = {role: _person(site, role) for role in (*NAMES, "operator")}

    def check_incident(run: RunContext, arguments: Mapping[str, Any]) -> JSON:
        def ask(incident: str) -> str:
            site.check(incident, site.answer)
            return site.answer.value

        return run.step("ask the issuer", ask, arguments["incident"])

    registry.job("check_incident", queue="checks")(check_incident)
    engine.launch()
    try:
        yield site
    finally:
        engine.close()
        context.extras["request_log"].close()
        desk.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site with people and without incidents."""
    with opened_site(tmp_path) as found:
        yield found


def _person(site: Site, role: str) -> Person:
    member = role in NAMES
    id_, name, email = new_id("usr"), NAMES.get(role, "Olga Orlov"), f"{role}@acme.test"
    with site.desk.work(site.workspace) as work:
        row = {"id": id_, "email": email, "name": name, "operator": not member, "created_at": work.now, "recovery_hashes": []}
        people_rows.add_user(work.connection, row)
        if member:
            people_rows.put_membership(work.connection, site.workspace, id_, role, work.now)
        session = open_session(work.connection, id_, now=work.now, address="192.0.2.7", agent="tests")
    return Person(id=id_, email=email, name=name, session=session)


def seed(site: Site, count: int = 60) -> None:
    """Record incidents of many kinds, so that pages look as they do in life."""
    start = site.clock.time
    for number in range(count):
        site.clock.time = start - timedelta(days=(count - number) * 2, hours=number % 24)
        _one(site, number)
    site.clock.time = start


_KINDS = (
    ("github-personal-access-token", "GitHub personal access token (classic)", "github", "token", "critical", "ghp_…Zk4f"),
    ("aws-secret-access-key", "AWS secret access key", "aws", "secret_key", "critical", "…7Q3M"),
    ("azure-storage-account-key", "Azure Storage account key", "azure", "secret_key", "high", "…hA=="),
    ("slack-webhook-url", "Slack incoming webhook URL", "slack", "webhook_url", "medium", "…9f2a"),
    ("pem-private-key-rsa", "RSA private key (PKCS#1 PEM)", "", "private_key", "high", "RSA 2048"),
    ("stripe-test-secret-key", "Stripe test secret key", "stripe", "api_key", "low", "sk_test_…b2c1"),
)
_SNIPPET = "[default]\nregion = eu-central-1\naccess_key = ‹{shown} (40 characters)›\n# rotate every year\noutput = json"


def _one(site: Site, number: int) -> None:
    detector, title, provider, kind, severity, shown = _KINDS[number % len(_KINDS)]
    path = ("deploy/prod/config.ini", "src/settings.py", "ci/.env", "charts/app/values.yaml")[number % 4]
    name = f"seed-{number}"
    places = tuple(
        Place(
            path=path if extra == 0 else f"docs/old/{extra}/{path}", line=12 + number, column=14, snippet_line=10 + number,
            snippet=_SNIPPET.format(shown=shown), commit=fingerprint(f"{name}{extra}")[:40], author="Jo Field", email="jo@acme.test",
            date="2026-08-03T10:00:00Z", in_head=extra == 0,
        )
        for extra in range(1 + number % 3)
    )  # fmt: skip
    source = SourceSpec(
        kind="git",
        target=f"https://github.com/acme/{('shop', 'billing', 'infra')[number % 3]}.git",
        name=("shop", "billing", "infra")[number % 3],
    )
    values = {"detector": detector, "title": title, "provider": provider, "kind": kind, "severity": severity, "redacted": shown}
    site.record(sighting(name, **values, places=places), source=source)
    row = site.row(name)
    if number % 5 == 0:
        site.check(row.id, Validity.LIVE, account="ci-bot", scopes="repo, workflow")
    if number % 7 == 0:
        site.check(row.id, Validity.DEAD)
    if number % 7 == 0:
        _resolved(site, row.id, after=number % 12)
    with site.desk.work(site.workspace, site.people["responder"].actor) as work:
        if number % 4 == 1 and number % 7:
            work.triage.assign(row.id, user=site.people[("responder", "administrator")[number % 2]].id, team=None)
        if number % 6 == 2 and number % 7:
            work.triage.move(row.id, Move(state=IncidentState.IN_REMEDIATION))
        if number % 9 == 3:
            work.triage.tag(row.id, add=["payments", "q4"])
            work.triage.comment(row.id, "Asked the payments team.\nThey rotate it on Thursday.")


def _resolved(site: Site, incident: str, *, after: int) -> None:
    """Resolve an incident some days later."""
    began = site.clock.time
    site.clock.pass_(days=after, hours=3)
    with site.desk.work(site.workspace, site.people["responder"].actor) as work:
        move = Move(state=IncidentState.RESOLVED, resolution=Resolution.PROVEN_DEAD, note="Revoked in the console.")
        work.triage.move(incident, move)
    site.clock.time = began
