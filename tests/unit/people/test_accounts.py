from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.unit.people.conftest import PASSWORD

from stanch.core.errors import ConflictError, InputError, NotFoundError, NotPermittedError, StanchError
from stanch.core.people import Permission, Role
from stanch.people import accounts, passwords, tokens
from stanch.people.principal import Principal, system


@pytest.fixture
def act(desk, people):
    """Does something as somebody, in a workspace."""

    def act(function, by, *args, workspace="", **kwargs):
        with desk.work(workspace or people.workspace, by.actor) as work:
            return function(work, by, *args, **kwargs)

    return act


@pytest.fixture
def boss(people):
    return people.as_(people.add("boss", Role.ADMINISTRATOR))


@pytest.fixture
def olga(people):
    return people.as_(people.add("olga", None, operator=True))


def role_of(people, user):
    return people.as_(user).role


def test_a_user_has_a_normal_address_a_name_and_a_hash(desk, people, workspace):
    with desk.work(workspace) as work:
        user = accounts.create_user(work, email=" Ada@Example.ORG ", name="  ", password=PASSWORD)
        row = accounts.require_user(work.connection, user)
    assert (row["email"], row["name"], row["operator"]) == ("ada@example.org", "ada", False)
    assert passwords.verify(row["password_hash"], PASSWORD)
    assert people.actions() == ["user.create"]


@pytest.mark.parametrize(
    "email",
    ["", "ada", "@example.org", "ada@", "a b@example.org", "a@b@c", "ada@example.org\n@x", "a\0@b", "x" * 300 + "@b", "<a@b>"],
)
def test_what_is_no_address_is_refused(desk, workspace, email):
    with desk.work(workspace) as work, pytest.raises(InputError) as caught:
        accounts.create_user(work, email=email, name="x")
    assert caught.value.code == "email"


def test_an_address_is_taken_once_however_it_is_written(desk, people, workspace):
    people.add("ada")
    with desk.work(workspace) as work, pytest.raises(ConflictError) as caught:
        accounts.create_user(work, email="ADA@example.org", name="x")
    assert caught.value.code == "email_taken"


def test_two_users_of_one_address_at_the_same_moment_are_one(desk, people, workspace):
    def make(_):
        try:
            people.add("ada")
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(make, range(8))) == 1


def test_members_are_listed_without_anything_secret(desk, people, workspace, boss):
    people.add("ada", password=PASSWORD)
    with desk.look() as connection:
        found = accounts.members(connection, workspace)
    assert [(m.name, m.role) for m in found] == [("Ada", Role.RESPONDER), ("Boss", Role.ADMINISTRATOR)]
    assert "argon2" not in repr(found)


def test_an_administrator_changes_roles_and_it_is_written_down(act, people, boss):
    ada = people.add("ada")
    act(accounts.set_role, boss, ada, Role.APPROVER)
    assert role_of(people, ada) is Role.APPROVER
    act(accounts.set_role, boss, ada, Role.APPROVER)
    assert people.actions().count("member.role") == 1


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RESPONDER, Role.APPROVER, None])
def test_nobody_else_manages_people(act, people, boss, role):
    by = people.as_(people.add("eve", role))
    for function, args in [
        (accounts.set_role, (boss.user_id, Role.VIEWER)),
        (accounts.set_role, (by.user_id, Role.ADMINISTRATOR)),
        (accounts.remove_member, (boss.user_id,)),
        (accounts.create_team, ("x",)),
        (accounts.disable_user, (boss.user_id,)),
        (accounts.enable_user, (boss.user_id,)),
        (accounts.create_password_link, (boss.user_id,)),
    ]:
        with pytest.raises((NotPermittedError, NotFoundError)):
            act(function, by, *args)
    with pytest.raises((NotPermittedError, NotFoundError)):
        act(accounts.invite, by, email="x@example.org", role=Role.VIEWER)


def test_an_administrator_of_one_workspace_is_nobody_in_another(act, people, boss, other):
    there = people.add("ada", Role.VIEWER, workspace=other)
    with pytest.raises(NotFoundError):
        act(accounts.set_role, boss, there, Role.ADMINISTRATOR, workspace=other)
    with pytest.raises(NotFoundError):
        act(accounts.set_role, boss, there, Role.ADMINISTRATOR)
    with pytest.raises(NotFoundError):
        act(accounts.remove_member, boss, there)


