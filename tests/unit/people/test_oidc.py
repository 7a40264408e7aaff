from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from tests.unit.people.conftest import PASSWORD

from stanch.core.errors import ConfigError
from stanch.core.people import Permission, Role
from stanch.core.secret import Secret
from stanch.db import audit as audit_rows
from stanch.db import people as rows
from stanch.db.tables import metadata
from stanch.people import accounts, tokens
from stanch.people.oidc import Arrived, Grant, Oidc, OidcSettings, Rejected
from stanch.people.oidc_settings import settings_from
from stanch.people.provider import ProviderError
from stanch.people.signin import Refused, SignIn
from stanch.simulators.oidc import MISTAKES, Provider
from stanch.simulators.server import Simulator

BACK = "https://stanch.example/sign-in/oidc"
SECRET = "client secret: 100% & more"


class Browser:
    """Goes to the provider and back."""

    def __init__(self, desk, people, simulator, provider, client):
        self.desk, self.people, self.provider, self.client = desk, people, provider, client
        self.settings = OidcSettings(
            issuer=simulator.address("oidc"), client_id="stanch", redirect_uri=BACK, link_by_email=True, create_users=True,
            default_role=Role.VIEWER, client_secret=Secret(SECRET.encode(), fingerprint="0" * 64, redacted="client secret"),
        )  # fmt: skip
        self.use()

    def use(self, **changes):
        self.settings = replace(self.settings, **changes)
        self.oidc = Oidc(self.desk, self.settings, self.client)

    def go(self, begun):
        """Follow the redirect to the provider; return what it sends back."""
        answer = self.client.get(begun.location)
        assert answer.status_code == 302, answer.text
        assert answer.headers["location"].startswith(BACK + "?")
        return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}

    def finish(self, cookie, query, **more):
        return self.oidc.finish(cookie, query, address="192.0.2.1", agent="tests", now=self.desk.now(), **more)

    def sign_in(self, **more):
        begun = self.oidc.begin(next="/incidents", **more)
        return self.finish(begun.cookie, self.go(begun))

    def reasons(self):
        with self.desk.look() as connection:
            return [r["data"]["reason"] for r in audit_rows.links(connection) if r["action"] == "signin.failure"]

    def users(self):
        with self.desk.look() as connection:
            return {row["email"]: row for row in rows.all_users(connection)}


@pytest.fixture
def provider():
    return Provider(client_id="stanch", client_secret=SECRET, redirects=[BACK])


@pytest.fixture
def browser(desk, people, provider, clock):
    with Simulator({"oidc": provider}, clock=clock) as simulator:
        context = ssl.create_default_context(cafile=str(simulator.ca_file))
        with httpx2.Client(verify=context, timeout=10) as client:
            yield Browser(desk, people, simulator, provider, client)


def test_who_comes_for_the_first_time_gets_an_account(browser, people):
    done = browser.sign_in()
    assert isinstance(done, Arrived)
    found = people.whose(done.opened.cookie)
    assert (found.email, found.name, found.role, found.operator, done.next) == (
        "ada@example.org", "Ada Lovelace", Role.VIEWER, False, "/incidents",
    )  # fmt: skip
    again = browser.sign_in()
    assert again.user_id == done.user_id
    assert people.actions() == ["user.create", "signin.success", "signin.success"]


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)  # the database has no part in it
def test_what_is_asked_of_the_provider(browser, provider):
    begun = browser.oidc.begin()
    browser.go(begun)
    (query,) = provider.asked
    assert (query["response_type"], query["code_challenge_method"], query["scope"]) == ("code", "S256", "openid email profile")
    assert all(len(query[name]) == 43 for name in ("state", "nonce", "code_challenge"))
    assert begun.cookie not in repr(begun) and query["nonce"] not in begun.cookie
    assert "prompt" not in query


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)  # the database has no part in it
@pytest.mark.parametrize("mistake", [m for m in MISTAKES if m not in ("userinfo_subject", "discovery_issuer")])
def test_a_provider_that_lies_lets_nobody_in(browser, provider, mistake, desk):
    provider.mistakes.add(mistake)
    done = browser.sign_in()
    assert isinstance(done, Rejected)
    assert browser.users() == {} and len(browser.reasons()) == 1
    assert "<b>" not in done.message
    expected = {
        "audience": "audience", "authorized_party": "audience", "issuer": "issuer", "nonce": "nonce", "no_nonce": "nonce",
        "expired": "times", "from_the_future": "times", "no_subject": "subject", "error": "cancelled", "answer_issuer": "answer_issuer",
    }  # fmt: skip
    assert done.reason == expected.get(mistake, "signature")


