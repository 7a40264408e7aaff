from __future__ import annotations

import pytest

from stanch.core.people import Permission, Role
from stanch.db.tables import metadata, users
from stanch.people import sessions


def test_a_session_is_its_user_with_the_role_they_have_now(people, workspace):
    ada = people.add("ada", Role.APPROVER)
    found = people.whose(people.open(ada).cookie)
    assert (found.kind, found.user_id, found.email, found.name) == ("session", ada, "ada@example.org", "Ada")
    assert (found.workspace_id, found.workspace_slug, found.role, found.operator) == (workspace, "main", Role.APPROVER, False)
    assert found.may(Permission.ACCEPT)
    assert not found.may(Permission.MANAGE)


def test_the_cookie_is_nowhere_in_the_database(people, desk):
    opened = people.open(people.add("ada"))
    with desk.look() as connection:
        text = "".join(str(list(connection.execute(t.select()))) for t in metadata.sorted_tables)
    assert opened.cookie not in text
    assert opened.csrf not in text


def test_a_cookie_has_32_random_bytes_and_is_not_in_its_repr(people):
    ada = people.add("ada")
    one, two = people.open(ada), people.open(ada)
    assert len(one.cookie) == 43 and one.cookie != two.cookie
    assert one.cookie not in repr(one) and one.csrf not in repr(one)


@pytest.mark.parametrize("cookie", ["", "x", "x" * 43, "é" * 43, "x" * 100_000, "\0" * 43])
def test_what_is_no_cookie_is_nobody(people, cookie):
    assert people.whose(cookie) is None


def test_a_session_ends_twelve_hours_after_the_last_request(people, clock):
    cookie = people.open(people.add("ada")).cookie
    clock.pass_(hours=11, minutes=59)
    assert people.whose(cookie)
    clock.pass_(hours=11, minutes=59)
    assert people.whose(cookie)
    clock.pass_(hours=12)
    assert people.whose(cookie) is None


def test_a_session_ends_seven_days_after_sign_in_however_busy_it_is(people, clock):
    cookie = people.open(people.add("ada")).cookie
    for _ in range(13):
        clock.pass_(hours=11)
        people.whose(cookie)
    assert people.whose(cookie)
    clock.pass_(hours=167 - 143 + 1)
    assert people.whose(cookie) is None


def test_being_seen_is_written_once_a_minute(people, desk, clock):
    cookie = people.open(people.add("ada")).cookie
    start = clock()
    clock.pass_(seconds=59)
    people.whose(cookie)

    def seen():
        with desk.look() as connection:
            return connection.execute(metadata.tables["sessions"].select()).mappings().one()["seen_at"]

    assert seen() == start
    now = clock.pass_(seconds=1)
    people.whose(cookie)
    assert seen() == now


def test_a_connection_that_only_reads_is_told_to_touch_later(people, desk, clock):
    cookie = people.open(people.add("ada")).cookie
    clock.pass_(minutes=2)
    with desk.look() as connection:
        found = sessions.principal_of_cookie(connection, cookie, workspace=None, now=clock())
    assert found.touch_due
    with desk.database.begin() as connection:
        sessions.touch(connection, found, clock())
    assert not people.whose(cookie).touch_due


def test_another_cookie_at_sign_in_ends_the_one_before(people, desk):
    ada = people.add("ada")
    planted = people.open(ada).cookie
    with desk.database.begin() as connection:
        sessions.open_session(connection, ada, now=desk.now(), address="", agent="", replaces=planted)
    assert people.whose(planted) is None


def test_a_rotated_session_has_another_cookie_and_the_same_end(people, desk, clock):
    first = people.open(people.add("ada"))
    clock.pass_(hours=1)
    with desk.database.begin() as connection:
        second = sessions.rotate(connection, first.cookie, now=clock(), confirmed=True)
    assert people.whose(first.cookie) is None
    assert people.whose(second.cookie).confirmed(clock())
    assert second.expires_at == first.expires_at


