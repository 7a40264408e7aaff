"""The same POST twice does its work once."""

from __future__ import annotations

import sqlalchemy as sa
from tests.support.api import PLAIN, Api

from stanch.db import tables


def comments(api: Api, incident: str) -> int:
    return len(api.get(f"/incidents/{incident}/comments").json()["items"])


def test_a_repetition_is_answered_from_memory(api: Api) -> None:
    key = api.incident()
    first, again = (api.post(f"/incidents/{key}/comments", {"body": "hi"}, headers={"Idempotency-Key": "k1"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert comments(api, key) == 1


def test_another_body_with_the_same_key_is_refused(api: Api) -> None:
    key = api.incident()
    api.post(f"/incidents/{key}/comments", {"body": "hi"}, headers={"Idempotency-Key": "k1"})
    other = api.post(f"/incidents/{key}/comments", {"body": "ho"}, headers={"Idempotency-Key": "k1"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert comments(api, key) == 1


def test_a_key_belongs_to_one_credential(api: Api) -> None:
    key = api.incident()
    for caller in ("responder token", "approver token"):
        assert (
            api.post(f"/incidents/{key}/comments", {"body": "hi"}, caller, headers={"Idempotency-Key": "k1"}).status_code == 201
        )
    assert comments(api, key) == 2


def test_a_key_is_visible_ascii_and_not_too_long(api: Api) -> None:
    for key in ("with blank", "x" * 121):
        answer = api.post("/incidents/1/comments", {"body": "hi"}, headers={"Idempotency-Key": key})
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key")


def test_a_request_at_work_is_waited_for_and_taken_over_a_minute_later(api: Api) -> None:
    key = api.incident()
    path, given = f"/incidents/{key}/comments", {"headers": {"Idempotency-Key": "k1"}}
    api.post(path, {"body": "hi"}, **given)
    with api.site.desk.database.begin() as connection:  # as if the server had died in the middle
        connection.execute(sa.update(tables.idempotency).values(status=0, body=None))
    busy = api.post(path, {"body": "hi"}, **given)
    assert (busy.status_code, busy.json()["code"]) == (409, "idempotency_busy")
    assert 1 <= int(busy.headers["retry-after"]) <= 60
    api.site.clock.pass_(seconds=61)
    assert api.post(path, {"body": "hi"}, **given).status_code == 201
    assert comments(api, key) == 1, "the first one had done its work before it died"


def test_what_is_shown_once_is_never_kept(api: Api) -> None:
    given = {"headers": {"Idempotency-Key": "k1"}}
    made = api.post("/tokens", {"name": "one", "scopes": ["read"]}, "administrator", **given).json()["value"]
    again = api.post("/tokens", {"name": "one", "scopes": ["read"]}, "administrator", **given)
    assert (again.status_code, again.json()["code"]) == (409, "idempotency_shown_once")
    key = api.incident(kept=True)
    shown = api.post(f"/incidents/{key}/reveal", {"reason": "because I have to"}, **given)
    assert shown.json()["value"] == PLAIN.decode()
    with api.site.desk.look() as connection:
        rows = connection.execute(sa.select(tables.idempotency)).mappings().all()
    assert len(rows) == 2
    assert all(row["body"] is None for row in rows)
    assert made not in str(rows)


def test_a_refusal_for_rights_is_not_kept(api: Api) -> None:
    path, given = f"/incidents/{api.incident()}/comments", {"headers": {"Idempotency-Key": "k1"}}
    assert api.post(path, {"body": "hi"}, "viewer token", **given).status_code == 403
    assert api.post(path, {"body": "hi"}, "nobody", **given).status_code == 401
    with api.site.desk.look() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.idempotency)).scalar_one() == 0


def test_an_import_is_hashed_as_it_comes(api: Api) -> None:
    report = b'[{"RuleID": "x", "Secret": "q8Zk4f7QxLm2", "File": "a", "StartLine": 1, "Match": ""}]'
    first, again, other = (
        api.call("scan scope", "POST", "/imports", content=content, headers={"Idempotency-Key": "k1"})
        for content in (report, report, b"[]")
    )
    assert first.status_code == 200
    assert again.json() == first.json()
    assert other.json()["code"] == "idempotency_mismatch"