def test_a_discovery_document_of_somebody_else_ends_it(browser, provider):
    provider.mistakes.add("discovery_issuer")
    with pytest.raises(ProviderError) as caught:
        browser.oidc.begin()
    assert (caught.value.reason, caught.value.code) == ("discovery", "identity_provider")


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)  # the database has no part in it
def test_an_answer_for_another_browser_is_refused(browser):
    mine, theirs = browser.oidc.begin(), browser.oidc.begin()
    assert browser.finish(mine.cookie, browser.go(theirs)).reason == "state"
    assert browser.finish("", browser.go(mine)).reason == "state"
    assert browser.finish(mine.cookie, {}).reason == "state"
    assert browser.finish(mine.cookie, {"state": "é\ud800"}).reason == "state"


def test_a_code_counts_once(browser):
    begun = browser.oidc.begin()
    query = browser.go(begun)
    assert isinstance(browser.finish(begun.cookie, query), Arrived)
    assert browser.finish(begun.cookie, query).reason == "exchange"


def test_a_code_that_was_slipped_in_is_refused_by_its_challenge(browser):
    mine, theirs = browser.oidc.begin(), browser.oidc.begin()
    stolen = browser.go(theirs)["code"]
    assert browser.finish(mine.cookie, browser.go(mine) | {"code": stolen}).reason == "exchange"


def test_a_sign_in_that_takes_more_than_ten_minutes_is_begun_again(browser, clock):
    begun = browser.oidc.begin()
    clock.pass_(minutes=10)
    assert browser.finish(begun.cookie, browser.go(begun)).reason == "state"


def test_a_wrong_client_secret_is_told_to_the_operator_only(browser):
    wrong = b"another secret altogether"
    browser.use(client_secret=Secret(wrong, fingerprint="1" * 64, redacted="client secret"))
    done = browser.sign_in()
    assert done.reason == "exchange"
    assert "secret" not in done.message


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)  # the database has no part in it
def test_a_public_client_needs_no_secret(browser, provider):
    provider.client_secret = ""
    browser.use(client_secret=None)
    assert isinstance(browser.sign_in(), Arrived)


def test_keys_that_changed_are_asked_for_again_but_not_for_every_false_token(browser, provider, clock):
    browser.sign_in()
    provider.renew_keys()
    clock.pass_(minutes=2)
    assert isinstance(browser.sign_in(), Arrived)
    assert provider.key_requests == 2
    provider.mistakes.add("other_key")
    for _ in range(5):
        assert browser.sign_in().reason == "signature"
    assert provider.key_requests == 2


def test_addresses_that_only_user_info_knows(browser, provider, people):
    provider.email_in_token = False
    assert people.whose(browser.sign_in().opened.cookie).email == "ada@example.org"
    provider.mistakes.add("userinfo_subject")
    assert browser.sign_in().reason == "userinfo"


def test_an_account_is_found_by_who_they_are_not_by_their_address(browser, provider):
    first = browser.sign_in()
    provider.person.email = "new-name@example.org"
    assert browser.sign_in().user_id == first.user_id
    provider.person.subject, provider.person.email = "somebody else", "ada@example.org"
    assert browser.sign_in().reason == "email_taken"
    assert set(browser.users()) == {"ada@example.org"}


