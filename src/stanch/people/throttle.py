"""Throttling of sign-ins: per account and per address, each failure beyond a few doubles the wait.

An attempt is counted before the password is looked at and taken back when it was right, so a thousand attempts at the same
moment are no better than one after the other. Accounts that do not exist are counted like those that do: nobody learns from a
lock which ones there are. What is kept of an account's name is a hash: people type passwords into the wrong field.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.engine import Connection

from stanch.db import throttles as rows

_FORGET: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How many failures are free, and how long the longest wait is."""

    free: int
    most: timedelta


ACCOUNT: Final = Limit(free=5, most=timedelta(minutes=15))
ADDRESS: Final = Limit(free=20, most=timedelta(hours=1))  # a whole office may share one


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An attempt that was counted, or refused.

    Attributes:
        account: name of the account's counter.
        address: name of the address's counter.
        wait: how long until the next attempt is looked at; zero when this one is.
        locks: counters that are locked from now on, should this attempt fail, and for how long.
    """

    account: str
    address: str
    wait: timedelta = timedelta(0)
    locks: Sequence[tuple[str, timedelta]] = ()


def attempt(connection: Connection, *, account: str, address: str, now: datetime) -> Attempt:
    """Count an attempt, unless one of its counters is locked.

    Args:
        connection: a unit of work of its own, so that the count stays whatever happens next.
        account: address of the account, as accounts are looked up.
        address: where the request came from.
        now: when.
    """
    names = {account_bucket(account): ACCOUNT, address_bucket(address): ADDRESS}
    found = rows.held(connection, list(names), now)
    mine, theirs = names
    waits = [row["until"] - now for row in found.values() if row["until"] is not None and row["until"] > now]
    if waits:
        return Attempt(account=mine, address=theirs, wait=max(waits))
    locks = []
    for name, limit in names.items():
        old = found[name]
        failures = 1 if now - old["since"] >= _FORGET else old["failures"] + 1
        wait = wait_after(failures, limit)
        if wait:
            locks.append((name, wait))
        rows.put(connection, name, failures=failures, since=now, until=now + wait if wait else None)
    return Attempt(account=mine, address=theirs, locks=locks)


def succeeded(connection: Connection, counted: Attempt) -> None:
    """Forget the failures of the account; of the address only this attempt, or one's own account would open all others."""
    rows.remove(connection, counted.account)
    rows.take_back(connection, counted.address)


def take_back(connection: Connection, counted: Attempt) -> None:
    """Take back an attempt that was neither right nor wrong."""
    rows.take_back(connection, counted.account)
    rows.take_back(connection, counted.address)


def wait_after(failures: int, limit: Limit) -> timedelta:
    """Return how long to wait after so many failures: nothing, then 1, 2, 4, 8 … seconds."""
    beyond = failures - limit.free
    return timedelta(0) if beyond <= 0 else min(limit.most, timedelta(seconds=2 ** min(beyond - 1, 30)))


def account_bucket(account: str) -> str:
    """Return the name of an account's counter."""
    return "account:" + hashlib.sha256(account.encode("utf-8", "replace")).hexdigest()[:40]


def address_bucket(address: str) -> str:
    """Return the name of an address's counter; whoever has one IPv6 address has all 2^64 of its network."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "address:unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return f"address:{ipaddress.ip_network((found, 64), strict=False)}"
        found = found.ipv4_mapped
    return f"address:{found}"


def sweep(connection: Connection, now: datetime) -> int:
    """Take out counters that nobody needs any more; returns how many."""
    return rows.remove_before(connection, now - _FORGET)