def test_who_signed_in_long_ago_is_not_confirmed(people, clock):
    cookie = people.open(people.add("ada")).cookie
    assert people.whose(cookie).confirmed(clock())
    clock.pass_(minutes=15)
    assert not people.whose(cookie).confirmed(clock())


def test_signing_out_ends_one_session_and_close_all_the_others(people, desk):
    ada = people.add("ada")
    one, two, three = (people.open(ada) for _ in range(3))
    with desk.database.begin() as connection:
        assert sessions.close_session(connection, one.cookie)
        assert not sessions.close_session(connection, one.cookie)
        assert sessions.close_all(connection, ada, but=sessions.hash_of(three.cookie)) == 1
    assert [bool(people.whose(s.cookie)) for s in (one, two, three)] == [False, False, True]


def test_people_see_their_sessions_and_end_one_of_them(people, desk, clock):
    ada, eve = people.add("ada"), people.add("eve")
    one = people.open(ada)
    clock.pass_(minutes=5)
    two = people.open(ada)
    with desk.database.begin() as connection:
        shown = sessions.list_sessions(connection, ada, now=clock(), current=sessions.hash_of(two.cookie))
        assert [(s.current, s.address, s.agent) for s in shown] == [(True, "192.0.2.1", "tests"), (False, "192.0.2.1", "tests")]
        assert not sessions.close_by_id(connection, eve, shown[1].id, now=clock())
        assert sessions.close_by_id(connection, ada, shown[1].id, now=clock())
    assert people.whose(one.cookie) is None
    assert people.whose(two.cookie)


def test_a_disabled_user_has_no_session(people, desk):
    ada = people.add("ada")
    cookie = people.open(ada).cookie
    with desk.database.begin() as connection:
        connection.execute(users.update().values(disabled_at=desk.now()))
    assert people.whose(cookie) is None


def test_a_form_of_another_session_is_refused(people, desk):
    ada = people.add("ada")
    one, two = people.open(ada), people.open(ada)
    with desk.look() as connection:
        assert sessions.csrf_ok(connection, one.cookie, one.csrf)
        assert sessions.csrf_of(one.cookie) == one.csrf
        for cookie, csrf in [
            (one.cookie, two.csrf),
            (one.cookie, ""),
            ("", ""),
            (one.cookie, "é"),
            ("x" * 43, sessions.csrf_of("x" * 43)),
        ]:
            assert not sessions.csrf_ok(connection, cookie, csrf)


def test_the_only_workspace_is_taken_and_of_several_none(people, workspace, other, desk):
    ada = people.add("ada")
    cookie = people.open(ada).cookie
    assert people.whose(cookie).workspace_id == workspace
    with desk.database.begin() as connection:
        from stanch.db import people as rows

        rows.put_membership(connection, other, ada, "viewer", desk.now())
    assert (people.whose(cookie).workspace_id, people.whose(cookie).role) == ("", None)
    assert people.whose(cookie, "other").role is Role.VIEWER
    assert people.whose(cookie, workspace).role is Role.RESPONDER


def test_a_foreign_workspace_looks_like_none(people, other):
    cookie = people.open(people.add("ada")).cookie
    foreign, missing = people.whose(cookie, other), people.whose(cookie, "wsp_nothing")
    assert foreign == missing
    assert (foreign.workspace_id, foreign.role, foreign.may(Permission.READ)) == ("", None, False)


def test_an_operator_reaches_a_foreign_workspace_but_is_no_member(people, other):
    cookie = people.open(people.add("olga", operator=True)).cookie
    found = people.whose(cookie, "other")
    assert (found.workspace_id, found.role, found.operator) == (other, None, True)
    assert not any(found.may(p) for p in Permission)


def test_ended_sessions_are_swept(people, desk, clock):
    people.open(people.add("ada"))
    clock.pass_(hours=6)
    fresh = people.open(people.add("eve"))
    clock.pass_(hours=6)
    with desk.database.begin() as connection:
        assert sessions.sweep(connection, clock()) == 1
    assert people.whose(fresh.cookie)
