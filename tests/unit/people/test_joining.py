from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.unit.people.conftest import PASSWORD

from stanch.core.errors import ConflictError, InputError, NotFoundError, NotPermittedError
from stanch.core.people import Role
from stanch.db.tables import metadata, users
from stanch.people import accounts
from stanch.people.links import Purpose
from stanch.people.signin import SignedIn, SignIn

NEW = "another staple entirely"


class Links:
    def __init__(self, desk, people):
        self.desk, self.people = desk, people

    def first(self):
        with self.desk.database.begin() as connection:
            return accounts.create_first_administrator_link(connection, self.desk.now(), audit=self.desk.audit)

    def invite(self, by, email="ada@example.org", role=Role.APPROVER, workspace=""):
        with self.desk.work(workspace or self.people.workspace, by.actor) as work:
            return accounts.invite(work, by, email=email, role=role)

    def password(self, by, user):
        with self.desk.work(self.people.workspace, by.actor) as work:
            return accounts.create_password_link(work, by, user)

    def redeem(self, token, **values):
        return accounts.redeem(self.desk, token, **values)

    def peek(self, token):
        with self.desk.look() as connection:
            return accounts.peek(connection, token, self.desk.now())

    def used_up(self, token, **values):
        with pytest.raises(NotFoundError) as caught:
            self.redeem(token, **values)
        return caught.value.code == "link" and self.peek(token) is None


@pytest.fixture
def links(desk, people):
    return Links(desk, people)


@pytest.fixture
def boss(people):
    return people.as_(people.add("boss", Role.ADMINISTRATOR, password=PASSWORD))


@pytest.fixture
def olga(people):
    return people.as_(people.add("olga", None, operator=True, password=PASSWORD))


def first(links, token, **values):
    return links.redeem(token, **({"email": "root@example.org", "name": "Root", "password": PASSWORD} | values))


def test_the_first_link_makes_an_operator_who_administers_the_workspace(links, people):
    token = links.first()
    assert links.peek(token).purpose is Purpose.FIRST
    done = first(links, token)
    found = people.whose(done.opened.cookie)
    assert (found.email, found.name, found.operator, found.role) == ("root@example.org", "Root", True, Role.ADMINISTRATOR)
    assert found.workspace_id == people.workspace == done.workspace_id
    assert people.actions() == ["link.first_administrator", "user.create", "link.use"]
    assert links.used_up(token, email="eve@example.org", password=PASSWORD)


def test_the_first_link_makes_the_first_workspace_when_there_is_none(desk):
    with desk.database.begin() as connection:
        token = accounts.create_first_administrator_link(connection, desk.now(), audit=desk.audit)
    done = accounts.redeem(desk, token, email="root@example.org", password=PASSWORD)
    assert done.workspace_id == desk.workspace()


def test_there_is_no_first_link_once_somebody_can_sign_in(links, people, desk):
    people.add("nopassword")
    assert links.first()
    people.add("ada", password=PASSWORD)
    assert links.first() is None


def test_an_identity_elsewhere_counts_as_somebody_who_can_sign_in(links, people, desk):
    people.add("ada")
    with desk.database.begin() as connection:
        connection.execute(users.update().values(oidc_issuer="https://idp.example", oidc_subject="1"))
    assert links.first() is None


def test_a_first_link_from_before_is_worthless_once_somebody_can_sign_in(links, people):
    token = links.first()
    people.add("ada", password=PASSWORD)
    assert links.peek(token) is None
    assert links.used_up(token, email="eve@example.org", password=PASSWORD)


def test_only_the_newest_first_link_is_good(links):
    old, new = links.first(), links.first()
    assert links.used_up(old, email="eve@example.org", password=PASSWORD)
    assert first(links, new).opened


def test_there_is_one_first_administrator_whoever_tries_at_once(links, desk, people):
    token = links.first()

    def attempt(n):
        try:
            return first(links, token, email=f"root{n}@example.org")
        except NotFoundError:
            return None

    with ThreadPoolExecutor(4) as pool:
        assert sum(bool(r) for r in pool.map(attempt, range(8))) == 1
    with desk.look() as connection:
        assert len(accounts.members(connection, people.workspace)) == 1


def test_links_are_kept_as_hashes(links, desk):
    token = links.first()
    assert len(token) == 43
    with desk.look() as connection:
        assert token not in "".join(str(list(connection.execute(t.select()))) for t in metadata.sorted_tables)


def test_links_end(links, clock, boss, olga):
    invitation, password = links.invite(boss), links.password(olga, boss.user_id)
    clock.pass_(hours=1)
    assert links.used_up(password, password=NEW)
    clock.pass_(days=7)
    assert links.used_up(invitation, password=PASSWORD)


