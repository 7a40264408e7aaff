from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import pyotp
import pytest
from tests.unit.people.conftest import PASSWORD

from stanch.core.errors import InputError, NotPermittedError
from stanch.db import audit as audit_rows
from stanch.db import people as rows
from stanch.db.tables import metadata, users
from stanch.people import passwords, sessions, totp
from stanch.people.signin import NeedsCode, Refused, SignedIn, SignIn

NEW = "another staple entirely"


class Door:
    def __init__(self, desk, people):
        self.desk, self.people, self.signin = desk, people, SignIn(desk)

    def knock(self, email="ada@example.org", password=PASSWORD, code=None, *, address="192.0.2.1", cookie=""):
        return self.signin.password(email, password, code, address=address, agent="tests", now=self.desk.now(), cookie=cookie)

    def code(self, ticket, code, address="192.0.2.1"):
        return self.signin.code(ticket, code, address=address, agent="tests", now=self.desk.now())

    def entries(self, action):
        with self.desk.look() as connection:
            return [dict(r) for r in audit_rows.links(connection) if r["action"] == action]


@pytest.fixture
def door(desk, people):
    people.ada = people.add("ada", password=PASSWORD)
    return Door(desk, people)


@pytest.fixture
def phone(door, desk, people):
    """An authenticator of Ada, set up a while ago."""
    with desk.work("") as work:
        opened = sessions.open_session(work.connection, people.ada, now=work.now, address="", agent="")
        me = sessions.principal_of_cookie(work.connection, opened.cookie, workspace=None, now=work.now)
        begun = totp.begin(work, me)
        door.recovery = totp.confirm(work, me, pyotp.TOTP(begun.secret).at(work.now))
    return lambda: pyotp.TOTP(begun.secret).at(desk.now())


def test_the_right_password_opens_a_session(door, people):
    done = door.knock()
    assert isinstance(done, SignedIn)
    found = people.whose(done.opened.cookie)
    assert (found.user_id, found.email) == (people.ada, "ada@example.org")
    (entry,) = door.entries("signin.success")
    assert (entry["actor_id"], entry["subject"], entry["data"]) == (
        people.ada,
        people.ada,
        {"how": "password", "address": "192.0.2.1"},
    )


def test_addresses_are_taken_however_they_are_written(door):
    assert isinstance(door.knock("  ADA@Example.ORG "), SignedIn)


def test_signing_in_ends_the_session_that_the_browser_had(door, people):
    first = door.knock()
    second = door.knock(cookie=first.opened.cookie)
    assert people.whose(first.opened.cookie) is None
    assert people.whose(second.opened.cookie)


@pytest.mark.parametrize(
    ("email", "password"),
    [
        *((email, PASSWORD) for email in ("nobody@example.org", "", "\0", "x" * 10_000, "\ud800@example.org", "' OR 1=1 --")),
        *(("ada@example.org", password) for password in ("", "wrong wrong wrong", "\0", "x" * 5000, "\ud800")),
    ],
)
def test_anything_else_is_refused(door, email, password):
    assert door.knock(email, password) == Refused()


def test_unknown_disabled_and_wrong_are_answered_alike_and_told_apart_in_the_audit_trail(door, people, desk):
    people.add("eve", password=PASSWORD)
    people.add("sso")
    with desk.database.begin() as connection:
        connection.execute(users.update().where(users.c.email == "eve@example.org").values(disabled_at=desk.now()))
    answers = [
        door.knock("nobody@example.org"), door.knock("eve@example.org"), door.knock("sso@example.org"), door.knock(password="not this one"),
    ]  # fmt: skip
    assert answers == [Refused()] * 4
    assert [e["data"]["reason"] for e in door.entries("signin.failure")] == ["unknown", "disabled", "no_password", "password"]


def test_locks_do_not_tell_which_accounts_exist(door):
    known = [door.knock(password="wrong wrong", address=f"192.0.2.{n}") for n in range(9)]
    unknown = [door.knock("nobody@example.org", "wrong wrong", address=f"198.51.100.{n}") for n in range(9)]
    assert known == unknown
    assert known[-1].retry_after == 1


def test_while_locked_even_the_right_password_is_refused(door, clock):
    for n in range(6):
        door.knock(password="wrong wrong", address=f"192.0.2.{n}")
    assert door.knock() == Refused(retry_after=1)
    assert not door.entries("signin.success")
    clock.pass_(seconds=1)
    assert isinstance(door.knock(), SignedIn)


def test_a_lock_is_in_the_audit_trail_once(door, people):
    for n in range(10):
        door.knock(password="wrong wrong", address=f"192.0.2.{n}")
    (entry,) = door.entries("signin.lockout")
    assert (entry["subject"], entry["data"]["of"], entry["data"]["seconds"]) == (people.ada, "account", 1)
    assert len(door.entries("signin.failure")) == 6


def test_what_was_typed_is_nowhere_in_the_database(door, desk):
    door.knock("my secret typed as name", "hunter2 hunter2")
    with desk.look() as connection:
        text = "".join(str(list(connection.execute(t.select()))) for t in metadata.sorted_tables)
    assert "typed as name" not in text and "hunter2" not in text and PASSWORD not in text


def test_no_more_guesses_at_the_same_moment_than_one_after_the_other(door):
    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(lambda n: door.knock(password=f"guess number {n}"), range(18)))
    assert len(door.entries("signin.failure")) == 6
    assert all(isinstance(o, Refused) for o in outcomes)


