"""The API for tests: a site, tokens of every role and scope, and another workspace whose people may see nothing of the first.

from tests.support.api import api  # noqa: F401  in the conftest of a folder

def test_something(api: Api) -> None:
    answer = api.call("responder token", "GET", "/incidents")
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.support.recorded import sighting
from tests.support.site import NAMES, Person, Site, opened_site

from stanch.core.ids import new_id
from stanch.core.people import GRANTS, Permission, Role
from stanch.db import people as people_rows
from stanch.db.workspaces import source_by_target
from stanch.incidents.workspaces import SourceSpec, create_workspace
from stanch.notify.channels import Channel
from stanch.notify.message import Notice
from stanch.notify.outcome import Delivered, Outcome
from stanch.people.sessions import open_session, principal_of_user
from stanch.people.tokens import create_token
from stanch.runs.port import JSON, RunContext
from stanch.server.auth import cookie_name

PLAIN = b"planted" + b"-plain-value-" + b"9Zk4f7Qx"
"""A value that no answer and no log may hold, but for the one that reveals it."""


@dataclass
class Postbox:
    """Sends nothing, and remembers what it was to send."""

    sent: list[Notice] = field(default_factory=list)

    def send(self, channel: Channel, notice: Notice) -> Outcome:
        self.sent.append(notice)
        return Delivered()

    def check(self, channel: Channel) -> None:
        """Take every channel."""


@dataclass
class Api:
    """The API of a site.

    Attributes:
        tokens: by the name of the caller: ``viewer token``, ``read scope`` …
        other: id of the other workspace; its administrator is among the people as ``stranger``.
    """

    site: Site
    other: str = ""
    tokens: dict[str, str] = field(default_factory=dict)
    postbox: Postbox = field(default_factory=Postbox)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self._client = TestClient(self.site.app, base_url="http://testserver", raise_server_exceptions=True)

    def call(
        self, caller: str, method: str, path: str, *, headers: Mapping[str, str] | None = None, raw: bool = False, **options: Any
    ) -> Any:
        """Ask as somebody: ``nobody``, a role for a session, ``viewer token``, ``read scope``, ``stranger``."""
        sent = dict(headers or {})
        if caller in self.tokens:
            sent["Authorization"] = f"Bearer {self.tokens[caller]}"
        elif caller != "nobody":
            session = self.site.people[caller].session
            sent["Cookie"] = f"{cookie_name(self.site.context)}={session.cookie}"
            sent.setdefault("X-CSRF-Token", session.csrf)
        self._client.cookies.clear()
        return self._client.request(method, path if raw else f"/api/v1{path}", headers=sent, **options)

    def get(self, path: str, caller: str = "administrator token", **options: Any) -> Any:
        return self.call(caller, "GET", path, **options)

    def post(self, path: str, body: Any = None, caller: str = "administrator token", **options: Any) -> Any:
        return self.call(caller, "POST", path, json=body if body is not None else {}, **options)

    def patch(self, path: str, body: Any, caller: str = "administrator token", **options: Any) -> Any:
        return self.call(caller, "PATCH", path, json=body, **options)

    def fresh(self, prefix: str = "n") -> str:
        """A name that nothing has."""
        return f"{prefix}{next(self.numbers)}"

    def incident(self, *, kept: bool = False, **values: Any) -> str:
        """Record a fresh incident; its id."""
        name = self.fresh("secret-")
        if kept:
            values["sealed"] = self.site.sealed(name, PLAIN)
        self.site.add(sighting(name, **values))
        return str(self.site.row(name).id)

    def source(self) -> str:
        """Record a source; its id."""
        name = self.fresh("source-")
        self.site.add(sighting(f"in-{name}"), SourceSpec(kind="git", target=f"https://git.test/{name}.git", name=name))
        with self.site.desk.look() as connection:
            found = source_by_target(connection, self.site.workspace, "git", f"https://git.test/{name}.git")
        assert found is not None
        return str(found["id"])

    def waiting_run(self, *, cancelled: bool = False) -> str:
        """Start a run that waits for a person; its id."""
        run = self.site.engine.start("wait", {}, workspace=self.site.workspace, key=self.fresh())
        if cancelled:
            self.site.engine.cancel(run)
        return run

    def made(self, path: str, body: Any, caller: str = "administrator", key: str = "id") -> str:
        """Make something; its id."""
        answer = self.post(path, body, caller)
        assert answer.status_code == 201, answer.text
        found: Any = answer.json()
        for part in key.split("."):
            found = found[part]
        return str(found)


@contextmanager
def opened_api(folder: Path, **settings: Any) -> Iterator[Api]:
    """An API on a record of its own."""
    settings.setdefault("requests_per_minute", 1_000_000)
    with opened_site(folder, **settings) as site:
        api = Api(site)
        site.context.extras["sender"] = api.postbox

        def wait(run: RunContext, arguments: Mapping[str, Any]) -> JSON:
            return run.wait("approval", 60)

        def scan_source(run: RunContext, arguments: Mapping[str, Any]) -> JSON:
            return run.step("scan", lambda: {"found": 0})

        site.engine.registry.job("wait")(wait)
        site.engine.registry.job("scan_source", queue="scans")(scan_source)
        for role in NAMES:
            api.tokens[f"{role} token"] = token(site, role, GRANTS[Role(role)])
        for permission in Permission:
            api.tokens[f"{permission.value} scope"] = token(site, "administrator", [permission])
        api.other, site.people["stranger"] = _other(site)
        api.tokens["stranger token"] = token(site, "stranger", Permission, workspace=api.other)
        yield api


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """An API without incidents."""
    with opened_api(tmp_path) as found:
        yield found


def token(site: Site, role: str, scopes: Any, *, workspace: str = "") -> str:
    """Make a token of somebody; its value."""
    with site.desk.database.begin() as connection:
        owner = principal_of_user(connection, site.people[role].id, workspace=workspace or site.workspace)
        assert owner is not None
        made = create_token(
            connection, owner, name=f"{role} of tests", scopes=scopes, expires_at=None, now=site.desk.now(), audit=site.desk.audit
        )
    return made.token.reveal().decode()


def _other(site: Site) -> tuple[str, Person]:
    with site.desk.database.begin() as connection:
        workspace = create_workspace(connection, slug="other", name="Other", now=site.desk.now())
        id_, name, email = new_id("usr"), "Sam Stranger", "stranger@other.test"
        now = site.desk.now()
        row = {"id": id_, "email": email, "name": name, "operator": False, "created_at": now, "recovery_hashes": []}
        people_rows.add_user(connection, row)
        people_rows.put_membership(connection, workspace, id_, "administrator", now)
        session = open_session(connection, id_, now=now, address="192.0.2.9", agent="tests")
    return workspace, Person(id=id_, email=email, name=name, session=session)


def logged(api: Api) -> str:
    """All that the record says about requests and acts, as text."""
    items = [*api.get("/requests?limit=200").json()["items"], *api.get("/audit?limit=200").json()["items"]]
    return json.dumps(items)