def test_an_account_is_linked_by_a_verified_address_and_its_password_ends(browser, people, desk):
    ada = people.add("ada", Role.APPROVER, password=PASSWORD)
    cookie = people.open(ada).cookie
    me = people.whose(cookie)
    with desk.database.begin() as connection:
        made = tokens.create_token(
            connection,
            me,
            name="x",
            scopes={Permission.READ},
            expires_at=None,
            now=desk.now(),
            audit=desk.audit,
        )
    done = browser.sign_in()
    assert done.user_id == ada
    assert people.whose(done.opened.cookie).role is Role.APPROVER
    assert people.whose(cookie) is None
    assert SignIn(desk).password("ada@example.org", PASSWORD, address="", agent="", now=desk.now()) == Refused()
    with desk.database.begin() as connection:
        assert tokens.principal_of_token(connection, made.token.reveal().decode(), now=desk.now()) is None
    assert "user.link" in people.actions()


@pytest.mark.parametrize("verified", [False, None, "no"])
def test_an_address_that_is_not_verified_links_and_makes_nothing(browser, provider, people, verified):
    people.add("ada", password=PASSWORD)
    provider.person.email_verified = verified
    assert browser.sign_in().reason == "email"
    provider.person.email = "eve@example.org"
    assert browser.sign_in().reason == "email"
    browser.use(trust_email=True)
    assert isinstance(browser.sign_in(), Arrived)


def test_linking_and_making_only_when_configured(browser, people):
    browser.use(create_users=False)
    assert browser.sign_in().reason == "no_account"
    ada = people.add("ada", password=PASSWORD)
    browser.use(link_by_email=False)
    assert browser.sign_in().reason == "no_account"
    browser.use(create_users=True)
    assert browser.sign_in().reason == "email_taken"
    browser.use(link_by_email=True, create_users=False)
    assert browser.sign_in().user_id == ada


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)  # the database has no part in it
def test_only_addresses_of_these_domains(browser, provider):
    browser.use(domains=("example.com",))
    assert browser.sign_in().reason == "domain"
    for address in ("ada@sub.example.com", "ada@evil-example.com", "ada@example.com@example.org"):
        provider.person.email = address
        assert browser.sign_in().reason in ("domain", "email")
    provider.person.email = "ada@example.com"
    assert isinstance(browser.sign_in(), Arrived)


def test_a_disabled_user_is_not_let_in(browser, people, desk):
    done = browser.sign_in()
    olga = people.as_(people.add("olga", operator=True))
    with desk.work(people.workspace) as work:
        accounts.disable_user(work, olga, done.user_id)
    assert browser.sign_in().reason == "disabled"


def test_groups_are_roles_at_each_sign_in(browser, provider, people):
    people.add("boss", Role.ADMINISTRATOR)
    browser.use(
        default_role=None,
        grants=(
            Grant(group="dev", workspace="main", role=Role.RESPONDER),
            Grant(group="sec", workspace="main", role=Role.APPROVER),
        ),
    )
    for groups, role in [
        ((), None),
        (("dev",), Role.RESPONDER),
        (("dev", "sec", "x"), Role.APPROVER),
        (("dev",), Role.RESPONDER),
        ((), None),
    ]:
        provider.person.groups = groups
        assert people.whose(browser.sign_in().opened.cookie).role is role


def test_groups_never_take_the_last_administrator(browser, provider, people):
    browser.use(default_role=None, grants=(Grant(group="sec", workspace="main", role=Role.ADMINISTRATOR),))
    provider.person.groups = ("sec",)
    browser.sign_in()
    provider.person.groups = ()
    assert people.whose(browser.sign_in().opened.cookie).role is Role.ADMINISTRATOR
    assert "member.kept" in people.actions()
    people.add("boss", Role.ADMINISTRATOR)
    assert people.whose(browser.sign_in().opened.cookie).role is None


