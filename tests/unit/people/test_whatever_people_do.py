"""Any order of sign-ins, links, roles, tokens and time: who is let in is what a plain model says, and a workspace keeps an administrator."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule
from tests.support.databases import KEY, Clock

from stanch.core.errors import ConflictError, NotFoundError
from stanch.core.people import GRANTS, Permission, Role
from stanch.incidents.desk import Desk
from stanch.people import accounts, sessions, tokens
from stanch.people.principal import system

ROLES = st.sampled_from(Role)


@dataclass
class User:
    id: str
    email: str
    role: Role | None
    disabled: bool = False


@dataclass
class Session:
    cookie: str
    user: User
    ends: datetime
    seen: datetime
    closed: bool = False
    past: list[str] = field(default_factory=list)


@dataclass
class Token:
    plain: str
    id: str
    user: User
    scopes: frozenset[Permission]
    ends: datetime | None
    revoked: bool = False


@dataclass
class Link:
    token: str
    email: str
    role: Role
    ends: datetime
    gone: bool = False


class People(RuleBasedStateMachine):
    users: Bundle[User] = Bundle("users")
    open: Bundle[Session] = Bundle("open")
    made: Bundle[Token] = Bundle("made")
    links: Bundle[Link] = Bundle("links")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="stanch-people-"))
        self.clock = Clock()
        self.desk = Desk.open(f"sqlite:///{self.folder}/stanch.db", key=KEY, clock=self.clock)
        self.workspace = self.desk.workspace()
        self.root = system(self.workspace, "main")
        self.all: list[User] = []
        self.sessions: list[Session] = []
        self.tokens: list[Token] = []
        self.invited: list[Link] = []

    def teardown(self) -> None:
        with self.desk.look() as connection:
            assert self.desk.audit.verify(connection).intact
        self.desk.close()
        shutil.rmtree(self.folder)

    def do(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        with self.desk.work(self.workspace) as work:
            return function(work, *args, **kwargs)

    def last(self, user: User) -> bool:
        return [u for u in self.all if u.role is Role.ADMINISTRATOR and not u.disabled] == [user]

    @rule(target=users, role=ROLES)
    def join(self, role: Role) -> User:
        email = f"user{len(self.all)}@example.org"
        user = User(self.do(accounts.create_user, email=email, name="", role=role), email, role)
        self.all.append(user)
        return user

    @rule(target=open, user=users)
    def sign_in(self, user: User) -> Session:
        now = self.clock()
        with self.desk.database.begin() as connection:
            opened = sessions.open_session(connection, user.id, now=now, address="", agent="")
        session = Session(opened.cookie, user, now + timedelta(days=7), now)
        self.sessions.append(session)
        return session

    @rule(session=open)
    def rotate(self, session: Session) -> None:
        alive = self.alive(session)
        with self.desk.database.begin() as connection:
            opened = sessions.rotate(connection, session.cookie, now=self.clock())
        assert (opened is not None) == alive
        if opened is not None:
            session.past.append(session.cookie)
            session.cookie, session.seen = opened.cookie, self.clock()

    @rule(session=open)
    def sign_out(self, session: Session) -> None:
        with self.desk.database.begin() as connection:
            sessions.close_session(connection, session.cookie)
        session.closed = True

    @rule(user=users, keep=st.booleans())
    def other_password(self, user: User, keep: bool) -> None:
        mine = [s for s in self.sessions if s.user is user and self.alive(s)]
        but = sessions.hash_of(mine[0].cookie) if keep and mine else ""
        self.do(accounts.set_password, user.id, "correct horse battery", but=but)
        for session in self.sessions:
            if session.user is user and not (but and session is mine[0]):
                session.closed = True

    @rule(user=users)
    def disable(self, user: User) -> None:
        try:
            self.do(accounts.disable_user, self.root, user.id)
        except ConflictError:
            assert self.last(user) and not user.disabled
            return
        if not user.disabled:
            assert not self.last(user)
            user.disabled = True
            for session in self.sessions:
                session.closed |= session.user is user

    @rule(user=users)
    def enable(self, user: User) -> None:
        self.do(accounts.enable_user, self.root, user.id)
        user.disabled = False

    @rule(user=users, role=ROLES)
    def give_role(self, user: User, role: Role) -> None:
        try:
            self.do(accounts.set_role, self.root, user.id, role)
        except ConflictError:
            assert self.last(user) and role is not Role.ADMINISTRATOR
            return
        user.role = role

    @rule(user=users)
    def remove(self, user: User) -> None:
        try:
            self.do(accounts.remove_member, self.root, user.id)
        except ConflictError:
            assert self.last(user)
            return
        except NotFoundError:
            assert user.role is None
            return
        user.role = None
        for token in self.tokens:
            token.revoked |= token.user is user

    @rule(target=made, user=users, scopes=st.sets(st.sampled_from(Permission), min_size=1), days=st.none() | st.integers(1, 10))
    def make_token(self, user: User, scopes: set[Permission], days: int | None) -> Any:
        if user.role is None or user.disabled or not scopes <= GRANTS[user.role]:
            return multiple()
        ends = None if days is None else self.clock() + timedelta(days=days)
        with self.desk.database.begin() as connection:
            owner = sessions.principal_of_user(connection, user.id, workspace="main")
            assert owner is not None
            created = tokens.create_token(
                connection, owner, name="x", scopes=scopes, expires_at=ends, now=self.clock(), audit=self.desk.audit
            )
        token = Token(created.token.reveal().decode(), created.id, user, frozenset(scopes), ends)
        self.tokens.append(token)
        return token

    @rule(token=consumes(made))
    def revoke(self, token: Token) -> None:
        with self.desk.database.begin() as connection:
            done = tokens.revoke_token(connection, self.root, token.id, now=self.clock(), audit=self.desk.audit)
        assert done == (not token.revoked)
        token.revoked = True

    @rule(target=links, user=users, new=st.booleans(), role=ROLES)
    def invite(self, user: User, new: bool, role: Role) -> Any:
        email = f"user{len(self.all)}@example.org" if new else user.email
        try:
            token = self.do(accounts.invite, self.root, email=email, role=role)
        except ConflictError:
            assert not new and user.role is not None
            return multiple()
        for other in self.invited:
            other.gone |= other.email == email
        link = Link(token, email, role, self.clock() + timedelta(days=7))
        self.invited.append(link)
        return link

    @rule(target=users, link=links)
    def redeem(self, link: Link) -> Any:
        known = next((u for u in self.all if u.email == link.email), None)
        good = not link.gone and self.clock() < link.ends and not (known and known.disabled)
        try:
            done = accounts.redeem(self.desk, link.token, password="correct horse battery")
        except NotFoundError:
            assert not good
            return multiple()
        assert good
        link.gone = True
        if known is None:
            known = User(done.user_id, link.email, link.role)
            self.all.append(known)
            assert done.opened is not None
            self.sessions.append(Session(done.opened.cookie, known, self.clock() + timedelta(days=7), self.clock()))
            return known
        assert (done.user_id, done.opened) == (known.id, None)
        known.role = known.role or link.role
        return multiple()

    @rule(hours=st.sampled_from([0, 1, 5, 11, 12, 30]))
    def time_passes(self, hours: int) -> None:
        self.clock.pass_(hours=hours, seconds=1)

    def alive(self, session: Session) -> bool:
        now = self.clock()
        return (
            not session.closed and not session.user.disabled and now < session.ends and now - session.seen < timedelta(hours=12)
        )

    @invariant()
    def sessions_are_what_the_model_says(self) -> None:
        with self.desk.database.begin() as connection:
            for session in self.sessions:
                found = sessions.principal_of_cookie(connection, session.cookie, workspace="main", now=self.clock())
                assert (found is not None) == self.alive(session)
                if found is not None:
                    assert (found.user_id, found.role) == (session.user.id, session.user.role)
                    session.seen = max(
                        session.seen, self.clock() if self.clock() - session.seen >= timedelta(minutes=1) else session.seen
                    )
                assert all(
                    sessions.principal_of_cookie(connection, c, workspace=None, now=self.clock()) is None for c in session.past
                )

    @invariant()
    def tokens_are_what_the_model_says(self) -> None:
        with self.desk.look() as connection:
            for token in self.tokens:
                found = tokens.principal_of_token(connection, token.plain, now=self.clock())
                role = token.user.role
                ended = token.ends is not None and self.clock() >= token.ends
                assert (found is None) == (token.revoked or ended or token.user.disabled or role is None)
                if found is not None:
                    assert role is not None
                    assert {p for p in Permission if found.may(p)} == token.scopes & GRANTS[role]

    @invariant()
    def who_had_an_administrator_has_one(self) -> None:
        with self.desk.look() as connection:
            found = {m.user_id: m.role for m in accounts.members(connection, self.workspace)}
        assert found == {u.id: u.role for u in self.all if u.role is not None}


TestPeople = People.TestCase
TestPeople.settings = settings(settings.get_profile("suite"), max_examples=12, stateful_step_count=30)
