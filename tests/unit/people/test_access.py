from __future__ import annotations

from stanch.core.people import Permission
from stanch.people import access, tokens


def test_a_cookie_is_let_in_and_noted(people, desk, clock, workspace):
    cookie = people.open(people.add("ada")).cookie
    now = clock.pass_(hours=5)
    found = access.of_cookie(desk, cookie)
    assert (found.workspace_id, found.touch_due) == (workspace, False)
    clock.pass_(hours=11)
    assert access.of_cookie(desk, cookie, "main")
    assert now < clock()


def test_a_token_is_let_in_and_noted(people, desk, clock):
    ada = people.as_(people.add("ada"))
    with desk.database.begin() as connection:
        created = tokens.create_token(
            connection,
            ada,
            name="x",
            scopes={Permission.READ},
            expires_at=None,
            now=clock(),
            audit=desk.audit,
        )
    found = access.of_token(desk, created.token.reveal().decode())
    assert found.token_id == created.id
    with desk.look() as connection:
        assert tokens.list_tokens(connection, people.workspace)[0].used_at == clock()


def test_nobody_is_let_in_with_nothing(desk):
    assert access.of_cookie(desk, "") is None
    assert access.of_token(desk, "") is None
