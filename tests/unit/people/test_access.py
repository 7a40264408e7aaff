from __future__ import annotations

import time

from stanch.core.people import Permission
from stanch.db import people as rows
from stanch.db.tables import sessions
from stanch.people import access, tokens
from stanch.people.sweeping import sweep


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


def test_nobody_waits_for_a_writer_to_be_let_in(people, desk, clock):
    ada = people.add("ada")
    cookie = people.open(ada).cookie
    clock.pass_(minutes=5)
    with desk.database.begin() as connection:
        rows.user(connection, ada, lock=True)
        connection.execute(sessions.update().values(agent="held"))
        start = time.monotonic()
        found = access.of_cookie(desk, cookie)
        assert time.monotonic() - start < 10
    assert (found.user_id, found.touch_due) == (ada, True)
    assert not access.of_cookie(desk, cookie).touch_due


def test_what_nobody_needs_is_swept(people, desk, clock):
    people.open(people.add("ada"))
    clock.pass_(days=8)
    with desk.database.begin() as connection:
        assert sweep(connection, clock()) == {"sessions": 1, "links": 0, "throttles": 0}
