from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from stanch.core.errors import NotPermittedError
from stanch.core.incident import Actor
from stanch.core.people import GRANTS, Permission, Role
from stanch.people.principal import EVERYTHING, Principal, system

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def ada(**values):
    return Principal(
        **({"kind": "session", "user_id": "usr_1", "email": "ada@example.org", "name": "Ada", "role": Role.VIEWER} | values)
    )


@pytest.mark.parametrize("permission", Permission)
@pytest.mark.parametrize("role", [*Role, None])
@pytest.mark.parametrize("scopes", [EVERYTHING, frozenset({Permission.READ, Permission.MANAGE}), frozenset()])
def test_one_may_what_the_role_grants_and_the_scopes_contain(role, permission, scopes):
    who = ada(role=role, scopes=scopes, kind="token", token_id="tok_1")
    allowed = role is not None and permission in GRANTS[role] and permission in scopes
    assert who.may(permission) is allowed
    if allowed:
        who.require(permission)
    else:
        with pytest.raises(NotPermittedError) as caught:
            who.require(permission)
        assert caught.value.code == ("scope_missing" if role and permission in GRANTS[role] else "not_permitted")


def test_an_operator_is_no_member_by_that():
    who = ada(role=None, operator=True)
    who.require_operator()
    assert not any(who.may(p) for p in Permission)
    with pytest.raises(NotPermittedError):
        ada(role=Role.ADMINISTRATOR).require_operator()


def test_who_it_is_stands_in_timelines():
    assert ada().actor == Actor(kind="user", id="usr_1", name="Ada")
    assert ada(name="").actor.name == "ada@example.org"
    token = ada(kind="token", token_id="tok_1", token_name="deploy")
    assert token.actor == Actor(kind="token", id="tok_1", name="Ada (token deploy)")
    assert system("wsp_1").actor == Actor(kind="system", name="Command line")


def test_a_confirmation_counts_a_quarter_of_an_hour_and_never_comes_from_the_future():
    for age, good in [
        (timedelta(0), True),
        (timedelta(minutes=14, seconds=59), True),
        (timedelta(minutes=15), False),
        (timedelta(seconds=-1), False),
    ]:
        assert ada(confirmed_at=NOW - age).confirmed(NOW) is good
    assert not ada().confirmed(NOW)
    system("wsp_1").require_confirmed(NOW)
    with pytest.raises(NotPermittedError) as caught:
        ada(kind="token", token_id="tok_1").require_confirmed(NOW)
    assert caught.value.code == "confirm_needed"
