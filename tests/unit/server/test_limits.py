"""Nobody asks more often than they may, and everybody is told how often they still may."""

from __future__ import annotations

from pathlib import Path

from tests.support.api import opened_api

from stanch.server.limits import Buckets


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_empties_and_fills_evenly() -> None:
    clock = Seconds()
    buckets = Buckets(60, clock=clock)
    taken = [buckets.take("a") for _ in range(61)]
    assert [t.allowed for t in taken] == [True] * 60 + [False]
    assert (taken[0].remaining, taken[-1].wait, taken[-1].reset) == (59, 1, 60)
    clock.now = 2.0
    assert [buckets.take("a").allowed for _ in range(3)] == [True, True, False]


def test_buckets_are_apart_and_the_oldest_go_first() -> None:
    buckets = Buckets(1)
    assert buckets.take("a").allowed
    assert buckets.take("b").allowed
    assert not buckets.take("a").allowed
    for number in range(20_000):
        buckets.take(f"n{number}")
    assert "a" not in buckets


def test_too_many_requests_are_told_when_to_come_again(tmp_path: Path) -> None:
    with opened_api(tmp_path, requests_per_minute=5) as api:
        answers = [api.get("/settings", "viewer token") for _ in range(8)]
        # the first one came while the token was not known yet: it counts for the address
        assert [a.status_code for a in answers] == [200] * 6 + [429] * 2
        assert answers[1].headers["ratelimit-limit"] == "5"
        assert answers[1].headers["ratelimit-remaining"] == "4"
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert answers[-1].json()["code"] == "rate_limited"
        assert api.get("/settings", "responder token").status_code == 200, "somebody else still may"


def test_made_up_credentials_share_what_their_address_may(tmp_path: Path) -> None:
    with opened_api(tmp_path, requests_per_minute=5) as api:
        statuses = [
            api.call("nobody", "GET", "/settings", headers={"Authorization": f"Bearer stn_{n}"}).status_code for n in range(7)
        ]
        assert statuses == [401] * 5 + [429] * 2


def test_plain_values_have_a_limit_of_their_own(tmp_path: Path) -> None:
    with opened_api(tmp_path) as api:
        key = api.incident(kept=True)
        answers = [api.post(f"/incidents/{key}/reveal", {"reason": "because I have to"}) for _ in range(11)]
        assert [a.status_code for a in answers] == [200] * 10 + [429]