def test_a_token_with_the_scope_manages_people_and_one_without_does_not(act, people, boss, desk):
    ada = people.add("ada")
    for scopes, allowed in [({Permission.READ}, False), ({Permission.MANAGE}, True)]:
        with desk.database.begin() as connection:
            made = tokens.create_token(
                connection, boss, name="x", scopes=scopes, expires_at=None, now=desk.now(), audit=desk.audit
            )
            by = tokens.principal_of_token(connection, made.token.reveal().decode(), now=desk.now())
        if allowed:
            act(accounts.set_role, by, ada, Role.VIEWER)
        else:
            with pytest.raises(NotPermittedError):
                act(accounts.set_role, by, ada, Role.VIEWER)


def test_a_token_does_not_leave_for_its_owner(act, people, boss, desk):
    ada = people.add("ada")
    with desk.database.begin() as connection:
        made = tokens.create_token(
            connection,
            people_as(people, ada),
            name="x",
            scopes={Permission.READ},
            expires_at=None,
            now=desk.now(),
            audit=desk.audit,
        )
        by = tokens.principal_of_token(connection, made.token.reveal().decode(), now=desk.now())
    with pytest.raises(NotPermittedError):
        act(accounts.remove_member, by, ada)


def people_as(people, user):
    return Principal(
        kind="session",
        user_id=user,
        email="",
        name="Ada",
        workspace_id=people.workspace,
        workspace_slug="main",
        role=Role.RESPONDER,
    )


def test_people_leave_and_their_tokens_with_them(act, people, boss, desk):
    ada = people.add("ada")
    me = people.as_(ada)
    with desk.database.begin() as connection:
        made = tokens.create_token(
            connection, me, name="x", scopes={Permission.READ}, expires_at=None, now=desk.now(), audit=desk.audit
        )
    act(accounts.remove_member, me, ada)
    act(accounts.set_role, system(people.workspace), ada, Role.VIEWER)
    with desk.database.begin() as connection:
        assert tokens.principal_of_token(connection, made.token.reveal().decode(), now=desk.now()) is None


@pytest.mark.parametrize("how", ["demote", "leave", "remove", "disable"])
def test_the_last_administrator_stays(act, people, boss, olga, how):
    people.add("ada", Role.APPROVER)
    attempts = {
        "demote": lambda: act(accounts.set_role, boss, boss.user_id, Role.VIEWER),
        "leave": lambda: act(accounts.remove_member, boss, boss.user_id),
        "remove": lambda: act(accounts.remove_member, olga, boss.user_id),
        "disable": lambda: act(accounts.disable_user, olga, boss.user_id),
    }
    with pytest.raises(ConflictError) as caught:
        attempts[how]()
    assert caught.value.code == "last_administrator"
    people.add("ann", Role.ADMINISTRATOR)
    attempts[how]()


def test_a_disabled_administrator_does_not_count(act, people, boss, olga):
    ann = people.add("ann", Role.ADMINISTRATOR)
    act(accounts.disable_user, olga, ann)
    with pytest.raises(ConflictError):
        act(accounts.remove_member, boss, boss.user_id)


def test_two_administrators_cannot_take_each_other_away_at_once(act, people, boss):
    ann = people.as_(people.add("ann", Role.ADMINISTRATOR))

    def demote(pair):
        by, whom = pair
        try:
            act(accounts.set_role, by, whom.user_id, Role.VIEWER)
        except StanchError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(demote, [(boss, ann), (ann, boss), (boss, boss), (ann, ann)]))
    roles = [role_of(people, p.user_id) for p in (boss, ann)]
    assert roles.count(Role.ADMINISTRATOR) == 1
    assert any(results)


def test_a_disabled_user_is_out_at_once_and_back_when_enabled(act, people, boss, olga, desk):
    ada = people.add("ada", password=PASSWORD)
    cookie = people.open(ada).cookie
    with desk.database.begin() as connection:
        made = tokens.create_token(
            connection,
            people_as(people, ada),
            name="x",
            scopes={Permission.READ},
            expires_at=None,
            now=desk.now(),
            audit=desk.audit,
        )

    def token():
        with desk.database.begin() as connection:
            return tokens.principal_of_token(connection, made.token.reveal().decode(), now=desk.now())

    act(accounts.disable_user, olga, ada)
    act(accounts.disable_user, olga, ada)
    assert people.whose(cookie) is None and token() is None
    act(accounts.enable_user, olga, ada)
    assert people.whose(cookie) is None and token() is not None
    assert [a for a in people.actions() if a.startswith("user.") and a != "user.create"] == ["user.disable", "user.enable"]


