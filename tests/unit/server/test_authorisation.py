"""Every route × whoever asks × their own and a foreign workspace. A route without a line here fails the first test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.routing import iter_route_contexts
from tests.support.api import Api, opened_api

from stanch.core.people import GRANTS, Permission, Role
from stanch.db import tables

ROLES = tuple(role.value for role in Role)
READ, TRIAGE, SCAN, ACCEPT, REVEAL, APPROVE, MANAGE = Permission
ANYBODY, OPERATOR = "anybody who is signed in", "operators, with a session"
PEOPLE = "members, with a session"
Ids = dict[str, str]


@dataclass(frozen=True)
class Line:
    """Who may, what is answered then, and how to make what it is done to.

    Attributes:
        per_id: whether the address names something, so that strangers are told that there is nothing.
    """

    needs: Permission | str
    status: int = 200
    body: Any = None
    make: Callable[[Api], Ids] | None = None
    content: bytes | None = None

    @property
    def per_id(self) -> bool:
        return self.make is not None


def incident(api: Api) -> Ids:
    return {"incident": api.incident(kept=True)}


def version(api: Api, ids: Ids) -> int:
    found = api.get(f"/incidents/{ids['incident']}").json()
    return int(found.get("version", 1))


def source(api: Api) -> Ids:
    return {"source": api.source()}


def scan(api: Api) -> Ids:
    body = {"source": {"kind": "git", "target": f"https://git.test/{api.fresh()}"}}
    return {"scan": api.made("/scans", body, "administrator token")}


def run(api: Api) -> Ids:
    return {"run": api.waiting_run()}


def cancelled_run(api: Api) -> Ids:
    return {"run": api.waiting_run(cancelled=True)}


def member(api: Api) -> Ids:
    return {"user": api.site.people["viewer"].id}


def gone_member(api: Api) -> Ids:
    """Somebody who may be taken out."""
    from stanch.core.ids import new_id
    from stanch.db import people

    id_ = new_id("usr")
    with api.site.desk.work(api.site.workspace) as work:
        row = {"id": id_, "email": f"{api.fresh()}@acme.test", "name": "Gone", "operator": False, "created_at": work.now}
        people.add_user(work.connection, {**row, "recovery_hashes": []})
        people.put_membership(work.connection, api.site.workspace, id_, "viewer", work.now)
    return {"user": id_}


def invitation(api: Api) -> Ids:
    return {"invitation": api.made("/invitations", {"email": f"{api.fresh()}@acme.test"}, key="invitation.id")}


def team(api: Api) -> Ids:
    return {"team": api.made("/teams", {"name": api.fresh("team ")})}


def token(api: Api) -> Ids:
    return {"token": api.made("/tokens", {"name": "one", "scopes": ["read"]}, key="token.id")}


def channel(api: Api) -> Ids:
    body = {"kind": "webhook", "name": api.fresh("channel "), "settings": {"url": "https://hooks.example.com/x"}}
    return {"channel": api.made("/channels", body, key="channel.id")}


def view(api: Api) -> Ids:
    return {"view": api.made("/views", {"name": "all", "query": "state=open", "shared": True})}


def request(api: Api) -> Ids:
    return {"request_id": api.get("/settings").headers["x-request-id"]}


def detector(api: Api) -> Ids:
    return {"detector": "1password-secret-key"}


def workspace(api: Api) -> Ids:
    return {"workspace": api.site.workspace}


SIGHTING = {
    "fingerprint": "ab" * 32, "detector": "x", "title": "X", "severity": "low", "places": [{"path": "a"}],
}  # fmt: skip

TABLE: dict[str, Line] = {
    "get_me": Line(ANYBODY),
    "list_workspaces": Line(OPERATOR),
    "create_workspace": Line(OPERATOR, 201, {"slug": "fresh", "name": "Fresh"}),
    "get_workspace": Line(OPERATOR, make=workspace),
    "rename_workspace": Line(OPERATOR, 200, {"name": "Acme"}, workspace),
    "get_overview": Line(READ),
    "list_detectors": Line(READ),
    "get_detector": Line(READ),
    "list_incidents": Line(READ),
    "count_incidents": Line(READ),
    "export_incidents": Line(READ),
    "change_incidents": Line(TRIAGE, 200, {"ids": [], "act": {"kind": "tag", "add": ["x"]}}),
    "get_incident": Line(READ, make=incident),
    "change_incident": Line(TRIAGE, 200, lambda api, ids: {"version": version(api, ids), "privileged": True}, incident),
    "change_tags": Line(TRIAGE, 200, {"add": ["x"]}, incident),
    "list_occurrences": Line(READ, make=incident),
    "list_events": Line(READ, make=incident),
    "list_comments": Line(READ, make=incident),
    "add_comment": Line(TRIAGE, 201, {"body": "hello"}, incident),
    "list_checks": Line(READ, make=incident),
    "check_incident": Line(SCAN, 202, {}, incident),
    "reveal_value": Line(REVEAL, 200, {"reason": "a test of who may see it"}, incident),
    "list_sources": Line(READ),
    "add_source": Line(MANAGE, 201, {"kind": "git", "target": "https://git.test/added"}),
    "get_source": Line(READ, make=source),
    "change_source": Line(MANAGE, 200, {"exposure": "public"}, source),
    "remove_source": Line(MANAGE, 204, None, source),
    "scan_source": Line(SCAN, 202, {}, source),
    "list_scans": Line(READ),
    "begin_scan": Line(SCAN, 201, {"source": {"kind": "git", "target": "https://git.test/begun"}}),
    "get_scan": Line(READ, make=scan),
    "record_batch": Line(SCAN, 200, {"number": 0, "sightings": [SIGHTING]}, scan),
    "finish_scan": Line(SCAN, 200, {}, scan),
    "import_report": Line(SCAN, content=b"[]"),
    "list_runs": Line(READ),
    "get_run": Line(READ, make=run),
    "cancel_run": Line(SCAN, 200, {}, run),
    "resume_run": Line(SCAN, 200, {}, cancelled_run),
    "retry_run": Line(SCAN, 202, {}, cancelled_run),
    "signal_run": Line(APPROVE, 200, {"topic": "approval", "value": True}, run),
    "list_members": Line(READ),
    "set_role": Line(MANAGE, 200, {"role": "viewer"}, member),
    "remove_member": Line(MANAGE, 204, None, gone_member),
    "list_invitations": Line(MANAGE),
    "invite": Line(MANAGE, 201, {"email": "somebody@acme.test"}),
    "withdraw_invitation": Line(MANAGE, 204, None, invitation),
    "list_teams": Line(READ),
    "create_team": Line(MANAGE, 201, lambda api, ids: {"name": api.fresh("team ")}),
    "get_team": Line(READ, make=team),
    "change_team": Line(MANAGE, 200, lambda api, ids: {"name": api.fresh("team ")}, team),
    "remove_team": Line(MANAGE, 204, None, team),
    "list_tokens": Line(READ),
    "create_token": Line(PEOPLE, 201, {"name": "mine", "scopes": ["read"]}),
    "revoke_token": Line(READ, 204, None, token),
    "list_channels": Line(MANAGE),
    "create_channel": Line(
        MANAGE,
        201,
        lambda api, ids: {"kind": "webhook", "name": api.fresh("channel "), "settings": {"url": "https://hooks.example.com/"}},
    ),
    "get_channel": Line(MANAGE, make=channel),
    "change_channel": Line(MANAGE, 200, {"enabled": False}, channel),
    "remove_channel": Line(MANAGE, 204, None, channel),
    "rotate_secret": Line(MANAGE, 200, {}, channel),
    "try_channel": Line(MANAGE, 200, {}, channel),
    "list_deliveries": Line(MANAGE, make=channel),
    "list_audit": Line(MANAGE),
    "verify_audit": Line(MANAGE),
    "list_requests": Line(READ),
    "get_request": Line(ANYBODY, make=request),
    "list_views": Line(READ),
    "save_view": Line(READ, 201, {"name": "open", "query": "state=open"}),
    "delete_view": Line(TRIAGE, 204, None, view),
    "get_settings": Line(READ),
    "change_settings": Line(MANAGE, 200, {"ask_issuers": False}),
}
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