def test_what_was_typed_wrongly_does_not_use_the_link_up(links):
    token = links.first()
    for wrong in ({"password": "short"}, {"password": "password123"}, {"email": "nobody"}, {"email": ""}):
        with pytest.raises(InputError):
            first(links, token, **wrong)
    assert first(links, token).opened


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "é" * 43, "\0" * 43, "x" * 100_000])
def test_what_is_no_link_is_none(links, token):
    assert links.used_up(token, email="eve@example.org", password=PASSWORD)


def test_an_invitation_makes_a_member_with_the_role_it_names(links, people, boss):
    token = links.invite(boss)
    offer = links.peek(token)
    assert (offer.purpose, offer.email, offer.workspace, offer.role, offer.has_account) == (
        Purpose.INVITATION, "ada@example.org", "Main", Role.APPROVER, False,
    )  # fmt: skip
    done = links.redeem(token, email="other@example.org", name="Ada", password=PASSWORD)
    found = people.whose(done.opened.cookie)
    assert (found.email, found.role, found.operator) == ("ada@example.org", Role.APPROVER, False)
    assert links.used_up(token, password=PASSWORD)


def test_an_invitation_sets_no_password_of_an_account_that_exists(links, people, boss, other, desk):
    there = people.as_(people.add("chief", Role.ADMINISTRATOR, workspace=other), other)
    ada = people.add("ada", password=PASSWORD)
    cookie = people.open(ada).cookie
    token = links.invite(there, workspace=other, role=Role.VIEWER)
    assert links.peek(token).has_account
    done = links.redeem(token, name="Mallory", password="set by who invited")
    assert (done.user_id, done.opened) == (ada, None)
    assert people.as_(ada, other).role is Role.VIEWER
    assert people.as_(ada).name == "Ada"
    assert people.whose(cookie, "main")
    now = desk.now()
    signin = SignIn(desk)
    assert isinstance(signin.password("ada@example.org", PASSWORD, address="", agent="", now=now), SignedIn)
    assert not isinstance(signin.password("ada@example.org", "set by who invited", address="", agent="", now=now), SignedIn)


def test_an_invitation_works_once_whoever_tries(links, boss):
    token = links.invite(boss)

    def attempt(_):
        try:
            return links.redeem(token, password=PASSWORD)
        except NotFoundError:
            return None

    with ThreadPoolExecutor(4) as pool:
        assert sum(bool(r) for r in pool.map(attempt, range(8))) == 1


def test_a_newer_invitation_replaces_the_older_and_withdrawing_ends_it(links, people, boss, desk):
    old, new = links.invite(boss), links.invite(boss, role=Role.VIEWER)
    assert links.used_up(old, password=PASSWORD)
    with desk.work(people.workspace, boss.actor) as work:
        (waiting,) = accounts.invitations(work.connection, people.workspace, work.now)
        assert (waiting.email, waiting.role) == ("ada@example.org", Role.VIEWER)
        accounts.withdraw_invitation(work, boss, waiting.id)
    assert links.used_up(new, password=PASSWORD)
    with desk.work(people.workspace, boss.actor) as work, pytest.raises(NotFoundError):
        accounts.withdraw_invitation(work, boss, waiting.id)


def test_a_member_is_not_invited_again(links, people, boss):
    people.add("ada")
    with pytest.raises(ConflictError) as caught:
        links.invite(boss)
    assert caught.value.code == "member_already"


def test_the_invitation_of_a_disabled_account_is_worthless(links, people, boss, olga, other, desk):
    ada = people.add("ada", None)
    token = links.invite(boss)
    with desk.work(people.workspace) as work:
        accounts.disable_user(work, olga, ada)
    assert links.used_up(token)


def test_a_password_link_sets_a_password_and_ends_sessions(links, people, olga, desk):
    ada = people.add("ada", password=PASSWORD)
    cookie = people.open(ada).cookie
    old, token = links.password(olga, ada), links.password(olga, ada)
    assert links.used_up(old, password=NEW)
    assert people.whose(cookie)
    done = links.redeem(token, password=NEW)
    assert (done.user_id, done.opened) == (ada, None)
    assert people.whose(cookie) is None
    assert isinstance(SignIn(desk).password("ada@example.org", NEW, address="", agent="", now=desk.now()), SignedIn)


def test_a_password_link_from_before_is_worthless_after_another_password(links, people, olga, desk):
    ada = people.add("ada", password=PASSWORD)
    token = links.password(olga, ada)
    with desk.work(people.workspace) as work:
        accounts.set_password(work, ada, NEW)
    assert links.used_up(token, password=PASSWORD)


def test_administrators_of_workspaces_make_no_password_links(links, people, boss, olga, desk):
    ada = people.add("ada")
    with pytest.raises(NotPermittedError):
        links.password(boss, ada)
    with desk.work(people.workspace) as work:
        accounts.disable_user(work, olga, ada)
    with pytest.raises(ConflictError) as caught:
        links.password(olga, ada)
    assert caught.value.code == "user_disabled"
