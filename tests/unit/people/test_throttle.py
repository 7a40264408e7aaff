from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from stanch.people import throttle
from stanch.people.throttle import ACCOUNT, ADDRESS, wait_after


@pytest.fixture
def knock(desk):
    def knock(account="ada@example.org", address="192.0.2.1"):
        with desk.database.begin() as connection:
            return throttle.attempt(connection, account=account, address=address, now=desk.now())

    return knock


def test_a_few_failures_are_free_and_then_the_wait_doubles(knock, clock):
    waits = []
    for _ in range(20):
        counted = knock()
        assert not counted.wait
        waits.append(sum((w for _, w in counted.locks), timedelta()).total_seconds())
        clock.pass_(seconds=waits[-1])
    assert waits[:9] == [0, 0, 0, 0, 0, 1, 2, 4, 8]
    assert max(waits) == 900


def test_while_locked_nothing_is_counted_and_the_wait_is_told(knock, clock):
    for _ in range(7):
        last = knock()
        clock.pass_(seconds=1)
    assert last.locks[0][1] == timedelta(seconds=2)
    for _ in range(5):
        refused = knock()
        assert (refused.wait, refused.locks) == (timedelta(seconds=1), ())
    clock.pass_(seconds=1)
    assert knock().locks[0][1] == timedelta(seconds=4)


def test_many_accounts_from_one_address_are_throttled_by_the_address(knock):
    outcomes = [knock(account=f"user{n}@example.org") for n in range(22)]
    assert [bool(o.wait) for o in outcomes] == [False] * 21 + [True]
    assert not knock(account="user30@example.org", address="192.0.2.2").wait


def test_one_account_from_many_addresses_is_throttled_by_the_account(knock):
    outcomes = [knock(address=f"192.0.2.{n}") for n in range(7)]
    assert [bool(o.wait) for o in outcomes] == [False] * 6 + [True]


def test_success_forgets_the_account_but_not_the_address(knock, desk):
    for n in range(15):
        knock(account=f"user{n}@example.org")
    for _ in range(20):
        counted = knock(account="own@example.org")
        if counted.wait:
            break
        with desk.database.begin() as connection:
            throttle.succeeded(connection, counted)
    assert not counted.wait
    for n in range(6):
        counted = knock(account=f"more{n}@example.org")
    assert counted.locks


def test_failures_are_forgotten_after_a_day(knock, clock, desk):
    for _ in range(6):
        knock()
    clock.pass_(hours=24)
    assert not knock().locks
    clock.pass_(hours=25)
    with desk.database.begin() as connection:
        assert throttle.sweep(connection, clock()) == 2


def test_attempts_at_the_same_moment_are_counted_one_after_the_other(knock):
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: knock(), range(16)))
    assert sum(not o.wait for o in outcomes) == ACCOUNT.free + 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("", "no address", True),
    ],
)
def test_an_ipv6_network_counts_as_one_address(one, other, same):
    assert (throttle.address_bucket(one) == throttle.address_bucket(other)) is same
    assert len(throttle.address_bucket(one)) <= 80


def test_waits_never_exceed_their_most():
    assert wait_after(10_000, ACCOUNT) == ACCOUNT.most
    assert wait_after(10_000, ADDRESS) == ADDRESS.most
    assert wait_after(ADDRESS.free, ADDRESS) == timedelta(0)


def test_what_was_typed_as_a_name_is_not_kept(knock, desk):
    from stanch.db.tables import throttles

    knock(account="my password by mistake")
    with desk.look() as connection:
        assert "mistake" not in str(list(connection.execute(throttles.select())))
