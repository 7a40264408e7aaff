from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stanch.core.errors import InputError, NotFoundError, NotPermittedError
from stanch.core.people import Permission, Role
from stanch.db import people as people_rows
from stanch.db.tables import metadata, users
from stanch.db.tables import tokens as table
from stanch.people import tokens

READ = frozenset({Permission.READ})


class Tokens:
    def __init__(self, desk, people):
        self.desk, self.people = desk, people

    def create(self, owner, scopes=READ, *, name="deploy", expires_at=None):
        with self.desk.database.begin() as connection:
            return tokens.create_token(
                connection, owner, name=name, scopes=scopes, expires_at=expires_at, now=self.desk.now(), audit=self.desk.audit
            )

    def whose(self, created):
        text = created if isinstance(created, str) else created.token.reveal().decode()
        with self.desk.database.begin() as connection:
            return tokens.principal_of_token(connection, text, now=self.desk.now())

    def revoke(self, by, id):
        with self.desk.database.begin() as connection:
            return tokens.revoke_token(connection, by, id, now=self.desk.now(), audit=self.desk.audit)

    def role(self, user, role):
        with self.desk.database.begin() as connection:
            people_rows.put_membership(connection, self.people.workspace, user, role.value, self.desk.now())


@pytest.fixture
def made(desk, people):
    return Tokens(desk, people)


def test_a_token_acts_for_its_owner_within_its_scopes(made, people, workspace):
    ada = people.add("ada", Role.APPROVER)
    created = made.create(people.as_(ada), {Permission.READ, Permission.SCAN})
    found = made.whose(created)
    assert (found.kind, found.user_id, found.workspace_id, found.token_id) == ("token", ada, workspace, created.id)
    assert {p for p in Permission if found.may(p)} == {Permission.READ, Permission.SCAN}
    assert (found.actor.kind, found.actor.id, found.actor.name) == ("token", created.id, "Ada (token deploy)")
    with pytest.raises(NotPermittedError) as caught:
        found.require(Permission.ACCEPT)
    assert caught.value.code == "scope_missing"


def test_a_token_is_shown_once_and_only_its_hash_is_kept(made, people, desk):
    created = made.create(people.as_(people.add("ada")))
    plain = created.token.reveal().decode()
    assert plain not in repr(created) and plain not in str(created.token)
    with desk.look() as connection:
        text = "".join(str(list(connection.execute(t.select()))) for t in metadata.sorted_tables)
        assert plain not in text and plain[4:-6] not in text
        assert [t.hint for t in tokens.list_tokens(connection, people.workspace)] == [plain[-4:]]


def test_a_token_is_never_more_than_its_owner_is_now(made, people):
    ada = people.add("ada", Role.ADMINISTRATOR)
    created = made.create(people.as_(ada), set(Permission))
    made.role(ada, Role.VIEWER)
    found = made.whose(created)
    assert {p for p in Permission if found.may(p)} == {Permission.READ}
    assert found.scopes == READ


def test_an_operators_token_is_no_operator(made, people):
    olga = people.add("olga", Role.ADMINISTRATOR, operator=True)
    assert not made.whose(made.create(people.as_(olga), set(Permission))).operator


def test_nobody_gives_a_token_more_than_they_may(made, people):
    with pytest.raises(NotPermittedError):
        made.create(people.as_(people.add("ada", Role.VIEWER)), {Permission.READ, Permission.SCAN})


