from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pyotp
import pytest

from stanch.core.errors import ConflictError, InputError, NotFoundError, NotPermittedError
from stanch.db import people as rows
from stanch.db.tables import metadata
from stanch.people import sessions, totp


class Authenticator:
    """Somebody's phone."""

    def __init__(self, desk, people, user):
        self.desk, self.people, self.user = desk, people, user
        self.secret = ""

    def me(self):
        return self.people.whose(self.people.open(self.user).cookie)

    def begin(self, by=None):
        with self.desk.work("", (by or self.me()).actor) as work:
            begun = totp.begin(work, by or self.me_here(work))
        self.secret = begun.secret
        return begun

    def me_here(self, work):
        opened = sessions.open_session(work.connection, self.user, now=work.now, address="", agent="")
        return sessions.principal_of_cookie(work.connection, opened.cookie, workspace=None, now=work.now)

    def confirm(self, code=None):
        with self.desk.work("") as work:
            return totp.confirm(work, self.me_here(work), code or self.code())

    def code(self, steps=0):
        return pyotp.TOTP(self.secret).at(self.desk.now(), counter_offset=steps)

    def check(self, code):
        with self.desk.database.begin() as connection:
            row = rows.user(connection, self.user, lock=True)
            return totp.check(connection, self.desk.keyring, row, code, self.desk.now())


@pytest.fixture
def phone(desk, people):
    return Authenticator(desk, people, people.add("ada"))


def test_enrolment_is_a_secret_an_address_and_a_picture_that_no_repr_shows(phone):
    begun = phone.begin()
    assert begun.uri.startswith("otpauth://totp/Stanch:ada%40example.org?secret=")
    assert begun.secret in begun.uri and begun.svg.startswith("<svg") and " style=" not in begun.svg
    assert begun.secret not in repr(begun)


def test_it_counts_only_after_a_first_right_code(phone, desk):
    phone.begin()
    with desk.look() as connection:
        assert not rows.user(connection, phone.user)["totp_enabled"]
    with pytest.raises(InputError) as caught:
        phone.confirm("000000" if phone.code() != "000000" else "111111")
    assert caught.value.code == "code_wrong"
    codes = phone.confirm()
    assert len(codes) == len(set(codes)) == 10
    with desk.look() as connection:
        assert rows.user(connection, phone.user)["totp_enabled"]


def test_neither_secret_nor_recovery_codes_are_in_the_database(phone, desk):
    begun = phone.begin()
    codes = phone.confirm()
    with desk.look() as connection:
        text = "".join(str(list(connection.execute(t.select()))) for t in metadata.sorted_tables)
    for plain in (begun.secret, *codes, *(c.replace("-", "") for c in codes)):
        assert plain not in text


def test_the_sealed_secret_opens_in_no_other_row(phone, desk, people):
    from stanch.incidents.sealing import SealError

    phone.begin()
    phone.confirm()
    eve = people.add("eve")
    with desk.database.begin() as connection:
        rows.change_user(connection, eve, totp_sealed=rows.user(connection, phone.user)["totp_sealed"], totp_enabled=True)
        with pytest.raises(SealError):
            totp.check(connection, desk.keyring, rows.user(connection, eve), phone.code(), desk.now())


def test_a_code_counts_once_and_none_before_it_afterwards(phone, clock):
    phone.begin()
    phone.confirm()
    clock.pass_(minutes=5)
    assert phone.check(phone.code(1)) == "code"
    assert phone.check(phone.code(1)) == ""
    assert phone.check(phone.code()) == ""
    clock.pass_(seconds=60)
    assert phone.check(phone.code()) == "code"


def test_a_clock_may_be_half_a_minute_off_and_no_more(phone, clock):
    phone.begin()
    phone.confirm()
    clock.pass_(minutes=5)
    assert phone.check(phone.code(-2)) == ""
    assert phone.check(phone.code(2)) == ""
    assert phone.check(phone.code(-1)) == "code"


def test_the_first_code_cannot_be_used_again_to_sign_in(phone):
    phone.begin()
    phone.confirm()
    assert phone.check(phone.code()) == ""


def test_a_recovery_code_counts_once_however_it_is_typed(phone):
    phone.begin()
    codes = phone.confirm()
    assert phone.check(codes[0].replace("-", " ").upper()) == "recovery"
    assert phone.check(codes[0]) == ""
    assert phone.check(codes[1]) == "recovery"


def test_one_code_at_the_same_moment_counts_once(phone, clock):
    phone.begin()
    codes = phone.confirm()
    clock.pass_(minutes=5)
    for code in (phone.code(), codes[3]):
        with ThreadPoolExecutor(4) as pool:
            assert sum(bool(r) for r in pool.map(phone.check, [code] * 8)) == 1


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "\0" * 6, "x" * 100_000, "- - -"])
def test_what_is_no_code_is_refused(phone, code):
    phone.begin()
    phone.confirm()
    assert phone.check(code) == ""


def test_there_is_one_authenticator_and_it_is_removed_before_another(phone, desk):
    phone.begin()
    phone.confirm()
    with pytest.raises(ConflictError) as caught:
        phone.begin()
    assert caught.value.code == "totp_enabled"
    with desk.work("") as work:
        totp.disable(work, phone.me_here(work), phone.user)
    phone.begin()


def test_recovery_codes_are_renewed_and_old_ones_worthless(phone, desk):
    phone.begin()
    old = phone.confirm()
    with desk.work("") as work:
        new = totp.renew_recovery_codes(work, phone.me_here(work))
    assert phone.check(old[0]) == ""
    assert phone.check(new[0]) == "recovery"


def test_all_of_it_wants_a_password_given_lately(phone, people, desk, clock):
    me = phone.me()
    clock.pass_(minutes=16)
    for act in (lambda w: totp.begin(w, me), lambda w: totp.confirm(w, me, "1"), lambda w: totp.disable(w, me, phone.user)):
        with desk.work("") as work, pytest.raises(NotPermittedError) as caught:
            act(work)
        assert caught.value.code == "confirm_needed"


def test_only_an_operator_removes_somebody_elses(phone, people, desk):
    phone.begin()
    phone.confirm()
    eve, olga = (
        people.whose(people.open(people.add("eve")).cookie),
        people.whose(people.open(people.add("olga", operator=True)).cookie),
    )
    with desk.work("") as work, pytest.raises(NotPermittedError):
        totp.disable(work, eve, phone.user)
    with desk.work("") as work:
        totp.disable(work, olga, phone.user)
        with pytest.raises(NotFoundError):
            totp.disable(work, olga, "usr_nobody")
    assert "user.totp_off" in people.actions()


def test_turning_it_on_ends_the_other_sessions(phone, people):
    before = people.open(phone.user)
    phone.begin()
    phone.confirm()
    assert people.whose(before.cookie) is None
