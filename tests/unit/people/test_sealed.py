from __future__ import annotations

from datetime import timedelta

import pytest

from stanch.people.sealed import seal, unseal


@pytest.fixture
def made(desk):
    with desk.look() as connection:
        return seal(connection, desk.keyring, "one", {"user": "usr_1"}, now=desk.now(), lasts=timedelta(minutes=5))


def opened(desk, text, purpose="one"):
    with desk.look() as connection:
        return unseal(connection, desk.keyring, purpose, text, now=desk.now())


def test_it_opens_until_its_time_is_over_and_for_its_purpose_only(desk, clock, made):
    assert "usr" not in made
    assert opened(desk, made) == {"user": "usr_1"}
    assert opened(desk, made, "two") is None
    clock.pass_(minutes=5)
    assert opened(desk, made) is None


def test_what_was_changed_does_not_open(desk, made):
    for place in range(0, len(made) - 1, 7):
        assert opened(desk, made[:place] + ("A" if made[place] != "A" else "B") + made[place + 1 :]) is None
    for text in ("", "x", "é", made[:-4], made * 50, "A" * 300, "=" * 20):
        assert opened(desk, text) is None
