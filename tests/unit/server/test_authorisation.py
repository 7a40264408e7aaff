"""Every route × whoever asks × their own and a foreign workspace. A route without a line in tests/support/api_routes.py fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.routing import iter_route_contexts
from tests.support.api import Api, opened_api
from tests.support.api_routes import ANYBODY, OPERATOR, PEOPLE, READ, TABLE, Ids, Line, version

from stanch.core.people import GRANTS, Permission, Role
from stanch.db import tables

ROLES = tuple(role.value for role in Role)
# Whose own thing it is counts too: the request and the token were made by the administrator.
OWN = {"get_request", "revoke_token"}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with opened_api(Path(tmp_path_factory.mktemp("api"))) as found, pytest.MonkeyPatch.context() as patch:
        patch.setattr("stanch.incidents.notifying.MOST_CHANNELS", 10_000)
        yield found


@pytest.fixture(scope="module")
def operations(api: Api) -> dict[str, tuple[str, str]]:
    """Method and path of every operation of the API."""
    found = {}
    for route in iter_route_contexts(api.site.app.routes):
        if (route.path or "").startswith("/api/v1"):
            for method in route.methods:
                found[route.name] = (method, route.path)
    return found


def test_every_route_has_a_line(api: Api, operations: dict[str, tuple[str, str]]) -> None:
    described = {o["operationId"] for ops in api.site.app.openapi()["paths"].values() for o in ops.values()}
    assert operations.keys() == TABLE.keys()
    assert operations.keys() == described - {"check_alive", "check_ready", "get_metrics"}


def callers() -> list[str]:
    scopes = [f"{permission.value} scope" for permission in Permission]
    return ["nobody", *ROLES, *(f"{role} token" for role in ROLES), *scopes, "operator", "stranger", "stranger token"]


def expected(operation: str, line: Line, caller: str) -> set[int]:
    """What somebody is answered."""
    if caller == "nobody":
        return {401}
    if caller == "operator":  # is a member of nothing, and says no workspace
        return {line.status} if line.needs == OPERATOR else ({200, 404} if line.needs == ANYBODY else {400})
    name, _, kind = caller.partition(" ")
    if line.needs == OPERATOR:
        return {403}
    if operation in OWN and not caller.startswith(("administrator", "manage")):
        mine = line.needs == ANYBODY or Permission.READ in granted(name, kind)
        return {404} if mine else {403}
    if line.needs == ANYBODY:
        return {404} if line.per_id and name == "stranger" else {line.status}
    if line.needs == PEOPLE:
        return {line.status} if not kind else {403}
    if name == "stranger":
        return {404} if line.per_id else {line.status, 409}
    needed = {line.needs, READ} if operation == "delete_view" else {line.needs}
    return {line.status} if needed <= granted(name, kind) else {403}


def granted(name: str, kind: str) -> frozenset[Permission]:
    if name == "stranger":
        return frozenset(Permission)
    return frozenset({Permission(name)}) if kind == "scope" else GRANTS[Role(name)]


@pytest.mark.parametrize("operation", TABLE)
def test_who_may(api: Api, operations: dict[str, tuple[str, str]], operation: str) -> None:
    line = TABLE[operation]
    method, path = operations[operation]
    wrong = []
    ids = None
    for caller in callers():
        ids = ids or (line.make(api) if line.make else {})
        api.site.context.extras.pop("limit reveals", None)
        api.site.context.extras.pop("limit verifications", None)
        api.site.context.extras.pop("limit tests", None)
        status = ask(api, caller, line, method, path, ids=ids).status_code
        if status < 400 and method != "GET":
            ids = None  # it is not what it was
        if operation == "create_workspace":
            with api.site.desk.database.begin() as connection:
                m = tables.memberships.c
                connection.execute(sa.delete(tables.memberships).where(m.user_id == api.site.people["operator"].id))
        if status not in expected(operation, line, caller):
            wrong.append((caller, status, expected(operation, line, caller)))
    assert not wrong


@pytest.mark.parametrize("operation", TABLE)
def test_a_foreign_workspace_looks_like_none(api: Api, operations: dict[str, tuple[str, str]], operation: str) -> None:
    line = TABLE[operation]
    method, path = operations[operation]
    ids = line.make(api) if line.make else {}
    for caller in ("stranger", "stranger token", "administrator", "administrator token"):
        there = api.site.workspace if caller.startswith("stranger") else api.other
        answer = ask(api, caller, line, method, path, headers={"X-Stanch-Workspace": there}, ids=ids)
        assert answer.status_code == 404, caller
        assert answer.json()["code"] == "not_found"


def ask(
    api: Api, caller: str, line: Line, method: str, path: str, headers: dict[str, str] | None = None, ids: Ids | None = None
) -> Any:
    ids = ids if ids is not None else line.make(api) if line.make else {}
    body = line.body(api, ids) if callable(line.body) else line.body
    if path.endswith("/workspaces") and method == "POST":
        body = {**body, "slug": api.fresh("fresh-")}
    if path.endswith("/invitations") and method == "POST":
        body = {"email": f"{api.fresh()}@acme.test"}
    options: dict[str, Any] = {"content": line.content} if line.content is not None else {}
    if body is not None:
        options["json"] = body
    return api.call(
        caller, method, path.format(**{"detector": "1password-secret-key"} | ids), raw=True, headers=headers, **options
    )


def test_a_session_without_the_token_of_its_page_changes_nothing(api: Api, operations: dict[str, tuple[str, str]]) -> None:
    for operation, (method, path) in operations.items():
        if method != "GET" and TABLE[operation].make is None:
            answer = ask(api, "administrator", TABLE[operation], method, path, headers={"X-CSRF-Token": "0" * 64})
            assert (answer.status_code, answer.json()["code"]) == (403, "csrf"), operation


def test_what_is_foreign_and_what_never_was_look_the_same(api: Api, operations: dict[str, tuple[str, str]]) -> None:
    different = []
    for operation, (method, path) in operations.items():
        line = TABLE[operation]
        if line.make is None or line.needs in (OPERATOR,):
            continue
        ids = line.make(api)
        unknown_ids = {name: value[:-4] + "0000" for name, value in ids.items()}
        foreign = ask(api, "stranger token", line, method, path, ids=ids)
        unknown = ask(api, "stranger token", line, method, path, ids=unknown_ids)
        if shape(foreign) != shape(unknown):
            different.append((operation, shape(foreign), shape(unknown)))
    assert not different


def shape(answer: Any) -> Any:
    body = answer.json()
    return answer.status_code, {name: value for name, value in body.items() if not name.startswith("request")}


def test_accepting_a_risk_needs_more_than_triage(api: Api) -> None:
    move = {"state": "ignored", "reason": "accepted", "until": "2026-12-25T00:00:00Z"}
    for caller, status in (("responder token", 403), ("triage scope", 403), ("approver token", 200)):
        key = api.incident()
        body = {"version": version(api, {"incident": key}), "move": move}
        assert api.patch(f"/incidents/{key}", body, caller).status_code == status, caller
        body = {"ids": [api.incident()], "act": {"kind": "move", **move}}
        assert api.post("/incidents/bulk", body, caller).status_code == status, caller


def test_a_shared_view_needs_triage(api: Api) -> None:
    body = {"name": "ours", "query": "", "shared": True}
    assert api.post("/views", body, "viewer token").status_code == 403
    assert api.post("/views", body, "responder token").status_code == 201