def test_a_token_makes_no_tokens(made, people):
    found = made.whose(made.create(people.as_(people.add("ada", Role.ADMINISTRATOR)), set(Permission)))
    with pytest.raises(NotPermittedError) as caught:
        made.create(found)
    assert caught.value.code == "session_needed"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"name": "  "}, "name_needed"),
        ({"scopes": ()}, "scopes"),
        ({"ends": timedelta(0)}, "expiry"),
        ({"ends": timedelta(days=-1)}, "expiry"),
        ({"ends": timedelta(days=400)}, "expiry"),
    ],
)
def test_a_token_has_a_name_a_scope_and_a_sensible_end(made, people, clock, wrong, code):
    ends = wrong.get("ends")
    owner = people.as_(people.add("ada"))
    with pytest.raises(InputError) as caught:
        made.create(
            owner, wrong.get("scopes", READ), name=wrong.get("name", "x"), expires_at=None if ends is None else clock() + ends
        )
    assert caught.value.code == code


def test_an_expired_token_refuses_from_that_moment_on(made, people, clock):
    created = made.create(people.as_(people.add("ada")), expires_at=clock() + timedelta(hours=1))
    clock.pass_(minutes=59)
    assert made.whose(created)
    clock.pass_(minutes=1)
    assert made.whose(created) is None


def test_a_revoked_token_refuses_and_is_revoked_once(made, people):
    ada = people.as_(people.add("ada"))
    created = made.create(ada)
    assert made.revoke(ada, created.id)
    assert made.whose(created) is None
    assert not made.revoke(ada, created.id)
    assert people.actions() == ["user.create", "token.create", "token.revoke"]


def test_owners_administrators_and_the_token_itself_revoke_it_and_nobody_else(made, people):
    ada, eve = people.as_(people.add("ada")), people.as_(people.add("eve", Role.APPROVER))
    boss = people.as_(people.add("boss", Role.ADMINISTRATOR))
    one, two, three = made.create(ada), made.create(ada), made.create(ada)
    with pytest.raises(NotFoundError):
        made.revoke(eve, one.id)
    with pytest.raises(NotFoundError):
        made.revoke(made.whose(two), one.id)
    assert made.revoke(boss, one.id) and made.revoke(made.whose(two), two.id) and made.revoke(ada, three.id)


def test_an_administrator_of_another_workspace_does_not_see_it(made, people, other):
    created = made.create(people.as_(people.add("ada")))
    boss = people.as_(people.add("boss", Role.ADMINISTRATOR, workspace=other), other)
    with pytest.raises(NotFoundError):
        made.revoke(boss, created.id)


def test_the_token_of_a_disabled_user_or_former_member_refuses(made, people, desk):
    ada, eve = people.add("ada"), people.add("eve")
    one, two = made.create(people.as_(ada)), made.create(people.as_(eve))
    with desk.database.begin() as connection:
        connection.execute(users.update().where(users.c.id == ada).values(disabled_at=desk.now()))
        people_rows.remove_membership(connection, people.workspace, eve)
    assert made.whose(one) is None
    assert made.whose(two) is None


def test_use_is_written_at_most_once_a_minute(made, people, desk, clock):
    created = made.create(people.as_(people.add("ada")))

    def used():
        made.whose(created)
        with desk.look() as connection:
            return connection.execute(table.select()).mappings().one()["used_at"]

    first = clock()
    assert used() == first
    clock.pass_(seconds=59)
    assert used() == first
    assert used() == first
    assert clock.pass_(seconds=1) == used()


@pytest.mark.parametrize("text", ["", "stn_", "stn_" + "0" * 49, "é" * 53, "stn_" + "é" * 49, "\0", "x" * 1_000_000])
def test_what_is_no_token_is_nobody(made, text):
    assert made.whose(text) is None


def test_tokens_have_53_characters_and_a_checksum():
    token = tokens.new_token()
    assert len(token) == 53 and tokens.well_formed(token)


@given(st.integers(4, 52), st.sampled_from("0123456789ABCXYZabcxyz"))
def test_one_wrong_character_is_told_by_the_checksum(place, other):
    token = "stn_" + "0Aa" * 14 + "0" + tokens._checksum("0Aa" * 14 + "0")
    wrong = token[:place] + other + token[place + 1 :]
    assert tokens.well_formed(wrong) == (wrong == token)
