from __future__ import annotations

import re

import pytest

from stanch.core.people import Role
from stanch.people.joining import create_first_administrator_link, invite
from stanch.people.sessions import principal_of_cookie
from stanch.server.auth import cookie_name
from stanch.web.pages.common import safe_next

PASSWORD = "a horse, a battery, a staple"


def member(site, email="new@acme.test"):
    """Invite somebody; the path of the link."""
    with site.desk.database.begin() as connection:
        admin = principal_of_cookie(
            connection, site.people["administrator"].session.cookie, workspace=site.slug, now=site.clock()
        )
    with site.desk.work(site.workspace, admin.actor) as work:
        return f"/welcome/{invite(work, admin, email=email, role=Role.RESPONDER)}"


def joined(site, email="new@acme.test"):
    path, client = member(site, email), site.client("")
    done = client.post(path, data={"name": "New", "password": PASSWORD, "again": PASSWORD})
    assert done.status_code == 303
    return client


def test_nobody_is_led_to_the_sign_in_page_and_back(site):
    client = site.client("")
    away = client.get(site.url("/incidents?state=open"))
    assert (away.status_code, away.headers["location"]) == (303, "/sign-in?next=%2Fw%2Facme%2Fincidents%3Fstate%3Dopen")
    joined(site)
    form = {"email": "new@acme.test", "password": PASSWORD, "next": "/w/acme/incidents?state=open"}
    assert client.post("/sign-in", data=form).headers["location"] == "/w/acme/incidents?state=open"
    assert client.get("/").headers["location"] == "/w/acme"


def test_a_wrong_password_and_an_unknown_address_look_the_same(site):
    joined(site)
    answers = [
        site.client("").post("/sign-in", data={"email": email, "password": "not the password"})
        for email in ("new@acme.test", "nobody@acme.test")
    ]
    pages = [re.sub(r'value="[^"]*@acme.test"', "", answer.text) for answer in answers]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert pages[0] == pages[1]


def test_too_many_attempts_have_to_wait_and_are_told_how_long(site):
    client = site.client("")
    for _ in range(30):
        answer = client.post("/sign-in", data={"email": "new@acme.test", "password": "wrong wrong wrong"})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert "Too many attempts" in answer.text


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}])
def test_no_other_site_signs_anybody_in(site, headers):
    joined(site)
    form = {"email": "new@acme.test", "password": PASSWORD}
    assert site.client("").post("/sign-in", data=form, headers=headers).status_code == 403


def test_signing_out_ends_the_session(site):
    client = site.client("viewer")
    cookie = site.people["viewer"].session.cookie
    assert client.post("/sign-out", data={"csrf": site.csrf("viewer")}).status_code == 303
    client.cookies.set(cookie_name(site.context), cookie)
    assert client.get("/").headers["location"].startswith("/sign-in")


def test_signing_out_needs_the_token_of_the_page(site):
    assert site.client("viewer").post("/sign-out", data={"csrf": "forged"}).status_code == 403


def test_an_invitation_works_once(site):
    path = member(site)
    form = {"name": "New", "password": PASSWORD, "again": PASSWORD}
    assert "Join Acme" in site.client("").get(path).text
    assert site.client("").post(path, data=form).status_code == 303
    assert site.client("").post(path, data=form).status_code == 404
    assert site.client("").get(path).status_code == 404


def test_what_was_typed_wrong_is_told_and_the_link_stays_good(site):
    path = member(site)
    for password, again, told in ((PASSWORD, "another", "differ"), ("short", "short", "characters")):
        answer = site.client("").post(path, data={"name": "New", "password": password, "again": again})
        assert answer.status_code == 422
        assert told in answer.text
        assert PASSWORD not in answer.text
    assert site.client("").get(path).status_code == 200


def test_nobody_becomes_first_administrator_when_there_are_people(site):
    joined(site)
    with site.desk.database.begin() as connection:
        assert create_first_administrator_link(connection, site.clock(), audit=site.desk.audit) is None


def test_the_session_cookie_is_out_of_reach_of_scripts(site):
    joined(site)
    answer = site.client("").post("/sign-in", data={"email": "new@acme.test", "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and "path=/" in cookie


def test_the_theme_is_remembered(site):
    client = site.client("viewer")
    answer = client.post("/preferences/theme", data={"theme": "dark", "next": "/w/acme"})
    assert answer.headers["location"] == "/w/acme"
    assert 'data-theme="dark"' in client.get("/w/acme/nowhere").text


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "", "x", "/a\nb"]
)
def test_signing_in_never_leads_to_another_site(target):
    assert safe_next(target) == "/"


def test_errors_are_pages_with_the_request_and_what_to_do(site):
    answer = site.client("viewer").get("/w/other")
    assert answer.status_code == 404
    assert answer.headers["x-request-id"] in answer.text
    assert "script" not in answer.headers["content-security-policy"].replace("script-src 'self'", "")
