from __future__ import annotations

import re
from html import unescape

import pytest

EVERYBODY = ("/settings", "/settings/people", "/settings/teams", "/settings/tokens")
MANAGED = (
    "/settings/channels", "/settings/channels/new/slack", "/settings/channels/new/mail", "/settings/channels/new/webhook",
    "/settings/channels/new/pagerduty",
)  # fmt: skip
PASSWORD = "a horse, a battery, a staple"


@pytest.mark.parametrize("path", EVERYBODY)
@pytest.mark.parametrize("role", ["viewer", "administrator"])
def test_members_see_the_settings(site, role, path):
    answer = site.client(role).get(site.url(path))
    assert answer.status_code == 200, answer.text[-1500:]


@pytest.mark.parametrize("path", MANAGED)
def test_channels_are_for_administrators(site, path):
    assert site.client("administrator").get(site.url(path)).status_code == 200
    assert site.client("approver").get(site.url(path)).status_code == 403


def test_settings_are_saved(site):
    form = {"name": "Acme Corp", "keep_values": "true", "requests_days": "7", "checks_kept": "", "gone_days": "90"}
    assert site.post("administrator", "/settings", form).status_code == 303
    page = site.client().get(site.url("/settings")).text
    assert "Acme Corp" in page and 'value="7"' in page


def test_a_wrong_number_of_days_changes_nothing(site):
    answer = site.post("administrator", "/settings", {"name": "Other", "requests_days": "-3"}, follow=True)
    assert "whole numbers" in answer.text
    assert "Acme" in site.client().get(site.url("/settings")).text


def test_an_invitation_is_shown_once(site):
    answer = site.post("administrator", "/settings/people", {"email": "new@acme.test", "role": "viewer"})
    link = re.search(r"http://testserver/welcome/[\w-]{43}", answer.text)
    assert link is not None
    again = site.client().get(site.url("/settings/people")).text
    assert "new@acme.test" in again and link[0] not in again
    assert site.client("").get(link[0]).status_code == 200


def test_roles_are_given_and_the_last_administrator_stays(site):
    viewer, admin = site.people["viewer"].id, site.people["administrator"].id
    assert site.post("administrator", f"/settings/people/{viewer}/role", {"role": "approver"}).status_code == 303
    assert "Amir" in site.client().get(site.url("/settings/people")).text
    told = site.post("administrator", f"/settings/people/{admin}/role", {"role": "viewer"}, follow=True)
    assert "last administrator" in told.text


def test_a_removed_member_is_out_at_once(site):
    viewer = site.people["viewer"].id
    site.post("administrator", f"/settings/people/{viewer}/remove")
    assert site.client("viewer").get(site.url("/settings")).status_code == 404


def test_a_team_has_members_and_goes(site):
    site.post("administrator", "/settings/teams", {"name": "Payments"})
    page = site.client().get(site.url("/settings/teams")).text
    team = re.search(r"/settings/teams/(tea_\w+)", page)[1]
    site.post("administrator", f"/settings/teams/{team}", {"name": "Pay", "members": [site.people["viewer"].id]})
    page = site.client().get(site.url("/settings/teams")).text
    assert "Pay" in page and page.count(" checked") == 1
    site.post("administrator", f"/settings/teams/{team}/remove")
    assert "No team yet" in site.client().get(site.url("/settings/teams")).text


def test_a_token_is_shown_once_works_and_is_revoked(site):
    answer = site.post("responder", "/settings/tokens", {"name": "ci", "scopes": ["read"], "days": "90"})
    value = re.search(r"stn_[0-9A-Za-z]{49}", answer.text)[0]
    assert value not in site.client("responder").get(site.url("/settings/tokens")).text
    asks = lambda: site.client("").get("/api/v1/incidents", headers={"Authorization": f"Bearer {value}"}).status_code  # noqa: E731
    assert asks() == 200
    token = re.search(r"/settings/tokens/(tok_\w+)/revoke", site.client("responder").get(site.url("/settings/tokens")).text)[1]
    site.post("responder", f"/settings/tokens/{token}/revoke")
    assert asks() == 401


