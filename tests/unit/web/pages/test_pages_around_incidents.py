from __future__ import annotations

import pytest
from tests.support.recorded import sighting
from tests.support.site import seed

PAGES = ("/sources", "/runs", "/detectors", "/detectors/github-personal-access-token", "/requests")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("role", ["viewer", "responder", "approver", "administrator"])
def test_every_member_sees(site, role, path):
    seed(site, 5)
    answer = site.client(role).get(site.url(path))
    assert answer.status_code == 200, answer.text[-2000:]
    assert "<h1>" in answer.text


def source_of(site):
    site.add(sighting("one"))
    with site.desk.look() as connection:
        from stanch.db import workspaces as rows

        return rows.list_sources(connection, site.workspace)[0]["id"]


def test_a_source_shows_its_scans_and_its_form_to_administrators_alone(site):
    path = site.url(f"/sources/{source_of(site)}")
    pages = {role: site.client(role).get(path).text for role in ("viewer", "administrator")}
    assert all("Complete" in page for page in pages.values())
    assert ("Save" in pages["viewer"], "Save" in pages["administrator"]) == (False, True)


def test_exposure_of_a_source_moves_its_incidents(site):
    source = source_of(site)
    before = site.row("one").score
    answer = site.post("administrator", f"/sources/{source}", {"exposure": "public", "environment": "production", "name": "shop"})
    assert answer.status_code == 303
    assert site.row("one").score > before
    assert site.row("one").exposure == "public"


@pytest.mark.parametrize("path", ["", "/scan", "/remove"])
def test_forms_of_a_source_need_the_token_of_the_page(site, path):
    url = site.url(f"/sources/{source_of(site)}{path}")
    assert site.client("administrator").post(url, data={"csrf": "forged"}).status_code == 403


@pytest.mark.parametrize("role", ["viewer", "responder", "approver"])
def test_only_administrators_change_sources(site, role):
    source = source_of(site)
    for path in (f"/sources/{source}", f"/sources/{source}/remove", "/sources"):
        assert site.post(role, path, {"target": "https://git.example/x.git"}).status_code == 403


def test_a_removed_source_is_gone_and_so_are_its_places(site):
    source = source_of(site)
    assert site.post("administrator", f"/sources/{source}/remove").status_code == 303
    assert site.client().get(site.url(f"/sources/{source}")).status_code == 404
    assert site.row("one").gone == site.row("one").occurrences


def test_a_source_is_added_with_what_is_known_about_it(site):
    form = {"target": "https://ada:pw@git.example/acme/pay.git", "name": "pay", "exposure": "internal"}
    answer = site.post("administrator", "/sources", form)
    page = site.client().get(answer.headers["location"]).text
    assert "git.example/acme/pay.git" in page
    assert "ada:pw" not in page


def test_the_trail_is_for_administrators(site):
    codes = {role: site.client(role).get(site.url("/audit")).status_code for role in ("viewer", "approver", "administrator")}
    assert codes == {"viewer": 403, "approver": 403, "administrator": 200}


def test_the_trail_is_verified_on_demand(site):
    source_of(site)
    answer = site.post("administrator", "/audit/verify", follow=True)
    assert "intact" in answer.text


def test_a_request_of_the_api_opens_by_the_address_its_error_names(site):
    client = site.client("viewer", follow=True)
    error = client.get("/api/v1/incidents/999").json()
    page = client.get(error["request_log_url"])
    assert page.status_code == 200
    assert error["request_id"] in page.text and "not_found" in page.text


def test_nobody_else_sees_a_request(site):
    error = site.client("administrator").get("/api/v1/incidents/999").json()
    assert site.client("viewer", follow=True).get(error["request_log_url"]).status_code == 404


def test_a_run_of_the_workspace_shows_its_steps(site):
    number = site.add(sighting("one"))
    run = site.engine.start("check_incident", {"incident": site.row(number).id}, workspace=site.workspace, title="Check #1")
    site.engine.wait_for(run)
    page = site.client("viewer").get(site.url(f"/runs/{run}"))
    assert "Ask the issuer" in page.text and "Succeeded" in page.text
    assert "Run again" not in page.text, "a viewer starts nothing"
    assert site.client("viewer").get(site.url("/runs")).text.count("Check #1") == 1


def test_a_run_of_another_workspace_is_none(site):
    run = site.engine.start("check_incident", {"incident": "x"}, workspace="wsp_other")
    assert site.client("administrator").get(site.url(f"/runs/{run}")).status_code == 404


def test_a_finished_run_can_be_done_again_and_a_finished_one_not_cancelled(site):
    number = site.add(sighting("one"))
    run = site.engine.start("check_incident", {"incident": site.row(number).id}, workspace=site.workspace, title="Check #1")
    site.engine.wait_for(run)
    assert site.post("responder", f"/runs/{run}/cancel").status_code == 409
    again = site.post("responder", f"/runs/{run}/retry", {"from_start": "true"})
    assert again.status_code == 303 and run not in again.headers["location"]


def test_types_are_found_by_words_of_name_and_provider(site):
    page = site.client("viewer").get(site.url("/detectors?q=github+personal")).text
    assert "github-personal-access-token" in page
    assert "stripe" not in page.lower()


def test_an_unknown_type_is_told_so(site):
    assert site.client("viewer").get(site.url("/detectors/imported-x-y")).status_code == 404
