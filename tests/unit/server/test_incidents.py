"""Incidents through the API."""

from __future__ import annotations

import csv
import io
import json

import pytest
from tests.support.api import PLAIN, Api
from tests.support.site import seed


def test_a_list_is_filtered_sorted_and_read_in_parts(api: Api) -> None:
    seed(api.site, 12)
    seen: list[int] = []
    cursor = ""
    while True:
        page = api.get(f"/incidents?state=open,in_remediation,resolved&sort=number&limit=5&cursor={cursor}").json()
        seen += [item["number"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = page["next_cursor"]
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == len(set(seen)) == 12
    assert api.get("/incidents?severity=critical&severity=high&validity=live").json()["items"]
    assert api.get("/incidents?q=nothing+like+that").json() == {"items": [], "next_cursor": None}


def test_facets_count_what_the_rest_of_the_filter_leaves(api: Api) -> None:
    seed(api.site, 6)
    found = api.get("/incidents/facets?state=ignored").json()
    assert found["total"] == 0
    assert sum(value["count"] for value in found["fields"]["state"]) == 6, "its own condition is left out"
    assert found["fields"]["severity"] == []


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "severity=huge", "cursor=xyz", "opened_after=never", "sort=up"])
def test_a_wrong_filter_is_told(api: Api, query: str) -> None:
    answer = api.get(f"/incidents?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_incident_is_found_by_id_and_number(api: Api) -> None:
    found = api.get(f"/incidents/{api.incident()}").json()
    assert api.get(f"/incidents/{found['number']}").json()["id"] == found["id"]
    assert api.get(f"/incidents/%23{found['number']}").json()["id"] == found["id"]
    assert found["html_url"] == f"http://testserver/w/acme/incidents/{found['number']}"
    assert found["next"]["act"] == "start"


def test_a_change_is_whole_or_not_at_all(api: Api) -> None:
    key = api.incident()
    version = api.get(f"/incidents/{key}").json()["version"]
    body = {"version": version, "privileged": True, "move": {"state": "resolved"}}
    assert api.patch(f"/incidents/{key}", body).json()["code"] == "resolution_needed"
    after = api.get(f"/incidents/{key}").json()
    assert (after["version"], after["privileged"]) == (version, None)
    body["move"] = {"state": "resolved", "resolution": "revoked"}
    body["assignee_id"] = api.site.people["responder"].id
    done = api.patch(f"/incidents/{key}", body).json()
    assert (done["state"], done["privileged"], done["assignee"]["name"]) == ("resolved", True, "Rita Reyes")
    late = api.patch(f"/incidents/{key}", {"version": version, "privileged": False})
    assert (late.status_code, late.json()["code"]) == (409, "changed")


def test_a_team_stays_when_only_the_person_changes(api: Api) -> None:
    key, team = api.incident(), api.site.team("Payments")
    version = api.get(f"/incidents/{key}").json()["version"]
    first = api.patch(f"/incidents/{key}", {"version": version, "team_id": team}).json()
    second = api.patch(f"/incidents/{key}", {"version": first["version"], "assignee_id": api.site.people["viewer"].id}).json()
    assert (second["team"]["id"], second["assignee"]["id"]) == (team, api.site.people["viewer"].id)


def test_a_bulk_change_by_filter_tells_what_failed(api: Api) -> None:
    keys = [api.incident(detector="generic-password") for _ in range(3)]
    act = {"kind": "move", "state": "ignored", "reason": "test_credential"}
    assert api.post("/incidents/bulk", {"filter": "detector=generic-password", "act": act}).json() == {"changed": 3, "failed": []}
    again = api.post("/incidents/bulk", {"ids": [*keys, "inc_none"], "act": act}).json()
    assert again["changed"] == 0
    assert {failed["code"] for failed in again["failed"]} == {"state", "not_found"}
    unknown = api.post("/incidents/bulk", {"filter": "colour=red", "act": act})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "filter")


def test_an_export_holds_all_and_no_formula(api: Api) -> None:
    api.incident(title='=HYPERLINK("https://evil.example")', redacted="@x")
    for _ in range(3):
        api.incident()
    table = list(csv.DictReader(io.StringIO(api.get("/incidents/export").text)))
    assert len(table) == 4
    assert not [cell for row in table for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    lines = api.get("/incidents/export?format=jsonl").text.splitlines()
    assert {json.loads(line)["id"] for line in lines} == {row["id"] for row in table}


def test_a_plain_value_is_shown_with_a_reason_and_leaves_a_trace(api: Api) -> None:
    key = api.incident(kept=True)
    short = api.post(f"/incidents/{key}/reveal", {"reason": "why not"}, "approver token")
    assert short.status_code == 422
    shown = api.post(f"/incidents/{key}/reveal", {"reason": "rotating it by hand"}, "approver token")
    assert shown.json() == {"value": PLAIN.decode(), "encoding": "utf-8"}
    assert shown.headers["cache-control"] == "no-store"
    (entry,) = api.get("/audit?action=incident.reveal").json()["items"]
    assert (entry["subject"], entry["data"]["reason"]) == (key, "rotating it by hand")
    assert entry["request_id"] == shown.headers["x-request-id"]


def test_a_value_that_was_not_kept_is_told_so(api: Api) -> None:
    answer = api.post(f"/incidents/{api.incident()}/reveal", {"reason": "rotating it by hand"})
    assert (answer.status_code, answer.json()["code"]) == (409, "value_not_kept")


def test_a_person_confirms_before_a_value_is_shown(api: Api) -> None:
    key = api.incident(kept=True)
    api.site.clock.pass_(minutes=16)
    answer = api.post(f"/incidents/{key}/reveal", {"reason": "rotating it by hand"}, "approver")
    assert (answer.status_code, answer.json()["code"]) == (403, "confirm_needed")


def test_no_answer_and_no_log_holds_a_plain_value(api: Api) -> None:
    key = api.incident(kept=True)
    plain = PLAIN.decode()
    texts = [
        api.get(path).text
        for path in (
            f"/incidents/{key}",
            "/incidents",
            "/incidents/export",
            f"/incidents/{key}/occurrences",
            f"/incidents/{key}/events",
        )
    ]
    texts.append(api.post("/incidents/bulk", {"ids": [plain], "act": {"kind": plain}}).text)
    texts.append(api.get(f"/incidents?severity={plain}").text)
    texts.append(api.post(f"/incidents/{key}/comments", {"body": {"x": plain}}).text)
    texts.append(api.post("/scans", {"source": {"kind": plain, "target": "x"}}).text)
    texts.append(api.call("scan scope", "POST", "/imports?format=gitleaks", content=b'[{"Secret": "' + PLAIN + b'"').text)
    texts.append(api.call("nobody", "GET", "/me", headers={"Authorization": f"Bearer {plain}"}).text)
    texts += [api.get("/requests?limit=200").text, api.get("/audit?limit=200").text]
    assert not [text for text in texts if plain in text]