def test_a_token_may_not_more_than_its_owner(site):
    answer = site.post("viewer", "/settings/tokens", {"name": "ci", "scopes": ["read", "manage"], "days": "90"}, follow=True)
    assert "stn_" not in answer.text.replace("stn_…", "")


def test_a_webhook_channel_shows_its_secret_once(site):
    form = {
        "name": "Hook",
        "url": "https://hooks.example.com/x",
        "severity": "high",
        "quiet_from": "22:00",
        "quiet_to": "07:00",
        "quiet_zone": "Europe/Berlin",
    }
    answer = site.post("administrator", "/settings/channels/new/webhook", form)
    assert answer.status_code == 200, unescape(answer.text)[-800:]
    secret = re.search(r"whsec_[A-Za-z0-9+/=]{20,}", unescape(answer.text))[0]
    channel = re.search(r"/settings/channels/(chn_\w+|cha_\w+)", answer.text)[1]
    page = unescape(site.client().get(site.url(f"/settings/channels/{channel}")).text)
    assert secret not in page and "22:00" in page and "Europe/Berlin" in page
    assert "hooks.example.com" in site.client().get(site.url("/settings/channels")).text
    changed = site.post("administrator", f"/settings/channels/{channel}", {"name": "Hook 2", "severity": "info"})
    assert changed.status_code == 303
    assert "Hook 2" in site.client().get(site.url("/settings/channels")).text
    site.post("administrator", f"/settings/channels/{channel}/remove")
    assert "No channel yet" in site.client().get(site.url("/settings/channels")).text


def test_a_channel_that_makes_no_sense_is_told_why(site):
    answer = site.post("administrator", "/settings/channels/new/slack", {"name": "S", "url": "https://evil.example/"})
    assert answer.status_code == 422 and "Slack" in answer.text
    assert "evil.example" not in answer.text, "what was typed may be a secret"


@pytest.mark.parametrize(
    "path", ["/settings", "/settings/people", "/settings/teams", "/settings/tokens", "/settings/channels/new/slack"]
)
def test_forms_need_the_token_of_the_page(site, path):
    assert site.client("administrator").post(site.url(path), data={"csrf": "forged", "name": "x"}).status_code == 403


def post(site, role, path, data=None):
    return site.client(role, follow=True).post(path, data={"csrf": site.csrf(role), **(data or {})})


def test_ones_own_account(site):
    assert site.client("viewer").get("/account").status_code == 200
    assert "Vera 2" in post(site, "viewer", "/account/profile", {"name": "Vera 2"}).text


def test_the_authenticator_asks_for_the_password_first(site):
    answer = post(site, "viewer", "/account/authenticator")
    assert "<svg" not in answer.text.split("qr")[-1] or "otpauth" not in answer.text


def test_a_wrong_password_confirms_nothing(site):
    assert "not right" in post(site, "viewer", "/account/confirm", {"password": "wrong wrong wrong"}).text


def test_the_installation_is_for_operators(site):
    assert site.client("administrator").get("/installation").status_code == 403
    page = site.client("operator").get("/installation")
    assert page.status_code == 200 and "Acme" in page.text


def test_an_operator_makes_workspaces_and_password_links(site):
    made = post(site, "operator", "/installation/workspaces", {"name": "Payments", "slug": "payments"})
    assert made.status_code == 200
    answer = post(site, "operator", f"/installation/users/{site.people['viewer'].id}/password-link")
    assert re.search(r"/welcome/[\w-]{43}", answer.text)


def test_an_operator_disables_a_user_and_their_sessions_end(site):
    post(site, "operator", f"/installation/users/{site.people['viewer'].id}/disable")
    assert site.client("viewer").get(site.url("/settings")).headers["location"].startswith("/sign-in")


def test_no_page_of_settings_holds_a_hash_or_sealed_bytes(site):
    for path in (*EVERYBODY, *MANAGED):
        text = site.client("administrator").get(site.url(path)).text
        assert "argon2" not in text and "sealed=" not in text
