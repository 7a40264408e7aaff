# ruff: noqa: F401, F811 - fixtures are used by the names they are imported under
from __future__ import annotations

import pytest
from tests.support.databases import clock, database, desk, empty_url, kind, servers

from stanch.core.people import Role
from stanch.incidents.desk import Desk
from stanch.incidents.workspaces import create_workspace
from stanch.people import accounts, sessions
from stanch.people.principal import Principal

PASSWORD = "correct horse battery"


@pytest.fixture
def workspace(desk: Desk) -> str:
    return desk.workspace()


@pytest.fixture
def other(desk: Desk, workspace: str) -> str:
    """A second workspace."""
    with desk.database.begin() as connection:
        return create_workspace(connection, slug="other", name="Other", now=desk.now())


class People:
    """Makes users and looks at who they are."""

    def __init__(self, desk: Desk, workspace: str) -> None:
        self.desk, self.workspace = desk, workspace

    def add(
        self,
        name: str,
        role: Role | None = Role.RESPONDER,
        *,
        workspace: str = "",
        operator: bool = False,
        password: str | None = None,
    ) -> str:
        with self.desk.work(workspace or self.workspace) as work:
            return accounts.create_user(
                work, email=f"{name}@example.org", name=name.title(), password=password, operator=operator, role=role
            )

    def open(self, user: str) -> sessions.Opened:
        with self.desk.database.begin() as connection:
            return sessions.open_session(connection, user, now=self.desk.now(), address="192.0.2.1", agent="tests")

    def whose(self, cookie: str, workspace: str | None = None) -> Principal | None:
        with self.desk.database.begin() as connection:
            return sessions.principal_of_cookie(connection, cookie, workspace=workspace, now=self.desk.now())

    def as_(self, user: str, workspace: str | None = None) -> Principal:
        with self.desk.look() as connection:
            found = sessions.principal_of_user(connection, user, workspace=workspace or self.workspace)
        assert found is not None
        return found

    def actions(self) -> list[str]:
        from stanch.db import audit

        with self.desk.look() as connection:
            return [row["action"] for row in audit.links(connection)][1:]


@pytest.fixture
def people(desk: Desk, workspace: str) -> People:
    return People(desk, workspace)