def test_an_old_hash_is_made_again(door, people, desk):
    from argon2 import PasswordHasher

    weak = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    with desk.database.begin() as connection:
        rows.change_user(connection, people.ada, password_hash=weak)
    assert isinstance(door.knock(), SignedIn)
    with desk.look() as connection:
        kept = rows.user(connection, people.ada)["password_hash"]
    assert kept != weak and not passwords.outdated(kept)
    assert isinstance(door.knock(), SignedIn)


def test_with_an_authenticator_the_password_alone_opens_nothing(door, phone, clock):
    clock.pass_(minutes=5)
    asked = door.knock()
    assert isinstance(asked, NeedsCode)
    assert asked.ticket not in repr(asked)
    assert isinstance(door.code(asked.ticket, phone()), SignedIn)
    assert [e["data"]["how"] for e in door.entries("signin.success")] == ["code"]


def test_password_and_code_in_one_form(door, phone, clock):
    clock.pass_(minutes=5)
    assert isinstance(door.knock(code=phone()), SignedIn)
    assert door.knock(code=phone()) == Refused()


def test_a_wrong_password_never_asks_for_a_code(door, phone):
    assert door.knock(password="wrong wrong") == Refused()


def test_a_recovery_code_opens_once_and_says_how_many_are_left(door, phone):
    done = door.knock(code=door.recovery[0])
    assert done.recovery_left == 9
    assert door.knock(code=door.recovery[0]) == Refused()
    assert door.knock(code=door.recovery[1]).recovery_left == 8


def test_codes_cannot_be_guessed_with_one_ticket(door, phone):
    ticket = door.knock().ticket
    answers = [door.code(ticket, f"{n:06}", address=f"192.0.2.{n}") for n in range(9)]
    assert answers[5].retry_after == 1
    assert len(door.entries("signin.failure")) == 6


def test_a_ticket_ends_after_five_minutes_and_with_another_password(door, phone, people, desk, clock):
    ticket = door.knock().ticket
    clock.pass_(minutes=5)
    assert door.code(ticket, phone()) == Refused()
    ticket = door.knock().ticket
    with desk.work(people.workspace) as work:
        from stanch.people.accounts import set_password

        set_password(work, people.ada, NEW)
    assert door.code(ticket, phone()) == Refused()


@pytest.mark.parametrize("ticket", ["", "x", "é", "A" * 500, "A" * 100_000])
def test_what_is_no_ticket_is_refused(door, ticket):
    assert door.code(ticket, "123456") == Refused()


def test_a_changed_ticket_is_refused(door, phone, clock):
    clock.pass_(minutes=5)
    ticket = door.knock().ticket
    for place in (0, 20, 50, len(ticket) - 2):
        other = ticket[:place] + ("A" if ticket[place] != "A" else "B") + ticket[place + 1 :]
        assert door.code(other, phone()) == Refused()


def test_confirming_gives_the_session_another_cookie(door, people, desk, clock):
    cookie = door.knock().opened.cookie
    clock.pass_(hours=1)
    assert not people.whose(cookie).confirmed(clock())
    assert door.signin.confirm(cookie, password="wrong wrong", address="192.0.2.1", now=clock()) == Refused()
    opened = door.signin.confirm(cookie, password=PASSWORD, address="192.0.2.1", now=clock())
    assert people.whose(cookie) is None
    assert people.whose(opened.cookie).confirmed(clock())


def test_a_code_confirms_too_but_only_ones_own(door, phone, clock):
    clock.pass_(minutes=5)
    cookie = door.knock(code=phone()).opened.cookie
    clock.pass_(minutes=5)
    assert door.signin.confirm(cookie, code="000001", address="", now=clock()) == Refused()
    assert not isinstance(door.signin.confirm(cookie, code=phone(), address="", now=clock()), Refused)


def test_confirming_is_throttled_like_signing_in(door, clock):
    cookie = door.knock().opened.cookie
    answers = [door.signin.confirm(cookie, password="wrong wrong", address=f"192.0.2.{n}", now=clock()) for n in range(9)]
    assert answers[-1].retry_after == 1


def test_who_is_not_signed_in_cannot_confirm(door, clock):
    with pytest.raises(NotPermittedError) as caught:
        door.signin.confirm("x" * 43, password=PASSWORD, address="", now=clock())
    assert caught.value.code == "session_needed"


def test_another_password_ends_all_other_sessions(door, people, clock):
    one, two = door.knock().opened, door.knock().opened
    assert door.signin.change_password(one.cookie, "wrong wrong", NEW, address="", now=clock()) == Refused()
    with pytest.raises(InputError):
        door.signin.change_password(one.cookie, PASSWORD, "short", address="", now=clock())
    assert people.whose(one.cookie)
    opened = door.signin.change_password(one.cookie, PASSWORD, NEW, address="", now=clock())
    assert [people.whose(s.cookie) is None for s in (one, two, opened)] == [True, True, False]
    assert door.knock() == Refused()
    assert isinstance(door.knock(password=NEW), SignedIn)
    assert people.actions().count("user.password") == 1


def test_an_unknown_account_takes_as_long_as_a_wrong_password(door, clock):
    def took(email):
        clock.pass_(days=2)
        start = time.perf_counter()
        door.knock(email, "wrong wrong wrong")
        return time.perf_counter() - start

    pairs = [(took("ada@example.org"), took("nobody@example.org")) for _ in range(9)]
    known, unknown = (statistics.median(side) for side in zip(*pairs, strict=True))
    assert unknown > known * 0.5  # without the dummy hash it is a tenth


def test_the_chain_of_the_audit_trail_holds(door, desk):
    door.knock()
    door.knock(password="wrong wrong")
    with desk.look() as connection:
        assert desk.audit.verify(connection).intact
