"""Faults strike whom they name, as often as they say, and in the same order every time."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.simulators.faults import CONTROL, Fault, Faults, failure
from stanch.simulators.wire import Request, Response, json_response

NOW = datetime(2026, 11, 25, 8, 30, tzinfo=UTC)


def request(path: str = "/a", method: str = "GET", body: bytes = b"") -> Request:
    return Request(method=method, target=path, now=NOW, body=body)


def strikes(faults: Faults, count: int, application: str = "login.example", **kind: str) -> list[str]:
    found = (faults.strike(application, request(**kind)) for _ in range(count))
    return [fault.kind if fault else "" for fault in found]


def test_fault_lets_some_pass_and_then_strikes_so_often():
    faults = Faults()
    faults.add(Fault(kind="throttle", skip=1, times=2))
    assert strikes(faults, 5) == ["", "throttle", "throttle", "", ""]
    assert faults.struck == ("throttle login.example GET /a",) * 2


def test_fault_without_an_end_strikes_for_ever():
    faults = Faults()
    faults.add(Fault(kind="drop", times=0))
    assert strikes(faults, 4) == ["drop"] * 4


def test_of_several_faults_the_first_strikes_and_all_count():
    faults = Faults()
    faults.add(Fault(kind="lost"), Fault(kind="slow", skip=1))
    assert strikes(faults, 3) == ["lost", "slow", ""]


@pytest.mark.parametrize(
    ("fault", "application", "kind", "met"),
    [
        ({"application": "login.*"}, "Login.Example", {}, True),
        ({"application": "login.*"}, "graph.example", {}, False),
        ({"method": "post"}, "x", {"method": "POST"}, True),
        ({"method": "POST"}, "x", {}, False),
        ({"path": "*/token"}, "x", {"path": "/t/oauth2/TOKEN?a=b"}, True),
        ({"path": "*/token"}, "x", {"path": "/token/x"}, False),
    ],
)
def test_fault_meets_only_what_it_names(fault, application, kind, met):
    faults = Faults()
    faults.add(Fault(kind="error", **fault))
    assert strikes(faults, 1, application, **kind) == ["error" if met else ""]


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "explode"}, {"kind": "error", "status": 200}, {"kind": "slow", "seconds": 1e9}, {"kind": "lost", "skip": -1},
        {"kind": "slow", "seconds": float("nan")}, {"kind": "throttle", "retry_after": 10**9},
    ],
)  # fmt: skip
def test_fault_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="must"):
        Fault(**wrong)


def test_throttling_names_a_time_and_speaks_as_the_application_does():
    class Own:
        def __call__(self, request: Request) -> Response:
            raise AssertionError

        def failure(self, request: Request, status: int) -> Response:
            return json_response(status, {"own": "words"})

    fault = Fault(kind="throttle", retry_after=7)
    own, plain = failure(Own(), request(), fault), failure(lambda r: None, request(), fault)
    assert (own.status, own.headers["Retry-After"], json.loads(own.body)) == (429, "7", {"own": "words"})
    assert (plain.status, plain.headers["Retry-After"]) == (429, "7")
    assert failure(Own(), request(), Fault(kind="throttle")).headers["Retry-After"] == "1"
    assert "Retry-After" not in failure(Own(), request(), Fault(kind="error")).headers


# --- from outside ---------------------------------------------------------------------------------------------------


def control(faults: Faults, method: str, value: object = None) -> tuple[int, dict]:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    answer = faults.control(request(CONTROL, method, body))
    return answer.status, json.loads(answer.body)


def test_control_adds_shows_and_forgets():
    faults = Faults()
    status, state = control(faults, "POST", {
        "faults": [{"kind": "error", "path": "/x", "status": 502}], "replication": {"delays": [0, 4.5], "order": [1, 0]}, "skew": -300,
    })  # fmt: skip
    assert status == 200
    assert (state["faults"][0]["status"], state["replication"], state["skew"]) == (
        502,
        {"delays": [0, 4.5], "order": [1, 0]},
        -300,
    )
    assert [faults.replica_delay() for _ in range(3)] == [4.5, 0, 4.5]
    assert control(faults, "DELETE")[1] == Faults().state()
    assert control(faults, "PATCH")[0] == 405


def test_put_replaces_and_post_adds():
    faults = Faults()
    one = {"faults": [{"kind": "lost"}]}
    control(faults, "POST", one)
    assert len(control(faults, "POST", one)[1]["faults"]) == 2
    assert len(control(faults, "PUT", one)[1]["faults"]) == 1


@pytest.mark.parametrize(
    "value",
    [
        b"", b"{", b"[" * 100_000, [], {"fault": []}, {"faults": {}}, {"faults": [{}]}, {"faults": [{"kind": "lost", "colour": 1}]},
        {"faults": [{"kind": "lost", "times": True}]}, {"faults": [{"kind": 5}]}, {"faults": [{"kind": "lost", "path": 5}]},
        {"replication": {"delays": []}}, {"replication": {"delays": [-1]}}, {"replication": {"delays": [1], "order": [1]}},
        {"replication": {"delays": "x"}}, {"replication": []}, {"skew": "1"}, {"skew": 1e12}, {"faults": [{"kind": "lost"}] * 1_001},
        b'{"skew": NaN}', b'{"skew": true}', b'{"replication": {"delays": [NaN]}}',
    ],
    ids=lambda value: repr(value)[:40],
)  # fmt: skip
def test_control_request_that_is_wrong_is_refused_and_changes_nothing(value):
    faults = Faults()
    faults.add(Fault(kind="slow"))
    before = faults.state()
    for method in ("POST", "PUT"):
        assert control(faults, method, value)[0] == 400
        assert faults.state() == before


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(
    st.sampled_from(["faults", "kind", "replication", "delays", "order", "skew", "times", "seconds", "status"]), x), max_leaves=8))  # fmt: skip
def test_any_json_is_taken_or_refused(value):
    assert control(Faults(), "POST", value)[0] in (200, 400)
