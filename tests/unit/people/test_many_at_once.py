"""Many people and administrators act at the same moment: nothing gets stuck, and whatever fails fails for a reason."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

from tests.unit.people.conftest import PASSWORD

from stanch.core.errors import ConflictError, NotFoundError
from stanch.core.people import Permission, Role
from stanch.people import access, accounts, tokens
from stanch.people.principal import system
from stanch.people.signin import SignIn


def test_nothing_gets_stuck_and_an_administrator_stays(desk, people, workspace):
    root, signin = system(workspace, "main"), SignIn(desk)
    users = [people.add(f"user{n}", Role.ADMINISTRATOR, password=PASSWORD if n < 2 else None) for n in range(6)]
    cookies = [people.open(user).cookie for user in users]

    def act(seed):
        draw = random.Random(seed)
        user, other = draw.choice(users), draw.choice(users)
        number = draw.randrange(10)
        if number == 0:
            return signin.password("user0@example.org", PASSWORD, address=f"192.0.2.{seed % 250}", agent="", now=desk.now())
        if number == 1:
            return signin.password("user1@example.org", "wrong wrong", address="198.51.100.1", agent="", now=desk.now())
        if number == 2:
            return access.of_cookie(desk, draw.choice(cookies))
        with desk.work(workspace) as work:
            if number == 3:
                return accounts.disable_user(work, root, user)
            if number == 4:
                return accounts.enable_user(work, root, user)
            if number in (5, 6):
                return accounts.set_role(work, root, user, draw.choice([Role.VIEWER, Role.ADMINISTRATOR]))
            if number == 7:
                accounts.remove_member(work, root, user)
                return None
            if number == 8:
                token = accounts.invite(work, root, email=f"user{users.index(user)}@example.org", role=Role.VIEWER)
            else:
                me = people_principal(work, other)
                return me and tokens.create_token(
                    work.connection, me, name="x", scopes={Permission.READ}, expires_at=None, now=work.now, audit=desk.audit
                )
        return accounts.redeem(desk, token, password=PASSWORD)

    def people_principal(work, user):
        from stanch.people.sessions import principal_of_user

        found = principal_of_user(work.connection, user, workspace="main")
        return found if found and found.role else None

    def attempt(seed):
        try:
            act(seed)
        except (ConflictError, NotFoundError):
            return False
        return True

    with ThreadPoolExecutor(5) as pool:
        done = list(pool.map(attempt, range(150)))
    assert sum(done) > 60
    with desk.look() as connection:
        assert any(m.role is Role.ADMINISTRATOR and m.disabled_at is None for m in accounts.members(connection, workspace))
        assert desk.audit.verify(connection).intact
