"""Every route of the API: who may, what is answered then, and how to make what it is done to. A new route needs a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support.api import Api

from stanch.core.people import Permission

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
