"""The client against the real API, within the process, and against a server that misbehaves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient
from tests.support.api import Api, opened_api

from stanch.client import ApiError, ChangedError, Client, InvalidError, MissingError, UnauthenticatedError, UnreachableError


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with opened_api(Path(tmp_path_factory.mktemp("api"))) as found:
        yield found


@pytest.fixture
def client(api: Api) -> Client:
    return Client("http://testserver", token=api.tokens["administrator token"], http=TestClient(api.site.app))  # type: ignore[arg-type]


def test_a_list_is_read_to_its_end(api: Api, client: Client) -> None:
    made = {api.incident() for _ in range(5)}
    found = [incident["id"] for incident in client.incidents("limit=2&sort=newest")]
    assert made <= set(found)
    assert len(found) == len(set(found))


def test_an_incident_is_moved_commented_tagged(api: Api, client: Client) -> None:
    key = api.incident()
    version = client.incident(key)["version"]
    moved = client.move(key, "resolved", version=version, resolution="revoked", note="by hand")
    assert moved["state"] == "resolved"
    assert client.comment(moved["number"], "done")["body"] == "done"
    assert client.tag(key, add=["q4"])["tags"] == ["q4"]
    with pytest.raises(ChangedError) as changed:
        client.move(key, "open", version=version)
    assert changed.value.code == "changed"


def test_a_scan_from_elsewhere_is_recorded(client: Client) -> None:
    scan = client.begin_scan({"kind": "git", "target": "https://git.test/elsewhere", "name": "elsewhere"})
    sightings = (
        {"fingerprint": f"{n:064x}", "detector": "x", "title": "X", "severity": "low", "places": [{"path": f"f{n}"}]}
        for n in range(1, 1_102)
    )
    assert client.record(scan["id"], sightings) == 3
    done = client.finish_scan(scan["id"])
    assert (done["state"], done["opened"]) == ("complete", 1_101)


def test_a_report_is_imported(client: Client) -> None:
    report = b'[{"RuleID": "generic-api-key", "Secret": "q8Zk4f7QxLm2", "File": "a.py", "StartLine": 3, "Match": "x"}]'
    assert client.import_report(report, format="gitleaks")["seen"] == 1


def test_a_run_is_waited_for(api: Api, client: Client) -> None:
    run = client.check(api.incident(kept=True))
    assert client.wait(run["id"], pause=0.1)["state"] == "succeeded"


def test_errors_say_what_the_api_says(api: Api, client: Client) -> None:
    with pytest.raises(MissingError) as missing:
        client.incident("inc_00000000000000000000000000")
    assert missing.value.code == "not_found"
    assert missing.value.request_log_url.endswith(missing.value.request_id)
    with pytest.raises(InvalidError) as invalid:
        client.get("/incidents", "limit=1000")
    assert invalid.value.param == "limit"
    with pytest.raises(UnauthenticatedError):
        Client("http://testserver", token="stn_x", http=TestClient(api.site.app)).me()  # type: ignore[arg-type]


def misbehaving(*answers: Any) -> tuple[Client, list[httpx2.Request], list[float]]:
    waiting, requests, slept = list(answers), [], []

    def handle(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        answer = waiting.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    http = httpx2.Client(transport=httpx2.MockTransport(handle))
    return Client("https://stanch.test/", token="stn_secret", http=http, sleep=slept.append), requests, slept


def test_a_write_that_was_cut_off_is_sent_again_with_the_same_key() -> None:
    client, requests, _ = misbehaving(httpx2.ReadError("cut"), httpx2.Response(201, json={"id": "cmt_1"}))
    assert client.comment(1, "x") == {"id": "cmt_1"}
    keys = [request.headers["idempotency-key"] for request in requests]
    assert len(keys) == 2
    assert keys[0] == keys[1]


def test_it_waits_as_long_as_it_is_told() -> None:
    busy = httpx2.Response(429, json={"code": "rate_limited"}, headers={"Retry-After": "7"})
    client, _, slept = misbehaving(busy, httpx2.Response(503), httpx2.Response(200, json={}))
    client.me()
    assert slept[0] == 7.0
    assert 0 < slept[1] <= 15


def test_it_gives_up_in_the_end_and_never_shows_the_token() -> None:
    client, requests, _ = misbehaving(*[httpx2.ConnectError("stn_secret") for _ in range(5)])
    with pytest.raises(UnreachableError) as gone:
        client.me()
    assert len(requests) == 5
    assert "stn_secret" not in repr(client) + str(gone.value)


def test_an_answer_that_is_no_problem_is_an_error_too() -> None:
    client, _, _ = misbehaving(httpx2.Response(500, text="<html>"))
    with pytest.raises(ApiError) as error:
        client.me()
    assert (error.value.status, error.value.code) == (500, "api")


def test_a_path_cannot_be_left_by_an_id() -> None:
    client, requests, _ = misbehaving(httpx2.Response(200, json={}))
    client.incident("../tokens?x=")
    assert requests[0].url.raw_path == b"/api/v1/incidents/..%2Ftokens%3Fx%3D"