def test_the_last_operator_stays(act, people, olga):
    with pytest.raises(ConflictError) as caught:
        act(accounts.set_operator, olga, olga.user_id, operator=False)
    assert caught.value.code == "last_operator"
    with pytest.raises(ConflictError):
        act(accounts.disable_user, olga, olga.user_id)
    ada = people.add("ada")
    cookie = people.open(ada).cookie
    act(accounts.set_operator, olga, ada, operator=True)
    assert people.whose(cookie) is None
    act(accounts.set_operator, olga, olga.user_id, operator=False)


def test_an_operator_makes_an_existing_user_a_member_and_an_administrator_does_not(act, people, boss, olga, other):
    ada = people.add("ada", None)
    with pytest.raises(NotFoundError):
        act(accounts.set_role, boss, ada, Role.VIEWER)
    act(accounts.set_role, olga, ada, Role.VIEWER, workspace=other)
    assert people.as_(ada, other).role is Role.VIEWER
    with pytest.raises(NotFoundError):
        act(accounts.set_role, olga, "usr_nobody", Role.VIEWER)


@pytest.mark.parametrize("user", ["", "usr_x", "\0", "é", "x" * 5000])
def test_ids_of_nobody_are_not_found(act, people, boss, olga, user):
    for by, function, args in [
        (olga, accounts.set_role, (Role.VIEWER,)), (boss, accounts.remove_member, ()), (olga, accounts.disable_user, ()),
        (olga, accounts.create_password_link, ()),
    ]:  # fmt: skip
        with pytest.raises(NotFoundError):
            act(function, by, user, *args)


def test_another_password_ends_sessions(desk, people, workspace):
    ada = people.add("ada", password=PASSWORD)
    cookie = people.open(ada).cookie
    with desk.work(workspace) as work:
        accounts.set_password(work, ada, "another staple entirely")
    assert people.whose(cookie) is None


def test_teams_have_members_of_their_workspace(act, people, boss, desk, other):
    ada, eve = people.add("ada"), people.add("eve", workspace=other)
    team = act(accounts.create_team, boss, " Payments ")
    act(accounts.set_team_members, boss, team, [ada, boss.user_id, ada])
    with pytest.raises(NotFoundError):
        act(accounts.set_team_members, boss, team, [ada, eve])
    with desk.look() as connection:
        (found,) = accounts.list_teams(connection, people.workspace)
        assert accounts.list_teams(connection, other) == []
    assert (found.id, found.name, set(found.members)) == (team, "Payments", {ada, boss.user_id})


def test_a_team_has_a_name_of_its_own(act, boss):
    team = act(accounts.create_team, boss, "Payments")
    with pytest.raises(ConflictError) as caught:
        act(accounts.create_team, boss, "Payments")
    assert caught.value.code == "team_taken"
    with pytest.raises(InputError):
        act(accounts.create_team, boss, " ")
    act(accounts.rename_team, boss, team, "Ledger")
    act(accounts.create_team, boss, "Payments")
    act(accounts.remove_team, boss, "Ledger")
    with pytest.raises(NotFoundError):
        act(accounts.remove_team, boss, team)


def test_who_leaves_the_workspace_leaves_its_teams(act, people, boss, desk):
    ada = people.add("ada")
    team = act(accounts.create_team, boss, "Payments")
    act(accounts.set_team_members, boss, team, [ada])
    act(accounts.remove_member, boss, ada)
    with desk.look() as connection:
        assert accounts.list_teams(connection, people.workspace)[0].members == ()


def test_people_change_how_their_name_is_written(act, people, desk):
    me = people.as_(people.add("ada"))
    act(accounts.change_profile, me, name=" Ada Lovelace ", theme="dark")
    assert people.as_(me.user_id).name == "Ada Lovelace"
    with pytest.raises(InputError):
        act(accounts.change_profile, me, name="  ")


def test_somebody_knows_the_workspaces_they_are_in(people, other, desk, act, olga):
    ada = people.add("ada")
    act(accounts.set_role, olga, ada, Role.VIEWER, workspace=other)
    with desk.look() as connection:
        assert [(p.slug, p.role) for p in accounts.workspaces_of(connection, ada)] == [
            ("main", Role.RESPONDER),
            ("other", Role.VIEWER),
        ]
