"""What all answers share: problems, the request log, headers of safety, health, metrics, pages of errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.api import Api, opened_api

from stanch.server.app import description
from stanch.server.error_pages import error_page, error_pages
from stanch.server.problems import TITLES


def test_an_error_is_a_problem_whose_links_lead_somewhere(api: Api) -> None:
    answer = api.get("/incidents/none", "viewer token")
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "code", "doc_url", "request_id", "request_log_url"} <= problem.keys()
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert error_page(problem["doc_url"].rpartition("/")[2]) is not None
    entry = api.get(f"/requests/{problem['request_id']}", "viewer token").json()
    assert (entry["status"], entry["code"], entry["path"]) == (404, "not_found", "/api/v1/incidents/none")


def test_a_wrong_parameter_is_named_and_not_repeated(api: Api) -> None:
    problem = api.post("/sources", {"kind": "git", "targt": "hush-hush"}).json()
    assert problem["code"] == "invalid"
    assert {error["param"] for error in problem["errors"]} == {"target", "targt"}
    assert "hush-hush" not in json.dumps(problem)


def test_requests_of_others_are_nobodys_business(api: Api) -> None:
    mine = api.get("/settings", "viewer token").headers["x-request-id"]
    assert api.get(f"/requests/{mine}", "responder token").status_code == 404
    assert api.get(f"/requests/{mine}", "administrator token").status_code == 200
    assert api.get(f"/requests/{mine}", "stranger token").status_code == 404
    assert mine not in {item["id"] for item in api.get("/requests", "responder token").json()["items"]}


def test_a_workspace_has_to_be_said_when_it_is_not_clear(api: Api) -> None:
    answer = api.get("/settings", "operator")
    assert (answer.status_code, answer.json()["code"]) == (400, "workspace_needed")


def test_what_breaks_is_a_problem_without_details(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any, **more: Any) -> Any:
        raise RuntimeError("hush-hush")

    monkeypatch.setattr("stanch.server.routes.overview.overview", broken)
    answer = api.get("/overview")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "hush-hush" not in answer.text


@pytest.mark.parametrize(("method", "path", "status", "code"), [
    ("GET", "/api/v1/nothing", 404, "not_found"), ("DELETE", "/api/v1/incidents", 405, "method_not_allowed"),
    ("POST", "/metrics", 405, "method_not_allowed"),
])  # fmt: skip
def test_addresses_that_are_none(api: Api, method: str, path: str, status: int, code: str) -> None:
    answer = api.call("viewer token", method, path, raw=True)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_broken_body_is_told(api: Api) -> None:
    answer = api.call("scan scope", "POST", "/scans", content=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


def test_health_is_for_everybody_and_metrics_are_not(tmp_path: Path) -> None:
    with opened_api(tmp_path, metrics_token="for-prometheus") as api:
        api.incident()
        api.get("/incidents")
        assert api.call("nobody", "GET", "/healthz", raw=True).json() == {"status": "ok"}
        ready = api.call("nobody", "GET", "/readyz", raw=True).json()
        assert ready == {"status": "ready", "checks": {"database": "ok", "migrations": "ok", "engine": "ok"}}
        assert api.call("nobody", "GET", "/metrics", raw=True).status_code == 401
        assert api.call("administrator token", "GET", "/metrics", raw=True).status_code == 401
        text = api.call("nobody", "GET", "/metrics", raw=True, headers={"Authorization": "Bearer for-prometheus"}).text
        assert 'stanch_requests_total{method="GET",route="/api/v1/incidents",status="200"}' in text
        assert 'stanch_incidents{severity="high",state="open"} 1.0' in text
        assert "stanch_workers" in text


def test_a_server_without_a_database_is_not_ready(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*arguments: Any) -> Any:
        raise OSError("gone")

    monkeypatch.setattr("stanch.db.metrics.answers", gone)
    answer = api.call("nobody", "GET", "/readyz", raw=True)
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"] == "does not answer"


def test_every_code_of_a_problem_has_a_page() -> None:
    assert {code for code, _ in TITLES.values()} <= error_pages().keys()
    assert all(page.html.startswith("<") and page.title for page in error_pages().values())


def test_every_operation_says_what_it_is_and_how_it_fails() -> None:
    paths = description()["paths"]
    names = [operation["operationId"] for operations in paths.values() for operation in operations.values()]
    assert len(names) == len(set(names))
    for path, operations in paths.items():
        for method, operation in operations.items():
            assert operation["description"], operation["operationId"]
            if path.startswith("/api/"):
                assert {"401", "403", "404", "422", "429"} <= operation["responses"].keys()
            if method == "post" and path.startswith("/api/"):
                assert "409" in operation["responses"]
