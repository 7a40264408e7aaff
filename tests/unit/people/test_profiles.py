from __future__ import annotations

import pytest
from tests.unit.people.conftest import PASSWORD

from stanch.core.errors import NotFoundError, NotPermittedError
from stanch.people import accounts, sessions


def test_a_profile_says_how_somebody_signs_in_and_nothing_secret(people, desk):
    ada = people.add("ada", password=PASSWORD)
    with desk.look() as connection:
        found = accounts.profile(connection, ada)
    assert (found.email, found.has_password, found.two_factors, found.recovery_left, found.single_sign_on) == (
        "ada@example.org", True, False, 0, False,
    )  # fmt: skip
    assert "argon2" not in repr(found)


def test_only_operators_see_all_accounts(people, desk):
    ada, olga = people.as_(people.add("ada")), people.as_(people.add("olga", operator=True))
    with desk.look() as connection:
        assert [u.name for u in accounts.all_users(connection, olga)] == ["Ada", "Olga"]
        with pytest.raises(NotPermittedError):
            accounts.all_users(connection, ada)


def test_people_end_their_own_sessions_only(people, desk, clock):
    ada, eve = people.add("ada"), people.add("eve")
    one, two, three = people.open(ada), people.open(ada), people.open(ada)
    me, her = people.whose(three.cookie), people.whose(people.open(eve).cookie)
    with desk.look() as connection:
        shown = sessions.list_sessions(connection, ada, now=clock(), current=me.session_hash)
    assert sum(s.current for s in shown) == 1
    id_ = next(s.id for s in shown if not s.current)
    with desk.work(people.workspace, her.actor) as work, pytest.raises(NotFoundError):
        accounts.end_session(work, her, id_)
    with desk.work(people.workspace, me.actor) as work:
        accounts.end_session(work, me, id_)
        assert accounts.end_other_sessions(work, me) == 1
    assert [people.whose(s.cookie) is None for s in (one, two, three)] == [True, True, False]
    assert people.actions()[-2:] == ["session.end", "session.end_others"]
