from __future__ import annotations

import ssl
from urllib.parse import urlsplit

import httpx2
import pytest

from stanch.core.people import Role
from stanch.people.oidc import Oidc, OidcSettings
from stanch.server.auth import cookie_name
from stanch.simulators.oidc import Provider
from stanch.simulators.server import Simulator

BACK = "http://testserver/sign-in/oidc/back"


@pytest.fixture
def provider():
    return Provider(client_id="stanch", client_secret="", redirects=[BACK])


@pytest.fixture
def elsewhere(site, provider):
    """A browser's way to the provider."""
    with Simulator({"oidc": provider}, clock=site.clock) as simulator:
        context = ssl.create_default_context(cafile=str(simulator.ca_file))
        with httpx2.Client(verify=context, timeout=10) as client:
            settings = OidcSettings(
                issuer=simulator.address("oidc"), client_id="stanch", redirect_uri=BACK, name="Acme ID", create_users=True,
                default_workspace=site.slug, default_role=Role.VIEWER,
            )  # fmt: skip
            site.context.extras.update(oidc=Oidc(site.desk, settings, client), oidc_name="Acme ID")
            yield client


def there_and_back(browser, elsewhere, path="/sign-in/oidc"):
    gone = browser.get(path)
    assert gone.status_code == 303
    sent = elsewhere.get(gone.headers["location"]).headers["location"]
    return browser.get(sent.removeprefix("http://testserver"))


def test_the_button_leads_there_and_back_to_the_page_that_was_wanted(site, elsewhere):
    browser = site.client("")
    assert "Continue with Acme ID" in browser.get("/sign-in?next=/w/acme/incidents").text
    done = there_and_back(browser, elsewhere, "/sign-in/oidc?next=/w/acme/incidents")
    assert (done.status_code, urlsplit(done.headers["location"]).path) == (303, "/w/acme/incidents")
    assert browser.cookies.get(cookie_name(site.context))
    assert browser.cookies.get("stanch_elsewhere", path="/sign-in/oidc") is None
    assert browser.get("/w/acme/incidents").status_code == 200


def test_the_cookie_of_the_way_is_for_this_way_only(site, elsewhere):
    cookie = site.client("").get("/sign-in/oidc").headers["set-cookie"].lower()
    assert all(part in cookie for part in ("httponly", "samesite=lax", "path=/sign-in/oidc", "max-age=600"))


@pytest.mark.parametrize("next_", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_nobody_is_led_to_another_site(site, elsewhere, next_):
    done = there_and_back(site.client(""), elsewhere, f"/sign-in/oidc?next={next_}")
    assert done.headers["location"].startswith("/") and "evil" not in done.headers["location"]


def test_who_is_rejected_sees_why_and_gets_no_session(site, elsewhere, provider):
    provider.mistakes.add("error")
    browser = site.client("")
    done = there_and_back(browser, elsewhere)
    assert done.status_code == 401
    assert "not finished at the identity provider" in done.text and "<b>no</b>" not in done.text
    assert not browser.cookies.get(cookie_name(site.context))


def test_an_answer_that_nobody_asked_for_is_refused(site, elsewhere):
    assert site.client("").get("/sign-in/oidc/back?code=x&state=y").status_code == 401


def test_a_provider_that_is_down_is_said_on_the_form(site, elsewhere, provider):
    provider.mistakes.add("discovery_issuer")
    done = site.client("").get("/sign-in/oidc")
    assert done.status_code == 503
    assert "did not work" in done.text


def test_without_a_provider_there_is_no_such_page(site):
    assert site.client("").get("/sign-in/oidc").status_code == 404
    assert site.client("").get("/sign-in/oidc/back").status_code == 404