def test_showing_again_that_it_is_them_needs_a_fresh_proof(browser, provider, clock):
    assert isinstance(browser.sign_in(again=True), Arrived)
    assert provider.asked[-1]["prompt"] == "login"
    provider.person.more = {"auth_time": int((clock() - timedelta(hours=3)).timestamp())}
    assert browser.sign_in(again=True).reason == "too_long_ago"
    assert isinstance(browser.sign_in(), Arrived)


def test_neither_tokens_nor_codes_are_kept(browser, desk):
    begun = browser.oidc.begin()
    query = browser.go(begun)
    browser.finish(begun.cookie, query)
    with desk.look() as connection:
        text = "".join(str(list(connection.execute(t.select()))) for t in metadata.sorted_tables)
    assert query["code"] not in text and query["state"] not in text and "eyJ" not in text


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)  # the database has no part in it
@pytest.mark.parametrize("issuer", ["http://idp.example.org", "ftp://x", "", "https://", "//x"])
def test_a_provider_without_tls_is_refused(desk, issuer):
    with pytest.raises(ConfigError):
        Oidc(desk, OidcSettings(issuer=issuer, client_id="x", redirect_uri=BACK))


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)  # the database has no part in it
def test_a_provider_that_does_not_answer_is_told_so(desk):
    oidc = Oidc(desk, OidcSettings(issuer="https://127.0.0.1:9", client_id="x", redirect_uri=BACK))
    with pytest.raises(ProviderError) as caught:
        oidc.begin()
    assert caught.value.reason == "discovery"


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)  # the database has no part in it
@pytest.mark.parametrize("body", [b"[]", b"null", b"{", b"\xff", b"[" * 100_000, b" " * 600_000, b"{}"])
def test_an_answer_that_is_none_is_refused(desk, body):
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, content=body))
    oidc = Oidc(
        desk, OidcSettings(issuer="https://idp.example", client_id="x", redirect_uri=BACK), httpx2.Client(transport=transport)
    )
    with pytest.raises(ProviderError):
        oidc.begin()


def test_settings_come_from_the_environment():
    assert settings_from({"PATH": "/bin"}, redirect_uri=BACK) is None
    found = settings_from(
        {
            "STANCH_OIDC_ISSUER": "https://idp.example", "STANCH_OIDC_CLIENT_ID": "stanch", "STANCH_OIDC_CLIENT_SECRET": SECRET,
            "STANCH_OIDC_ROLES": "cn=sec,cn=dev=main:approver", "STANCH_OIDC_CREATE_USERS": "yes", "STANCH_OIDC_DOMAINS": "Example.org, @x.org",
        }
        | {"STANCH_OIDC_ROLES": "cn=sec=main:approver, dev=main:viewer", "STANCH_OIDC_SCOPES": "email groups"},
        redirect_uri=BACK,
    )  # fmt: skip
    assert found.grants == (
        Grant(group="cn=sec", workspace="main", role=Role.APPROVER),
        Grant(group="dev", workspace="main", role=Role.VIEWER),
    )
    assert (found.create_users, found.link_by_email, found.domains) == (True, False, ("example.org", "x.org"))
    assert found.scopes == ("openid", "email", "groups")
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    "wrong",
    [
        {"CLIENT_ID": ""},
        {"CREATE_USERS": "perhaps"},
        {"ROLES": "x"},
        {"ROLES": "x=main:boss"},
        {"DEFAULT_ROLE": "boss"},
        {"CLIENTID": "x"},
    ],
)
def test_wrong_settings_are_told(wrong):
    env = {"ISSUER": "https://idp.example", "CLIENT_ID": "stanch"} | wrong
    with pytest.raises(ConfigError):
        settings_from({f"STANCH_OIDC_{name}": value for name, value in env.items()}, redirect_uri=BACK)
